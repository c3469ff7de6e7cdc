//! The messages between a master's loop and its supervisor: what happened, and what must be done.
//!
//! A slot is a worker's place: its socket and its statistics, which outlive it. While a new worker starts, its
//! predecessor still serves or drains; so a slot has two seats, one for each process:
//!
//! ```text
//!             slot 0                slot 1                slot 2
//!         seat 0   seat 1       seat 0   seat 1       seat 0   seat 1
//!        [worker] [      ]     [drains] [worker]     [      ] [worker]
//! ```

use nix::unistd::Pid;
use std::fmt;
use std::time::Duration;

/// Exit code of a worker or a master that stopped because it was asked to.
pub const DONE: i32 = 0;
/// Exit code of a worker that cannot even begin, because its configuration is wrong or its files are missing. Another
/// try will most likely end the same way. Also the master's own exit code when no slot is left.
pub const CANNOT_START: i32 = 3;
/// Exit code of a worker whose master died. No master is left to read it; it is for people who examine the system
/// afterwards.
pub const MASTER_GONE: i32 = 4;

/// The rules for the master of one herd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The number of slots, one worker each. It never changes.
    pub slots: usize,
    /// How long a worker may take to leave when the herd stops, before it is killed.
    pub grace: Duration,
    /// The same for a worker that was replaced. It may be longer than `grace`, or shorter. It is usually longer, because
    /// others accept instead of this worker, so it can stay until its last client is served.
    pub drain: Duration,
    /// How long a new worker may take to report that it serves, before it is killed.
    pub ready_within: Duration,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The sockets are bound: begin. Has an effect only once.
    Start,
    /// Answers [`Action::Spawn`]: fork(2) made this process.
    Spawned {
        /// As in the action.
        slot: usize,
        /// As in the action.
        seat: usize,
        /// The new process.
        pid: Pid,
    },
    /// Answers [`Action::Spawn`]: fork(2) failed.
    SpawnFailed {
        /// As in the action.
        slot: usize,
    },
    /// A worker reports that it serves.
    Ready {
        /// The worker.
        pid: Pid,
    },
    /// waitpid(2) reaped a child. Must not be reported before its `Spawned`.
    Exited {
        /// The child. A child that was never reported as `Spawned` is not ours, and is ignored.
        pid: Pid,
        /// How it ended.
        how: Exit,
    },
    /// A worker serves, or leaves, and has made no progress for too long while work waits. The server decides how long
    /// that is.
    Hung {
        /// The worker.
        pid: Pid,
    },
    /// Let every worker finish its requests in flight, then end. The second one means [`Event::StopNow`].
    Stop,
    /// End without waiting for any worker.
    StopNow,
    /// Replace all workers, one slot at a time.
    Reload,
    /// Only time has passed. Any other event also has this effect.
    Tick,
}

/// How a process ended (wait(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

/// What must be done. Actions must be done in the order in which they come. No worker gets a signal after its
/// [`Event::Exited`], because its process id may belong to another process by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Fork a worker for this slot. Answer with [`Event::Spawned`] or [`Event::SpawnFailed`], before the next
    /// event if possible: until then nothing else is decided about this slot.
    Spawn {
        /// Which socket it accepts from.
        slot: usize,
        /// 0 or 1: which of the slot's two seats in the shared statistics it counts in.
        seat: usize,
    },
    /// Ask a worker to leave (`SIGTERM`): accept no new connections, finish those in progress, exit. A worker that
    /// already drains is asked again when the herd stops, and must not take this for an order to hurry. The earlier of
    /// its two deadlines counts.
    Terminate {
        /// The worker.
        pid: Pid,
    },
    /// End a worker in a way that can leave a core dump (`SIGABRT`).
    Abort {
        /// The worker.
        pid: Pid,
    },
    /// End a worker (`SIGKILL`). It gets no other signal afterwards.
    Kill {
        /// The worker.
        pid: Pid,
    },
    /// A worker is dead: clear the gauges in its seat (open connections, requests in flight), which it can no longer
    /// bring back to zero, and keep what it has counted. Comes once for each `Exited`. No other action comes before it,
    /// so the seat is settled before it is used again.
    Settle {
        /// Its slot.
        slot: usize,
        /// Its seat.
        seat: usize,
        /// Its process id.
        pid: Pid,
    },
    /// Count one restart: a worker was forked because another had died. A replacement for a reload does not count.
    Restarted {
        /// Whose worker it was.
        slot: usize,
    },
    /// A message for the operator.
    Note(Note),
    /// No worker runs, and none will: exit. The last action of all.
    Finish {
        /// The master's exit code: [`DONE`] or [`CANNOT_START`].
        code: i32,
    },
}

/// A message for the operator; each prints as one line, with its slot, its process id and its exit if it has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// A worker died without having been asked to leave, and before a successor had taken its place.
    Died {
        /// Its slot.
        slot: usize,
        /// Its process id.
        pid: Pid,
        /// How it ended.
        how: Exit,
    },
    /// No worker could be forked.
    ForkFailed {
        /// The slot that the worker was for.
        slot: usize,
    },
    /// A slot stays empty for a while, because its workers die one after another or cannot be forked.
    Pausing {
        /// The slot.
        slot: usize,
        /// For how long.
        pause: Duration,
    },
    /// A slot stays empty until the next reload: its workers cannot start.
    GivenUp {
        /// The slot.
        slot: usize,
    },
    /// A worker is killed because it did not report ready in time.
    NeverReady {
        /// Its slot.
        slot: usize,
        /// The worker.
        pid: Pid,
    },
    /// A worker is aborted because it made no progress while work waited.
    Hung {
        /// Its slot.
        slot: usize,
        /// The worker.
        pid: Pid,
    },
    /// A worker is killed because it did not leave in time.
    NeverLeft {
        /// Its slot.
        slot: usize,
        /// The worker.
        pid: Pid,
    },
    /// The workers are being replaced, one after another. Comes once for each roll.
    RollStarted,
    /// No worker is older than the last reload.
    RollFinished,
    /// A successor failed before it was ready, so the remaining workers stay as they are.
    RollAbandoned {
        /// Its slot.
        slot: usize,
    },
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exited with code {code}"),
            Exit::Signal(signal) => write!(f, "was ended by signal {signal}"),
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::Died { slot, pid, how } => write!(f, "slot {slot}: worker {pid} {how}"),
            Note::ForkFailed { slot } => write!(f, "slot {slot}: cannot fork a worker"),
            Note::Pausing { slot, pause } => write!(f, "slot {slot}: next worker in {pause:?}"),
            Note::GivenUp { slot } => {
                write!(f, "slot {slot}: its workers cannot start, given up until a reload")
            }
            Note::NeverReady { slot, pid } => {
                write!(f, "slot {slot}: worker {pid} did not get ready in time")
            }
            Note::Hung { slot, pid } => write!(f, "slot {slot}: worker {pid} hangs while work waits"),
            Note::NeverLeft { slot, pid } => write!(f, "slot {slot}: worker {pid} did not leave in time"),
            Note::RollStarted => write!(f, "replacing all workers, one slot at a time"),
            Note::RollFinished => write!(f, "all workers are replaced"),
            Note::RollAbandoned { slot } => {
                write!(f, "slot {slot}: the new worker failed, so the remaining workers are not replaced")
            }
        }
    }
}
