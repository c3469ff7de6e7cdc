//! A circular buffer: slots that are filled and emptied in turn, so that no item ever moves.
//!
//! ```text
//!   slots    [  d  |     |     |  a  |  b  |  c  ]      capacity 6, length 4
//!                     ^           ^
//!                 next push    oldest
//! ```

/// Items in the order in which they came, in a fixed number of slots. It knows nothing about threads.
pub(crate) struct Ring<T> {
    /// `Some` in the `length` slots from `oldest` on, wrapping around at the end; `None` in all others.
    slots: Box<[Option<T>]>,
    oldest: usize,
    length: usize,
}

impl<T> Ring<T> {
    pub(crate) fn new(capacity: usize) -> Ring<T> {
        Ring { slots: (0..capacity).map(|_| None).collect(), oldest: 0, length: 0 }
    }

    /// Adds an item behind the others.
    ///
    /// The caller must hold a permit for an empty slot. Such a permit means that there is an empty slot, so a push
    /// never waits and never refuses an item. A push without a permit is a mistake in the code of the queue, not in
    /// the code that uses the queue, so an assertion may check it.
    // ANCHOR: push_and_pop
    pub(crate) fn push(&mut self, item: T) {
        assert!(self.length < self.capacity(), "a push without an empty slot");
        let end = (self.oldest + self.length) % self.capacity();
        self.slots[end] = Some(item);
        self.length += 1;
    }

    /// Takes the oldest item out.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let item = self.slots[self.oldest].take()?;
        self.oldest = (self.oldest + 1) % self.capacity();
        self.length -= 1;
        Some(item)
    }
    // ANCHOR_END: push_and_pop

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn capacity(&self) -> usize {
        self.slots.len()
    }
}
