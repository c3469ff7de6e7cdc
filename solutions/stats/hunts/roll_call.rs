// A roll call: a teacher waits until all students have answered.

use crate::sync::{Condvar, Mutex};

/// A class, and how many of its students have not answered yet.
///
/// **Promise.** The teacher continues once the last student has answered.
pub struct RollCall {
    missing: Mutex<usize>,
    answered: Condvar,
}

impl RollCall {
    /// A class of this many students.
    pub fn new(class: usize) -> RollCall {
        RollCall { missing: Mutex::new(class), answered: Condvar::new() }
    }

    /// One student answers.
    pub fn here(&self) {
        *self.missing.lock().unwrap() -= 1;
        self.answered.notify_all();
    }

    /// Sleeps until all students have answered.
    pub fn wait_for_all(&self) {
        let mut missing = self.missing.lock().unwrap();
        while *missing > 0 {
            missing = self.answered.wait(missing).unwrap();
        }
    }
}
