//! The reception: one thread that waits for all clients and never for a single one.
//!
//! In each turn it sleeps until the kernel has news, and then does everything that is possible without waiting: it
//! accepts, passes reports on to the [clients](crate::clients), takes back clients that the threads are done with, and
//! checks deadlines. What is done for a client is decided there.

use crate::clients::Clients;
use crate::counter::Counter;
use crate::deadlines::{Deadlines, Survey};
use crate::door::{Door, Entrance, LastClients};
use crate::pool::Pool;
use crate::service::Service;
use crate::table::Origin;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{Shutdown, shutdown};
use program::stop::Stop;
use stage1_single::accept::{self, Accepted, PAUSE};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How soon a client is queued again if its response must continue but the queue was full.
const RETRY: Duration = Duration::from_millis(10);

/// How many clients are accepted in one turn before the connected clients get theirs.
const ACCEPT_BUDGET: usize = 64;

/// Events taken from the kernel in one turn.
const EVENTS: usize = 256;

/// The thread that waits.
pub struct Reception<S, E> {
    epoll: Arc<Epoll>,
    /// `None` once a stop was requested.
    entrance: Option<E>,
    /// The door for monitoring clients. Several processes may watch this socket; all of them wake for a client, and one
    /// of them gets it. For a few clients per second that costs little, and no client can be left to a single woken
    /// worker that is dead or stopped by now.
    monitoring: Option<Door>,
    /// The sockets of the last clients, from a requested stop until all of these clients are accepted.
    last: Vec<(OwnedFd, Origin)>,
    /// Clients that come after them must be refused.
    refuse_others: bool,
    clients: Clients<S>,
    counter: Arc<Counter>,
    deadlines: Deadlines,
    stop: &'static Stop,
}

impl<S: Service, E: Entrance> Reception<S, E> {
    /// A reception for the clients that come in at `entrance`, and the threads of `pool`.
    ///
    /// # Errors
    /// Those of epoll_create1(2) and epoll_ctl(2).
    pub fn new(
        mut entrance: E,
        pool: &Pool,
        service: Arc<S>,
        timeout: Duration,
        stop: &'static Stop,
    ) -> io::Result<Reception<S, E>> {
        let counter = pool.counter();
        let epoll = Arc::new(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?);
        entrance.open(&epoll)?;
        let mut monitoring = entrance.monitoring().map(Door::new);
        if let Some(door) = &mut monitoring {
            door.open(&epoll)?;
        }
        // Level-triggered: they report until they are dealt with.
        for source in [counter.bell.as_fd(), stop.bell().as_fd()] {
            epoll.add(source, EpollEvent::new(EpollFlags::EPOLLIN, source.as_raw_fd() as u64))?;
        }
        Ok(Reception {
            entrance: Some(entrance),
            monitoring,
            last: Vec::new(),
            refuse_others: false,
            clients: Clients::new(epoll.clone(), counter.clone(), service),
            epoll,
            counter,
            deadlines: Deadlines::new(timeout, Instant::now()),
            stop,
        })
    }

    /// Attends to clients until a stop is requested and the last one has left.
    ///
    /// # Errors
    /// Those of epoll_wait(2) and of the listening socket.
    pub fn run(mut self) -> io::Result<()> {
        // ANCHOR: run
        let mut events = [EpollEvent::empty(); EVENTS];
        while self.entrance.is_some() || !self.last.is_empty() || !self.clients.table().is_empty() {
            let count = match self.epoll.wait(&mut events, self.patience()) {
                Ok(count) => count,
                Err(Errno::EINTR) => 0,
                Err(errno) => return Err(errno.into()),
            };
            for event in &events[..count] {
                self.handle(event)?;
            }
            self.clients.attend_again();
            self.clients.turned();
            if let Some(entrance) = &mut self.entrance {
                entrance.turned(&self.epoll, &self.counter)?;
            }
            let now = Instant::now();
            if self.deadlines.sweep_is_due(now) {
                self.sweep(now)?;
            }
            // ANCHOR_END: run
        }
        Ok(())
    }

    /// How long epoll_wait(2) may sleep when nothing happens.
    fn patience(&self) -> EpollTimeout {
        let is_paused = self.entrance.as_ref().is_some_and(E::is_paused);
        let patience = if self.clients.has_more_to_do() {
            Duration::ZERO
        } else if self.clients.waits_for_room() {
            RETRY
        } else if self.clients.is_quiet() && self.last.is_empty() && !is_paused {
            return EpollTimeout::NONE;
        } else {
            self.deadlines.until_sweep(Instant::now())
        };
        // Rounded up: a turn that begins a moment early has nothing to do.
        EpollTimeout::try_from(patience.as_micros().div_ceil(1000) as i32).unwrap_or(EpollTimeout::ZERO)
    }

    fn handle(&mut self, event: &EpollEvent) -> io::Result<()> {
        let descriptor = event.data() as RawFd;
        let is = |source: &dyn AsFd| source.as_fd().as_raw_fd() == descriptor;
        if self.entrance.as_ref().is_some_and(|entrance| entrance.is_mine(descriptor))
            || self.is_monitoring(descriptor)
        {
            self.accept(descriptor)
        } else if is(&self.counter.bell) {
            self.clients.collect();
            Ok(())
        } else if is(self.stop.bell()) {
            self.begin_farewell()
        } else {
            // The end of the stream may follow bytes that were read already.
            let ended = event.events().intersects(EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLHUP);
            self.clients.attend_parked(descriptor, ended);
            Ok(())
        }
    }

    /// Accepts clients, within the budget of a turn.
    fn accept(&mut self, descriptor: RawFd) -> io::Result<()> {
        for _ in 0..ACCEPT_BUDGET {
            let Some(entrance) = &mut self.entrance else { break };
            let (accepted, origin) = match &self.monitoring {
                Some(door) if door.is_mine(descriptor) => (accept::accept(door), Origin::Monitoring),
                _ => match entrance.next(descriptor, &self.epoll, &self.counter)? {
                    Some(socket) => (accept::accept(&socket), Origin::Public),
                    None => break,
                },
            };
            match accepted {
                Ok(accepted) => {
                    if !self.take_in(accepted, origin)? {
                        break;
                    }
                }
                Err(error) => {
                    entrance.failed(descriptor, &self.epoll, error)?;
                    if self.is_monitoring(descriptor) {
                        self.close_monitoring();
                    }
                    break;
                }
            }
        }
        Ok(())
    }

    fn is_monitoring(&self, descriptor: RawFd) -> bool {
        self.monitoring.as_ref().is_some_and(|door| door.is_mine(descriptor))
    }

    /// Handles the result of one accept. `false` if no more can be accepted for now.
    fn take_in(&mut self, accepted: Accepted, origin: Origin) -> io::Result<bool> {
        match accepted {
            Accepted::Client(connection) => self.clients.welcome(connection, origin),
            Accepted::Nobody => return Ok(false),
            Accepted::OutOfDescriptors if self.clients.make_room() => {}
            Accepted::OutOfDescriptors => {
                let now = Instant::now();
                self.watch_monitoring(false)?;
                let until = match &mut self.entrance {
                    Some(entrance) => entrance.pause(&self.epoll, now)?,
                    None => now + PAUSE,
                };
                self.deadlines.sweep_by(until);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Accepts every client that was waiting when a stop was requested. If there is no descriptor for a client, it
    /// waits for a pause; it is given up if no connected client is left that could free one.
    fn accept_the_last(&mut self) -> io::Result<()> {
        while let Some((socket, origin)) = self.last.last() {
            match accept::accept(socket) {
                // An error: another process was quicker, and has shut the socket down already.
                Ok(Accepted::Nobody) | Err(_) => {
                    if self.refuse_others {
                        let _ = shutdown(socket.as_raw_fd(), Shutdown::Both);
                    }
                    self.last.pop();
                }
                Ok(accepted) => {
                    if !self.take_in(accepted, *origin)? {
                        if self.clients.table().is_empty() && self.deadlines.is_farewell_over(Instant::now())
                        {
                            self.last.clear();
                        }
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// A stop was requested: take what the backlog holds, then no more clients; a last request from each.
    // ANCHOR: begin_farewell
    fn begin_farewell(&mut self) -> io::Result<()> {
        self.deadlines.begin_farewell(Instant::now());
        self.clients.begin_farewell();
        // It stays set, and we have seen it.
        self.epoll.delete(self.stop.bell())?;
        self.close_the_doors();
        self.accept_the_last()
    }
    // ANCHOR_END: begin_farewell

    fn close_the_doors(&mut self) {
        let Some(entrance) = self.entrance.take() else { return };
        let LastClients { sockets, refuse_others } = entrance.close(&self.epoll);
        self.refuse_others = refuse_others;
        self.last.extend(sockets.into_iter().map(|socket| (socket, Origin::Public)));
        let monitoring = self.close_monitoring();
        // If only this worker leaves, others accept from the same socket.
        if refuse_others {
            self.last.extend(monitoring.map(|socket| (socket, Origin::Monitoring)));
        }
    }

    /// Stops watching for monitoring clients, which others accept. Returns their socket.
    fn close_monitoring(&mut self) -> Option<OwnedFd> {
        self.monitoring.take().and_then(|door| door.close(&self.epoll).sockets.pop())
    }

    /// Watches for monitoring clients, or leaves them in the backlog for a while.
    fn watch_monitoring(&self, wanted: bool) -> io::Result<()> {
        self.monitoring.as_ref().map_or(Ok(()), |door| door.watch(&self.epoll, wanted))
    }

    /// Checks all deadlines.
    fn sweep(&mut self, now: Instant) -> io::Result<()> {
        self.deadlines.swept(now);
        self.accept_the_last()?;
        if let Some(entrance) = &mut self.entrance
            && entrance.is_paused()
        {
            match entrance.resume(&self.epoll, now)? {
                Some(until) => self.deadlines.sweep_by(until),
                None => self.watch_monitoring(true)?,
            }
        }
        let Survey { idle, late } = self.deadlines.survey(self.clients.table(), now);
        self.clients.count_idle(idle);
        for descriptor in late {
            self.clients.time_is_up(descriptor, self.deadlines.timeout(), now);
        }
        Ok(())
    }
}
