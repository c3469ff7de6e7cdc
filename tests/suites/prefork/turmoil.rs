//! Random events in random order: the promises that [`Herd`] checks at each step hold whatever happens.

use crate::herd::{Forks, Herd, LAST_IS_GONE, Life};
use prefork::{Action, CANNOT_START, DONE, Event, Exit, FIRST_PAUSE, LONGEST_PAUSE, MASTER_GONE, Pid};
use proptest::prelude::*;
use std::time::Duration;
use verdict::test;

/// Something that may happen to a herd. Numbers choose among the living workers, or the open forks.
#[derive(Debug, Clone)]
enum Happening {
    GetsReady(usize),
    Dies(usize, Exit),
    Pass(Duration),
    Sleep,
    Forks(Forks),
    Answer(usize, Forks),
    /// About one of the living workers, in any state.
    Hangs(usize),
    /// An answer that was never asked for, or an event of an unknown process.
    Stray(Event),
    Told(Event),
}

fn exits() -> impl Strategy<Value = Exit> {
    prop_oneof![
        2 => Just(Exit::Code(DONE)),
        4 => Just(Exit::Code(CANNOT_START)),
        1 => Just(Exit::Code(MASTER_GONE)),
        1 => (1..256).prop_map(Exit::Code),
        2 => (1..65).prop_map(Exit::Signal),
    ]
}

fn forks() -> impl Strategy<Value = Forks> {
    prop_oneof![3 => Just(Forks::Succeed), 1 => Just(Forks::Fail), 1 => Just(Forks::Pend)]
}

fn strays() -> impl Strategy<Value = Event> {
    let pid = Pid::from_raw(99);
    prop_oneof![
        Just(Event::Start),
        Just(Event::Ready { pid }),
        Just(Event::Hung { pid }),
        exits().prop_map(move |how| Event::Exited { pid, how }),
    ]
}

fn happenings() -> impl Strategy<Value = Happening> {
    prop_oneof![
        8 => any::<usize>().prop_map(Happening::GetsReady),
        6 => (any::<usize>(), exits()).prop_map(|(who, how)| Happening::Dies(who, how)),
        3 => (0..40_000u64).prop_map(|time| Happening::Pass(Duration::from_millis(time))),
        3 => Just(Happening::Sleep),
        2 => forks().prop_map(Happening::Forks),
        4 => (any::<usize>(), forks()).prop_map(|(which, forks)| Happening::Answer(which, forks)),
        3 => Just(Happening::Told(Event::Reload)),
        1 => Just(Happening::Told(Event::Tick)),
        2 => any::<usize>().prop_map(Happening::Hangs),
        1 => strays().prop_map(Happening::Stray),
    ]
}

impl Herd {
    fn undergo(&mut self, happening: &Happening) {
        let someone = |herd: &Herd, who: usize| -> Option<Pid> {
            herd.workers.keys().copied().nth(who.checked_rem(herd.workers.len())?)
        };
        match *happening {
            Happening::GetsReady(who) => {
                if let Some(pid) = someone(self, who) {
                    self.gets_ready(pid);
                }
            }
            Happening::Dies(who, how) => {
                if let Some(pid) = someone(self, who) {
                    self.dies(pid, how);
                }
            }
            Happening::Pass(time) => {
                self.pass(time);
            }
            Happening::Sleep => {
                if self.workers.values().any(|worker| worker.life == Life::Starting) {
                    self.sleep();
                }
            }
            Happening::Forks(forks) => self.forks = forks,
            Happening::Answer(which, forks) => {
                if let Some(which) = which.checked_rem(self.unanswered.len()) {
                    self.answer(self.unanswered[which], forks);
                }
            }
            Happening::Hangs(who) => {
                if let Some(pid) = someone(self, who) {
                    self.tell(Event::Hung { pid });
                }
            }
            Happening::Stray(event) => {
                let actions = self.tell(event);
                let decided = actions
                    .iter()
                    .any(|action| matches!(action, Action::Settle { .. } | Action::Abort { .. }));
                self.demand(
                    !decided,
                    "Strays: nothing may be done about an answer that was not asked for, or a process that is not \
                     ours",
                );
            }
            Happening::Told(event) => {
                self.tell(event);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    /// Whatever happened before a stop and happens after it: once all workers are gone, the herd finishes.
    #[test]
    fn a_herd_survives_anything_and_always_ends(
        slots in 1..4usize,
        before in prop::collection::vec(happenings(), 0..120),
        stop in prop_oneof![Just(Event::Stop), Just(Event::StopNow)],
        between in prop::collection::vec(happenings(), 0..20),
        again in prop::option::of(prop_oneof![Just(Event::Stop), Just(Event::StopNow)]),
        after in prop::collection::vec(happenings(), 0..20),
    ) {
        let mut herd = Herd::starting(slots);
        for happening in &before {
            herd.undergo(happening);
        }
        let finished_before = herd.finished;
        herd.tell(stop);
        for happening in &between {
            herd.undergo(happening);
        }
        if let Some(again) = again {
            herd.tell(again);
        }
        for happening in &after {
            herd.undergo(happening);
        }
        while let Some(&open) = herd.unanswered.first() {
            herd.answer(open, Forks::Succeed);
        }
        for pid in herd.workers.keys().copied().collect::<Vec<Pid>>() {
            herd.dies(pid, Exit::Code(DONE));
        }
        let expected = finished_before.or(Some(DONE));
        herd.ends(LAST_IS_GONE, expected);
    }

    /// If all workers get ready, a herd settles with one serving worker in each slot.
    #[test]
    fn a_herd_that_is_left_in_peace_recovers(
        slots in 1..4usize,
        before in prop::collection::vec(happenings(), 0..80),
    ) {
        let mut herd = Herd::starting(slots);
        for happening in &before {
            herd.undergo(happening);
        }
        prop_assume!(herd.finished.is_none());
        herd.forks = Forks::Succeed;
        while let Some(&open) = herd.unanswered.first() {
            herd.answer(open, Forks::Succeed);
        }
        herd.tell(Event::Reload);
        // Each step moves one worker on; a herd that has not settled by then never will.
        for _ in 0..100 {
            let moving = herd.workers.iter().find(|(_, worker)| worker.life != Life::Serving);
            match moving.map(|(&pid, worker)| (pid, worker.life)) {
                Some((pid, Life::Starting)) => { herd.gets_ready(pid); }
                Some((pid, _)) => { herd.dies(pid, Exit::Code(DONE)); }
                None if herd.workers.len() < slots => { herd.sleep(); }
                None => break,
            }
        }
        for slot in 0..slots {
            let pid = herd.only_worker(slot);
            herd.same(&format!("Slots: worker {pid} must serve. Its state"), herd.life(pid), Life::Serving);
        }
    }

    /// Workers that never live for a minute, and forks that fail: the pauses keep the number of tries small.
    #[test]
    fn a_slot_never_tries_more_often_than_its_pauses_allow(
        lives in prop::collection::vec((0..4_000u64, any::<bool>(), any::<bool>()), 1..40),
    ) {
        let mut herd = Herd::starting(1);
        let mut failures = 0;
        for (time, ready, fork_fails) in lives {
            let pid = herd.only_worker(0);
            if ready {
                herd.gets_ready(pid);
            }
            herd.pass(Duration::from_millis(time));
            herd.forks = if fork_fails { Forks::Fail } else { Forks::Succeed };
            let mut failed_at = herd.now;
            let mut tries = herd.spawned_at.len();
            herd.dies(pid, Exit::Signal(11));
            loop {
                while herd.spawned_at.len() == tries {
                    herd.sleep();
                }
                tries = herd.spawned_at.len();
                let pause = FIRST_PAUSE.saturating_mul(1 << failures.min(20)) / 2;
                let least = if failures == 0 { Duration::ZERO } else { pause.min(LONGEST_PAUSE) };
                let waited = herd.spawned_at[tries - 1].0 - failed_at;
                herd.demand(waited >= least, "Death: the pause after each failure in a row must be twice as long as \
                                              the last");
                failures += 1;
                if herd.forks == Forks::Succeed {
                    break;
                }
                failed_at = herd.now;
                herd.forks = Forks::Succeed;
            }
        }
    }
}
