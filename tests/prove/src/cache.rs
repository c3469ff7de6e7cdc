//! Lab 4: a cache that loads what is missing. The interface for models, three right caches and six broken ones.

use crate::judge::{self, Broken, Kit, Part, Promise, Situation};
use lanes::sync::{Condvar, Mutex};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A cache of numbers that loads what is missing.
pub struct Cache(Inside);

enum Inside {
    Board(Board),
    Flights(Flights),
    Shelves(Shelves),
}

impl Cache {
    /// An empty cache, in which everything fits. It can only be made inside a model.
    #[expect(clippy::new_without_default, reason = "a model says what it makes")]
    pub fn new() -> Cache {
        Cache(match judge::on_trial() {
            Part::Right(1) => Inside::Flights(Flights(Mutex::new(BTreeMap::new()))),
            Part::Right(2) => Inside::Shelves(Shelves(Mutex::new(BTreeMap::new()))),
            Part::Right(_) => Inside::Board(Board::new(None)),
            Part::Broken(number) => Inside::Board(Board::new(Some(FLAWS[number].0))),
        })
    }

    /// The value of a key. If it is missing, one of the threads that ask for it calls its `load`, and the others wait.
    /// `None` if this thread's own `load` fails, that is, returns `None`.
    #[track_caller]
    pub fn get_or_load(&self, key: u32, load: impl FnOnce() -> Option<u32>) -> Option<u32> {
        match &self.0 {
            Inside::Board(cache) => cache.get_or_load(key, load),
            Inside::Flights(cache) => cache.get_or_load(key, load),
            Inside::Shelves(cache) => cache.get_or_load(key, load),
        }
    }
}

/// Judges the models of task 4.9, in the order of the promises.
///
/// # Panics
///
/// If one of the models is not good enough.
pub fn judge(models: &[fn()]) {
    let broken = FLAWS.map(|(_, broken)| broken);
    judge::judge(&Kit { thing: "cache", promises: &PROMISES, broken: &broken }, models);
}

const WAITS: &str = "a thread wait for the load of another one";
const FAILS: &str = "a load fail";

const PROMISES: [Promise; 2] = [
    Promise {
        says: "of all that ask at once, one loads",
        situations: &[Situation {
            name: WAITS,
            question: "Which threads ask for the same key, and can they do so at the same time?",
        }],
        broken: 0..3,
    },
    Promise {
        says: "after a load that fails, one loads again",
        situations: &[Situation { name: FAILS, question: "Which load of your model says None?" }],
        broken: 3..6,
    },
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    AnnouncesWithoutALook,
    JoinsAnyLoad,
    WakesOneWaiter,
    FailsInSilence,
    FailsForAll,
    AllLoadAfterAFailure,
}

const FLAWS: [(Flaw, Broken); 6] = [
    (
        Flaw::AnnouncesWithoutALook,
        Broken {
            what: "looks for the value and announces its load in two steps",
            question: "How does your model notice that a value was loaded once too often?",
        },
    ),
    (
        Flaw::JoinsAnyLoad,
        Broken {
            what: "joins a load without asking for which key it is",
            question: "For how many keys do the threads of your model ask at the same time, and what do they get?",
        },
    ),
    (
        Flaw::WakesOneWaiter,
        Broken {
            what: "wakes only one of the threads that wait for a load",
            question: "How many threads wait for the same load in your model?",
        },
    ),
    (
        Flaw::FailsInSilence,
        Broken {
            what: "wakes no thread when a load fails",
            question: "Which threads wait in your model while a load fails?",
        },
    ),
    (
        Flaw::FailsForAll,
        Broken {
            what: "answers None to all that waited for a load that failed",
            question: "What does your model expect of a thread whose own load did not fail?",
        },
    ),
    (
        Flaw::AllLoadAfterAFailure,
        Broken {
            what: "lets all that waited for a load that failed load at once",
            question: "How many threads wait in your model while a load fails, and how many loads may there be in the \
                       end?",
        },
    ),
];

/// Right: one board on which loads are announced. Broken, if it has a flaw.
struct Board {
    state: Mutex<State>,
    landed: Condvar,
    flaw: Option<Flaw>,
}

struct State {
    values: BTreeMap<u32, u32>,
    loading: Vec<u32>,
    /// The value that was loaded last, and the number of loads that failed.
    latest: Option<u32>,
    failures: usize,
}

impl Board {
    fn new(flaw: Option<Flaw>) -> Board {
        let state = State { values: BTreeMap::new(), loading: Vec::new(), latest: None, failures: 0 };
        Board { state: Mutex::new(state), landed: Condvar::new(), flaw }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    #[track_caller]
    fn get_or_load(&self, key: u32, load: impl FnOnce() -> Option<u32>) -> Option<u32> {
        let mut state = self.state.lock().expect(NEVER);
        loop {
            if let Some(&value) = state.values.get(&key) {
                return Some(value);
            }
            let any = self.has(Flaw::JoinsAnyLoad) && !state.loading.is_empty();
            if !any && !state.loading.contains(&key) {
                break;
            }
            judge::reached(WAITS);
            let failures = state.failures;
            state = self.landed.wait(state).expect(NEVER);
            if any && state.latest.is_some() {
                return state.latest;
            }
            if self.has(Flaw::FailsForAll) && state.failures > failures {
                return None;
            }
            if self.has(Flaw::AllLoadAfterAFailure) && state.failures > failures {
                break;
            }
        }
        if self.has(Flaw::AnnouncesWithoutALook) {
            drop(state);
            state = self.state.lock().expect(NEVER);
        }
        state.loading.push(key);
        drop(state);
        let loaded = load();
        self.land(key, loaded);
        loaded
    }

    #[track_caller]
    fn land(&self, key: u32, loaded: Option<u32>) {
        let mut state = self.state.lock().expect(NEVER);
        state.loading.retain(|&loading| loading != key);
        if let Some(value) = loaded {
            state.values.insert(key, value);
            state.latest = loaded;
        } else {
            judge::reached(FAILS);
            state.failures += 1;
        }
        if self.has(Flaw::WakesOneWaiter) {
            self.landed.notify_one();
        } else if !self.has(Flaw::FailsInSilence) || loaded.is_some() {
            self.landed.notify_all();
        }
    }
}

/// Right in another way: each load is a flight with its own condition variable.
struct Flights(Mutex<BTreeMap<u32, Arc<Flight>>>);

struct Flight {
    /// The result, once it has landed.
    landed: Mutex<Option<Option<u32>>>,
    waiting: Condvar,
}

impl Flights {
    #[track_caller]
    fn get_or_load(&self, key: u32, load: impl FnOnce() -> Option<u32>) -> Option<u32> {
        let own = Arc::new(Flight { landed: Mutex::new(None), waiting: Condvar::new() });
        loop {
            let mut flights = self.0.lock().expect(NEVER);
            let flight = flights.entry(key).or_insert_with(|| own.clone()).clone();
            drop(flights);
            if Arc::ptr_eq(&flight, &own) {
                break;
            }
            let mut landed = flight.landed.lock().expect(NEVER);
            while landed.is_none() {
                landed = flight.waiting.wait(landed).expect(NEVER);
            }
            if let Some(Some(value)) = *landed {
                return Some(value);
            }
        }
        let loaded = load();
        if loaded.is_none() {
            self.0.lock().expect(NEVER).remove(&key);
        }
        *own.landed.lock().expect(NEVER) = Some(loaded);
        own.waiting.notify_all();
        loaded
    }
}

/// Right in a third way: a lock for each key, which is held during the load.
struct Shelves(Mutex<BTreeMap<u32, Arc<Mutex<Option<u32>>>>>);

impl Shelves {
    #[track_caller]
    fn get_or_load(&self, key: u32, load: impl FnOnce() -> Option<u32>) -> Option<u32> {
        let mut shelves = self.0.lock().expect(NEVER);
        let shelf = shelves.entry(key).or_insert_with(|| Arc::new(Mutex::new(None))).clone();
        drop(shelves);
        let mut value = shelf.lock().expect(NEVER);
        if value.is_none() {
            *value = load();
        }
        *value
    }
}

const NEVER: &str = "loom's mutex is never poisoned";
