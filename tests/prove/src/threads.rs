//! Lab 2: a limit. The interface for models, three right limits and six broken ones.

use crate::judge::{self, Broken, Kit, Part, Promise, Situation};
use lanes::sync::{Condvar, Mutex};
use std::sync::Arc;

/// A number of permits. A clone is another handle to the same permits.
#[derive(Clone)]
pub struct Limit(Arc<Inside>);

/// The right to do something. It comes back when it is dropped.
#[must_use = "a permit that is dropped at once limits nothing"]
pub struct Permit(Option<Arc<Inside>>);

enum Inside {
    TwoBeds(TwoBeds),
    OneBed(OneBed),
    Tickets(Tickets),
}

impl Limit {
    /// A limit of `permits` permits, none of them out. It can only be made inside a model.
    pub fn new(permits: usize) -> Limit {
        Limit(Arc::new(match judge::on_trial() {
            Part::Right(1) => Inside::OneBed(OneBed::new(permits)),
            Part::Right(2) => Inside::Tickets(Tickets::new(permits)),
            Part::Right(_) => Inside::TwoBeds(TwoBeds::new(permits, None)),
            Part::Broken(number) => Inside::TwoBeds(TwoBeds::new(permits, Some(FLAWS[number].0))),
        }))
    }

    /// Takes a permit; sleeps while all are out.
    #[track_caller]
    pub fn acquire(&self) -> Permit {
        match &*self.0 {
            Inside::TwoBeds(limit) => limit.acquire(),
            Inside::OneBed(limit) => limit.acquire(),
            Inside::Tickets(limit) => limit.acquire(),
        }
        Permit(Some(self.0.clone()))
    }

    /// Takes a permit if one is left.
    #[track_caller]
    pub fn try_acquire(&self) -> Option<Permit> {
        let taken = match &*self.0 {
            Inside::TwoBeds(limit) => limit.try_acquire(),
            Inside::OneBed(limit) => limit.try_acquire(),
            Inside::Tickets(limit) => limit.try_acquire(),
        };
        taken.then(|| Permit(Some(self.0.clone())))
    }

    /// Sleeps until all permits are back.
    #[track_caller]
    pub fn drain(&self) {
        match &*self.0 {
            Inside::TwoBeds(limit) => limit.drain(),
            Inside::OneBed(limit) => limit.drain(),
            Inside::Tickets(limit) => limit.drain(),
        }
    }
}

impl Permit {
    /// Gives the permit back, as dropping it does, but the lanes show the line of this call.
    #[track_caller]
    pub fn give_back(mut self) {
        if let Some(limit) = self.0.take() {
            limit.give_back();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(limit) = self.0.take() {
            limit.give_back();
        }
    }
}

impl Inside {
    #[track_caller]
    fn give_back(&self) {
        match self {
            Inside::TwoBeds(limit) => limit.give_back(),
            Inside::OneBed(limit) => limit.give_back(),
            Inside::Tickets(limit) => limit.give_back(),
        }
    }
}

/// Judges the models of task 2.9, in the order of the promises.
///
/// # Panics
///
/// If one of the models is not good enough.
pub fn judge(models: &[fn()]) {
    let broken = FLAWS.map(|(_, broken)| broken);
    judge::judge(&Kit { thing: "limit", promises: &PROMISES, broken: &broken }, models);
}

const SLEEPS: &str = "a thread sleep for a permit";
const DRAIN_SLEEPS: &str = "a thread sleep in drain";

const PROMISES: [Promise; 2] = [
    Promise {
        says: "a permit that comes back reaches a sleeper",
        situations: &[Situation {
            name: SLEEPS,
            question: "How many permits are out when a thread asks for one, and how many are there?",
        }],
        broken: 0..4,
    },
    Promise {
        says: "drain returns when all permits are back",
        situations: &[Situation {
            name: DRAIN_SLEEPS,
            question: "Which thread has a permit when another one drains?",
        }],
        broken: 4..6,
    },
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    SleepsInTwoSteps,
    LooksOnce,
    WakesOnlyTheFirst,
    TriesInTwoSteps,
    DrainLooksOnce,
    DrainWakesOne,
}

const FLAWS: [(Flaw, Broken); 6] = [
    (
        Flaw::SleepsInTwoSteps,
        Broken {
            what: "unlocks between its look and its sleep",
            question: "A permit can come back between the two. Which thread of your model gives it back, and does any \
                       other call come in its way?",
        },
    ),
    (
        Flaw::WakesOnlyTheFirst,
        Broken {
            what: "forgets one of two sleepers, because it wakes one only when all permits were out,",
            question: "How many threads sleep in your model at the same time, and how many permits come back before the \
                       first of them runs?",
        },
    ),
    (
        Flaw::LooksOnce,
        Broken {
            what: "does not look again when a thread wakes, and then gives out a permit too many,",
            question: "How does your model notice that more threads hold a permit than there are permits?",
        },
    ),
    (
        Flaw::TriesInTwoSteps,
        Broken {
            what: "looks and takes in two steps when a thread only tries",
            question: "In how many ways can a permit be taken, and which of them meet in your model?",
        },
    ),
    (
        Flaw::DrainLooksOnce,
        Broken {
            what: "returns from drain when the first permit comes back",
            question: "How many permits are out when your model drains, and what does it know about them afterwards?",
        },
    ),
    (
        Flaw::DrainWakesOne,
        Broken {
            what: "wakes only one of the threads that drain",
            question: "How many threads can wait for the end at the same time, and how many do so in your model?",
        },
    ),
];

/// Right: one mutex, and a condition variable for each purpose. Broken, if it has a flaw.
struct TwoBeds {
    limit: usize,
    out: Mutex<usize>,
    returned: Condvar,
    emptied: Condvar,
    flaw: Option<Flaw>,
}

impl TwoBeds {
    fn new(limit: usize, flaw: Option<Flaw>) -> TwoBeds {
        TwoBeds { limit, out: Mutex::new(0), returned: Condvar::new(), emptied: Condvar::new(), flaw }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    #[track_caller]
    fn acquire(&self) {
        let mut out = self.out.lock().expect(NEVER);
        while *out >= self.limit {
            judge::reached(SLEEPS);
            if self.has(Flaw::SleepsInTwoSteps) {
                drop(out);
                out = self.out.lock().expect(NEVER);
            }
            out = self.returned.wait(out).expect(NEVER);
            if self.has(Flaw::LooksOnce) {
                break;
            }
        }
        *out += 1;
    }

    #[track_caller]
    fn try_acquire(&self) -> bool {
        let mut out = self.out.lock().expect(NEVER);
        if *out >= self.limit {
            return false;
        }
        if self.has(Flaw::TriesInTwoSteps) {
            drop(out);
            out = self.out.lock().expect(NEVER);
        }
        *out += 1;
        true
    }

    #[track_caller]
    fn give_back(&self) {
        let mut out = self.out.lock().expect(NEVER);
        *out -= 1;
        if self.has(Flaw::DrainWakesOne) && *out == 0 {
            self.emptied.notify_one();
        } else if self.has(Flaw::DrainLooksOnce) || *out == 0 {
            self.emptied.notify_all();
        }
        if !self.has(Flaw::WakesOnlyTheFirst) || *out == self.limit - 1 {
            self.returned.notify_one();
        }
    }

    #[track_caller]
    fn drain(&self) {
        let mut out = self.out.lock().expect(NEVER);
        while *out > 0 {
            judge::reached(DRAIN_SLEEPS);
            out = self.emptied.wait(out).expect(NEVER);
            if self.has(Flaw::DrainLooksOnce) {
                break;
            }
        }
    }
}

/// Right in another way: one condition variable, and every permit that comes back wakes all.
struct OneBed {
    limit: usize,
    out: Mutex<usize>,
    changed: Condvar,
}

impl OneBed {
    fn new(limit: usize) -> OneBed {
        OneBed { limit, out: Mutex::new(0), changed: Condvar::new() }
    }

    #[track_caller]
    fn acquire(&self) {
        let mut out = self.out.lock().expect(NEVER);
        while *out == self.limit {
            out = self.changed.wait(out).expect(NEVER);
        }
        *out += 1;
    }

    #[track_caller]
    fn try_acquire(&self) -> bool {
        let mut out = self.out.lock().expect(NEVER);
        let is_here = *out < self.limit;
        *out += usize::from(is_here);
        is_here
    }

    #[track_caller]
    fn give_back(&self) {
        *self.out.lock().expect(NEVER) -= 1;
        self.changed.notify_all();
    }

    #[track_caller]
    fn drain(&self) {
        let mut out = self.out.lock().expect(NEVER);
        while *out > 0 {
            out = self.changed.wait(out).expect(NEVER);
        }
    }
}

/// Right in a third way: threads draw numbers, and get their permits in that order.
struct Tickets {
    limit: usize,
    numbers: Mutex<Numbers>,
    changed: Condvar,
}

struct Numbers {
    /// How many numbers were drawn.
    drawn: usize,
    /// How many permits have come back.
    back: usize,
}

impl Tickets {
    fn new(limit: usize) -> Tickets {
        Tickets { limit, numbers: Mutex::new(Numbers { drawn: 0, back: 0 }), changed: Condvar::new() }
    }

    #[track_caller]
    fn acquire(&self) {
        let mut numbers = self.numbers.lock().expect(NEVER);
        let own = numbers.drawn;
        numbers.drawn += 1;
        while own >= numbers.back + self.limit {
            numbers = self.changed.wait(numbers).expect(NEVER);
        }
    }

    #[track_caller]
    fn try_acquire(&self) -> bool {
        let mut numbers = self.numbers.lock().expect(NEVER);
        let is_here = numbers.drawn < numbers.back + self.limit;
        numbers.drawn += usize::from(is_here);
        is_here
    }

    #[track_caller]
    fn give_back(&self) {
        self.numbers.lock().expect(NEVER).back += 1;
        self.changed.notify_all();
    }

    #[track_caller]
    fn drain(&self) {
        let mut numbers = self.numbers.lock().expect(NEVER);
        while numbers.back < numbers.drawn {
            numbers = self.changed.wait(numbers).expect(NEVER);
        }
    }
}

const NEVER: &str = "loom's mutex is never poisoned";
