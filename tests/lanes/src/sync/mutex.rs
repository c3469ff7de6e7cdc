//! The mutex of a model.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::{LockResult, TryLockResult};

use crate::record::Thing;
use crate::rules::NobodyTries;

/// A mutex, as [`std::sync::Mutex`]. It is never poisoned: a thread that panics fails the model.
#[derive(Debug)]
pub struct Mutex<T>(loom::sync::Mutex<T>, Thing);

impl<T> Mutex<T> {
    /// An unlocked mutex around `value`.
    #[track_caller]
    pub fn new(value: T) -> Mutex<T> {
        Mutex(loom::sync::Mutex::new(value), Thing::made_at(Location::caller()))
    }

    /// Waits until no other thread has the lock, and takes it.
    ///
    /// # Errors
    ///
    /// None; the type is that of `std`.
    #[track_caller]
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        let place = Location::caller();
        self.1.enters("lock", place);
        let guard = MutexGuard::lock(self);
        self.1.did("lock", Some(place));
        Ok(guard)
    }

    /// Not for a lab: see [`crate::rules`].
    ///
    /// # Errors
    ///
    /// None; the type is that of `std`.
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>>
    where
        for<'a> (): NobodyTries,
    {
        self.lock().map_err(Into::into)
    }

    /// Whether a thread has panicked with the lock: never.
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

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Mutex<T> {
        Mutex::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    #[track_caller]
    fn from(value: T) -> Mutex<T> {
        Mutex::new(value)
    }
}

/// Holds the lock of a [`Mutex`], and gives it back when dropped.
#[derive(Debug)]
#[must_use = "the lock is given back as soon as this is dropped"]
pub struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
    /// Always there until the guard is dropped.
    guard: Option<loom::sync::MutexGuard<'a, T>>,
}

impl<'a, T> MutexGuard<'a, T> {
    /// Takes the lock. The caller must record that.
    pub(super) fn lock(mutex: &'a Mutex<T>) -> MutexGuard<'a, T> {
        let guard = mutex.0.lock().expect("loom's mutex is never poisoned");
        MutexGuard { mutex, guard: Some(guard) }
    }

    /// Gives the lock back without recording it, because falling asleep implies it.
    pub(super) fn unlock(mut self) -> &'a Mutex<T> {
        self.guard = None;
        self.mutex
    }
}

const HELD: &str = "a guard has its lock until it is dropped";

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.guard.as_ref().expect(HELD)
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.guard.as_mut().expect(HELD)
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        if self.guard.take().is_some() {
            self.mutex.1.did("unlock", None);
        }
    }
}

impl<T: fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
