// A kitchen: a dish that is cooked when somebody first wants it.

use lanes::sync::Mutex;

/// A dish of the day.
///
/// **Promise.** It is cooked once, by whoever orders first, and everybody gets that dish. Whoever orders meanwhile has nothing
/// better to do than to wait, so one lock is enough.
pub struct Kitchen {
    dish: Mutex<Option<u32>>,
}

impl Kitchen {
    /// A kitchen that has not cooked yet.
    pub fn new() -> Kitchen {
        Kitchen { dish: Mutex::new(None) }
    }

    /// The dish; cooks it if nobody has.
    pub fn order(&self, cook: impl FnOnce() -> u32) -> u32 {
        if let Some(dish) = *self.dish.lock().unwrap() {
            return dish;
        }
        let cooked = cook();
        *self.dish.lock().unwrap() = Some(cooked);
        cooked
    }
}
