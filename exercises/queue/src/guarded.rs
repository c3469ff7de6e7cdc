//! A value that one thread at a time may use: the only unsafe code of this part.
#![allow(unsafe_code)]

use crate::cell::UnsafeCell;
use crate::semaphore::Semaphore;

/// A value behind a semaphore with one permit: the semaphore called `mutex` in the textbooks.
///
/// **Promise.** Only one of the closures passed to [`with`](Self::with) runs at a time, and it sees
/// everything that earlier ones did. After a closure panics, the next one runs.
///
/// **States.** One permit: the value is free. None: one closure runs.
///
/// **Who calls what.** Any thread. Not from inside the closure: that would wait for itself forever.
///
/// **Why is this enough?** That is for you to say, once it works.
///
/// **What loom checks:** the cell is loom's in the models, so two closures that overlap, or that no
/// happens-before orders, are reported as a data race; and that the next closure runs after a panic. **What
/// it cannot:** that `with` is never called from inside the closure.
pub(crate) struct Guarded<T> {
    mutex: Semaphore,
    value: UnsafeCell<T>,
}

// SAFETY: `value` is only accessed in `with`, by one thread at a time. So sharing a `Guarded<T>` only passes
// exclusive access to the `T` from thread to thread, which `T: Send` allows.
unsafe impl<T: Send> Sync for Guarded<T> {}

impl<T> Guarded<T> {
    #[track_caller]
    pub(crate) fn new(value: T) -> Guarded<T> {
        Guarded { mutex: Semaphore::new(1), value: UnsafeCell::new(value) }
    }

    /// Waits until no other closure runs, then runs this one.
    // So that a model's verdict names the caller, not this function.
    #[track_caller]
    pub(crate) fn with<R>(&self, use_it: impl FnOnce(&mut T) -> R) -> R {
        self.mutex.acquire();
        let _release = ReleaseOnDrop(&self.mutex);
        self.value.with_mut(|value| {
            // SAFETY: this thread has the only permit of `mutex` until `_release` is dropped, after the
            // reference is gone. No other reference to the value exists: this is the only place that makes
            // one.
            use_it(unsafe { &mut *value })
        })
    }
}

/// Gives the permit back, also when the closure panics.
struct ReleaseOnDrop<'a>(&'a Semaphore);

impl Drop for ReleaseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.release();
    }
}

#[cfg(test)]
mod models {
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
    use std::sync::Arc;

    use lanes::{Model, thread};

    use super::Guarded;

    /// The panic comes before there is a second thread. All threads of a model are one thread for `std`, so
    /// a lock that another one gives back in the middle of a panic would count as poisoned.
    ///
    /// Catches: a `with` that releases the permit only when the closure returns.
    #[test]
    fn a_closure_that_panics_lets_the_next_one_in() {
        Model::new("a panic inside does not keep the others out").outcomes(&["let in"]).check(|run| {
            let value = Arc::new(Guarded::new(0));
            let panic = AssertUnwindSafe(|| value.with(|_| resume_unwind(Box::new("on purpose"))));
            assert!(catch_unwind(panic).is_err());
            let other = value.clone();
            let next = thread::spawn_named("next", move || other.with(|value| *value += 1));
            value.with(|value| *value += 1);
            next.join().unwrap();
            assert_eq!(value.with(|value| *value), 2);
            run.outcome("let in");
        });
    }
}
