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
    pub(crate) fn push(&mut self, item: T) {
        todo!("Lab 3.2: put the item into the slot after the last one, wrapping around at the end")
    }

    /// Takes the oldest item out.
    pub(crate) fn pop(&mut self) -> Option<T> {
        todo!("Lab 3.2: take the oldest item out of its slot")
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn capacity(&self) -> usize {
        self.slots.len()
    }
}
