//! Lab 6: a mailbox with a bell. The interface for models, three right mailboxes and five broken ones.

use crate::judge::{self, Broken, Kit, Part, Promise, Situation};
use lanes::sync::atomic::{AtomicU32, Ordering};
use lanes::sync::{Condvar, Mutex};

/// A place for notices to one thread, the master, which sleeps while there are none.
pub struct Mailbox(Inside);

enum Inside {
    BellAndWord(BellAndWord),
    Locked(Locked),
}

impl Mailbox {
    /// An empty mailbox. It can only be made inside a model.
    #[expect(clippy::new_without_default, reason = "a model says what it makes")]
    pub fn new() -> Mailbox {
        Mailbox(match judge::on_trial() {
            Part::Right(1) => Inside::Locked(Locked::default()),
            Part::Right(2) => Inside::BellAndWord(BellAndWord::new(Order::BoxFirst, None)),
            Part::Right(_) => Inside::BellAndWord(BellAndWord::new(Order::BellFirst, None)),
            Part::Broken(number) => {
                Inside::BellAndWord(BellAndWord::new(Order::BellFirst, Some(FLAWS[number].0)))
            }
        })
    }

    /// Leaves notices: each bit of `notices` is one.
    #[track_caller]
    pub fn note(&self, notices: u32) {
        match &self.0 {
            Inside::BellAndWord(mailbox) => mailbox.note(notices),
            Inside::Locked(mailbox) => mailbox.note(notices),
        }
    }

    /// Sleeps until there is a notice, and takes all that there are. Only one thread calls this.
    #[track_caller]
    pub fn wait(&self) -> u32 {
        match &self.0 {
            Inside::BellAndWord(mailbox) => mailbox.wait(),
            Inside::Locked(mailbox) => mailbox.wait(),
        }
    }
}

/// Judges the models of task 6.9, in the order of the promises.
///
/// # Panics
///
/// If one of the models is not good enough.
pub fn judge(models: &[fn()]) {
    let broken = FLAWS.map(|(_, broken)| broken);
    judge::judge(&Kit { thing: "mailbox", promises: &PROMISES, broken: &broken }, models);
}

const SLEEPS: &str = "the master fall asleep";

const PROMISES: [Promise; 2] = [
    Promise {
        says: "the master sleeps through no notice",
        situations: &[Situation {
            name: SLEEPS,
            question: "Which thread leaves a notice, and can the master come before it?",
        }],
        broken: 0..4,
    },
    Promise { says: "a notice shows what was written before it", situations: &[], broken: 4..5 },
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    RingsTooEarly,
    ClearsTooLate,
    Overwrites,
    TakesInTwoSteps,
    ShowsTooEarly,
}

const FLAWS: [(Flaw, Broken); 5] = [
    (
        Flaw::RingsTooEarly,
        Broken {
            what: "rings the bell before the notice is in the box",
            question: "How often does the master wait in your model, and what can it find when it was woken?",
        },
    ),
    (
        Flaw::ClearsTooLate,
        Broken {
            what: "clears the bell after it has looked into the box",
            question: "A notice can come while the master takes another one. How many notices does your model leave, and \
                       when does the master stop waiting?",
        },
    ),
    (
        Flaw::Overwrites,
        Broken {
            what: "overwrites the notice in the box with the next one",
            question: "How many different notices can be in the box at the same time, and how many must the master have \
                       seen in the end?",
        },
    ),
    (
        Flaw::TakesInTwoSteps,
        Broken {
            what: "reads the box and empties it in two steps",
            question: "A notice can come between the two. Which thread of your model leaves it, and which assertion or \
                       which sleep shows that it is gone?",
        },
    ),
    (
        Flaw::ShowsTooEarly,
        Broken {
            what: "can show a notice to a master that does not see yet what was written before the notice was left",
            question: "What do the threads of your model write before they leave a notice, how many of them do so, and \
                       what does the master read when it has seen it?",
        },
    ),
];

/// Which of the two the master looks at first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    BellFirst,
    BoxFirst,
}

/// Right: a word with a bit for each notice, and a bell. Broken, if it has a flaw.
struct BellAndWord {
    word: AtomicU32,
    rung: Mutex<bool>,
    bell: Condvar,
    order: Order,
    flaw: Option<Flaw>,
}

impl BellAndWord {
    fn new(order: Order, flaw: Option<Flaw>) -> BellAndWord {
        BellAndWord { word: AtomicU32::new(0), rung: Mutex::new(false), bell: Condvar::new(), order, flaw }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    #[track_caller]
    fn note(&self, notices: u32) {
        if self.has(Flaw::RingsTooEarly) {
            self.ring();
        }
        if self.has(Flaw::Overwrites) {
            self.word.swap(notices, Ordering::Release);
        } else if self.has(Flaw::ShowsTooEarly) {
            self.word.fetch_or(notices, Ordering::Relaxed);
        } else {
            self.word.fetch_or(notices, Ordering::Release);
        }
        if !self.has(Flaw::RingsTooEarly) {
            self.ring();
        }
    }

    #[track_caller]
    fn ring(&self) {
        *self.rung.lock().expect(NEVER) = true;
        self.bell.notify_one();
    }

    #[track_caller]
    fn wait(&self) -> u32 {
        loop {
            let mut taken = if self.order == Order::BoxFirst { self.take() } else { 0 };
            if taken == 0 {
                self.hear_the_bell();
                taken = if self.order == Order::BellFirst { self.take() } else { 0 };
                if self.has(Flaw::ClearsTooLate) {
                    *self.rung.lock().expect(NEVER) = false;
                }
            }
            if taken != 0 {
                return taken;
            }
        }
    }

    /// Sleeps until the bell rings, and clears it.
    #[track_caller]
    fn hear_the_bell(&self) {
        let mut rung = self.rung.lock().expect(NEVER);
        while !*rung {
            judge::reached(SLEEPS);
            rung = self.bell.wait(rung).expect(NEVER);
        }
        *rung = self.has(Flaw::ClearsTooLate);
    }

    #[track_caller]
    fn take(&self) -> u32 {
        if self.has(Flaw::TakesInTwoSteps) {
            // Only loads: a read-modify-write that changes nothing, for the reason in `lanes::sync::atomic`.
            let seen = self.word.fetch_or(0, Ordering::Acquire);
            self.word.swap(0, Ordering::Acquire);
            return seen;
        }
        self.word.swap(0, Ordering::Acquire)
    }
}

/// Right in another way: notices behind a lock.
#[derive(Default)]
struct Locked {
    notices: Mutex<u32>,
    came: Condvar,
}

impl Locked {
    #[track_caller]
    fn note(&self, notices: u32) {
        *self.notices.lock().expect(NEVER) |= notices;
        self.came.notify_one();
    }

    #[track_caller]
    fn wait(&self) -> u32 {
        let mut notices = self.notices.lock().expect(NEVER);
        while *notices == 0 {
            notices = self.came.wait(notices).expect(NEVER);
        }
        std::mem::take(&mut notices)
    }
}

const NEVER: &str = "loom's mutex is never poisoned";
