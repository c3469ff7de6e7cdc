//! Which clients the reception has waited for long enough.
//!
//! There is no timer for each client. Time limits are whole seconds, so checking all parked clients four times a second
//! is enough: a sweep. What happens to a late client is decided elsewhere.

use crate::table::{Client, Table};
use stage1_single::serve::FAREWELL;
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

/// How often deadlines are checked.
const SWEEP: Duration = Duration::from_millis(250);

/// The time limits of a reception.
#[derive(Debug)]
pub struct Deadlines {
    timeout: Duration,
    /// Until when idle clients may still send a last request, once a stop was requested.
    farewell: Option<Instant>,
    next_sweep: Instant,
}

/// What a sweep has found.
#[derive(Debug)]
pub struct Survey {
    /// How many are idle.
    pub idle: i64,
    /// Those whose deadline has passed, by descriptor.
    pub late: Vec<RawFd>,
}

impl Deadlines {
    /// Each client may take `timeout` to send a request, to take a response, or to be idle.
    pub fn new(timeout: Duration, now: Instant) -> Deadlines {
        Deadlines { timeout, farewell: None, next_sweep: now }
    }

    /// How long a client may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// A stop was requested: idle clients have a moment left for a request that is on its way.
    pub fn begin_farewell(&mut self, now: Instant) {
        self.farewell = Some(now + FAREWELL);
    }

    /// Whether a stop was requested, and the time for idle clients is over.
    pub fn is_farewell_over(&self, now: Instant) -> bool {
        self.farewell.is_some_and(|farewell| now >= farewell)
    }

    /// Whether it is time for a sweep.
    pub fn sweep_is_due(&self, now: Instant) -> bool {
        now >= self.next_sweep
    }

    /// How long it is until the next sweep.
    pub fn until_sweep(&self, now: Instant) -> Duration {
        self.next_sweep.saturating_duration_since(now)
    }

    /// Notes that a sweep was made.
    pub fn swept(&mut self, now: Instant) {
        self.next_sweep = now + SWEEP;
    }

    /// The next sweep must not be later than this.
    pub fn sweep_by(&mut self, latest: Instant) {
        self.next_sweep = self.next_sweep.min(latest);
    }

    /// Looks at all parked clients.
    pub fn survey(&self, table: &Table, now: Instant) -> Survey {
        let mut idle = 0;
        let late = table
            .parked()
            .inspect(|client| idle += i64::from(client.connection.is_idle()))
            .filter(|client| self.of(client) <= now)
            .map(Client::descriptor)
            .collect();
        Survey { idle, late }
    }

    fn of(&self, client: &Client) -> Instant {
        let deadline = client.connection.deadline(self.timeout);
        match self.farewell {
            Some(farewell) if client.connection.is_idle() => deadline.min(farewell),
            _ => deadline,
        }
    }
}
