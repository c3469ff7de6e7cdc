//! `tests/load/soak`: minutes of everything at once, and then a check of all counts.

use clap::Parser;
use e2e::{Program, Signal};
use load::memory;
use load::soak::{Plan, Tally, at_rest, disagreement, site, soak};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Workers killed in all. No more, because no worker here serves for a minute, and without that the master's pause
/// before the next worker of a slot doubles with each death.
const DEATHS: u32 = 10;

/// Wears herd down for some minutes: clients of every kind, files that change, workers that are killed or replaced.
#[derive(Parser)]
struct Flags {
    /// How long, in minutes.
    #[arg(long, default_value_t = 5)]
    minutes: u64,
    /// Clients at the same time.
    #[arg(long, default_value_t = 16)]
    clients: u64,
    /// Where chance begins.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    // The environment variable names the program, so this path is not used.
    let site = site();
    let server = Program { name: "herd", path: "herd" }.serve(&site, &[]);
    let first = at_rest(&server);
    let calm = Plan { clients: flags.clients, actions: 100, deaths: 0, rolls: 0, seed: flags.seed };
    let (start, mut all, mut rounds, mut killed) = (Instant::now(), Tally::default(), 0, 0);
    let (length, mut last_death) = (Duration::from_secs(60 * flags.minutes), start);
    while start.elapsed() < length {
        rounds += 1;
        let deaths = u64::from(last_death.elapsed() >= length / DEATHS);
        if deaths > 0 {
            last_death = Instant::now();
        }
        killed += deaths;
        let plan = Plan { deaths, rolls: 1, seed: flags.seed + rounds, ..calm };
        all.add(soak(&server, &site, plan));
        eprint!("\r{} s, {rounds} rounds, {} responses   ", start.elapsed().as_secs(), all.responses());
    }
    eprintln!();
    // Warms up, and then does the same again: memory that still grows would grow forever.
    all.add(soak(&server, &site, calm));
    let warm = memory(server.workers());
    for seed in 1..=3 {
        all.add(soak(&server, &site, Plan { seed, ..calm }));
    }
    let grown = memory(server.workers());
    let last = at_rest(&server);
    let mut complaints = all.failures.clone();
    complaints.extend(disagreement(&server, &all));
    if first != last {
        complaints.push(format!("at first it was {first:?}, and now it is {last:?}"));
    }
    if grown > warm + warm / 10 + 1024 {
        complaints.push(format!("memory has grown from {warm} to {grown} KiB"));
    }
    server.signal(Signal::SIGTERM);
    if server.exit_code() != Some(0) || !server.workers().is_empty() {
        complaints.push("the herd does not stop as it should".to_owned());
    }
    println!("rounds {rounds}, workers killed {killed}, responses {:?}", all.answered);
    println!(
        "given up {}, lost with a worker {} (of {} connections), asked again {}",
        all.given_up, all.lost_with_a_worker, all.victims, all.asked_again
    );
    println!("memory of all workers: {warm} KiB warm, {grown} KiB after three more rounds; {last:?}");
    for complaint in complaints.iter().take(20) {
        println!("wrong: {complaint}");
    }
    println!("{} complaints", complaints.len());
    if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
