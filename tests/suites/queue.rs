//! What the `queue` part must do, with real threads. The models try every interleaving of a few; here are
//! many threads, many items, and what an operating system adds.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use queue::{BoundedQueue, Inbox, Refused, Semaphore};

mod watched;
use watched::{Watched, start};

// ---- Semaphore
// -------------------------------------------------------------------------------------------------

#[test]
fn a_semaphore_gives_out_the_permits_it_was_made_with() {
    let one_thread = start("a thread that never needs to wait", || {
        let semaphore = Semaphore::new(2);
        assert_eq!(semaphore.permits(), 2, "Semaphore::new(2) has 2 permits");
        assert!(semaphore.try_acquire(), "the first of 2 permits is there");
        semaphore.acquire();
        assert!(!semaphore.try_acquire(), "both permits are out, so try_acquire returns false");
        assert_eq!(semaphore.permits(), 0, "both permits are out");
        semaphore.release();
        assert!(semaphore.try_acquire(), "one permit came back");
    });
    one_thread.finish();
}

#[test]
fn acquire_sleeps_until_a_release() {
    let semaphore = Arc::new(Semaphore::new(0));
    let sleeper = start("the thread that acquires", {
        let semaphore = semaphore.clone();
        move || semaphore.acquire()
    });
    sleeper.wait_until_asleep();
    semaphore.release();
    sleeper.finish();
    assert_eq!(semaphore.permits(), 0, "the released permit was acquired");
}

#[test]
fn each_release_wakes_a_sleeper() {
    let semaphore = Arc::new(Semaphore::new(0));
    let inside = Arc::new(AtomicUsize::new(0));
    let sleepers: Vec<_> = (0..4)
        .map(|_| {
            let (semaphore, inside) = (semaphore.clone(), inside.clone());
            start("a thread that acquires", move || {
                semaphore.acquire();
                inside.fetch_add(1, Ordering::SeqCst);
            })
        })
        .collect();
    sleepers.iter().for_each(Watched::wait_until_asleep);
    for released in 1..=4 {
        let before = inside.load(Ordering::SeqCst);
        assert!(before < released, "{before} threads have a permit, and only {} were released", released - 1);
        semaphore.release();
    }
    sleepers.into_iter().for_each(Watched::finish);
}

#[test]
fn never_more_threads_are_inside_than_there_are_permits() {
    const PERMITS: usize = 3;
    let shared = Arc::new((Semaphore::new(PERMITS), AtomicUsize::new(0)));
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let shared = shared.clone();
            start("a thread that acquires and releases", move || {
                let (semaphore, inside) = &*shared;
                for _ in 0..1_000 {
                    semaphore.acquire();
                    let now = 1 + inside.fetch_add(1, Ordering::SeqCst);
                    assert!(now <= PERMITS, "{now} threads have a permit of a semaphore with {PERMITS}");
                    std::thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                    semaphore.release();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(Watched::finish);
    assert_eq!(shared.0.permits(), PERMITS, "every permit came back");
}

// ---- BoundedQueue, one thread
// ----------------------------------------------------------------------------------

#[test]
fn a_queue_can_be_shared_by_threads_if_its_items_can_be_sent() {
    fn assert_shared<T: Send + Sync>() {}
    // A `Cell` can be sent but not shared, which is all that a queue may ask for.
    assert_shared::<BoundedQueue<Cell<u32>>>();
    assert_shared::<Inbox<Cell<u32>>>();
}

#[test]
#[should_panic]
fn a_queue_without_room_is_refused() {
    drop(BoundedQueue::<u32>::new(0));
}

/// Every sequence of twelve steps, each of which enqueues or dequeues, beside a `VecDeque` that does the
/// same. So the ends of the circular buffer meet in all possible places.
#[test]
fn it_does_what_a_double_ended_queue_does() {
    // Twelve steps, each of which enqueues or dequeues, in all orders: so the ends of the circular buffer
    // meet in all possible places.
    let all_orders = start("a thread that enqueues and dequeues", || {
        (0..1 << STEPS).for_each(compare_with_a_double_ended_queue);
    });
    all_orders.finish();
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
    let refusal = refusal.finish().expect_err("the queue has one slot, and it was taken");
    assert_eq!(refusal, Refused::Full("second"), "the queue is full, not shut down");
    assert_eq!(refusal.to_string(), "the queue is full");
    assert_eq!(refusal.into_inner(), "second", "the item comes back to who offered it");
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
    assert_eq!(taken.finish(), [Some(1), Some(2), None, None], "1 and 2 were accepted before the shutdown");
}

#[test]
fn a_queue_that_is_shut_down_takes_nothing_whether_full_or_not() {
    let answers = start("the producer", || {
        let queue = BoundedQueue::new(1);
        queue.enqueue(1).expect("the queue is open");
        queue.shutdown();
        let full = [queue.enqueue(2), queue.try_enqueue(2).map_err(Refused::into_inner)];
        let why_full = queue.try_enqueue(2);
        queue.shutdown();
        queue.dequeue().expect("1 was accepted before the shutdown");
        let empty = [queue.enqueue(3), queue.try_enqueue(3).map_err(Refused::into_inner)];
        (full, why_full, empty, queue.try_enqueue(3))
    });
    let (full, why_full, empty, why_empty) = answers.finish();
    assert_eq!(full, [Err(2), Err(2)], "full and shut down: the item comes back, at once");
    assert_eq!(why_full, Err(Refused::ShutDown(2)), "full and shut down: there will never be room again");
    assert_eq!(empty, [Err(3), Err(3)], "empty and shut down: the item comes back, at once");
    assert_eq!(why_empty, Err(Refused::ShutDown(3)), "empty and shut down");
    assert_eq!(why_empty.unwrap_err().to_string(), "the queue is shut down");
}

#[test]
fn the_queue_lets_go_of_what_it_has_delivered_and_drops_the_rest() {
    let item = Arc::new(());
    let queue = Arc::new(BoundedQueue::new(4));
    for _ in 0..3 {
        enqueue(&queue, item.clone());
    }
    drop(dequeue(&queue));
    assert_eq!(
        Arc::strong_count(&item),
        3,
        "two are in the queue and one is here; the delivered one is gone"
    );
    drop(queue);
    assert_eq!(Arc::strong_count(&item), 1, "what is left in a queue is dropped with it");
}

// ---- BoundedQueue, many threads
// --------------------------------------------------------------------------------

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
    const ITEMS: usize = 5_000;
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
    for round in 0..200 {
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

/// Enqueues into an open queue with room. Like everything here that could hang, in a thread of its own.
#[track_caller]
fn enqueue<T: Send + 'static>(queue: &Arc<BoundedQueue<T>>, item: T) {
    assert!(enqueue_in_a_thread(queue, item).finish().is_ok(), "the queue is open and has room");
}

#[track_caller]
fn dequeue<T: Send + 'static>(queue: &Arc<BoundedQueue<T>>) -> Option<T> {
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

// ---- Inbox
// -----------------------------------------------------------------------------------------------------

#[test]
fn only_the_first_item_asks_for_the_bell() {
    let inbox = Inbox::default();
    assert!(inbox.put("a"), "the inbox was empty: the caller must ring");
    assert!(!inbox.put("b"), "the inbox was not empty: the bell has been rung for `a`");
    let mut taken = vec!["already here"];
    inbox.take_all(&mut taken);
    assert_eq!(taken, ["already here", "a", "b"], "take_all adds what was put, in its order");
    assert!(inbox.put("c"), "after take_all the inbox is empty again: the caller must ring");
}

#[test]
fn the_inbox_lets_go_of_what_was_taken() {
    let inbox = Inbox::new();
    let item = Arc::new(());
    let _ = inbox.put(item.clone());
    let mut taken = Vec::new();
    inbox.take_all(&mut taken);
    inbox.take_all(&mut taken);
    assert_eq!(taken.len(), 1, "an item is taken once");
    drop(taken);
    assert_eq!(Arc::strong_count(&item), 1, "the inbox keeps nothing of what was taken");
}

#[test]
fn a_reception_that_sleeps_between_the_rings_gets_everything() {
    const THREADS: usize = 4;
    const ITEMS: usize = 5_000;
    let inbox = Arc::new(Inbox::new());
    let bell = Arc::new((Mutex::new(false), Condvar::new()));
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (inbox, bell) = (inbox.clone(), bell.clone());
            start("a thread of the pool", move || {
                for number in 0..ITEMS {
                    if inbox.put((thread, number)) {
                        *bell.0.lock().unwrap() = true;
                        bell.1.notify_one();
                    }
                }
            })
        })
        .collect();
    let reception = start("the reception", move || {
        let mut taken = Vec::new();
        while taken.len() < THREADS * ITEMS {
            let rung = bell.0.lock().unwrap();
            *bell.1.wait_while(rung, |rung| !*rung).unwrap() = false;
            inbox.take_all(&mut taken);
        }
        taken
    });
    let taken = reception.finish();
    threads.into_iter().for_each(Watched::finish);
    for thread in 0..THREADS {
        let numbers = taken.iter().filter(|item| item.0 == thread).map(|item| item.1);
        assert!(numbers.eq(0..ITEMS), "each item of thread {thread} was taken once, in its order");
    }
}
