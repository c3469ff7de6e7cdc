// A latch: a door that opens once, when everybody has arrived.

use lanes::sync::{Condvar, Mutex};

/// A door that stays shut until a number of threads have arrived, and then stays open.
///
/// **Promise.** Whoever waits gets through once the last has arrived, however many wait.
pub struct Latch {
    /// How many have not arrived yet.
    missing: Mutex<usize>,
    opened: Condvar,
}

impl Latch {
    /// A latch for so many arrivals.
    pub fn new(arrivals: usize) -> Latch {
        Latch { missing: Mutex::new(arrivals), opened: Condvar::new() }
    }

    /// Says that one more has arrived.
    pub fn arrive(&self) {
        let mut missing = self.missing.lock().unwrap();
        *missing -= 1;
        if *missing == 0 {
            self.opened.notify_all();
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
