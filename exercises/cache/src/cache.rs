//! The cache: the shelf behind a reader-writer lock, and the flights, which are loads in progress.

use crate::flight::Flight;
use crate::shelf::Shelf;
use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};
use crate::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use crate::{Change, Lookup, Weigh};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

/// Values by key, as many bytes of them as fit; the least recently used one is evicted first.
///
/// **Promise.**
/// - The weights of all entries together never exceed the capacity, not for an instant.
/// - Every look-up is counted, as a hit or as a miss. There are never more loads than misses.
/// - While a key is being loaded, no other thread loads it: threads that want it wait and share the result. If the load
///   fails or panics, one of them loads in its turn.
/// - A value that was handed out stays whole for as long as it is held, whatever leaves the cache meanwhile. The cache
///   itself keeps no reference to a value that has left it.
///
/// **States.** A key is absent, in flight, or present. It goes from absent to in flight to present; from in flight to
/// absent if its load fails or its value is too heavy; from present to absent when it is evicted or removed.
///
/// **Who calls what.** Any thread calls any function. Only `get_or_load` may wait for a load, and it runs the caller's
/// own closure with no lock held. `Weigh::weight` and the drop of a value that leaves the cache run under the lock, so
/// they must not use this cache.
///
/// **Why is this enough?** That is for you to say, once it works.
///
/// **What loom checks:** all of it but the panics. **What it cannot:** that the reader-writer lock is fair; long runs.
#[derive(Debug)]
pub struct Cache<V> {
    inside: RwLock<Inside<V>>,
    hits: AtomicU64,
    misses: AtomicU64,
    loads: AtomicU64,
    evictions: AtomicU64,
}

#[derive(Debug)]
struct Inside<V> {
    shelf: Shelf<V>,
    /// Keys that are being loaded.
    flights: HashMap<Arc<str>, Arc<Flight<V>>>,
}

/// The counters of the cache, and its contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Look-ups that found a value.
    pub hits: u64,
    /// Look-ups that did not, including those that joined another thread's load.
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

impl<V: Weigh> Cache<V> {
    /// An empty cache that holds at most `capacity` bytes.
    pub fn new(capacity: usize) -> Cache<V> {
        Cache {
            inside: RwLock::new(Inside { shelf: Shelf::new(capacity), flights: HashMap::new() }),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            loads: AtomicU64::new(0),
            evictions: AtomicU64::new(0),
        }
    }

    /// The value of a key that is present. Takes the read lock only. A hit is counted; a miss is not, because the
    /// caller is expected to continue with [`get_or_load`](Self::get_or_load), which counts it.
    pub fn get(&self, key: &str) -> Option<Arc<V>> {
        todo!("Lab 4.1: find a value under the read lock, and count the hit")
    }

    /// The value of a key, loaded with `load` if it is absent. A value that is heavier than the capacity is returned
    /// but not kept.
    ///
    /// `load` runs without any lock, so it may take its time; it must not ask this cache for the same key, because then
    /// it would wait for itself. Two loads that ask for each other's keys would wait for each other.
    ///
    /// # Errors
    /// The error of `load`, to the caller whose `load` it was. Of the threads that waited for it, one loads in its
    /// turn.
    pub fn get_or_load<E>(
        &self,
        key: &str,
        load: impl FnOnce() -> Result<V, E>,
    ) -> Result<(Arc<V>, Lookup), E> {
        todo!("Lab 4.1: find the value, or count the miss, load it without any lock, and keep it")
    }

    /// Removes an entry, but only if it still holds this very value: a newer one that another thread has just loaded
    /// stays.
    pub fn remove_if_same(&self, key: &str, value: &Arc<V>) -> Change {
        todo!("Lab 4.5: remove an entry, but only if it still holds this very value")
    }

    /// The counts so far. The counters are read one after the other, while other threads may change them: a load can be
    /// in them before its miss.
    pub fn counts(&self) -> Counts {
        let (entries, bytes, capacity) = {
            let inside = self.read();
            (inside.shelf.len(), inside.shelf.bytes(), inside.shelf.capacity())
        };
        Counts {
            hits: self.hits.load(Relaxed),
            misses: self.misses.load(Relaxed),
            loads: self.loads.load(Relaxed),
            evictions: self.evictions.load(Relaxed),
            entries,
            bytes,
            capacity,
        }
    }
}

impl<V> Cache<V> {
    // A poisoned lock is no problem: if `Weigh::weight` panics, nothing has changed yet.
    fn read(&self) -> RwLockReadGuard<'_, Inside<V>> {
        self.inside.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inside<V>> {
        self.inside.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a flight exactly once: with a value, or, when dropped, without one.
struct Landing<'c, V> {
    cache: &'c Cache<V>,
    key: &'c str,
    flight: Arc<Flight<V>>,
    landed: bool,
}

impl<V: Weigh> Landing<'_, V> {
    /// Inserts the value and wakes the waiters. The flight is removed under the same write lock that inserts the value,
    /// so no thread finds neither and loads again.
    fn with(mut self, value: Arc<V>) -> Change {
        todo!("Lab 4.4: insert the value and remove the flight in one step, then land it")
    }
}

impl<V> Drop for Landing<'_, V> {
    fn drop(&mut self) {
        todo!("Lab 4.4: if there was no value, remove the flight, and then land it without one")
    }
}
