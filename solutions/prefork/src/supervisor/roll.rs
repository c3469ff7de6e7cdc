//! The roll: how a running herd gets a new configuration without losing a request.
//!
//! Workers never change their configuration; they are replaced by workers that were forked after it changed.
//! Every reload begins a new generation, and a roll goes on until no worker is older than the last one:
//!
//! ```text
//!                slot 0             slot 1           slot 2
//!   reload       [old]    [   ]     [old]  [   ]     [old]  [   ]
//!   spawn        [old]    [new]     [old]  [   ]     [old]  [   ]     the old worker serves on
//!   ready        [leaves] [new]     [old]  [   ]     [old]  [   ]     it stops accepting, and drains
//!   spawn        [leaves] [new]     [old]  [new]     [old]  [   ]     slot 1 does not wait for it to be gone
//! ```
//!
//! So at most one slot is in doubt at any time. A reload during a roll makes all workers old once more.

use super::slot::Why;
use super::{Phase, Supervisor};
use crate::Note;
use std::time::Instant;

/// The rolling replacement of all workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Roll {
    /// None is under way.
    Idle,
    /// The first slot with an old worker is next, as soon as it can be.
    Next,
    /// This seat's worker will replace its neighbour. A later reload leaves its generation behind.
    Successor { slot: usize, seat: usize, generation: u64 },
}

impl Supervisor {
    pub(super) fn reload(&mut self, now: Instant) {
        if self.phase != Phase::Running {
            return;
        }
        self.generation += 1;
        for slot in &mut self.slots {
            slot.revive(now);
        }
        if self.roll == Roll::Idle {
            self.start_roll();
        }
    }

    fn start_roll(&mut self) {
        self.roll = Roll::Next;
        self.note(Note::RollStarted);
    }

    /// Goes on with the roll when the slot before is done and the next one has a free seat.
    pub(super) fn roll_on(&mut self) {
        if self.roll != Roll::Next {
            return;
        }
        let Some(slot) = self.slots.iter().position(|slot| slot.is_older_than(self.generation)) else {
            self.roll = Roll::Idle;
            self.note(Note::RollFinished);
            return;
        };
        if let Some(seat) = self.slots[slot].seat_for_successor() {
            self.roll = Roll::Successor { slot, seat, generation: self.generation };
            self.spawn(slot, seat, Why::Reload);
        }
    }

    pub(super) fn is_successor(&self, slot: usize, seat: usize) -> bool {
        matches!(self.roll, Roll::Successor { slot: s, seat: t, .. } if (s, t) == (slot, seat))
    }

    /// Ends the roll if this seat's failed worker was the successor; a reload that came meanwhile begins
    /// another.
    pub(super) fn abandon_roll_of(&mut self, slot: usize, seat: usize) {
        let Roll::Successor { generation, .. } = self.roll else { return };
        if self.is_successor(slot, seat) {
            self.roll = Roll::Idle;
            self.note(Note::RollAbandoned { slot });
            if generation < self.generation {
                self.start_roll();
            }
        }
    }
}
