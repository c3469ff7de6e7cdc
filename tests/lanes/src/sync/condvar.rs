//! The condition variable of a model.

use std::collections::VecDeque;
use std::panic::Location;
use std::sync::{LockResult, WaitTimeoutResult};
use std::time::Duration;

use crate::record::{self, Thing};
use crate::rules::TimeStandsStill;
use crate::sync::MutexGuard;

/// A condition variable, as [`std::sync::Condvar`]. Sleepers are woken in the order in which they fell
/// asleep, and without a reason only if the model [asks for it](crate::Model::wakes_for_nothing).
///
/// It is built here, and not just wrapped, so that a step can be recorded at the very instant at which a thread falls
/// asleep. A wake-up just before that instant is lost, so the lanes must show which came first.
#[derive(Debug)]
pub struct Condvar {
    /// No thread ever waits here. Notifying it tells loom that an operation on this condition variable comes next, so
    /// that loom also tries the other order with another thread's operation on it.
    next_step: loom::sync::Condvar,
    /// Only one thread runs at a time, and loom does not switch while it holds this, so no thread ever waits for this
    /// lock.
    sleepers: std::sync::Mutex<VecDeque<loom::thread::Thread>>,
    thing: Thing,
}

impl Condvar {
    /// A condition variable that no thread waits on.
    #[track_caller]
    pub fn new() -> Condvar {
        Condvar {
            next_step: loom::sync::Condvar::new(),
            sleepers: std::sync::Mutex::default(),
            thing: Thing::made_at(Location::caller()),
        }
    }

    /// Unlocks and falls asleep in one step; once woken, locks again.
    ///
    /// # Errors
    ///
    /// None; the type is that of `std`.
    #[track_caller]
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        let place = Location::caller();
        self.thing.enters("wait, not yet asleep", place);
        self.next_step.notify_one();
        let for_nothing = record::wakes_for_nothing();
        // From here to the end of `park`, loom switches to no other thread: this is one step. A thread that wakes for
        // nothing does so before anyone can notify it.
        if !for_nothing {
            self.sleepers().push_back(loom::thread::current());
        }
        self.thing.did("wait, asleep", Some(place));
        self.thing.enters("wait", place);
        let mutex = guard.unlock();
        if !for_nothing {
            loom::thread::park();
        }

        let guard = MutexGuard::lock(mutex);
        self.thing.did(if for_nothing { "woken for nothing" } else { "woken" }, Some(place));
        Ok(guard)
    }

    /// Waits until `condition` returns false: [`wait`](Self::wait) in a loop.
    ///
    /// # Errors
    ///
    /// None; the type is that of `std`.
    #[track_caller]
    pub fn wait_while<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<MutexGuard<'a, T>> {
        while condition(&mut guard) {
            guard = self.wait(guard)?;
        }
        Ok(guard)
    }

    /// Not for a lab: see [`crate::rules`].
    ///
    /// # Errors
    ///
    /// None; the type is that of `std`.
    pub fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        patience: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)>
    where
        for<'b> (): TimeStandsStill,
    {
        let _ = (guard, patience);
        unreachable!("a rule that nothing keeps")
    }

    /// Not for a lab: see [`crate::rules`].
    ///
    /// # Errors
    ///
    /// None; the type is that of `std`.
    pub fn wait_timeout_while<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        patience: Duration,
        condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)>
    where
        for<'b> (): TimeStandsStill,
    {
        let _ = (guard, patience, condition);
        unreachable!("a rule that nothing keeps")
    }

    /// Wakes the thread that has slept longest, if one sleeps.
    #[track_caller]
    pub fn notify_one(&self) {
        record::stop_if_unwinding();
        self.next_step.notify_one();
        let sleeper = self.sleepers().pop_front();
        let action = if sleeper.is_some() { "notify_one" } else { "notify_one, nobody sleeps" };
        self.thing.did(action, Some(Location::caller()));
        sleeper.iter().for_each(loom::thread::Thread::unpark);
    }

    /// Wakes every thread that sleeps.
    #[track_caller]
    pub fn notify_all(&self) {
        record::stop_if_unwinding();
        self.next_step.notify_one();
        let sleepers = std::mem::take(&mut *self.sleepers());
        let action = if sleepers.is_empty() { "notify_all, nobody sleeps" } else { "notify_all" };
        self.thing.did(action, Some(Location::caller()));
        sleepers.iter().for_each(loom::thread::Thread::unpark);
    }

    fn sleepers(&self) -> std::sync::MutexGuard<'_, VecDeque<loom::thread::Thread>> {
        self.sleepers.lock().expect("no thread panics while it holds this lock")
    }
}

impl Default for Condvar {
    #[track_caller]
    fn default() -> Condvar {
        Condvar::new()
    }
}
