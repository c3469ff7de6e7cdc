//! Who accepts the clients of a slot: its own worker, or another one that covers for it.
//!
//! The kernel goes on giving a slot's socket its share of new clients, whatever has become of the worker. So every
//! worker holds every listening socket, and each slot has a word here that says why it needs cover, if it does:
//!
//! ```text
//!   bit       4        3      2      1       0
//!         +---------+------+------+-------+--------+     0: its worker accepts
//!         | Closing | Full | Full | Stuck | Absent |     else: others do, who hold its socket too
//!         +---------+------+------+-------+--------+
//!          the master seat 1 seat 0    the master
//! ```
//!
//! Whoever changes a word rings a bell that every worker hears, and who hears it looks at all words again
//! ([`SharedStats::watches`](crate::SharedStats::watches)). This file decides, and does nothing: sockets, bell and clock are the server's.

use crate::sync::atomic::AtomicU32;
use crate::sync::atomic::Ordering::{Acquire, Release};

/// Why a slot needs cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Nobody serves here: the worker is dead, or has not begun. Written by the master.
    Absent,
    /// The worker lives and does not accept. Written by the master.
    Stuck,
    /// The herd stops. Whoever can takes in the clients of all slots, for the last time. Written by the master.
    Closing,
    /// The worker of this seat has more to do than it can. Written by that worker; when it is dead, by the master.
    Full {
        /// 0 or 1.
        seat: usize,
    },
}

/// Why one slot needs cover at this moment, for all processes to read.
///
/// **Promise.** Every change is seen by whoever looks after the bell that is rung for it.
///
/// **States.** A set of reasons, one bit each. Empty: its own worker accepts.
///
/// **Who calls what.** Each bit has one writer (see [`Why`]). Anyone reads.
///
/// **Orderings.** A change is a read-modify-write with `Release`, a look is a load with `Acquire`. Two workers that
/// become full at once may each miss the other's bit. Both have rung, so both look again.
#[derive(Debug)]
#[repr(transparent)]
pub struct Cover(AtomicU32);

/// What one look at a [`Cover`] has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reasons(u32);

impl Cover {
    pub(crate) fn new() -> Cover {
        Cover(AtomicU32::new(0))
    }

    /// Enters a reason, or takes it back. Returns whether that has changed anything; then the caller rings the bell.
    #[must_use = "somebody must ring the bell"]
    pub fn set(&self, why: Why, holds: bool) -> bool {
        let bit = why.bit();
        let before = if holds { self.0.fetch_or(bit, Release) } else { self.0.fetch_and(!bit, Release) };
        (before & bit != 0) != holds
    }

    /// Whether somebody else has to accept here.
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

    /// Nobody at all accepts here, not even to refuse.
    fn is_deserted(self) -> bool {
        self.0 & (Why::Absent.bit() | Why::Stuck.bit()) != 0
    }
}

/// From which slots' sockets the worker of slot `own` is to accept, which has room for more or is `full`, while
/// the slots' reasons are these.
///
/// - One that has room accepts at home, and wherever cover is needed.
/// - One that is full leaves its socket to the others, as long as one of them has room.
/// - When nobody has room, everybody accepts at home, if only to refuse; and where nobody is at home, everybody does.
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
