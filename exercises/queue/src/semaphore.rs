//! A counting semaphore: permits that are taken and given back, and a place to sleep while there are none.
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
/// **Promise.** Never more permits are out than were made or released. A thread that asks for one while there
/// is none sleeps, and each release wakes a sleeper if one sleeps: no wake-up is lost.
///
/// **States.** The number of permits that nobody has. It is never negative: sleepers are not counted, they
/// wait in the condition variable.
///
/// **Who calls what.** Any thread calls anything. Unlike a mutex, a semaphore has no owner: the thread that
/// releases need not be the one that acquired. A queue depends on just that: the producer takes an empty
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
    /// A semaphore with this many permits to begin with. 0 is useful: then somebody must release before
    /// anyone acquires.
    // A model's verdict calls this semaphore what its owner calls it.
    #[track_caller]
    pub fn new(permits: usize) -> Semaphore {
        Semaphore { permits: Mutex::new(permits), released: Condvar::new() }
    }

    /// Takes a permit; sleeps until there is one.
    pub fn acquire(&self) {
        todo!("Lab 3.1: take a permit; sleep while there is none")
    }

    /// Takes a permit if there is one now, and says whether it did. Never sleeps until a release.
    pub fn try_acquire(&self) -> bool {
        todo!("Lab 3.1: take a permit if there is one now, and say whether you did")
    }

    /// Gives a permit, and wakes one sleeper.
    pub fn release(&self) {
        todo!("Lab 3.1: give a permit, and wake a thread that sleeps for one")
    }

    /// How many permits nobody has. Only for showing: by the time the caller looks at it, it may be another
    /// number.
    pub fn permits(&self) -> usize {
        *self.lock()
    }

    // A model's verdict names the function that locks, not this one.
    #[track_caller]
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.permits.lock().expect(NOT_POISONED)
    }
}

const NOT_POISONED: &str = "nothing panics while the number of permits is locked";
