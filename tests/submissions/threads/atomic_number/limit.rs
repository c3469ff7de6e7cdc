//! Permits for connections: an atomic number, and a mutex only for threads that sleep.
//!
//! Different from ours: taking a permit touches no lock unless the thread must sleep. A thread that is about to sleep
//! counts itself under the mutex and checks once more; a thread that gives a permit back checks under the same mutex
//! whether a thread sleeps. So one of the two always notices the other.

use crate::sync::atomic::{AtomicUsize, Ordering::AcqRel, Ordering::Acquire};
use crate::sync::{Condvar, Mutex};
use std::sync::Arc;

/// A number of permits. A clone is another handle to the same permits.
#[derive(Debug, Clone)]
pub struct ConnectionLimit {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    limit: usize,
    active: AtomicUsize,
    sleepers: Mutex<Sleepers>,
    returned: Condvar,
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct Sleepers {
    acquirers: usize,
    drainers: usize,
}

/// The right to serve one connection. Gives itself back when dropped.
#[derive(Debug)]
#[must_use = "a permit that is dropped at once limits nothing"]
pub struct Permit {
    inner: Arc<Inner>,
}

impl ConnectionLimit {
    /// A limit of `limit` permits, none of them out.
    pub fn new(limit: usize) -> ConnectionLimit {
        assert!(limit >= 1, "somebody must be served");
        ConnectionLimit {
            inner: Arc::new(Inner {
                limit,
                active: AtomicUsize::new(0),
                sleepers: Mutex::new(Sleepers::default()),
                returned: Condvar::new(),
                emptied: Condvar::new(),
            }),
        }
    }

    /// Takes a permit; sleeps while all are out.
    pub fn acquire(&self) -> Permit {
        if let Some(permit) = self.try_acquire() {
            return permit;
        }
        let mut sleepers = self.inner.sleepers.lock().unwrap();
        sleepers.acquirers += 1;
        let permit = loop {
            if let Some(permit) = self.try_acquire() {
                break permit;
            }
            sleepers = self.inner.returned.wait(sleepers).unwrap();
        };
        sleepers.acquirers -= 1;
        permit
    }

    /// Takes a permit if one is left.
    pub fn try_acquire(&self) -> Option<Permit> {
        let one_more = |active| if active < self.inner.limit { Some(active + 1) } else { None };
        let taken = self.inner.active.fetch_update(AcqRel, Acquire, one_more);
        taken.ok().map(|_| Permit { inner: self.inner.clone() })
    }

    /// Sleeps until all permits are back.
    pub fn drain(&self) {
        let mut sleepers = self.inner.sleepers.lock().unwrap();
        sleepers.drainers += 1;
        while self.active() > 0 {
            sleepers = self.inner.emptied.wait(sleepers).unwrap();
        }
        sleepers.drainers -= 1;
    }

    /// How many permits are out.
    pub fn active(&self) -> usize {
        self.inner.active.load(Acquire)
    }

    /// How many permits there are.
    pub fn limit(&self) -> usize {
        self.inner.limit
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let before = self.inner.active.fetch_sub(1, AcqRel);
        // Locked after the number has changed: a thread that checks under this mutex later sees the new number, and one
        // that has checked before is counted in `sleepers`.
        let sleepers = self.inner.sleepers.lock().unwrap();
        if sleepers.acquirers > 0 {
            self.inner.returned.notify_one();
        }
        if before == 1 && sleepers.drainers > 0 {
            self.inner.emptied.notify_all();
        }
    }
}
