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
        if *self.free.lock().unwrap() == 0 {
            return false;
        }
        let mut free = self.free.lock().unwrap();
        *free = free.wrapping_sub(1);
        true
    }
}
