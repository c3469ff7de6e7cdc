//! kill -9 on stage, three times in a row.

use super::{Act, stats};
use crate::show::Kind::{Numbers, Words};
use crate::show::{Show, Shown, Table};
use anyhow::{Context, Result, ensure};
use e2e::{Signal, Site, eventually, kill};
use load::clients::{Load, Pace};
use std::time::Instant;

pub const ACT: Act = Act {
    title: "kill -9, three times",
    announcement: "A herd of two workers serves 16 clients. A worker is killed, and then another one, and another one.",
    question: "How many requests does a death cost? What does the counter of all requests do?",
    play,
};

const DEATHS: u64 = 3;
const CLIENTS: usize = 16;

fn play(show: &Show) -> Result<Shown> {
    let site = Site::new().file("page.html", vec![b'x'; 1024]);
    let herd = show.herd(&site, &[]);
    let mut table = Table::new(
        show,
        &[
            ("death", 6, Words),
            ("killed", 8, Numbers),
            ("successor", 10, Numbers),
            ("after ms", 9, Numbers),
            ("requests counted", 17, Numbers),
        ],
    );
    let clients = Load {
        server: herd.address(),
        path: "/page.html",
        clients: CLIENTS,
        keep_alive: true,
        pace: Pace::Open(1000.0),
    }
    .begin();
    let mut total = 0;
    for death in 1..=DEATHS {
        // Between two deaths, requests are served: as many as come in the time of the show.
        let enough = clients.answers() + 100;
        let began = clients.elapsed();
        eventually("requests are served", || {
            clients.answers() >= enough && clients.elapsed() >= began + show.time / 4
        });
        let before = stats(&herd).context("a herd that answers")?;
        let counted = before.requests;
        ensure!(counted >= total, "the counter went back from {total} to {counted}");
        total = counted;
        // The one that has served the most has the most to lose.
        let victim = herd.workers().into_iter().max_by_key(|&pid| e2e::accepted(herd.address(), pid).len());
        let victim = victim.context("a worker")?;
        let killed = Instant::now();
        kill(victim, Signal::SIGKILL)?;
        let mut successor = None;
        eventually("a successor serves", || {
            let Some(now) = stats(&herd) else { return false };
            // Whatever the dead one had counted is still counted.
            total = if now.requests >= total { now.requests } else { u64::MAX };
            successor = now.workers.into_iter().find(|pid| !before.workers.contains(pid));
            successor.is_some() && now.restarts == death
        });
        ensure!(total != u64::MAX, "the counter of requests went back when worker {victim} died");
        table.row(vec![
            death.to_string(),
            victim.to_string(),
            successor.unwrap_or_default().to_string(),
            format!("{:.0}", killed.elapsed().as_secs_f64() * 1000.0),
            total.to_string(),
        ]);
    }
    let enough = clients.answers() + 100;
    eventually("requests are served", || clients.answers() >= enough);
    let found = clients.finish();
    let cut = found.lost + found.asked_again;
    let most = DEATHS * CLIENTS as u64;
    ensure!(
        cut <= most,
        "{cut} requests were cut off, and only {most} can have been with a worker that died"
    );
    ensure!(found.with(200) == found.answers(), "not all answers are 200: {:?}", found.answered);
    Ok(table.finding(format!(
        "Three deaths, {} answers, and the counter never went back. {cut} connections were cut: those that the dead had \
         accepted. {} of their requests were asked again by the client, {} were lost in the middle of an answer.",
        found.answers(),
        found.asked_again,
        found.lost
    )))
}
