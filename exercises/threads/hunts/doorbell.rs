// A doorbell: one thread waits, another rings.

use lanes::sync::{Condvar, Mutex};

/// A bell that somebody waits for.
///
/// **Promise.** Whoever waits comes back once for each ring, whether the ring comes before the waiting or after.
pub struct Doorbell {
    /// Rings that nobody has answered yet.
    rings: Mutex<usize>,
    rung: Condvar,
}

impl Doorbell {
    /// A bell that nobody has rung.
    pub fn new() -> Doorbell {
        Doorbell { rings: Mutex::new(0), rung: Condvar::new() }
    }

    /// Rings, and wakes whoever waits.
    pub fn ring(&self) {
        *self.rings.lock().unwrap() += 1;
        self.rung.notify_one();
    }

    /// Sleeps until there is a ring, and answers it.
    pub fn wait(&self) {
        while *self.rings.lock().unwrap() == 0 {
            let rings = self.rings.lock().unwrap();
            drop(self.rung.wait(rings).unwrap());
        }
        *self.rings.lock().unwrap() -= 1;
    }
}
