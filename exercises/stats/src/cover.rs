//! Which worker accepts the clients of a slot: its own, or another one that covers for it.
//!
//! The kernel continues to give a slot's socket its share of new clients, whatever happens to the worker. So every
//! worker holds every listening socket, and each slot has a word here that says why it needs cover, if it does:
//!
//! ```text
//!   bit       4        3      2      1       0
//!         +---------+------+------+-------+--------+     0: its worker accepts
//!         | Closing | Full | Full | Stuck | Absent |     else: others accept, from the same socket
//!         +---------+------+------+-------+--------+
//!          the master seat 1 seat 0    the master
//! ```
//!
//! A process that changes a word rings a bell that wakes every worker, and each worker reads all words again
//! ([`SharedStats::watches`](crate::SharedStats::watches)). This file only decides: the server has the sockets, the
//! bell and the clock.

use crate::sync::atomic::AtomicU32;
use crate::sync::atomic::Ordering::{Acquire, Release};

/// Why a slot needs cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// No worker serves here: it is dead, or has not begun. Written by the master.
    Absent,
    /// The worker is alive but does not accept. Written by the master.
    Stuck,
    /// The herd stops. Every worker that can accepts the clients of all slots, for the last time. Written by the
    /// master.
    Closing,
    /// The worker of this seat is overloaded. Written by that worker, or by the master when it is dead.
    Full {
        /// 0 or 1.
        seat: usize,
    },
}

/// Why one slot needs cover at this moment, for all processes to read.
///
/// **Promise.** A change is visible to every process that reads after the bell was rung for it.
///
/// **States.** A set of reasons, one bit each. Empty: its own worker accepts.
///
/// **Who calls what.** Each bit has one writer (see [`Why`]). Any process reads.
///
/// **Why is this enough?** That is for you to say, once it works.
#[derive(Debug)]
#[repr(transparent)]
pub struct Cover(AtomicU32);

/// The reasons found in one read of a [`Cover`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reasons(u32);

impl Cover {
    pub(crate) fn new() -> Cover {
        Cover(AtomicU32::new(0))
    }

    /// Sets a reason, or clears it. Returns whether that changed anything; if so, the caller must ring the bell.
    #[must_use = "the caller must ring the bell"]
    pub fn set(&self, why: Why, holds: bool) -> bool {
        let bit = why.bit();
        let before = if holds { self.0.fetch_or(bit, Release) } else { self.0.fetch_and(!bit, Release) };
        (before & bit != 0) != holds
    }

    /// Whether other workers must accept here.
    pub fn is_needed(&self) -> bool {
        self.reasons().any()
    }

    /// Whether the herd stops.
    pub fn is_closing(&self) -> bool {
        self.reasons().0 & Why::Closing.bit() != 0
    }

    pub(crate) fn reasons(&self) -> Reasons {
        Reasons(self.0.load(Acquire))
    }
}

impl Why {
    fn bit(self) -> u32 {
        match self {
            Why::Absent => 1 << 0,
            Why::Stuck => 1 << 1,
            Why::Full { seat } => 1 << (2 + seat),
            Why::Closing => 1 << 4,
        }
    }
}

impl Reasons {
    fn any(self) -> bool {
        self.0 != 0
    }

    /// Whether this slot's worker does not accept at all, not even to refuse.
    fn is_deserted(self) -> bool {
        self.0 & (Why::Absent.bit() | Why::Stuck.bit()) != 0
    }
}

/// From which slots' sockets the worker of slot `own` must accept, given the slots' `reasons`, and whether this worker
/// is `full` or has room for more.
///
/// - A worker with room accepts from its own socket, and wherever cover is needed.
/// - A full worker leaves its socket to the others, as long as one of them has room.
/// - When no worker has room, each accepts from its own socket, if only to refuse; and all accept from sockets whose
///   own worker is absent or stuck.
pub(crate) fn watches(own: usize, full: bool, reasons: &[Reasons]) -> Vec<bool> {
    let someone_has_room = reasons.iter().any(|reasons| !reasons.any());
    let watched = |(slot, reasons): (usize, &Reasons)| match (slot == own, full) {
        (true, false) => true,
        (false, false) => reasons.any(),
        (true, true) => !someone_has_room,
        (false, true) => !someone_has_room && reasons.is_deserted(),
    };
    reasons.iter().enumerate().map(watched).collect()
}
