//! Lab 5: statistics. The interface for models, three right ones and seven broken ones.

use crate::judge::{self, Broken, Kit, Part, Promise, Situation};
use lanes::sync::Mutex;
use lanes::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::atomic::AtomicBool;

/// How many workers there are.
pub const WORKERS: usize = 2;

/// What the two workers have served in total.
pub struct Stats {
    inside: Inside,
    /// Whether there was a snapshot. An atomic of `std`, so that accesses are not steps of a model.
    seen: AtomicBool,
}

/// Responses that were counted, and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Totals {
    /// How many responses.
    pub responses: u32,
    /// How many bytes they had together.
    pub bytes: u32,
}

enum Inside {
    Slots(Slots),
    OneWord(AtomicU64),
    Loose(Loose),
}

impl Stats {
    /// Statistics of workers that have served nothing yet. They can only be made inside a model.
    #[expect(clippy::new_without_default, reason = "a model says what it makes")]
    pub fn new() -> Stats {
        let inside = match judge::on_trial() {
            Part::Right(1) => Inside::OneWord(AtomicU64::new(0)),
            Part::Right(2) => Inside::Slots(Slots::new(1, None)),
            Part::Right(_) => Inside::Slots(Slots::new(WORKERS, None)),
            Part::Broken(number) => match FLAWS[number].0 {
                flaw @ (Flaw::LoadsAndStores | Flaw::CountsAgain | Flaw::CountsInTwoSteps) => {
                    Inside::Loose(Loose::new(flaw))
                }
                flaw => Inside::Slots(Slots::new(WORKERS, Some(flaw))),
            },
        };
        Stats { inside, seen: AtomicBool::new(false) }
    }

    /// Counts a response of worker 0 or 1 with `bytes` bytes. A worker may have several threads.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn count(&self, worker: usize, bytes: u32) {
        assert!(worker < WORKERS, "the workers are 0 and 1");
        if self.seen.load(Relaxed) {
            judge::reached(COUNTED_AFTERWARDS);
        }
        match &self.inside {
            Inside::Slots(stats) => stats.count(worker, bytes),
            Inside::OneWord(word) => drop(word.fetch_add(1 << 32 | u64::from(bytes), Relaxed)),
            Inside::Loose(stats) => stats.count(bytes),
        }
    }

    /// What both workers have served.
    #[track_caller]
    pub fn snapshot(&self) -> Totals {
        let totals = match &self.inside {
            Inside::Slots(stats) => stats.snapshot(),
            Inside::OneWord(word) => {
                let word = word.fetch_add(0, Relaxed);
                Totals { responses: (word >> 32) as u32, bytes: word as u32 }
            }
            Inside::Loose(stats) => stats.snapshot(),
        };
        self.seen.store(true, Relaxed);
        if totals.responses > 0 {
            judge::reached(SEEN);
        }
        totals
    }
}

/// Judges the models of task 5.9, in the order of the promises.
///
/// # Panics
///
/// If one of the models is not good enough.
pub fn judge(models: &[fn()]) {
    let broken = FLAWS.map(|(_, broken)| broken);
    judge::judge(&Kit { thing: "set of statistics", promises: &PROMISES, broken: &broken }, models);
}

const SEEN: &str = "a snapshot see a response";
const COUNTED_AFTERWARDS: &str = "a response come after a snapshot";

const PROMISES: [Promise; 2] = [
    Promise {
        says: "every response is counted once",
        situations: &[Situation {
            name: SEEN,
            question: "Which thread counts, and when is the snapshot taken?",
        }],
        broken: 0..4,
    },
    Promise {
        says: "a snapshot is whole, and never goes back",
        situations: &[Situation {
            name: COUNTED_AFTERWARDS,
            question: "Which thread takes a snapshot while another one still counts?",
        }],
        broken: 4..7,
    },
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    LoadsAndStores,
    CountsAgain,
    ForgetsAWorker,
    KeepsTheLastCount,
    CountsInTwoSteps,
    ReadsInTwoSteps,
    TakesOut,
}

const FLAWS: [(Flaw, Broken); 7] = [
    (
        Flaw::LoadsAndStores,
        Broken {
            what: "loads, adds and stores",
            question: "Which threads count at the same time, and what does your model know about the totals when all \
                       have ended?",
        },
    ),
    (
        Flaw::CountsAgain,
        Broken {
            what: "counts a response again if another one was counted in between",
            question: "Does your model also fail on totals that are too large?",
        },
    ),
    (
        Flaw::ForgetsAWorker,
        Broken {
            what: "forgets a worker in its snapshot",
            question: "For how many workers does your model count?",
        },
    ),
    (
        Flaw::KeepsTheLastCount,
        Broken {
            what: "keeps a response to itself until the next one of the same worker",
            question: "How many responses does each worker of your model count? Is it any other number for one of them?",
        },
    ),
    (
        Flaw::CountsInTwoSteps,
        Broken {
            what: "counts a response first, and its bytes afterwards",
            question: "What does your model know about a snapshot that is taken while another thread counts?",
        },
    ),
    (
        Flaw::ReadsInTwoSteps,
        Broken {
            what: "reads the responses first, and the bytes afterwards",
            question: "If you know how many responses there are, do you know how many bytes there must be?",
        },
    ),
    (
        Flaw::TakesOut,
        Broken {
            what: "takes the numbers out to read them, and then puts them back",
            question: "How many threads take a snapshot at the same time, and what must be true of two snapshots of \
                       one thread?",
        },
    ),
];

/// Right: a slot for each worker, each under its own lock. Broken, if they have a flaw.
struct Slots {
    slots: Vec<Mutex<Slot>>,
    flaw: Option<Flaw>,
}

#[derive(Default)]
struct Slot {
    totals: Totals,
    /// The bytes of a response that was counted and is not in the totals yet.
    kept: Option<u32>,
}

impl Slot {
    fn add(&mut self, bytes: u32) {
        self.totals.responses += 1;
        self.totals.bytes += bytes;
    }
}

impl Slots {
    fn new(slots: usize, flaw: Option<Flaw>) -> Slots {
        Slots { slots: (0..slots).map(|_| Mutex::new(Slot::default())).collect(), flaw }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    #[track_caller]
    fn count(&self, worker: usize, bytes: u32) {
        let mut slot = self.slots[worker % self.slots.len()].lock().expect(NEVER);
        if self.has(Flaw::KeepsTheLastCount) {
            let Some(kept) = slot.kept.take() else {
                slot.kept = Some(bytes);
                return;
            };
            slot.add(kept);
        }
        slot.add(bytes);
    }

    #[track_caller]
    fn snapshot(&self) -> Totals {
        let mut sum = Totals::default();
        let read = if self.has(Flaw::ForgetsAWorker) { 1 } else { self.slots.len() };
        for slot in &self.slots[..read] {
            let Totals { responses, mut bytes } = slot.lock().expect(NEVER).totals;
            if self.has(Flaw::ReadsInTwoSteps) {
                bytes = slot.lock().expect(NEVER).totals.bytes;
            }
            if self.has(Flaw::TakesOut) {
                let taken = std::mem::take(&mut slot.lock().expect(NEVER).totals);
                let mut slot = slot.lock().expect(NEVER);
                slot.totals.responses += taken.responses;
                slot.totals.bytes += taken.bytes;
            }
            sum.responses += responses;
            sum.bytes += bytes;
        }
        sum
    }
}

/// Two independent atomics: always broken.
struct Loose {
    responses: AtomicU32,
    bytes: AtomicU32,
    /// Keeps readers from seeing half of a count, but does not protect writers from each other.
    whole: Mutex<()>,
    flaw: Flaw,
}

impl Loose {
    fn new(flaw: Flaw) -> Loose {
        Loose { responses: AtomicU32::new(0), bytes: AtomicU32::new(0), whole: Mutex::new(()), flaw }
    }

    #[track_caller]
    fn count(&self, bytes: u32) {
        if self.flaw == Flaw::CountsInTwoSteps {
            self.responses.fetch_add(1, Relaxed);
            self.bytes.fetch_add(bytes, Relaxed);
            return;
        }
        // Read-modify-writes that change nothing, because loom skips interleavings of a load and a store by one thread.
        let (responses_before, bytes_before) =
            (self.responses.fetch_add(0, Relaxed), self.bytes.fetch_add(0, Relaxed));
        let _whole = self.whole.lock().expect(NEVER);
        if self.flaw == Flaw::CountsAgain {
            let times = if self.responses.fetch_add(0, Relaxed) == responses_before { 1 } else { 2 };
            self.responses.fetch_add(times, Relaxed);
            self.bytes.fetch_add(times * bytes, Relaxed);
            return;
        }
        self.responses.swap(responses_before + 1, Relaxed);
        self.bytes.swap(bytes_before + bytes, Relaxed);
    }

    #[track_caller]
    fn snapshot(&self) -> Totals {
        let _whole = self.whole.lock().expect(NEVER);
        let responses = self.responses.fetch_add(0, Relaxed);
        Totals { responses, bytes: self.bytes.fetch_add(0, Relaxed) }
    }
}

const NEVER: &str = "loom's mutex is never poisoned";
