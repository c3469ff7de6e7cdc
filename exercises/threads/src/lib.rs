//! Part 2: never more connections at once than the limit.
//!
//! A thread per connection is simple, until a thousand clients come. So each thread needs a permit, the
//! number of permits is fixed, and a thread that wants one when all are out waits until one comes back:
//!
//! ```text
//!   limit 3                acquire()                          drop(permit)
//!   permits [#][#][ ]  ------------->  [#][#][#]  ... full: the next acquire() sleeps ...  [#][#][ ]
//! ```
//!
//! A [`Permit`] gives itself back when it is dropped. A thread that panics drops what it holds, so a bug in a
//! handler costs one client, not one permit forever.
//!
//! ([`ConnectionLimit`] is a counting semaphore (E. W. Dijkstra, "Cooperating sequential processes", 1965)
//! with one addition: a thread can wait until all permits have come back.)

// Before the other modules, so that none of their macros (`macro_use`) can replace one in here.
#[cfg(test)]
#[path = "../../../tests/models/threads.rs"]
mod models;

mod limit;

pub use limit::{ConnectionLimit, Permit};

// Compiler errors show this name.
#[cfg(test)]
extern crate lanes as std_in_models;
#[cfg(not(test))]
pub(crate) use std::sync;
#[cfg(test)]
pub(crate) use std_in_models::sync;
