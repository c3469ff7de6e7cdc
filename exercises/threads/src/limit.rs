//! Permits for connections.

use crate::sync::{Condvar, Mutex, MutexGuard};
use std::sync::{Arc, PoisonError};

/// A number of permits. Cheap to clone: a clone is another handle to the same permits.
///
/// **Promise.** There are never more permits out than the limit. Every permit comes back exactly once,
/// whatever happens to the thread that holds it. A thread that sleeps for a permit gets one if permits keep
/// coming back, and [`drain`](Self::drain) returns only at a moment when all are back.
///
/// **States.** The number of permits that are out, from 0 to the limit.
///
/// **Who calls what.** One or more acceptors call [`acquire`](Self::acquire); any thread drops a [`Permit`];
/// the thread that stops the server calls [`drain`](Self::drain), when no acceptor will acquire any more.
///
/// **Why is this enough?** That is for you to say, once it works.
///
/// **What loom checks:** all of the promise but the part about panics. **What it cannot:** panics; the suite
/// checks those.
#[derive(Debug, Clone)]
pub struct ConnectionLimit {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limit: usize,
    /// Permits that are out.
    active: Mutex<usize>,
    /// Notified once for each permit that comes back.
    returned: Condvar,
    /// Notified when the last permit comes back.
    emptied: Condvar,
}

/// The right to serve one connection. Gives itself back when dropped.
#[derive(Debug)]
#[must_use = "a permit that is dropped at once limits nothing"]
pub struct Permit {
    shared: Arc<Shared>,
}

impl ConnectionLimit {
    /// A limit of `limit` permits, none of them out.
    ///
    /// # Panics
    /// If `limit` is 0: no client could ever be served.
    pub fn new(limit: usize) -> ConnectionLimit {
        assert!(limit > 0, "a limit of 0 connections would serve nobody");
        let shared =
            Shared { limit, active: Mutex::new(0), returned: Condvar::new(), emptied: Condvar::new() };
        ConnectionLimit { shared: Arc::new(shared) }
    }

    /// Takes a permit; sleeps while all are out.
    pub fn acquire(&self) -> Permit {
        todo!("Lab 2.2: take a permit; sleep while all are out")
    }

    /// Takes a permit if one is left. Never waits for one.
    pub fn try_acquire(&self) -> Option<Permit> {
        todo!("Lab 2.1: take a permit if one is left; else None")
    }

    /// Sleeps until all permits are back. It also waits for permits that are acquired meanwhile; after it
    /// returns, any thread can acquire again, so stop the acceptors first.
    pub fn drain(&self) {
        todo!("Lab 2.4: sleep until no permit is out")
    }

    /// How many permits are out at this moment. It may be different at the next moment: good for display, not
    /// for decisions.
    pub fn active(&self) -> usize {
        todo!("Lab 2.1: return how many permits are out")
    }

    /// How many permits there are.
    pub fn limit(&self) -> usize {
        self.shared.limit
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        todo!("Lab 2.1: give the permit back; tasks 2.2 and 2.4 add the threads that must be woken")
    }
}

impl Shared {
    /// A thread that panics while it holds the mutex has not changed the number yet, or has changed it
    /// completely. So a poisoned mutex is no reason to stop.
    #[track_caller]
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
