//! The listening socket of a reception: watched while clients may come in, and left alone for a while when the process
//! has no descriptor left. Which clients are accepted, and how many in a turn, is the reception's business.

use crate::counter::is_worth_a_line;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use stage1_single::accept::PAUSE;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Instant;

/// A listening socket that an epoll instance watches. Level-triggered: it reports until its backlog is empty.
#[derive(Debug)]
pub struct Door {
    listener: OwnedFd,
    /// When to accept again after running out of descriptors.
    paused_until: Option<Instant>,
    /// How many pauses were made, for the log.
    pauses: u64,
}

impl Door {
    /// Watches a listening socket, which does not block.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn open(listener: OwnedFd, epoll: &Epoll) -> io::Result<Door> {
        let door = Door { listener, paused_until: None, pauses: 0 };
        epoll.add(&door, door.interest(EpollFlags::EPOLLIN))?;
        Ok(door)
    }

    /// Leaves the backlog alone for a while, and says until when. The socket would otherwise report the same client
    /// again and again.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn pause(&mut self, epoll: &Epoll, now: Instant) -> io::Result<Instant> {
        epoll.modify(&*self, &mut self.interest(EpollFlags::empty()))?;
        self.pauses += 1;
        if is_worth_a_line(self.pauses) {
            log::warn!("no file descriptor is left: {} pauses of {PAUSE:?} so far", self.pauses);
        }
        let until = now + PAUSE;
        self.paused_until = Some(until);
        Ok(until)
    }

    /// Whether the backlog is left alone for a while.
    pub fn is_paused(&self) -> bool {
        self.paused_until.is_some()
    }

    /// Watches the backlog again if a pause is over. If it is not, says when it will be.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn resume(&mut self, epoll: &Epoll, now: Instant) -> io::Result<Option<Instant>> {
        if self.paused_until.take_if(|until| now >= *until).is_some() {
            epoll.modify(&*self, &mut self.interest(EpollFlags::EPOLLIN))?;
        }
        Ok(self.paused_until)
    }

    /// No client is accepted any more. Other processes may have the same socket, so closing our descriptor would not
    /// end its registration.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn close(self, epoll: &Epoll) -> io::Result<()> {
        Ok(epoll.delete(self)?)
    }

    fn interest(&self, flags: EpollFlags) -> EpollEvent {
        EpollEvent::new(flags, self.listener.as_raw_fd() as u64)
    }
}

impl AsFd for Door {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}
