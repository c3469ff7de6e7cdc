//! What the course promises of a queue, and its own tests do not try.

use queue::BoundedQueue;
use verdict::test;

#[test]
fn a_queue_of_100_000_slots_takes_100_000_items() {
    const SLOTS: u32 = 100_000;
    let queue = BoundedQueue::new(SLOTS as usize);
    for item in 0..SLOTS {
        assert!(queue.try_enqueue(item).is_ok(), "there is a slot for item {item} of {SLOTS}");
    }
    assert!(queue.try_enqueue(SLOTS).is_err(), "{SLOTS} items fill {SLOTS} slots");
    for item in 0..SLOTS {
        assert_eq!(queue.dequeue(), Some(item), "items come out in the order in which they went in");
    }
}
