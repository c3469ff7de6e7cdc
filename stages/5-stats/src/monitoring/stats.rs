//! `/stats`: every number, for all workers together and for each.

use super::{Capacity, json};
use http::response::Response;
use parts::stats::{Counters, Gauges, HistogramSnapshot, SeatSnapshot, SharedStats, SlotSnapshot};
use serde::Serialize;
use std::collections::BTreeMap;

/// All numbers as JSON.
pub fn page(stats: &SharedStats, capacity: Capacity) -> Response {
    let snapshot = stats.snapshot();
    let workers =
        snapshot.slots.iter().enumerate().map(|(slot, numbers)| Worker::new(slot, numbers)).collect();
    let total = Numbers::new(&snapshot.total.counters, &snapshot.total.gauges);
    json(&Page { workers, total, capacity })
}

#[derive(Serialize)]
struct Page {
    workers: Vec<Worker>,
    total: Numbers,
    /// The limits of each worker, from the settings of the one that answers; during a reload others may have different
    /// settings.
    capacity: Capacity,
}

#[derive(Serialize)]
struct Worker {
    slot: usize,
    /// The pid of the worker that serves; 0 between a death and the next start.
    pid: u32,
    started_unix_seconds: u64,
    /// The pid of the worker that it replaces and that still drains, during a rolling restart.
    draining_pid: Option<u32>,
    #[serde(flatten)]
    numbers: Numbers,
}

#[derive(Serialize)]
struct Numbers {
    requests: u64,
    bytes_sent: u64,
    /// Responses by status code; those that were never sent are left out.
    responses: BTreeMap<String, u64>,
    response_time_milliseconds_avg: f64,
    durations: Vec<Bucket>,
    queue_waits: Vec<Bucket>,
    rejections: u64,
    cache_hits: u64,
    cache_misses: u64,
    cache_evictions: u64,
    connections_accepted: u64,
    connections_shed: u64,
    monitoring_requests: u64,
    aborted: u64,
    restarts: u64,
    log_lines_dropped: u64,
    connections_active: u64,
    connections_idle: u64,
    queue_depth: u64,
    threads_busy: u64,
    cache_bytes: u64,
    cache_entries: u64,
}

/// How many took at most `up_to_seconds`, and longer than the previous bucket.
#[derive(Serialize)]
struct Bucket {
    /// `null` for the last, which has no bound.
    up_to_seconds: Option<f64>,
    count: u64,
}

impl Worker {
    fn new(slot: usize, numbers: &SlotSnapshot) -> Worker {
        // Of two that are seated, the younger one serves and the older one drains.
        let [first, second] = &numbers.seats;
        let age = |seat: &SeatSnapshot| (seat.pid != 0, seat.started_unix_seconds, seat.pid);
        let (serving, other) = if age(first) >= age(second) { (first, second) } else { (second, first) };
        Worker {
            slot,
            pid: serving.pid,
            started_unix_seconds: serving.started_unix_seconds,
            draining_pid: (other.pid != 0).then_some(other.pid),
            numbers: Numbers::new(&numbers.counters, &numbers.gauges()),
        }
    }
}

impl Numbers {
    fn new(counters: &Counters, gauges: &Gauges) -> Numbers {
        let code = |code: Option<u16>| code.map_or_else(|| "other".to_owned(), |code| code.to_string());
        Numbers {
            requests: counters.requests(),
            bytes_sent: counters.bytes_sent,
            responses: counters.responses().filter(|&(_, n)| n > 0).map(|(c, n)| (code(c), n)).collect(),
            response_time_milliseconds_avg: counters.durations.average_milliseconds(),
            durations: buckets(&counters.durations),
            queue_waits: buckets(&counters.queue_waits),
            rejections: counters.rejections,
            cache_hits: counters.cache_hits,
            cache_misses: counters.cache_misses,
            cache_evictions: counters.cache_evictions,
            connections_accepted: counters.connections_accepted,
            connections_shed: counters.connections_shed,
            monitoring_requests: counters.monitoring_requests,
            aborted: counters.aborted,
            restarts: counters.restarts,
            log_lines_dropped: counters.log_lines_dropped,
            connections_active: gauges.connections_active,
            connections_idle: gauges.connections_idle,
            queue_depth: gauges.queue_depth,
            threads_busy: gauges.threads_busy,
            cache_bytes: gauges.cache_bytes,
            cache_entries: gauges.cache_entries,
        }
    }
}

fn buckets(histogram: &HistogramSnapshot) -> Vec<Bucket> {
    let bounds = histogram.cumulative().map(|(bound, _)| bound.map(|bound| bound.as_secs_f64()));
    bounds.zip(histogram.buckets).map(|(up_to_seconds, count)| Bucket { up_to_seconds, count }).collect()
}
