//! The reader-writer lock of a model.

use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::LockResult;

use crate::record::Thing;

/// A reader-writer lock, as [`std::sync::RwLock`]. It is never poisoned: a thread that panics fails the
/// model.
#[derive(Debug)]
pub struct RwLock<T>(loom::sync::RwLock<T>, Thing);

impl<T> RwLock<T> {
    /// An unlocked lock around `value`.
    #[track_caller]
    pub fn new(value: T) -> RwLock<T> {
        RwLock(loom::sync::RwLock::new(value), Thing::made_at(Location::caller()))
    }

    /// Waits until no thread writes, and enters together with other readers.
    ///
    /// # Errors
    ///
    /// None; the type is that of `std`.
    #[track_caller]
    pub fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        let place = Location::caller();
        self.1.enters("read lock", place);
        let guard = self.0.read().expect(NEVER_POISONED);
        self.1.did("read lock", Some(place));
        Ok(RwLockReadGuard(Some(guard), self.1))
    }

    /// Waits until no thread reads or writes, and enters alone.
    ///
    /// # Errors
    ///
    /// None; the type is that of `std`.
    #[track_caller]
    pub fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        let place = Location::caller();
        self.1.enters("write lock", place);
        let guard = self.0.write().expect(NEVER_POISONED);
        self.1.did("write lock", Some(place));
        Ok(RwLockWriteGuard(Some(guard), self.1))
    }

    /// The value, which nobody else can reach.
    ///
    /// # Errors
    ///
    /// None; the type is that of `std`.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        self.0.get_mut()
    }

    /// Takes the value out.
    ///
    /// # Errors
    ///
    /// None; the type is that of `std`.
    pub fn into_inner(self) -> LockResult<T> {
        self.0.into_inner()
    }
}

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> RwLock<T> {
        RwLock::new(T::default())
    }
}

const NEVER_POISONED: &str = "loom's lock is never poisoned";
const HELD: &str = "a guard has its lock until it is dropped";

/// Reads what a [`RwLock`] guards, and leaves when dropped.
#[derive(Debug)]
#[must_use = "the lock is given back as soon as this is dropped"]
pub struct RwLockReadGuard<'a, T>(Option<loom::sync::RwLockReadGuard<'a, T>>, Thing);

impl<T> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect(HELD)
    }
}

impl<T> Drop for RwLockReadGuard<'_, T> {
    fn drop(&mut self) {
        self.0 = None;
        self.1.did("read unlock", None);
    }
}

/// Writes what a [`RwLock`] guards, and leaves when dropped.
#[derive(Debug)]
#[must_use = "the lock is given back as soon as this is dropped"]
pub struct RwLockWriteGuard<'a, T>(Option<loom::sync::RwLockWriteGuard<'a, T>>, Thing);

impl<T> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect(HELD)
    }
}

impl<T> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect(HELD)
    }
}

impl<T> Drop for RwLockWriteGuard<'_, T> {
    fn drop(&mut self) {
        self.0 = None;
        self.1.did("write unlock", None);
    }
}
