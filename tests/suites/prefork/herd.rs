//! A herd without processes: it plays the master's loop, fork, kill and the clock for a `Supervisor`.
//!
//! Whatever a test does, some things must always hold (a seat is never taken twice, each death is settled
//! once, nothing is spawned after a stop, ...). They are checked at every step (promises.rs), and a failure
//! prints the conversation that led to it.

mod promises;

use prefork::{ABORTED_WITHIN, Action, Event, Exit, Note, Pid, Policy, Supervisor};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};
use verdict::caught;

/// How long a worker of these tests may take to leave when the herd stops.
pub const GRACE: Duration = Duration::from_secs(10);
/// How long a replaced worker may take to leave.
pub const DRAIN: Duration = Duration::from_secs(3600);
/// How long a worker of these tests may take to get ready.
pub const READY_WITHIN: Duration = Duration::from_secs(5);

/// What ends a stop.
pub const LAST_IS_GONE: &str = "Stop: the last worker is gone, so the master must end";
/// When a worker that hangs is killed.
pub const ABORT_IS_OVER: &str = "Hanging: a worker must be killed two seconds after it was aborted (ABORTED_WITHIN). \
                                 Time until deadline()";

/// A supervisor, and the world that it decides about.
pub struct Herd {
    pub supervisor: Supervisor,
    slots: usize,
    began: Instant,
    /// The simulated time.
    pub now: Instant,
    /// What fork(2) does from now on.
    pub forks: Forks,
    /// The living workers.
    pub workers: BTreeMap<Pid, Worker>,
    /// The (slot, seat) of spawns that wait for their answer, with `Forks::Pend`.
    pub unanswered: Vec<(usize, usize)>,
    /// The exit code of `Finish`.
    pub finished: Option<i32>,
    /// How many restarts were counted.
    pub restarts: usize,
    /// When, and for which slot, each worker was requested.
    pub spawned_at: Vec<(Instant, usize)>,
    next_pid: i32,
    stopped: bool,
    reloaded: bool,
    /// The slots that were given up since the last reload.
    pub given_up: BTreeSet<usize>,
    /// The dead worker that must be settled next: its slot, seat and process id.
    unsettled: Option<(usize, usize, Pid)>,
    conversation: String,
}

/// What fork(2) does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forks {
    Succeed,
    Fail,
    /// Has no result until the test gives one with `answer`.
    Pend,
}

/// A living worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Worker {
    pub slot: usize,
    pub seat: usize,
    pub life: Life,
    /// Whether it was asked to leave, or a successor has taken its place.
    pub replaced: bool,
    /// When it must be killed at the latest, if nothing changes.
    pub due: Option<Instant>,
}

/// What a worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    Starting,
    Serving,
    Leaving,
    Aborted,
    Killed,
}

impl Herd {
    /// A herd that was not started yet.
    pub fn new(slots: usize) -> Herd {
        let now = Instant::now();
        Herd {
            supervisor: Supervisor::new(Policy {
                slots,
                grace: GRACE,
                drain: DRAIN,
                ready_within: READY_WITHIN,
            }),
            slots,
            began: now,
            now,
            forks: Forks::Succeed,
            workers: BTreeMap::new(),
            unanswered: Vec::new(),
            finished: None,
            restarts: 0,
            spawned_at: Vec::new(),
            next_pid: 100,
            stopped: false,
            reloaded: false,
            given_up: BTreeSet::new(),
            unsettled: None,
            conversation: String::new(),
        }
    }

    /// A herd whose workers have just been forked.
    pub fn starting(slots: usize) -> Herd {
        let mut herd = Herd::new(slots);
        herd.tell(Event::Start);
        herd
    }

    /// A herd whose workers all serve.
    pub fn serving(slots: usize) -> Herd {
        let mut herd = Herd::starting(slots);
        for slot in 0..slots {
            herd.gets_ready(herd.only_worker(slot));
        }
        herd
    }

    /// Gives the supervisor an event, does the actions that it returns, answers its forks, and returns all actions.
    #[track_caller]
    pub fn tell(&mut self, event: Event) -> Vec<Action> {
        let mut all = Vec::new();
        let mut events = VecDeque::from([event]);
        let mut heard = 0;
        while let Some(event) = events.pop_front() {
            heard += 1;
            self.demand(heard < 50, "Failed fork: the next try must come after a pause, or the master spins");
            self.heard(event);
            let answer = caught(|| self.supervisor.handle(self.now, event));
            let time = (self.now - self.began).as_secs_f64();
            let told = answer.as_ref().map_or("a panic".to_owned(), |actions| format!("{actions:?}"));
            writeln!(self.conversation, "  {time:>8.3} s  {event:?} -> {told}").expect("memory");
            let actions = match answer {
                Ok(actions) => actions,
                Err(said) => panic!(
                    "The supervisor was given {event:?}, and its answer was {said}.\n{}",
                    self.last_lines()
                ),
            };
            for &action in &actions {
                self.perform(action, &mut events);
            }
            self.demand(
                self.unsettled.is_none(),
                "Death: each exit must be answered with exactly one Settle",
            );
            let settle = actions.iter().position(|action| matches!(action, Action::Settle { .. }));
            self.demand(
                matches!(settle, None | Some(0)),
                "Death: Settle must be the first action after an Exited, but another one comes before it",
            );
            self.check_replacements();
            if events.is_empty() {
                self.check_deadline();
            }
            all.extend(actions);
        }
        all
    }

    /// Time passes, and the supervisor is told.
    #[track_caller]
    pub fn pass(&mut self, time: Duration) -> Vec<Action> {
        self.now += time;
        self.tell(Event::Tick)
    }

    /// Sleeps until the supervisor's deadline, as a master does if nothing happens. Returns for how long.
    #[track_caller]
    pub fn sleep(&mut self) -> Duration {
        let deadline = self.supervisor.deadline();
        self.demand(
            deadline.is_some(),
            "Death: deadline() must say when the master must come back, but it is None",
        );
        let time = deadline.expect("just checked") - self.now;
        self.pass(time);
        time
    }

    /// Sleeps until the deadline, which must be `expected` from now.
    #[track_caller]
    pub fn sleeps_for(&mut self, expected: Duration, promise: &str) {
        let slept = self.sleep();
        self.same(promise, slept, expected);
    }

    #[track_caller]
    pub fn dies(&mut self, pid: Pid, how: Exit) -> Vec<Action> {
        let worker = self.workers.remove(&pid).expect("the test lets only living workers die");
        self.unsettled = Some((worker.slot, worker.seat, pid));
        let actions = self.tell(Event::Exited { pid, how });
        let told = notes(&actions).contains(&Note::Died { slot: worker.slot, pid, how });
        self.demand(
            told || worker.replaced || self.stopped,
            &format!(
                "Notes: worker {pid} has died and was not asked to leave. A Note(Died) must say so, and how it ended (here {how:?})"
            ),
        );
        actions
    }

    #[track_caller]
    pub fn gets_ready(&mut self, pid: Pid) -> Vec<Action> {
        self.tell(Event::Ready { pid })
    }

    /// Answers a spawn that `Forks::Pend` has left open.
    #[track_caller]
    pub fn answer(&mut self, (slot, seat): (usize, usize), forks: Forks) -> Vec<Action> {
        self.unanswered.retain(|&open| open != (slot, seat));
        match self.fork(slot, seat, forks) {
            Some(event) => self.tell(event),
            None => Vec::new(),
        }
    }

    /// The workers of one slot, in the order of their forks.
    pub fn workers_of(&self, slot: usize) -> Vec<Pid> {
        self.workers.iter().filter(|(_, worker)| worker.slot == slot).map(|(&pid, _)| pid).collect()
    }

    /// The worker of a slot that has one.
    #[track_caller]
    pub fn only_worker(&self, slot: usize) -> Pid {
        let workers = self.workers_of(slot);
        let promise = format!("Slots: slot {slot} must have exactly one worker now. How many it has");
        self.same(&promise, workers.len(), 1);
        workers[0]
    }

    pub fn life(&self, pid: Pid) -> Life {
        self.workers[&pid].life
    }

    fn heard(&mut self, event: Event) {
        match event {
            Event::Stop | Event::StopNow => self.stopped = true,
            Event::Reload if !self.stopped => {
                self.reloaded = true;
                self.given_up.clear();
            }
            Event::Ready { pid } => {
                if let Some(worker) = self.workers.get_mut(&pid)
                    && worker.life == Life::Starting
                {
                    (worker.life, worker.due) = (Life::Serving, None);
                    let slot = worker.slot;
                    for other in self.workers.values_mut().filter(|other| other.slot == slot) {
                        // It cannot be asked to leave any more.
                        other.replaced |= matches!(other.life, Life::Aborted | Life::Killed);
                    }
                }
            }
            _ => {}
        }
    }

    #[track_caller]
    fn perform(&mut self, action: Action, events: &mut VecDeque<Event>) {
        self.demand(
            self.finished.is_none(),
            "Finish: it must be the last action of all, but another one comes after it",
        );
        match action {
            Action::Spawn { slot, seat } => {
                self.check_spawn(slot, seat);
                self.spawned_at.push((self.now, slot));
                events.extend(self.fork(slot, seat, self.forks));
            }
            Action::Terminate { pid } => self.signal(pid, Life::Leaving),
            Action::Abort { pid } => self.signal(pid, Life::Aborted),
            Action::Kill { pid } => self.signal(pid, Life::Killed),
            Action::Settle { slot, seat, pid } => {
                let due = self.unsettled.take();
                let why = match due {
                    Some((slot, seat, dead)) => format!(
                        "Settle names another worker, slot or seat than those of the death. Worker {dead} has died, \
                         in seat {seat} of slot {slot}"
                    ),
                    None if self.is_dead(pid) => format!("worker {pid} is settled a second time"),
                    None => format!("Settle names worker {pid}, but no worker with this process id has died"),
                };
                self.demand(due == Some((slot, seat, pid)), &format!("Death: {why}"));
            }
            Action::Restarted { .. } => self.restarts += 1,
            Action::Note(Note::GivenUp { slot }) => {
                self.given_up.insert(slot);
            }
            Action::Note(_) => {}
            Action::Finish { code } => {
                let alone = self.workers.is_empty() && self.unanswered.is_empty();
                self.demand(alone, "Finish: it must come when the last worker is gone, and not before");
                self.finished = Some(code);
            }
        }
    }

    fn fork(&mut self, slot: usize, seat: usize, forks: Forks) -> Option<Event> {
        match forks {
            Forks::Succeed => {
                let pid = Pid::from_raw(self.next_pid);
                self.next_pid += 1;
                let due = Some(self.now + READY_WITHIN);
                self.workers.insert(pid, Worker { slot, seat, life: Life::Starting, replaced: false, due });
                Some(Event::Spawned { slot, seat, pid })
            }
            Forks::Fail => Some(Event::SpawnFailed { slot }),
            Forks::Pend => {
                self.unanswered.push((slot, seat));
                None
            }
        }
    }

    /// Whether this process was a worker, and has died.
    fn is_dead(&self, pid: Pid) -> bool {
        !self.workers.contains_key(&pid) && (100..self.next_pid).contains(&pid.as_raw())
    }

    #[track_caller]
    fn signal(&mut self, pid: Pid, life: Life) {
        let now = self.workers.get(&pid).map(|worker| worker.life);
        let what = if self.is_dead(pid) { "is dead" } else { "is none of ours" };
        let promise = format!(
            "Signals: worker {pid} {what} and gets a signal. Its process id may belong to another program now"
        );
        self.demand(now.is_some(), &promise);
        let promise = format!("Stop: worker {pid} was killed before, so it must get no further signal");
        self.demand(now != Some(Life::Killed), &promise);
        let worker = self.workers.get_mut(&pid).expect("just checked");
        let leaves_by = Some(self.now + if self.stopped { GRACE } else { DRAIN });
        let due = match (life, worker.life) {
            // If asked again, it keeps the earlier deadline.
            (Life::Leaving, Life::Leaving) => worker.due.min(leaves_by),
            (Life::Leaving, _) => leaves_by,
            (Life::Aborted, _) => Some(self.now + ABORTED_WITHIN),
            _ => None,
        };
        (worker.life, worker.due) = (life, due);
        worker.replaced |= life == Life::Leaving;
    }
}

/// The slots or workers that some actions are about, and what they have in common.
pub struct Listed<T> {
    list: Vec<T>,
    what: &'static str,
}

impl<T> Listed<T> {
    fn of(actions: &[Action], what: &'static str, pick: impl Fn(&Action) -> Option<T>) -> Listed<T> {
        Listed { list: actions.iter().filter_map(pick).collect(), what }
    }
}

impl<T> Deref for Listed<T> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.list
    }
}

impl<T> DerefMut for Listed<T> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        &mut self.list
    }
}

/// The slots in which these actions spawn.
pub fn spawns(actions: &[Action]) -> Listed<usize> {
    Listed::of(actions, "The slots in which a worker is spawned", |action| match action {
        Action::Spawn { slot, .. } => Some(*slot),
        _ => None,
    })
}

/// The workers that these actions ask to leave.
pub fn terminates(actions: &[Action]) -> Listed<Pid> {
    Listed::of(actions, "The workers that are asked to leave", |action| match action {
        Action::Terminate { pid } => Some(*pid),
        _ => None,
    })
}

/// The workers that these actions kill.
pub fn kills(actions: &[Action]) -> Listed<Pid> {
    Listed::of(actions, "The workers that are killed", |action| match action {
        Action::Kill { pid } => Some(*pid),
        _ => None,
    })
}

/// The notes among these actions.
pub fn notes(actions: &[Action]) -> Vec<Note> {
    actions
        .iter()
        .filter_map(|action| if let Action::Note(note) = action { Some(*note) } else { None })
        .collect()
}
