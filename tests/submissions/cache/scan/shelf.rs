//! No order is kept: an eviction looks at the stamps of all entries. Hits are as cheap as they can be, but each
//! eviction is a walk over all entries.

use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};
use crate::{Change, Weigh};
use std::collections::HashMap;
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct Shelf<V> {
    capacity: usize,
    entries: HashMap<Arc<str>, Stamped<V>>,
    ticks: AtomicU64,
}

#[derive(Debug)]
struct Stamped<V> {
    value: Arc<V>,
    weight: usize,
    last_use: AtomicU64,
}

impl<V: Weigh> Shelf<V> {
    pub(crate) fn new(capacity: usize) -> Shelf<V> {
        Shelf { capacity, entries: HashMap::new(), ticks: AtomicU64::new(1) }
    }

    // ANCHOR: find
    pub(crate) fn find(&self, key: &str) -> Option<Arc<V>> {
        let stamped = self.entries.get(key)?;
        let now = self.ticks.fetch_add(1, Relaxed);
        stamped.last_use.fetch_max(now, Relaxed);
        Some(Arc::clone(&stamped.value))
    }
    // ANCHOR_END: find

    // ANCHOR: insert
    pub(crate) fn insert(&mut self, key: Arc<str>, value: Arc<V>) -> Change {
        let mut change = self.remove(&key);
        let weight = value.weight();
        if weight <= self.capacity {
            while self.bytes() > self.capacity - weight {
                let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.last_use.load(Relaxed));
                let victim = Arc::clone(oldest.expect("what weighs something is an entry").0);
                change.bytes_removed += self.remove(&victim).bytes_removed;
                change.evicted += 1;
            }
            let last_use = AtomicU64::new(self.ticks.fetch_add(1, Relaxed));
            self.entries.insert(key, Stamped { value, weight, last_use });
            change.bytes_added = weight;
            change.entries_added = 1;
        }
        change
    }
    // ANCHOR_END: insert

    pub(crate) fn remove(&mut self, key: &str) -> Change {
        match self.entries.remove(key) {
            Some(entry) => Change { bytes_removed: entry.weight, removed: 1, ..Change::default() },
            None => Change::default(),
        }
    }

    pub(crate) fn holds(&self, key: &str, value: &Arc<V>) -> bool {
        matches!(self.entries.get(key), Some(entry) if Arc::ptr_eq(&entry.value, value))
    }

    pub(crate) fn bytes(&self) -> usize {
        self.entries.values().map(|entry| entry.weight).sum()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }
}
