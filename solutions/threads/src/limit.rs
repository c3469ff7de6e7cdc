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
/// **Why this is enough.** The number is only touched under the mutex. Acquirers and drainers wait for
/// different things, so they sleep on different condition variables: if they shared one, the single wake-up
/// for a returned permit could go to a drainer that goes back to sleep, and the acquirer would sleep on. Both
/// sleep in a loop, because a condition variable may wake without a reason (pthread_cond_wait(3)) and a
/// permit may be gone again by the time the sleeper has the mutex.
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
        let mut active = self.shared.lock();
        while *active == self.shared.limit {
            active = self.shared.returned.wait(active).unwrap_or_else(PoisonError::into_inner);
        }
        *active += 1;
        Permit { shared: self.shared.clone() }
    }

    /// Takes a permit if one is left. Never waits for one.
    pub fn try_acquire(&self) -> Option<Permit> {
        let mut active = self.shared.lock();
        if *active == self.shared.limit {
            return None;
        }
        *active += 1;
        Some(Permit { shared: self.shared.clone() })
    }

    /// Sleeps until all permits are back. It also waits for permits that are acquired meanwhile; after it
    /// returns, any thread can acquire again, so stop the acceptors first.
    pub fn drain(&self) {
        let mut active = self.shared.lock();
        while *active > 0 {
            active = self.shared.emptied.wait(active).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// How many permits are out at this moment. It may be different at the next moment: good for display, not
    /// for decisions.
    pub fn active(&self) -> usize {
        *self.shared.lock()
    }

    /// How many permits there are.
    pub fn limit(&self) -> usize {
        self.shared.limit
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut active = self.shared.lock();
        *active -= 1;
        if *active == 0 {
            // Several threads may be in `drain`, and all of them can return.
            self.shared.emptied.notify_all();
        }
        // One permit came back, so one sleeper can take it.
        self.shared.returned.notify_one();
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
