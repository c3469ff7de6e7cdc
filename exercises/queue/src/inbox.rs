//! The way back: a box into which the pool puts connections for the reception to look after again.
//!
//! The reception sleeps in epoll_wait(2), not on a condition variable, so something that epoll sees must wake
//! it: a bell, in the server an eventfd(2). Ringing is a system call; so it is rung only when the box was
//! empty before.
//!
//! ```text
//!   a thread of the pool                    the reception, forever
//!     put(connection) says "was empty"?       sleep until the bell rings
//!     if so, ring the bell                    clear the bell          first!
//!                                             take_all
//! ```

use crate::sync::{Mutex, MutexGuard};

/// A box for any number of items, emptied all at once.
///
/// **Promise.** Every item that was put is taken once, in the order in which the items were put. Of all the
/// puts between two calls of `take_all`, exactly the first says that the box was empty.
///
/// **States.** Empty, or not: then a ring of the bell is on its way, or has come and was not cleared since.
///
/// **Who calls what.** Any thread puts. If [`put`](Self::put) says that the box was empty, that same thread
/// must ring the bell next. Only the reception takes; it must clear the bell *before* it takes. An item that
/// comes after the clearing rings again, at worst for nothing. If the reception cleared the bell after
/// taking, it would wipe out the ring of an item that came in between, and that item would be stranded,
/// because later puts find the box not empty and do not ring.
///
/// **Why is this enough?** That is for you to say, once it works.
///
/// **What loom checks:** that no item is stranded while the reception sleeps, and that one is if the bell is
/// cleared too late. **What it cannot:** the eventfd; the models have a flag and a condition variable for a
/// bell.
#[derive(Debug)]
pub struct Inbox<T> {
    items: Mutex<Vec<T>>,
}

impl<T> Inbox<T> {
    /// An empty box.
    pub fn new() -> Inbox<T> {
        Inbox { items: Mutex::new(Vec::new()) }
    }

    /// Puts an item in. Waits only while another thread puts or takes. Returns whether the box was empty
    /// before: if so, the caller must ring the bell.
    #[must_use = "if the inbox was empty, the caller must ring the reception's bell"]
    pub fn put(&self, item: T) -> bool {
        todo!("Lab 3.5: add the item, and return whether the box was empty before")
    }

    /// Moves all items to the end of `taken`, in the order in which they were put. The bell must have been
    /// cleared before.
    pub fn take_all(&self, taken: &mut Vec<T>) {
        todo!("Lab 3.5: move all items out, in the order in which they came")
    }

    #[track_caller]
    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        self.items.lock().expect("a vector that fails to grow ends the process, it does not panic")
    }
}

impl<T> Default for Inbox<T> {
    fn default() -> Inbox<T> {
        Inbox::new()
    }
}
