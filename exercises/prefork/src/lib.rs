//! Part 6: what a prefork master needs, except its loop.
//!
//! A master owns the listening sockets, forks one worker for each, and from then on only waits for signals
//! and for its children. It never touches a client. It has three parts, and none of them sleeps or forks:
//!
//! ```text
//!                       signal handler --note--> Mailbox --take--+
//!                                                (mailbox.rs)    v
//!   waitpid, fork, clock ------------------------------------> Event --handle--> Supervisor --> Action
//!                                                             (orders.rs)      (supervisor.rs)    |
//!   ListeningSocket, one for each worker <------------- fork, kill, settle, log, exit <-----------+
//!   (socket.rs)
//! ```
//!
//! The loop in the middle belongs to the server. It is short, and its order matters:
//!
//! 1. sleep until the bell rings, or until [`Supervisor::deadline`];
//! 2. clear the bell, **then** [`Mailbox::take`]: in the other order, the master sleeps through a notice that
//!    comes between the two;
//! 3. for [`Notice::ChildExited`], reap until waitpid(2) has no more: two deaths may ring once;
//! 4. give every event to [`Supervisor::handle`], and do the actions that it returns, in their order.

// Before the other modules, so that none of their macros (`macro_use`) can replace one in here.
#[cfg(test)]
#[path = "../../../tests/models/prefork.rs"]
mod models;

mod mailbox;
mod orders;
mod socket;
mod supervisor;

pub use mailbox::{Mailbox, Notice, Notices};
pub use nix::unistd::Pid;
pub use orders::{Action, CANNOT_START, DONE, Event, Exit, MASTER_GONE, Note, Policy};
pub use socket::ListeningSocket;
pub use supervisor::{ABORTED_WITHIN, FAILED_STARTS, FIRST_PAUSE, HEALTHY_AFTER, LONGEST_PAUSE, Supervisor};

// Compiler errors show this name.
#[cfg(test)]
extern crate lanes as std_in_models;
#[cfg(not(test))]
pub(crate) use std::sync;
#[cfg(test)]
pub(crate) use std_in_models::sync;
