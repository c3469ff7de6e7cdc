//! The clients of a reception, and everything that can be done for one of them without waiting.
//!
//! A client is in one of these states, which says what the client waits for and how long:
//!
//! ```text
//!   state       waits for          until           then
//!   ---------   ----------------   -------------   ------------------------------------
//!   idle        its first byte     time limit      closed
//!   half-sent   the rest           time limit      408
//!   sending     room in the socket time limit      closed, unless it takes enough
//!   lingering   the client's end   2 seconds       closed
//!   away        its thread         -               comes back through the inbox
//! ```
//!
//! Sockets are registered edge-triggered, once: the kernel reports changes, not states, so no call is needed to stop
//! its reports for a while (epoll(7)). So a caller that takes a client out of the table must continue until the socket
//! returns EAGAIN, or come back to it in the next turn. Reports that arrive while a client is away are ignored; when it
//! returns, its registration is renewed, which reports everything anew.
//!
//! [`Clients`] knows neither the listening socket nor the clock. The [reception](crate::reception) waits for the
//! kernel's reports, and checks deadlines.

use crate::counter::{Counter, is_worth_a_line};
use crate::service::{Event, Service};
use crate::table::{Client, Origin, Renew, Table};
use http::closing::Progress;
use http::connection::{Connection, Received};
use http::framing::Refusal;
use http::request::Request;
use http::response::Response;
use nix::sys::epoll::Epoll;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many pipelined requests of one client are answered in one turn.
const ANSWER_BUDGET: usize = 32;

/// All clients of a worker.
pub struct Clients<S> {
    epoll: Arc<Epoll>,
    table: Table,
    counter: Arc<Counter>,
    service: Arc<S>,
    /// Each response is the last one of its connection.
    last: bool,
    /// Clients that have used up their turn and continue in the next one.
    again: Vec<RawFd>,
    /// Clients whose response continues from the disk, and for which the queue had no room.
    waiting_for_room: Vec<RawFd>,
    /// How many were idle at the last count.
    idle: i64,
    /// How many idle connections were closed to make room, for the log.
    shed: u64,
}

impl<S: Service> Clients<S> {
    /// No clients yet. `epoll` will watch their sockets.
    pub fn new(epoll: Arc<Epoll>, counter: Arc<Counter>, service: Arc<S>) -> Clients<S> {
        Clients {
            epoll,
            table: Table::default(),
            counter,
            service,
            last: false,
            again: Vec::new(),
            waiting_for_room: Vec::new(),
            idle: 0,
            shed: 0,
        }
    }

    /// All clients that the kernel reports on.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Whether there is no client, and none that was idle when they were last counted.
    pub fn is_quiet(&self) -> bool {
        self.table.is_empty() && self.idle == 0
    }

    /// Whether a client has used up its turn.
    pub fn has_more_to_do(&self) -> bool {
        !self.again.is_empty()
    }

    /// Whether a client waits for room in the queue.
    pub fn waits_for_room(&self) -> bool {
        !self.waiting_for_room.is_empty()
    }

    /// From now on, each response says that it is the last one of its connection.
    pub fn begin_farewell(&mut self) {
        self.last = true;
    }

    /// Tells the service that the reception has finished a turn.
    pub fn turned(&self) {
        self.service.happened(Event::Turned);
    }

    /// Takes in a client that was just accepted.
    pub fn welcome(&mut self, connection: Connection, origin: Origin) {
        let client = Box::new(Client::new(connection, origin));
        self.table.add(client.descriptor());
        self.service.happened(Event::Accepted);
        // Most clients send at once, so their request is often here before they are registered.
        self.attend(client);
    }

    /// Closes the connection that has been idle for the longest time. `false` if none is idle.
    pub fn make_room(&mut self) -> bool {
        let Some(client) = self.table.take_longest_idle() else { return false };
        self.service.happened(Event::Shed);
        self.close(client);
        self.shed += 1;
        if is_worth_a_line(self.shed) {
            log::warn!("no file descriptor is left: {} idle connections closed so far", self.shed);
        }
        true
    }

    /// Takes back the clients that the threads are done with.
    // ANCHOR: collect
    pub fn collect(&mut self) {
        for mut client in self.counter.take_returned() {
            if client.connection.is_closed() {
                self.close(client);
            } else if client.connection.is_sending() {
                client.connection.excuse();
                // Its socket was full. It may have room by now, and the report of that
                // may have come too early.
                self.park(client, Renew::Registration);
            } else {
                client.connection.expect_more();
                self.attend(client);
            }
        }
    }
    // ANCHOR_END: collect

    /// Continues with the clients that could not be finished in their turn.
    pub fn attend_again(&mut self) {
        for descriptor in std::mem::take(&mut self.again) {
            self.attend_parked(descriptor, false);
        }
        for descriptor in std::mem::take(&mut self.waiting_for_room) {
            self.attend_parked(descriptor, false);
        }
    }

    /// The kernel has reported something about a client. `ended`: its stream has ended, perhaps behind bytes that were
    /// not read yet.
    pub fn attend_parked(&mut self, descriptor: RawFd, ended: bool) {
        if let Some(mut client) = self.table.take(descriptor) {
            if ended {
                client.connection.expect_more();
            }
            self.attend(client);
        }
    }

    /// Does everything for a client that can be done now.
    fn attend(&mut self, mut client: Box<Client>) {
        for _ in 0..ANSWER_BUDGET {
            // ANCHOR: attend_one
            let connection = &mut client.connection;
            let progress = if connection.is_lingering() {
                match connection.linger() {
                    Progress::Lingering => return self.park(client, Renew::Nothing),
                    other => other,
                }
            } else if connection.is_sending() {
                if connection.sends_from_disk() {
                    return self.hand_off(client);
                }
                connection.send(&*self.service)
            } else {
                let (service, origin, last) = (&*self.service, client.origin, self.last);
                match connection.receive(|request| with_close(answer(service, origin, request), last)) {
                    Received::Incomplete => return self.park(client, Renew::Nothing),
                    Received::Closed => return self.close(client),
                    Received::Refused(refusal) => connection.refuse(refusal),
                    Received::Answered => {}
                    Received::Declined => match self.counter.offer(client, &*self.service) {
                        None => return,
                        Some(refused) => client = refused,
                    },
                }
                Progress::Done
            };
            // ANCHOR_END: attend_one
            match progress {
                Progress::Done | Progress::Lingering => {}
                Progress::Closed => return self.close(client),
                Progress::Blocked => return self.park(client, Renew::Nothing),
            }
        }
        self.again.push(client.descriptor());
        self.table.park(client);
    }

    /// Queues a client whose response continues from the disk. The response has begun, so it is never refused: it waits
    /// for room.
    fn hand_off(&mut self, client: Box<Client>) {
        if let Some(mut client) = self.counter.enqueue(client, &*self.service) {
            client.connection.excuse();
            self.waiting_for_room.push(client.descriptor());
            self.table.park(client);
        }
    }

    /// Keeps a client until its socket has news.
    fn park(&mut self, mut client: Box<Client>, renew: Renew) {
        match client.watch(&self.epoll, renew) {
            Ok(()) => self.table.park(client),
            // The limit of watched descriptors (epoll(7), max_user_watches). This client would never be reported.
            Err(_) => self.close(client),
        }
    }

    fn close(&mut self, mut client: Box<Client>) {
        client.connection.abandon(&*self.service);
        self.table.remove(client);
        self.service.happened(Event::Closed);
    }

    /// Tells the service how many clients are idle, if the number has changed.
    pub fn count_idle(&mut self, idle: i64) {
        if idle != self.idle {
            self.service.happened(Event::Idle { more: idle - self.idle });
            self.idle = idle;
        }
    }

    /// A client's deadline has passed. A client that takes enough of its response gets `timeout` once more.
    pub fn time_is_up(&mut self, descriptor: RawFd, timeout: Duration, now: Instant) {
        let Some(mut client) = self.table.take(descriptor) else { return };
        if client.connection.owes_timeout_response() {
            client.connection.refuse(Refusal::timed_out());
            self.attend(client);
        } else if client.connection.takes_enough(timeout, now) {
            self.table.park(client);
        } else {
            if client.connection.is_sending() {
                client.connection.give_up(&*self.service);
            }
            self.close(client);
        }
    }
}

/// The response to a request that can be answered at once.
fn answer(service: &impl Service, origin: Origin, request: &Request<'_>) -> Option<Response> {
    match origin {
        Origin::Public => service.answer_at_once(request),
        Origin::Monitoring => Some(service.answer_monitoring(request)),
    }
}

/// Marks the response as the last of its connection, if it is.
fn with_close(response: Option<Response>, last: bool) -> Option<Response> {
    response.map(|response| Response { close: response.close || last, ..response })
}
