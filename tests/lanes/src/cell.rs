//! A cell that notices when two threads are in it at once. A part keeps its unsynchronized data in it.

use std::panic::Location;

use crate::record::Thing;

/// An `UnsafeCell` that is accessed through closures, so that loom knows how long each access lasts.
///
/// Two accesses of which one is a write, and which nothing orders, fail the model, whether or not they
/// happened at the same instant: that is the definition of a data race.
#[derive(Debug)]
pub struct UnsafeCell<T>(loom::cell::UnsafeCell<T>, Thing);

impl<T> UnsafeCell<T> {
    /// A cell that holds `value`.
    #[track_caller]
    pub fn new(value: T) -> UnsafeCell<T> {
        UnsafeCell(loom::cell::UnsafeCell::new(value), Thing::made_at(Location::caller()))
    }

    /// Hands out a pointer for reading. It must not be used after `read` has returned.
    #[track_caller]
    pub fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        // Written down first, so that the access that loom refuses is in the lanes too.
        self.1.did("read cell", Some(Location::caller()));
        self.0.with(read)
    }

    /// Hands out a pointer for writing. It must not be used after `write` has returned.
    #[track_caller]
    pub fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        // Written down first, so that the access that loom refuses is in the lanes too.
        self.1.did("write cell", Some(Location::caller()));
        self.0.with_mut(write)
    }

    /// Takes the value out.
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

impl<T: Default> Default for UnsafeCell<T> {
    #[track_caller]
    fn default() -> UnsafeCell<T> {
        UnsafeCell::new(T::default())
    }
}
