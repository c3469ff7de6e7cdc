//! A semaphore with numbered tickets, as at a counter in an office.
//!
//! Different from ours: no thread overtakes another. Each thread draws the next number and waits until it is called; a
//! release calls one more number.
//!
//! ```text
//!   drawn 7, called 5:  two threads sleep, with the numbers 5 and 6
//!   drawn 5, called 7:  two free permits
//! ```

use crate::sync::{Condvar, Mutex, MutexGuard};

/// A number of permits that threads take and give back, first come, first served.
#[derive(Debug)]
pub struct Semaphore {
    counter: Mutex<Counter>,
    /// The next number was called. All check whether it is theirs.
    call: Condvar,
}

#[derive(Debug)]
struct Counter {
    /// The number of the next ticket.
    drawn: usize,
    /// All numbers below this one have been called.
    called: usize,
}

impl Semaphore {
    /// A semaphore that begins with this many permits.
    pub fn new(permits: usize) -> Semaphore {
        Semaphore { counter: Mutex::new(Counter { drawn: 0, called: permits }), call: Condvar::new() }
    }

    /// Takes a permit; sleeps until there is one.
    pub fn acquire(&self) {
        let mut counter = self.counter();
        let ticket = counter.drawn;
        counter.drawn += 1;
        while ticket >= counter.called {
            counter = self.call.wait(counter).unwrap();
        }
    }

    /// Takes a permit if there is one that no thread waits for.
    pub fn try_acquire(&self) -> bool {
        let mut counter = self.counter();
        let at_once = counter.drawn < counter.called;
        if at_once {
            counter.drawn += 1;
        }
        at_once
    }

    /// Gives a permit.
    pub fn release(&self) {
        self.counter().called += 1;
        self.call.notify_all();
    }

    /// How many permits are free.
    pub fn permits(&self) -> usize {
        let counter = self.counter();
        counter.called.saturating_sub(counter.drawn)
    }

    fn counter(&self) -> MutexGuard<'_, Counter> {
        self.counter.lock().unwrap()
    }
}
