//! "Since the last scrape": what happened between two readings, whoever reads.
//!
//! The counters say what happened since the start. Somebody who looks now and then wants to know what
//! happened since he looked before. The answer needs a memory, shared because each reading may be answered by
//! another worker:
//!
//! ```text
//!   counters   ----+--------------------------+------------------+-----> requests, time
//!                  last                       now
//!                  `-- the interval returned -'
//!                                             last (for the next scrape)
//! ```
//!
//! Reading "now" and replacing "last" must be one step, or two readers get the same response or leave one
//! out. And "last" is two numbers, so a reader that is killed may leave one new and one old. Hence the
//! semaphore around both, and a repair when its owner has died.

use std::time::Duration;

use crate::responses::Served;
use crate::semaphore::{Acquired, SharedSemaphore};
use crate::sync::atomic::AtomicU64;
use crate::sync::atomic::Ordering::Relaxed;

/// How long a scrape waits for another one. The section takes microseconds; it is over by then unless its
/// process was stopped or the machine is far too busy. Scrapes are answered by the thread that accepts, which
/// must not hang.
const PATIENCE: Duration = Duration::from_millis(10);

/// What happened between two scrapes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Interval {
    /// Requests answered.
    pub requests: u64,
    /// The time these took, added up. A response that is being recorded during a scrape may have its time in
    /// this interval and itself in the next.
    pub duration: Duration,
    /// The scraper before died halfway, and what happened since the scrape before that is not known. The
    /// figures are zero: the next interval starts here.
    pub recovered: bool,
}

impl Interval {
    /// The average time for one request in milliseconds, 0 if there was none.
    pub fn average_milliseconds(&self) -> f64 {
        match self.requests {
            0 => 0.0,
            requests => self.duration.as_secs_f64() * 1e3 / requests as f64,
        }
    }
}

/// The totals at the last scrape, and the semaphore that guards them.
///
/// **Promise.** Each response falls into exactly one interval, however many processes scrape at once. A
/// scraper that dies takes at most its own interval with it; no interval is ever made from half of "last".
///
/// **States.** `last` is a pair of earlier totals, or half of one (its scraper died; the semaphore tells the
/// next).
///
/// **Who calls what.** Anyone in any worker scrapes. The semaphore is settled by the master.
///
/// **Orderings.** The semaphore orders everything between its holders, also their views of the counters:
/// totals that a later holder reads are never smaller. So the pair itself is `Relaxed`; it is atomic because
/// processes share it.
///
/// **What loom checks:** all of the promise, with a scraper that may be killed after each step. **What it
/// cannot:** the 10 milliseconds.
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub(crate) struct Scrapes {
    pub(crate) semaphore: SharedSemaphore,
    last_requests: AtomicU64,
    last_nanoseconds: AtomicU64,
}

impl Scrapes {
    /// The interval since the last scrape, or nothing if another scraper has held the semaphore for too long.
    /// `read_totals` is called inside the semaphore, once.
    pub(crate) fn next(&self, caller: u32, read_totals: impl FnOnce() -> Served) -> Option<Interval> {
        // ANCHOR: next
        let Acquired { guard, owner_died } = self.semaphore.acquire_within(caller, PATIENCE)?;
        let now = read_totals();
        let last = Served {
            requests: self.last_requests.swap(now.requests, Relaxed),
            nanoseconds: self.last_nanoseconds.swap(now.nanoseconds, Relaxed),
        };
        drop(guard);
        if owner_died {
            // `last` may be half of one pair and half of another. It is replaced now, and that is the
            // whole repair.
            return Some(Interval { recovered: true, ..Interval::default() });
        }
        Some(Interval {
            requests: now.requests - last.requests,
            duration: Duration::from_nanos(now.nanoseconds - last.nanoseconds),
            recovered: false,
        })
        // ANCHOR_END: next
    }
}
