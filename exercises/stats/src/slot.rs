//! A worker's place in the shared statistics. It outlives the worker.
//!
//! ```text
//!   128 bytes  +------------------------------------------------------------------+
//!   boundary   | responses: by status | bytes | durations                         |  counters: kept when
//!              | queue waits | rejections | cache ... | connections ... | restarts |  the worker dies
//!              | cover: why other workers accept here                             |
//!              +------------------------------------------------------------------+
//!              | seat 0: pid, started, connections, queue, threads, cache         |  gauges: zero when
//!              | seat 1: the same, for a successor that starts before this ends   |  that worker dies
//!              +------------------------------------------------------------------+
//! ```

use std::time::Duration;

use crate::cover::Cover;
use crate::histogram::Histogram;
use crate::responses::{Response, Responses, Served};
use crate::seat::{Seat, SeatGauges};
use crate::snapshot::{Counters, SEATS, SlotSnapshot};
use crate::sync::atomic::AtomicU64;
use crate::sync::atomic::Ordering::Relaxed;

/// The statistics of one worker, and of its successors in the same place.
///
/// **Promise.** Nothing that was counted is lost, also when the worker is killed at any instruction; a
/// counter never goes back; a snapshot never contains a response without its bytes and its duration. No call
/// ever waits.
///
/// **States.** None: every field is an atomic number, and every value of it is valid. So a killed worker
/// needs no repair. At most the response that each of its threads was recording is half counted: its bytes
/// and duration may be in, its status not.
///
/// **Who calls what.** The threads of the worker count, and use their own seat; for a while two processes do,
/// the worker that drains and its successor, on two seats. The master counts restarts and the log lines that
/// it drops, and settles the seat of a worker that it has reaped. Any process takes snapshots.
///
/// **Why is this enough?** That is for you to say, once it works.
///
/// **What loom checks:** the promise, with short tables. **What it cannot:** the layout. A slot starts at a
/// multiple of 128 bytes, so no two workers write to the same cache line, nor to the pair of 64-byte lines
/// that x86 processors fetch together (Intel, "Optimization Reference Manual", spatial prefetcher).
#[derive(Debug)]
#[repr(C, align(128))]
pub struct Slot {
    responses: Responses,
    queue_waits: Histogram,
    rejections: AtomicU64,
    cache_hits: AtomicU64,
    cache_misses: AtomicU64,
    cache_evictions: AtomicU64,
    connections_accepted: AtomicU64,
    connections_shed: AtomicU64,
    monitoring_requests: AtomicU64,
    aborted: AtomicU64,
    restarts: AtomicU64,
    cover: Cover,
    log_lines_dropped: AtomicU64,
    seats: [SeatGauges; SEATS],
}

impl Slot {
    /// A slot in the memory of one process, for tests. Shared ones come from
    /// [`SharedStats`](crate::SharedStats).
    pub fn new() -> Slot {
        Slot {
            responses: Responses::new(),
            queue_waits: Histogram::new(),
            rejections: AtomicU64::new(0),
            cache_hits: AtomicU64::new(0),
            cache_misses: AtomicU64::new(0),
            cache_evictions: AtomicU64::new(0),
            connections_accepted: AtomicU64::new(0),
            connections_shed: AtomicU64::new(0),
            monitoring_requests: AtomicU64::new(0),
            aborted: AtomicU64::new(0),
            restarts: AtomicU64::new(0),
            cover: Cover::new(),
            log_lines_dropped: AtomicU64::new(0),
            seats: [SeatGauges::default(), SeatGauges::default()],
        }
    }

    /// A response was sent.
    pub fn record(&self, response: &Response) {
        self.responses.record(response);
    }

    /// A connection waited this long in the queue before a thread took it.
    pub fn record_queue_wait(&self, wait: Duration) {
        self.queue_waits.record(wait);
    }

    /// A request was answered 503: the queue was full, or it had waited too long.
    pub fn count_rejection(&self) {
        self.rejections.fetch_add(1, Relaxed);
    }

    /// A file was found in the cache.
    pub fn count_hit(&self) {
        self.cache_hits.fetch_add(1, Relaxed);
    }

    /// A file was looked for in the cache and was not there.
    pub fn count_miss(&self) {
        self.cache_misses.fetch_add(1, Relaxed);
    }

    /// `files` files were evicted from the cache.
    pub fn count_evictions(&self, files: u64) {
        self.cache_evictions.fetch_add(files, Relaxed);
    }

    /// A connection was accepted.
    pub fn count_accepted(&self) {
        self.connections_accepted.fetch_add(1, Relaxed);
    }

    /// An idle connection was closed to make room.
    pub fn count_shed(&self) {
        self.connections_shed.fetch_add(1, Relaxed);
    }

    /// A request for a monitoring path was answered.
    pub fn count_monitoring_request(&self) {
        self.monitoring_requests.fetch_add(1, Relaxed);
    }

    /// A response was begun and could not be finished: the client left, or took too long.
    pub fn count_aborted(&self) {
        self.aborted.fetch_add(1, Relaxed);
    }

    /// A worker was started here to replace one that died. The master counts this.
    pub fn count_restart(&self) {
        self.restarts.fetch_add(1, Relaxed);
    }

    /// Whether other workers accept for this slot, and why.
    pub fn cover(&self) -> &Cover {
        &self.cover
    }

    /// `lines` lines of a log were dropped, because they could not be written at once. Lines that the master
    /// drops are counted in the first slot.
    pub fn count_log_lines_dropped(&self, lines: u64) {
        self.log_lines_dropped.fetch_add(lines, Relaxed);
    }

    /// The gauges of the worker that has this seat, 0 or 1.
    ///
    /// # Panics
    ///
    /// If there is no such seat.
    pub fn seat(&self, seat: usize) -> Seat<'_> {
        Seat(&self.seats[seat])
    }

    /// Frees the seat of a dead worker: its gauges become zero, the counters stay. The master calls this,
    /// after it has reaped the worker and before it gives the seat to another.
    ///
    /// # Panics
    ///
    /// If there is no such seat.
    pub fn settle(&self, seat: usize) {
        self.seats[seat].settle();
    }

    /// All numbers of the slot, now.
    pub fn snapshot(&self) -> SlotSnapshot {
        let mut counters = Counters {
            queue_waits: self.queue_waits.snapshot(),
            rejections: self.rejections.load(Relaxed),
            cache_hits: self.cache_hits.load(Relaxed),
            cache_misses: self.cache_misses.load(Relaxed),
            cache_evictions: self.cache_evictions.load(Relaxed),
            connections_accepted: self.connections_accepted.load(Relaxed),
            connections_shed: self.connections_shed.load(Relaxed),
            monitoring_requests: self.monitoring_requests.load(Relaxed),
            aborted: self.aborted.load(Relaxed),
            restarts: self.restarts.load(Relaxed),
            log_lines_dropped: self.log_lines_dropped.load(Relaxed),
            ..Counters::default()
        };
        self.responses.read_into(&mut counters);
        SlotSnapshot { counters, seats: [self.seats[0].snapshot(), self.seats[1].snapshot()] }
    }

    /// Only the number of responses and the sum of their durations.
    pub(crate) fn served(&self) -> Served {
        self.responses.served()
    }
}

impl Default for Slot {
    fn default() -> Slot {
        Slot::new()
    }
}
