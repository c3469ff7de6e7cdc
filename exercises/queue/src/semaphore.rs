//! A counting semaphore: threads take permits and give them back, and sleep while there are none.
//!
//! ```text
//!   permits   2 ---acquire---> 1 ---acquire---> 0 ---acquire---> 0, asleep
//!                                                                     |
//!                                    0 <------ woken, takes it ------ 1 <---release---
//! ```

use crate::sync::{Condvar, Mutex, MutexGuard};

/// A number of permits that threads take and give back (E. W. Dijkstra, "Cooperating Sequential Processes",
/// 1965, where taking is called P and giving V).
///
/// **Promise.** Never more permits are out than were made or released. A thread that asks for a permit while
/// there is none sleeps, and each release wakes a sleeper if there is one: no wake-up is lost.
///
/// **States.** The number of free permits. It is never negative: sleepers are not counted, they wait in the
/// condition variable.
///
/// **Who calls what.** Any thread calls any function. Unlike a mutex, a semaphore has no owner: the thread
/// that releases need not be the one that acquired. A queue depends on this: the producer takes an empty
/// slot, the consumer gives it back.
///
/// **Why is this enough?** That is for you to say, once it works.
///
/// **What loom checks:** all of the promise, with up to three threads that acquire and release. **What it
/// cannot:** fairness, which is not promised: a thread that is woken may find the permit gone.
#[derive(Debug)]
pub struct Semaphore {
    permits: Mutex<usize>,
    /// Notified once for each release.
    released: Condvar,
}

impl Semaphore {
    /// A semaphore that begins with this many permits. 0 is useful: then a thread must release before another
    /// can acquire.
    // So that a model's verdict names this semaphore after its owner's field.
    #[track_caller]
    pub fn new(permits: usize) -> Semaphore {
        Semaphore { permits: Mutex::new(permits), released: Condvar::new() }
    }

    /// Takes a permit; sleeps until there is one.
    pub fn acquire(&self) {
        todo!("Lab 3.1: take a permit; sleep while there is none")
    }

    /// Takes a permit if there is one now, and returns whether it did. Never sleeps until a release.
    pub fn try_acquire(&self) -> bool {
        todo!("Lab 3.1: take a permit if there is one now, and return whether you did")
    }

    /// Gives a permit, and wakes one sleeper.
    pub fn release(&self) {
        todo!("Lab 3.1: give a permit, and wake a thread that sleeps for one")
    }

    /// How many permits are free. Only for display: by the time the caller looks at the number, it may have
    /// changed.
    pub fn permits(&self) -> usize {
        *self.lock()
    }

    // So that a model's verdict names the function that locks, not this one.
    #[track_caller]
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.permits.lock().expect(NOT_POISONED)
    }
}

const NOT_POISONED: &str = "nothing panics while the number of permits is locked";
