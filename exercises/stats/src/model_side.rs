//! What plays the machine in the models: memory, a futex, and processes that can be killed.
//!
//! The models are unit tests, and in unit tests this module takes the place of `std::sync`, of futex.rs and
//! of mapping.rs. A thread of a model stands for a process:
//!
//! ```text
//!   main, as the master                       the victim
//!   -------------------                       ----------
//!   spawn(|| sigkill.victim(|| work))         step, killed?  step, killed?  step, killed?  ...
//!   sigkill.send()                                              ^ yes: never another step
//!   join                        (waitpid)
//!   settle
//! ```
//!
//! A step is one operation on an atomic, or one call of the futex. After each step the victim reads the kill
//! flag. The flag is `Relaxed`, so loom lets every read see the old value or the new one, and thus tries
//! death after every single step of the real code, without a word about death in it. A victim that sleeps
//! dies when it is woken, which is the hard case; to be killed asleep is to leave the queue as if one had
//! never come.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::thread::panicking;

// Of loom itself and not of lanes: reading the flag is not a step of anybody.
use loom::sync::atomic::{AtomicBool, Ordering::Relaxed};

loom::thread_local! {
    /// The signal that the current thread of the model may die of.
    static MORTAL: RefCell<Option<Sigkill>> = RefCell::new(None);
}

/// What unwinds the stack of a killed thread. That is only our way out of the code: while it lasts, no
/// destructor has any effect on shared memory, as SIGKILL runs none.
struct Killed;

/// A signal that kills one process of a model, after one of its steps or not at all. Loom tries everything.
#[derive(Debug, Clone)]
pub(crate) struct Sigkill(Arc<AtomicBool>);

impl Sigkill {
    pub(crate) fn new() -> Sigkill {
        Sigkill(Arc::new(AtomicBool::new(false)))
    }

    /// Kills the victim, whose threads may notice it sooner or later.
    pub(crate) fn send(&self) {
        self.0.store(true, Relaxed);
    }

    /// Does the work of a process that this signal may kill. Its result, or nothing if the process was
    /// killed.
    pub(crate) fn victim<R>(&self, work: impl FnOnce() -> R) -> Option<R> {
        MORTAL.with(|signal| *signal.borrow_mut() = Some(self.clone()));
        let ended = catch_unwind(AssertUnwindSafe(work));
        MORTAL.with(|signal| *signal.borrow_mut() = None);
        match ended {
            Ok(result) => Some(result),
            Err(cause) if cause.is::<Killed>() => None,
            Err(cause) => resume_unwind(cause),
        }
    }
}

/// The end of a step: a victim whose signal has arrived goes no further. Models call it between steps of
/// their own.
pub(crate) fn step_done() {
    let signal = MORTAL.with(|signal| signal.borrow().clone());
    if signal.is_some_and(|signal| signal.0.load(Relaxed)) {
        resume_unwind(Box::new(Killed));
    }
}

/// In place of `std::sync`.
pub(crate) mod sync {
    /// Atomics whose every operation is a step.
    pub(crate) mod atomic {
        pub(crate) use lanes::sync::atomic::Ordering;

        use super::super::{panicking, step_done};

        /// One operation: a step, or without effect in a process that is dead.
        macro_rules! step {
            ($result_if_dead:expr, $operation:expr) => {{
                if panicking() {
                    return $result_if_dead;
                }
                let result = $operation;
                step_done();
                result
            }};
        }

        macro_rules! mortal_atomic {
            ($name:ident, $integer:ty) => {
                #[derive(Debug)]
                pub(crate) struct $name(lanes::sync::atomic::$name);

                // Not every width needs every operation.
                #[allow(dead_code)]
                impl $name {
                    #[track_caller]
                    pub(crate) fn new(value: $integer) -> $name {
                        $name(lanes::sync::atomic::$name::new(value))
                    }

                    #[track_caller]
                    pub(crate) fn load(&self, order: Ordering) -> $integer {
                        step!(0, self.0.load(order))
                    }

                    /// What the kernel does when it compares the word: no step of the process.
                    #[track_caller]
                    pub(crate) fn peek(&self) -> $integer {
                        self.0.load(Ordering::Relaxed)
                    }

                    #[track_caller]
                    pub(crate) fn store(&self, value: $integer, order: Ordering) {
                        step!((), self.0.store(value, order))
                    }

                    #[track_caller]
                    pub(crate) fn swap(&self, value: $integer, order: Ordering) -> $integer {
                        step!(0, self.0.swap(value, order))
                    }

                    #[track_caller]
                    pub(crate) fn fetch_add(&self, value: $integer, order: Ordering) -> $integer {
                        step!(0, self.0.fetch_add(value, order))
                    }

                    #[track_caller]
                    pub(crate) fn fetch_sub(&self, value: $integer, order: Ordering) -> $integer {
                        step!(0, self.0.fetch_sub(value, order))
                    }

                    #[track_caller]
                    pub(crate) fn fetch_or(&self, value: $integer, order: Ordering) -> $integer {
                        step!(0, self.0.fetch_or(value, order))
                    }

                    #[track_caller]
                    pub(crate) fn fetch_and(&self, value: $integer, order: Ordering) -> $integer {
                        step!(0, self.0.fetch_and(value, order))
                    }

                    #[track_caller]
                    pub(crate) fn compare_exchange(
                        &self,
                        current: $integer,
                        new: $integer,
                        success: Ordering,
                        failure: Ordering,
                    ) -> Result<$integer, $integer> {
                        step!(Ok(current), self.0.compare_exchange(current, new, success, failure))
                    }
                }

                impl Default for $name {
                    #[track_caller]
                    fn default() -> $name {
                        $name::new(0)
                    }
                }
            };
        }

        mortal_atomic!(AtomicU32, u32);
        mortal_atomic!(AtomicU64, u64);
    }
}

/// In place of futex.rs.
pub(crate) mod futex {
    use std::cell::Cell;
    use std::ops::Deref;
    use std::thread::panicking;
    use std::time::Duration;

    use lanes::sync::{Condvar, Mutex};

    use super::step_done;
    use super::sync::atomic::AtomicU32;

    /// The word, and the kernel's queue of those who sleep on it.
    ///
    /// The mutex orders more memory than futex(2) promises to. So a wrong ordering is found in those
    /// interleavings in which nobody sleeps.
    #[derive(Debug, Default)]
    pub(crate) struct FutexWord {
        value: AtomicU32,
        kernel: Mutex<()>,
        sleepers: Condvar,
    }

    impl FutexWord {
        #[track_caller]
        pub(crate) fn wait_while(&self, expected: u32, deadline: &Deadline) {
            if panicking() {
                return;
            }
            deadline.one_sleep_less();
            let mut inside = self.kernel.lock().unwrap();
            if self.value.peek() == expected {
                inside = self.sleepers.wait(inside).unwrap();
            }
            // The victim leaves the kernel before it dies: the kernel's lock does not die with it.
            drop(inside);
            step_done();
        }

        #[track_caller]
        pub(crate) fn wake_one(&self) {
            if panicking() {
                return;
            }
            let inside = self.kernel.lock().unwrap();
            self.sleepers.notify_one();
            drop(inside);
            step_done();
        }
    }

    impl Deref for FutexWord {
        type Target = AtomicU32;

        fn deref(&self) -> &AtomicU32 {
            &self.value
        }
    }

    /// Time does not pass in a model. Whoever is willing to wait at all is willing to sleep once, and for an hour twice.
    #[derive(Debug)]
    pub(crate) struct Deadline(Option<Cell<u32>>);

    impl Deadline {
        pub(crate) fn never() -> Deadline {
            Deadline(None)
        }

        pub(crate) fn within(patience: Duration) -> Deadline {
            Deadline(Some(Cell::new(u32::from(!patience.is_zero()) + u32::from(patience.as_secs() >= 3600))))
        }

        pub(crate) fn passed(&self) -> bool {
            self.0.as_ref().is_some_and(|sleeps| sleeps.get() == 0)
        }

        fn one_sleep_less(&self) {
            if let Some(sleeps) = &self.0 {
                sleeps.set(sleeps.get().saturating_sub(1));
            }
        }
    }
}

/// In place of mapping.rs: the threads of a model share their memory anyway.
pub(crate) mod mapping {
    use std::io;
    use std::ops::Deref;

    #[derive(Debug)]
    pub(crate) struct Mapping<T>(Box<T>);

    impl<T: Default> Mapping<T> {
        pub(crate) fn new() -> io::Result<Mapping<T>> {
            Ok(Mapping(Box::default()))
        }
    }

    impl<T> Deref for Mapping<T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.0
        }
    }
}
