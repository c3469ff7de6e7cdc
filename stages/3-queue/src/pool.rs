//! The threads that answer requests, and the two ways between them and the reception.

use crate::delay::ControlledDelay;
use crate::service::{Event, Service};
use crate::table::Client;
use parts::queue::{BoundedQueue, Inbox};
use parts::request::Bell;
use stage1_single::config::Settings;
use stage1_single::connection::{Progress, Received};
use stage1_single::http::framing::Refusal;
use stage1_single::http::response::Response;
use stage1_single::serve::respond;
use stage1_single::stop::{EventBell, Stop};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

/// Whether the log gets a line about the event that has this number: the 1st, 2nd, 4th, 8th and so on. A server that is
/// overloaded must not be busy writing about it.
pub fn is_worth_a_line(number: u64) -> bool {
    number.is_power_of_two()
}

// ANCHOR: what_is_queued
/// A client whose request is complete, or whose response must go on from the disk.
#[derive(Debug)]
pub struct Work {
    /// The client.
    pub client: Box<Client>,
    /// When it was queued.
    pub queued_at: Instant,
}
// ANCHOR_END: what_is_queued

/// The ways between reception and threads.
pub struct Counter {
    /// From the reception to the threads. Bounded: what does not fit is refused.
    pub queue: BoundedQueue<Work>,
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

/// The threads of a worker.
pub struct Pool {
    counter: Arc<Counter>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system refuses a thread or a descriptor. No thread is left behind.
    pub fn start(settings: &Settings, service: Arc<impl Service>, stop: &'static Stop) -> io::Result<Pool> {
        let threads = settings.threads_per_worker;
        let counter = Arc::new(Counter {
            queue: BoundedQueue::new(settings.queue_size),
            inbox: Inbox::new(),
            bell: EventBell::new()?,
            delay: ControlledDelay::new(settings.queue_delay),
            refusals: AtomicU64::new(0),
        });
        let mut pool = Pool { counter, threads: Vec::with_capacity(threads) };
        for number in 0..threads {
            let (counter, service) = (pool.counter.clone(), service.clone());
            let started =
                Builder::new().name(format!("pool-{number}")).spawn(move || work(&counter, &*service, stop));
            match started {
                Ok(thread) => pool.threads.push(thread),
                Err(error) => {
                    pool.finish();
                    return Err(error);
                }
            }
        }
        Ok(pool)
    }

    /// The ways to and from the threads.
    pub fn counter(&self) -> Arc<Counter> {
        self.counter.clone()
    }

    /// Lets the threads finish what is queued, and waits for them.
    // ANCHOR: finish
    pub fn finish(self) {
        self.counter.queue.shutdown();
        for thread in self.threads {
            // A thread catches the panics of its handlers; one of its own has been reported by the panic hook.
            let _ = thread.join();
        }
    }
    // ANCHOR_END: finish
}

/// The life of a pool thread.
// ANCHOR: work
fn work(counter: &Counter, service: &impl Service, stop: &Stop) {
    while let Some(Work { mut client, queued_at }) = counter.queue.dequeue() {
        let now = Instant::now();
        service.happened(Event::Taken(now.saturating_duration_since(queued_at)));
        // A response that was begun goes on, whatever it has waited for.
        if counter.delay.is_too_late(queued_at, now) && !client.connection.is_sending() {
            client.connection.respond(counter.refusal(service));
        }
        attend(&mut client, counter, service, stop);
        service.happened(Event::Done);
        if counter.inbox.put(client) {
            counter.bell.ring();
        }
    }
}
// ANCHOR_END: work

/// Answers the client's request, and those that follow at once as long as nobody else waits for a thread. Never
/// waits for the client.
fn attend(client: &mut Client, counter: &Counter, service: &impl Service, stop: &Stop) {
    let connection = &mut client.connection;
    loop {
        if !connection.is_sending() {
            let response = connection.request().and_then(|request| {
                let respond = AssertUnwindSafe(|| respond(&request, service, stop));
                catch_unwind(respond).map_err(|_| Refusal { status: 500, why: "The server made a mistake" })
            });
            match response {
                Ok(response) => connection.respond(response),
                Err(refusal) => connection.refuse(refusal),
            }
        }
        if connection.send(service) != Progress::Done {
            return;
        }
        // ANCHOR: attend_next
        // Anything but a request is the reception's business; asked again, the connection says the same.
        let next_is_here = connection.receive(|_| None) == Received::Declined;
        if !next_is_here || !counter.queue.is_empty() {
            return;
        }
        // ANCHOR_END: attend_next
    }
}
