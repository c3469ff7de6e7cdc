//! The seven acts, in a file each.

mod deaths;
mod overload;
mod paths;
mod roll;
mod semaphore;
mod side_by_side;
mod slow_client;

use crate::show::{Show, Shown};
use anyhow::Result;
use e2e::Server;

/// An act: what is said before the curtain, and the play.
pub struct Act {
    /// Its title.
    pub title: &'static str,
    /// What is going to happen, in a sentence.
    pub announcement: &'static str,
    /// What the audience should predict before it begins.
    pub question: &'static str,
    /// Plays it, and checks that what it promised was seen.
    pub play: fn(&Show) -> Result<Shown>,
}

/// All acts, in order.
pub const ACTS: [Act; 7] =
    [side_by_side::ACT, slow_client::ACT, overload::ACT, deaths::ACT, paths::ACT, roll::ACT, semaphore::ACT];

/// What an act wants to know of a herd's `/stats`.
struct Stats {
    requests: u64,
    restarts: u64,
    /// The process id of each slot's worker.
    workers: Vec<u64>,
}

/// `None` if the worker that was to answer died.
fn stats(herd: &Server) -> Option<Stats> {
    let response = herd.client().try_ask("GET", "/stats", &["Connection: close"]).ok()?;
    let page = response.expect(200).json();
    Some(Stats {
        requests: page["total"]["requests"].as_u64()?,
        restarts: page["total"]["restarts"].as_u64()?,
        workers: page["workers"].as_array()?.iter().filter_map(|worker| worker["pid"].as_u64()).collect(),
    })
}
