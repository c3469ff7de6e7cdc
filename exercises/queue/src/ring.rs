//! A circular buffer: a row of slots that is filled and emptied round and round, so that no item ever moves.
//!
//! ```text
//!   slots    [  d  |     |     |  a  |  b  |  c  ]      capacity 6, length 4
//!                     ^           ^
//!                 next push    oldest
//! ```

/// Items in the order in which they came, in a fixed number of slots. It knows nothing of threads.
pub(crate) struct Ring<T> {
    /// `Some` in the `length` slots from `oldest` on, going round at the end; `None` in all others.
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
    /// # Panics
    ///
    /// If no slot is empty. The caller must know, and not ask.
    pub(crate) fn push(&mut self, item: T) {
        todo!("Lab 3.2: put the item into the slot behind the last one, going round at the end")
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
