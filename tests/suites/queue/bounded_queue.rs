//! What a bounded queue must do for one thread at a time.

use std::cell::Cell;
use std::collections::VecDeque;

use queue::{BoundedQueue, Inbox, Refused};

use crate::allocations::allocations;
use crate::watched::{sleeps_in, start};
use verdict::test;

#[test]
fn a_queue_can_be_shared_by_threads_if_its_items_can_be_sent() {
    fn assert_shared<T: Send + Sync>() {}
    // A `Cell` is `Send` but not `Sync`, and a queue may not require more.
    assert_shared::<BoundedQueue<Cell<u32>>>();
    assert_shared::<Inbox<Cell<u32>>>();
}

#[test]
#[should_panic]
fn a_queue_without_room_is_refused() {
    drop(BoundedQueue::<u32>::new(0));
}

/// Catches: a buffer that grows; a node for each item.
#[test]
fn a_queue_has_all_its_memory_when_it_is_made() {
    // The first call of a function may allocate for other reasons: a line in a log, for example.
    let [_, asked] = [(); 2].map(|()| {
        let queue = BoundedQueue::new(8);
        allocations(|| {
            for item in 0..100 {
                (0..8).for_each(|_| assert_eq!(queue.enqueue(item), Ok(())));
                (0..8).for_each(|_| assert_eq!(queue.dequeue(), Some(item)));
            }
        })
    });
    assert_eq!(
        asked, 0,
        "800 items went through 8 slots, 8 at a time. How often enqueue and dequeue asked for memory, although the queue \
         gets all its memory in `new`"
    );
}

/// Every sequence of twelve steps, each of which enqueues or dequeues, compared with a `VecDeque`.
#[test]
fn it_does_what_a_double_ended_queue_does() {
    // Twelve steps, each of which enqueues or dequeues, in all orders: so the ends of the circular buffer
    // meet in all possible places.
    let all_orders = start("a thread that enqueues and dequeues", || {
        (0..1 << STEPS).for_each(compare_with_a_double_ended_queue);
    });
    all_orders
        .finish_or("It dequeues only while the queue holds an item that was accepted, so it need not wait.");
}

const STEPS: u32 = 12;

/// Bit `step` of `order` says what that step does: 0 enqueues, 1 dequeues.
fn compare_with_a_double_ended_queue(order: u32) {
    let queue = BoundedQueue::new(3);
    let mut expected = VecDeque::new();
    for step in 0..STEPS {
        let context = format!("after {expected:?}, in step {step} of {order:012b}, from the right");
        if order >> step & 1 == 0 {
            let answer = queue.try_enqueue(step);
            if expected.len() < 3 {
                assert_eq!(answer, Ok(()), "there is room for 3 ({context})");
                expected.push_back(step);
            } else {
                assert_eq!(answer, Err(Refused::Full(step)), "there is room for 3 ({context})");
            }
        } else if let Some(oldest) = expected.pop_front() {
            assert_eq!(queue.dequeue(), Some(oldest), "the oldest comes out first ({context})");
        }
        assert_eq!(queue.len(), expected.len(), "len() ({context})");
        assert_eq!(queue.is_empty(), expected.is_empty(), "is_empty() ({context})");
    }
    assert_eq!(queue.capacity(), 3, "capacity() is what `new` was given");
}

#[test]
fn a_full_queue_refuses_without_blocking() {
    let refusal = start("try_enqueue", || {
        let queue = BoundedQueue::new(1);
        queue.try_enqueue("first").expect("there is room for one");
        queue.try_enqueue("second")
    });
    let refusal = refusal.finish_or("try_enqueue must never wait for a slot: a full queue refuses the item.");
    let refusal = refusal.expect_err("the queue has one slot, and it was taken");
    assert_eq!(
        refusal,
        Refused::Full("second"),
        "the queue is full, not shut down, and the item that comes back is the one that was offered"
    );
    assert_eq!(refusal.into_inner(), "second", "the item comes back to the thread that offered it");
}

#[test]
fn what_is_queued_is_delivered_after_shutdown_and_then_comes_the_end() {
    let taken = start("the consumer", || {
        let queue = BoundedQueue::new(3);
        queue.enqueue(1).expect("the queue is open");
        queue.enqueue(2).expect("the queue is open");
        queue.shutdown();
        [queue.dequeue(), queue.dequeue(), queue.dequeue(), queue.dequeue()]
    });
    let taken = taken.finish_or(
        "It puts two items in, shuts the queue down, and calls dequeue four times. None of them may wait: first come the \
         items, then None, again and again.",
    );
    assert_eq!(
        taken,
        [Some(1), Some(2), None, None],
        "1 and 2 were accepted before the shutdown; then comes the end, however often a thread asks"
    );
}

#[test]
fn a_queue_that_is_shut_down_takes_nothing_whether_full_or_not() {
    let producer = start("the producer", || {
        let queue = BoundedQueue::new(1);
        queue.shutdown();
        assert_eq!(
            queue.enqueue(1),
            Err(1),
            "an empty queue that is shut down takes nothing: the item comes back"
        );
        let refusal = queue.try_enqueue(1);
        assert_eq!(refusal, Err(Refused::ShutDown(1)), "an empty queue that is shut down says so");
        queue.shutdown();
        assert_eq!(queue.enqueue(1), Err(1), "a queue that was shut down twice takes nothing, either");
        let queue = BoundedQueue::new(1);
        queue.enqueue(1).expect("the queue is open");
        queue.shutdown();
        assert_eq!(
            queue.enqueue(2),
            Err(2),
            "a full queue that is shut down takes nothing: the item comes back"
        );
        let refusal = queue.try_enqueue(2);
        assert_eq!(refusal, Err(Refused::ShutDown(2)), "full and shut down: there will never be room again");
        assert_eq!(queue.dequeue(), Some(1), "1 was accepted before the shutdown");
        assert_eq!(queue.enqueue(3), Err(3), "a slot came free after the shutdown, and it stays empty");
    });
    producer.finish_or(
        "It calls enqueue after the shutdown. Whether the queue is full or not, it must come back at once.",
    );
}

/// Catches: places in the buffer, or a length, that are counted in 8 or 16 bits.
#[test]
fn any_number_of_items_goes_through_three_slots() {
    let many = start("a thread that enqueues and dequeues", || {
        let queue = BoundedQueue::new(3);
        // Two items are always inside, so that they span each place where a number could wrap around.
        queue.enqueue(0).unwrap();
        queue.enqueue(1).unwrap();
        for item in 2..70_000 {
            queue.enqueue(item).unwrap();
            assert_eq!(queue.dequeue(), Some(item - 2), "of three items, the oldest comes out first");
        }
    });
    many.finish_or(
        "It holds at most three items at a time, so it need not wait for a slot; nor for an item.",
    );
}

/// Catches: a number of items that is counted in 8 bits.
#[test]
fn three_hundred_items_fit_into_three_hundred_slots() {
    const SLOTS: u32 = 300;
    let many = start("a thread that enqueues and dequeues", || {
        let queue = BoundedQueue::new(SLOTS as usize);
        (0..SLOTS).for_each(|item| assert_eq!(queue.enqueue(item), Ok(()), "there is room for {SLOTS}"));
        (0..SLOTS).for_each(|item| assert_eq!(queue.dequeue(), Some(item), "the oldest comes out first"));
    });
    many.finish_or("There is room for 300 items, and it enqueues 300, so it need not wait for a slot.");
}

/// Catches: a closing bell that is rung a fixed number of times, instead of once and passed on.
#[test]
fn the_end_stays_the_end_however_often_a_thread_asks() {
    const TIMES: u32 = 10_000;
    let ends = start("a thread that asks a queue again and again after its end", || {
        let queue = BoundedQueue::new(1);
        queue.shutdown();
        (0..TIMES).for_each(|item| assert_eq!(queue.enqueue(item), Err(item), "the queue is shut down"));
        (0..TIMES).for_each(|_| assert_eq!(queue.dequeue(), None, "the queue is shut down and empty"));
    });
    ends.finish_or("No call may wait: the queue is shut down.");
}

/// A few sleeps may come from tools such as sanitizers, but not one for each try.
#[test]
fn a_thread_that_tries_does_not_sleep() {
    let tries = start("the thread that tries", || {
        let queue = BoundedQueue::new(1);
        queue.enqueue(1).unwrap();
        sleeps_in(|| (0..100).for_each(|_| assert_eq!(queue.try_enqueue(2), Err(Refused::Full(2)))))
    });
    let sleeps = tries.finish();
    assert!(sleeps < 50, "try_enqueue must never sleep, and it slept in most of 100 tries");
}
