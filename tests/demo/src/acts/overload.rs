//! More than can be served.

use super::Act;
use crate::show::Kind::{Numbers, Words};
use crate::show::{Show, Shown, Table};
use anyhow::{Result, ensure};
use e2e::{Site, eventually, pattern};
use load::clients::{Load, Pace};
use std::thread;
use std::time::{Duration, Instant};

pub const ACT: Act = Act {
    title: "Overload",
    announcement: "A herd with one thread and a queue of 4 gets 64 clients, who ask for 256 KiB again and again.",
    question: "What becomes of the requests that find the queue full? Does monitoring still answer?",
    play,
};

/// Enough that it is no accident.
const REFUSALS: u64 = 100;
const LOOK_EVERY: Duration = Duration::from_millis(100);

fn play(show: &Show) -> Result<Shown> {
    let site = Site::new().file("large.bin", pattern(256 << 10));
    let flags =
        ["--num-workers", "1", "--threads-per-worker", "1", "--queue-size", "4", "--hand-off", "always"];
    let herd = show.herd(&site, &flags);
    let mut table = Table::new(
        show,
        &[("answer", 24, Words), ("how many", 10, Numbers), ("p50 ms", 8, Numbers), ("p99 ms", 8, Numbers)],
    );
    let clients = Load {
        server: herd.address(),
        path: "/large.bin",
        clients: 64,
        keep_alive: true,
        pace: Pace::Closed,
    }
    .begin();
    let refused = || herd.get("/stats").expect(200).json()["total"]["rejections"].as_u64().unwrap_or(0);
    let mut asked = 0;
    let mut slowest = Duration::ZERO;
    let mut look = || {
        thread::sleep(LOOK_EVERY);
        let began = Instant::now();
        herd.get("/health").expect(200);
        slowest = slowest.max(began.elapsed());
        asked += 1;
        let refused = refused();
        table.now(&["so far".to_owned(), clients.answers().to_string(), format!("{refused} refused")]);
        refused
    };
    while clients.elapsed() < show.time {
        look();
    }
    eventually("some requests find the queue full", || look() >= REFUSALS);
    let found = clients.finish();
    for (status, what) in [(200, "200, the file"), (503, "503, try again later")] {
        let time = |share| format!("{:.1}", found.within(status, share));
        table.row(vec![what.to_owned(), found.with(status).to_string(), time(0.5), time(0.99)]);
    }
    table.row(vec!["none".to_owned(), found.lost.to_string()]);
    table.row(vec!["/health: 200".to_owned(), asked.to_string()]);
    ensure!(found.lost == 0, "{} requests were not answered at all", found.lost);
    ensure!(
        found.with(200) + found.with(503) == found.answers(),
        "other answers than 200 and 503: {:?}",
        found.answered
    );
    ensure!(found.with(200) > 0, "nobody was served");
    eventually("the herd counts as many refusals as its clients", || refused() == found.with(503));
    Ok(table.finding(format!(
        "{} requests: each was answered, with the file or with a 503 that says when to come again. The herd counted the \
         same {} refusals. /health answered {asked} times, within {:.1} ms: it waits in no queue.",
        found.answers(),
        found.with(503),
        slowest.as_secs_f64() * 1000.0
    )))
}
