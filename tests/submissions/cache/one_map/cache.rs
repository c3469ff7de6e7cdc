//! One map for both: a key is being loaded or present. So no entry must be moved from one map to the other, and a key
//! cannot be in both.

use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Condvar, Mutex, RwLock};
use crate::{Change, Lookup, Weigh};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Debug)]
pub struct Cache<V> {
    table: RwLock<Table<V>>,
    capacity: usize,
    clock: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
    loads: AtomicU64,
    evictions: AtomicU64,
}

#[derive(Debug)]
struct Table<V> {
    slots: BTreeMap<String, Slot<V>>,
    bytes: usize,
}

#[derive(Debug)]
enum Slot<V> {
    OnItsWay(Arc<Delivery<V>>),
    Here { value: Arc<V>, weight: usize, used: AtomicU64 },
}

/// A load that threads wait for. The outer option: whether it has ended; the inner one: its value, if it has one.
#[derive(Debug)]
struct Delivery<V> {
    ended: Mutex<Option<Option<Arc<V>>>>,
    bell: Condvar,
}

/// The counters of the cache, and its contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Look-ups that found a value.
    pub hits: u64,
    /// Look-ups that did not.
    pub misses: u64,
    /// Loads that were begun.
    pub loads: u64,
    /// Entries evicted so far, to make room.
    pub evictions: u64,
    /// Entries at this moment.
    pub entries: usize,
    /// Their weights together.
    pub bytes: usize,
    /// The limit that `bytes` never exceeds.
    pub capacity: usize,
}

impl<V> Delivery<V> {
    fn end(&self, value: Option<Arc<V>>) {
        *self.ended.lock().unwrap() = Some(value);
        self.bell.notify_all();
    }

    fn wait(&self) -> Option<Arc<V>> {
        let mut ended = self.ended.lock().unwrap();
        while ended.is_none() {
            ended = self.bell.wait(ended).unwrap();
        }
        ended.clone().expect("it has just been looked at")
    }
}

impl<V> Table<V> {
    fn take(&mut self, key: &str) -> usize {
        match self.slots.remove(key) {
            Some(Slot::Here { weight, .. }) => {
                self.bytes -= weight;
                weight
            }
            _ => 0,
        }
    }

    fn oldest(&self) -> Option<String> {
        let here = self.slots.iter().filter_map(|(key, slot)| match slot {
            Slot::Here { used, .. } => Some((used.load(Ordering::Relaxed), key)),
            Slot::OnItsWay(_) => None,
        });
        here.min().map(|(_, key)| key.clone())
    }
}

impl<V: Weigh> Cache<V> {
    /// An empty cache that holds at most `capacity` bytes.
    pub fn new(capacity: usize) -> Cache<V> {
        Cache {
            table: RwLock::new(Table { slots: BTreeMap::new(), bytes: 0 }),
            capacity,
            clock: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            loads: AtomicU64::new(0),
            evictions: AtomicU64::new(0),
        }
    }

    fn stamp(&self, used: &AtomicU64) {
        used.fetch_max(self.clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
    }

    /// The value of a key that is present.
    pub fn get(&self, key: &str) -> Option<Arc<V>> {
        let table = self.table.read().unwrap();
        let Some(Slot::Here { value, used, .. }) = table.slots.get(key) else { return None };
        self.stamp(used);
        self.hits.fetch_add(1, Ordering::Relaxed);
        Some(value.clone())
    }

    /// The value of a key, loaded if it is absent.
    pub fn get_or_load<E>(
        &self,
        key: &str,
        load: impl FnOnce() -> Result<V, E>,
    ) -> Result<(Arc<V>, Lookup), E> {
        if let Some(value) = self.get(key) {
            return Ok((value, Lookup::Hit));
        }
        let mut missed = false;
        let delivery = loop {
            let mut table = self.table.write().unwrap();
            let waiting_for = match table.slots.get(key) {
                Some(Slot::Here { value, used, .. }) => {
                    self.stamp(used);
                    let value = value.clone();
                    if missed {
                        return Ok((value, Lookup::Joined));
                    }
                    self.hits.fetch_add(1, Ordering::Relaxed);
                    return Ok((value, Lookup::Hit));
                }
                Some(Slot::OnItsWay(delivery)) => Some(delivery.clone()),
                None => None,
            };
            if !missed {
                missed = true;
                self.misses.fetch_add(1, Ordering::Relaxed);
            }
            match waiting_for {
                Some(delivery) => {
                    drop(table);
                    if let Some(value) = delivery.wait() {
                        return Ok((value, Lookup::Joined));
                    }
                }
                None => {
                    let delivery = Arc::new(Delivery { ended: Mutex::new(None), bell: Condvar::new() });
                    table.slots.insert(key.to_owned(), Slot::OnItsWay(delivery.clone()));
                    break delivery;
                }
            }
        };
        self.loads.fetch_add(1, Ordering::Relaxed);
        let promise = Promise { cache: self, key, delivery: Some(delivery) };
        let value = Arc::new(load()?);
        let change = promise.keep(value.clone());
        Ok((value, Lookup::Miss(change)))
    }

    /// Removes an entry, but only if it still holds this very value.
    pub fn remove_if_same(&self, key: &str, value: &Arc<V>) -> Change {
        let mut table = self.table.write().unwrap();
        match table.slots.get(key) {
            Some(Slot::Here { value: here, .. }) if Arc::ptr_eq(here, value) => {
                Change { bytes_removed: table.take(key), removed: 1, ..Change::default() }
            }
            _ => Change::default(),
        }
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        let table = self.table.read().unwrap();
        let entries = table.slots.values().filter(|slot| matches!(slot, Slot::Here { .. })).count();
        let bytes = table.bytes;
        drop(table);
        Counts {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            loads: self.loads.load(Ordering::Relaxed),
            evictions: self.evictions.load(Ordering::Relaxed),
            entries,
            bytes,
            capacity: self.capacity,
        }
    }
}

/// An announced load: it ends with a value, or without one if this is dropped.
struct Promise<'c, V: Weigh> {
    cache: &'c Cache<V>,
    key: &'c str,
    delivery: Option<Arc<Delivery<V>>>,
}

impl<V: Weigh> Promise<'_, V> {
    fn keep(mut self, value: Arc<V>) -> Change {
        let weight = value.weight();
        let mut change = Change::default();
        let mut table = self.cache.table.write().unwrap();
        table.slots.remove(self.key);
        if weight <= self.cache.capacity {
            while table.bytes + weight > self.cache.capacity {
                let victim = table.oldest().expect("what weighs something is here");
                change.bytes_removed += table.take(&victim);
                change.evicted += 1;
            }
            let used = AtomicU64::new(self.cache.clock.fetch_add(1, Ordering::Relaxed));
            table.bytes += weight;
            table.slots.insert(self.key.to_owned(), Slot::Here { value: value.clone(), weight, used });
            change.bytes_added = weight;
            change.entries_added = 1;
        }
        drop(table);
        self.cache.evictions.fetch_add(change.evicted as u64, Ordering::Relaxed);
        self.delivery.take().expect("it ends once").end(Some(value));
        change
    }
}

impl<V: Weigh> Drop for Promise<'_, V> {
    fn drop(&mut self) {
        if let Some(delivery) = self.delivery.take() {
            self.cache.table.write().unwrap().slots.remove(self.key);
            delivery.end(None);
        }
    }
}
