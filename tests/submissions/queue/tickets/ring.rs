//! Items in the order in which they came.
//!
//! Different from ours: the standard library's `VecDeque` is a circular buffer already.

use std::collections::VecDeque;

pub(crate) struct Ring<T>(VecDeque<T>, usize);

impl<T> Ring<T> {
    pub(crate) fn new(capacity: usize) -> Ring<T> {
        Ring(VecDeque::with_capacity(capacity), capacity)
    }

    pub(crate) fn push(&mut self, item: T) {
        assert!(self.len() < self.capacity(), "a push without a slot");
        self.0.push_back(item);
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        self.0.pop_front()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn capacity(&self) -> usize {
        self.1
    }
}
