//! "Since the last scrape": what happened between two readings by any process.
//!
//! The counters say what happened since the start. An observer who looks now and then wants to know what
//! happened since they last looked. That needs a memory, and a shared one, because each reading may be
//! answered by another worker:
//!
//! ```text
//!   counters   ----+--------------------------+------------------+-----> requests, time
//!                  last                       now
//!                  `-- the interval returned -'
//!                                             last (for the next scrape)
//! ```
//!
//! Reading "now" and replacing "last" must be one step, otherwise two readers count the same response twice
//! or miss one. And "last" is two numbers, so a reader that is killed may leave one new and one old. Hence
//! the semaphore around both, and a repair when its owner has died.

use std::time::Duration;

use crate::responses::Served;
use crate::semaphore::{Acquired, SharedSemaphore};
use crate::sync::atomic::AtomicU64;
use crate::sync::atomic::Ordering::Relaxed;

/// How long a scrape waits for another one. The critical section takes microseconds; it is over by then
/// unless its process was stopped or the machine is far too busy. Scrapes are answered by the thread that
/// accepts, which must not hang.
const PATIENCE: Duration = Duration::from_millis(10);

/// What happened between two scrapes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Interval {
    /// Requests answered.
    pub requests: u64,
    /// The sum of their durations. A response that is being recorded during a scrape may have its time in
    /// this interval and itself in the next.
    pub duration: Duration,
    /// The previous scraper died halfway, so what happened since the scrape before it is not known. The
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
/// scraper that dies loses at most its own interval; no interval is ever computed from half of "last".
///
/// **States.** `last` is a pair of earlier totals, or half of one (its scraper died; the semaphore tells the
/// next scraper).
///
/// **Who calls what.** Any thread of any worker scrapes. The semaphore is settled by the master.
///
/// **Why is this enough?** That is for you to say, once it works.
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
    /// The interval since the last scrape, or `None` if another scraper has held the semaphore for too long.
    /// `read_totals` is called inside the semaphore, once.
    pub(crate) fn next(&self, caller: u32, read_totals: impl FnOnce() -> Served) -> Option<Interval> {
        todo!(
            "Lab 5.5: read the totals and replace the last ones while you hold the semaphore; the difference is the interval"
        )
    }
}
