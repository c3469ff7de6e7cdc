//! Models of the `queue` part: small programs, run in every interleaving of their threads.
//!
//! Each says which mistakes it catches; all of those have been made and seen caught. A model asserts what
//! threads can see from outside, so that it judges any implementation of the same interface.

use std::sync::Arc;

use lanes::sync::{Condvar, Mutex};
use lanes::{Model, Run, cell, thread};

use crate::{BoundedQueue, Inbox, Refused, Semaphore};

/// The thread ends of a model, so that their results can be compared.
fn join<T>(threads: impl IntoIterator<Item = thread::JoinHandle<T>>) -> Vec<T> {
    threads.into_iter().map(|thread| thread.join().expect("a thread that panics fails the model")).collect()
}

// ---- Semaphore
// -------------------------------------------------------------------------------------------------

/// Catches: a release that notifies nobody; an acquire that looks at the permits, unlocks, and locks again to
/// sleep.
#[test]
fn a_release_wakes_a_sleeper() {
    Model::new("a release wakes a sleeper").check(|_| {
        let semaphore = Arc::new(Semaphore::new(0));
        let sleeper = acquire_in_a_thread("sleeper", &semaphore);
        semaphore.release();
        sleeper.join().unwrap();
        assert_eq!(semaphore.permits(), 0, "one permit was released and one acquired, so none is left");
    });
}

/// Catches: a release that notifies only when there was no permit before, which forgets the second of two
/// sleepers.
#[test]
fn two_releases_wake_two_sleepers() {
    Model::new("two releases wake two sleepers").check(|_| {
        let semaphore = Arc::new(Semaphore::new(0));
        let sleepers =
            [acquire_in_a_thread("sleeper 1", &semaphore), acquire_in_a_thread("sleeper 2", &semaphore)];
        semaphore.release();
        semaphore.release();
        join(sleepers);
    });
}

/// Catches: `if` in place of `while` around the wait. A thief takes the permit after the sleeper was woken
/// and before it has the lock again; a sleeper that does not look again then takes a permit that is not
/// there.
#[test]
fn a_woken_sleeper_looks_again() {
    Model::new("no permit is given out twice").check(|_| {
        let semaphore = Arc::new(Semaphore::new(0));
        let sleeper = acquire_in_a_thread("sleeper", &semaphore);
        let thief = acquire_in_a_thread("thief", &semaphore);
        semaphore.release();
        assert!(semaphore.permits() <= 1, "one permit was released, so at most one is there");
        semaphore.release();
        join([sleeper, thief]);
        assert_eq!(semaphore.permits(), 0, "two permits were released and two acquired, so none is left");
    });
}

/// Catches: an acquire that looks at the permits and takes one in two separate locks; a semaphore that starts
/// with one permit too many.
#[test]
fn one_permit_makes_a_mutex() {
    /// Loom watches the cell: two threads in it at once, or not ordered, fail the model.
    struct Counter(Semaphore, cell::UnsafeCell<u32>);
    // SAFETY: the cell is only used between `acquire` and `release` of its only permit; if that is not
    // enough, loom says so.
    #[allow(unsafe_code)]
    unsafe impl Sync for Counter {}

    Model::new("a semaphore with one permit lets one thread in at a time").check(|_| {
        let counter = Arc::new(Counter(Semaphore::new(1), cell::UnsafeCell::new(0)));
        let add_one = |counter: &Counter| {
            counter.0.acquire();
            // SAFETY: as above.
            #[allow(unsafe_code)]
            counter.1.with_mut(|count| unsafe { *count += 1 });
            counter.0.release();
        };
        let threads = ["first", "second"].map(|name| {
            let counter = counter.clone();
            thread::spawn_named(name, move || add_one(&counter))
        });
        add_one(&counter);
        join(threads);
        // SAFETY: all other threads have ended.
        #[allow(unsafe_code)]
        let count = counter.1.with(|count| unsafe { *count });
        assert_eq!(count, 3, "three threads each added one");
    });
}

/// Catches: a `try_acquire` that looks at the permits and takes one in two separate locks.
#[test]
fn try_acquire_takes_only_what_is_there() {
    Model::new("of two threads that try, one gets the only permit").outcomes(&["main", "the other"]).check(
        |run| {
            let semaphore = Arc::new(Semaphore::new(1));
            let tried = semaphore.clone();
            let other = thread::spawn_named("other", move || tried.try_acquire());
            let main_got_it = semaphore.try_acquire();
            let other_got_it = other.join().unwrap();
            assert!(
                main_got_it != other_got_it,
                "of one permit, main got {main_got_it}, the other {other_got_it}"
            );
            run.outcome(if main_got_it { "main" } else { "the other" });
        },
    );
}

fn acquire_in_a_thread(name: &str, semaphore: &Arc<Semaphore>) -> thread::JoinHandle<()> {
    let semaphore = semaphore.clone();
    thread::spawn_named(name, move || semaphore.acquire())
}

// ---- BoundedQueue
// ----------------------------------------------------------------------------------------------

/// Catches: `mutex` acquired before `empty_slots` or before `filled_slots` (then who sleeps keeps out who
/// would wake it); a dequeue that does not release `empty_slots`; a buffer that returns the newest item
/// first, or does not go round.
#[test]
fn items_come_out_in_the_order_in_which_they_went_in() {
    Model::new("first in, first out, also through a queue that is too small").check(|_| {
        let queue = Arc::new(BoundedQueue::new(2));
        let source = queue.clone();
        let producer = thread::spawn_named("producer", move || {
            (1..=4).for_each(|item| source.enqueue(item).expect("nobody shuts this queue down"));
        });
        let taken: Vec<_> = (1..=4).map(|_| queue.dequeue().expect("nobody shuts this queue down")).collect();
        producer.join().unwrap();
        assert_eq!(taken, [1, 2, 3, 4], "one producer enqueued 1, 2, 3, 4 and one consumer dequeued them");
    });
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
                source.enqueue(2).expect("the queue is open");
                *done.lock().unwrap() = true;
            });
            assert!(
                !*enqueued.lock().unwrap(),
                "a second item was accepted into one slot that nobody had emptied"
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

/// The wide one: two switches at most, but two producers and two consumers, more items than slots.
///
/// Catches: `if` in place of `while` in the semaphore; a release of `filled_slots` or `empty_slots` that is
/// forgotten.
#[test]
fn each_item_goes_to_one_consumer() {
    Model::new("nothing is lost and nothing doubled between two producers and two consumers")
        .preemption_bound(2)
        .check(|_| {
            let queue = Arc::new(BoundedQueue::new(1));
            let producers = [1, 2].map(|item| enqueue_in_a_thread(&queue, item));
            let consumer = {
                let queue = queue.clone();
                thread::spawn_named("consumer", move || queue.dequeue())
            };
            let mut taken = [queue.dequeue(), consumer.join().unwrap()];
            taken.sort();
            assert_eq!(taken, [Some(1), Some(2)], "1 and 2 went in, so each comes out once");
            assert!(join(producers).iter().all(Result::is_ok), "nobody shut the queue down");
            assert!(queue.is_empty(), "two items went in and two came out");
        });
}

/// Catches: a shutdown that wakes only one sleeper (a single release that is not passed on, or one
/// `notify_one`); one that wakes nobody; one that forgets `filled_slots`.
#[test]
fn shutdown_wakes_two_sleeping_consumers() {
    Model::new("shutdown wakes every consumer").check(|_| {
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
    });
}

/// Catches: a shutdown that forgets `empty_slots`; a refused producer that does not pass the permit on.
#[test]
fn shutdown_wakes_two_producers_that_wait_for_a_slot() {
    Model::new("shutdown wakes every producer and gives its item back").check(|_| {
        let queue = Arc::new(BoundedQueue::new(1));
        queue.enqueue(0).expect("the queue is open");
        let producers = [1, 2].map(|item| enqueue_in_a_thread(&queue, item));
        queue.shutdown();
        assert_eq!(
            join(producers),
            [Err(1), Err(2)],
            "the only slot was never emptied, so neither item was accepted"
        );
        assert_eq!(queue.dequeue(), Some(0), "what was in the queue is delivered after shutdown");
        assert_eq!(queue.dequeue(), None, "then the queue is over");
    });
}

/// Three switches are needed for the worst of these mistakes; with two, this model passes them.
///
/// Catches: an enqueue that checks for shutdown before it enters the section that pushes; a dequeue that
/// returns `None` because of the shutdown although an item is there; a shutdown that empties the queue.
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

/// The same for the call that the reception makes. The queue has one item already, so all three answers are
/// possible.
///
/// Catches: a `try_enqueue` that checks for shutdown before it enters the section that pushes; one that says
/// `Full` of a queue that is shut down, because the last permit is in another thread's hand.
#[test]
fn try_enqueue_answers_truly_although_the_queue_shuts_down() {
    let outcomes = ["accepted and delivered", "full", "shut down"];
    Model::new("an item is either refused, for the right reason, or delivered").outcomes(&outcomes).check(
        |run| {
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
        },
    );
}

/// Catches: a shutdown that adds its permits again when it is called again, so that a consumer finds neither
/// an item nor the end (here: an item too many or a panic).
#[test]
fn shutting_down_twice_is_shutting_down_once() {
    Model::new("a second shutdown changes nothing").check(|run| {
        let queue = Arc::new(BoundedQueue::new(1));
        queue.enqueue(1).expect("the queue is open");
        let consumer = drain_in_a_thread(&queue, run);
        let stopper = {
            let queue = queue.clone();
            thread::spawn_named("stopper", move || queue.shutdown())
        };
        queue.shutdown();
        stopper.join().unwrap();
        assert_eq!(consumer.join().unwrap(), [1], "1 was in the queue before both shutdowns");
        assert_eq!(queue.dequeue(), None, "and nothing else");
    });
}

fn enqueue_in_a_thread(queue: &Arc<BoundedQueue<u32>>, item: u32) -> thread::JoinHandle<Result<(), u32>> {
    let queue = queue.clone();
    thread::spawn_named(&format!("producer of {item}"), move || queue.enqueue(item))
}

/// A consumer as a pool has them: it takes items until it is told that there will never be another.
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

// ---- Inbox
// -----------------------------------------------------------------------------------------------------

/// Catches: a `put` that says the box was empty when it was not, and the other way round; one that looks and
/// puts in two separate locks; a `take_all` that copies the items and clears the box in two.
#[test]
fn nothing_is_stranded_while_the_reception_sleeps() {
    reception_and_two_threads(|bell, inbox, taken| {
        bell.sleep_until_it_rings();
        bell.clear();
        inbox.take_all(taken);
    });
}

/// A mistake, made here on purpose: this is why the bell is cleared first.
#[test]
#[should_panic(expected = "deadlock, no thread can go on")]
fn clearing_the_bell_after_taking_strands_an_item() {
    reception_and_two_threads(|bell, inbox, taken| {
        bell.sleep_until_it_rings();
        inbox.take_all(taken);
        bell.clear();
    });
}

/// Catches: a `put` that looks and puts in two separate locks.
#[test]
fn of_two_puts_one_must_ring() {
    Model::new("exactly one of two puts into an empty inbox must ring")
        .outcomes(&["1 rings", "2 rings"])
        .check(|run| {
            let inbox = Arc::new(Inbox::new());
            let putters = [1, 2].map(|item| {
                let inbox = inbox.clone();
                thread::spawn(move || inbox.put(item))
            });
            let must_ring = join(putters);
            assert_eq!(must_ring.iter().filter(|&&ring| ring).count(), 1, "the two were told {must_ring:?}");
            run.outcome(if must_ring[0] { "1 rings" } else { "2 rings" });
            let mut taken = vec![0];
            inbox.take_all(&mut taken);
            assert!(
                taken == [0, 1, 2] || taken == [0, 2, 1],
                "0 was there, 1 and 2 were put, and there is {taken:?}"
            );
        });
}

/// Two threads put an item each, and ring if they are told to. The reception takes its turns until it has
/// both.
fn reception_and_two_threads(turn: impl Fn(&Bell, &Inbox<u32>, &mut Vec<u32>) + Send + Sync + 'static) {
    Model::new("what is put into the inbox reaches the reception").check(move |run| {
        let shared = Arc::new((Inbox::new(), Bell::new()));
        let putters = [1, 2].map(|item| {
            let shared = shared.clone();
            thread::spawn_named(&format!("thread with {item}"), move || {
                let (inbox, bell) = &*shared;
                if inbox.put(item) {
                    bell.ring();
                }
            })
        });
        let (inbox, bell) = &*shared;
        let mut taken = Vec::new();
        while taken.len() < 2 {
            turn(bell, inbox, &mut taken);
            run.note(format!("has {taken:?}"));
        }
        join(putters);
        taken.sort();
        assert_eq!(taken, [1, 2], "each item is taken once");
    });
}

/// What an eventfd is to the server: rung by any thread, slept on and cleared by the reception.
struct Bell {
    rung: Mutex<bool>,
    rings: Condvar,
}

impl Bell {
    fn new() -> Bell {
        Bell { rung: Mutex::new(false), rings: Condvar::new() }
    }

    fn ring(&self) {
        *self.rung.lock().unwrap() = true;
        self.rings.notify_one();
    }

    fn sleep_until_it_rings(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !*rung {
            rung = self.rings.wait(rung).unwrap();
        }
    }

    fn clear(&self) {
        *self.rung.lock().unwrap() = false;
    }
}
