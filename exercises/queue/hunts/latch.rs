// A latch: a door that opens once, when all threads have arrived.

use crate::sync::{Condvar, Mutex};

/// A door that stays shut until a number of threads have arrived, and then stays open.
///
/// **Promise.** Once the last thread has arrived, every thread that waits gets through, however many there
/// are.
pub struct Latch {
    /// How many have not arrived yet.
    missing: Mutex<usize>,
    opened: Condvar,
}

impl Latch {
    /// A latch for this many arrivals.
    pub fn new(arrivals: usize) -> Latch {
        Latch { missing: Mutex::new(arrivals), opened: Condvar::new() }
    }

    /// Reports one arrival.
    pub fn arrive(&self) {
        let mut missing = self.missing.lock().unwrap();
        *missing -= 1;
        if *missing == 0 {
            self.opened.notify_one();
        }
    }

    /// Sleeps until all have arrived.
    pub fn wait(&self) {
        let mut missing = self.missing.lock().unwrap();
        while *missing > 0 {
            missing = self.opened.wait(missing).unwrap();
        }
    }
}
