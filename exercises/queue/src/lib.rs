//! Part 3: how connections get from one thread to a pool of others, and back.
//!
//! ```text
//!                 try_enqueue                          dequeue
//!   reception ------------------> [ BoundedQueue ] ------------------> pool of threads
//!       ^                                                                   |
//!       |          take_all                              put                |
//!       +------------------------- [  Inbox  ] <----------------------------+
//! ```
//!
//! The one thread that waits for all clients, the reception, must never wait for anything else. So a full
//! [`BoundedQueue`] refuses it (it then answers 503), and an [`Inbox`] is never full. The threads of the pool
//! have nothing better to do than to sleep until there is work. They sleep on a [`Semaphore`].
//!
//! Read the files in this order: semaphore.rs, guarded.rs, ring.rs, bounded_queue.rs, inbox.rs.

// Before the other modules, so that none of their macros (`macro_use`) can replace one in here.
#[cfg(test)]
#[path = "../../../tests/models/queue.rs"]
mod models;

mod bounded_queue;
mod guarded;
mod inbox;
mod ring;
mod semaphore;

pub use bounded_queue::{BoundedQueue, Refused};
pub use inbox::Inbox;
pub use semaphore::Semaphore;

#[cfg(not(test))]
mod cell;
#[cfg(not(test))]
pub(crate) use std::sync;

// In the models, loom provides the locks and checks memory accesses. Compiler errors show this name.
#[cfg(test)]
extern crate lanes as std_in_models;
#[cfg(test)]
pub(crate) use std_in_models::{cell, sync};
