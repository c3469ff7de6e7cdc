// Two promises of a queue. For each of them you write a model that fails if a queue breaks it.
//
// You do not know how the queue works inside, and each trial uses a different one: some are right, some are broken. It
// has these functions:
//
//     Queue::with_capacity(capacity)     an empty queue with room for `capacity` items; an item is a u32
//     queue.enqueue(item)                adds an item; sleeps while the queue is full
//     queue.try_enqueue(item)            adds an item if there is room now; true if it did
//     queue.dequeue()                    takes the oldest item; sleeps while the queue is empty
//
// A model is run once for each interleaving of its threads. It fails if a thread panics in one of them, or if there is
// one in which no thread can continue. This one says "an item that is put in comes out":
//
//     let queue = Arc::new(Queue::with_capacity(1));
//     let consumer = thread::spawn_named("consumer", {
//         let queue = queue.clone();
//         move || queue.dequeue()
//     });
//     queue.enqueue(7);
//     assert_eq!(consumer.join().unwrap(), 7);

use lanes::thread;
use prove::queue::Queue;
use std::sync::Arc;

/// **Promise.** Every item comes out once, and no consumer sleeps while an item waits.
pub fn no_consumer_sleeps_while_an_item_waits() {
    todo!("Lab 3.9: write a model: every item comes out once, and no consumer sleeps while an item waits")
}

/// **Promise.** No producer sleeps while a slot is free.
pub fn no_producer_sleeps_while_a_slot_is_free() {
    todo!("Lab 3.9: write a model: no producer sleeps while a slot is free")
}
