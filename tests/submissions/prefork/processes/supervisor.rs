//! The supervisor in one file, without seats as states: a table of the living processes, and for each slot which
//! process holds its post and which fork is not answered yet.

use crate::{Action, CANNOT_START, DONE, Event, Exit, Note, Pid, Policy};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The pause after the second unexpected death in a row. The first is answered immediately.
pub const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// How long a worker may take to die of an abort, which may write a core dump.
pub const ABORTED_WITHIN: Duration = Duration::from_secs(2);
/// The longest pause, after any number of deaths.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long a worker must have served for the deaths before it to be forgotten.
pub const HEALTHY_AFTER: Duration = Duration::from_secs(60);
/// After this many exits with `CANNOT_START` in a row, of workers that were never ready, a slot is given up.
pub const FAILED_STARTS: u32 = 5;

/// The decisions of a master.
#[derive(Debug)]
pub struct Supervisor {
    policy: Policy,
    phase: Phase,
    roll: Roll,
    generation: u64,
    slots: Vec<Slot>,
    processes: BTreeMap<Pid, Process>,
    actions: Vec<Action>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    New,
    Running,
    Stopping(Instant),
    Killing,
    Finished,
}

/// The rolling replacement, and its progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Roll {
    Idle,
    Next,
    /// The successor in this slot is not forked yet.
    Forking {
        slot: usize,
        generation: u64,
    },
    /// The successor is this process, and is not ready yet.
    Starting {
        slot: usize,
        pid: Pid,
        generation: u64,
    },
}

#[derive(Debug, Default)]
struct Slot {
    post: Post,
    fork: Option<Fork>,
    failures: u32,
    failed_starts: u32,
}

/// Which process is responsible for a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Post {
    #[default]
    Closed,
    Held(Pid),
    /// The process that is being forked.
    Forked,
    Vacant {
        until: Instant,
        why: Why,
    },
    GivenUp,
}

/// A fork that is not answered yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fork {
    seat: usize,
    why: Why,
    generation: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    New,
    Death,
    Reload,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    slot: usize,
    seat: usize,
    generation: u64,
    life: Life,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Starting { until: Instant },
    Serving { since: Instant },
    Leaving { until: Instant },
    Aborted { until: Instant },
    Killed { was_ready: bool },
}

impl Supervisor {
    /// A supervisor for a herd that does not run yet.
    ///
    /// # Panics
    /// If the policy has no slot.
    pub fn new(policy: Policy) -> Supervisor {
        assert!(policy.slots > 0, "a herd has at least one slot");
        Supervisor {
            phase: Phase::New,
            roll: Roll::Idle,
            generation: 0,
            slots: (0..policy.slots).map(|_| Slot::default()).collect(),
            processes: BTreeMap::new(),
            actions: Vec::new(),
            policy,
        }
    }

    /// Sets how long workers that are asked to leave from now on may take: `grace` when the herd stops, `drain` when
    /// they are replaced ([`Policy`]).
    pub fn set_patience(&mut self, grace: Duration, drain: Duration) {
        (self.policy.grace, self.policy.drain) = (grace, drain);
    }

    /// Takes one event, and everything that is due at `now`; returns what must be done, in order.
    ///
    /// # Panics
    /// If the event names a slot that does not exist.
    pub fn handle(&mut self, now: Instant, event: Event) -> Vec<Action> {
        match (self.phase, event) {
            (Phase::Finished, _) => return Vec::new(),
            (Phase::New, Event::Start) => {
                self.phase = Phase::Running;
                for slot in &mut self.slots {
                    slot.post = Post::Vacant { until: now, why: Why::New };
                }
            }
            (_, Event::Spawned { slot, seat, pid }) => self.spawned(now, slot, seat, pid),
            (_, Event::SpawnFailed { slot }) => self.spawn_failed(now, slot),
            (_, Event::Ready { pid }) => self.ready(now, pid),
            (_, Event::Hung { pid }) => self.hung(now, pid),
            (_, Event::Exited { pid, how }) => self.exited(now, pid, how),
            (Phase::New | Phase::Running, Event::Stop) => self.stop(now + self.policy.grace),
            (Phase::Stopping(_), Event::Stop) | (_, Event::StopNow) => self.stop_now(),
            (Phase::Running, Event::Reload) => self.reload(now),
            _ => {}
        }
        self.fork_what_is_due(now);
        self.kill_who_is_late(now);
        if self.roll == Roll::Next {
            self.roll_on();
        }
        self.finish();
        std::mem::take(&mut self.actions)
    }

    /// The latest time for the next call of `handle`.
    pub fn deadline(&self) -> Option<Instant> {
        let slots = self.slots.iter().filter_map(|slot| match slot.post {
            Post::Vacant { until, .. } => Some(until),
            _ => None,
        });
        let processes = self.processes.values().filter_map(|process| match process.life {
            Life::Starting { until } | Life::Leaving { until } | Life::Aborted { until } => Some(until),
            Life::Serving { .. } | Life::Killed { .. } => None,
        });
        slots.chain(processes).min()
    }

    /// The seat and the process that serve in this slot.
    ///
    /// # Panics
    /// If there is no such slot.
    pub fn serving(&self, slot: usize) -> Option<(usize, Pid)> {
        let Post::Held(pid) = self.slots[slot].post else { return None };
        let Process { seat, life, .. } = self.processes[&pid];
        matches!(life, Life::Serving { .. }).then_some((seat, pid))
    }

    /// The seat and the process that was asked to leave this slot, and has not left.
    pub fn leaving(&self, slot: usize) -> Option<(usize, Pid)> {
        let here = self.processes.iter().filter(|(_, process)| process.slot == slot);
        let mut leaving = here.filter(|(_, process)| matches!(process.life, Life::Leaving { .. }));
        leaving.next().map(|(&pid, process)| (process.seat, pid))
    }

    fn hung(&mut self, now: Instant, pid: Pid) {
        let Some(process) = self.processes.get_mut(&pid) else { return };
        let until = match process.life {
            Life::Serving { since } => {
                if now.saturating_duration_since(since) >= HEALTHY_AFTER {
                    self.slots[process.slot].failures = 0;
                }
                now + ABORTED_WITHIN
            }
            Life::Leaving { until } => until.min(now + ABORTED_WITHIN),
            Life::Starting { .. } | Life::Aborted { .. } | Life::Killed { .. } => return,
        };
        process.life = Life::Aborted { until };
        let slot = process.slot;
        self.note(Note::Hung { slot, pid });
        self.actions.push(Action::Abort { pid });
    }

    fn spawned(&mut self, now: Instant, number: usize, seat: usize, pid: Pid) {
        let slot = &mut self.slots[number];
        let Some(fork) = slot.fork.take_if(|fork| fork.seat == seat) else { return };
        if slot.post == Post::Forked {
            slot.post = Post::Held(pid);
        }
        if let Roll::Forking { slot, generation } = self.roll
            && slot == number
        {
            self.roll = Roll::Starting { slot, pid, generation };
        }
        let life = Life::Starting { until: now + self.policy.ready_within };
        self.processes.insert(pid, Process { slot: number, seat, generation: fork.generation, life });
        match self.phase {
            Phase::Stopping(until) => self.ask(pid, until),
            Phase::Killing => self.kill(pid),
            _ if fork.why == Why::Death => self.actions.push(Action::Restarted { slot: number }),
            _ => {}
        }
    }

    fn spawn_failed(&mut self, now: Instant, number: usize) {
        let Some(fork) = self.slots[number].fork.take() else { return };
        self.note(Note::ForkFailed { slot: number });
        if let Roll::Forking { slot, generation } = self.roll
            && slot == number
        {
            self.abandon(slot, generation);
        }
        let slot = &mut self.slots[number];
        if slot.post == Post::Forked {
            slot.failures = slot.failures.max(1);
            let pause = slot.pause();
            let why = if fork.why == Why::New { Why::New } else { Why::Death };
            slot.post = Post::Vacant { until: now + pause, why };
            self.note(Note::Pausing { slot: number, pause });
        }
    }

    fn ready(&mut self, now: Instant, pid: Pid) {
        let Some(process) = self.processes.get_mut(&pid) else { return };
        let Life::Starting { .. } = process.life else { return };
        process.life = Life::Serving { since: now };
        let number = process.slot;
        self.slots[number].failed_starts = 0;
        if matches!(self.roll, Roll::Starting { pid: successor, .. } if successor == pid) {
            if let Post::Held(predecessor) = self.slots[number].post
                && predecessor != pid
            {
                self.ask(predecessor, now + self.policy.drain);
            }
            self.slots[number].post = Post::Held(pid);
            self.roll = Roll::Next;
        }
    }

    fn exited(&mut self, now: Instant, pid: Pid, how: Exit) {
        let Some(dead) = self.processes.remove(&pid) else { return };
        let number = dead.slot;
        self.actions.push(Action::Settle { slot: number, seat: dead.seat, pid });
        let held_post = self.slots[number].post == Post::Held(pid);
        let successor = match self.roll {
            Roll::Starting { pid: successor, generation, .. } if successor == pid => Some(generation),
            _ => None,
        };
        if held_post || successor.is_some() {
            self.note(Note::Died { slot: number, pid, how });
        }
        if let Some(generation) = successor {
            self.abandon(number, generation);
        }
        if held_post {
            let post = self.next_post(now, number, dead.life, how);
            self.slots[number].post = post;
        }
    }

    fn next_post(&mut self, now: Instant, number: usize, life: Life, how: Exit) -> Post {
        match self.roll {
            Roll::Forking { slot, .. } if slot == number => return Post::Forked,
            Roll::Starting { slot, pid, .. } if slot == number => return Post::Held(pid),
            _ => {}
        }
        let slot = &mut self.slots[number];
        if let Life::Serving { since } = life
            && now.saturating_duration_since(since) >= HEALTHY_AFTER
        {
            slot.failures = 0;
        }
        if matches!(life, Life::Starting { .. } | Life::Killed { was_ready: false }) {
            slot.failed_starts = if how == Exit::Code(CANNOT_START) { slot.failed_starts + 1 } else { 0 };
        }
        if slot.failed_starts >= FAILED_STARTS {
            self.note(Note::GivenUp { slot: number });
            return Post::GivenUp;
        }
        let pause = slot.pause();
        if pause > Duration::ZERO {
            self.note(Note::Pausing { slot: number, pause });
        }
        Post::Vacant { until: now + pause, why: Why::Death }
    }

    fn stop(&mut self, until: Instant) {
        self.close(Phase::Stopping(until));
        for pid in self.everybody() {
            self.ask(pid, until);
        }
    }

    fn stop_now(&mut self) {
        self.close(Phase::Killing);
        for pid in self.everybody() {
            self.kill(pid);
        }
    }

    fn close(&mut self, phase: Phase) {
        self.phase = phase;
        self.roll = Roll::Idle;
        self.slots.iter_mut().for_each(|slot| slot.post = Post::Closed);
    }

    fn reload(&mut self, now: Instant) {
        self.generation += 1;
        for slot in &mut self.slots {
            if slot.post == Post::GivenUp {
                let post = Post::Vacant { until: now, why: Why::New };
                *slot = Slot { post, ..Slot::default() };
            }
        }
        if self.roll == Roll::Idle {
            self.begin_roll();
        }
    }

    fn begin_roll(&mut self) {
        self.roll = Roll::Next;
        self.note(Note::RollStarted);
    }

    fn abandon(&mut self, slot: usize, generation: u64) {
        self.roll = Roll::Idle;
        self.note(Note::RollAbandoned { slot });
        if generation < self.generation {
            self.begin_roll();
        }
    }

    fn roll_on(&mut self) {
        let Some(number) = (0..self.slots.len()).find(|&number| self.is_old(number)) else {
            self.roll = Roll::Idle;
            self.note(Note::RollFinished);
            return;
        };
        let here = self.processes.values().filter(|process| process.slot == number).count();
        if here == 1 && self.slots[number].fork.is_none() {
            self.roll = Roll::Forking { slot: number, generation: self.generation };
            self.fork(number, Why::Reload);
        }
    }

    /// Whether the worker that holds the slot's post has an old configuration, and will keep it.
    fn is_old(&self, number: usize) -> bool {
        let slot = &self.slots[number];
        match slot.post {
            Post::Held(pid) => {
                let process = self.processes[&pid];
                let stays = matches!(process.life, Life::Starting { .. } | Life::Serving { .. });
                stays && process.generation < self.generation
            }
            Post::Forked => slot.fork.is_some_and(|fork| fork.generation < self.generation),
            Post::Closed | Post::Vacant { .. } | Post::GivenUp => false,
        }
    }

    fn fork_what_is_due(&mut self, now: Instant) {
        for number in 0..self.slots.len() {
            if let Post::Vacant { until, why } = self.slots[number].post
                && until <= now
            {
                self.slots[number].post = Post::Forked;
                self.fork(number, why);
            }
        }
    }

    fn fork(&mut self, number: usize, why: Why) {
        let taken = |seat| self.processes.values().any(|p| (p.slot, p.seat) == (number, seat));
        let seat = usize::from(taken(0));
        self.slots[number].fork = Some(Fork { seat, why, generation: self.generation });
        self.actions.push(Action::Spawn { slot: number, seat });
    }

    fn kill_who_is_late(&mut self, now: Instant) {
        for pid in self.everybody() {
            let Process { slot, life, .. } = self.processes[&pid];
            match life {
                Life::Starting { until } if until <= now => self.note(Note::NeverReady { slot, pid }),
                Life::Leaving { until } if until <= now => self.note(Note::NeverLeft { slot, pid }),
                Life::Aborted { until } if until <= now => {}
                _ => continue,
            }
            self.kill(pid);
        }
    }

    fn finish(&mut self) {
        if !self.processes.is_empty() || self.slots.iter().any(|slot| slot.fork.is_some()) {
            return;
        }
        let given_up = self.slots.iter().all(|slot| slot.post == Post::GivenUp);
        let code = match self.phase {
            Phase::Stopping(_) | Phase::Killing => DONE,
            Phase::Running if given_up => CANNOT_START,
            _ => return,
        };
        self.phase = Phase::Finished;
        self.actions.push(Action::Finish { code });
    }

    fn ask(&mut self, pid: Pid, until: Instant) {
        let Some(process) = self.processes.get_mut(&pid) else { return };
        let until = match process.life {
            Life::Aborted { .. } | Life::Killed { .. } => return,
            Life::Leaving { until: earlier } => earlier.min(until),
            Life::Starting { .. } | Life::Serving { .. } => until,
        };
        process.life = Life::Leaving { until };
        self.actions.push(Action::Terminate { pid });
    }

    fn kill(&mut self, pid: Pid) {
        let Some(process) = self.processes.get_mut(&pid) else { return };
        if !matches!(process.life, Life::Killed { .. }) {
            process.life = Life::Killed { was_ready: !matches!(process.life, Life::Starting { .. }) };
            self.actions.push(Action::Kill { pid });
        }
    }

    fn note(&mut self, note: Note) {
        self.actions.push(Action::Note(note));
    }

    fn everybody(&self) -> Vec<Pid> {
        self.processes.keys().copied().collect()
    }
}

impl Slot {
    /// The pause after this failure.
    fn pause(&mut self) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(16);
        let pause = if self.failures == 0 { Duration::ZERO } else { FIRST_PAUSE * 2u32.pow(doublings) };
        self.failures = self.failures.saturating_add(1);
        pause.min(LONGEST_PAUSE)
    }
}
