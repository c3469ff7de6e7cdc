//! Part 5: statistics in memory that the master and its workers share.
//!
//! What is counted must survive who counted it. So the numbers live in one mapping that the master makes
//! before it forks; every worker inherits it:
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
//! A worker can be killed at any instruction, and the rest must go on counting and reading. Two rules follow:
//!
//! - Counting takes no lock. Each worker adds to its own [`Slot`] (slot.rs), readers sum ([`Snapshot`],
//!   snapshot.rs). A dead worker leaves at most one response half counted, and nobody waits for it.
//! - The one thing that needs a lock, "since the last scrape" (scrape.rs), takes a [`SharedSemaphore`]
//!   (semaphore.rs): it knows its owner, so that the master can take it back from a dead one.
//!
//! And one thing is no number: who accepts for a slot whose worker cannot ([`Cover`], cover.rs).
//!
//! Everything is put together in [`SharedStats`] (shared.rs). Beneath lie the mapping (mapping.rs), the
//! system call that lets processes sleep on a word of it (futex.rs), and the histogram (histogram.rs).

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
// The same, for trying what happens when a worker dies in the middle.
#[cfg(all(not(test), feature = "crash-points"))]
pub(crate) use crash_points::sync;

// In the models, what the machine provides is played by loom: see model_side.rs. The compiler calls it by these names.
#[cfg(test)]
extern crate lanes as in_models;
#[cfg(test)]
pub(crate) use std_in_models::{futex, mapping, sync};
