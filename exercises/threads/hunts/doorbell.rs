// A doorbell: one thread waits, another rings.

use crate::sync::{Condvar, Mutex};

/// A bell that a thread waits for.
///
/// **Promise.** Each ring ends one `wait`, whether it comes before the `wait` or after.
pub struct Doorbell {
    /// Rings that are not answered yet.
    rings: Mutex<usize>,
    rung: Condvar,
}

impl Doorbell {
    /// A bell that has not been rung.
    pub fn new() -> Doorbell {
        Doorbell { rings: Mutex::new(0), rung: Condvar::new() }
    }

    /// Rings, and wakes a waiting thread.
    pub fn ring(&self) {
        *self.rings.lock().unwrap() += 1;
        self.rung.notify_one();
    }

    /// Sleeps until there is an unanswered ring, and answers it.
    pub fn wait(&self) {
        while *self.rings.lock().unwrap() == 0 {
            let rings = self.rings.lock().unwrap();
            drop(self.rung.wait(rings).unwrap());
        }
        *self.rings.lock().unwrap() -= 1;
    }
}
