//! The statistics as plain numbers, for code that prints them.
//!
//! ```text
//!   Snapshot --+-- slots --+-- SlotSnapshot --+-- counters
//!              |           |                  +-- seats --- pid, started, gauges (two of them)
//!              |           +-- SlotSnapshot ...
//!              +-- total --+-- counters, summed over the slots
//!                          +-- gauges, summed over the slots and their seats
//! ```

use crate::histogram::HistogramSnapshot;

/// The number of seats of a slot: one for the worker, one for its successor.
pub const SEATS: usize = 2;

/// The status codes with a counter of their own: all that the server sends, in order (RFC 9110, section 15).
#[cfg(not(test))]
pub const STATUS_CODES: [u16; 21] =
    [200, 204, 206, 301, 304, 400, 403, 404, 405, 408, 411, 412, 413, 414, 416, 417, 431, 500, 501, 503, 505];

/// One code is enough for a model, and every further atomic is another step to interleave.
#[cfg(test)]
pub const STATUS_CODES: [u16; 1] = [200];

/// The number of counters for responses: one per status code, and a last one for every other code.
pub const STATUSES: usize = STATUS_CODES.len() + 1;

/// All statistics at one moment.
///
/// From one snapshot to the next no counter goes back, neither a slot's nor a total, even if workers die in
/// between. No response is counted in it without its bytes and its duration. Each gauge has its value at the
/// moment when it is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// One per slot, in the order of the slots.
    pub slots: Vec<SlotSnapshot>,
    /// The sums over all slots.
    pub total: Total,
}

impl Snapshot {
    /// Sums up the snapshots of the slots.
    pub(crate) fn of(slots: Vec<SlotSnapshot>) -> Snapshot {
        let mut total = Total::default();
        for slot in &slots {
            total.counters.add(&slot.counters);
            total.gauges.add(&slot.gauges());
        }
        Snapshot { slots, total }
    }
}

/// Sums over all slots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Total {
    /// The sums of the counters.
    pub counters: Counters,
    /// The sums of the gauges.
    pub gauges: Gauges,
}

/// The numbers of one slot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SlotSnapshot {
    /// What was counted in this slot by all workers it ever had.
    pub counters: Counters,
    /// The worker that has the slot, and for a while also the one that it replaces.
    pub seats: [SeatSnapshot; SEATS],
}

impl SlotSnapshot {
    /// The sums of the gauges of both seats.
    pub fn gauges(&self) -> Gauges {
        let mut sum = Gauges::default();
        for seat in &self.seats {
            sum.add(&seat.gauges);
        }
        sum
    }
}

/// The numbers of one seat. A seat without a worker is all zeros.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SeatSnapshot {
    /// The process id of the worker, 0 if the seat is free.
    pub pid: u32,
    /// When the worker started, in seconds since 1970, UTC.
    pub started_unix_seconds: u64,
    /// What the worker is doing.
    pub gauges: Gauges,
}

/// Numbers that only grow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Responses by status, in the order of [`STATUS_CODES`], then those with any other code. See
    /// [`responses`](Self::responses).
    pub by_status: [u64; STATUSES],
    /// Bytes sent in responses, heads included.
    pub bytes_sent: u64,
    /// How long responses took.
    pub durations: HistogramSnapshot,
    /// How long connections waited in the queue.
    pub queue_waits: HistogramSnapshot,
    /// Requests answered 503: the queue was full, or they had waited too long.
    pub rejections: u64,
    /// Files found in the cache.
    pub cache_hits: u64,
    /// Files looked for in the cache that were not there.
    pub cache_misses: u64,
    /// Files evicted from the cache.
    pub cache_evictions: u64,
    /// Connections accepted.
    pub connections_accepted: u64,
    /// Idle connections closed to make room.
    pub connections_shed: u64,
    /// Requests for monitoring paths that were answered.
    pub monitoring_requests: u64,
    /// Responses begun and not finished, because the client left or took too long.
    pub aborted: u64,
    /// Workers started to replace one that died.
    pub restarts: u64,
    /// Lines of the logs that were dropped, because they could not be written at once.
    pub log_lines_dropped: u64,
}

impl Counters {
    /// The number of requests answered: all responses, whatever their status.
    pub fn requests(&self) -> u64 {
        self.by_status.iter().sum()
    }

    /// The number of responses of each status code. The last has no code: it counts all that are not in
    /// [`STATUS_CODES`].
    pub fn responses(&self) -> impl Iterator<Item = (Option<u16>, u64)> + '_ {
        let codes = STATUS_CODES.iter().copied().map(Some).chain([None]);
        codes.zip(self.by_status.iter().copied())
    }

    fn add(&mut self, other: &Counters) {
        for (mine, others) in self.by_status.iter_mut().zip(other.by_status) {
            *mine += others;
        }
        self.bytes_sent += other.bytes_sent;
        self.durations.add(&other.durations);
        self.queue_waits.add(&other.queue_waits);
        self.rejections += other.rejections;
        self.cache_hits += other.cache_hits;
        self.cache_misses += other.cache_misses;
        self.cache_evictions += other.cache_evictions;
        self.connections_accepted += other.connections_accepted;
        self.connections_shed += other.connections_shed;
        self.monitoring_requests += other.monitoring_requests;
        self.aborted += other.aborted;
        self.restarts += other.restarts;
        self.log_lines_dropped += other.log_lines_dropped;
    }
}

/// Numbers that go up and down, and end with the worker. A gauge that is below zero for a moment, because an item was
/// counted as gone before it was counted as come, shows as 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Open connections.
    pub connections_active: u64,
    /// Open connections without a request.
    pub connections_idle: u64,
    /// Connections in the queue.
    pub queue_depth: u64,
    /// Threads of the pool that work on a connection.
    pub threads_busy: u64,
    /// Bytes in the cache.
    pub cache_bytes: u64,
    /// Files in the cache.
    pub cache_entries: u64,
}

impl Gauges {
    fn add(&mut self, other: &Gauges) {
        self.connections_active += other.connections_active;
        self.connections_idle += other.connections_idle;
        self.queue_depth += other.queue_depth;
        self.threads_busy += other.threads_busy;
        self.cache_bytes += other.cache_bytes;
        self.cache_entries += other.cache_entries;
    }
}
