// A board: the newest settings, for threads that wait for changes.

use crate::sync::{Condvar, Mutex};

/// The newest settings, numbered. Threads sleep here until there are newer settings than those they know.
///
/// **Promise.** A thread that keeps asking gets the newest settings in the end. It may miss some that were
/// replaced before it looked.
pub struct Board {
    posted: Mutex<Posted>,
    changed: Condvar,
}

/// The contents of the board.
struct Posted {
    /// How many settings were posted so far.
    number: u64,
    settings: u32,
}

impl Board {
    /// A board with its first settings, number 0, which all threads know.
    pub fn new(settings: u32) -> Board {
        Board { posted: Mutex::new(Posted { number: 0, settings }), changed: Condvar::new() }
    }

    /// Replaces the settings.
    pub fn post(&self, settings: u32) {
        let mut posted = self.posted.lock().unwrap();
        posted.number += 1;
        posted.settings = settings;
        self.changed.notify_all();
    }

    /// Sleeps until there are settings newer than number `known`, and returns them. `known` becomes their
    /// number.
    pub fn newer(&self, known: &mut u64) -> u32 {
        let mut posted = self.posted.lock().unwrap();
        while posted.number == *known {
            posted = self.changed.wait(posted).unwrap();
        }
        let settings = posted.settings;
        drop(posted);
        *known = self.posted.lock().unwrap().number;
        settings
    }
}
