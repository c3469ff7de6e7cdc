//! Entries in a plain vector, in the order of insertion; the order of use is worked out only when room must be made.

use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};
use crate::{Change, Weigh};
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct Shelf<V> {
    capacity: usize,
    rows: Vec<Row<V>>,
    uses: AtomicU64,
}

#[derive(Debug)]
struct Row<V> {
    key: Arc<str>,
    value: Arc<V>,
    weight: usize,
    used: AtomicU64,
}

impl<V: Weigh> Shelf<V> {
    pub(crate) fn new(capacity: usize) -> Shelf<V> {
        Shelf { capacity, rows: Vec::new(), uses: AtomicU64::new(0) }
    }

    fn row(&self, key: &str) -> Option<usize> {
        self.rows.iter().position(|row| *row.key == *key)
    }

    pub(crate) fn find(&self, key: &str) -> Option<Arc<V>> {
        let row = &self.rows[self.row(key)?];
        row.used.fetch_max(1 + self.uses.fetch_add(1, Relaxed), Relaxed);
        Some(row.value.clone())
    }

    pub(crate) fn insert(&mut self, key: Arc<str>, value: Arc<V>) -> Change {
        let mut change = self.remove(&key);
        let weight = value.weight();
        if weight > self.capacity {
            return change;
        }
        self.rows.sort_by_key(|row| std::cmp::Reverse(row.used.load(Relaxed)));
        while self.bytes() + weight > self.capacity {
            let Some(last) = self.rows.pop() else { break };
            change.bytes_removed += last.weight;
            change.evicted += 1;
        }
        let used = AtomicU64::new(1 + self.uses.fetch_add(1, Relaxed));
        self.rows.push(Row { key, value, weight, used });
        Change { bytes_added: weight, entries_added: 1, ..change }
    }

    pub(crate) fn remove(&mut self, key: &str) -> Change {
        let Some(row) = self.row(key) else { return Change::default() };
        let row = self.rows.swap_remove(row);
        Change { bytes_removed: row.weight, removed: 1, ..Change::default() }
    }

    pub(crate) fn holds(&self, key: &str, value: &Arc<V>) -> bool {
        self.row(key).is_some_and(|row| Arc::ptr_eq(&self.rows[row].value, value))
    }

    pub(crate) fn bytes(&self) -> usize {
        self.rows.iter().map(|row| row.weight).sum()
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }
}
