//! `tests/load/scale`: what ten thousand idle clients cost, and what a second worker brings.
//!
//! Two herds run side by side, one with the idle clients and one without, and are measured in turn; likewise one with a
//! worker and one with two. Both comparisons are ratios within one run.

use anyhow::{Context, Result, ensure};
use clap::Parser;
use load::machine::Machine;
use load::peers::Peer;
use load::wrk::{Cell, run};
use load::{memory, spread};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde::Serialize;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

/// Measures what idle clients cost, and what a second worker brings.
#[derive(Parser)]
struct Flags {
    /// Idle clients.
    #[arg(long, default_value_t = 10_000)]
    idle: u64,
    /// Seconds of each run of wrk.
    #[arg(long, default_value_t = 3)]
    seconds: u32,
    /// How often each is measured.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Writes all figures to this file.
    #[arg(long)]
    json: Option<PathBuf>,
}

const CELL: Cell = Cell { bytes: 1024, connections: 64, keep_alive: true };

#[derive(Serialize)]
struct Report {
    command: String,
    machine: Machine,
    idle: u64,
    /// KiB of private memory of all processes before and after the idle clients came. Each of them was served once.
    resident: [u64; 2],
    bytes_each: f64,
    /// KiB of the kernel's small objects, such as sockets, before and after (proc_meminfo(5), Slab). Both ends of each
    /// connection are on this machine.
    slab: [u64; 2],
    alone: Vec<f64>,
    beside_idle: Vec<f64>,
    one_worker: Vec<f64>,
    two_workers: Vec<f64>,
}

fn main() -> Result<()> {
    let flags = Flags::parse();
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    ensure!(most > flags.idle + 100, "{} clients need more descriptors than {most}", flags.idle);
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let programs = std::env::current_exe()?.parent().context("a folder of programs")?.to_owned();
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join(CELL.file()), vec![b'x'; CELL.bytes])?;

    let [quiet, crowded] = [start(&programs, folder.path(), "2")?, start(&programs, folder.path(), "2")?];
    // Warms the herd up, so that the idle clients are the only difference.
    rate(&crowded, 1)?;
    let before = (memory(e2e::group(crowded.group())), slab()?);
    let clients = (0..flags.idle).map(|_| idle_client(crowded.port)).collect::<Result<Vec<_>>>()?;
    let after = (memory(e2e::group(crowded.group())), slab()?);
    let [alone, beside_idle] = in_turn([&quiet, &crowded], &flags)?;
    drop((clients, quiet, crowded));
    let [one, two] = [start(&programs, folder.path(), "1")?, start(&programs, folder.path(), "2")?];
    let [one_worker, two_workers] = in_turn([&one, &two], &flags)?;

    let report = Report {
        command: std::env::args().skip(1).fold("tests/load/scale".into(), |text, word| text + " " + &word),
        machine: Machine::here(&[("wrk", "-v")]),
        idle: flags.idle,
        resident: [before.0, after.0],
        bytes_each: (after.0 as f64 - before.0 as f64) * 1024.0 / flags.idle as f64,
        slab: [before.1, after.1],
        alone,
        beside_idle,
        one_worker,
        two_workers,
    };
    println!(
        "{} idle clients: resident memory {} to {} KiB, {:.0} bytes each; slab {} to {} KiB",
        flags.idle, before.0, after.0, report.bytes_each, before.1, after.1
    );
    compare("without idle clients", &report.alone, "beside them", &report.beside_idle);
    compare("one worker", &report.one_worker, "two workers", &report.two_workers);
    if let Some(path) = flags.json {
        fs::write(path, serde_json::to_string_pretty(&report)? + "\n")?;
    }
    Ok(())
}

fn start(programs: &Path, root: &Path, workers: &str) -> Result<Peer> {
    Peer::herd("herd", &programs.join("herd"), root, root, workers)
}

/// Requests per second.
fn rate(herd: &Peer, seconds: u32) -> Result<f64> {
    let found = run(CELL, herd.port, herd.group(), seconds)?;
    ensure!(found.errors == 0, "{} errors", found.errors);
    Ok(found.rate)
}

fn in_turn(herds: [&Peer; 2], flags: &Flags) -> Result<[Vec<f64>; 2]> {
    let mut rates = [Vec::new(), Vec::new()];
    for _ in 0..flags.rounds {
        for (herd, rates) in herds.into_iter().zip(&mut rates) {
            rates.push(rate(herd, flags.seconds)?);
        }
    }
    Ok(rates)
}

/// KiB of small objects in the kernel.
fn slab() -> Result<u64> {
    let table = fs::read_to_string("/proc/meminfo")?;
    let line =
        table.lines().find_map(|line| line.strip_prefix("Slab:")).context("/proc/meminfo has no Slab")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// A client that was served and stays.
fn idle_client(port: u16) -> Result<TcpStream> {
    let mut client = TcpStream::connect(("127.0.0.1", port))?;
    write!(client, "GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", CELL.file())?;
    let mut response = [0; 4096];
    let mut received = 0;
    while received < CELL.bytes {
        let count = client.read(&mut response)?;
        ensure!(count > 0, "a client was sent away");
        received += count;
    }
    Ok(client)
}

fn compare(first: &str, first_rates: &[f64], second: &str, second_rates: &[f64]) {
    let [a, b] = [first_rates, second_rates].map(|rates| spread(rates.to_vec()));
    println!(
        "{first}: {:.0} requests/s ({:.0}-{:.0}); {second}: {:.0} ({:.0}-{:.0}); ratio {:.2}",
        a[1],
        a[0],
        a[2],
        b[1],
        b[0],
        b[2],
        b[1] / a[1]
    );
}
