//! The way back: two vectors that are swapped.
//!
//! Different from ours: the lock is held only for as long as it takes to swap, and the items are moved after it.

use crate::sync::Mutex;
use std::mem;

/// A box for any number of items, emptied all at once.
#[derive(Debug)]
pub struct Inbox<T>(Mutex<Vec<T>>);

impl<T> Inbox<T> {
    /// An empty box.
    pub fn new() -> Inbox<T> {
        Inbox(Mutex::new(vec![]))
    }

    /// Puts an item in, and returns whether the box was empty before.
    #[must_use = "if the inbox was empty, the caller must ring"]
    pub fn put(&self, item: T) -> bool {
        let mut items = self.0.lock().unwrap();
        items.push(item);
        items.len() == 1
    }

    /// Moves all items to the end of `taken`.
    pub fn take_all(&self, taken: &mut Vec<T>) {
        let mut items = mem::take(&mut *self.0.lock().unwrap());
        if taken.is_empty() {
            *taken = items;
        } else {
            taken.append(&mut items);
        }
    }
}

impl<T> Default for Inbox<T> {
    fn default() -> Inbox<T> {
        Inbox::new()
    }
}
