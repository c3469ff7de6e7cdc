//! The stop flag: how a signal reaches code that sleeps.
//!
//! A signal handler may do almost nothing (signal-safety(7)): set a flag, and write to a descriptor. A thread
//! that sleeps in poll(2) sees no flag; a thread that works sees no descriptor. So a stop needs both:
//!
//! ```text
//!   signal handler                        a thread
//!   --------------                        --------
//!   1. requested := true                  works:  asks `is_requested()` between two requests
//!   2. ring the bell     ---------------> sleeps: in poll, on its socket and on the bell; wakes, asks, sees true
//! ```
//!
//! This is the self-pipe trick (D. J. Bernstein), with the pipe behind the [`Bell`].

use crate::sync::atomic::{AtomicBool, Ordering};

/// Something that wakes every thread that sleeps on it. It stays rung: a thread that tries to sleep on it later does
/// not sleep. The server's bell is an eventfd(2) that is never read.
pub trait Bell {
    /// Wakes all sleepers, now and later. Called from a signal handler, so it may do only what signal-safety(7)
    /// lists.
    fn ring(&self);
}

/// A request to stop, made at most once and never taken back.
///
/// **Promise.** A stop request is never missed: a thread that the bell wakes sees the flag, and a thread that does not
/// see the flag has the bell still ahead.
///
/// **States.** `false`: running. `true`: a stop was requested. There is no way back.
///
/// **Who calls what.** Any thread or signal handler calls any function. Nothing here blocks or locks.
///
/// **Why is this enough?** That is for you to say, once it works.
///
/// **What loom checks:** all of the above. **What it cannot:** that the real bell is safe in a signal handler.
#[derive(Debug)]
pub struct StopFlag<B> {
    requested: AtomicBool,
    bell: B,
}

impl<B: Bell> StopFlag<B> {
    /// A flag that is not raised, with the bell that will wake the sleepers.
    pub fn new(bell: B) -> StopFlag<B> {
        StopFlag { requested: AtomicBool::new(false), bell }
    }

    /// Requests the stop and wakes all sleepers. `true` for the first request, `false` for every later one.
    pub fn request(&self) -> bool {
        todo!("Lab 1.5: raise the flag, ring the bell, and return whether this was the first request")
    }

    /// Whether a stop was requested.
    pub fn is_requested(&self) -> bool {
        todo!(
            "Lab 1.5: return whether a stop was requested; a thread that sees it also sees what was written before it"
        )
    }

    /// The bell, for threads that sleep on it.
    pub fn bell(&self) -> &B {
        &self.bell
    }
}
