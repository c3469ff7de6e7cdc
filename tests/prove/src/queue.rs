//! Lab 3: a bounded queue. The interface for models, three right queues and six broken ones.

use crate::judge::{self, Broken, Kit, Part, Promise, Situation};
use lanes::sync::{Condvar, Mutex, MutexGuard};
use std::collections::VecDeque;

/// A queue of numbers with a fixed capacity. It blocks callers that find it full or empty.
pub struct Queue(Inside);

enum Inside {
    TwoBeds(TwoBeds),
    OneBed(OneBed),
    Semaphores(Semaphores),
}

impl Queue {
    /// An empty queue. It can only be made inside a model.
    pub fn with_capacity(capacity: usize) -> Queue {
        Queue(match judge::on_trial() {
            Part::Right(1) => Inside::OneBed(OneBed::new(capacity)),
            Part::Right(2) => Inside::Semaphores(Semaphores::new(capacity)),
            Part::Right(_) => Inside::TwoBeds(TwoBeds::new(capacity, None)),
            Part::Broken(number) => Inside::TwoBeds(TwoBeds::new(capacity, Some(FLAWS[number].0))),
        })
    }

    /// Adds an item; sleeps while the queue is full.
    #[track_caller]
    pub fn enqueue(&self, item: u32) {
        match &self.0 {
            Inside::TwoBeds(queue) => queue.enqueue(item),
            Inside::OneBed(queue) => queue.enqueue(item),
            Inside::Semaphores(queue) => queue.enqueue(item),
        }
    }

    /// Adds an item if there is room now, and returns whether it did.
    #[track_caller]
    pub fn try_enqueue(&self, item: u32) -> bool {
        match &self.0 {
            Inside::TwoBeds(queue) => queue.try_enqueue(item),
            Inside::OneBed(queue) => queue.try_enqueue(item),
            Inside::Semaphores(queue) => queue.try_enqueue(item),
        }
    }

    /// Takes the oldest item; sleeps while the queue is empty.
    #[track_caller]
    pub fn dequeue(&self) -> u32 {
        match &self.0 {
            Inside::TwoBeds(queue) => queue.dequeue(),
            Inside::OneBed(queue) => queue.dequeue(),
            Inside::Semaphores(queue) => queue.dequeue(),
        }
    }
}

/// Judges the models of task 3.9, in the order of the promises.
///
/// # Panics
///
/// If one of the models is not good enough.
pub fn judge(models: &[fn()]) {
    let broken = FLAWS.map(|(_, broken)| broken);
    judge::judge(&Kit { thing: "queue", promises: &PROMISES, broken: &broken }, models);
}

const CONSUMER_SLEEPS: &str = "a consumer fall asleep";
const PRODUCER_SLEEPS: &str = "a producer fall asleep";

const PROMISES: [Promise; 2] = [
    Promise {
        says: "no consumer sleeps while an item waits",
        situations: &[Situation {
            name: CONSUMER_SLEEPS,
            question: "What must be true of the queue when a consumer comes to it, so that it sleeps?",
        }],
        broken: 0..4,
    },
    Promise {
        says: "no producer sleeps while a slot is free",
        situations: &[Situation {
            name: PRODUCER_SLEEPS,
            question: "How many items has your queue room for, and how many are in it when a producer comes?",
        }],
        broken: 4..6,
    },
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    TryWakesNobody,
    SleepsInTwoSteps,
    WakesOnlyTheFirst,
    LooksOnce,
    OneBedOneWakeUp,
    SlotTooEarly,
}

const FLAWS: [(Flaw, Broken); 6] = [
    (
        Flaw::SleepsInTwoSteps,
        Broken {
            what: "unlocks between its look and its sleep",
            question: "The item can come between the two. Which thread of your model adds it, and is any other call in \
                       its way?",
        },
    ),
    (
        Flaw::WakesOnlyTheFirst,
        Broken {
            what: "forgets one of two sleeping consumers",
            question: "How many consumers sleep in your model at the same time, and how many items fit before the first \
                       of them runs?",
        },
    ),
    (
        Flaw::LooksOnce,
        Broken {
            what: "does not look again when a consumer wakes, and then hands out an old item",
            question: "Another consumer can take the item first. What does your model know about the items that came \
                       out?",
        },
    ),
    (
        Flaw::TryWakesNobody,
        Broken {
            what: "wakes no consumer in try_enqueue",
            question: "In how many ways can an item come into the queue, and how many of them does your model use?",
        },
    ),
    (
        Flaw::SlotTooEarly,
        Broken {
            what: "announces a slot before the slot is free",
            question: "Which thread sleeps for a slot in your model, and which other call could wake it a second time?",
        },
    ),
    (
        Flaw::OneBedOneWakeUp,
        Broken {
            what: "has one condition variable for producers and consumers, and wakes one thread",
            question: "The wake-up can reach a thread that it does not help. Which threads sleep in your model while \
                       a producer sleeps?",
        },
    ),
];

/// Right: one mutex, and a condition variable for each side. Broken, if it has a flaw.
struct TwoBeds {
    items: Mutex<Items>,
    filled: Condvar,
    freed: Condvar,
    flaw: Option<Flaw>,
}

struct Items {
    waiting: VecDeque<u32>,
    capacity: usize,
    /// The item that was taken last.
    old: u32,
}

impl Items {
    fn new(capacity: usize) -> Items {
        Items { waiting: VecDeque::new(), capacity, old: 0 }
    }

    fn is_full(&self) -> bool {
        self.waiting.len() == self.capacity
    }
}

impl TwoBeds {
    fn new(capacity: usize, flaw: Option<Flaw>) -> TwoBeds {
        let items = Mutex::new(Items::new(capacity));
        TwoBeds { items, filled: Condvar::new(), freed: Condvar::new(), flaw }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// The condition variable that producers sleep on.
    fn freed(&self) -> &Condvar {
        if self.has(Flaw::OneBedOneWakeUp) { &self.filled } else { &self.freed }
    }

    #[track_caller]
    fn enqueue(&self, item: u32) {
        let mut items = self.items.lock().expect(NEVER);
        while items.is_full() {
            judge::reached(PRODUCER_SLEEPS);
            items = self.freed().wait(items).expect(NEVER);
        }
        self.push(items, item);
    }

    #[track_caller]
    fn try_enqueue(&self, item: u32) -> bool {
        let mut items = self.items.lock().expect(NEVER);
        if items.is_full() {
            return false;
        }
        if self.has(Flaw::TryWakesNobody) {
            items.waiting.push_back(item);
        } else {
            self.push(items, item);
        }
        true
    }

    #[track_caller]
    fn push(&self, mut items: MutexGuard<'_, Items>, item: u32) {
        items.waiting.push_back(item);
        if !self.has(Flaw::WakesOnlyTheFirst) || items.waiting.len() == 1 {
            self.filled.notify_one();
        }
    }

    #[track_caller]
    fn dequeue(&self) -> u32 {
        let mut items = self.items.lock().expect(NEVER);
        if self.has(Flaw::SlotTooEarly) && !items.waiting.is_empty() {
            self.freed().notify_one();
            drop(items);
            items = self.items.lock().expect(NEVER);
        }
        while items.waiting.is_empty() {
            judge::reached(CONSUMER_SLEEPS);
            if self.has(Flaw::SleepsInTwoSteps) {
                drop(items);
                items = self.items.lock().expect(NEVER);
            }
            items = self.filled.wait(items).expect(NEVER);
            if self.has(Flaw::LooksOnce) {
                break;
            }
        }
        let old = items.old;
        items.old = items.waiting.pop_front().unwrap_or(old);
        if !self.has(Flaw::SlotTooEarly) {
            self.freed().notify_one();
        }
        items.old
    }
}

/// Right in another way: one condition variable, and every change wakes all.
struct OneBed {
    items: Mutex<Items>,
    changed: Condvar,
}

impl OneBed {
    fn new(capacity: usize) -> OneBed {
        OneBed { items: Mutex::new(Items::new(capacity)), changed: Condvar::new() }
    }

    #[track_caller]
    fn enqueue(&self, item: u32) {
        let mut items = self.items.lock().expect(NEVER);
        while items.is_full() {
            items = self.changed.wait(items).expect(NEVER);
        }
        items.waiting.push_back(item);
        self.changed.notify_all();
    }

    #[track_caller]
    fn try_enqueue(&self, item: u32) -> bool {
        let mut items = self.items.lock().expect(NEVER);
        let fits = !items.is_full();
        if fits {
            items.waiting.push_back(item);
            self.changed.notify_all();
        }
        fits
    }

    #[track_caller]
    fn dequeue(&self) -> u32 {
        let mut items = self.items.lock().expect(NEVER);
        loop {
            if let Some(item) = items.waiting.pop_front() {
                self.changed.notify_all();
                return item;
            }
            items = self.changed.wait(items).expect(NEVER);
        }
    }
}

/// Right in a third way: a semaphore for each side, and the items behind their own mutex.
struct Semaphores {
    empty_slots: Semaphore,
    filled_slots: Semaphore,
    items: Mutex<VecDeque<u32>>,
}

impl Semaphores {
    fn new(capacity: usize) -> Semaphores {
        let (empty_slots, filled_slots) = (Semaphore::new(capacity), Semaphore::new(0));
        Semaphores { empty_slots, filled_slots, items: Mutex::new(VecDeque::new()) }
    }

    #[track_caller]
    fn enqueue(&self, item: u32) {
        self.empty_slots.acquire();
        self.items.lock().expect(NEVER).push_back(item);
        self.filled_slots.release();
    }

    #[track_caller]
    fn try_enqueue(&self, item: u32) -> bool {
        let fits = self.empty_slots.try_acquire();
        if fits {
            self.items.lock().expect(NEVER).push_back(item);
            self.filled_slots.release();
        }
        fits
    }

    #[track_caller]
    fn dequeue(&self) -> u32 {
        self.filled_slots.acquire();
        let item = self.items.lock().expect(NEVER).pop_front();
        self.empty_slots.release();
        item.expect("each permit has its item")
    }
}

/// Permits, and a place to sleep while there are none.
struct Semaphore {
    permits: Mutex<usize>,
    released: Condvar,
}

impl Semaphore {
    fn new(permits: usize) -> Semaphore {
        Semaphore { permits: Mutex::new(permits), released: Condvar::new() }
    }

    #[track_caller]
    fn acquire(&self) {
        let mut permits = self.permits.lock().expect(NEVER);
        while *permits == 0 {
            permits = self.released.wait(permits).expect(NEVER);
        }
        *permits -= 1;
    }

    #[track_caller]
    fn try_acquire(&self) -> bool {
        let mut permits = self.permits.lock().expect(NEVER);
        let there_is_one = *permits > 0;
        *permits -= usize::from(there_is_one);
        there_is_one
    }

    #[track_caller]
    fn release(&self) {
        *self.permits.lock().expect(NEVER) += 1;
        self.released.notify_one();
    }
}

const NEVER: &str = "loom's mutex is never poisoned";
