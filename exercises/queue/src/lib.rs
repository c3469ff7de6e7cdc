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
//! have nothing better to do than to sleep until there is work. What they sleep on is a [`Semaphore`].
//!
//! The order to read in: semaphore.rs, guarded.rs, ring.rs, bounded_queue.rs, inbox.rs.

// Before the other modules: what a macro of theirs is called (`macro_use`) means something only below them.
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

// In the models, loom plays the locks and watches the memory. The compiler calls it by this name.
#[cfg(test)]
extern crate lanes as std_in_models;
#[cfg(test)]
pub(crate) use std_in_models::{cell, sync};
