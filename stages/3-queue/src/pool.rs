//! The threads that answer requests.

use crate::counter::{Counter, Work};
use crate::service::{Event, Service};
use crate::table::Client;
use http::closing::Progress;
use http::connection::Received;
use http::framing::Refusal;
use program::settings::Settings;
use program::stop::Stop;
use stage1_single::serve::respond;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

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
        let counter = Arc::new(Counter::new(settings.queue_size, settings.queue_delay)?);
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

    /// The paths to and from the threads.
    pub fn counter(&self) -> Arc<Counter> {
        self.counter.clone()
    }

    /// Lets the threads finish what is queued, and waits for them.
    // ANCHOR: finish
    pub fn finish(self) {
        self.counter.close();
        for thread in self.threads {
            // A thread catches the panics of its handlers; one of its own has been
            // reported by the panic hook.
            let _ = thread.join();
        }
    }
    // ANCHOR_END: finish
}

/// The life of a pool thread.
// ANCHOR: work
fn work(counter: &Counter, service: &impl Service, stop: &Stop) {
    while let Some(Work { mut client, queued_at }) = counter.take() {
        let now = Instant::now();
        service.happened(Event::Taken(now.saturating_duration_since(queued_at)));
        // A response that has begun continues, however long it has waited.
        if counter.delay.is_too_late(queued_at, now) && !client.connection.is_sending() {
            client.connection.respond(counter.refusal(service));
        }
        attend(&mut client, counter, service, stop);
        service.happened(Event::Done);
        counter.give_back(client);
    }
}
// ANCHOR_END: work

/// Answers the client's request, and any that follow it at once while no other client waits for a thread. Never waits
/// for the client.
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
        // Anything but a request is the reception's business; `receive` will return the same
        // again there.
        let next_is_here = connection.receive(|_| None) == Received::Declined;
        if !next_is_here || !counter.nothing_waits() {
            return;
        }
        // ANCHOR_END: attend_next
    }
}
