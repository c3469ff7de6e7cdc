//! A rolling restart under load.

use super::{Act, stats};
use crate::show::Kind::{Numbers, Words};
use crate::show::{Show, Shown, Table};
use anyhow::{Context, Result, ensure};
use e2e::{Pid, Signal, Site, eventually};
use load::clients::{Load, Pace};

pub const ACT: Act = Act {
    title: "A rolling restart",
    announcement: "A herd of two workers serves 16 clients. SIGHUP has every worker replaced, twice.",
    question: "How many requests are lost? Which process keeps its number?",
    play,
};

fn play(show: &Show) -> Result<Shown> {
    let site = Site::new().file("page.html", vec![b'x'; 1024]);
    let herd = show.herd(&site, &[]);
    let mut table = Table::new(
        show,
        &[("", 12, Words), ("workers", 22, Words), ("answers so far", 14, Numbers), ("lost", 5, Numbers)],
    );
    let clients = Load {
        server: herd.address(),
        path: "/page.html",
        clients: 16,
        keep_alive: true,
        pace: Pace::Open(1000.0),
    }
    .begin();
    let row = |what: &str, workers: &[Pid]| {
        let pids: Vec<String> = workers.iter().map(Pid::to_string).collect();
        vec![what.to_owned(), pids.join(", "), clients.answers().to_string(), clients.lost().to_string()]
    };
    let served = || {
        let enough = clients.answers() + 100;
        let began = clients.elapsed();
        eventually("requests are served", || {
            clients.answers() >= enough && clients.elapsed() >= began + show.time / 4
        });
    };
    served();
    let mut workers = herd.workers();
    table.row(row("before", &workers));
    for roll in ["first roll", "second roll"] {
        herd.signal(Signal::SIGHUP);
        eventually("every worker is replaced", || {
            let now = herd.workers();
            now.len() == workers.len() && now.iter().all(|pid| !workers.contains(pid))
        });
        workers = herd.workers();
        served();
        table.row(row(roll, &workers));
    }
    let counted = stats(&herd).context("a herd that answers")?;
    ensure!(counted.restarts == 0, "a replaced worker was counted as a death");
    let found = clients.finish();
    ensure!(found.lost == 0, "{} requests were lost", found.lost);
    ensure!(found.with(200) == found.answers(), "not all answers are 200: {:?}", found.answered);
    Ok(table.finding(format!(
        "{} answers, none lost; the master is still {}. {} requests came on a connection that its worker was just \
         closing, and were asked again on a new one, as a client may (RFC 9112, section 9.3.1).",
        found.answers(),
        herd.pid(),
        found.asked_again
    )))
}
