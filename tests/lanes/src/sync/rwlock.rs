//! The reader-writer lock of a model.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::{LockResult, TryLockResult};

use crate::record::Thing;
use crate::rules::{NobodyDowngrades, NobodyTries};

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

    /// Not for a lab: see [`crate::rules`].
    ///
    /// # Errors
    ///
    /// None; the type is that of `std`.
    pub fn try_read(&self) -> TryLockResult<RwLockReadGuard<'_, T>>
    where
        for<'a> (): NobodyTries,
    {
        self.read().map_err(Into::into)
    }

    /// Not for a lab: see [`crate::rules`].
    ///
    /// # Errors
    ///
    /// None; the type is that of `std`.
    pub fn try_write(&self) -> TryLockResult<RwLockWriteGuard<'_, T>>
    where
        for<'a> (): NobodyTries,
    {
        self.write().map_err(Into::into)
    }

    /// Whether a thread has panicked while it wrote: never.
    pub fn is_poisoned(&self) -> bool {
        false
    }

    /// Changes nothing: it never is poisoned.
    pub fn clear_poison(&self) {}

    /// The value, which no other thread can reach.
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

impl<T> From<T> for RwLock<T> {
    #[track_caller]
    fn from(value: T) -> RwLock<T> {
        RwLock::new(value)
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

impl<'a, T> RwLockWriteGuard<'a, T> {
    /// Not for a lab: see [`crate::rules`].
    pub fn downgrade(guard: RwLockWriteGuard<'a, T>) -> RwLockReadGuard<'a, T>
    where
        for<'b> (): NobodyDowngrades,
    {
        drop(guard);
        unreachable!("a rule that nothing keeps")
    }
}

impl<T: fmt::Display> fmt::Display for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
