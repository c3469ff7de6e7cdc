//! Stage 6: a herd of processes. One may die, all may be replaced, and clients notice as little as possible.

mod covering;
mod deaths;
mod load;
mod logs;
mod monitoring;
mod price;
mod privileges;
mod refusals;
mod reload;
mod roots;
mod service;
mod shortage;
mod signals;
mod spread;
mod stop;
mod system;

use crate::PROGRAM;
use e2e::{Client, Json, Pid, Server, Site};

fn herd(site: &Site, workers: &str) -> Server {
    PROGRAM.serve(site, &["--num-workers", workers, "--threads-per-worker", "2"])
}

/// The answer of any worker to /stats, on a connection of its own.
#[track_caller]
fn stats(server: &Server) -> Json {
    server.get("/stats").expect(200).json()
}

/// A number of each worker, in order of their slots.
#[track_caller]
fn of_each(stats: &Json, name: &str) -> Vec<u64> {
    let workers = stats["workers"].as_array().expect("/stats should have a list of workers");
    let numbers = workers.iter().map(|worker| worker[name].as_u64());
    numbers
        .collect::<Option<_>>()
        .unwrap_or_else(|| panic!("each worker should have a number {name}: {stats}"))
}

/// The worker that a client is connected to. The client must have been answered, so that a worker has accepted it.
#[track_caller]
fn worker_of(server: &Server, client: &Client, workers: &[Pid]) -> Pid {
    e2e::owner(server.address(), client.local_address(), workers)
        .expect("a worker should hold this connection")
}
