//! What a worker counts for every response it has sent: its status, its bytes, its duration.

use std::array;
use std::time::Duration;

use crate::histogram::Histogram;
use crate::snapshot::{Counters, STATUS_CODES, STATUSES};
use crate::sync::atomic::AtomicU64;
use crate::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// A response that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response {
    /// Its status code (RFC 9110, section 15).
    pub status: u16,
    /// How much of it was sent, head and content, in bytes.
    pub bytes: u64,
    /// From the complete request to the last byte of the response.
    pub duration: Duration,
}

/// The responses of one slot. Any thread records, any thread reads, none waits for another one, which may be dead.
///
/// **Promise.** A reader that sees a response in its status counter also sees the response's bytes and
/// duration. So bytes and durations may be ahead of the number of responses (by those that are being recorded
/// at this moment), never behind. The number of responses is not stored but derived from the counters by
/// status, so the two cannot disagree.
///
/// **Orderings.** A writer adds the details first and the status last, with `Release`; a reader reads the
/// status counters first, with `Acquire`, and then the details. A status counter only ever changes by
/// `fetch_add`, which continues the release sequence of the additions before it: so a reader of the value 3
/// sees the details of all three, whichever threads wrote them. Everything else is `Relaxed`.
///
/// **What loom checks:** the promise, and that no response is lost, with two status counters. **What it
/// cannot:** the longer tables.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Responses {
    by_status: [AtomicU64; STATUSES],
    bytes: AtomicU64,
    durations: Histogram,
}

impl Responses {
    pub(crate) fn new() -> Responses {
        Responses {
            by_status: array::from_fn(|_| AtomicU64::new(0)),
            bytes: AtomicU64::new(0),
            durations: Histogram::new(),
        }
    }

    pub(crate) fn record(&self, response: &Response) {
        let status = STATUS_CODES.binary_search(&response.status).unwrap_or(STATUS_CODES.len());
        self.bytes.fetch_add(response.bytes, Relaxed);
        self.durations.record(response.duration);
        self.by_status[status].fetch_add(1, Release);
    }

    /// Reads everything into the counters of a snapshot.
    pub(crate) fn read_into(&self, counters: &mut Counters) {
        counters.by_status = self.read_statuses();
        counters.bytes_sent = self.bytes.load(Relaxed);
        counters.durations = self.durations.snapshot();
    }

    /// Only the number of responses and the sum of their durations.
    pub(crate) fn served(&self) -> Served {
        let requests = self.read_statuses().iter().sum();
        Served { requests, nanoseconds: self.durations.sum_nanoseconds() }
    }

    /// Must be called before any detail is read.
    fn read_statuses(&self) -> [u64; STATUSES] {
        array::from_fn(|status| self.by_status[status].load(Acquire))
    }
}

/// A number of requests that were answered, and the time that they took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Served {
    pub(crate) requests: u64,
    pub(crate) nanoseconds: u64,
}
