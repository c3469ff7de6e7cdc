//! Part 5: statistics in memory that the master and its workers share.
//!
//! Counts must survive the worker that made them. So the numbers are in one mapping that the master makes before it
//! forks; every worker inherits it:
//!
//! ```text
//!   master ----fork----> worker 0        worker 1        worker 2
//!     |                     |               |               |
//!   settles the dead      counts          counts          counts, and answers /metrics
//!     |                     |               |               |
//!   ==v=====================v===============v===============v============= one MAP_SHARED mapping
//!   | semaphore, last scrape | slot 0 | slot 1 | slot 2 |               |
//!   =======================================================================
//! ```
//!
//! A worker can be killed at any instruction, and the others must be able to continue counting and reading. Two rules
//! follow:
//!
//! - Counting takes no lock. Each worker adds to its own [`Slot`] (slot.rs), readers sum ([`Snapshot`], snapshot.rs). A
//!   dead worker leaves at most one response per thread half counted, and no process waits for it.
//! - The one thing that needs a lock, "since the last scrape" (scrape.rs), takes a [`SharedSemaphore`] (semaphore.rs):
//!   it knows its owner, so that the master can take it back from a dead owner.
//!
//! And one thing is not a number: why other workers must accept for a slot ([`Cover`], cover.rs).
//!
//! Everything is put together in [`SharedStats`] (shared.rs). It is built on the mapping (mapping.rs), the system call
//! that lets processes sleep on a word of it (futex.rs), and the histogram (histogram.rs).

// Before the other modules, so that none of their macros (`macro_use`) can replace one in here.
#[cfg(test)]
#[path = "../../../tests/models/stats.rs"]
mod models;
#[cfg(test)]
#[path = "model_side.rs"]
mod std_in_models;

mod cover;
mod histogram;
mod responses;
mod scrape;
mod seat;
mod semaphore;
mod shared;
mod slot;
mod snapshot;

pub use cover::{Cover, Why};
pub use histogram::{BOUNDS, BUCKETS, Histogram, HistogramSnapshot};
pub use responses::Response;
pub use scrape::Interval;
pub use seat::Seat;
pub use semaphore::{Acquired, SemaphoreGuard, SharedSemaphore};
pub use shared::{MAX_SLOTS, SharedStats};
pub use slot::Slot;
pub use snapshot::{
    Counters, Gauges, SEATS, STATUS_CODES, STATUSES, SeatSnapshot, SlotSnapshot, Snapshot, Total,
};

#[cfg(not(test))]
mod futex;
#[cfg(not(test))]
mod mapping;
#[cfg(not(any(test, feature = "crash-points")))]
pub(crate) use std::sync;
// The same, for the tests that kill a worker between two operations.
#[cfg(all(not(test), feature = "crash-points"))]
pub(crate) use crash_points::sync;

// In the models, loom takes the place of what the machine provides: see model_side.rs. Compiler errors show these
// names.
#[cfg(test)]
extern crate lanes as in_models;
#[cfg(test)]
pub(crate) use std_in_models::{futex, mapping, sync};
