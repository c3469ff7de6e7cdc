//! Models of the semaphore.

use std::sync::Arc;

use lanes::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use lanes::{Model, cell, thread};

use super::join;
use crate::Semaphore;
use verdict::test;

/// Catches: a release that notifies nobody; an acquire that checks the permits, unlocks, and locks again to sleep.
#[test]
fn a_release_wakes_a_sleeper() {
    Model::new("a release wakes a sleeper").outcomes(&["still there", "taken at once"]).check(|run| {
        let (semaphore, inside) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let sleeper = acquire_in_a_thread("sleeper", &semaphore, &inside);
        semaphore.release();
        run.outcome(["still there", "taken at once"][inside.fetch_add(0, Relaxed)]);
        sleeper.join().unwrap();
        assert_eq!(semaphore.permits(), 0, "one permit was released and one acquired, so none is left");
    });
}

/// Catches: a release that notifies only when there was no permit before, which forgets the second of two
/// sleepers.
#[test]
fn two_releases_wake_two_sleepers() {
    Model::new("two releases wake two sleepers").outcomes(&["0 left", "1 left", "2 left"]).check(|run| {
        let (semaphore, inside) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let sleepers = ["sleeper 1", "sleeper 2"].map(|name| acquire_in_a_thread(name, &semaphore, &inside));
        semaphore.release();
        semaphore.release();
        run.outcome(&format!("{} left", 2 - inside.fetch_add(0, Relaxed)));
        join(sleepers);
    });
}

/// Catches: `if` instead of `while` around the wait. A third thread takes the permit after the sleeper was woken and
/// before it has the lock again; a sleeper that does not check again then takes a permit that is not there.
#[test]
fn no_permit_is_given_out_twice() {
    Model::new("no permit is given out twice").outcomes(&["for the sleeper", "stolen"]).check(|run| {
        let (semaphore, inside) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let sleeper = acquire_in_a_thread("sleeper", &semaphore, &inside);
        let tried = semaphore.clone();
        let thief = thread::spawn_named("thief", move || tried.try_acquire());
        semaphore.release();
        let stolen = thief.join().unwrap();
        run.outcome(if stolen { "stolen" } else { "for the sleeper" });
        if stolen {
            semaphore.release();
        }
        sleeper.join().unwrap();
        assert_eq!(semaphore.permits(), 0, "as many permits were acquired as released, so none is left");
    });
}

/// Catches: a second `if` instead of `while`. A sleeper can be robbed after each wake-up, not only after the first.
#[test]
fn a_permit_may_be_stolen_from_a_sleeper_more_than_once() {
    Model::new("a permit may be stolen from a sleeper more than once")
        .outcomes(&["0 stolen", "1 stolen", "2 stolen"])
        .check(|run| {
            let (semaphore, inside) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
            let sleeper = acquire_in_a_thread("sleeper", &semaphore, &inside);
            let tried = semaphore.clone();
            let thief = thread::spawn_named("thief", move || (0..2).filter(|_| tried.try_acquire()).count());
            semaphore.release();
            semaphore.release();
            let stolen = thief.join().unwrap();
            run.outcome(&format!("{stolen} stolen"));
            (0..stolen).for_each(|_| semaphore.release());
            sleeper.join().unwrap();
            assert_eq!(
                semaphore.permits(),
                1,
                "two permits, and one of them is with the sleeper, so one is left"
            );
        });
}

/// Catches: `if` instead of `while` around the wait, without a third thread: a thread may wake without a reason
/// (pthread_cond_wait(3p), "spurious wakeups").
#[test]
fn woken_for_nothing_a_sleeper_takes_no_permit() {
    Model::new("woken for nothing, a sleeper takes no permit")
        .wakes_often_for_nothing()
        .outcomes(&["acquired"])
        .check(|run| {
            let (semaphore, released) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
            let sleeper = thread::spawn_named("sleeper", {
                let (semaphore, released) = (semaphore.clone(), released.clone());
                move || {
                    semaphore.acquire();
                    assert_eq!(
                        released.fetch_add(0, Relaxed),
                        1,
                        "a permit was acquired before it was released"
                    );
                }
            });
            released.fetch_add(1, Relaxed);
            semaphore.release();
            sleeper.join().unwrap();
            assert_eq!(semaphore.permits(), 0, "one permit was released and one acquired, so none is left");
            run.outcome("acquired");
        });
}

/// Catches: an acquire that checks the permits and takes one under two separate locks; a semaphore that starts with one
/// permit too many.
#[test]
fn one_permit_makes_a_mutex() {
    /// Loom checks the cell: accesses that overlap, or that nothing orders, fail the model.
    struct Counter(Semaphore, cell::UnsafeCell<u32>);
    // SAFETY: the cell is only used between `acquire` and `release` of its only permit; if that is not exclusive, loom
    // reports it.
    #[allow(unsafe_code)]
    unsafe impl Sync for Counter {}

    Model::new("a semaphore with one permit lets one thread in at a time").outcomes(&["1", "2", "3"]).check(
        |run| {
            let counter = Arc::new(Counter(Semaphore::new(1), cell::UnsafeCell::new(0)));
            let add_one = |counter: &Counter| {
                counter.0.acquire();
                // SAFETY: as above.
                #[allow(unsafe_code)]
                let place = counter.1.with_mut(|count| unsafe {
                    *count += 1;
                    *count
                });
                counter.0.release();
                place
            };
            let threads = ["first", "second"].map(|name| {
                let counter = counter.clone();
                thread::spawn_named(name, move || add_one(&counter))
            });
            run.outcome(&add_one(&counter).to_string());
            join(threads);
            // SAFETY: all other threads have ended.
            #[allow(unsafe_code)]
            let count = counter.1.with(|count| unsafe { *count });
            assert_eq!(count, 3, "three threads each added one");
        },
    );
}

/// Catches: a `try_acquire` that checks the permits and takes one under two separate locks.
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

/// Catches: a `try_acquire` that gives up because another thread came between its check and its take.
#[test]
fn two_threads_that_try_for_two_permits_get_one_each() {
    Model::new("two threads that try for two permits get one each").outcomes(&["one each"]).check(|run| {
        let semaphore = Arc::new(Semaphore::new(2));
        let tried = semaphore.clone();
        let other = thread::spawn_named("other", move || tried.try_acquire());
        let own = semaphore.try_acquire();
        assert_eq!((own, other.join().unwrap()), (true, true), "there was a permit for each of the two");
        run.outcome("one each");
    });
}

/// Counts in `inside` that it has its permit: `permits` could be read too early to be asserted on.
fn acquire_in_a_thread(
    name: &str,
    semaphore: &Arc<Semaphore>,
    inside: &Arc<AtomicUsize>,
) -> thread::JoinHandle<()> {
    let (semaphore, inside) = (semaphore.clone(), inside.clone());
    thread::spawn_named(name, move || {
        semaphore.acquire();
        inside.fetch_add(1, Relaxed);
    })
}

/// One thread sleeps, and another one tries.
///
/// Catches: a lock that an acquirer keeps while it sleeps, so that no other overtakes it, and that `try_acquire` takes,
/// too.
#[test]
fn a_thread_that_tries_does_not_wait_for_one_that_sleeps() {
    Model::new("a thread that tries does not wait for one that sleeps").outcomes(&["said no"]).check(|run| {
        let (semaphore, inside) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let sleeper = acquire_in_a_thread("sleeper", &semaphore, &inside);
        assert!(!semaphore.try_acquire(), "no permit was released");
        semaphore.release();
        sleeper.join().unwrap();
        run.outcome("said no");
    });
}

/// One thread sleeps, and two permits are released: one is left for a thread that tries.
///
/// Catches: a `try_acquire` that says no whenever a thread waits.
#[test]
fn of_two_permits_one_is_left_although_a_thread_waits() {
    Model::new("of two permits, one is left although a thread waits").outcomes(&["left"]).check(|run| {
        let (semaphore, inside) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let sleeper = acquire_in_a_thread("sleeper", &semaphore, &inside);
        semaphore.release();
        semaphore.release();
        assert!(semaphore.try_acquire(), "{ONE_IS_FREE}");
        sleeper.join().unwrap();
        run.outcome("left");
    });
}

/// A try meets a release, and there is one permit for the two of them.
///
/// Catches: a `try_acquire` that first takes and then puts back, so that a release in between takes it for a sleeper and
/// leaves a wake-up for it, which a later thread finds.
#[test]
fn a_try_that_fails_leaves_nothing_behind() {
    Model::new("a try that fails leaves nothing behind").outcomes(&["main", "the other"]).check(|run| {
        let (semaphore, released) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let tried = semaphore.clone();
        let other = thread::spawn_named("other", move || tried.try_acquire());
        semaphore.release();
        let other_got_it = other.join().unwrap();
        if !other_got_it {
            semaphore.acquire();
        }
        // No permit is left, so this one must sleep.
        let sleeper = thread::spawn_named("sleeper", {
            let (semaphore, released) = (semaphore.clone(), released.clone());
            move || {
                semaphore.acquire();
                assert_eq!(
                    released.fetch_add(0, Relaxed),
                    1,
                    "two permits were acquired, and one was released"
                );
            }
        });
        released.fetch_add(1, Relaxed);
        semaphore.release();
        sleeper.join().unwrap();
        run.outcome(if other_got_it { "the other" } else { "main" });
    });
}

/// Three threads sleep or wake for nothing, and each release must reach one of them.
///
/// Catches: tickets, with a notification that wakes one thread: it may wake a thread whose turn it is not.
#[test]
fn woken_for_nothing_two_sleepers_get_a_permit_each() {
    Model::new("woken for nothing, two sleepers get a permit each")
        .wakes_often_for_nothing()
        .outcomes(&["both"])
        .check(|run| {
            let (semaphore, inside) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
            let sleepers =
                ["sleeper 1", "sleeper 2"].map(|name| acquire_in_a_thread(name, &semaphore, &inside));
            semaphore.release();
            semaphore.release();
            join(sleepers);
            run.outcome("both");
        });
}

/// What one thread wrote before its release, a thread that takes that permit with `try_acquire` reads.
///
/// Catches: a `try_acquire` that takes the permit with `Relaxed`.
#[test]
fn a_try_that_gets_a_permit_sees_what_was_done_before_its_release() {
    struct Note(Semaphore, cell::UnsafeCell<u32>);
    // SAFETY: written before the release of the only permit, and read by the thread that has it; if that is not ordered,
    // loom reports it.
    #[allow(unsafe_code)]
    unsafe impl Sync for Note {}

    Model::new("a try that gets a permit sees what was done before its release")
        .outcomes(&["none yet", "seen"])
        .check(|run| {
            let note = Arc::new(Note(Semaphore::new(0), cell::UnsafeCell::new(0)));
            let writer = thread::spawn_named("writer", {
                let note = note.clone();
                move || {
                    // SAFETY: as above.
                    #[allow(unsafe_code)]
                    note.1.with_mut(|number| unsafe { *number = 7 });
                    note.0.release();
                }
            });
            if note.0.try_acquire() {
                // SAFETY: as above.
                #[allow(unsafe_code)]
                let number = note.1.with(|number| unsafe { *number });
                assert_eq!(number, 7, "the permit was released after 7 was written");
                run.outcome("seen");
            } else {
                run.outcome("none yet");
            }
            writer.join().unwrap();
        });
}

const ONE_IS_FREE: &str = "two permits were released, and only one thread waits, so one permit is free, but try_acquire \
                           returned false";
