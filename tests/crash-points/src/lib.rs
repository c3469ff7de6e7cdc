//! Atomics after whose operations a process may die.
//!
//! Loom tries the death of a holder after each of its steps, in a model. This crate does the same to the real server:
//! built with the feature `crash-points`, the `stats` part takes its atomics from here, and each operation in its
//! source is a place where a worker can die. Environment variables say what must happen:
//!
//! - `CRASH_POINTS_LIST=FILE`: each place that a worker reaches is appended to the file, once for each worker.
//! - `CRASH_POINT=PLACE` and `CRASH_POINTS_MARK=FILE`: the first worker that has done the operation at this place kills
//!   itself immediately (SIGKILL). It creates the file, which must not exist before, so that no other worker does the
//!   same.
//!
//! The leader of the process group is the master, and never dies.

use nix::sys::signal::{Signal, kill};
use nix::unistd::{getpgrp, getpid};
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::panic::Location;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, PoisonError};

/// The settings from the environment.
struct Orders {
    list: Option<PathBuf>,
    deadly: Option<(String, PathBuf)>,
}

static ORDERS: LazyLock<Orders> = LazyLock::new(|| {
    let path = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let deadly = std::env::var("CRASH_POINT").ok().zip(path("CRASH_POINTS_MARK"));
    Orders { list: path("CRASH_POINTS_LIST"), deadly }
});

/// The places that this process has reached.
static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Called after each operation: lists its place, or kills the process there.
fn done(operation: &str, at: &Location<'_>) {
    let orders = &*ORDERS;
    if (orders.list.is_none() && orders.deadly.is_none()) || getpid() == getpgrp() {
        return;
    }
    let file = at.file().rsplit('/').next().unwrap_or_default();
    let place = format!("{file}:{}:{} {operation}", at.line(), at.column());
    if let Some((deadly, mark)) = &orders.deadly
        && *deadly == place
        && File::create_new(mark).is_ok()
    {
        let _ = kill(getpid(), Signal::SIGKILL);
    }
    if let Some(list) = &orders.list
        && SEEN.lock().unwrap_or_else(PoisonError::into_inner).insert(place.clone())
    {
        let file = OpenOptions::new().append(true).create(true).open(list);
        // If the list cannot be written, the test that reads it finds it empty and fails.
        let _ = file.and_then(|mut file| file.write_all(format!("{place}\n").as_bytes()));
    }
}

/// Takes the place of `std::sync`.
pub mod sync {
    pub use std::sync::*;

    /// Atomics of which every operation is a place. They have the memory layout of the standard library's.
    pub mod atomic {
        pub use std::sync::atomic::{AtomicPtr, Ordering, compiler_fence, fence};

        use super::super::done;
        use std::panic::Location;

        macro_rules! operations {
            ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {$(
                /// The operation of the standard library, after which the process may die.
                ///
                /// # Errors
                /// As in the standard library.
                #[track_caller]
                pub fn $name(&self, $($argument: $type),*) -> $result {
                    let result = self.0.$name($($argument),*);
                    done(stringify!($name), Location::caller());
                    result
                }
            )*};
        }

        macro_rules! mortal {
            ($atomic:ident, $value:ty, { $($more:ident)* }) => {
                /// The atomic of this name in the standard library.
                #[derive(Debug, Default)]
                #[repr(transparent)]
                pub struct $atomic(std::sync::atomic::$atomic);

                impl $atomic {
                    /// An atomic that holds this value.
                    pub const fn new(value: $value) -> $atomic {
                        $atomic(std::sync::atomic::$atomic::new(value))
                    }

                    /// Its address, for futex(2).
                    pub const fn as_ptr(&self) -> *mut $value {
                        self.0.as_ptr()
                    }

                    /// The value, to which `&mut self` gives exclusive access.
                    pub fn get_mut(&mut self) -> &mut $value {
                        self.0.get_mut()
                    }

                    /// Takes the value out.
                    pub const fn into_inner(self) -> $value {
                        self.0.into_inner()
                    }

                    operations! {
                        load(order: Ordering) -> $value;
                        store(value: $value, order: Ordering) -> ();
                        swap(value: $value, order: Ordering) -> $value;
                        compare_exchange(
                            current: $value, new: $value, success: Ordering, failure: Ordering
                        ) -> Result<$value, $value>;
                        compare_exchange_weak(
                            current: $value, new: $value, success: Ordering, failure: Ordering
                        ) -> Result<$value, $value>;
                        fetch_update(
                            set: Ordering, fetch: Ordering, update: impl FnMut($value) -> Option<$value>
                        ) -> Result<$value, $value>;
                        try_update(
                            set: Ordering, fetch: Ordering, update: impl FnMut($value) -> Option<$value>
                        ) -> Result<$value, $value>;
                        update(set: Ordering, fetch: Ordering, update: impl FnMut($value) -> $value) -> $value;
                        $($more(value: $value, order: Ordering) -> $value;)*
                    }
                }

                impl From<$value> for $atomic {
                    fn from(value: $value) -> $atomic {
                        $atomic::new(value)
                    }
                }
            };
        }

        macro_rules! integers {
            ($($atomic:ident, $value:ty;)*) => {$(
                mortal!($atomic, $value, {
                    fetch_add fetch_sub fetch_and fetch_nand fetch_or fetch_xor fetch_max fetch_min
                });
            )*};
        }

        mortal!(AtomicBool, bool, { fetch_and fetch_nand fetch_or fetch_xor });
        integers! {
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
            operations! { fetch_not(order: Ordering) -> bool; }
        }
    }
}

#[cfg(test)]
mod tests {
    #[allow(clippy::all, deprecated)]
    mod as_in_std {
        use crate::sync;
        include!("../../lanes/tests/std/atomics.rs");
    }

    #[test]
    fn each_atomic_does_what_stds_does() {
        as_in_std::all_atomics();
    }
}
