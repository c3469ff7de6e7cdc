//! `tests/load/stages`: all six stages under the same load, in turn.
//!
//! Each stage starts with its default flags (stage 6 with two workers) and gets the same clients. The numbers of its
//! processes and threads and its memory are read while the clients run.

use anyhow::{Context, Result, ensure};
use clap::Parser;
use load::machine::Machine;
use load::peers::Peer;
use load::wrk::{Cell, Found, run};
use load::{memory, spread};
use nix::unistd::Pid;
use serde::Serialize;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

/// Measures all six stages under the same load.
#[derive(Parser)]
struct Flags {
    /// Seconds of each run of wrk.
    #[arg(long, default_value_t = 3)]
    seconds: u32,
    /// How often each stage is measured.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Writes all figures to this file.
    #[arg(long)]
    json: Option<PathBuf>,
}

const PROGRAMS: [&str; 6] = ["stage1", "stage2", "stage3", "stage4", "stage5", "herd"];

/// How often the processes are checked during a run.
const LOOK_EVERY: Duration = Duration::from_millis(50);

const CELLS: [Cell; 3] = [
    Cell { bytes: 1024, connections: 64, keep_alive: false },
    Cell { bytes: 1024, connections: 64, keep_alive: true },
    Cell { bytes: 100 * 1024, connections: 64, keep_alive: true },
];

/// One stage under one load.
#[derive(Serialize)]
struct Row {
    cell: String,
    stage: usize,
    rounds: Vec<Found>,
    /// Under load.
    processes: usize,
    threads: usize,
    /// The largest private memory, in KiB.
    memory: u64,
}

#[derive(Serialize)]
struct Report {
    command: String,
    machine: Machine,
    seconds: u32,
    rows: Vec<Row>,
}

fn main() -> Result<()> {
    let flags = Flags::parse();
    let programs = std::env::current_exe()?.parent().context("a folder of programs")?.to_owned();
    let folder = tempfile::tempdir()?;
    let root = folder.path().join("www");
    fs::create_dir(&root)?;
    for cell in &CELLS {
        fs::write(root.join(cell.file()), vec![b'x'; cell.bytes])?;
    }
    let mut rows = Vec::new();
    for cell in CELLS {
        // Fresh servers for each load, so that the previous load has no effect.
        let stages = PROGRAMS
            .iter()
            .map(|&name| Peer::herd(name, &programs.join(name), &root, folder.path(), "2"))
            .collect::<Result<Vec<_>>>()?;
        let mut found: Vec<Row> = (1..=stages.len())
            .map(|stage| Row {
                cell: cell.name(),
                stage,
                rounds: Vec::new(),
                processes: 0,
                threads: 0,
                memory: 0,
            })
            .collect();
        for _ in 0..flags.rounds {
            for (stage, row) in stages.iter().zip(&mut found) {
                let group = stage.group();
                let load = thread::spawn({
                    let (port, seconds) = (stage.port, flags.seconds);
                    move || run(cell, port, group, seconds)
                });
                while !load.is_finished() {
                    let (processes, threads) = count(group)?;
                    row.processes = row.processes.max(processes);
                    row.threads = row.threads.max(threads);
                    row.memory = row.memory.max(memory(e2e::group(group)));
                    thread::sleep(LOOK_EVERY);
                }
                row.rounds.push(load.join().expect("the thread that runs wrk does not panic")?);
            }
        }
        rows.extend(found);
    }
    let report = Report {
        command: std::env::args().skip(1).fold("tests/load/stages".into(), |text, word| text + " " + &word),
        machine: Machine::here(&[("wrk", "-v")]),
        seconds: flags.seconds,
        rows,
    };
    println!(
        "{:24} {:6} {:>10} {:>8} {:>8} {:>8} {:>7} {:>9} {:>8} {:>11}",
        "", "", "requests/s", "p50 ms", "p99 ms", "CPU us", "errors", "processes", "threads", "memory KiB"
    );
    for row in &report.rows {
        let middle = |what: fn(&Found) -> f64| spread(row.rounds.iter().map(what).collect())[1];
        println!(
            "{:24} {:6} {:>10.0} {:>8.2} {:>8.2} {:>8.1} {:>7} {:>9} {:>8} {:>11}",
            row.cell,
            row.stage,
            middle(|found| found.rate),
            middle(|found| found.p50),
            middle(|found| found.p99),
            middle(|found| found.cpu),
            row.rounds.iter().map(|found| found.errors).sum::<u64>(),
            row.processes,
            row.threads,
            row.memory,
        );
    }
    if let Some(path) = flags.json {
        fs::write(path, serde_json::to_string_pretty(&report)? + "\n")?;
    }
    Ok(())
}

/// The processes of a group, and their threads.
fn count(group: Pid) -> Result<(usize, usize)> {
    let processes = e2e::group(group);
    ensure!(!processes.is_empty(), "the server is gone");
    let threads = |process: &Pid| fs::read_dir(format!("/proc/{process}/task")).map_or(0, Iterator::count);
    Ok((processes.len(), processes.iter().map(threads).sum()))
}
