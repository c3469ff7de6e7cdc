//! A semaphore whose mutex no thread touches that finds a permit at once.
//!
//! Different from ours: a permit is taken by one atomic operation, and so is it given back. A thread that has to sleep
//! looks again under the mutex; a release adds its permit first and then passes through the mutex, so that it comes
//! before that look or finds the thread asleep.

use crate::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use crate::sync::{Condvar, Mutex};

/// A number of permits that threads take and give back.
#[derive(Debug)]
pub struct Semaphore {
    permits: AtomicUsize,
    sleepers: Mutex<()>,
    released: Condvar,
}

impl Semaphore {
    /// A semaphore that begins with this many permits.
    pub fn new(permits: usize) -> Semaphore {
        Semaphore { permits: AtomicUsize::new(permits), sleepers: Mutex::new(()), released: Condvar::new() }
    }

    /// Takes a permit; sleeps until there is one.
    pub fn acquire(&self) {
        if self.try_acquire() {
            return;
        }
        let mut turn = self.sleepers.lock().unwrap();
        while !self.try_acquire() {
            turn = self.released.wait(turn).unwrap();
        }
    }

    /// Takes a permit if there is one now.
    pub fn try_acquire(&self) -> bool {
        self.permits.fetch_update(SeqCst, SeqCst, |permits| permits.checked_sub(1)).is_ok()
    }

    /// Gives a permit, and wakes one sleeper.
    pub fn release(&self) {
        self.permits.fetch_add(1, SeqCst);
        let _turn = self.sleepers.lock().unwrap();
        self.released.notify_one();
    }

    /// How many permits are free.
    pub fn permits(&self) -> usize {
        self.permits.load(SeqCst)
    }
}
