//! The counter: the two paths between the reception and the threads of the pool.
//!
//! ```text
//!   reception --- offer() ---> queue, bounded -----> pool
//!       ^                                              |
//!       '------ bell, inbox, unbounded <- give_back() -'
//! ```
//!
//! It knows what may be refused and what must wait. It knows nothing about sockets.

use crate::delay::ControlledDelay;
use crate::service::{Event, Service};
use crate::table::Client;
use http::response::Response;
use nix::errno::Errno;
use parts::queue::{BoundedQueue, Inbox, Refused};
use parts::request::Bell;
use program::bell::EventBell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A queue that has not been empty for this long is more than a passing burst.
const STANDING: Duration = Duration::from_millis(50);

/// Whether the log gets a line about the event with this number: the 1st, 2nd, 4th, 8th and so on. A server that is
/// overloaded must not be busy writing about it.
pub fn is_worth_a_line(number: u64) -> bool {
    number.is_power_of_two()
}

// ANCHOR: what_is_queued
/// A client whose request is complete, or whose response continues from the disk.
#[derive(Debug)]
pub struct Work {
    /// The client.
    pub client: Box<Client>,
    /// When it was queued.
    pub queued_at: Instant,
}
// ANCHOR_END: what_is_queued

/// The paths between reception and threads.
pub struct Counter {
    /// From the reception to the threads. Bounded: a request that does not fit is refused.
    queue: BoundedQueue<Work>,
    /// About how many requests are in the queue. The queue's own length needs its lock, and this is read for every
    /// client that is accepted.
    waiting: AtomicUsize,
    /// From the threads to the reception. Unbounded, but no larger than the number of connections.
    pub inbox: Inbox<Box<Client>>,
    /// Wakes the reception when the inbox is no longer empty.
    pub bell: EventBell,
    /// How long a request may wait in the queue.
    pub delay: ControlledDelay,
    /// Requests that were refused because they could not be served soon.
    refusals: AtomicU64,
}

impl Counter {
    /// A counter for `queue_size` waiting requests, each of which may wait `delay` for a thread.
    ///
    /// # Errors
    /// Those of eventfd(2): no descriptor left.
    pub fn new(queue_size: usize, delay: Duration) -> Result<Counter, Errno> {
        Ok(Counter {
            queue: BoundedQueue::new(queue_size),
            waiting: AtomicUsize::new(0),
            inbox: Inbox::new(),
            bell: EventBell::new()?,
            delay: ControlledDelay::new(delay),
            refusals: AtomicU64::new(0),
        })
    }

    /// Offers a complete request to the threads. When the queue is full the client comes back, with its refusal
    /// begun.
    // ANCHOR: offer
    pub fn offer(&self, client: Box<Client>, service: &impl Service) -> Option<Box<Client>> {
        let mut refused = self.enqueue(client, service)?;
        refused.connection.respond(self.refusal(service));
        Some(refused)
    }
    // ANCHOR_END: offer

    /// Puts a client into the queue, or returns it if the queue is full.
    pub fn enqueue(&self, client: Box<Client>, service: &impl Service) -> Option<Box<Client>> {
        // ANCHOR: enqueue
        // Reported first, because a thread may take the client before `try_enqueue` returns.
        service.happened(Event::Queued);
        let now = Instant::now();
        if self.waiting.fetch_add(1, Ordering::Relaxed) == 0 {
            self.delay.queue_is_empty(now);
        }
        match self.queue.try_enqueue(Work { client, queued_at: now }) {
            Ok(()) => None,
            Err(Refused::Full(work) | Refused::ShutDown(work)) => {
                self.waiting.fetch_sub(1, Ordering::Relaxed);
                service.happened(Event::Unqueued);
                Some(work.client)
            }
        }
        // ANCHOR_END: enqueue
    }

    /// The next request for a thread, which sleeps until there is one. `None` after [`Counter::close`], once no request is
    /// left.
    pub fn take(&self) -> Option<Work> {
        let work = self.queue.dequeue();
        if work.is_some() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        work
    }

    /// Whether nothing waits for a thread.
    pub fn nothing_waits(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) == 0
    }

    /// Ends the threads, once they have taken every waiting request.
    pub fn close(&self) {
        self.queue.shutdown();
    }

    /// Whether another worker should take new clients, if one can: the queue is full, or requests have waited in it for
    /// longer than a burst lasts.
    pub fn is_overloaded(&self, now: Instant) -> bool {
        let waiting = self.waiting.load(Ordering::Relaxed);
        waiting >= self.queue.capacity() || (waiting > 0 && self.delay.stands_for(now) > STANDING)
    }

    /// A thread is done with a client for now.
    pub fn give_back(&self, client: Box<Client>) {
        if self.inbox.put(client) {
            self.bell.ring();
        }
    }

    /// The clients that the threads have given back.
    // ANCHOR: take_returned
    pub fn take_returned(&self) -> Vec<Box<Client>> {
        // The bell is cleared before the inbox is read, so that anything added
        // afterwards rings it again.
        self.bell.clear();
        let mut returned = Vec::new();
        self.inbox.take_all(&mut returned);
        returned
    }
    // ANCHOR_END: take_returned

    /// The refusal of a request that the queue has no room for, or that has waited in it for too long.
    // ANCHOR: refusal
    pub fn refusal(&self, service: &impl Service) -> Response {
        service.happened(Event::Refused);
        let refused = self.refusals.fetch_add(1, Ordering::Relaxed) + 1;
        if is_worth_a_line(refused) {
            log::warn!("more requests than the threads can serve: {refused} refused so far");
        }
        Response::overloaded("The server is busy")
    }
    // ANCHOR_END: refusal
}
