//! A semaphore with an atomic number that may be negative: then it says how many threads sleep.
//!
//! Different from ours: a thread that finds a permit takes no lock. (Known as a benaphore, after Benoit Schillings of
//! BeOS.)
//!
//! ```text
//!   balance   2 ---acquire---> 1 ---acquire---> 0 ---acquire---> -1, asleep
//!                                                                     |
//!                                               0 <---release: one wake-up is due
//! ```

use crate::sync::atomic::{AtomicUsize, Ordering::AcqRel, Ordering::Acquire};
use crate::sync::{Condvar, Mutex};

/// A number of permits that threads take and give back.
#[derive(Debug)]
pub struct Semaphore {
    /// Free permits, or, below 0, threads that sleep or are about to. In two's complement, so it must be read as
    /// signed.
    balance: AtomicUsize,
    /// Wake-ups that no sleeper has taken yet. Each is for one thread that made the balance negative.
    wake_ups: Mutex<usize>,
    due: Condvar,
}

impl Semaphore {
    /// A semaphore that begins with this many permits.
    pub fn new(permits: usize) -> Semaphore {
        assert!(isize::try_from(permits).is_ok(), "so many permits look like sleepers");
        Semaphore { balance: AtomicUsize::new(permits), wake_ups: Mutex::new(0), due: Condvar::new() }
    }

    /// Takes a permit; sleeps until there is one.
    pub fn acquire(&self) {
        if self.balance.fetch_sub(1, AcqRel).cast_signed() > 0 {
            return;
        }
        let mut wake_ups = self.wake_ups.lock().unwrap();
        while *wake_ups == 0 {
            wake_ups = self.due.wait(wake_ups).unwrap();
        }
        *wake_ups -= 1;
    }

    /// Takes a permit if there is one now.
    pub fn try_acquire(&self) -> bool {
        let one_less = |balance: usize| (balance.cast_signed() > 0).then(|| balance - 1);
        self.balance.fetch_update(AcqRel, Acquire, one_less).is_ok()
    }

    /// Gives a permit, and wakes one sleeper.
    pub fn release(&self) {
        if self.balance.fetch_add(1, AcqRel).cast_signed() < 0 {
            // The lock also orders everything this thread did before everything that the woken one does next.
            *self.wake_ups.lock().unwrap() += 1;
            self.due.notify_one();
        }
    }

    /// How many permits are free.
    pub fn permits(&self) -> usize {
        usize::try_from(self.balance.load(Acquire).cast_signed()).unwrap_or(0)
    }
}
