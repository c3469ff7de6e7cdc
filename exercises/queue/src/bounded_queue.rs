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
/// **Why is this enough?** That is for you to say, once it works.
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
        todo!("Lab 3.2: wait for an empty slot, push, announce a filled one")
    }

    /// Adds an item if there is room now. It may wait while another thread pushes or pops, never for a slot.
    ///
    /// # Errors
    ///
    /// The item itself, and why it was not taken. If the queue is both full and shut down, the error is
    /// `ShutDown`.
    pub fn try_enqueue(&self, item: T) -> Result<(), Refused<T>> {
        todo!("Lab 3.3: push if there is an empty slot now; else return the reason and the item")
    }

    /// Takes the oldest item; sleeps while the queue is empty. `None` once the queue is shut down *and*
    /// empty: then there will never be an item again.
    pub fn dequeue(&self) -> Option<T> {
        todo!("Lab 3.2: wait for a filled slot, pop, announce an empty one")
    }

    /// Refuses all further items and wakes every thread that waits. What is in the queue is still delivered.
    /// Shutting down again changes nothing.
    pub fn shutdown(&self) {
        todo!("Lab 3.4: refuse all further items, and wake every thread that waits, on both sides")
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
