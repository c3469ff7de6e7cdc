//! The machine that the models run on: memory, a futex, and processes that can be killed.
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
//! A step is one operation on an atomic, or one call of the futex. After each step the victim reads the kill flag. The
//! flag is `Relaxed`, so loom lets every read see the old value or the new one, and thus tries death after every single
//! step of the real code, which needs no code for it. A victim that sleeps dies when it is woken, which is the hard
//! case; a process that is killed while asleep just leaves the queue, as if it had never come.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::thread::panicking;

// Reading the flag is not a step of any thread.
use in_models::unseen::atomic::{AtomicBool, Ordering::Relaxed};

in_models::unseen::thread_local! {
    /// The signal that may kill the current thread of the model.
    static MORTAL: RefCell<Option<Sigkill>> = RefCell::new(None);
}

/// The panic payload that unwinds the stack of a killed thread. Meanwhile no destructor has any effect on shared
/// memory, because SIGKILL runs none.
struct Killed;

/// A signal that kills one process of a model, after one of its steps or not at all. Loom tries everything.
#[derive(Debug, Clone)]
pub(crate) struct Sigkill(Arc<AtomicBool>);

impl Sigkill {
    pub(crate) fn new() -> Sigkill {
        Sigkill(Arc::new(AtomicBool::new(false)))
    }

    /// Kills the victim, which may notice it sooner or later.
    pub(crate) fn send(&self) {
        self.0.store(true, Relaxed);
    }

    /// Runs the work of a process that this signal may kill. Returns its result, or `None` if the process was killed.
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

/// The end of a step: a victim whose signal has arrived stops here. Models call it between their own steps.
pub(crate) fn step_done() {
    let signal = MORTAL.with(|signal| signal.borrow().clone());
    if signal.is_some_and(|signal| signal.0.load(Relaxed)) {
        resume_unwind(Box::new(Killed));
    }
}

/// Takes the place of `std::sync`.
// No part needs everything in here.
#[allow(dead_code, unused_imports)]
pub(crate) mod sync {
    pub(crate) use crate::in_models::sync::*;

    // Not allowed in memory that processes share: the compiler says why.
    pub(crate) use crate::in_models::sync::unshared::{Condvar, Mutex, RwLock};

    /// Atomics of which every operation is a step.
    pub(crate) mod atomic {
        pub(crate) use crate::in_models::sync::atomic::{
            AtomicPtr, Ordering, ValueMut, compiler_fence, fence,
        };

        use super::super::{panicking, step_done};

        /// One operation: a step, or no effect if the process is dead.
        macro_rules! steps {
            ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty, of the dead: $nothing:expr;)*) => {$(
                #[track_caller]
                pub(crate) fn $name(&self, $($argument: $type),*) -> $result {
                    if panicking() {
                        return $nothing;
                    }
                    let result = self.0.$name($($argument),*);
                    step_done();
                    result
                }
            )*};
        }

        macro_rules! mortal_atomic {
            ($name:ident, $value:ty, $zero:expr, { $($more:ident)* }) => {
                #[derive(Debug)]
                pub(crate) struct $name(crate::in_models::sync::atomic::$name);

                impl $name {
                    #[track_caller]
                    pub(crate) fn new(value: $value) -> $name {
                        $name(crate::in_models::sync::atomic::$name::new(value))
                    }

                    #[track_caller]
                    pub(crate) fn get_mut(&mut self) -> ValueMut<'_, $value> {
                        self.0.get_mut()
                    }

                    #[track_caller]
                    pub(crate) fn into_inner(self) -> $value {
                        self.0.into_inner()
                    }

                    /// How the kernel reads the word when it compares it: not a step of the process.
                    #[track_caller]
                    pub(crate) fn peek(&self) -> $value {
                        self.0.load(Ordering::Relaxed)
                    }

                    pub(crate) const fn as_ptr(&self) -> *mut $value
                    where
                        for<'a> (): crate::in_models::rules::AddressesStayHidden,
                    {
                        self.0.as_ptr()
                    }

                    pub(crate) fn from_ptr<'a>(_: *mut $value) -> &'a $name
                    where
                        for<'b> (): crate::in_models::rules::AddressesStayHidden,
                    {
                        unreachable!()
                    }

                    /// Several steps: a load, and exchanges until one succeeds.
                    #[track_caller]
                    pub(crate) fn fetch_update(
                        &self,
                        set: Ordering,
                        fetch: Ordering,
                        mut update: impl FnMut($value) -> Option<$value>,
                    ) -> Result<$value, $value> {
                        let mut before = self.load(fetch);
                        while let Some(new) = update(before) {
                            match self.compare_exchange(before, new, set, fetch) {
                                Ok(before) => return Ok(before),
                                Err(actual) => before = actual,
                            }
                        }
                        Err(before)
                    }

                    #[track_caller]
                    pub(crate) fn try_update(
                        &self,
                        set: Ordering,
                        fetch: Ordering,
                        update: impl FnMut($value) -> Option<$value>,
                    ) -> Result<$value, $value> {
                        self.fetch_update(set, fetch, update)
                    }

                    #[track_caller]
                    pub(crate) fn update(
                        &self,
                        set: Ordering,
                        fetch: Ordering,
                        mut update: impl FnMut($value) -> $value,
                    ) -> $value {
                        self.fetch_update(set, fetch, |value| Some(update(value))).unwrap_or_else(|value| value)
                    }

                    steps! {
                        load(order: Ordering) -> $value, of the dead: $zero;
                        store(value: $value, order: Ordering) -> (), of the dead: ();
                        swap(value: $value, order: Ordering) -> $value, of the dead: $zero;
                        compare_exchange(
                            current: $value, new: $value, success: Ordering, failure: Ordering
                        ) -> Result<$value, $value>, of the dead: Ok(current);
                        compare_exchange_weak(
                            current: $value, new: $value, success: Ordering, failure: Ordering
                        ) -> Result<$value, $value>, of the dead: Ok(current);
                        $($more(value: $value, order: Ordering) -> $value, of the dead: $zero;)*
                    }
                }

                impl Default for $name {
                    #[track_caller]
                    fn default() -> $name {
                        $name::new($zero)
                    }
                }

                impl From<$value> for $name {
                    #[track_caller]
                    fn from(value: $value) -> $name {
                        $name::new(value)
                    }
                }
            };
        }

        macro_rules! mortal_integers {
            ($($name:ident, $value:ty;)*) => {$(
                mortal_atomic!($name, $value, 0, {
                    fetch_add fetch_sub fetch_and fetch_nand fetch_or fetch_xor fetch_max fetch_min
                });
            )*};
        }

        mortal_atomic!(AtomicBool, bool, false, { fetch_and fetch_nand fetch_or fetch_xor });
        mortal_integers! {
            AtomicU8, u8;
            AtomicU16, u16;
            AtomicU32, u32;
            AtomicU64, u64;
            AtomicUsize, usize;
            AtomicI8, i8;
            AtomicI16, i16;
            AtomicI32, i32;
            AtomicI64, i64;
            AtomicIsize, isize;
        }

        impl AtomicBool {
            #[track_caller]
            pub(crate) fn fetch_not(&self, order: Ordering) -> bool {
                self.fetch_xor(true, order)
            }
        }
    }
}

/// Takes the place of futex.rs.
pub(crate) mod futex {
    use std::cell::Cell;
    use std::ops::Deref;
    use std::thread::panicking;
    use std::time::Duration;

    use crate::in_models::sync::{Condvar, Mutex};

    use super::step_done;
    use super::sync::atomic::AtomicU32;

    /// The word, and the kernel's queue of threads that sleep on it.
    ///
    /// The mutex orders more memory than futex(2) promises to. So a wrong ordering is found only in interleavings in
    /// which no thread sleeps.
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
            // The victim leaves the kernel before it dies, because a death must not leave the kernel locked.
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

    /// Time does not pass in a model. A deadline allows no sleep if it is zero, two if it is an hour or more, else one.
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

/// Takes the place of mapping.rs: the threads of a model share their memory anyway.
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
