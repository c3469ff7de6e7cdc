//! A monitor: one mutex around everything, and a condition variable for each condition that threads wait for.
//!
//! Different from ours: no semaphore counts slots; the length of a `VecDeque` says whether there is room. Shutdown
//! needs no bell that is passed on, because it can wake all threads on both condition variables.

use crate::sync::{Condvar, Mutex, MutexGuard};
use std::collections::VecDeque;

/// First in, first out; blocks producers while it is full and consumers while it is empty; can be shut down.
pub struct BoundedQueue<T> {
    inside: Mutex<Inside<T>>,
    not_full: Condvar,
    not_empty: Condvar,
    capacity: usize,
}

struct Inside<T> {
    items: VecDeque<T>,
    open: bool,
}

impl<T> BoundedQueue<T> {
    /// An empty queue with room for `capacity` items.
    ///
    /// # Panics
    ///
    /// If `capacity` is 0.
    pub fn new(capacity: usize) -> BoundedQueue<T> {
        assert!(capacity > 0, "a queue needs room for at least one item");
        BoundedQueue {
            inside: Mutex::new(Inside { items: VecDeque::with_capacity(capacity), open: true }),
            not_full: Condvar::new(),
            not_empty: Condvar::new(),
            capacity,
        }
    }

    /// Adds an item; sleeps while the queue is full.
    ///
    /// # Errors
    ///
    /// The item itself, if the queue was shut down.
    pub fn enqueue(&self, item: T) -> Result<(), T> {
        let mut inside = self.enter();
        while inside.open && inside.items.len() == self.capacity {
            inside = self.not_full.wait(inside).unwrap();
        }
        if !inside.open {
            return Err(item);
        }
        inside.items.push_back(item);
        self.not_empty.notify_one();
        Ok(())
    }

    /// Adds an item if there is room now.
    ///
    /// # Errors
    ///
    /// The item itself, and why it was not taken.
    pub fn try_enqueue(&self, item: T) -> Result<(), Refused<T>> {
        let mut inside = self.enter();
        if !inside.open {
            Err(Refused::ShutDown(item))
        } else if inside.items.len() == self.capacity {
            Err(Refused::Full(item))
        } else {
            inside.items.push_back(item);
            self.not_empty.notify_one();
            Ok(())
        }
    }

    /// Takes the oldest item; sleeps while the queue is empty. `None` once it is shut down and empty.
    pub fn dequeue(&self) -> Option<T> {
        let mut inside = self.enter();
        loop {
            if let Some(item) = inside.items.pop_front() {
                self.not_full.notify_one();
                return Some(item);
            }
            if !inside.open {
                return None;
            }
            inside = self.not_empty.wait(inside).unwrap();
        }
    }

    /// Refuses all further items, and wakes every thread that waits.
    pub fn shutdown(&self) {
        self.enter().open = false;
        self.not_full.notify_all();
        self.not_empty.notify_all();
    }

    /// How many items are in the queue.
    pub fn len(&self) -> usize {
        self.enter().items.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many items the queue has room for.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    fn enter(&self) -> MutexGuard<'_, Inside<T>> {
        self.inside.lock().unwrap()
    }
}

/// Why [`BoundedQueue::try_enqueue`] did not take an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused<T> {
    /// There is no room now.
    #[error("the queue is full")]
    Full(T),
    /// There will never be room again.
    #[error("the queue is shut down")]
    ShutDown(T),
}

impl<T> Refused<T> {
    /// The item that was not taken.
    pub fn into_inner(self) -> T {
        match self {
            Refused::Full(item) | Refused::ShutDown(item) => item,
        }
    }
}
