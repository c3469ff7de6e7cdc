//! A queue with a fixed capacity, between any number of producers and consumers.
//!
//! Two semaphores count, and a third keeps the threads apart while they touch the circular buffer:
//!
//! ```text
//!   enqueue:   empty_slots.acquire()     mutex: push     filled_slots.release()
//!                                           |
//!                                           v
//!           [        |    a    |    b    |        |        ]     empty_slots 3, filled_slots 2
//!                         |
//!                         v
//!   dequeue:   filled_slots.acquire()    mutex: pop      empty_slots.release()
//! ```

use crate::guarded::Guarded;
use crate::ring::Ring;
use crate::semaphore::Semaphore;

/// First in, first out; blocks producers while it is full and consumers while it is empty; can be shut down.
///
/// **Promise.** Every accepted item is delivered once, to one consumer, in the order of acceptance, also
/// after [`shutdown`](Self::shutdown). There are never more than `capacity` items in it. A thread that waits
/// for a slot or an item is woken when there is one. Shutdown wakes every thread that waits, and none sleeps
/// after it.
///
/// **States.** Open or shut down, and some items. While it is open, and no thread is between two steps:
/// `empty_slots` + `filled_slots` = `capacity`, and `filled_slots` is the number of items. Shutting down adds
/// *one* permit to both that belongs to no slot: the closing bell. A producer that acquires a permit and then
/// finds the queue shut down, or a consumer that then finds no item, releases it again, for the next thread.
/// So the bell is passed on through all sleepers, however many there are, and it stays.
///
/// **Who calls what.** Any number of threads may call any function at once. The reception calls only
/// [`try_enqueue`](Self::try_enqueue), because only that never waits for a slot.
///
/// **Why the orderings are enough.** The buffer and the state are only touched under `mutex`. Whether the
/// queue is shut down is checked in the *same* critical section that pushes: a check before it would leave
/// time for a shutdown and for the last consumer to leave. A consumer that acquired a permit and finds no
/// item holds the bell: so the queue is shut down, no item can come any more, and it may return `None`. A
/// semaphore for slots is always acquired before `mutex` and never inside it: a thread that sleeps for a slot
/// while holding the mutex keeps out every thread that could free one.
///
/// **What loom checks:** all of the promise, with up to four producers and consumers, with a shutdown at
/// any moment up to the preemption bound. **What it cannot:** many items and many threads; the suite has those.
pub struct BoundedQueue<T> {
    /// Permits to push: one for each slot without an item.
    empty_slots: Semaphore,
    /// Permits to pop: one for each item.
    filled_slots: Semaphore,
    /// The third semaphore, `mutex`, is inside this.
    state: Guarded<State<T>>,
    capacity: usize,
}

struct State<T> {
    ring: Ring<T>,
    shut_down: bool,
}

impl<T> BoundedQueue<T> {
    /// An empty queue with room for `capacity` items. All memory it will ever use is allocated here.
    ///
    /// # Panics
    ///
    /// If `capacity` is 0: no item could ever get through.
    pub fn new(capacity: usize) -> BoundedQueue<T> {
        assert!(capacity > 0, "a queue needs room for at least one item");
        BoundedQueue {
            empty_slots: Semaphore::new(capacity),
            filled_slots: Semaphore::new(0),
            state: Guarded::new(State { ring: Ring::new(capacity), shut_down: false }),
            capacity,
        }
    }

    /// Adds an item; sleeps while the queue is full.
    ///
    /// # Errors
    ///
    /// The item itself, if the queue was shut down, before or while this thread slept.
    pub fn enqueue(&self, item: T) -> Result<(), T> {
        self.empty_slots.acquire();
        self.push_with_permit(item)
    }

    /// Adds an item if there is room now. It may wait while another thread pushes or pops, never for a slot.
    ///
    /// # Errors
    ///
    /// The item itself, and why it was not taken. If the queue is both full and shut down, the error is
    /// `ShutDown`.
    pub fn try_enqueue(&self, item: T) -> Result<(), Refused<T>> {
        if self.empty_slots.try_acquire() {
            return self.push_with_permit(item).map_err(Refused::ShutDown);
        }
        // Either no slot is free, or another thread holds the closing bell.
        if self.state.with(|state| state.shut_down) {
            Err(Refused::ShutDown(item))
        } else {
            Err(Refused::Full(item))
        }
    }

    /// Takes the oldest item; sleeps while the queue is empty. `None` once the queue is shut down *and*
    /// empty: then there will never be an item again.
    pub fn dequeue(&self) -> Option<T> {
        self.filled_slots.acquire();
        let item = self.state.with(|state| state.ring.pop());
        match item {
            Some(_) => self.empty_slots.release(),
            // This permit was the closing bell: pass it on.
            None => self.filled_slots.release(),
        }
        item
    }

    /// Refuses all further items and wakes every thread that waits. What is in the queue is still delivered.
    /// Shutting down again changes nothing.
    pub fn shutdown(&self) {
        self.state.with(|state| state.shut_down = true);
        // The closing bell. A second one does no harm: whoever receives it also has nothing to do.
        self.empty_slots.release();
        self.filled_slots.release();
    }

    /// How many items are in the queue; a moment later, it may be another number.
    pub fn len(&self) -> usize {
        self.state.with(|state| state.ring.len())
    }

    /// Whether [`len`](Self::len) is 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many items the queue has room for.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Pushes with a permit of `empty_slots`, or gives the permit back if the queue is shut down.
    fn push_with_permit(&self, item: T) -> Result<(), T> {
        let pushed = self.state.with(|state| {
            if state.shut_down {
                return Err(item);
            }
            state.ring.push(item);
            Ok(())
        });
        match pushed {
            Ok(()) => self.filled_slots.release(),
            // This permit may be the closing bell: pass it on.
            Err(_) => self.empty_slots.release(),
        }
        pushed
    }
}

/// Why [`BoundedQueue::try_enqueue`] did not take an item. It gives the item back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused<T> {
    /// There is no room now; there may be later.
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
