//! The entrance of a worker: its own listening socket, and those of other slots while they need cover.
//!
//! Every worker inherits all sockets. Which of them it watches follows from the slots' reasons in the shared statistics
//! ([`SharedStats::watches`]); when one of these changes, a bell rings in every worker, and each looks again.
//!
//! ```text
//!                    socket 0           socket 1           socket 2
//!                       |                  |                  |
//!   all is well      worker 0           worker 1           worker 2
//!   1 is dead        worker 0        worker 0 or 2         worker 2        Absent: rung by the master
//!   2 is full        worker 0           worker 1         worker 0 or 1     Full: rung by worker 2
//!   all are full     worker 0           worker 1           worker 2        and each refuses with 503
//! ```

use crate::signals;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use nix::unistd::{Pid, getppid};
use parts::prefork::ListeningSocket;
use parts::request::Bell;
use parts::stats::{SharedStats, Why};
use program::bell::EventBell;
use stage3_queue::counter::Counter;
use stage3_queue::door::{Entrance, LastClients, Pause};
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the processes of a herd share to cover for each other.
#[derive(Debug, Clone)]
pub struct Board {
    stats: Arc<SharedStats>,
    /// Wakes every worker when a reason has changed. It is never cleared: the workers watch it edge-triggered, so each
    /// of them gets a report of every ring (epoll(7)).
    bell: Arc<EventBell>,
}

/// The sockets that a worker accepts from.
#[derive(Debug)]
pub struct Doors {
    board: Board,
    /// One for each slot.
    sockets: Vec<ListeningSocket>,
    /// The monitoring socket, which all workers share.
    monitoring: Option<OwnedFd>,
    /// Which of the slots' sockets are watched.
    watched: Vec<bool>,
    slot: usize,
    seat: usize,
    master: Pid,
    /// How long the herd's stop may take.
    grace: Duration,
    /// This worker is overloaded, and has announced it.
    full: bool,
    /// This worker is leaving, and watches nothing any more.
    given_up: bool,
    pause: Pause,
}

impl Board {
    /// A board for the slots of these statistics. Must be made before the first fork, so that all processes share the
    /// bell.
    ///
    /// # Errors
    /// Those of eventfd(2): no descriptor left.
    pub fn new(stats: Arc<SharedStats>) -> nix::Result<Board> {
        Ok(Board { stats, bell: Arc::new(EventBell::new()?) })
    }

    /// Sets or clears a reason why a slot needs cover, and wakes every worker if that has changed.
    pub fn set(&self, slot: usize, why: Why, holds: bool) {
        if self.stats.slot(slot).cover().set(why, holds) {
            self.bell.ring();
        }
    }

    /// Makes every worker look again.
    pub fn remind(&self) {
        self.bell.ring();
    }
}

impl Doors {
    /// The doors of the worker that has this seat of this slot, and this master. When the herd stops, the worker may
    /// take up to `grace`.
    pub fn new(
        board: Board,
        sockets: Vec<ListeningSocket>,
        slot: usize,
        seat: usize,
        master: Pid,
        grace: Duration,
    ) -> Doors {
        let watched = vec![false; sockets.len()];
        Doors {
            board,
            sockets,
            monitoring: None,
            watched,
            slot,
            seat,
            master,
            grace,
            full: false,
            given_up: false,
            pause: Pause::default(),
        }
    }

    /// The same, with the monitoring socket.
    pub fn with_monitoring(self, monitoring: Option<OwnedFd>) -> Doors {
        Doors { monitoring, ..self }
    }

    /// Whether the whole herd stops, and not only this worker. Then the sockets are shut down and not only closed: a
    /// worker that is suspended (SIGSTOP) holds them too, and the port would stay open for as long as it is suspended.
    fn herd_stops(&self) -> bool {
        self.board.stats.slot(self.slot).cover().is_closing() || getppid() != self.master
    }

    fn is_bell(&self, descriptor: RawFd) -> bool {
        self.board.bell.as_fd().as_raw_fd() == descriptor
    }

    /// The slot that this socket belongs to.
    fn slot_of(&self, descriptor: RawFd) -> Option<usize> {
        self.sockets.iter().position(|socket| socket.as_fd().as_raw_fd() == descriptor)
    }

    /// Watches nothing any more.
    fn give_up(&mut self, epoll: &Epoll) {
        self.given_up = true;
        // Fails only for a socket that is not watched.
        let _ = epoll.delete(&*self.board.bell);
        for socket in &self.sockets {
            let _ = epoll.delete(socket);
        }
        self.watched.fill(false);
    }

    /// Announces whether this worker needs cover, if that has changed, and looks again.
    fn tell(&mut self, epoll: &Epoll) -> io::Result<()> {
        let needs_cover = self.full || self.is_paused();
        self.board.set(self.slot, Why::Full { seat: self.seat }, needs_cover);
        self.look(epoll)
    }

    /// Watches the sockets that this worker should accept from now.
    // ANCHOR: look
    fn look(&mut self, epoll: &Epoll) -> io::Result<()> {
        if self.given_up {
            return Ok(());
        }
        let wanted = match self.is_paused() {
            true => vec![false; self.sockets.len()],
            false => self.board.stats.watches(self.slot, self.full),
        };
        for (slot, wanted) in wanted.into_iter().enumerate() {
            let socket = &self.sockets[slot];
            let was_watched = std::mem::replace(&mut self.watched[slot], wanted);
            if slot == self.slot {
                // Its registration is kept, so that the kernel cannot refuse it when it is wanted
                // again.
                let flags = if wanted { EpollFlags::EPOLLIN } else { EpollFlags::empty() };
                if wanted != was_watched {
                    epoll.modify(socket, &mut event(socket, flags))?;
                }
                continue;
            }
            // Another slot's socket is registered anew each time, which reports clients that wait
            // already: they may have been reported to a worker that was killed a moment later.
            if was_watched && epoll.delete(socket).is_err() {
                self.watched[slot] = true;
                continue;
            }
            // A client wakes one of the workers that watch, not all (EPOLLEXCLUSIVE, epoll_ctl(2)). If
            // the kernel can watch no more, others may cover, and the master reminds us.
            let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLEXCLUSIVE;
            self.watched[slot] = wanted && epoll.add(socket, event(socket, flags)).is_ok();
        }
        Ok(())
    }
    // ANCHOR_END: look
}

/// An interest in this source, whose reports carry its descriptor.
fn event(source: &impl AsFd, flags: EpollFlags) -> EpollEvent {
    EpollEvent::new(flags, source.as_fd().as_raw_fd() as u64)
}

impl Entrance for Doors {
    fn monitoring(&mut self) -> Option<OwnedFd> {
        self.monitoring.take()
    }

    fn open(&mut self, epoll: &Epoll) -> io::Result<()> {
        let bell = &self.board.bell;
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
        // Registered before the first look, so that a reason set in between rings.
        epoll.add(&**bell, event(&**bell, flags))?;
        let own = &self.sockets[self.slot];
        epoll.add(own, event(own, EpollFlags::EPOLLIN))?;
        self.watched[self.slot] = true;
        self.look(epoll)
    }

    fn is_mine(&self, descriptor: RawFd) -> bool {
        // The sockets are older than any client, so nearly every client's descriptor is higher than all of theirs.
        let last = self.sockets.last().map_or(0, |socket| socket.as_fd().as_raw_fd());
        self.is_bell(descriptor) || (descriptor <= last && self.slot_of(descriptor).is_some())
    }

    fn next(
        &mut self,
        descriptor: RawFd,
        epoll: &Epoll,
        counter: &Counter,
    ) -> io::Result<Option<BorrowedFd<'_>>> {
        // ANCHOR: next
        if !self.full && counter.is_overloaded(Instant::now()) {
            self.full = true;
            self.tell(epoll)?;
        } else if self.is_bell(descriptor) {
            self.look(epoll)?;
        }
        let slot = self.slot_of(descriptor).filter(|&slot| self.watched[slot]);
        Ok(slot.map(|slot| self.sockets[slot].as_fd()))
        // ANCHOR_END: next
    }

    fn turned(&mut self, epoll: &Epoll, counter: &Counter) -> io::Result<()> {
        if self.full && counter.nothing_waits() {
            self.full = false;
            self.tell(epoll)?;
        }
        Ok(())
    }

    fn pause(&mut self, epoll: &Epoll, now: Instant) -> io::Result<Instant> {
        let until = self.pause.begin(now);
        self.tell(epoll)?;
        Ok(until)
    }

    fn is_paused(&self) -> bool {
        self.pause.until().is_some()
    }

    fn resume(&mut self, epoll: &Epoll, now: Instant) -> io::Result<Option<Instant>> {
        if self.pause.is_just_over(now) {
            self.tell(epoll)?;
        }
        Ok(self.pause.until())
    }

    fn failed(&mut self, _: RawFd, epoll: &Epoll, error: io::Error) -> io::Result<()> {
        if !self.herd_stops() {
            return Err(error);
        }
        // A sibling was asked to leave a moment earlier, and has shut the socket down. Our turn is next.
        self.give_up(epoll);
        Ok(())
    }

    fn close(mut self, epoll: &Epoll) -> LastClients {
        let refuse_others = self.herd_stops();
        if refuse_others {
            // The master kills us after that time. But the master may be dead: perhaps that is why we stop.
            signals::end_within(self.grace);
        }
        self.give_up(epoll);
        self.board.set(self.slot, Why::Full { seat: self.seat }, false);
        let mut sockets = Vec::new();
        for (slot, socket) in self.sockets.into_iter().enumerate() {
            // There may be no other worker to accept the clients of a slot that needs cover.
            if slot == self.slot || refuse_others || self.board.stats.slot(slot).cover().is_needed() {
                sockets.push(OwnedFd::from(TcpListener::from(socket)));
            }
        }
        LastClients { sockets, refuse_others }
    }
}
