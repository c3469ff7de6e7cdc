//! `std::cell::UnsafeCell` behind the two methods that loom's has, so that one source serves the server and
//! the models.

/// A cell whose owner promises that nobody reads while somebody writes.
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    pub(crate) fn new(value: T) -> UnsafeCell<T> {
        UnsafeCell(std::cell::UnsafeCell::new(value))
    }

    /// Hands out a pointer for writing. It must not be used after `write` has returned.
    pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        write(self.0.get())
    }
}
