//! What the threads of a model synchronize with: what `std::sync` is to a program.
//!
//! There is no `try_lock` and no `wait_timeout`: loom takes a `try_lock` in a race for a deadlock, and its
//! time does not pass. `Arc` is that of `std`, always: loom's own would only add steps that no promise here
//! is about.

mod condvar;
mod mutex;
mod rwlock;

pub mod atomic;

pub use std::sync::{LockResult, PoisonError};

pub use condvar::Condvar;
pub use mutex::{Mutex, MutexGuard};
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
