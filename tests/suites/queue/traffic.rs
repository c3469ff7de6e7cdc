//! What a bounded queue must do between many threads.

use std::sync::Arc;

use queue::BoundedQueue;

use crate::watched::{Watched, start};
use verdict::test;

#[test]
fn a_full_queue_puts_the_producer_to_sleep() {
    let queue = Arc::new(BoundedQueue::new(1));
    enqueue(&queue, 1);
    let producer = enqueue_in_a_thread(&queue, 2);
    producer.wait_until_asleep();
    let len = start("len()", {
        let queue = queue.clone();
        move || queue.len()
    });
    assert_eq!(len.finish(), 1, "there is one slot; the second item waits with its producer");
    assert_eq!(dequeue(&queue), Some(1), "first in, first out");
    assert_eq!(producer.finish(), Ok(()), "the slot that came free is for the producer that waited");
    assert_eq!(dequeue(&queue), Some(2), "the second item was accepted");
}

#[test]
fn an_empty_queue_puts_the_consumers_to_sleep() {
    let queue = Arc::new(BoundedQueue::new(4));
    let consumers: Vec<_> = (0..2).map(|_| dequeue_in_a_thread(&queue)).collect();
    consumers.iter().for_each(Watched::wait_until_asleep);
    enqueue(&queue, 1);
    enqueue(&queue, 2);
    let mut taken: Vec<_> = consumers.into_iter().map(Watched::finish).collect();
    taken.sort();
    assert_eq!(taken, [Some(1), Some(2)], "two items wake two consumers");
}

#[test]
fn shutdown_wakes_every_sleeping_consumer() {
    let queue = Arc::new(BoundedQueue::<u32>::new(4));
    let consumers: Vec<_> = (0..5).map(|_| dequeue_in_a_thread(&queue)).collect();
    consumers.iter().for_each(Watched::wait_until_asleep);
    shutdown(&queue);
    for consumer in consumers {
        assert_eq!(consumer.finish(), None, "nothing was ever in the queue");
    }
}

#[test]
fn shutdown_wakes_every_sleeping_producer_and_gives_its_item_back() {
    let queue = Arc::new(BoundedQueue::new(1));
    enqueue(&queue, 0);
    let producers: Vec<_> = (1..=5).map(|item| enqueue_in_a_thread(&queue, item)).collect();
    producers.iter().for_each(Watched::wait_until_asleep);
    shutdown(&queue);
    for (producer, item) in producers.into_iter().zip(1..) {
        assert_eq!(producer.finish(), Err(item), "no slot ever came free, so the item was not accepted");
    }
    assert_eq!((dequeue(&queue), dequeue(&queue)), (Some(0), None), "only 0 was accepted");
}

#[test]
fn nothing_is_lost_doubled_or_overtaken_between_many_threads() {
    const THREADS: usize = 4;
    const ITEMS: usize = 1_000;
    let queue = Arc::new(BoundedQueue::new(8));
    let producers: Vec<_> = (0..THREADS)
        .map(|producer| {
            let queue = queue.clone();
            start("a producer", move || {
                for number in 0..ITEMS {
                    queue.enqueue((producer, number)).expect("the queue is open");
                }
            })
        })
        .collect();
    let consumers: Vec<_> = (0..THREADS)
        .map(|_| {
            let queue = queue.clone();
            start("a consumer", move || {
                let mut taken: Vec<Vec<usize>> = vec![Vec::new(); THREADS];
                while let Some((producer, number)) = queue.dequeue() {
                    taken[producer].push(number);
                    assert!(
                        queue.len() <= queue.capacity(),
                        "{} items in {} slots",
                        queue.len(),
                        queue.capacity()
                    );
                }
                taken
            })
        })
        .collect();
    producers.into_iter().for_each(Watched::finish);
    shutdown(&queue);
    let taken: Vec<_> = consumers.into_iter().map(Watched::finish).collect();
    for producer in 0..THREADS {
        let lists = taken.iter().map(|lists| &lists[producer]);
        for list in lists.clone() {
            assert!(list.is_sorted(), "one consumer got the items of one producer out of their order");
        }
        let mut all: Vec<_> = lists.flatten().copied().collect();
        all.sort();
        assert!(all.into_iter().eq(0..ITEMS), "each item of producer {producer} is delivered once");
    }
}

#[test]
fn what_was_accepted_is_delivered_wherever_shutdown_comes() {
    for round in 0..60 {
        let queue = Arc::new(BoundedQueue::new(2));
        let producers: Vec<_> = (0..3)
            .map(|_| {
                let queue = queue.clone();
                start("a producer", move || (0..).take_while(|&item| queue.enqueue(item).is_ok()).count())
            })
            .collect();
        let consumers: Vec<_> = (0..3)
            .map(|_| {
                let queue = queue.clone();
                start("a consumer", move || std::iter::from_fn(|| queue.dequeue()).count())
            })
            .collect();
        let stopper = start("the thread that shuts down", move || {
            let delivered = (0..round).filter(|_| queue.dequeue().is_some()).count();
            queue.shutdown();
            delivered
        });
        let accepted: usize = producers.into_iter().map(Watched::finish).sum();
        let delivered: usize = consumers.into_iter().chain([stopper]).map(Watched::finish).sum();
        assert_eq!(delivered, accepted, "items delivered and items accepted (shutdown in round {round})");
    }
}

/// Enqueues into an open queue with room. Like every call here that could hang, it runs in a separate thread.
#[track_caller]
pub fn enqueue<T: Send + 'static>(queue: &Arc<BoundedQueue<T>>, item: T) {
    assert!(enqueue_in_a_thread(queue, item).finish().is_ok(), "the queue is open and has room");
}

/// The same for `dequeue`.
#[track_caller]
pub fn dequeue<T: Send + 'static>(queue: &Arc<BoundedQueue<T>>) -> Option<T> {
    dequeue_in_a_thread(queue).finish()
}

#[track_caller]
fn shutdown<T: Send + 'static>(queue: &Arc<BoundedQueue<T>>) {
    let queue = queue.clone();
    start("shutdown()", move || queue.shutdown()).finish();
}

fn enqueue_in_a_thread<T: Send + 'static>(queue: &Arc<BoundedQueue<T>>, item: T) -> Watched<Result<(), T>> {
    let queue = queue.clone();
    start("the producer", move || queue.enqueue(item))
}

fn dequeue_in_a_thread<T: Send + 'static>(queue: &Arc<BoundedQueue<T>>) -> Watched<Option<T>> {
    let queue = queue.clone();
    start("the consumer", move || queue.dequeue())
}

/// Catches: slots that are announced by halves of the queue.
#[test]
fn one_free_slot_of_eight_is_for_a_producer_that_waits() {
    let queue = Arc::new(BoundedQueue::new(8));
    (0..8).for_each(|item| enqueue(&queue, item));
    let producer = enqueue_in_a_thread(&queue, 8);
    producer.wait_until_asleep();
    assert_eq!(dequeue(&queue), Some(0), "first in, first out");
    let answer =
        producer.finish_or("All 8 slots were full, and one item was taken out, so there is a slot for it.");
    assert_eq!(answer, Ok(()), "a slot came free, and a producer waited for one");
}

/// Catches: items that are announced by halves of the queue.
#[test]
fn one_item_of_eight_is_for_a_consumer_that_waits() {
    let queue = Arc::new(BoundedQueue::new(8));
    let consumer = dequeue_in_a_thread(&queue);
    consumer.wait_until_asleep();
    enqueue(&queue, 1);
    let item = consumer
        .finish_or("It waited in an empty queue of 8 slots, and one item was put in: that is for it.");
    assert_eq!(item, Some(1), "one item was put in, and the consumer waited for one");
}

/// Catches: a `try_enqueue` that only compares lengths, so that `enqueue` does not know of its item.
#[test]
fn what_try_enqueue_adds_takes_up_a_slot() {
    let queue = Arc::new(BoundedQueue::new(1));
    queue.try_enqueue(1).expect("there is room for one");
    let producer = start("a thread that calls enqueue(2) after try_enqueue(1) has filled the only slot", {
        let queue = queue.clone();
        move || queue.enqueue(2)
    });
    producer.wait_until_asleep();
    assert_eq!(dequeue(&queue), Some(1), "first in, first out");
    let answer = producer.finish_or("1 was taken out, so there is a slot for 2.");
    assert_eq!(answer, Ok(()), "1 was taken out, so there is a slot for 2");
}
