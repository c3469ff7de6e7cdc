//! `tests/load/bench`: `herd` beside the servers that are installed, and beside [the limit](../limit/index.html).
//!
//! Every cell of one matrix is measured in interleaved rounds: all servers in turn, then all again. It ends with a
//! table, which `--json` writes to a file for the book.

use anyhow::{Context, Result, ensure};
use clap::Parser;
use load::machine::Machine;
use load::peers::{NAMES, Peer};
use load::wrk::{Cell, Found, run};
use load::{spread, stolen};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// Measures herd beside nginx, lighttpd, h2o and Apache, as far as they are installed, with wrk.
#[derive(Parser)]
struct Flags {
    /// Seconds of each run.
    #[arg(long, default_value_t = 3)]
    seconds: u32,
    /// How often each server is measured in each cell.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Only these servers.
    #[arg(long, value_delimiter = ',', default_values = NAMES)]
    servers: Vec<String>,
    /// Only cells whose name holds this, such as "64 keep-alive" or "1 KiB".
    #[arg(long, default_value = "")]
    cells: String,
    /// Another herd to measure in turn with this one: what is a change worth?
    #[arg(long, value_name = "PROGRAM")]
    against: Option<PathBuf>,
    /// Writes all figures to this file.
    #[arg(long)]
    json: Option<PathBuf>,
}

const KIB: usize = 1 << 10;

const CELLS: [(usize, u32, bool); 10] = [
    (KIB, 16, true),
    (KIB, 64, true),
    (KIB, 256, true),
    (16 * KIB, 64, true),
    (100 * KIB, 64, true),
    (KIB * KIB * 10, 16, true),
    (KIB, 16, false),
    (KIB, 64, false),
    (KIB, 256, false),
    (100 * KIB, 64, false),
];

/// The servers that herd is compared with.
const RIVALS: [&str; 3] = ["nginx", "lighttpd", "h2o"];

/// The flag that prints the version of each server, and of wrk.
const VERSIONS: [(&str, &str); 5] =
    [("nginx", "-v"), ("lighttpd", "-v"), ("h2o", "--version"), ("apache2", "-v"), ("wrk", "-v")];

/// One cell, one server.
#[derive(Serialize)]
struct Row {
    cell: String,
    server: &'static str,
    rounds: Vec<Found>,
}

#[derive(Serialize)]
struct Report {
    command: String,
    machine: Machine,
    seconds: u32,
    /// The spread of a row's rounds, as a share of their median; the median of all rows.
    noise: f64,
    /// The share of the machine's time that other machines on the same host have taken.
    stolen: f64,
    rows: Vec<Row>,
}

fn main() -> Result<()> {
    let flags = Flags::parse();
    let programs = std::env::current_exe()?.parent().context("this program is in no folder")?.to_owned();
    ensure!(programs.join("herd").exists(), "herd is not built; tests/load/bench builds it");
    let folder = tempfile::tempdir()?;
    let root = folder.path().join("www");
    fs::create_dir(&root)?;
    let cells: Vec<Cell> = CELLS
        .iter()
        .map(|&(bytes, connections, keep_alive)| Cell { bytes, connections, keep_alive })
        .filter(|cell| cell.name().contains(&flags.cells))
        .collect();
    for cell in &cells {
        fs::write(root.join(cell.file()), vec![b'x'; cell.bytes])?;
    }
    let wanted = NAMES.into_iter().filter(|name| flags.servers.iter().any(|wanted| wanted == name));
    let peers = Peer::start_all(wanted, flags.against.as_deref(), &programs, &root, folder.path())?;
    let before = stolen();
    let mut rows = Vec::new();
    for &cell in &cells {
        let mut found: BTreeMap<&str, Vec<Found>> = BTreeMap::new();
        // The limit's canned answer has only one length.
        let able = |peer: &&Peer| peer.name != "limit" || cell.bytes == KIB;
        for round in 0..flags.rounds {
            eprint!("\r{}: round {} of {}   ", cell.name(), round + 1, flags.rounds);
            for peer in peers.iter().filter(able) {
                let one = run(cell, peer.port, peer.group(), flags.seconds).context(peer.name)?;
                found.entry(peer.name).or_default().push(one);
            }
        }
        let named = |peer: &Peer| Row {
            cell: cell.name(),
            server: peer.name,
            rounds: found.remove(peer.name).unwrap_or_default(),
        };
        rows.extend(peers.iter().filter(able).map(named));
    }
    eprintln!();
    let [stolen, all] = [0, 1].map(|at| (stolen_since(before, at)) as f64);
    let noise = spread(
        rows.iter()
            .map(|row| {
                let [low, middle, high] = row.of(|found| found.rate);
                (high - low) / middle
            })
            .collect(),
    )[1];
    let report = Report {
        command: std::env::args().skip(1).fold("tests/load/bench".into(), |text, word| text + " " + &word),
        machine: Machine::here(&VERSIONS),
        seconds: flags.seconds,
        noise,
        stolen: stolen / all.max(1.0),
        rows,
    };
    print!("{}", table(&report, &cells));
    if let Some(path) = flags.json {
        fs::write(path, serde_json::to_string_pretty(&report)? + "\n")?;
    }
    Ok(())
}

fn stolen_since(before: [u64; 2], at: usize) -> u64 {
    stolen()[at] - before[at]
}

impl Row {
    fn of(&self, what: impl Fn(&Found) -> f64) -> [f64; 3] {
        spread(self.rounds.iter().map(what).collect())
    }

    fn rate(&self) -> f64 {
        self.of(|found| found.rate)[1]
    }
}

fn table(report: &Report, cells: &[Cell]) -> String {
    let mut text = format!(
        "{:24} {:9} {:>10} {:>17} {:>8} {:>8} {:>8} {:>7} {:>9} {:>7}\n",
        "", "", "requests/s", "of all rounds", "p50 ms", "p99 ms", "CPU us", "errors", "to rival", "to limit"
    );
    for cell in cells {
        let rows: Vec<&Row> = report.rows.iter().filter(|row| row.cell == cell.name()).collect();
        let rival = rows.iter().filter(|row| RIVALS.contains(&row.server)).map(|row| row.rate());
        let rival = rival.fold(0.0, f64::max);
        let limit = rows.iter().find(|row| row.server == "limit").map_or(0.0, |row| row.rate());
        let ratio = |to: f64, rate: f64| if to > 0.0 { format!("{:.2}", rate / to) } else { "-".to_owned() };
        for row in rows {
            let [low, rate, high] = row.of(|found| found.rate);
            let middle = |what: fn(&Found) -> f64| row.of(what)[1];
            text += &format!(
                "{:24} {:9} {rate:>10.0} {:>17} {:>8.2} {:>8.2} {:>8.1} {:>7} {:>9} {:>7}\n",
                cell.name(),
                row.server,
                format!("{low:.0}-{high:.0}"),
                middle(|found| found.p50),
                middle(|found| found.p99),
                middle(|found| found.cpu),
                row.rounds.iter().map(|found| found.errors).sum::<u64>(),
                ratio(rival, rate),
                ratio(limit, rate),
            );
        }
        text += "\n";
    }
    text + &format!(
        "medians of rounds of {} s, all servers in turn; rounds differ by {:.0} % of their median; {:.1} % of the \
         machine's time went to others\n\"rival\" is the best of {}\n",
        report.seconds,
        report.noise * 100.0,
        report.stolen * 100.0,
        RIVALS.join(", ")
    )
}
