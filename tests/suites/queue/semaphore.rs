//! What a semaphore must do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use queue::Semaphore;

use crate::watched::{Watched, sleeps_in, start};
use verdict::test;

#[test]
fn a_semaphore_gives_out_the_permits_it_was_made_with() {
    let one_thread = start("a thread that never needs to wait", || {
        let semaphore = Semaphore::new(2);
        assert_eq!(semaphore.permits(), 2, "Semaphore::new(2) has 2 permits");
        assert!(semaphore.try_acquire(), "the first of 2 permits is there");
        semaphore.acquire();
        assert!(
            !semaphore.try_acquire(),
            "both permits are out, so try_acquire must return false, but it returned true"
        );
        assert_eq!(semaphore.permits(), 0, "both permits are out");
        semaphore.release();
        assert!(semaphore.try_acquire(), "one permit came back");
    });
    one_thread.finish_or("It acquires only while there is a permit, and try_acquire never sleeps.");
}

/// A few sleeps may come from tools such as sanitizers, but not one for each try.
#[test]
fn a_thread_that_tries_does_not_sleep() {
    let tries = start("the thread that tries", || {
        let semaphore = Semaphore::new(0);
        sleeps_in(|| (0..100).for_each(|_| assert!(!semaphore.try_acquire())))
    });
    let sleeps = tries.finish();
    assert!(sleeps < 50, "try_acquire must never sleep, and it slept in most of 100 tries");
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
                for round in 0..200 {
                    semaphore.acquire();
                    let now = 1 + inside.fetch_add(1, Ordering::SeqCst);
                    assert!(now <= PERMITS, "{now} threads have a permit of a semaphore with {PERMITS}");
                    // Not each time: on a busy machine, a thread that yields loses milliseconds.
                    if round % 10 == 0 {
                        std::thread::yield_now();
                    }
                    inside.fetch_sub(1, Ordering::SeqCst);
                    semaphore.release();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(Watched::finish);
    assert_eq!(shared.0.permits(), PERMITS, "every permit came back");
}

/// Catches: a try that takes, and gives back in a way that wakes a thread that is not asleep.
#[test]
fn a_try_that_fails_changes_nothing() {
    let semaphore = Arc::new(Semaphore::new(0));
    assert!(!semaphore.try_acquire(), "there is no permit");
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
fn a_semaphore_may_have_any_number_of_permits() {
    for many in [1 << 8, 1 << 16, 1 << 32] {
        assert!(
            Semaphore::new(many).try_acquire(),
            "Semaphore::new({many}).try_acquire() must take one of the {many} permits, but it returned false"
        );
    }
}

/// Catches: a number of permits that is counted in 8, 16 or 32 bits, or that ends at a limit.
#[test]
fn any_number_of_permits_may_be_released() {
    for many in [1 << 8, 1 << 16, 1 << 32] {
        let semaphore = Semaphore::new(many - 1);
        semaphore.release();
        assert_eq!(semaphore.permits(), many, "permits after Semaphore::new({}) and one release", many - 1);
    }
}
