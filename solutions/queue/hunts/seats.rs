// Seats in a theatre: each can be sold once.

use crate::sync::Mutex;

/// A number of seats, sold one by one at several counters.
///
/// **Promise.** No more seats are sold than there are.
pub struct Seats {
    free: Mutex<usize>,
}

impl Seats {
    /// A theatre with this many seats.
    pub fn new(seats: usize) -> Seats {
        Seats { free: Mutex::new(seats) }
    }

    /// Sells a seat if one is free, and says whether it did.
    pub fn sell(&self) -> bool {
        let mut free = self.free.lock().unwrap();
        if *free == 0 {
            return false;
        }
        *free -= 1;
        true
    }
}
