//! Items in the order in which they came.
//!
//! Different from ours: two counters that only grow. Their difference is the length, and a counter modulo the capacity
//! is an index.

pub(crate) struct Ring<T> {
    slots: Vec<Option<T>>,
    pushed: usize,
    popped: usize,
}

impl<T> Ring<T> {
    pub(crate) fn new(capacity: usize) -> Ring<T> {
        let mut slots = Vec::new();
        slots.resize_with(capacity, || None);
        Ring { slots, pushed: 0, popped: 0 }
    }

    pub(crate) fn push(&mut self, item: T) {
        let slot = self.pushed % self.slots.len();
        let before = self.slots[slot].replace(item);
        assert!(before.is_none(), "a push into a slot that is taken");
        self.pushed += 1;
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        let slot = self.popped % self.slots.len();
        let item = self.slots[slot].take()?;
        self.popped += 1;
        Some(item)
    }

    pub(crate) fn len(&self) -> usize {
        self.pushed - self.popped
    }
}
