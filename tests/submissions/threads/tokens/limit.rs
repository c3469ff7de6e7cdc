//! Permits for connections: each permit holds a token, and the number of tokens is the number of permits that are out.
//!
//! Different from ours: there is no number to keep, because `Arc` counts its owners.

use crate::sync::{Condvar, Mutex, MutexGuard};
use std::sync::{Arc, PoisonError};

/// A number of permits. A clone is another handle to the same permits.
#[derive(Debug, Clone)]
pub struct ConnectionLimit {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limit: usize,
    /// One owner more than permits are out.
    token: Arc<()>,
    /// Held by a thread that takes a token or gives one back.
    changes: Mutex<()>,
    returned: Condvar,
    emptied: Condvar,
}

/// The right to serve one connection.
#[derive(Debug)]
#[must_use = "a permit that is dropped at once limits nothing"]
pub struct Permit {
    token: Option<Arc<()>>,
    shared: Arc<Shared>,
}

impl ConnectionLimit {
    /// A limit of `limit` permits, none of them out.
    pub fn new(limit: usize) -> ConnectionLimit {
        assert!(limit > 0, "a limit of 0 connections would serve nobody");
        let (token, changes) = (Arc::new(()), Mutex::new(()));
        let (returned, emptied) = (Condvar::new(), Condvar::new());
        ConnectionLimit { shared: Arc::new(Shared { limit, token, changes, returned, emptied }) }
    }

    /// Takes a permit; sleeps while all are out.
    pub fn acquire(&self) -> Permit {
        let mut guard = self.shared.lock();
        while self.shared.out() == self.limit() {
            guard = self.shared.returned.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        self.permit()
    }

    /// Takes a permit if one is left.
    pub fn try_acquire(&self) -> Option<Permit> {
        let _guard = self.shared.lock();
        (self.shared.out() < self.limit()).then(|| self.permit())
    }

    /// Sleeps until all permits are back.
    pub fn drain(&self) {
        let mut guard = self.shared.lock();
        while self.shared.out() > 0 {
            guard = self.shared.emptied.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// How many permits are out at this moment.
    pub fn active(&self) -> usize {
        let _guard = self.shared.lock();
        self.shared.out()
    }

    /// How many permits there are.
    pub fn limit(&self) -> usize {
        self.shared.limit
    }

    fn permit(&self) -> Permit {
        Permit { token: Some(self.shared.token.clone()), shared: self.shared.clone() }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let _guard = self.shared.lock();
        self.token = None;
        if self.shared.out() == 0 {
            self.shared.emptied.notify_all();
        }
        self.shared.returned.notify_one();
    }
}

impl Shared {
    /// How many permits are out; the caller holds the lock, because no model sees what `Arc` counts.
    fn out(&self) -> usize {
        Arc::strong_count(&self.token) - 1
    }

    #[track_caller]
    fn lock(&self) -> MutexGuard<'_, ()> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
