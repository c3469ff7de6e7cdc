//! The master: it carries out what the supervisor decides.
//!
//! It has one thread and no clients, so there is little that can go wrong, and forking it is safe: fork(2) copies only
//! the calling thread, and a lock that another thread held would stay locked in the child forever.

use crate::children::{Children, reap};
use crate::covering::Board;
use crate::reload::{Outcome, Reload};
use crate::service::Heartbeat;
use crate::silence::PendingStop;
use crate::trial::Opened;
use crate::watchdog::Watchdog;
use crate::worker::{self, Orders};
use crate::{PROGRAM, service, signals};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use parts::prefork::{Action, DONE, Event, ListeningSocket, Mailbox, Notice, Policy, Supervisor};
use parts::stats::{SharedStats, Why};
use program::bell::{EventBell, poll_timeout};
use program::failure::{Failure, exit};
use program::listening::{announce, announce_monitoring};
use program::settings::Settings;
use std::collections::{BTreeSet, VecDeque};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// A limit that is never reached: a hundred years.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// How long the master sleeps if it cannot wait for events.
const AFTER_FAILED_POLL: Duration = Duration::from_millis(500);

/// How long a new worker may take to begin serving.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// The process that every worker is a child of.
pub struct Master {
    /// The settings of workers forked from now on.
    settings: Settings,
    /// The root and the logs of workers forked from now on.
    opened: Opened,
    reload: Reload,
    address: SocketAddr,
    /// One per slot. The master keeps them open as long as it may fork another worker: a socket that closes resets
    /// the clients in its backlog.
    sockets: Vec<ListeningSocket>,
    /// The monitoring socket, if there is one. Every worker accepts from it, so monitoring works while any worker does.
    monitoring: Option<(TcpListener, SocketAddr)>,
    stats: Arc<SharedStats>,
    board: Board,
    watchdog: Watchdog,
    heartbeat: Heartbeat,
    supervisor: Supervisor,
    mailbox: &'static Mailbox,
    bell: &'static EventBell,
    children: Children,
    /// Slots that have not served yet. The herd announces itself when the last one does.
    awaited: BTreeSet<usize>,
    stop: PendingStop,
}

/// Whether the loop continues.
enum Turn {
    Again,
    Finished(i32),
}

impl Master {
    /// A master that has not forked yet.
    ///
    /// # Errors
    /// [`Failure::Running`] when the system refuses descriptors or signal handlers.
    pub fn new(
        settings: Settings,
        opened: Opened,
        sockets: Vec<ListeningSocket>,
        monitoring: Option<(TcpListener, SocketAddr)>,
        stats: Arc<SharedStats>,
    ) -> Result<Master, Failure> {
        let (mailbox, bell) = signals::for_master().map_err(Failure::cannot("receive signals"))?;
        let address = sockets.first().map_or(Ok(settings.socket_address()), ListeningSocket::local_address);
        let board = Board::new(stats.clone()).map_err(Failure::cannot("receive signals"))?;
        let (grace, drain) = patience(&settings);
        let policy = Policy { slots: sockets.len(), grace, drain, ready_within: READY_WITHIN };
        Ok(Master {
            settings,
            opened,
            reload: Reload::default(),
            address: address.map_err(Failure::running)?,
            awaited: (0..sockets.len()).collect(),
            sockets,
            monitoring,
            watchdog: Watchdog::new(board.clone(), stats.clone()),
            heartbeat: Heartbeat::wanted(),
            board,
            stats,
            supervisor: Supervisor::new(policy),
            mailbox,
            bell,
            children: Children::new().map_err(Failure::cannot("open the pipe from the workers"))?,
            stop: PendingStop::default(),
        })
    }

    /// Forks the workers and looks after them until a stop, or until no worker can be kept alive.
    ///
    /// # Errors
    /// [`Failure::Code`] when no worker could be kept alive; [`Failure::Running`] when the system fails.
    pub fn run(mut self) -> Result<(), Failure> {
        let mut turn = self.handle(Event::Start)?;
        loop {
            match turn {
                Turn::Finished(DONE) => return Ok(()),
                Turn::Finished(code) => {
                    return Err(Failure::Code(u8::try_from(code).unwrap_or(exit::FAILED)));
                }
                Turn::Again => {}
            }
            self.sleep();
            turn = self.look_around()?;
        }
    }

    /// Sleeps until a signal, a worker that is ready, the next look at the workers, or the next deadline.
    fn sleep(&self) {
        let deadlines = [self.supervisor.deadline(), self.reload.deadline(), self.stop.deadline()];
        let deadline = deadlines.into_iter().flatten().fold(self.watchdog.next_look(), Instant::min);
        let timeout = poll_timeout(deadline.saturating_duration_since(Instant::now()));
        let readable = PollFlags::POLLIN;
        let mut sources =
            [PollFd::new(self.bell.as_fd(), readable), PollFd::new(self.children.as_fd(), readable)];
        match poll(&mut sources, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => {
                // Without the master, no dead worker would be replaced. So it continues, and only notices deaths later.
                log::error!("the master cannot wait for events: {}", errno.desc());
                thread::sleep(AFTER_FAILED_POLL);
            }
        }
    }

    /// Hands everything that has happened to the supervisor.
    // ANCHOR: look_around
    fn look_around(&mut self) -> Result<Turn, Failure> {
        // Clear the bell before emptying the mailbox, so that a notice that comes in between
        // rings again.
        self.bell.clear();
        let notices = self.mailbox.take();
        let (mut events, mut some_died) = (Vec::new(), false);
        while let Some(pid) = self.children.next_ready() {
            events.push(Event::Ready { pid });
        }
        for notice in notices {
            match notice {
                Notice::StopNow => events.push(Event::StopNow),
                Notice::Stop => {
                    // A worker that does not move now would not answer a request to leave either.
                    events.extend(self.watchdog.stuck(&self.supervisor));
                    events.extend(self.stop.asked(&self.sockets, self.address));
                }
                Notice::Reload => events.extend(self.begin_reload(Reload::begin)),
                Notice::ChildExited => some_died = true,
            }
        }
        events.extend(self.give_up_late_reload());
        if signals::reopen_asked() {
            events.extend(self.begin_reload(Reload::begin_logs));
        }
        events.extend(self.stop.is_due(self.address));
        let now = Instant::now();
        events.extend(self.watchdog.look(now, &self.sockets, &self.supervisor, self.settings.timeout));
        self.heartbeat.beat(now);
        events.push(Event::Tick);
        // Each child is reaped only when all before it is handled: until then its process id is its
        // own, so no signal that is sent meanwhile can reach a stranger.
        let exits = std::iter::from_fn(|| some_died.then(reap).flatten());
        for event in events.into_iter().chain(exits) {
            if let Turn::Finished(code) = self.handle(event)? {
                return Ok(Turn::Finished(code));
            }
        }
        Ok(Turn::Again)
    }
    // ANCHOR_END: look_around

    /// Hands one event to the supervisor and does what it says. A fork adds an event of its own, which is handled too.
    fn handle(&mut self, event: Event) -> Result<Turn, Failure> {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            match event {
                Event::Ready { pid } => self.announce_when_complete(pid),
                Event::Exited { pid, how } => {
                    let outcome = self.reload.is_over(&self.settings, pid, how);
                    events.extend(outcome.and_then(|outcome| self.reloaded(outcome)));
                }
                _ => {}
            }
            let is_stop = matches!(event, Event::Stop | Event::StopNow);
            if is_stop {
                (0..self.stats.slots()).for_each(|slot| self.board.set(slot, Why::Closing, true));
            }
            // ANCHOR: carry_out
            for action in self.supervisor.handle(Instant::now(), event) {
                match action {
                    Action::Spawn { slot, seat } => events.push_back(self.spawn(slot, seat)),
                    Action::Terminate { pid } => send(pid, Signal::SIGTERM),
                    Action::Abort { pid } => send(pid, Signal::SIGABRT),
                    Action::Kill { pid } => send(pid, Signal::SIGKILL),
                    Action::Settle { slot, seat, pid } => self.settle(slot, seat, pid),
                    Action::Restarted { slot } => self.stats.slot(slot).count_restart(),
                    Action::Note(note) => service::note(&note),
                    Action::Finish { code } => return Ok(Turn::Finished(code)),
                }
            }
            if is_stop {
                service::stopping();
                self.reload.give_up();
                // The workers empty their backlogs now. Once each has closed its copy the port is free,
                // and a client that comes later is refused instead of left waiting.
                self.sockets.clear();
                self.monitoring = None;
            }
            // ANCHOR_END: carry_out
            self.see_who_is_absent();
        }
        Ok(Turn::Again)
    }

    // ANCHOR: spawn
    fn spawn(&mut self, slot: usize, seat: usize) -> Event {
        let Master { children, sockets, monitoring, settings, opened, stats, board, .. } = self;
        let life = |master, ready: &OwnedFd| {
            // This runs in the child, so it only empties the child's own copy.
            let (sockets, board) = (std::mem::take(sockets), board.clone());
            let monitoring = monitoring.take().map(|(listener, _)| listener.into());
            let stats = stats.clone();
            let orders = Orders { master, slot, seat, opened, sockets, monitoring, board, ready };
            worker::run(settings, stats, orders)
        };
        match children.fork(slot, life) {
            Ok(pid) => Event::Spawned { slot, seat, pid },
            Err(errno) => {
                log::error!("cannot fork: {}", errno.desc());
                Event::SpawnFailed { slot }
            }
        }
    }
    // ANCHOR_END: spawn

    // ANCHOR: settle
    fn settle(&mut self, slot: usize, seat: usize, pid: Pid) {
        self.children.forget(pid);
        self.stats.slot(slot).settle(seat);
        self.board.set(slot, Why::Full { seat }, false);
        self.stats.settle(pid.as_raw().cast_unsigned());
    }
    // ANCHOR_END: settle

    /// Other workers accept for a slot in which no worker serves.
    fn see_who_is_absent(&self) {
        for slot in 0..self.stats.slots() {
            self.board.set(slot, Why::Absent, self.supervisor.serving(slot).is_none());
        }
    }

    /// Begins a trial of something new, in a child. A herd that is stopping has no use for one.
    fn begin_reload(
        &mut self,
        begin: impl FnOnce(&mut Reload, &Settings) -> Option<Outcome>,
    ) -> Option<Event> {
        if self.sockets.is_empty() {
            return None;
        }
        begin(&mut self.reload, &self.settings).and_then(|outcome| self.reloaded(outcome))
    }

    fn give_up_late_reload(&mut self) -> Option<Event> {
        self.reload.is_late().and_then(|outcome| self.reloaded(outcome))
    }

    /// Workers forked from now on use the settings that were tried. If those cannot be used, everything stays.
    fn reloaded(&mut self, outcome: Outcome) -> Option<Event> {
        match outcome {
            Outcome::Use(settings, opened) => {
                if self.children.count() > self.stats.slots() {
                    log::info!("a slot whose previous worker still serves clients gets its new worker later");
                }
                let (grace, drain) = patience(&settings);
                self.supervisor.set_patience(grace, drain);
                self.settings = *settings;
                self.opened = opened;
                Some(Event::Reload)
            }
            Outcome::UseLogs(logs) => {
                self.opened.logs = logs;
                Some(Event::Reload)
            }
            Outcome::Keep => {
                service::reloading();
                service::ready("serving with the settings from before; the log says why");
                None
            }
        }
    }

    fn announce_when_complete(&mut self, pid: Pid) {
        if let Some(slot) = self.children.slot(pid)
            && self.awaited.remove(&slot)
            && self.awaited.is_empty()
        {
            announce(PROGRAM, self.address);
            announce_monitoring(PROGRAM, self.monitoring.as_ref().map(|(_, address)| *address));
            service::ready(service::SERVING);
        }
    }
}

/// How long workers may take to leave when the herd stops, and when they are replaced.
fn patience(settings: &Settings) -> (Duration, Duration) {
    (settings.drain.unwrap_or(worker::GRACE), settings.drain.unwrap_or(FOR_EVER))
}

/// Sends a signal to a worker. It may have ended, but it is not reaped yet: the supervisor has not heard of its exit.
fn send(pid: Pid, signal: Signal) {
    let sent = kill(pid, signal);
    debug_assert_ne!(sent, Err(Errno::ESRCH), "a signal for worker {pid}, which was reaped already");
}
