//! All statistics together, in one shared mapping:
//!
//! ```text
//!   0        128       128 + s           128 + 2s                           s = size of a slot
//!   | scrapes | slot 0  | slot 1          | ...          | slot 63 |         (a multiple of 128 bytes)
//! ```
//!
//! There is room for [`MAX_SLOTS`] slots. Those that are not used are never touched, so they cost no memory.

use std::io;

use crate::cover;
use crate::mapping::Mapping;
use crate::responses::Served;
use crate::scrape::{Interval, Scrapes};
use crate::semaphore::SharedSemaphore;
use crate::slot::Slot;
use crate::snapshot::Snapshot;

/// The largest number of slots, and so of workers.
#[cfg(not(test))]
pub const MAX_SLOTS: usize = 64;
/// One slot is enough for a model.
#[cfg(test)]
pub const MAX_SLOTS: usize = 1;

/// Statistics that a master and its forked workers share.
///
/// **Promise.** What [`Slot`], [`Snapshot`] and [`Interval`] promise, between processes; and that no process that dies,
/// wherever it was, makes another wait forever. Dropping it unmaps the statistics from this process only.
///
/// **Who calls what.** The master makes it before the first fork and keeps it; a worker uses what it inherited. A
/// worker counts in its own slot; any process takes snapshots and scrapes. When a worker is dead, the master, after it
/// has reaped it and before it forks again, calls [`settle`](Self::settle) here and [`Slot::settle`] on its slot.
#[derive(Debug)]
pub struct SharedStats {
    board: Mapping<Board>,
    slots: usize,
}

impl SharedStats {
    /// Maps the statistics for `slots` slots, all numbers zero.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if `slots` is not in 1 to [`MAX_SLOTS`]; otherwise those of mmap(2).
    pub fn new(slots: usize) -> io::Result<SharedStats> {
        if !(1..=MAX_SLOTS).contains(&slots) {
            let problem = format!("there can be 1 to {MAX_SLOTS} workers, not {slots}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
        Ok(SharedStats { board: Mapping::new()?, slots })
    }

    /// The number of slots.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// The slot with this index, from 0.
    ///
    /// # Panics
    ///
    /// If there is no such slot.
    pub fn slot(&self, index: usize) -> &Slot {
        &self.used()[index]
    }

    /// All numbers, now. Never waits.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(self.used().iter().map(Slot::snapshot).collect())
    }

    /// What happened since the last scrape by any process. `caller` is the caller's own process id.
    ///
    /// `None` if that is not available: another scraper holds the semaphore and makes no progress, because its process
    /// is stopped, or dead and not yet settled. This waits at most 10 milliseconds to find out.
    ///
    /// # Panics
    ///
    /// If `caller` is not a process id.
    pub fn scrape(&self, caller: u32) -> Option<Interval> {
        self.board.scrapes.next(caller, || {
            self.used().iter().map(Slot::served).fold(Served::default(), |sum, slot| Served {
                requests: sum.requests + slot.requests,
                nanoseconds: sum.nanoseconds + slot.nanoseconds,
            })
        })
    }

    /// From which slots' sockets the worker of slot `own` must accept, one answer for each slot; `full` if it is
    /// overloaded. A worker with room accepts from its own socket, and from those of all slots that need cover. When no
    /// worker has room, each accepts from its own. Must be called again whenever a [`Cover`](crate::Cover) has changed.
    pub fn watches(&self, own: usize, full: bool) -> Vec<bool> {
        let reasons: Vec<_> = self.used().iter().map(|slot| slot.cover().reasons()).collect();
        cover::watches(own, full, &reasons)
    }

    /// Takes the semaphore back from a dead process. The master calls this for every child it has reaped, before it
    /// forks again.
    ///
    /// # Panics
    ///
    /// If `dead_pid` is not a process id.
    pub fn settle(&self, dead_pid: u32) {
        self.board.scrapes.semaphore.settle(dead_pid);
    }

    /// The semaphore that [`scrape`](Self::scrape) takes; for tests of what happens when its holder dies.
    pub fn semaphore(&self) -> &SharedSemaphore {
        &self.board.scrapes.semaphore
    }

    fn used(&self) -> &[Slot] {
        &self.board.slots[..self.slots]
    }
}

/// The contents of the mapping.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Board {
    scrapes: Scrapes,
    slots: [Slot; MAX_SLOTS],
}

// SAFETY: a `Board` is made of atomic integers and arrays of them, for which all-zero bytes are the value 0;
// it is not zero-sized, its alignment is 128, and nothing in it has a `Drop`.
#[cfg(not(test))]
#[allow(unsafe_code)]
unsafe impl crate::mapping::Zeroed for Board {}

#[cfg(test)]
impl Default for Board {
    fn default() -> Board {
        Board { scrapes: Scrapes::default(), slots: std::array::from_fn(|_| Slot::new()) }
    }
}
