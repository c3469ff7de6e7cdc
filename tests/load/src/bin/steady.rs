//! `tests/load/steady`: how long the slowest answers take while requests come at a steady rate.
//!
//! First every server gets requests as fast as it answers. Then all get them, in turn, round after round, at half and
//! at nine tenths of the rate that the best of the other servers reached. Each request's time begins when it was due.

use anyhow::{Context, Result};
use clap::Parser;
use load::machine::Machine;
use load::peers::Peer;
use load::steady::{Steady, Tail};
use load::{spread, stolen};
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// Measures how long the slowest answers take while requests come at a steady rate.
#[derive(Parser)]
struct Flags {
    /// Seconds of each run.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// How often each server is measured at each rate.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Another herd to measure in turn with this one.
    #[arg(long, value_name = "PROGRAM")]
    against: Option<PathBuf>,
    /// Writes the table to this file.
    #[arg(long)]
    table: Option<PathBuf>,
}

const SERVERS: [&str; 4] = ["herd", "nginx", "lighttpd", "h2o"];
const SIZES: [usize; 3] = [1, 16, 100];
const CONNECTIONS: usize = 64;
const SHARES: [f64; 2] = [0.5, 0.9];

fn main() -> Result<()> {
    let flags = Flags::parse();
    let programs = std::env::current_exe()?.parent().context("this program is in no folder")?.to_owned();
    let folder = tempfile::tempdir()?;
    let root = folder.path().join("www");
    fs::create_dir(&root)?;
    for size in SIZES {
        fs::write(root.join(format!("{size}.bin")), vec![b'x'; size << 10])?;
    }
    let peers = Peer::start_all(SERVERS, flags.against.as_deref(), &programs, &root, folder.path())?;
    let before = stolen();
    let mut table = String::from(
        "| file, rate | server | answers/s | p50 ms | p99 ms | p99.9 ms |\n|---|---|---:|---:|---:|---:|\n",
    );
    let run = |peer: &Peer, size: usize, rate: f64| {
        let (path, time) = (format!("/{size}.bin"), Duration::from_secs(flags.seconds));
        let steady = Steady { port: peer.port, path, connections: CONNECTIONS, rate, time };
        steady.run().with_context(|| format!("{} at {rate:.0}/s", peer.name))
    };
    for size in SIZES {
        let peaks = in_turn(flags.rounds, &peers, |peer| run(peer, size, f64::INFINITY))?;
        let best = peers.iter().zip(&peaks).filter(|(peer, _)| !["herd", "other"].contains(&peer.name));
        let best = best.map(|(_, found)| middle(found, |tail| tail.rate)).fold(0.0, f64::max);
        row(&mut table, &format!("{size} KiB, as fast as it answers"), &peers, &peaks)?;
        for share in SHARES {
            let found = in_turn(flags.rounds, &peers, |peer| run(peer, size, best * share))?;
            row(
                &mut table,
                &format!("{size} KiB, {:.0}/s ({share} of the best other)", best * share),
                &peers,
                &found,
            )?;
        }
    }
    let [stolen, all] = [0, 1].map(|at| (stolen()[at] - before[at]) as f64);
    let command =
        std::env::args().skip(1).fold("tests/load/steady".to_owned(), |text, word| text + " " + &word);
    write!(
        table,
        "\nMedians of {} rounds of {} s, all servers in turn, {CONNECTIONS} kept connections; {:.1} % of the machine's \
         time went to others. Written by `{command}`: {}.\n",
        flags.rounds,
        flags.seconds,
        100.0 * stolen / all.max(1.0),
        Machine::here(&[("nginx", "-v"), ("lighttpd", "-v"), ("h2o", "--version")])
    )?;
    print!("{table}");
    if let Some(file) = flags.table {
        fs::write(file, table)?;
    }
    Ok(())
}

/// Each peer's runs, all peers in turn.
fn in_turn(rounds: usize, peers: &[Peer], run: impl Fn(&Peer) -> Result<Tail>) -> Result<Vec<Vec<Tail>>> {
    let mut all: Vec<Vec<Tail>> = peers.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (peer, found) in peers.iter().zip(&mut all) {
            found.push(run(peer)?);
        }
    }
    Ok(all)
}

fn middle(found: &[Tail], what: impl Fn(&Tail) -> f64) -> f64 {
    spread(found.iter().map(what).collect())[1]
}

fn row(table: &mut String, what: &str, peers: &[Peer], found: &[Vec<Tail>]) -> Result<()> {
    for (peer, found) in peers.iter().zip(found) {
        let within = |share: f64| middle(found, |tail| tail.times.value_at_quantile(share) as f64 / 1000.0);
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(within);
        let rate = middle(found, |tail| tail.rate);
        writeln!(table, "| {what} | {} | {rate:.0} | {p50:.2} | {p99:.2} | {p999:.2} |", peer.name)?;
    }
    Ok(())
}
