//! The supervisor: what a master decides, separate from everything it does.
//!
//! It never forks, kills, waits or reads a clock. Times and events come in, actions go out, so each of its rules can be
//! tested in a microsecond, in every order, with invented processes. The state of a slot is in slot.rs, the reload in
//! roll.rs.
//!
//! ```text
//!                Start             Stop                   Stop, StopNow
//!     New ------------> Running -----------> Stopping ----------------------> Killing
//!                          |                    |                                |
//!                          | every slot         | no worker left                 | no worker left
//!                          v is given up        v                                v
//!                       Finished             Finished                         Finished
//! ```
//!
//! The whole protocol, with workers that crash and forks that fail, is also a model for spin:
//! `tests/models/protocol.pml`.

mod roll;
mod slot;

use crate::{Action, CANNOT_START, DONE, Event, Exit, Note, Pid, Policy};
use roll::Roll;
pub use slot::{ABORTED_WITHIN, FAILED_STARTS, FIRST_PAUSE, HEALTHY_AFTER, LONGEST_PAUSE};
use slot::{Post, Seat, Slot, Verdict, Why};
use std::time::{Duration, Instant};

/// The decisions of a master. Give it events with [`Supervisor::handle`], do the actions it returns, and give
/// it some event, [`Event::Tick`] if there is no other, no later than [`Supervisor::deadline`].
///
/// Its rules:
///
/// - **Death.** Each is answered exactly once: its seat is settled, then comes a new worker, or none. The first
///   unexpected death is answered immediately; the next ones after [`FIRST_PAUSE`], doubled each time up to
///   [`LONGEST_PAUSE`]. A worker that served for [`HEALTHY_AFTER`], until it died or hung, clears the record. A failed
///   fork is followed by a pause too: if it is the first failure in its row, it counts as the second. Deaths and failed
///   forks are counted in one row. Each slot has a row of its own.
/// - **Giving up.** A slot whose workers exit with [`CANNOT_START`] [`FAILED_STARTS`] times in a row, and never become
///   ready, stays empty. When all slots do and no worker runs, the master ends.
/// - **Getting ready.** A worker that takes too long is killed, which is an unexpected death.
/// - **Hanging.** A worker that hangs is aborted, and killed if it does not die of that, which is also an unexpected
///   death.
/// - **Stop.** From then on, no new worker. A reload is ignored. All are asked to leave, and killed when the grace is
///   over. For a worker that was aborted before, the first stop changes nothing. A second stop kills them all
///   immediately. When the last is gone, the master ends.
/// - **Reload.** One slot at a time, in order: a successor in the free seat; when it is ready, its predecessor is asked
///   to leave, and the next slot follows. If the successor fails, the remaining workers stay, and no pause gets longer.
///   If its predecessor dies, the successor simply holds the post. A reload during a roll is done afterwards. Slots that
///   were given up start again with a clear record; those that wait for their next worker continue to wait.
#[derive(Debug)]
pub struct Supervisor {
    policy: Policy,
    phase: Phase,
    roll: Roll,
    /// The number of reloads: a worker forked in an earlier generation has the old configuration.
    generation: u64,
    slots: Vec<Slot>,
    /// The decisions of the current call of `handle` so far.
    actions: Vec<Action>,
}

/// The life of a herd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Before `Start`.
    New,
    /// Dead workers are replaced.
    Running,
    /// All were asked to leave. A worker that is forked late gets the same `kill_at`.
    Stopping { kill_at: Instant },
    /// All are killed.
    Killing,
    /// `Finish` was returned.
    Finished,
}

impl Supervisor {
    /// A supervisor for a herd that does not run yet.
    ///
    /// # Panics
    /// If the policy has no slot.
    pub fn new(policy: Policy) -> Supervisor {
        assert!(policy.slots > 0, "a herd has at least one slot");
        let slots = (0..policy.slots).map(|_| Slot::new()).collect();
        Supervisor { policy, phase: Phase::New, roll: Roll::Idle, generation: 0, slots, actions: Vec::new() }
    }

    /// Sets how long workers that are asked to leave from now on may take: `grace` when the herd stops, `drain` when
    /// they are replaced ([`Policy`]).
    pub fn set_patience(&mut self, grace: Duration, drain: Duration) {
        (self.policy.grace, self.policy.drain) = (grace, drain);
    }

    /// Takes one event, and everything that is due at `now`; returns what must be done, in order. `now` must not go
    /// back from call to call. It ignores answers to spawns that it did not ask for, processes that it does not know,
    /// everything but a stop before [`Event::Start`], and everything after [`Action::Finish`].
    ///
    /// # Panics
    /// If the event names a slot or a seat that does not exist.
    pub fn handle(&mut self, now: Instant, event: Event) -> Vec<Action> {
        if self.phase == Phase::Finished {
            return Vec::new();
        }
        match event {
            Event::Start => self.start(now),
            Event::Spawned { slot, seat, pid } => self.spawned(now, slot, seat, pid),
            Event::SpawnFailed { slot } => self.spawn_failed(now, slot),
            Event::Ready { pid } => self.ready(now, pid),
            Event::Hung { pid } => self.hung(now, pid),
            Event::Exited { pid, how } => self.exited(now, pid, how),
            Event::Stop => self.stop(now),
            Event::StopNow => self.stop_now(),
            Event::Reload => self.reload(now),
            Event::Tick => {}
        }
        self.do_what_is_due(now);
        self.roll_on();
        self.finish_if_done();
        std::mem::take(&mut self.actions)
    }

    /// The latest time for the next call of [`Supervisor::handle`]. `None`: only an event can change anything.
    pub fn deadline(&self) -> Option<Instant> {
        self.slots.iter().filter_map(Slot::deadline).min()
    }

    /// The seat and the process that serve in this slot. `None` while it is empty or its worker is not ready, and
    /// during a stop.
    ///
    /// # Panics
    /// If there is no such slot.
    pub fn serving(&self, slot: usize) -> Option<(usize, Pid)> {
        self.slots[slot].serving()
    }

    /// The seat and the process that was asked to leave this slot, and has not left.
    ///
    /// # Panics
    /// If there is no such slot.
    pub fn leaving(&self, slot: usize) -> Option<(usize, Pid)> {
        self.slots[slot].leaving()
    }

    fn start(&mut self, now: Instant) {
        if self.phase == Phase::New {
            self.phase = Phase::Running;
            for slot in &mut self.slots {
                slot.post = Post::Vacant { seat: 0, spawn_at: now, why: Why::NewSlot };
            }
        }
    }

    fn spawned(&mut self, now: Instant, slot: usize, seat: usize, pid: Pid) {
        let Seat::Forking { why, generation } = self.slots[slot].seats[seat] else { return };
        self.slots[slot].seats[seat] =
            Seat::Starting { pid, generation, ready_by: now + self.policy.ready_within };
        if self.phase != Phase::Running {
            self.stop_latecomer(slot, seat);
        } else if why == Why::Death {
            self.actions.push(Action::Restarted { slot });
        }
    }

    fn spawn_failed(&mut self, now: Instant, slot: usize) {
        let Some((seat, why)) = self.slots[slot].forking() else { return };
        self.slots[slot].seats[seat] = Seat::Free;
        self.note(Note::ForkFailed { slot });
        self.abandon_roll_of(slot, seat);
        if self.slots[slot].post == (Post::Held { seat }) {
            let pause = self.slots[slot].pause_after_failed_fork();
            // A successor that holds the post has taken it over from a dead worker.
            let why = if why == Why::Reload { Why::Death } else { why };
            self.slots[slot].post = Post::Vacant { seat, spawn_at: now + pause, why };
            self.note(Note::Pausing { slot, pause });
        }
    }

    fn ready(&mut self, now: Instant, pid: Pid) {
        let Some((slot, seat)) = self.find(pid) else { return };
        if !self.slots[slot].serve(seat, now) {
            return;
        }
        if self.is_successor(slot, seat) {
            self.hand_over(now, slot, seat);
        }
    }

    /// Aborts a worker that hangs. Its death will be unexpected, and answered like any other.
    fn hung(&mut self, now: Instant, pid: Pid) {
        let Some((slot, seat)) = self.find(pid) else { return };
        if let Some(pid) = self.slots[slot].abort(now, seat) {
            self.note(Note::Hung { slot, pid });
            self.actions.push(Action::Abort { pid });
        }
    }

    /// Answers the death of a worker in any state.
    fn exited(&mut self, now: Instant, pid: Pid, how: Exit) {
        todo!(
            "Lab 6.3: free and settle the seat; note an unexpected death; end the roll if this was its successor; replace the worker if it held the post"
        )
    }

    /// Answers the unexpected death of the worker that held a slot's post.
    fn replace_dead(&mut self, now: Instant, slot: usize, seat: usize, dead: Seat, how: Exit) {
        todo!(
            "Lab 6.3: decide about the post: a successor is there already, the slot is given up, or the post is vacant until a pause is over"
        )
    }

    /// Asks all workers to leave; the second time, kills them.
    fn stop(&mut self, now: Instant) {
        todo!("Lab 6.4: ask all workers to leave, with the same deadline for all; the second time, kill them")
    }

    /// Kills all workers, whatever they do.
    fn stop_now(&mut self) {
        todo!("Lab 6.4: kill all workers")
    }

    /// Stops a worker that was requested before the stop and forked after it.
    fn stop_latecomer(&mut self, slot: usize, seat: usize) {
        todo!("Lab 6.4: treat a worker that was forked late as all others were treated")
    }

    /// Enters a phase that ends the herd. No worker is spawned after this: only `Start` and a reload of a running herd
    /// open a post.
    fn close_all(&mut self, phase: Phase) {
        todo!("Lab 6.4: enter the phase, end the roll, and make sure that no worker is spawned any more")
    }

    /// Spawns the workers whose pause is over, and kills those whose time is up.
    fn do_what_is_due(&mut self, now: Instant) {
        for (slot, seat) in self.all_seats() {
            if let Post::Vacant { seat: vacant, spawn_at, why } = self.slots[slot].post
                && vacant == seat
                && spawn_at <= now
            {
                self.slots[slot].post = Post::Held { seat };
                self.spawn(slot, seat, why);
            }
            match self.slots[slot].seats[seat] {
                Seat::Starting { pid, ready_by, .. } if ready_by <= now => {
                    self.note(Note::NeverReady { slot, pid });
                    self.kill(slot, seat);
                }
                Seat::Draining { pid, kill_at } if kill_at <= now => {
                    self.note(Note::NeverLeft { slot, pid });
                    self.kill(slot, seat);
                }
                Seat::Aborted { kill_at, .. } if kill_at <= now => self.kill(slot, seat),
                _ => {}
            }
        }
    }

    /// Returns `Finish` when no worker is left and none will come: the herd was stopped, or all slots are given up.
    fn finish_if_done(&mut self) {
        todo!(
            "Lab 6.3: once no worker is left: finish with DONE if the herd was stopped, with CANNOT_START if every slot is given up"
        )
    }

    fn spawn(&mut self, slot: usize, seat: usize, why: Why) {
        self.slots[slot].seats[seat] = Seat::Forking { why, generation: self.generation };
        self.actions.push(Action::Spawn { slot, seat });
    }

    /// Asks the worker in this seat to leave by `kill_at`, or by an earlier time that it was given before.
    fn terminate(&mut self, slot: usize, seat: usize, kill_at: Instant) {
        if let Some(pid) = self.slots[slot].drain(seat, kill_at) {
            self.actions.push(Action::Terminate { pid });
        }
    }

    /// Kills the worker in this seat, once.
    fn kill(&mut self, slot: usize, seat: usize) {
        if let Some(pid) = self.slots[slot].condemn(seat) {
            self.actions.push(Action::Kill { pid });
        }
    }

    fn note(&mut self, note: Note) {
        self.actions.push(Action::Note(note));
    }

    /// The slot and the seat of this process.
    fn find(&self, pid: Pid) -> Option<(usize, usize)> {
        self.slots.iter().enumerate().find_map(|(number, slot)| Some((number, slot.seat_of(pid)?)))
    }

    /// Every (slot, seat), without borrowing any.
    fn all_seats(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        (0..self.slots.len()).flat_map(|slot| [(slot, 0), (slot, 1)])
    }
}
