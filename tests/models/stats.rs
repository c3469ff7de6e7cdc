//! Loom models of the `stats` part. Each doc comment names the mistakes that the model was seen to catch.
//!
//! A thread stands for a process, `main` for the master. A histogram has two buckets here and there are two counters
//! for status codes; the code that uses them is the real one. model_side.rs explains how processes die.
//!
//! The semaphore alone is in stats/semaphore.rs, the statistics themselves in stats/counting.rs, and the cover in
//! stats/cover.rs.

use std::time::Duration;

use lanes::Run;
use lanes::thread::{JoinHandle, spawn_named};

use crate::std_in_models::Sigkill;

#[path = "stats/counting.rs"]
mod counting;
#[path = "stats/cover.rs"]
mod cover;
#[path = "stats/semaphore.rs"]
mod semaphore;

const MASTER: u32 = 1;
const VICTIM: u32 = 2;
const LEFT: u32 = 3;
const RIGHT: u32 = 4;

const MILLISECOND: Duration = Duration::from_millis(1);

/// A process that the signal may kill at any step. Then it returns `None`.
fn mortal<R: Send + 'static>(
    run: &Run,
    sigkill: &Sigkill,
    work: impl FnOnce() -> R + Send + 'static,
) -> JoinHandle<Option<R>> {
    let (run, sigkill) = (*run, sigkill.clone());
    spawn_named("victim", move || {
        let result = sigkill.victim(work);
        if result.is_none() {
            run.note("killed");
        }
        result
    })
}

/// Checks, by compiling, that the atomics of model_side.rs have the methods of std's.
#[allow(dead_code, clippy::all)]
mod as_in_std {
    use crate::sync;
    include!("../lanes/tests/std/atomics.rs");
}
