//! What `ConnectionLimit` promises with real threads, and what loom cannot see: panics, and many threads.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use threads::{ConnectionLimit, Permit};

mod watched;
use verdict::test;
use watched::{Watched, sleeps_in, start};

/// Where the book explains what a test asks for.
const COUNTING: &str = "See \"2.1 Counting permits\".";
const SLEEPING: &str = "See \"2.2 Sleeping at the limit\".";
const WAKING: &str = "See \"2.3 Every wake-up counts\".";
const DRAINING: &str = "See \"2.4 Waiting for the last one\".";

#[test]
fn as_many_permits_as_the_limit_can_be_out_and_no_more() {
    let limit = ConnectionLimit::new(3);
    let permits: Vec<Permit> = (0..3).map_while(|_| limit.try_acquire()).collect();
    assert_eq!(permits.len(), 3, "with a limit of 3, three permits can be taken. {COUNTING}");
    assert!(
        limit.try_acquire().is_none(),
        "all 3 permits are out, and try_acquire gave a fourth. {COUNTING}"
    );
    assert_eq!(
        limit.active(),
        3,
        "active() counts the permits that are out. try_acquire has just said no, and it must change nothing. {COUNTING}"
    );
    assert_eq!(limit.limit(), 3, "limit() counts all permits. {COUNTING}");
}

#[test]
fn a_dropped_permit_can_be_taken_again() {
    let limit = ConnectionLimit::new(1);
    for round in 0..1000 {
        let permit = limit.try_acquire();
        assert!(
            permit.is_some(),
            "round {round}: the permit was dropped, and it did not come back. {COUNTING}"
        );
    }
    assert_eq!(limit.active(), 0, "all permits were dropped, and active() still counts one. {COUNTING}");
}

#[test]
fn a_thread_that_panics_gives_its_permit_back() {
    let limit = ConnectionLimit::new(1);
    let permit = limit.try_acquire().expect("the only permit is here");
    panic_with(permit);
    assert_eq!(
        limit.active(),
        0,
        "a thread panicked with the only permit, and the permit went with it. {COUNTING}"
    );
    assert!(
        limit.try_acquire().is_some(),
        "after a panic, the permit that came back cannot be taken. {COUNTING}"
    );
}

#[test]
fn acquire_sleeps_at_the_limit() {
    let limit = ConnectionLimit::new(1);
    let permit = limit.try_acquire().expect("the only permit is here");
    let waiting = acquire_in_a_thread(&limit);
    waiting.wait_until_asleep();
    assert_eq!(
        limit.active(),
        1,
        "one permit is out, and one thread waits for it; active() counts permits only. {SLEEPING}"
    );
    drop(permit);
    let _permit = waiting.finish();
    assert_eq!(
        limit.active(),
        1,
        "the permit that came back went to the thread that waited for it. {SLEEPING}"
    );
}

#[test]
fn a_thread_that_panics_wakes_one_that_sleeps_for_its_permit() {
    let limit = ConnectionLimit::new(1);
    let permit = limit.try_acquire().expect("the only permit is here");
    let waiting = acquire_in_a_thread(&limit);
    waiting.wait_until_asleep();
    panic_with(permit);
    drop(
        waiting.finish_or(&format!("A thread panicked with the only permit, and the drop of that permit must wake this sleeper. {SLEEPING}")),
    );
    assert_eq!(limit.active(), 0, "all permits were dropped, and active() still counts one. {SLEEPING}");
}

#[test]
fn each_permit_that_comes_back_wakes_a_sleeper() {
    let limit = ConnectionLimit::new(3);
    let permits: Vec<Permit> = (0..3).map_while(|_| limit.try_acquire()).collect();
    let waiting: Vec<_> = (0..3).map(|_| acquire_in_a_thread(&limit)).collect();
    waiting.iter().for_each(Watched::wait_until_asleep);
    drop(permits);
    let permits: Vec<Permit> = waiting.into_iter().map(Watched::finish).collect();
    assert_eq!(
        limit.active(),
        permits.len(),
        "three permits came back and three sleepers got them. {WAKING}"
    );
}

#[test]
fn clones_share_the_permits() {
    let limit = ConnectionLimit::new(1);
    let clone = limit.clone();
    let _permit = limit.try_acquire();
    assert!(
        clone.try_acquire().is_none(),
        "a clone is another handle to the same permits, not more of them. {COUNTING}"
    );
}

#[test]
fn many_threads_reach_the_limit_and_never_exceed_it() {
    const LIMIT: usize = 4;
    let limit = ConnectionLimit::new(LIMIT);
    let (inside, highest) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    // All permit holders meet here once, so that the limit is really reached: a limit that lets too few in never gets
    // past.
    let all_inside = Arc::new(Barrier::new(LIMIT));
    let threads: Vec<_> = (0..16)
        .map(|_| {
            let (limit, inside, highest) = (limit.clone(), inside.clone(), highest.clone());
            let all_inside = all_inside.clone();
            start("one of 16 threads that share 4 permits", move || {
                for round in 0..200 {
                    let _permit = limit.acquire();
                    highest.fetch_max(inside.fetch_add(1, SeqCst) + 1, SeqCst);
                    if round == 0 {
                        all_inside.wait();
                    }
                    inside.fetch_sub(1, SeqCst);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(Watched::finish);
    assert_eq!(highest.load(SeqCst), LIMIT, "the most connections that were served at once. {WAKING}");
}

#[test]
fn drain_of_an_unused_limit_returns_at_once() {
    let drain = drain_in_a_thread(&ConnectionLimit::new(2));
    drain.finish_or(&format!("No permit was ever out, so drain has nothing to wait for. {DRAINING}"));
}

/// More threads drain than a `drop` would wake that counts on so many.
#[test]
fn every_drain_sleeps_until_the_last_permit_is_back() {
    let limit = ConnectionLimit::new(2);
    let first = limit.try_acquire().expect("both permits are here");
    let last = limit.try_acquire().expect("one of two permits is here");
    let drain = |_| {
        let limit = limit.clone();
        start("one of 40 threads that drain", move || limit.drain())
    };
    let drains: Vec<_> = (0..40).map(drain).collect();
    for (out, permit) in [(2, first), (1, last)] {
        let still_out = format!("{out} of 2 permits are still out. {DRAINING}");
        drains.iter().for_each(|drain| drain.wait_until_asleep_or_say(&still_out));
        drop(permit);
    }
    let all_back = format!("The last permit is back, and its drop must wake each of the 40. {DRAINING}");
    drains.into_iter().for_each(|drain| drain.finish_or(&all_back));
    assert_eq!(limit.active(), 0, "drain takes no permits of its own. {DRAINING}");
}

/// The last permit comes back, and a thread that slept takes it. Only then another thread drains.
#[test]
fn drain_waits_for_a_permit_that_a_sleeper_got() {
    let limit = ConnectionLimit::new(1);
    let first = limit.try_acquire().expect("the only permit is here");
    let sleeper = acquire_in_a_thread(&limit);
    sleeper.wait_until_asleep();
    drop(first);
    let second = sleeper.finish();
    let drain = drain_in_a_thread(&limit);
    drain.wait_until_asleep_or_say(&format!(
        "A thread that slept has got the permit that came back, so it is out. {DRAINING}"
    ));
    drop(second);
    drain.finish();
}

/// A drainer that is quick may see the moment at which no permit is out. It is not quick fifty times in a row.
///
/// Caught: a `drain` that waits until all permits have been back once.
#[test]
fn a_drainer_that_comes_too_late_sleeps_on() {
    let limit = ConnectionLimit::new(1);
    let sleeps_on = |_| {
        let first = limit.try_acquire().expect("the only permit is here");
        let drain = drain_in_a_thread(&limit);
        drain.wait_until_asleep();
        drop(first);
        let second = limit.try_acquire().expect("the only permit is here again");
        let sleeps_on = drain.is_asleep_in_the_end();
        drop(second);
        drain.finish();
        sleeps_on
    };
    assert!(
        (0..50).any(sleeps_on),
        "Fifty times, the only permit came back and was acquired again at once, and each time drain returned although \
         it was out. A thread that wakes must look how many are out now. {DRAINING}"
    );
}

#[test]
fn drain_keeps_no_thread_from_acquiring() {
    let limit = ConnectionLimit::new(2);
    let first = limit.try_acquire().expect("both permits are here");
    let drain = drain_in_a_thread(&limit);
    drain.wait_until_asleep();
    let second = limit.try_acquire();
    assert!(
        second.is_some(),
        "a permit is here, and try_acquire refused it because another thread drains. {DRAINING}"
    );
    drop(second);
    drop(acquire_in_a_thread(&limit).finish());
    drop(first);
    drain.finish();
}

#[test]
fn a_thread_that_panics_with_the_last_permit_wakes_one_that_drains() {
    let limit = ConnectionLimit::new(1);
    let permit = limit.try_acquire().expect("the only permit is here");
    let drain = drain_in_a_thread(&limit);
    drain.wait_until_asleep();
    panic_with(permit);
    drain.finish_or(&format!(
        "A thread panicked with the only permit, so now all are back, and drain must return. {DRAINING}"
    ));
}

#[test]
fn a_limit_may_be_any_number() {
    for many in [255, 256, 1 << 16, 1 << 32, usize::MAX] {
        let limit = ConnectionLimit::new(many);
        assert_eq!(limit.limit(), many, "the limit is the one that was asked for. {COUNTING}");
        let permits = [limit.try_acquire(), limit.try_acquire()];
        assert!(
            permits.iter().all(Option::is_some),
            "all {many} permits are here, and try_acquire gave none. {COUNTING}"
        );
    }
}

/// A few sleeps may come from tools such as sanitizers, but not one for each try.
#[test]
fn a_thread_that_tries_does_not_sleep() {
    let limit = ConnectionLimit::new(1);
    let _permit = limit.try_acquire();
    let tries = start("the thread that tries", move || {
        sleeps_in(|| (0..100).for_each(|_| assert!(limit.try_acquire().is_none())))
    });
    let sleeps = tries.finish();
    assert!(
        sleeps < 50,
        "try_acquire must not wait for a permit, and it slept in most of 100 tries. {COUNTING}"
    );
}

#[test]
#[should_panic]
fn a_limit_of_zero_is_refused() {
    let _ = ConnectionLimit::new(0);
}

/// A call that could hang gets a thread of its own.
fn acquire_in_a_thread(limit: &ConnectionLimit) -> Watched<Permit> {
    let limit = limit.clone();
    start("the thread that acquires", move || limit.acquire())
}

fn drain_in_a_thread(limit: &ConnectionLimit) -> Watched<()> {
    let limit = limit.clone();
    start("the thread that drains", move || limit.drain())
}

/// Three of four permits stay out for hours.
///
/// Caught: a `drop` that wakes the sleepers when many permits are back.
#[test]
fn a_sleeper_is_woken_although_three_of_four_permits_stay_out() {
    let limit = ConnectionLimit::new(4);
    let mut permits: Vec<Permit> = (0..4).map_while(|_| limit.try_acquire()).collect();
    let waiting = start("the thread that acquires one of 4 permits", {
        let limit = limit.clone();
        move || limit.acquire()
    });
    waiting.wait_until_asleep();
    drop(permits.pop());
    let _permit = waiting
        .finish_or(&format!("One of 4 permits came back, and its drop must wake this sleeper. {WAKING}"));
    assert_eq!(limit.active(), 4, "three permits stayed out, and the fourth went to the sleeper. {WAKING}");
}

/// Caught: permits given out and permits back, counted in 16 bits each and subtracted.
#[test]
fn any_number_of_permits_goes_out_and_comes_back() {
    let limit = ConnectionLimit::new(2);
    // One is always out, so that the two numbers are never the same.
    let mut held = limit.try_acquire();
    for round in 0..70_000 {
        let next = limit.try_acquire();
        assert!(
            next.is_some(),
            "try_acquire has given out {} permits of a limit of 2, all but one are back, and the next try_acquire gave none. \
             {COUNTING}",
            round + 1
        );
        held = next;
    }
    drop(held);
    assert_eq!(limit.active(), 0, "all permits were dropped, and active() still counts one. {COUNTING}");
}

/// Caught: a panic after which no permit is counted as out.
#[test]
fn a_thread_that_panics_gives_back_no_permit_of_another_thread() {
    let limit = ConnectionLimit::new(2);
    let kept = limit.try_acquire().expect("both permits are here");
    let permit = limit.try_acquire().expect("one of two permits is here");
    panic_with(permit);
    let active = limit.active();
    if active != 1 {
        // Its drop may panic, too, if the number is wrong.
        std::mem::forget(kept);
    }
    assert_eq!(
        active, 1,
        "a thread panicked with one of two permits, and another thread still has the other one. active() says how many \
         are out. {COUNTING}"
    );
}

/// Caught: a panic that wakes a sleeper only if no other permit is out.
#[test]
fn a_thread_that_panics_wakes_a_sleeper_although_another_permit_stays_out() {
    let limit = ConnectionLimit::new(2);
    let _kept = limit.try_acquire().expect("both permits are here");
    let permit = limit.try_acquire().expect("one of two permits is here");
    let waiting = acquire_in_a_thread(&limit);
    waiting.wait_until_asleep();
    panic_with(permit);
    drop(
        waiting
            .finish_or(&format!("A thread panicked with one of two permits, and the drop of that permit must wake this sleeper. {WAKING}")),
    );
}

/// Caught: a `drain` that closes the limit.
#[test]
fn after_a_drain_a_permit_can_be_acquired_again() {
    let limit = ConnectionLimit::new(1);
    drain_in_a_thread(&limit).finish();
    assert!(
        limit.try_acquire().is_some(),
        "drain has returned, all permits are back, and try_acquire gave none. {DRAINING}"
    );
    let acquired = acquire_in_a_thread(&limit);
    drop(acquired.finish_or(&format!("drain has returned, and all permits are back. {DRAINING}")));
}

/// Caught: a `drain` that remembers that all permits were back once.
#[test]
fn a_second_drain_sleeps_until_all_permits_are_back_again() {
    let limit = ConnectionLimit::new(1);
    drain_in_a_thread(&limit).finish();
    let permit = limit.try_acquire().expect("all permits are back");
    let drain = drain_in_a_thread(&limit);
    drain.wait_until_asleep_or_say(&format!(
        "the only permit was taken after the first drain, and is still out. {DRAINING}"
    ));
    drop(permit);
    drain.finish_or(&format!("All permits are back again. {DRAINING}"));
}

/// A thread that has this permit panics.
fn panic_with(permit: Permit) {
    let panicking = std::thread::spawn(move || {
        let _permit = permit;
        std::panic::resume_unwind(Box::new("a handler made a mistake"));
    });
    assert!(panicking.join().is_err(), "the thread was to panic");
}
