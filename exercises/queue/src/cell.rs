//! `std::cell::UnsafeCell` behind the two methods that loom's has, so that one source serves the server and
//! the models.

use std::sync::atomic::{AtomicBool, Ordering};

/// A cell whose owner promises that nobody reads while somebody writes.
pub(crate) struct UnsafeCell<T> {
    value: std::cell::UnsafeCell<T>,
    /// Whether somebody writes. Loom's cell notices a broken promise, too: a semaphore that is not written yet, or
    /// is wrong, ends in a sentence and not in two references to one value.
    in_use: AtomicBool,
}

impl<T> UnsafeCell<T> {
    pub(crate) fn new(value: T) -> UnsafeCell<T> {
        UnsafeCell { value: std::cell::UnsafeCell::new(value), in_use: AtomicBool::new(false) }
    }

    /// Hands out a pointer for writing. It must not be used after `write` has returned.
    ///
    /// # Panics
    /// If somebody else has a pointer.
    pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        assert!(!self.in_use.swap(true, Ordering::Acquire), "two are in one cell: its lock let both in");
        let _leave = Leave(&self.in_use);
        write(self.value.get())
    }
}

/// Says that the pointer is gone, also after a panic.
struct Leave<'a>(&'a AtomicBool);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
