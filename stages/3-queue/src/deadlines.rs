//! For whom the reception has waited long enough.
//!
//! There is no timer for each client. Deadlines are whole seconds, so it is early enough to look at all parked clients
//! four times a second: a sweep. What happens to a client that is late is not known here.

use crate::table::{Client, Table};
use stage1_single::serve::FAREWELL;
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

/// How often deadlines are looked at.
const SWEEP: Duration = Duration::from_millis(250);

/// The time limits of a reception.
#[derive(Debug)]
pub struct Deadlines {
    timeout: Duration,
    /// Until when idle clients may still send a last request, once a stop was requested.
    farewell: Option<Instant>,
    next_sweep: Instant,
}

/// What a look at all parked clients has found.
#[derive(Debug)]
pub struct Survey {
    /// How many are idle.
    pub idle: i64,
    /// Those whose deadline has passed, by descriptor.
    pub late: Vec<RawFd>,
}

impl Deadlines {
    /// Each client may take `timeout` for a request, for a response, and to stay idle.
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

    /// Whether a stop was requested, and the moment that idle clients have is over.
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

    /// A sweep was made.
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
