//! Part 2: never more connections at once than the limit.
//!
//! A thread per connection is simple, until a thousand clients come. So each thread needs a permit, there are
//! only so many, and whoever wants one when all are out waits for the next to come back:
//!
//! ```text
//!   limit 3                acquire()                          drop(permit)
//!   permits [#][#][ ]  ------------->  [#][#][#]  ... full: the next acquire() sleeps ...  [#][#][ ]
//! ```
//!
//! A [`Permit`] gives itself back when it is dropped. A thread that panics drops what it holds, so a handler
//! with a mistake in it costs one client, not one place for ever.
//!
//! ([`ConnectionLimit`] is a counting semaphore (E. W. Dijkstra, "Cooperating sequential processes", 1965)
//! with one more wish: to wait until everything has come back.)

// Before the other modules: what a macro of theirs is called (`macro_use`) means something only below them.
#[cfg(test)]
#[path = "../../../tests/models/threads.rs"]
mod models;

mod limit;

pub use limit::{ConnectionLimit, Permit};

// The compiler calls it by this name.
#[cfg(test)]
extern crate lanes as std_in_models;
#[cfg(not(test))]
pub(crate) use std::sync;
#[cfg(test)]
pub(crate) use std_in_models::sync;
