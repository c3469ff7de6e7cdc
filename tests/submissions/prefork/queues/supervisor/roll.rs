//! The roll, as a queue of the slots that it has not reached yet.

use super::slot::{Place, Post, Why};
use super::{Phase, Supervisor};
use crate::Note;
use std::collections::VecDeque;
use std::time::Instant;

/// The rolling replacement of all workers.
#[derive(Debug, Default)]
pub(super) struct Roll {
    under_way: bool,
    /// The slots that are still to come.
    queue: VecDeque<usize>,
    /// The slot and the seat of the successor.
    successor: Option<(usize, usize)>,
    /// A reload came during this roll.
    again: bool,
}

impl Supervisor {
    pub(super) fn reload(&mut self, now: Instant) {
        if self.phase != Phase::Running {
            return;
        }
        for slot in &mut self.slots {
            slot.revive(now);
        }
        if self.roll.under_way {
            self.roll.again = true;
        } else {
            self.start_roll();
        }
    }

    fn start_roll(&mut self) {
        // An empty slot will get a new worker anyway.
        let old = |&slot: &usize| self.slots[slot].successors_place() != Place::NotNeeded;
        let queue = (0..self.slots.len()).filter(old).collect();
        self.roll = Roll { under_way: true, queue, successor: None, again: false };
        self.note(Note::RollStarted);
    }

    fn end_roll(&mut self, note: Note) {
        self.note(note);
        self.roll.under_way = false;
        if self.roll.again {
            self.start_roll();
        }
    }

    pub(super) fn roll_on(&mut self) {
        while self.roll.under_way && self.roll.successor.is_none() {
            let Some(&slot) = self.roll.queue.front() else {
                self.end_roll(Note::RollFinished);
                continue;
            };
            match self.slots[slot].successors_place() {
                Place::NotYet => return,
                Place::NotNeeded => {}
                Place::Seat(seat) => {
                    self.roll.successor = Some((slot, seat));
                    self.spawn(slot, seat, Why::Reload);
                }
            }
            self.roll.queue.pop_front();
        }
    }

    pub(super) fn is_successor(&self, slot: usize, seat: usize) -> bool {
        self.roll.successor == Some((slot, seat))
    }

    pub(super) fn hand_over(&mut self, now: Instant, slot: usize, seat: usize) {
        self.slots[slot].post = Post::Held { seat };
        self.terminate(slot, 1 - seat, now + self.policy.drain);
        self.roll.successor = None;
    }

    pub(super) fn abandon_roll_of(&mut self, slot: usize, seat: usize) {
        if self.is_successor(slot, seat) {
            self.roll.successor = None;
            self.end_roll(Note::RollAbandoned { slot });
        }
    }
}
