//! A load in progress, and the threads that wait for it.

use crate::sync::{Condvar, Mutex, MutexGuard};
use std::sync::{Arc, PoisonError};

/// A value that one thread is loading and other threads want too.
///
/// **Promise.** Every waiting thread wakes once the flight has ended, however it ended: with the value, or without one
/// if the load failed or panicked.
///
/// **States.** In the air, until [`land`](Self::land) is called, once. Then landed, forever.
///
/// **Who calls what.** The thread that loads calls `land`; any thread calls `wait`.
///
/// **Why is this enough?** That is for you to say, once it works.
///
/// **What loom checks:** the promise, through the models of the cache.
#[derive(Debug)]
pub(crate) struct Flight<V> {
    outcome: Mutex<Outcome<V>>,
    landed: Condvar,
}

#[derive(Debug)]
enum Outcome<V> {
    InTheAir,
    Landed(Option<Arc<V>>),
}

impl<V> Flight<V> {
    pub(crate) fn new() -> Flight<V> {
        Flight { outcome: Mutex::new(Outcome::InTheAir), landed: Condvar::new() }
    }

    /// Ends the flight, with the loaded value, or `None` if the load failed.
    pub(crate) fn land(&self, value: Option<Arc<V>>) {
        todo!("Lab 4.4: store the outcome, and wake all waiting threads")
    }

    /// Sleeps until the flight has ended. `None`: there is no value, so a thread must load again.
    pub(crate) fn wait(&self) -> Option<Arc<V>> {
        todo!("Lab 4.4: sleep until the flight has ended, and return its value")
    }

    /// Ignores poisoning: no code that holds this mutex can panic halfway.
    #[track_caller]
    fn lock(&self) -> MutexGuard<'_, Outcome<V>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
