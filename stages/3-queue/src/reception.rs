//! The reception: one thread that waits for all clients and never for a single one.
//!
//! A client is in one of these states, and for each the reception knows what it waits for and how long:
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
//! Sockets are registered edge-triggered, once: the kernel reports a change, not a state, and needs no call to be
//! told that we are not interested for a while (epoll(7)). So whoever takes a client from its place must go on
//! until the socket says EAGAIN, or come back to it in the next turn. What happens while a client is away goes
//! unheard; when it returns, its registration is renewed, which reports everything anew.

use crate::pool::{Counter, Pool, Work, is_worth_a_line};
use crate::service::{Event, Service};
use crate::table::{Client, Table};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use parts::queue::Refused;
use stage1_single::accept::{self, Accepted};
use stage1_single::connection::{Progress, Received, timed_out};
use stage1_single::http::response::Response;
use stage1_single::serve::FAREWELL;
use stage1_single::stop::Stop;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often deadlines are looked at. They are whole seconds, so a quarter of one late is early enough.
const SWEEP: Duration = Duration::from_millis(250);

/// How soon a client is offered to the queue again whose response must go on but found the queue full.
const RETRY: Duration = Duration::from_millis(10);

/// How many clients are accepted in one turn, before those that are here get their turn.
const ACCEPT_BUDGET: usize = 64;

/// How many pipelined requests of one client are answered in one turn.
const ANSWER_BUDGET: usize = 32;

/// Events taken from the kernel in one turn.
const EVENTS: usize = 256;

/// The thread that waits.
pub struct Reception<S> {
    epoll: Epoll,
    /// `None` once a stop was requested and the backlog is empty.
    listener: Option<OwnedFd>,
    /// When to accept again after running out of descriptors.
    paused_until: Option<Instant>,
    table: Table,
    counter: Arc<Counter>,
    service: Arc<S>,
    timeout: Duration,
    stop: &'static Stop,
    /// Until when idle clients may still send a last request, once a stop was requested.
    farewell: Option<Instant>,
    /// Clients that have used up their turn and go on in the next one.
    again: Vec<RawFd>,
    /// Clients whose response must go on from the disk, for whom the queue had no room.
    waiting_for_room: Vec<RawFd>,
    next_sweep: Instant,
    /// How many clients were idle at the last sweep.
    idle: i64,
    /// How many idle connections were closed, and pauses made, for the log.
    shed: u64,
    pauses: u64,
}

impl<S: Service> Reception<S> {
    /// A reception for the clients of `listener`, which does not block, and the threads of `pool`.
    ///
    /// # Errors
    /// Those of epoll_create1(2) and epoll_ctl(2).
    pub fn new(
        listener: OwnedFd,
        pool: &Pool,
        service: Arc<S>,
        timeout: Duration,
        stop: &'static Stop,
    ) -> io::Result<Reception<S>> {
        let counter = pool.counter();
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        // These three are level-triggered: they report until they are dealt with.
        for source in [listener.as_fd(), counter.bell.as_fd(), stop.bell().as_fd()] {
            epoll.add(source, EpollEvent::new(EpollFlags::EPOLLIN, source.as_raw_fd() as u64))?;
        }
        Ok(Reception {
            epoll,
            listener: Some(listener),
            paused_until: None,
            table: Table::default(),
            counter,
            service,
            timeout,
            stop,
            farewell: None,
            again: Vec::new(),
            waiting_for_room: Vec::new(),
            next_sweep: Instant::now(),
            idle: 0,
            shed: 0,
            pauses: 0,
        })
    }

    /// Attends to clients until a stop is requested and the last one has left.
    ///
    /// # Errors
    /// Those of epoll_wait(2) and of the listening socket.
    pub fn run(mut self) -> io::Result<()> {
        // ANCHOR: run
        let mut events = [EpollEvent::empty(); EVENTS];
        while self.listener.is_some() || !self.table.is_empty() {
            let count = match self.epoll.wait(&mut events, self.patience()) {
                Ok(count) => count,
                Err(Errno::EINTR) => 0,
                Err(errno) => return Err(errno.into()),
            };
            for event in &events[..count] {
                self.handle(event)?;
            }
            for descriptor in std::mem::take(&mut self.again) {
                self.attend_parked(descriptor, false);
            }
            for descriptor in std::mem::take(&mut self.waiting_for_room) {
                self.attend_parked(descriptor, false);
            }
            let now = Instant::now();
            if now >= self.next_sweep {
                self.sweep(now)?;
            }
            // ANCHOR_END: run
        }
        Ok(())
    }

    /// How long the kernel may keep us when nothing happens.
    fn patience(&self) -> EpollTimeout {
        let patience = if !self.again.is_empty() {
            Duration::ZERO
        } else if !self.waiting_for_room.is_empty() {
            RETRY
        } else if self.table.is_empty() && self.idle == 0 && self.paused_until.is_none() {
            return EpollTimeout::NONE;
        } else {
            self.next_sweep.saturating_duration_since(Instant::now())
        };
        // Rounded up: waking a moment early would mean going round for nothing.
        EpollTimeout::try_from(patience.as_micros().div_ceil(1000) as i32).unwrap_or(EpollTimeout::ZERO)
    }

    fn handle(&mut self, event: &EpollEvent) -> io::Result<()> {
        let descriptor = event.data() as RawFd;
        let is = |source: &dyn AsFd| source.as_fd().as_raw_fd() == descriptor;
        if self.listener.as_ref().is_some_and(|listener| is(listener)) {
            self.accept()
        } else if is(&self.counter.bell) {
            self.collect();
            Ok(())
        } else if is(self.stop.bell()) {
            self.begin_farewell()
        } else {
            // The end of the stream may hide behind bytes that were read already.
            let ended = event.events().intersects(EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLHUP);
            self.attend_parked(descriptor, ended);
            Ok(())
        }
    }

    /// Takes clients from the backlog, within the budget of a turn.
    fn accept(&mut self) -> io::Result<()> {
        let stopping = self.farewell.is_some();
        let mut budget = if stopping { usize::MAX } else { ACCEPT_BUDGET };
        while let Some(listener) = self.listener.as_ref().filter(|_| budget > 0) {
            match accept::accept(listener)? {
                Accepted::Client(connection) => {
                    let client = Box::new(Client { connection, registered: false });
                    self.table.add(client.descriptor());
                    self.service.happened(Event::Accepted);
                    // Most clients send at once, so their request is often here before they are registered.
                    self.attend(client);
                }
                Accepted::Nobody => break,
                Accepted::OutOfDescriptors if self.make_room() => {}
                Accepted::OutOfDescriptors => return self.pause_accepting(),
            }
            budget -= 1;
        }
        if stopping && let Some(listener) = self.listener.take() {
            // Other processes may have the same socket, so closing our descriptor would not end its registration.
            self.epoll.delete(listener)?;
        }
        Ok(())
    }

    /// No descriptor is left: closes the connection that has been idle for the longest time, if any is idle.
    fn make_room(&mut self) -> bool {
        let idle = self.table.parked().filter(|client| client.connection.is_idle());
        let oldest = idle.min_by_key(|client| client.connection.since()).map(Client::descriptor);
        let Some(client) = oldest.and_then(|descriptor| self.table.take(descriptor)) else { return false };
        self.service.happened(Event::Shed);
        self.close(client);
        self.shed += 1;
        if is_worth_a_line(self.shed) {
            log::warn!("no file descriptor is left: {} idle connections closed so far", self.shed);
        }
        true
    }

    /// No descriptor is left, and nobody is idle: leaves the backlog alone for a while. The listener would otherwise
    /// report the same client for ever.
    fn pause_accepting(&mut self) -> io::Result<()> {
        if let Some(listener) = &self.listener {
            self.epoll
                .modify(listener, &mut EpollEvent::new(EpollFlags::empty(), listener.as_raw_fd() as u64))?;
        }
        self.pauses += 1;
        if is_worth_a_line(self.pauses) {
            log::warn!("no file descriptor is left: {} pauses of {:?} so far", self.pauses, accept::PAUSE);
        }
        let until = Instant::now() + accept::PAUSE;
        self.paused_until = Some(until);
        self.next_sweep = self.next_sweep.min(until);
        Ok(())
    }

    /// Takes back the clients that the threads are done with.
    // ANCHOR: collect
    fn collect(&mut self) {
        // Cleared before it is looked into: what is put in afterwards rings again.
        self.counter.bell.clear();
        let mut returned = Vec::new();
        self.counter.inbox.take_all(&mut returned);
        for mut client in returned {
            if client.connection.is_closed() {
                self.close(client);
            } else if client.connection.is_sending() {
                client.connection.excuse();
                // Its socket was full. It may have room by now, and the report of that may have gone unheard.
                self.park(client, Renew::Registration);
            } else {
                self.attend_returned(client);
            }
        }
    }
    // ANCHOR_END: collect

    /// A client that comes back between two requests.
    fn attend_returned(&mut self, mut client: Box<Client>) {
        client.connection.expect_more();
        self.attend(client);
    }

    /// A stop was requested: take what the backlog holds, then no more clients; a last request from each.
    // ANCHOR: begin_farewell
    fn begin_farewell(&mut self) -> io::Result<()> {
        self.farewell = Some(Instant::now() + FAREWELL);
        // It rings for ever, and it has been heard.
        self.epoll.delete(self.stop.bell())?;
        self.accept()
    }
    // ANCHOR_END: begin_farewell

    fn attend_parked(&mut self, descriptor: RawFd, ended: bool) {
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
                let (service, last) = (&self.service, self.farewell.is_some());
                match connection.receive(|request| with_close(service.answer_at_once(request), last)) {
                    Received::Incomplete => return self.park(client, Renew::Nothing),
                    Received::Closed => return self.close(client),
                    Received::Refused(refusal) => connection.refuse(refusal),
                    Received::Answered => {}
                    Received::Declined => match self.offer(client) {
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

    /// Offers a complete request to the threads. When the queue is full the client comes back, with its refusal
    /// begun.
    // ANCHOR: offer
    fn offer(&self, client: Box<Client>) -> Option<Box<Client>> {
        let mut refused = self.enqueue(client)?;
        refused.connection.respond(self.counter.refusal(&*self.service));
        Some(refused)
    }
    // ANCHOR_END: offer

    /// Offers a response that must go on from the disk. It was begun, so it is never refused: it waits for room.
    fn hand_off(&mut self, client: Box<Client>) {
        if let Some(mut client) = self.enqueue(client) {
            client.connection.excuse();
            self.waiting_for_room.push(client.descriptor());
            self.table.park(client);
        }
    }

    /// Puts a client into the queue, or returns it if the queue is full.
    fn enqueue(&self, client: Box<Client>) -> Option<Box<Client>> {
        // ANCHOR: enqueue
        // Said before, because a thread may take the client before `try_enqueue` returns.
        self.service.happened(Event::Queued);
        let now = Instant::now();
        if self.counter.queue.is_empty() {
            self.counter.delay.queue_is_empty(now);
        }
        match self.counter.queue.try_enqueue(Work { client, queued_at: now }) {
            Ok(()) => None,
            Err(Refused::Full(work) | Refused::ShutDown(work)) => {
                self.service.happened(Event::Unqueued);
                Some(work.client)
            }
        }
        // ANCHOR_END: enqueue
    }

    /// Keeps a client until its socket has news.
    fn park(&mut self, mut client: Box<Client>, renew: Renew) {
        // ANCHOR: park
        let interest =
            EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLET;
        let mut event = EpollEvent::new(interest, client.descriptor() as u64);
        let result = match renew {
            _ if !client.registered => self.epoll.add(&client.connection, event),
            Renew::Registration => self.epoll.modify(&client.connection, &mut event),
            Renew::Nothing => Ok(()),
        };
        client.registered = true;
        // ANCHOR_END: park
        match result {
            Ok(()) => self.table.park(client),
            // The limit of watched descriptors (epoll(7), max_user_watches). Nobody would ever hear of this client.
            Err(_) => self.close(client),
        }
    }

    fn close(&mut self, mut client: Box<Client>) {
        client.connection.abandon(&*self.service);
        self.table.remove(client);
        self.service.happened(Event::Closed);
    }

    /// Looks at all deadlines.
    fn sweep(&mut self, now: Instant) -> io::Result<()> {
        self.next_sweep = now + SWEEP;
        if let Some(until) = self.paused_until {
            if now < until {
                self.next_sweep = until;
            } else if let Some(listener) = &self.listener {
                self.paused_until = None;
                let mut event = EpollEvent::new(EpollFlags::EPOLLIN, listener.as_raw_fd() as u64);
                self.epoll.modify(listener, &mut event)?;
            }
        }
        let mut idle = 0;
        let late: Vec<RawFd> = self
            .table
            .parked()
            .inspect(|client| idle += i64::from(client.connection.is_idle()))
            .filter(|client| self.deadline(client) <= now)
            .map(Client::descriptor)
            .collect();
        if idle != self.idle {
            self.service.happened(Event::Idle { more: idle - self.idle });
            self.idle = idle;
        }
        for descriptor in late {
            let Some(mut client) = self.table.take(descriptor) else { continue };
            if client.connection.owes_timeout_response() {
                client.connection.refuse(timed_out());
                self.attend(client);
            } else if client.connection.takes_enough(self.timeout, now) {
                self.table.park(client);
            } else {
                if client.connection.is_sending() {
                    client.connection.give_up(&*self.service);
                }
                self.close(client);
            }
        }
        Ok(())
    }

    fn deadline(&self, client: &Client) -> Instant {
        let deadline = client.connection.deadline(self.timeout);
        match self.farewell {
            Some(farewell) if client.connection.is_idle() => deadline.min(farewell),
            _ => deadline,
        }
    }
}

/// The last response of a connection says that it is the last.
fn with_close(response: Option<Response>, last: bool) -> Option<Response> {
    response.map(|response| Response { close: response.close || last, ..response })
}

/// Whether the kernel must be asked to report the state of a socket anew.
enum Renew {
    Nothing,
    Registration,
}
