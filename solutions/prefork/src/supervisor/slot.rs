//! A slot: two seats, and the post that one of them holds.
//!
//! A **seat** is the life of one process; each arrow is an event, or a deadline. (A starting process can be
//! asked to leave too, any process can be killed, and a serving or draining one can be aborted.)
//!
//! ```text
//!          Spawn           Spawned            Ready            asked to leave
//!   Free ---------> Forking ------> Starting ------> Serving ----------------> Draining
//!     ^               |                |  too late               grace is over    |
//!     |               |                +--------------> Killed <------------------+
//!     +-- SpawnFailed-+                                   |
//!     +---------------------- Exited, from anywhere ------+
//! ```
//!
//! The **post** says which worker is responsible for the slot: the one in one of the seats, or none yet, or
//! none any more. A process that holds no post (a predecessor that drains, a successor that starts) may die
//! without leaving the slot empty.

use crate::{CANNOT_START, Exit, Pid};
use std::time::{Duration, Instant};

/// The pause after the second unexpected death in a row. The first is answered immediately.
pub const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// How long a worker may take to die of an abort, which may write a core dump.
pub const ABORTED_WITHIN: Duration = Duration::from_secs(2);
/// The longest pause, after any number of deaths.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long a worker must have served for the deaths before it to be forgotten. If a reload replaces a worker that has
/// served for so long, they may be forgotten or not.
pub const HEALTHY_AFTER: Duration = Duration::from_secs(60);
/// After this many exits with [`CANNOT_START`] in a row, of workers that were never ready, a slot is given
/// up.
pub const FAILED_STARTS: u32 = 5;

/// A worker's place.
#[derive(Debug)]
pub(super) struct Slot {
    /// The processes. Two, because a predecessor drains while its successor runs.
    pub(super) seats: [Seat; 2],
    /// Which process is responsible for the slot.
    pub(super) post: Post,
    /// Unexpected deaths and failed forks in a row: the longer the row, the longer the pause.
    failures: u32,
    /// Exits with `CANNOT_START` in a row.
    failed_starts: u32,
}

/// The life of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seat {
    /// No process.
    Free,
    /// The loop of the master was told to fork, and has not answered yet.
    Forking { why: Why, generation: u64 },
    /// It runs, and has not reported ready.
    Starting { pid: Pid, generation: u64, ready_by: Instant },
    /// It serves.
    Serving { pid: Pid, generation: u64, since: Instant },
    /// It was asked to leave.
    Draining { pid: Pid, kill_at: Instant },
    /// It hung and was aborted. If it does not die of that, it is killed.
    Aborted { pid: Pid, kill_at: Instant },
    /// It was killed, and is not reaped yet. Whether it had been ready before decides what its exit code says.
    Killed { pid: Pid, was_ready: bool },
}

/// Which process is responsible for a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Post {
    /// None: the herd does not run yet, or it stops.
    Closed,
    /// The process in this seat.
    Held { seat: usize },
    /// None until `spawn_at`. The seat is free: the process that held the post is gone.
    Vacant { seat: usize, spawn_at: Instant, why: Why },
    /// None until a reload. The seat is free.
    GivenUp { seat: usize },
}

/// Why a worker is forked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// The slot is new, or revived.
    NewSlot,
    /// Its worker died.
    Death,
    /// Its worker must be replaced.
    Reload,
}

/// What an unexpected death leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A new worker after this pause.
    Respawn(Duration),
    /// No new worker: it would not start either.
    GiveUp,
}

impl Slot {
    pub(super) fn new() -> Slot {
        Slot { seats: [Seat::Free; 2], post: Post::Closed, failures: 0, failed_starts: 0 }
    }

    /// Makes a starting worker a serving one; `false` if there is none in this seat.
    pub(super) fn serve(&mut self, seat: usize, now: Instant) -> bool {
        let Seat::Starting { pid, generation, .. } = self.seats[seat] else { return false };
        self.seats[seat] = Seat::Serving { pid, generation, since: now };
        self.failed_starts = 0;
        true
    }

    /// Marks the process in this seat as draining, and returns it: it must be asked to leave. If it already
    /// drains, the earlier deadline counts.
    pub(super) fn drain(&mut self, seat: usize, kill_at: Instant) -> Option<Pid> {
        let (pid, kill_at) = match self.seats[seat] {
            Seat::Starting { pid, .. } | Seat::Serving { pid, .. } => (pid, kill_at),
            Seat::Draining { pid, kill_at: earlier } => (pid, earlier.min(kill_at)),
            Seat::Free | Seat::Forking { .. } | Seat::Aborted { .. } | Seat::Killed { .. } => return None,
        };
        self.seats[seat] = Seat::Draining { pid, kill_at };
        Some(pid)
    }

    /// Marks the process in this seat as aborted, if it serves or drains, and returns it: it must be aborted.
    /// The time that it served ends now.
    pub(super) fn abort(&mut self, now: Instant, seat: usize) -> Option<Pid> {
        let kill_at = now + ABORTED_WITHIN;
        let (pid, kill_at) = match self.seats[seat] {
            Seat::Serving { pid, since, .. } => {
                self.forget_if_healthy(now, since);
                (pid, kill_at)
            }
            Seat::Draining { pid, kill_at: earlier } => (pid, earlier.min(kill_at)),
            _ => return None,
        };
        self.seats[seat] = Seat::Aborted { pid, kill_at };
        Some(pid)
    }

    /// Marks the process in this seat as killed, and returns it: it must be killed. No process is killed
    /// twice: `SIGKILL` does not fail.
    pub(super) fn condemn(&mut self, seat: usize) -> Option<Pid> {
        if let Seat::Killed { .. } = self.seats[seat] {
            return None;
        }
        let pid = self.seats[seat].pid()?;
        let was_ready = !matches!(self.seats[seat], Seat::Starting { .. });
        self.seats[seat] = Seat::Killed { pid, was_ready };
        Some(pid)
    }

    /// Records an unexpected death.
    pub(super) fn judge(&mut self, now: Instant, dead: Seat, how: Exit) -> Verdict {
        match dead {
            Seat::Serving { since, .. } => self.forget_if_healthy(now, since),
            // It was ready too; `abort` has counted how long it served.
            Seat::Aborted { .. } | Seat::Killed { was_ready: true, .. } => {}
            _ if how == Exit::Code(CANNOT_START) => self.failed_starts += 1,
            _ => self.failed_starts = 0,
        }
        if self.failed_starts == FAILED_STARTS {
            return Verdict::GiveUp;
        }
        Verdict::Respawn(self.next_pause())
    }

    /// Clears the record, if a worker has served for long enough.
    fn forget_if_healthy(&mut self, now: Instant, since: Instant) {
        if now.saturating_duration_since(since) >= HEALTHY_AFTER {
            self.failures = 0;
        }
    }

    /// Records a failed fork. Unlike after a death, there is always a pause: the resource that fork(2) lacked
    /// is still missing a microsecond later. So a failed fork counts as the second failure if it is the first.
    pub(super) fn pause_after_failed_fork(&mut self) -> Duration {
        self.failures = self.failures.max(1);
        self.next_pause()
    }

    /// Records one more failure, and returns the pause before the next worker.
    fn next_pause(&mut self) -> Duration {
        let pause = match self.failures {
            0 => Duration::ZERO,
            // Nine doublings are more than enough to reach the longest.
            row => FIRST_PAUSE.saturating_mul(1 << (row - 1).min(9)).min(LONGEST_PAUSE),
        };
        self.failures = self.failures.saturating_add(1);
        pause
    }

    /// Starts a slot again if it was given up.
    pub(super) fn revive(&mut self, now: Instant) {
        if let Post::GivenUp { seat } = self.post {
            let post = Post::Vacant { seat, spawn_at: now, why: Why::NewSlot };
            *self = Slot { post, seats: self.seats, ..Slot::new() };
        }
    }

    /// Whether its worker was forked before that generation. A worker that was killed does not count: its
    /// successor will be new.
    pub(super) fn is_older_than(&self, wanted: u64) -> bool {
        match self.post {
            Post::Held { seat } => match self.seats[seat] {
                Seat::Forking { generation, .. }
                | Seat::Starting { generation, .. }
                | Seat::Serving { generation, .. } => generation < wanted,
                Seat::Free | Seat::Draining { .. } | Seat::Aborted { .. } | Seat::Killed { .. } => false,
            },
            Post::Closed | Post::Vacant { .. } | Post::GivenUp { .. } => false,
        }
    }

    /// The other seat, if it is free, and the worker that holds the post is already forked.
    pub(super) fn seat_for_successor(&self) -> Option<usize> {
        let Post::Held { seat } = self.post else { return None };
        let settled = self.seats[seat].pid().is_some();
        (settled && self.seats[1 - seat] == Seat::Free).then_some(1 - seat)
    }

    /// The seat whose fork is not answered yet, and the reason for the fork.
    pub(super) fn forking(&self) -> Option<(usize, Why)> {
        self.seats.iter().enumerate().find_map(|(seat, state)| match state {
            Seat::Forking { why, .. } => Some((seat, *why)),
            _ => None,
        })
    }

    pub(super) fn seat_of(&self, pid: Pid) -> Option<usize> {
        self.seats.iter().position(|seat| seat.pid() == Some(pid))
    }

    /// The seat and the process that serve here. `None` while the slot is empty or its worker is not ready.
    pub(super) fn serving(&self) -> Option<(usize, Pid)> {
        let Post::Held { seat } = self.post else { return None };
        match self.seats[seat] {
            Seat::Serving { pid, .. } => Some((seat, pid)),
            _ => None,
        }
    }

    /// The seat and the process that drain here, with or without a successor.
    pub(super) fn leaving(&self) -> Option<(usize, Pid)> {
        self.seats.iter().enumerate().find_map(|(seat, state)| match *state {
            Seat::Draining { pid, .. } => Some((seat, pid)),
            _ => None,
        })
    }

    pub(super) fn is_occupied(&self) -> bool {
        self.seats.iter().any(|&seat| seat != Seat::Free)
    }

    pub(super) fn is_given_up(&self) -> bool {
        matches!(self.post, Post::GivenUp { .. })
    }

    /// The next time at which something in this slot is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let spawn = match self.post {
            Post::Vacant { spawn_at, .. } => Some(spawn_at),
            _ => None,
        };
        self.seats.iter().filter_map(Seat::deadline).chain(spawn).min()
    }
}

impl Seat {
    fn pid(&self) -> Option<Pid> {
        match *self {
            Seat::Free | Seat::Forking { .. } => None,
            Seat::Starting { pid, .. }
            | Seat::Serving { pid, .. }
            | Seat::Draining { pid, .. }
            | Seat::Aborted { pid, .. }
            | Seat::Killed { pid, .. } => Some(pid),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match *self {
            Seat::Starting { ready_by, .. } => Some(ready_by),
            Seat::Draining { kill_at, .. } | Seat::Aborted { kill_at, .. } => Some(kill_at),
            Seat::Free | Seat::Forking { .. } | Seat::Serving { .. } | Seat::Killed { .. } => None,
        }
    }
}
