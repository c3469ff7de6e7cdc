//! The atomics of a model. A load may return an old value if the orderings allow it: loom tries each.
//!
//! Instead of a load and then a store of the same atomic by one thread, use one read-modify-write: for the pair, loom
//! silently skips interleavings.
//!
//! **Where these differ from loom's.** A thread that has read or written an atomic, and stores into it later, stores
//! after everything that read-modify-writes have made of what it read or wrote. Loom 0.7 lets such a store come before,
//! which no machine may do. So it is a swap here, which is always the last write so far. But a swap keeps
//! everything that was released into the word before, which a store does not. So if such a store's ordering is too weak,
//! the models notice that its own thread's writes are not published, but not that other threads' no longer are.

use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::atomic::AtomicU8 as Bits;

use crate::record::{self, Action, Thing};
use crate::rules::AddressesStayHidden;

pub use std::sync::atomic::{Ordering, compiler_fence};

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
        pub struct $name(loom::sync::atomic::$name, Users, Thing);

        impl $name {
            /// An atomic that holds `value`.
            #[track_caller]
            pub fn new(value: $value) -> $name {
                let thing = Thing::holding(Some(value as i128), Location::caller());
                $name(loom::sync::atomic::$name::new(value), Users::default(), thing)
            }

            /// The value, which no other thread can reach. `std` returns a reference; this can be used like one, and
            /// puts the value back when it is dropped.
            #[track_caller]
            pub fn get_mut(&mut self) -> ValueMut<'_, $value> {
                record::stop_if_unwinding();
                let place = Location::caller();
                let (value, thing) = (std::mem::take(&mut self.0).into_inner(), self.2);
                thing.operated("get_mut", None, Some(value as i128), None, place);
                let put_back = move |value| {
                    (self.0, self.1) = (loom::sync::atomic::$name::new(value), Users::default());
                    let value = Some(value as i128);
                    thing.operated("set by get_mut", value, None, value, place);
                };
                ValueMut { value, put_back: Box::new(put_back) }
            }

            /// Takes the value out.
            #[track_caller]
            pub fn into_inner(self) -> $value {
                record::stop_if_unwinding();
                let value = self.0.into_inner();
                self.2.operated("into_inner", None, Some(value as i128), None, Location::caller());
                value
            }

            /// Not for a lab: see [`crate::rules`].
            pub const fn as_ptr(&self) -> *mut $value
            where
                for<'a> (): AddressesStayHidden,
            {
                std::ptr::null_mut()
            }

            /// Not for a lab: see [`crate::rules`].
            pub fn from_ptr<'a>(_: *mut $value) -> &'a $name
            where
                for<'b> (): AddressesStayHidden,
            {
                unreachable!("a rule that nothing keeps")
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
                self.1.add_this_thread();
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
                self.1.add_this_thread();
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
                self.1.add_this_thread();
                let (operation, given, returned) = match result {
                    Ok(before) => {
                        ("compare_exchange", Some(new as i128), before)
                    }
                    Err(before) => ("failed compare_exchange", None, before),
                };
                self.2.operated(operation, given, Some(returned as i128), given, Location::caller());
                result
            }

            /// The same. It fails without a reason once in a thread, if the model
            /// [asks for it](crate::Model::wakes_for_nothing).
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
                if !record::fails_for_nothing() {
                    return self.compare_exchange(current, new, success, failure);
                }
                record::stop_if_unwinding();
                // A read-modify-write that changes nothing: loom tries more interleavings of it than of a load.
                let before = self.0.compare_exchange(current, current, failure, failure).unwrap_or_else(|before| before);
                let before_as_number = Some(before as i128);
                self.2.operated("compare_exchange_weak, failed for nothing", None, before_as_number, None, Location::caller());
                Err(before)
            }

            /// Replaces the value by what `update` makes of it, and retries until no other thread has changed it in
            /// between.
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

            /// The same under its newer name.
            ///
            /// # Errors
            ///
            /// The value, if `update` returned nothing.
            #[track_caller]
            pub fn try_update(
                &self,
                set_order: Ordering,
                fetch_order: Ordering,
                update: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                self.fetch_update(set_order, fetch_order, update)
            }

            /// Replaces the value by what `update` makes of it, and returns the value before.
            #[track_caller]
            pub fn update(
                &self,
                set_order: Ordering,
                fetch_order: Ordering,
                mut update: impl FnMut($value) -> $value,
            ) -> $value {
                let updated = self.fetch_update(set_order, fetch_order, |value| Some(update(value)));
                updated.unwrap_or_else(|value| value)
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

        impl From<$value> for $name {
            #[track_caller]
            fn from(value: $value) -> $name {
                $name::new(value)
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
integer!(AtomicU8, u8);
integer!(AtomicU16, u16);
integer!(AtomicU32, u32);
integer!(AtomicU64, u64);
integer!(AtomicUsize, usize);
integer!(AtomicI8, i8);
integer!(AtomicI16, i16);
integer!(AtomicI32, i32);
integer!(AtomicI64, i64);
integer!(AtomicIsize, isize);

impl AtomicBool {
    /// Inverts the value, and returns the value before.
    #[track_caller]
    pub fn fetch_not(&self, order: Ordering) -> bool {
        self.fetch_xor(true, order)
    }
}

/// Not for a lab: see [`crate::rules`].
#[derive(Debug)]
pub struct AtomicPtr<T>(std::marker::PhantomData<T>);

impl<T> AtomicPtr<T> {
    /// Not for a lab: see [`crate::rules`].
    pub const fn new(_: *mut T) -> AtomicPtr<T>
    where
        for<'a> (): AddressesStayHidden,
    {
        AtomicPtr(std::marker::PhantomData)
    }
}

/// The value of an atomic that no other thread can reach.
pub struct ValueMut<'a, T: Copy> {
    value: T,
    put_back: Box<dyn FnMut(T) + 'a>,
}

impl<T: Copy> Deref for ValueMut<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Copy> DerefMut for ValueMut<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: Copy> Drop for ValueMut<'_, T> {
    fn drop(&mut self) {
        (self.put_back)(self.value);
    }
}

/// The threads that have read or written an atomic: a bit for each lane. Small, because models build parts with hundreds
/// of atomics on the small stacks of loom's threads.
#[derive(Debug, Default)]
struct Users(Bits);

impl Users {
    fn add_this_thread(&self) {
        self.0.fetch_or(record::lane_bit(), Ordering::Relaxed);
    }

    fn has_this_thread(&self) -> bool {
        self.0.load(Ordering::Relaxed) & record::lane_bit() != 0
    }
}
