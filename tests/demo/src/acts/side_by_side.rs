//! All six stages under one load.

use super::Act;
use crate::show::Kind::{Numbers, Words};
use crate::show::{STAGES, Show, Shown, Table};
use anyhow::{Result, ensure};
use e2e::{Pid, Site};
use load::clients::{Load, Pace};
use load::memory;
use std::thread;
use std::time::Duration;

pub const ACT: Act = Act {
    title: "Six servers, one load",
    announcement: "Each stage in turn serves 32 clients, who open a connection for each request.",
    question: "How many times as many requests per second as stage 1 will stage 6 answer?",
    play,
};

const CLIENTS: usize = 32;
const LOOK_EVERY: Duration = Duration::from_millis(100);

fn play(show: &Show) -> Result<Shown> {
    let site = Site::new().file("page.html", vec![b'x'; 1024]);
    let mut table = Table::new(
        show,
        &[
            ("stage", 24, Words),
            ("requests/s", 10, Numbers),
            ("p99 ms", 8, Numbers),
            ("processes", 9, Numbers),
            ("threads", 7, Numbers),
            ("memory KiB", 10, Numbers),
        ],
    );
    let mut rates = Vec::new();
    for (number, (_, adds)) in (1..).zip(STAGES) {
        let name = format!("{number} {adds}");
        let server = show.stage(number, &site, &[]).start();
        let clients = Load {
            server: server.address(),
            path: "/page.html",
            clients: CLIENTS,
            keep_alive: false,
            pace: Pace::Closed,
        }
        .begin();
        let (mut threads, mut private) = (0, 0);
        while clients.elapsed() < show.time || clients.answers() < 100 {
            ensure!(clients.lost() == 0, "stage {number} lost a request");
            thread::sleep(LOOK_EVERY);
            let processes = server.processes();
            threads = threads.max(processes.iter().copied().map(e2e::threads).sum::<usize>());
            private = private.max(memory(processes.iter().copied()));
            let rate = clients.answers() as f64 / clients.elapsed().as_secs_f64();
            let [rate, processes] = [format!("{rate:.0}"), processes.len().to_string()];
            let so_far =
                [name.clone(), rate, "".to_owned(), processes, threads.to_string(), private.to_string()];
            table.now(&so_far);
        }
        let processes: Vec<Pid> = server.processes();
        let found = clients.finish();
        ensure!(found.lost == 0, "stage {number} lost {} requests", found.lost);
        ensure!(
            found.with(200) == found.answers(),
            "not all answers of stage {number} are 200: {:?}",
            found.answered
        );
        ensure!(
            processes.len() == if number == 6 { 3 } else { 1 },
            "stage {number} has {} processes",
            processes.len()
        );
        ensure!(number != 1 || threads == 1, "stage 1 has {threads} threads");
        rates.push(found.rate());
        table.row(vec![
            name,
            format!("{:.0}", found.rate()),
            format!("{:.1}", found.within(200, 0.99)),
            processes.len().to_string(),
            threads.to_string(),
            private.to_string(),
        ]);
    }
    Ok(table.finding(format!(
        "All answered everything. Stage 6 answered {:.1} times as many requests per second as stage 1: what the later \
         stages are for is not this number, as the next acts show.",
        rates[5] / rates[0]
    )))
}
