//! The entries of the cache, and the order in which they would be evicted: the data behind the lock.
//!
//! ```text
//!   entries   "a" -> value, weight, queued 1, used 7        order   1 -> "a"
//!             "b" -> value, weight, queued 2, used 9                2 -> "b"
//!             "c" -> value, weight, queued 4, used 4                4 -> "c"
//! ```
//!
//! A list in the order of use would change with every hit, so every hit would need the write lock. Instead a hit only
//! stamps its entry with the next tick of a clock (`used`), and the order may lag behind. To find a victim, look at the
//! first entry in the order. If it was used since it was put there, move it to where it belongs, and look at the next.
//! If not, no entry was used less recently: every other entry is later in the order, and was used no earlier than its
//! place says.
//!
//! So the victim is exactly the least recently used one. An entry is moved at most once for each time it was used, and
//! moving costs O(log n).

use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};
use crate::{Change, Weigh};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The entries, and the order in which they would be evicted.
#[derive(Debug)]
pub(crate) struct Shelf<V> {
    capacity: usize,
    bytes: usize,
    entries: HashMap<Arc<str>, Entry<V>>,
    /// The key of every entry, by the tick that is the entry's place in the order.
    order: BTreeMap<u64, Arc<str>>,
    /// The next tick. Every tick is used once, so no two entries share a place in the order.
    clock: AtomicU64,
}

#[derive(Debug)]
struct Entry<V> {
    value: Arc<V>,
    weight: usize,
    /// Its key in `order`.
    queued: u64,
    /// When it was last used; never before `queued`.
    used: AtomicU64,
}

impl<V: Weigh> Shelf<V> {
    pub(crate) fn new(capacity: usize) -> Shelf<V> {
        let (entries, order) = (HashMap::new(), BTreeMap::new());
        Shelf { capacity, bytes: 0, entries, order, clock: AtomicU64::new(0) }
    }

    /// Finds a value and stamps it. The read lock is enough: clock and stamp are atomics.
    pub(crate) fn find(&self, key: &str) -> Option<Arc<V>> {
        todo!("Lab 4.1: find the value of a key")
    }

    /// Inserts a value, after making room for it. A value that is heavier than the capacity is not inserted.
    pub(crate) fn insert(&mut self, key: Arc<str>, value: Arc<V>) -> Change {
        todo!("Lab 4.1: insert a value with its weight, unless it is too heavy")
    }

    /// Removes an entry, if there is one.
    pub(crate) fn remove(&mut self, key: &str) -> Change {
        todo!("Lab 4.1: remove an entry, and subtract its weight")
    }

    /// Whether the entry of this key holds this very value.
    pub(crate) fn holds(&self, key: &str, value: &Arc<V>) -> bool {
        todo!("Lab 4.5: return whether the entry of this key holds this very value")
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// The key that was used least recently. Brings the front of the order up to date. The caller holds the write lock,
    /// so no stamp changes meanwhile.
    fn least_recently_used(&mut self) -> Option<Arc<str>> {
        todo!(
            "Lab 4.2: find the entry that was used least recently, and bring the front of the order up to date"
        )
    }
}
