//! Where the clients of a reception come in. The listening socket is watched, except for a pause after the process ran
//! out of descriptors. Which clients are accepted, and how many in a turn, is the reception's business.

use crate::counter::{Counter, is_worth_a_line};
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use stage1_single::accept::PAUSE;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Instant;

/// The listening sockets of a reception. Here there is one, the [`Door`]; the workers of stage 6 also accept from each
/// other's sockets.
pub trait Entrance {
    /// The separate listening socket for monitoring, if there is one. Called once.
    fn monitoring(&mut self) -> Option<OwnedFd> {
        None
    }

    /// Registers the sockets with `epoll`. Called once.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    fn open(&mut self, epoll: &Epoll) -> io::Result<()>;

    /// Whether this descriptor belongs to the entrance.
    fn is_mine(&self, descriptor: RawFd) -> bool;

    /// The socket to accept one more client from, after a report about this descriptor. `None`: accept no more.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    fn next(
        &mut self,
        descriptor: RawFd,
        epoll: &Epoll,
        counter: &Counter,
    ) -> io::Result<Option<BorrowedFd<'_>>>;

    /// The reception has finished a turn.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    fn turned(&mut self, _epoll: &Epoll, _counter: &Counter) -> io::Result<()> {
        Ok(())
    }

    /// Leaves all clients in the backlog for a while, and returns when that ends. Otherwise their socket would report
    /// the same client again and again.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    fn pause(&mut self, epoll: &Epoll, now: Instant) -> io::Result<Instant>;

    /// Whether accepting is paused.
    fn is_paused(&self) -> bool;

    /// Watches again if a pause is over. If it is not, returns when it will be.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    fn resume(&mut self, epoll: &Epoll, now: Instant) -> io::Result<Option<Instant>>;

    /// Accepting from this descriptor has failed. `Ok`: the failure was expected, and the reception continues.
    ///
    /// # Errors
    /// The error itself.
    fn failed(&mut self, _descriptor: RawFd, _epoll: &Epoll, error: io::Error) -> io::Result<()> {
        Err(error)
    }

    /// A stop was requested: only the clients that wait already are still accepted. Nothing is watched from here on.
    fn close(self, epoll: &Epoll) -> LastClients;
}

/// The clients that were waiting when a stop was requested.
#[derive(Debug)]
pub struct LastClients {
    /// The sockets that they wait at.
    pub sockets: Vec<OwnedFd>,
    /// Later clients must be refused, even if another process has the same sockets.
    pub refuse_others: bool,
}

/// One listening socket that an epoll instance watches. Level-triggered: it reports until its backlog is empty.
#[derive(Debug)]
pub struct Door {
    listener: OwnedFd,
    monitoring: Option<OwnedFd>,
    pause: Pause,
}

/// A pause in accepting, after running out of descriptors.
#[derive(Debug, Default)]
pub struct Pause {
    until: Option<Instant>,
    /// How many there were, for the log.
    count: u64,
}

impl Door {
    /// The door of a listening socket, which must not block.
    pub fn new(listener: OwnedFd) -> Door {
        Door { listener, monitoring: None, pause: Pause::default() }
    }

    /// The same, with another listening socket for monitoring.
    pub fn with_monitoring(self, monitoring: Option<OwnedFd>) -> Door {
        Door { monitoring, ..self }
    }

    /// Watches for clients, or leaves them in the backlog.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn watch(&self, epoll: &Epoll, wanted: bool) -> io::Result<()> {
        let flags = if wanted { EpollFlags::EPOLLIN } else { EpollFlags::empty() };
        Ok(epoll.modify(&self.listener, &mut self.interest(flags))?)
    }

    fn interest(&self, flags: EpollFlags) -> EpollEvent {
        EpollEvent::new(flags, self.listener.as_raw_fd() as u64)
    }
}

impl Pause {
    /// Begins a pause, and returns when it ends.
    pub fn begin(&mut self, now: Instant) -> Instant {
        self.count += 1;
        if is_worth_a_line(self.count) {
            log::warn!("no file descriptor is left: {} pauses of {PAUSE:?} so far", self.count);
        }
        let until = now + PAUSE;
        self.until = Some(until);
        until
    }

    /// Ends the pause if its time is over. `false` if it is not, or there is none.
    pub fn is_just_over(&mut self, now: Instant) -> bool {
        self.until.take_if(|until| now >= *until).is_some()
    }

    /// When the pause ends; `None` if there is none.
    pub fn until(&self) -> Option<Instant> {
        self.until
    }
}

impl AsFd for Door {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl Entrance for Door {
    fn monitoring(&mut self) -> Option<OwnedFd> {
        self.monitoring.take()
    }

    fn open(&mut self, epoll: &Epoll) -> io::Result<()> {
        Ok(epoll.add(&self.listener, self.interest(EpollFlags::EPOLLIN))?)
    }

    fn is_mine(&self, descriptor: RawFd) -> bool {
        self.listener.as_raw_fd() == descriptor
    }

    fn next(&mut self, _: RawFd, _: &Epoll, _: &Counter) -> io::Result<Option<BorrowedFd<'_>>> {
        Ok(Some(self.listener.as_fd()))
    }

    fn pause(&mut self, epoll: &Epoll, now: Instant) -> io::Result<Instant> {
        self.watch(epoll, false)?;
        Ok(self.pause.begin(now))
    }

    fn is_paused(&self) -> bool {
        self.pause.until().is_some()
    }

    fn resume(&mut self, epoll: &Epoll, now: Instant) -> io::Result<Option<Instant>> {
        if self.pause.is_just_over(now) {
            self.watch(epoll, true)?;
        }
        Ok(self.pause.until())
    }

    fn close(self, epoll: &Epoll) -> LastClients {
        // Reports would come for as long as the descriptor is open. This cannot fail, because the socket is registered.
        let _ = epoll.delete(&self.listener);
        LastClients { sockets: vec![self.listener], refuse_others: true }
    }
}
