//! The mailbox: how a signal handler tells the master's loop what happened.
//!
//! A handler interrupts the program between any two instructions, so it may take no lock, allocate nothing
//! and call almost nothing (signal-safety(7)). What it can do is set one bit of one word:
//!
//! ```text
//!   bit        3            2       1      0
//!         +-------------+--------+------+---------+
//!         | ChildExited | Reload | Stop | StopNow |    note: sets a bit      take: all bits, leaving 0
//!         +-------------+--------+------+---------+
//! ```
//!
//! A bit cannot count. Ten children may exit before the master looks, and leave one notice. Signals cannot
//! count either: pending signals of one kind merge in the kernel (signal(7)). So a notice says "look", never
//! "once".

use crate::sync::atomic::{AtomicU32, Ordering};

/// Notices left for the master, by signal handlers or by any other code.
///
/// **Promise.** A notice is never lost: every `note` is seen by exactly one later `take`, together with all
/// the same notices left since the previous `take`. A thread that sees it also sees everything that was
/// written before it was left.
///
/// **States.** A set of notices, one bit each. Empty is zero.
///
/// **Who calls what.** Any thread or signal handler calls `note`, also a handler that has interrupted `note`
/// or `take`: it is a single atomic operation. The master's loop calls `take`, after it has cleared the bell
/// that woke it. In the other order, the ring of a notice that arrives between the two is cleared, and the
/// notice waits until another one rings.
///
/// **Why is this enough?** That is for you to say, once it works.
///
/// **What loom checks:** all of the above, with threads instead of handlers. **What it cannot:** that nothing
/// here is forbidden in a handler. The suite interrupts a busy thread for that.
#[derive(Debug)]
pub struct Mailbox {
    notices: AtomicU32,
}

/// What may have happened, in the order in which a master should answer.
///
/// Notices that end the herd come first, so that a death that is noticed together with a stop does not lead
/// to a new worker that must be stopped immediately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Notice {
    /// Stop without waiting for any worker (`SIGQUIT`).
    StopNow = 1 << 0,
    /// Stop after the requests in flight (`SIGTERM`, `SIGINT`).
    Stop = 1 << 1,
    /// Replace the workers one by one (`SIGHUP`).
    Reload = 1 << 2,
    /// At least one child exited (`SIGCHLD`): reap until no dead child is left.
    ChildExited = 1 << 3,
}

/// What one [`Mailbox::take`] found: a set of notices, and an iterator over it in the order of [`Notice`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notices(u32);

impl Mailbox {
    /// An empty mailbox. `const`, because the only thing a signal handler can reach is a static.
    #[cfg(not(test))]
    pub const fn new() -> Mailbox {
        Mailbox { notices: AtomicU32::new(0) }
    }

    /// An empty mailbox for the models, whose atomics cannot be made at compile time.
    #[cfg(test)]
    pub fn new() -> Mailbox {
        Mailbox { notices: AtomicU32::new(0) }
    }

    /// Leaves a notice. Safe in a signal handler; the caller rings the master's bell afterwards.
    pub fn note(&self, notice: Notice) {
        todo!("Lab 6.1: set the bit of this notice, and leave the others as they are")
    }

    /// Takes all notices out.
    pub fn take(&self) -> Notices {
        todo!("Lab 6.1: take all bits, and leave none")
    }
}

impl Default for Mailbox {
    fn default() -> Mailbox {
        Mailbox::new()
    }
}

impl Notice {
    const ALL: [Notice; 4] = [Notice::StopNow, Notice::Stop, Notice::Reload, Notice::ChildExited];
}

impl Notices {
    /// Whether this notice is among them.
    pub fn contains(&self, notice: Notice) -> bool {
        self.0 & notice as u32 != 0
    }

    /// Whether there is none: the bell rang for something that an earlier `take` had already found.
    pub fn is_empty(&self) -> bool {
        self.0 == 0
    }
}

impl Iterator for Notices {
    type Item = Notice;

    fn next(&mut self) -> Option<Notice> {
        todo!(
            "Lab 6.1: return the first notice of the set, in the order of `Notice`, and remove it from the set"
        )
    }
}
