//! What a worker is doing at this moment: its gauges.
//!
//! Counters belong to the slot and outlive the worker. Gauges belong to the worker: when it dies they are
//! settled, that is, set to zero. While a worker is being replaced, its successor starts before it has
//! drained. The two share the slot's counters, but each has a seat of its own, so that settling one's gauges
//! never touches the other's.

use crate::snapshot::{Gauges, SeatSnapshot};
use crate::sync::atomic::Ordering::Relaxed;
use crate::sync::atomic::{AtomicU32, AtomicU64};

/// The gauges of one worker, in shared memory.
///
/// A gauge is what came minus what went, counted by different threads. A thread that takes an item may count
/// it before the thread that put it there; until then the gauge is below zero. So gauges wrap, are read as
/// signed numbers, and show as 0 when negative. `Relaxed` throughout: the gauges are independent.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct SeatGauges {
    pid: AtomicU32,
    started_unix_seconds: AtomicU64,
    connections_active: AtomicU64,
    connections_idle: AtomicU64,
    queue_depth: AtomicU64,
    threads_busy: AtomicU64,
    cache_bytes: AtomicU64,
    cache_entries: AtomicU64,
    turns: AtomicU64,
    taken: AtomicU64,
}

impl SeatGauges {
    pub(crate) fn snapshot(&self) -> SeatSnapshot {
        SeatSnapshot {
            pid: self.pid.load(Relaxed),
            started_unix_seconds: self.started_unix_seconds.load(Relaxed),
            gauges: Gauges {
                connections_active: read(&self.connections_active),
                connections_idle: read(&self.connections_idle),
                queue_depth: read(&self.queue_depth),
                threads_busy: read(&self.threads_busy),
                cache_bytes: read(&self.cache_bytes),
                cache_entries: read(&self.cache_entries),
            },
        }
    }

    /// Only for the master, after it has reaped the worker: then no other thread writes here.
    pub(crate) fn settle(&self) {
        todo!("Lab 5.2: set everything in a dead worker's seat to zero")
    }

    fn gauges(&self) -> [&AtomicU64; 8] {
        [
            &self.connections_active,
            &self.connections_idle,
            &self.queue_depth,
            &self.threads_busy,
            &self.cache_bytes,
            &self.cache_entries,
            &self.turns,
            &self.taken,
        ]
    }
}

/// A gauge as it is shown. It is below zero while an item was counted as gone but not yet as come.
fn read(gauge: &AtomicU64) -> u64 {
    gauge.load(Relaxed).cast_signed().max(0).cast_unsigned()
}

/// A worker's handle to its own gauges. All threads of the worker may use it at once; no call waits.
#[derive(Debug, Clone, Copy)]
pub struct Seat<'a>(pub(crate) &'a SeatGauges);

impl Seat<'_> {
    /// Takes the seat: the worker stores its process id and when it started (seconds since 1970, UTC).
    pub fn occupy(self, pid: u32, started_unix_seconds: u64) {
        todo!("Lab 5.2: store the worker's process id, and when it started")
    }

    /// A connection was accepted.
    pub fn connection_opened(self) {
        self.0.connections_active.fetch_add(1, Relaxed);
    }

    /// A connection was closed, by either side.
    pub fn connection_closed(self) {
        self.0.connections_active.fetch_sub(1, Relaxed);
    }

    /// `more` more open connections have no request now; fewer if it is negative.
    pub fn connections_idle_changed(self, more: i64) {
        self.0.connections_idle.fetch_add(more.cast_unsigned(), Relaxed);
    }

    /// The reception has finished another turn. Only one thread calls this.
    pub fn turned(self) {
        self.0.turns.store(self.0.turns.load(Relaxed).wrapping_add(1), Relaxed);
    }

    /// How many turns the reception has made. A reception that sleeps makes none, but then no client waits
    /// either.
    pub fn turns(self) -> u64 {
        self.0.turns.load(Relaxed)
    }

    /// How many connections threads have taken out of the queue.
    pub fn taken(self) -> u64 {
        self.0.taken.load(Relaxed)
    }

    /// How many connections are in the queue.
    pub fn queue_depth(self) -> u64 {
        read(&self.0.queue_depth)
    }

    /// A connection was put into the queue.
    pub fn connection_queued(self) {
        self.0.queue_depth.fetch_add(1, Relaxed);
    }

    /// A connection was taken out of the queue.
    pub fn connection_dequeued(self) {
        self.0.queue_depth.fetch_sub(1, Relaxed);
    }

    /// A thread of the pool began to work on a connection.
    pub fn thread_became_busy(self) {
        self.0.taken.fetch_add(1, Relaxed);
        self.0.threads_busy.fetch_add(1, Relaxed);
    }

    /// A thread of the pool has finished its work on a connection.
    pub fn thread_became_free(self) {
        self.0.threads_busy.fetch_sub(1, Relaxed);
    }

    /// The cache has added `entries` entries, of `bytes` bytes together.
    pub fn cache_grew(self, bytes: u64, entries: u64) {
        self.0.cache_bytes.fetch_add(bytes, Relaxed);
        self.0.cache_entries.fetch_add(entries, Relaxed);
    }

    /// The cache has removed `entries` entries, of `bytes` bytes together.
    pub fn cache_shrank(self, bytes: u64, entries: u64) {
        self.0.cache_bytes.fetch_sub(bytes, Relaxed);
        self.0.cache_entries.fetch_sub(entries, Relaxed);
    }
}
