//! How long a request may wait for a thread: longer while a burst passes, shorter while the server is overloaded.
//!
//! A queue is good for bursts: requests that come together are served one after the other, and the queue is soon empty
//! again. When more requests come than can be served, the same queue only does harm. It is always full, so every client
//! waits for its whole length, and no more requests are served than without it, many of them for clients that have
//! given up. The length does not tell the two apart, but time does (CoDel, RFC 8289): a queue that has not been empty
//! for an [interval](ControlledDelay::new) is standing.
//!
//! ```text
//!   the queue was empty within the interval       a burst      wait at most the interval
//!   it was not                                    overload     wait at most a twentieth of it
//! ```
//!
//! A request that has waited longer is refused with 503 as soon as a thread takes it, which costs the thread next to
//! nothing. So under overload, served requests are served fast, and the other clients know at once. CoDel itself drops
//! one packet now and then, because TCP slows down when it loses one; clients of a web server do not. This rule is the
//! one that Facebook's servers use (Maurer, "Fail at Scale", ACM Queue 13/8, 2015), with CoDel's ratio of target and
//! interval.
//!
//! `cargo bench -p stage5-stats --bench overload` shows what it does to latencies at four times the capacity.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// CoDel's ratio: 5 ms of 100 ms (RFC 8289, section 4.2).
const SHARE: u32 = 20;

/// The rule, and when the queue was last empty.
#[derive(Debug)]
pub struct ControlledDelay {
    interval: Duration,
    start: Instant,
    /// In milliseconds since `start`. The reception writes it, threads read it, and a value from a moment ago does no
    /// harm: `Relaxed`.
    last_empty: AtomicU64,
}

impl ControlledDelay {
    /// The rule for this interval. Zero: requests may wait forever.
    pub fn new(interval: Duration) -> ControlledDelay {
        ControlledDelay { interval, start: Instant::now(), last_empty: AtomicU64::new(0) }
    }

    /// Notes that the queue is empty. It is enough to call this when a request is put into an empty queue, because
    /// until then the queue cannot become a standing one.
    pub fn queue_is_empty(&self, now: Instant) {
        let since_start = now.saturating_duration_since(self.start);
        self.last_empty.store(since_start.as_millis() as u64, Ordering::Relaxed);
    }

    /// How long ago the queue was last seen empty.
    pub fn stands_for(&self, now: Instant) -> Duration {
        let last_empty = self.start + Duration::from_millis(self.last_empty.load(Ordering::Relaxed));
        now.saturating_duration_since(last_empty)
    }

    /// Whether a request that was queued at `queued_at` and is taken `now` has waited too long to be worth answering.
    // ANCHOR: is_too_late
    pub fn is_too_late(&self, queued_at: Instant, now: Instant) -> bool {
        let is_standing = self.stands_for(now) > self.interval;
        let allowed = if is_standing { self.interval / SHARE } else { self.interval };
        !self.interval.is_zero() && now.saturating_duration_since(queued_at) > allowed
    }
    // ANCHOR_END: is_too_late
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(100);

    /// Whether a request is too late after `waited_ms`, in a queue that was last empty `empty_ms_ago`.
    fn is_too_late(interval: Duration, waited_ms: u64, empty_ms_ago: u64) -> bool {
        let delay = ControlledDelay::new(interval);
        let now = delay.start + Duration::from_secs(60);
        delay.queue_is_empty(now - Duration::from_millis(empty_ms_ago));
        delay.is_too_late(now - Duration::from_millis(waited_ms), now)
    }

    #[test]
    fn in_a_burst_a_request_may_wait_for_the_interval() {
        assert!(!is_too_late(INTERVAL, 90, 95));
        assert!(!is_too_late(INTERVAL, 100, 100));
    }

    #[test]
    fn in_a_standing_queue_it_may_wait_for_a_twentieth() {
        assert!(!is_too_late(INTERVAL, 5, 101));
        assert!(is_too_late(INTERVAL, 6, 101));
        assert!(is_too_late(INTERVAL, 101, 102));
    }

    #[test]
    fn an_interval_of_zero_refuses_nobody() {
        assert!(!is_too_late(Duration::ZERO, 50_000, 55_000));
    }
}
