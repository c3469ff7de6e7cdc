//! The synchronization of a model's threads: what `std::sync` is to a program.
//!
//! Everything in `std` is here too, or does not compile, with a message that names the rule of the labs that forbids it
//! ([`crate::rules`]): `try_lock`, because loom reports a deadlock when one races, and `wait_timeout`, because no time
//! passes. `Arc` is that of `std`, always: loom's own would only add steps that no promise here is about.

mod condvar;
mod missing;
mod mutex;
mod rwlock;

pub mod atomic;

pub use std::sync::{
    Arc, LockResult, OnceState, PoisonError, TryLockError, TryLockResult, WaitTimeoutResult, Weak,
};

pub use condvar::Condvar;
pub use missing::{Barrier, LazyLock, Once, OnceLock, mpsc, unshared};
pub use mutex::{Mutex, MutexGuard};
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
