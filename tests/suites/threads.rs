//! What `ConnectionLimit` promises with real threads, and what loom cannot see: panics, and many threads.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;
use threads::{ConnectionLimit, Permit};

/// Long enough for a busy machine; a test that waits this long has failed.
const DEADLINE: Duration = Duration::from_secs(20);

/// Runs `work` in a thread and fails with `complaint` if it does not come to an end.
fn must_end<T: Send + 'static>(complaint: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, ended) = channel();
    thread::spawn(move || done.send(work()));
    match ended.recv_timeout(DEADLINE) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => panic!("{complaint}: nothing happened for {DEADLINE:?}"),
        Err(RecvTimeoutError::Disconnected) => panic!("{complaint}: it panicked"),
    }
}

#[test]
fn as_many_permits_as_the_limit_can_be_out_and_no_more() {
    let limit = ConnectionLimit::new(3);
    let permits: Vec<Permit> = (0..3).map_while(|_| limit.try_acquire()).collect();
    assert_eq!(permits.len(), 3, "with a limit of 3, three permits can be taken");
    assert!(limit.try_acquire().is_none(), "all 3 permits are out, and try_acquire gave a fourth");
    assert_eq!((limit.active(), limit.limit()), (3, 3), "active() counts permits that are out, limit() all");
}

#[test]
fn a_dropped_permit_can_be_taken_again() {
    let limit = ConnectionLimit::new(1);
    for round in 0..1000 {
        let permit = limit.try_acquire();
        assert!(permit.is_some(), "round {round}: the permit was dropped, and it did not come back");
    }
    assert_eq!(limit.active(), 0, "all permits were dropped");
}

#[test]
fn a_thread_that_panics_gives_its_permit_back() {
    let limit = ConnectionLimit::new(1);
    let permit = limit.acquire();
    let panicked = thread::spawn(move || {
        let _permit = permit;
        std::panic::resume_unwind(Box::new("a handler made a mistake"));
    });
    assert!(panicked.join().is_err(), "the thread was to panic");
    must_end("a thread panicked with the only permit, and acquire waits for it", move || {
        drop(limit.acquire())
    });
}

#[test]
fn acquire_waits_at_the_limit() {
    let limit = ConnectionLimit::new(1);
    let permit = limit.acquire();
    let (got, gets) = channel();
    let waiter = limit.clone();
    thread::spawn(move || {
        drop(waiter.acquire());
        got.send(())
    });
    // The permit is still out, so nothing may come. A short look can miss a mistake, never invent one.
    let early = gets.recv_timeout(Duration::from_millis(50));
    assert!(early.is_err(), "the only permit is out, and acquire returned");
    drop(permit);
    assert!(gets.recv_timeout(DEADLINE).is_ok(), "the permit came back, and acquire still sleeps");
}

#[test]
fn clones_share_the_permits() {
    let limit = ConnectionLimit::new(1);
    let clone = limit.clone();
    let _permit = limit.acquire();
    assert!(clone.try_acquire().is_none(), "a clone is another handle to the same permits, not more of them");
}

#[test]
fn many_threads_reach_the_limit_and_never_exceed_it() {
    const LIMIT: usize = 4;
    let limit = ConnectionLimit::new(LIMIT);
    let (inside, highest) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    // All permits meet here once, so that the limit is really reached: a limit that lets too few in never gets by.
    let all_inside = Arc::new(Barrier::new(LIMIT));
    let threads: Vec<_> = (0..16)
        .map(|_| {
            let (limit, inside, highest) = (limit.clone(), inside.clone(), highest.clone());
            let all_inside = all_inside.clone();
            thread::spawn(move || {
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
    must_end("16 threads share 4 permits", move || {
        threads.into_iter().for_each(|thread| thread.join().unwrap())
    });
    assert_eq!(highest.load(SeqCst), LIMIT, "the most connections served at once");
}

#[test]
fn drain_of_a_limit_that_nobody_uses_returns_at_once() {
    let limit = ConnectionLimit::new(2);
    must_end("no permit is out, and drain waits", move || limit.drain());
}

#[test]
fn drain_waits_for_the_last_permit() {
    let limit = ConnectionLimit::new(2);
    let (first, last) = (limit.acquire(), limit.acquire());
    let (drained, drains) = channel();
    let drainer = limit.clone();
    thread::spawn(move || {
        drainer.drain();
        drained.send(())
    });
    drop(first);
    let early = drains.recv_timeout(Duration::from_millis(50));
    assert!(early.is_err(), "one of two permits is still out, and drain returned");
    drop(last);
    assert!(drains.recv_timeout(DEADLINE).is_ok(), "both permits are back, and drain still sleeps");
}

#[test]
#[should_panic]
fn a_limit_of_zero_is_refused() {
    let _ = ConnectionLimit::new(0);
}
