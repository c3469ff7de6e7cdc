//! `/metrics`: the text format 0.0.4 of Prometheus (its documentation, "Exposition formats").

use super::{Capacity, typed};
use http::response::Response;
use parts::stats::{HistogramSnapshot, Interval, SharedStats, SlotSnapshot};
use std::fmt::{Display, Write};
use std::process;

/// All numbers as Prometheus reads them.
pub fn page(stats: &SharedStats, capacity: Capacity) -> Response {
    let snapshot = stats.snapshot();
    let (counters, gauges) = (&snapshot.total.counters, &snapshot.total.gauges);
    let mut page = Exposition::default();

    page.counter("http_requests_total", "Requests answered.", counters.requests());
    page.counter(
        "http_requests_bytes_sent_total",
        "Bytes sent in responses, heads included.",
        counters.bytes_sent,
    );
    page.family("http_responses_total", "counter", "Responses by status code.");
    for (code, count) in counters.responses() {
        let code = code.map_or_else(|| "other".to_owned(), |code| code.to_string());
        page.labelled("http_responses_total", "code", code, count);
    }
    page.gauge("http_connections_active", "Open connections.", gauges.connections_active);
    page.histogram(
        "http_request_duration_seconds",
        "From a complete request to the last byte of its response.",
        &counters.durations,
    );
    page.gauge(
        "http_response_time_milliseconds_avg",
        "Average response time since the start.",
        counters.durations.average_milliseconds(),
    );
    if let Some(average) = average_of(stats.scrape(process::id())) {
        page.gauge(
            "http_response_time_milliseconds_since_last",
            "Average response time since the last scrape by any client.",
            average,
        );
    }

    page.gauge("herd_connections_idle", "Open connections without a request.", gauges.connections_idle);
    page.counter("herd_connections_accepted_total", "Connections accepted.", counters.connections_accepted);
    page.counter(
        "herd_connections_shed_total",
        "Idle connections closed to make room.",
        counters.connections_shed,
    );
    page.gauge("herd_queue_depth", "Requests that wait for a thread.", gauges.queue_depth);
    page.histogram(
        "herd_queue_wait_seconds",
        "How long requests waited for a thread.",
        &counters.queue_waits,
    );
    page.counter(
        "herd_queue_rejections_total",
        "Requests refused with 503: the queue was full, or they had waited in it too long.",
        counters.rejections,
    );
    let of_all_workers = |each: usize| (each * snapshot.slots.len()) as u64;
    page.gauge("herd_queue_slots", "Requests that may wait, at most.", of_all_workers(capacity.queue_size));
    page.gauge("herd_threads_busy", "Threads at work.", gauges.threads_busy);
    page.gauge("herd_threads", "Threads in total.", of_all_workers(capacity.threads_per_worker));
    page.counter("herd_cache_hits_total", "Files found in the cache.", counters.cache_hits);
    page.counter("herd_cache_misses_total", "Files not found in the cache.", counters.cache_misses);
    page.counter("herd_cache_evictions_total", "Files evicted from the cache.", counters.cache_evictions);
    page.gauge("herd_cache_bytes", "Bytes in the caches.", gauges.cache_bytes);
    page.gauge("herd_cache_entries", "Files in the caches.", gauges.cache_entries);
    page.counter("herd_responses_aborted_total", "Responses begun and not finished.", counters.aborted);
    page.counter(
        "herd_monitoring_requests_total",
        "Requests for monitoring paths.",
        counters.monitoring_requests,
    );
    page.counter(
        "herd_log_lines_dropped_total",
        "Lines of the logs that could not be written at once.",
        counters.log_lines_dropped,
    );

    let workers = &snapshot.slots;
    // ANCHOR: per_worker
    page.per_worker("herd_worker_up", "gauge", "Whether the slot has a worker.", workers, |slot| {
        u64::from(slot.seats.iter().any(|seat| seat.pid != 0))
    });
    // ANCHOR_END: per_worker
    page.per_worker(
        "herd_worker_restarts_total",
        "counter",
        "Workers started after a death.",
        workers,
        |slot| slot.counters.restarts,
    );
    page.per_worker("herd_worker_requests_total", "counter", "Requests answered.", workers, |slot| {
        slot.counters.requests()
    });
    page.per_worker("herd_worker_rejections_total", "counter", "Requests refused.", workers, |slot| {
        slot.counters.rejections
    });
    page.per_worker("herd_worker_connections_active", "gauge", "Open connections.", workers, |slot| {
        slot.gauges().connections_active
    });
    page.per_worker(
        "herd_worker_queue_depth",
        "gauge",
        "Requests that wait for a thread.",
        workers,
        |slot| slot.gauges().queue_depth,
    );
    page.per_worker("herd_worker_threads_busy", "gauge", "Threads at work.", workers, |slot| {
        slot.gauges().threads_busy
    });
    typed(page.text.into_bytes(), "text/plain; version=0.0.4; charset=utf-8")
}

/// The average of an interval, if it is known. Another scrape may be stuck halfway, or the previous one may have died
/// halfway: no number is better than a wrong one.
fn average_of(interval: Option<Interval>) -> Option<f64> {
    interval.filter(|interval| !interval.recovered).map(|interval| interval.average_milliseconds())
}

/// A page in the text format.
#[derive(Default)]
struct Exposition {
    text: String,
}

impl Exposition {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "counter", help);
        self.line(format_args!("{name} {value}"));
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "gauge", help);
        self.line(format_args!("{name} {value}"));
    }

    fn labelled(&mut self, name: &str, label: &str, value: impl Display, number: u64) {
        self.line(format_args!("{name}{{{label}=\"{value}\"}} {number}"));
    }

    fn per_worker(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        workers: &[SlotSnapshot],
        number: impl Fn(&SlotSnapshot) -> u64,
    ) {
        self.family(name, kind, help);
        for (slot, worker) in workers.iter().enumerate() {
            self.labelled(name, "worker", slot, number(worker));
        }
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &HistogramSnapshot) {
        self.family(name, "histogram", help);
        for (bound, count) in histogram.cumulative() {
            let bound = bound.map_or_else(|| "+Inf".to_owned(), |bound| bound.as_secs_f64().to_string());
            self.line(format_args!("{name}_bucket{{le=\"{bound}\"}} {count}"));
        }
        self.line(format_args!("{name}_sum {}", histogram.sum_seconds()));
        self.line(format_args!("{name}_count {}", histogram.count()));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn an_interval_that_is_not_known_has_no_average() {
        let known = Interval { requests: 2, duration: Duration::from_millis(3), recovered: false };
        assert_eq!(average_of(Some(known)), Some(1.5));
        assert_eq!(average_of(Some(Interval::default())), Some(0.0), "nobody has asked, and that is known");
        assert_eq!(average_of(Some(Interval { recovered: true, ..Interval::default() })), None);
        assert_eq!(average_of(None), None);
    }
}
