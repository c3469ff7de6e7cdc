// A kitchen: a dish that is cooked when it is first ordered.

use crate::sync::Mutex;

/// A dish of the day.
///
/// **Promise.** It is cooked once, by the first thread that orders, and every thread gets that dish. Threads that order
/// meanwhile have nothing better to do than to wait, so one lock is enough.
pub struct Kitchen {
    dish: Mutex<Option<u32>>,
}

impl Kitchen {
    /// A kitchen that has not cooked yet.
    pub fn new() -> Kitchen {
        Kitchen { dish: Mutex::new(None) }
    }

    /// The dish; cooks it if it is not cooked yet.
    pub fn order(&self, cook: impl FnOnce() -> u32) -> u32 {
        let mut dish = self.dish.lock().unwrap();
        if dish.is_none() {
            *dish = Some(cook());
        }
        dish.unwrap()
    }
}
