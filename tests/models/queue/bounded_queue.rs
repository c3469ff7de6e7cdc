//! Models of the bounded queue.

use std::sync::Arc;

use lanes::sync::Mutex;
use lanes::{Model, Run, thread};

use super::join;
use crate::{BoundedQueue, Refused};
use verdict::test;

/// Catches: `mutex` acquired before `empty_slots` or before `filled_slots` (then a sleeping thread keeps out the one
/// that would wake it); a dequeue that does not release `empty_slots`; a buffer that returns the newest item first, or
/// does not wrap around.
#[test]
fn items_come_out_in_the_order_in_which_they_went_in() {
    let outcomes = ["none waits", "1 waits", "2 wait"];
    Model::new("first in, first out, also through a queue that is too small").outcomes(&outcomes).check(
        move |run| {
            let queue = Arc::new(BoundedQueue::new(2));
            let source = queue.clone();
            let producer = thread::spawn_named("producer", move || {
                (1..=4).for_each(|item| {
                    source.enqueue(item).expect("enqueue refused an item of a queue that is not shut down")
                });
            });
            run.outcome(outcomes.get(queue.len()).unwrap_or(&"more than fit"));
            let taken: Vec<_> = (1..=4)
                .map(|_| queue.dequeue().expect("dequeue said None of a queue that is not shut down"))
                .collect();
            producer.join().unwrap();
            assert_eq!(
                taken,
                [1, 2, 3, 4],
                "one producer enqueued 1, 2, 3, 4 and one consumer dequeued them"
            );
        },
    );
}

/// Catches: a queue with one slot more than its capacity; an enqueue that does not acquire `empty_slots`.
#[test]
fn a_full_queue_keeps_the_producer_waiting() {
    Model::new("there are never more items than slots")
        .outcomes(&["still waiting", "a slot came free"])
        .check(|run| {
            let queue = Arc::new(BoundedQueue::new(1));
            queue.enqueue(1).expect("the queue is open");
            let enqueued = Arc::new(Mutex::new(false));
            let (source, done) = (queue.clone(), enqueued.clone());
            let producer = thread::spawn_named("producer", move || {
                source.enqueue(2).expect("the queue is full, but open, so enqueue waits");
                *done.lock().unwrap() = true;
            });
            assert!(
                !*enqueued.lock().unwrap(),
                "a second item was accepted into one slot that no consumer had emptied"
            );
            assert_eq!(queue.dequeue(), Some(1), "the first item is the first to come out");
            run.outcome(if *enqueued.lock().unwrap() { "a slot came free" } else { "still waiting" });
            producer.join().unwrap();
            assert_eq!(queue.dequeue(), Some(2), "the second item got the slot that the first had left");
        });
}

/// Catches: a `mutex` with two permits, or none at all (loom reports a data race on the buffer).
#[test]
fn producers_do_not_meet_in_the_buffer() {
    Model::new("one thread at a time touches the buffer").outcomes(&["1 first", "2 first"]).check(|run| {
        let queue = Arc::new(BoundedQueue::new(2));
        let producers = [1, 2].map(|item| enqueue_in_a_thread(&queue, item));
        assert!(join(producers).iter().all(Result::is_ok), "there was room for both");
        let taken = (queue.dequeue(), queue.dequeue());
        run.outcome(match taken {
            (Some(1), Some(2)) => "1 first",
            (Some(2), Some(1)) => "2 first",
            _ => panic!("1 and 2 went in, {taken:?} came out"),
        });
    });
}

/// Two consumers sleep, and two items come one after the other, each by a different call.
///
/// Catches: an item that wakes a consumer only if the queue was empty before. The first item wakes one consumer, which
/// may not have taken it yet when the second item goes in.
#[test]
fn two_items_wake_two_consumers() {
    for tries_first in [false, true] {
        Model::new("two items wake two consumers").preemption_bound(2).outcomes(&["one each"]).check(
            move |run| {
                let queue = Arc::new(BoundedQueue::new(2));
                let consumers = ["consumer 1", "consumer 2"].map(|name| {
                    let queue = queue.clone();
                    thread::spawn_named(name, move || queue.dequeue())
                });
                if tries_first {
                    queue.try_enqueue(1).expect("there is room for 2");
                    queue.enqueue(2).expect("no thread shuts the queue down");
                } else {
                    queue.enqueue(1).expect("no thread shuts the queue down");
                    queue.try_enqueue(2).expect("there is room for 2");
                }
                let mut taken = join(consumers);
                taken.sort();
                assert_eq!(taken, [Some(1), Some(2)], "two items went in, and two consumers took one each");
                run.outcome("one each");
            },
        );
    }
}

/// The mirror image: two producers sleep, and two slots come free.
///
/// Catches: a free slot that wakes a producer only if the queue was full before.
#[test]
fn two_free_slots_wake_two_producers() {
    Model::new("two free slots wake two producers").preemption_bound(2).outcomes(&["both in"]).check(|run| {
        let queue = Arc::new(BoundedQueue::new(2));
        queue.enqueue(1).expect("there is room for 2");
        queue.enqueue(2).expect("there is room for 2");
        let producers = [3, 4].map(|item| enqueue_in_a_thread(&queue, item));
        let taken = [queue.dequeue(), queue.dequeue()];
        assert_eq!(taken, [Some(1), Some(2)], "the oldest come out first");
        assert_eq!(join(producers), [Ok(()), Ok(())], "no thread shuts the queue down");
        run.outcome("both in");
    });
}

/// Catches: a `try_enqueue` that gives up because another thread came between its check and its push.
#[test]
fn two_threads_that_try_for_two_slots_get_one_each() {
    Model::new("two threads that try for two slots get one each").outcomes(&["both in"]).check(|run| {
        let queue = Arc::new(BoundedQueue::new(2));
        let other = {
            let queue = queue.clone();
            thread::spawn_named("other", move || queue.try_enqueue(2))
        };
        let own = queue.try_enqueue(1);
        assert_eq!((own, other.join().unwrap()), (Ok(()), Ok(())), "there was a slot for each of the two");
        run.outcome("both in");
    });
}

/// A producer may have the permit of the only slot, and not have pushed yet.
///
/// Catches: a `try_enqueue` that looks at the length and pushes, and takes its permit afterwards.
#[test]
fn a_producer_that_waits_and_one_that_tries_do_not_share_a_slot() {
    Model::new("a producer that waits and one that tries do not share a slot")
        .outcomes(&["main was refused", "both went in"])
        .check(|run| {
            let queue = Arc::new(BoundedQueue::new(1));
            let producer = enqueue_in_a_thread(&queue, 1);
            let tried = queue.try_enqueue(2);
            let mut expected = vec![1];
            expected.extend(tried.is_ok().then_some(2));
            let mut taken: Vec<u32> = expected.iter().filter_map(|_| queue.dequeue()).collect();
            taken.sort();
            assert_eq!(taken, expected, "each item that went in comes out once");
            assert!(join([producer]).iter().all(Result::is_ok), "no thread shut the queue down");
            run.outcome(if tried.is_ok() { "both went in" } else { "main was refused" });
        });
}

/// The widest model: at most two preemptions, but two producers and two consumers, and more items than slots.
///
/// Catches: `if` instead of `while` in the semaphore; a forgotten release of `filled_slots` or `empty_slots`.
#[test]
fn each_item_goes_to_one_consumer() {
    Model::new("nothing is lost and nothing doubled between two producers and two consumers")
        .preemption_bound(2)
        .outcomes(&["main got 1", "main got 2"])
        .check(|run| {
            let queue = Arc::new(BoundedQueue::new(1));
            let producers = [1, 2].map(|item| enqueue_in_a_thread(&queue, item));
            let consumer = {
                let queue = queue.clone();
                thread::spawn_named("consumer", move || queue.dequeue())
            };
            let mut taken = [queue.dequeue(), consumer.join().unwrap()];
            run.outcome(if taken[0] == Some(1) { "main got 1" } else { "main got 2" });
            taken.sort();
            assert_eq!(taken, [Some(1), Some(2)], "1 and 2 went in, so each comes out once");
            assert!(join(producers).iter().all(Result::is_ok), "no thread shut the queue down");
            assert!(queue.is_empty(), "two items went in and two came out");
        });
}

/// Catches: a shutdown that wakes nobody, or forgets `filled_slots`; a consumer that keeps the permit that
/// shutdown added, so that the other sleeps on.
#[test]
fn shutdown_wakes_two_sleeping_consumers() {
    Model::new("shutdown wakes every consumer").outcomes(&["all told"]).check(|run| {
        let queue = Arc::new(BoundedQueue::<u32>::new(1));
        let consumers = ["consumer 1", "consumer 2"].map(|name| {
            let queue = queue.clone();
            thread::spawn_named(name, move || queue.dequeue())
        });
        queue.shutdown();
        assert_eq!(
            join(consumers),
            [None, None],
            "nothing was ever enqueued, so there is nothing to deliver"
        );
        run.outcome("all told");
    });
}

/// Catches: a shutdown that forgets `empty_slots`; a refused producer that keeps the permit that shutdown added; a
/// `try_enqueue` that returns `Full` while another thread holds that permit.
#[test]
fn shutdown_wakes_two_producers_that_wait_for_a_slot() {
    Model::new("shutdown wakes every producer and gives its item back").outcomes(&["all told"]).check(
        |run| {
            let queue = Arc::new(BoundedQueue::new(1));
            queue.enqueue(0).expect("the queue is open");
            let producers = [1, 2].map(|item| enqueue_in_a_thread(&queue, item));
            queue.shutdown();
            assert_eq!(
                queue.try_enqueue(3),
                Err(Refused::ShutDown(3)),
                "full and shut down: there will never be room"
            );
            assert_eq!(
                join(producers),
                [Err(1), Err(2)],
                "the only slot was never emptied, so neither item was accepted"
            );
            assert_eq!(queue.dequeue(), Some(0), "what was in the queue is delivered after shutdown");
            assert_eq!(queue.dequeue(), None, "then the queue is over");
            run.outcome("all told");
        },
    );
}

/// Catches: an enqueue that checks for shutdown before it enters the section that pushes (that takes three preemptions;
/// with a preemption bound of 2 this model misses it); a dequeue that returns `None` because of the shutdown although
/// an item is there; a shutdown that empties the queue, or that wakes the sleepers before it marks the queue as shut
/// down.
#[test]
fn what_was_accepted_is_delivered_although_the_queue_shuts_down() {
    let outcomes = ["accepted and delivered", "refused"];
    Model::new("an item is either refused or delivered").outcomes(&outcomes).check(|run| {
        let queue = Arc::new(BoundedQueue::new(1));
        let producer = enqueue_in_a_thread(&queue, 1);
        let consumer = drain_in_a_thread(&queue, run);
        queue.shutdown();
        let delivered = consumer.join().unwrap();
        match producer.join().unwrap() {
            Ok(()) => {
                assert_eq!(delivered, [1], "the queue accepted 1 and must deliver it before it says `None`");
                run.outcome("accepted and delivered");
            }
            Err(1) => {
                assert_eq!(delivered, [], "the queue refused 1 and must not deliver it");
                run.outcome("refused");
            }
            Err(other) => panic!("1 was refused, {other} came back"),
        }
    });
}

/// The same for the call that the reception makes. The queue already has one item, so all three answers are possible.
///
/// Catches: a `try_enqueue` that checks for shutdown before it enters the section that pushes; one that sleeps for a
/// slot; one that returns `Full` instead of `ShutDown`.
#[test]
fn try_enqueue_answers_truly_although_the_queue_shuts_down() {
    let outcomes = ["accepted and delivered", "full", "shut down"];
    let model = Model::new("an item is either refused, for the right reason, or delivered");
    model.preemption_bound(2).outcomes(&outcomes).check(|run| {
        let queue = Arc::new(BoundedQueue::new(1));
        queue.enqueue(0).expect("the queue is open");
        let consumer = drain_in_a_thread(&queue, run);
        let stopper = {
            let queue = queue.clone();
            thread::spawn_named("stopper", move || queue.shutdown())
        };
        let answer = queue.try_enqueue(1);
        stopper.join().unwrap();
        assert_eq!(
            queue.try_enqueue(2),
            Err(Refused::ShutDown(2)),
            "the queue was shut down before this call began"
        );
        let delivered = consumer.join().unwrap();
        let expected: &[u32] = if answer.is_ok() { &[0, 1] } else { &[0] };
        assert_eq!(delivered, expected, "the queue held 0, and answered {answer:?} when offered 1");
        run.outcome(match answer {
            Ok(()) => "accepted and delivered",
            Err(Refused::Full(_)) => "full",
            Err(Refused::ShutDown(_)) => "shut down",
        });
    });
}

/// Two threads try for the only slot.
///
/// Catches: a `try_enqueue` that checks whether there is room and then calls `acquire`: both see the slot, one takes it,
/// and the other sleeps until a consumer comes.
#[test]
fn of_two_threads_that_try_for_the_only_slot_one_is_refused() {
    let outcomes = ["main got the slot", "the other got the slot"];
    Model::new("of two threads that try for the only slot, one is refused at once")
        .outcomes(&outcomes)
        .check(|run| {
            let queue = Arc::new(BoundedQueue::new(1));
            let other = {
                let queue = queue.clone();
                thread::spawn_named("other", move || queue.try_enqueue(2))
            };
            match (queue.try_enqueue(1), other.join().unwrap()) {
                (Ok(()), Err(Refused::Full(2))) => run.outcome("main got the slot"),
                (Err(Refused::Full(1)), Ok(())) => run.outcome("the other got the slot"),
                answers => {
                    panic!("one is accepted and the other told that the queue is full, not {answers:?}")
                }
            }
        });
}

/// Catches: a shutdown that reopens the queue when it is called again.
#[test]
fn shutting_down_twice_is_shutting_down_once() {
    let model = Model::new("a second shutdown changes nothing").preemption_bound(2);
    model.outcomes(&["delivered, then over"]).check(|run| {
        let queue = Arc::new(BoundedQueue::new(1));
        queue.enqueue(1).expect("the queue is open");
        let consumer = drain_in_a_thread(&queue, run);
        let stopper = {
            let queue = queue.clone();
            thread::spawn_named("stopper", move || queue.shutdown())
        };
        queue.shutdown();
        stopper.join().unwrap();
        assert_eq!(queue.try_enqueue(2), Err(Refused::ShutDown(2)), "the queue was shut down, and stays so");
        assert_eq!(consumer.join().unwrap(), [1], "1 was in the queue before both shutdowns");
        assert_eq!(queue.dequeue(), None, "and nothing else");
        run.outcome("delivered, then over");
    });
}

fn enqueue_in_a_thread(queue: &Arc<BoundedQueue<u32>>, item: u32) -> thread::JoinHandle<Result<(), u32>> {
    let queue = queue.clone();
    thread::spawn_named(&format!("producer of {item}"), move || queue.enqueue(item))
}

/// A consumer like those of the pool: it takes items until it is told that there will never be another.
fn drain_in_a_thread(queue: &Arc<BoundedQueue<u32>>, run: &Run) -> thread::JoinHandle<Vec<u32>> {
    let (queue, run) = (queue.clone(), *run);
    thread::spawn_named("consumer", move || {
        let mut delivered = Vec::new();
        while let Some(item) = queue.dequeue() {
            run.note(format!("got {item}"));
            delivered.push(item);
        }
        run.note("got the end");
        delivered
    })
}

/// The queue is full, and a producer sleeps. The reception tries.
///
/// Catches: a lock that producers keep while they wait for a slot, so that no other overtakes them, and that
/// `try_enqueue` takes, too.
#[test]
fn try_enqueue_answers_while_a_producer_sleeps() {
    Model::new("try_enqueue answers while a producer sleeps").outcomes(&["refused"]).check(|run| {
        let queue = Arc::new(BoundedQueue::new(1));
        queue.enqueue(1).expect("the queue is open");
        let producer = enqueue_in_a_thread(&queue, 2);
        assert_eq!(queue.try_enqueue(3), Err(Refused::Full(3)), "the only slot was never emptied");
        assert_eq!(queue.dequeue(), Some(1), "the first item is the first to come out");
        assert_eq!(producer.join().unwrap(), Ok(()), "the slot came free");
        run.outcome("refused");
    });
}

/// A consumer and a producer may wake without a reason.
///
/// Catches: a `dequeue` or an `enqueue` that believes a wake-up.
#[test]
fn woken_for_nothing_a_consumer_sleeps_on() {
    Model::new("woken for nothing, a consumer sleeps on")
        .wakes_often_for_nothing()
        .outcomes(&["got it"])
        .check(|run| {
            let queue = Arc::new(BoundedQueue::new(1));
            let consumer = thread::spawn_named("consumer", {
                let queue = queue.clone();
                move || [queue.dequeue(), queue.dequeue()]
            });
            queue.enqueue(1).expect("the queue is open");
            queue.enqueue(2).expect("the queue is open");
            assert_eq!(
                consumer.join().unwrap(),
                [Some(1), Some(2)],
                "two items went in, and the queue is open"
            );
            run.outcome("got it");
        });
}

/// A producer and a thread that tries, and room for both.
///
/// Catches: a `try_enqueue` that gives up because a producer is in `enqueue`.
#[test]
fn a_try_gets_a_slot_although_a_producer_is_about_to_push() {
    Model::new("of two slots, one is for a thread that tries").outcomes(&["both in"]).check(|run| {
        let queue = Arc::new(BoundedQueue::new(2));
        let producer = enqueue_in_a_thread(&queue, 1);
        assert_eq!(
            queue.try_enqueue(2),
            Ok(()),
            "the queue has two slots, and another thread enqueues one item: there is room now. try_enqueue(2)"
        );
        assert_eq!(producer.join().unwrap(), Ok(()), "there is room for both");
        run.outcome("both in");
    });
}

/// Two consumers like those of the pool, one item, and the shutdown.
///
/// Catches: a consumer that sees the item, and finds it gone when it takes it; a shutdown that wakes as many consumers
/// as wait, and none that comes later.
#[test]
fn two_consumers_share_one_item_and_the_end() {
    Model::new("two consumers share one item and the end")
        .preemption_bound(2)
        .outcomes(&["consumer 1 got it", "consumer 2 got it"])
        .check(|run| {
            let queue = Arc::new(BoundedQueue::new(1));
            queue.enqueue(1).expect("the queue is open");
            let consumers = ["consumer 1", "consumer 2"].map(|name| {
                let queue = queue.clone();
                thread::spawn_named(name, move || std::iter::from_fn(|| queue.dequeue()).collect::<Vec<u32>>())
            });
            queue.shutdown();
            let taken = join(consumers);
            assert_eq!(
                taken.concat(),
                [1],
                "1 was accepted before the shutdown, so one of the two consumers gets it, and then both get None"
            );
            run.outcome(if taken[0].is_empty() { "consumer 2 got it" } else { "consumer 1 got it" });
        });
}

/// A queue that is empty, then shut down. While two producers are being refused, a third thread tries.
///
/// Catches: a `try_enqueue` that asks whether the queue is shut down, tries then, and gives the old reason.
#[test]
fn a_queue_that_was_never_full_is_not_called_full() {
    let outcomes = ["accepted", "shut down"];
    Model::new("a queue that was never full is not called full").outcomes(&outcomes).check(|run| {
        let queue = Arc::new(BoundedQueue::new(1));
        let stopper = thread::spawn_named("stopper", {
            let queue = queue.clone();
            move || {
                queue.shutdown();
                let producer = enqueue_in_a_thread(&queue, 1);
                (queue.enqueue(2), producer.join().unwrap())
            }
        });
        let answer = queue.try_enqueue(3);
        assert_eq!(
            stopper.join().unwrap(),
            (Err(2), Err(1)),
            "both calls of enqueue came after the shutdown, so both items come back"
        );
        run.outcome(match answer {
            Ok(()) => "accepted",
            Err(Refused::ShutDown(_)) => "shut down",
            Err(Refused::Full(_)) => panic!(
                "no thread called enqueue before the shutdown, so the only slot was never full. try_enqueue must say \
                 ShutDown or take the item, and it said Full"
            ),
        });
    });
}
