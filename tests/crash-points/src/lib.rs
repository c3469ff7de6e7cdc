//! Atomics after whose operations a process may die.
//!
//! Loom tries the death of a holder after each of its steps, in a model. This crate does the same to the real server:
//! built with the feature `crash-points`, the `stats` part takes its atomics from here, and each operation is a place.
//! Two variables of the environment say what is to happen:
//!
//! - `CRASH_POINTS_LIST=FILE`: each place that a worker comes to is appended to the file, once for each worker.
//! - `CRASH_POINT=PLACE` and `CRASH_POINTS_MARK=FILE`: the first worker that has done the operation at this place kills
//!   itself, at once and without a word (SIGKILL). The file, which must not exist before, makes it the only one.
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

/// What the environment says.
struct Orders {
    list: Option<PathBuf>,
    deadly: Option<(String, PathBuf)>,
}

static ORDERS: LazyLock<Orders> = LazyLock::new(|| {
    let path = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let deadly = std::env::var("CRASH_POINT").ok().zip(path("CRASH_POINTS_MARK"));
    Orders { list: path("CRASH_POINTS_LIST"), deadly }
});

/// The places that this process has come to.
static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// An operation was done at this place.
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
        // A list that cannot be written is found to be empty by whoever reads it.
        let _ = file.and_then(|mut file| file.write_all(format!("{place}\n").as_bytes()));
    }
}

/// In place of `std::sync`.
pub mod sync {
    /// Atomics whose every operation is a place. Their memory is that of the standard library's.
    pub mod atomic {
        pub use std::sync::atomic::Ordering;

        use super::super::done;
        use std::panic::Location;

        macro_rules! operation {
            ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {$(
                /// The operation of the standard library, after which the process may die.
                #[track_caller]
                pub fn $name(&self, $($argument: $type),*) -> $result {
                    let result = self.0.$name($($argument),*);
                    done(stringify!($name), Location::caller());
                    result
                }
            )*};
        }

        macro_rules! mortal {
            ($atomic:ident, $integer:ty) => {
                /// An atomic number.
                #[derive(Debug, Default)]
                #[repr(transparent)]
                pub struct $atomic(std::sync::atomic::$atomic);

                impl $atomic {
                    /// A number.
                    pub const fn new(value: $integer) -> $atomic {
                        $atomic(std::sync::atomic::$atomic::new(value))
                    }

                    /// Where it lies, for futex(2).
                    pub const fn as_ptr(&self) -> *mut $integer {
                        self.0.as_ptr()
                    }

                    operation! {
                        load(order: Ordering) -> $integer;
                        store(value: $integer, order: Ordering) -> ();
                        swap(value: $integer, order: Ordering) -> $integer;
                        fetch_add(value: $integer, order: Ordering) -> $integer;
                        fetch_sub(value: $integer, order: Ordering) -> $integer;
                        fetch_or(value: $integer, order: Ordering) -> $integer;
                        fetch_and(value: $integer, order: Ordering) -> $integer;
                        compare_exchange(
                            current: $integer, new: $integer, success: Ordering, failure: Ordering
                        ) -> Result<$integer, $integer>;
                    }
                }
            };
        }

        mortal!(AtomicU32, u32);
        mortal!(AtomicU64, u64);
    }
}
