//! The handler that counts what happens.

use crate::monitoring::{self, Capacity};
use http::date;
use http::handler::{Exchange, Handler};
use http::request::Request;
use http::response::{CacheResult, Response};
use parts::cache::Change;
use parts::stats::{Response as Recorded, Seat, SharedStats, Slot};
use program::dropped;
use program::settings::{Monitoring, Settings};
use stage3_queue::service::{Event, Service};
use std::process;
use std::sync::Arc;

/// A place in the shared statistics: which slot, and which of its two seats.
#[derive(Debug, Clone)]
pub struct Seated {
    stats: Arc<SharedStats>,
    slot: usize,
    seat: usize,
}

/// A handler that counts what the one inside it does, and answers the monitoring paths.
#[derive(Debug)]
pub struct Observed<S> {
    inner: S,
    seated: Seated,
    capacity: Capacity,
    /// Whether the monitoring paths are answered at the server's own address too.
    is_public: bool,
}

impl Seated {
    /// Takes a seat for this process, and counts there the lines that its logs drop.
    // ANCHOR: take_a_seat
    pub fn take(stats: Arc<SharedStats>, slot: usize, seat: usize) -> Seated {
        stats.slot(slot).seat(seat).occupy(process::id(), date::seconds_since_1970());
        let counting = stats.clone();
        dropped::count_with(move |lines| counting.slot(slot).count_log_lines_dropped(lines));
        Seated { stats, slot, seat }
    }
    // ANCHOR_END: take_a_seat

    /// Counts a change of the cache's contents.
    // ANCHOR: cache_changed
    pub fn cache_changed(&self, change: &Change) {
        let (slot, seat) = (self.slot(), self.seat());
        seat.cache_grew(change.bytes_added as u64, change.entries_added as u64);
        seat.cache_shrank(change.bytes_removed as u64, (change.evicted + change.removed) as u64);
        slot.count_evictions(change.evicted as u64);
    }
    // ANCHOR_END: cache_changed

    fn slot(&self) -> &Slot {
        self.stats.slot(self.slot)
    }

    fn seat(&self) -> Seat<'_> {
        self.slot().seat(self.seat)
    }
}

impl<S> Observed<S> {
    /// Counts what `inner` does. The settings say how much it can take at once, and where the numbers can be requested.
    pub fn new(inner: S, seated: Seated, settings: &Settings) -> Observed<S> {
        let is_public = settings.monitoring == Monitoring::Public;
        Observed { inner, seated, capacity: settings.into(), is_public }
    }
}

impl<S: Service> Observed<S> {
    /// The answer to a request for a monitoring path.
    fn monitor(&self, request: &Request<'_>) -> Option<Response> {
        monitoring::answer(request, &self.seated.stats, self.capacity, &|| self.inner.ailment())
    }
}

impl<S: Service> Handler for Observed<S> {
    fn respond(&self, request: &Request<'_>) -> Response {
        self.inner.respond(request)
    }

    // ANCHOR: finished
    fn finished(&self, exchange: &Exchange<'_>) {
        self.inner.finished(exchange);
        let slot = self.seated.slot();
        if exchange.monitoring {
            return slot.count_monitoring_request();
        }
        match exchange.cache {
            Some(CacheResult::Hit) => slot.count_hit(),
            Some(CacheResult::Miss) => slot.count_miss(),
            None => {}
        }
        if !exchange.complete {
            slot.count_aborted();
        }
        slot.record(&Recorded {
            status: exchange.status,
            bytes: exchange.sent_bytes,
            duration: exchange.duration,
        });
    }
    // ANCHOR_END: finished
}

impl<S: Service> Service for Observed<S> {
    // ANCHOR: answer_at_once
    fn answer_at_once(&self, request: &Request<'_>) -> Option<Response> {
        let monitoring = if self.is_public { self.monitor(request) } else { None };
        monitoring.or_else(|| self.inner.answer_at_once(request))
    }
    // ANCHOR_END: answer_at_once

    fn answer_monitoring(&self, request: &Request<'_>) -> Response {
        self.monitor(request).unwrap_or_else(monitoring::nothing_else)
    }

    fn happened(&self, event: Event) {
        // ANCHOR: happened
        let (slot, seat) = (self.seated.slot(), self.seated.seat());
        match event {
            Event::Turned => seat.turned(),
            Event::Accepted => {
                slot.count_accepted();
                seat.connection_opened();
            }
            Event::Closed => seat.connection_closed(),
            Event::Shed => slot.count_shed(),
            Event::Idle { more } => seat.connections_idle_changed(more),
            Event::Queued => seat.connection_queued(),
            Event::Unqueued => seat.connection_dequeued(),
            Event::Taken(wait) => {
                seat.connection_dequeued();
                seat.thread_became_busy();
                slot.record_queue_wait(wait);
            }
            Event::Done => seat.thread_became_free(),
            Event::Refused => slot.count_rejection(),
        }
        // ANCHOR_END: happened
        self.inner.happened(event);
    }
}
