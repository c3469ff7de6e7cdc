//! The atomics of a model. A load may return an old value if the orderings allow it: loom tries each.
//!
//! Where one thread would first load and then store the same atomic, use one read-modify-write instead: of
//! the pair, loom silently skips interleavings.
//!
//! **Where these differ from loom's.** A thread that has changed an atomic with a read-modify-write, and stores into it
//! later, stores after everything that others have made of its change. Loom 0.7 lets such a store come before, which no
//! machine may do. So it is made a swap here, which is always the last write so far. A swap has one weakness that a
//! store has not: whatever was released into the word before stays released. So of such a store with too weak an
//! ordering, the models see what its own thread has not published, and not that others' is forgotten.

use std::panic::Location;
use std::sync::atomic::AtomicU8;

use crate::record::{self, Action, Thing};

pub use std::sync::atomic::Ordering;

/// Orders the accesses around it, as [`std::sync::atomic::fence`].
#[track_caller]
pub fn fence(order: Ordering) {
    record::stop_if_unwinding();
    loom::sync::atomic::fence(order);
    record::did(Action::Did("fence"), Some(Location::caller()));
}

macro_rules! atomic {
    ($name:ident, $value:ty, { $($more:ident)* }) => {
        #[doc = concat!("An atomic, as [`std::sync::atomic::", stringify!($name), "`].")]
        #[derive(Debug)]
        pub struct $name(loom::sync::atomic::$name, Changers, Thing);

        impl $name {
            /// An atomic that holds `value`.
            #[track_caller]
            pub fn new(value: $value) -> $name {
                let thing = Thing::holding(Some(value as i128), Location::caller());
                $name(loom::sync::atomic::$name::new(value), Changers::default(), thing)
            }

            /// Reads the value.
            #[track_caller]
            pub fn load(&self, order: Ordering) -> $value {
                record::stop_if_unwinding();
                // A read-modify-write reads the newest value.
                let value = if record::newest_only() {
                    self.0.fetch_or(Default::default(), order)
                } else {
                    self.0.load(order)
                };
                self.2.operated("load", None, Some(value as i128), None, Location::caller());
                value
            }

            /// Writes the value.
            #[track_caller]
            pub fn store(&self, value: $value, order: Ordering) {
                record::stop_if_unwinding();
                if self.1.has_this_thread() || record::newest_only() {
                    self.0.swap(value, order);
                } else {
                    self.0.store(value, order);
                }
                let value = Some(value as i128);
                self.2.operated("store", value, None, value, Location::caller());
            }

            /// Writes `new` if the value is `current`, and returns the value before.
            ///
            /// # Errors
            ///
            /// The value, if it is not `current`.
            #[track_caller]
            pub fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                record::stop_if_unwinding();
                let result = self.0.compare_exchange(current, new, success, failure);
                let (operation, given, returned) = match result {
                    Ok(before) => {
                        self.1.add_this_thread();
                        ("compare_exchange", Some(new as i128), before)
                    }
                    Err(before) => ("failed compare_exchange", None, before),
                };
                self.2.operated(operation, given, Some(returned as i128), given, Location::caller());
                result
            }

            /// The same; loom never lets it fail without a reason.
            ///
            /// # Errors
            ///
            /// The value, if it is not `current`.
            #[track_caller]
            pub fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.compare_exchange(current, new, success, failure)
            }

            /// Replaces the value by what `update` makes of it, again and again until no other thread has
            /// come between.
            ///
            /// # Errors
            ///
            /// The value, if `update` returned nothing.
            #[track_caller]
            pub fn fetch_update(
                &self,
                set_order: Ordering,
                fetch_order: Ordering,
                mut update: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                let mut before = self.load(fetch_order);
                while let Some(new) = update(before) {
                    match self.compare_exchange(before, new, set_order, fetch_order) {
                        Ok(before) => return Ok(before),
                        Err(actual) => before = actual,
                    }
                }
                Err(before)
            }

            $(
                #[doc = concat!("`", stringify!($more), "` as in `std`; returns the value before.")]
                #[track_caller]
                pub fn $more(&self, value: $value, order: Ordering) -> $value {
                    record::stop_if_unwinding();
                    let before = self.0.$more(value, order);
                    self.1.add_this_thread();
                    let after = std::sync::atomic::$name::new(before);
                    after.$more(value, Ordering::Relaxed);
                    let (given, returned) = (Some(value as i128), Some(before as i128));
                    let after = Some(after.into_inner() as i128);
                    self.2.operated(stringify!($more), given, returned, after, Location::caller());
                    before
                }
            )*
        }

        impl Default for $name {
            #[track_caller]
            fn default() -> $name {
                $name::new(Default::default())
            }
        }
    };
}

macro_rules! integer {
    ($name:ident, $value:ty) => {
        atomic!($name, $value, {
            swap fetch_add fetch_sub fetch_and fetch_nand fetch_or fetch_xor fetch_max fetch_min
        });
    };
}

atomic!(AtomicBool, bool, { swap fetch_and fetch_nand fetch_or fetch_xor });
integer!(AtomicU32, u32);
integer!(AtomicU64, u64);
integer!(AtomicUsize, usize);
integer!(AtomicI32, i32);
integer!(AtomicI64, i64);
integer!(AtomicIsize, isize);

/// The threads that have changed an atomic with a read-modify-write: a bit for each lane. Small, because models build
/// parts with hundreds of atomics on the small stacks of loom's threads.
#[derive(Debug, Default)]
struct Changers(AtomicU8);

impl Changers {
    fn add_this_thread(&self) {
        self.0.fetch_or(record::lane_bit(), Ordering::Relaxed);
    }

    fn has_this_thread(&self) -> bool {
        self.0.load(Ordering::Relaxed) & record::lane_bit() != 0
    }
}
