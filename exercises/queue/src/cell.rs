//! `std::cell::UnsafeCell` with the part of loom's interface that the queue needs, so that the server and the models
//! share one source.

use std::sync::atomic::{AtomicBool, Ordering};

/// A cell whose owner promises that only one thread at a time uses its pointer.
pub(crate) struct UnsafeCell<T> {
    value: std::cell::UnsafeCell<T>,
    /// Whether a thread has the pointer. Like loom's cell, this one notices a broken promise: a semaphore that is not
    /// written yet, or is wrong, leads to a panic with a message and not to two references to one value.
    in_use: AtomicBool,
}

impl<T> UnsafeCell<T> {
    pub(crate) fn new(value: T) -> UnsafeCell<T> {
        UnsafeCell { value: std::cell::UnsafeCell::new(value), in_use: AtomicBool::new(false) }
    }

    /// Passes a pointer for writing to `write`. It must not be used after `write` has returned.
    ///
    /// # Panics
    /// If the pointer is in use.
    pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        assert!(!self.in_use.swap(true, Ordering::Acquire), "two are in one cell: its lock let both in");
        let _leave = Leave(&self.in_use);
        write(self.value.get())
    }
}

/// Marks the cell as unused when dropped, also after a panic.
struct Leave<'a>(&'a AtomicBool);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
