//! The roll: how a running herd gets a new configuration without losing a request.
//!
//! Workers never change their configuration; they are replaced by workers that were forked after it changed.
//! Every reload begins a new generation, and a roll continues until no worker is older than the last one:
//!
//! ```text
//!                slot 0             slot 1           slot 2
//!   reload       [old]    [   ]     [old]  [   ]     [old]  [   ]
//!   spawn        [old]    [new]     [old]  [   ]     [old]  [   ]     the old worker serves on
//!   ready        [leaves] [new]     [old]  [   ]     [old]  [   ]     it stops accepting, and drains
//!   spawn        [leaves] [new]     [old]  [new]     [old]  [   ]     slot 1 does not wait for it to be gone
//! ```
//!
//! So at most one slot at a time depends on an untested worker. A reload during a roll makes all workers old
//! once more.

use super::slot::{Post, Why};
use super::{Phase, Supervisor};
use crate::Note;
use std::time::Instant;

/// The rolling replacement of all workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Roll {
    /// No roll is in progress.
    Idle,
    /// The first slot with an old worker is next, as soon as it can be.
    Next,
    /// This seat's worker will replace the one in the other seat. After a later reload, its generation is
    /// old.
    Successor { slot: usize, seat: usize, generation: u64 },
}

impl Supervisor {
    /// Makes all workers old, if the herd runs, and starts a roll unless one is in progress.
    pub(super) fn reload(&mut self, now: Instant) {
        todo!(
            "Lab 6.5: if the herd runs: begin a generation, revive slots that were given up, and start a roll unless one is in progress"
        )
    }

    fn start_roll(&mut self) {
        self.roll = Roll::Next;
        self.note(Note::RollStarted);
    }

    /// Continues the roll when the previous slot is done.
    pub(super) fn roll_on(&mut self) {
        if self.roll == Roll::Next {
            self.replace_next();
        }
    }

    /// Forks a successor in the first slot that has an old worker, once it has a free seat. If no slot has an
    /// old worker, the roll is over.
    fn replace_next(&mut self) {
        todo!(
            "Lab 6.5: fork a successor for the first old worker, if its slot has a free seat; if no worker is old, the roll is finished"
        )
    }

    pub(super) fn is_successor(&self, slot: usize, seat: usize) -> bool {
        matches!(self.roll, Roll::Successor { slot: s, seat: t, .. } if (s, t) == (slot, seat))
    }

    /// The successor in this seat is ready: it gets the post, and its predecessor, if it is still there, is
    /// asked to leave.
    pub(super) fn hand_over(&mut self, now: Instant, slot: usize, seat: usize) {
        todo!(
            "Lab 6.5: give the post to the successor, ask the predecessor to leave, and continue with the next slot"
        )
    }

    /// Ends the roll if the failed worker in this seat was the successor.
    pub(super) fn abandon_roll_of(&mut self, slot: usize, seat: usize) {
        if let Roll::Successor { generation, .. } = self.roll
            && self.is_successor(slot, seat)
        {
            self.abandon_roll(slot, generation);
        }
    }

    /// The successor that was forked in this generation has failed, and no other is tried. A reload that came
    /// after it was forked begins another roll.
    fn abandon_roll(&mut self, slot: usize, generation: u64) {
        todo!(
            "Lab 6.5: end the roll and note it; if a reload came after the successor was forked, start another"
        )
    }
}
