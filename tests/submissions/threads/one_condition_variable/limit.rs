//! Permits for connections: the number of permits that are left, and one condition variable that wakes all.
//!
//! Different from ours: it counts down, and all threads sleep on one condition variable, so each change wakes all. A
//! permit holds the whole limit, because a limit is only a handle.

use crate::sync::{Condvar, Mutex, MutexGuard};
use std::sync::{Arc, PoisonError};

/// A number of permits. A clone is another handle to the same permits.
#[derive(Debug, Clone)]
pub struct ConnectionLimit(Arc<Permits>);

#[derive(Debug)]
struct Permits {
    all: usize,
    left: Mutex<usize>,
    changed: Condvar,
}

/// The right to serve one connection. Gives itself back when dropped.
#[derive(Debug)]
#[must_use = "a permit that is dropped at once limits nothing"]
pub struct Permit(ConnectionLimit);

impl ConnectionLimit {
    /// A limit of `limit` permits, none of them out.
    pub fn new(limit: usize) -> ConnectionLimit {
        assert_ne!(limit, 0, "nobody could be served");
        ConnectionLimit(Arc::new(Permits { all: limit, left: Mutex::new(limit), changed: Condvar::new() }))
    }

    /// Takes a permit; sleeps while all are out.
    pub fn acquire(&self) -> Permit {
        *self.when(|left| left > 0) -= 1;
        Permit(self.clone())
    }

    /// Takes a permit if one is left.
    pub fn try_acquire(&self) -> Option<Permit> {
        let mut left = self.left();
        *left = left.checked_sub(1)?;
        Some(Permit(self.clone()))
    }

    /// Sleeps until all permits are back.
    pub fn drain(&self) {
        drop(self.when(|left| left == self.0.all));
    }

    /// How many permits are out.
    pub fn active(&self) -> usize {
        self.0.all - *self.left()
    }

    /// How many permits there are.
    pub fn limit(&self) -> usize {
        self.0.all
    }

    /// Waits until the number satisfies `it_is`, and returns its guard.
    fn when(&self, it_is: impl Fn(usize) -> bool) -> MutexGuard<'_, usize> {
        let mut left = self.left();
        while !it_is(*left) {
            left = self.0.changed.wait(left).unwrap_or_else(PoisonError::into_inner);
        }
        left
    }

    fn left(&self) -> MutexGuard<'_, usize> {
        self.0.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *self.0.left() += 1;
        self.0.0.changed.notify_all();
    }
}
