//! Loom models of the `stats` part. Each doc comment names the mistakes that the model was seen to catch.
//!
//! A thread stands for a process, `main` for the master. A histogram has two buckets here and there are two
//! counters for status codes; the code that uses them is the real one. How processes die is told in
//! model_side.rs.

// The data behind the semaphore are in a loom cell, so that a second holder is caught as a data race.
#![allow(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;

use lanes::cell::UnsafeCell;
use lanes::thread::{JoinHandle, spawn_named};
use lanes::{Model, Run};

use crate::model_side::{Sigkill, step_done};
use crate::{Acquired, Response, SharedSemaphore, SharedStats, Slot};

const MASTER: u32 = 1;
const VICTIM: u32 = 2;
const LEFT: u32 = 3;
const RIGHT: u32 = 4;

const MILLISECOND: Duration = Duration::from_millis(1);
const RESPONSE: Response = Response { status: 200, bytes: 100, duration: MILLISECOND };

/// Two numbers that are equal whenever nobody is at work on them, behind a semaphore.
struct GuardedPair {
    semaphore: SharedSemaphore,
    pair: UnsafeCell<(u32, u32)>,
}

// SAFETY: `pair` is accessed only by the holder of the semaphore. If that fails, loom's cell notices.
unsafe impl Sync for GuardedPair {}
// SAFETY: as above.
unsafe impl Send for GuardedPair {}

impl GuardedPair {
    fn new() -> Arc<GuardedPair> {
        Arc::new(GuardedPair { semaphore: SharedSemaphore::new(), pair: UnsafeCell::new((0, 0)) })
    }

    /// Waits for the semaphore and goes to work on the pair. Whether it was told that the owner before died.
    fn work(&self, pid: u32) -> bool {
        self.work_inside(self.semaphore.acquire(pid))
    }

    /// Adds 1 to both numbers, with a moment to die in between; repairs them first if told to.
    fn work_inside(&self, acquired: Acquired<'_>) -> bool {
        let Acquired { guard, owner_died } = acquired;
        self.with_pair(|pair| {
            if owner_died {
                pair.1 = pair.0;
            }
            assert_eq!(pair.0, pair.1, "the pair is half written, and the next owner was not told");
            pair.0 += 1;
        });
        step_done();
        self.with_pair(|pair| pair.1 += 1);
        drop(guard);
        owner_died
    }

    fn with_pair<R>(&self, work: impl FnOnce(&mut (u32, u32)) -> R) -> R {
        // SAFETY: the caller holds the semaphore, or all other threads have ended, so nobody else is in the
        // cell.
        self.pair.with_mut(|pair| work(unsafe { &mut *pair }))
    }
}

/// A process that works on the pair once.
fn worker(name: &str, pid: u32, guarded: &Arc<GuardedPair>) -> JoinHandle<bool> {
    let guarded = Arc::clone(guarded);
    spawn_named(name, move || guarded.work(pid))
}

/// The same, but the signal may kill it at any step. Then it returns nothing.
fn victim(run: &Run, sigkill: &Sigkill, guarded: &Arc<GuardedPair>) -> JoinHandle<Option<bool>> {
    let guarded = Arc::clone(guarded);
    mortal(run, sigkill, move || guarded.work(VICTIM))
}

/// A process that the signal may kill at any step. Then it returns nothing.
fn mortal<R: Send + 'static>(
    run: &Run,
    sigkill: &Sigkill,
    work: impl FnOnce() -> R + Send + 'static,
) -> JoinHandle<Option<R>> {
    let (run, sigkill) = (*run, sigkill.clone());
    spawn_named("victim", move || {
        let result = sigkill.victim(work);
        if result.is_none() {
            run.note("killed");
        }
        result
    })
}

/// Catches: taking the semaphore, or releasing it, with `Relaxed`; reading the word and then storing 0 to
/// release it; waking before the word is free; sleeping without having set `WAITERS`.
#[test]
fn one_holder_at_a_time() {
    Model::new("one holder at a time, who sees what the holders before wrote")
        .outcomes(&["both worked"])
        .check(|run| {
            let guarded = GuardedPair::new();
            let left = worker("left", LEFT, &guarded);
            let right_told = guarded.work(RIGHT);
            let left_told = left.join().unwrap();
            assert!(!left_told && !right_told, "nobody died, yet an owner was told so");
            guarded.with_pair(|pair| assert_eq!(*pair, (2, 2)));
            run.outcome("both worked");
        });
}

/// Catches: taking the semaphore over without `WAITERS` after having slept, so that the other one sleeps on;
/// a release that wakes nobody.
#[test]
fn each_of_two_sleepers_is_woken() {
    Model::new("two who sleep on the semaphore are both woken").outcomes(&["all worked"]).check(|run| {
        let guarded = GuardedPair::new();
        let held = guarded.semaphore.acquire(MASTER);
        let left = worker("left", LEFT, &guarded);
        let right = worker("right", RIGHT, &guarded);
        guarded.work_inside(held);
        left.join().unwrap();
        right.join().unwrap();
        guarded.with_pair(|pair| assert_eq!(*pair, (3, 3)));
        run.outcome("all worked");
    });
}

/// The hasty one is woken by the release, but the master is faster; so it gives up. Its wake-up was the only
/// one.
///
/// Catches: giving up before `WAITERS` is set again (no other model does); taking the semaphore by force when
/// the time is up.
#[test]
fn who_gives_up_passes_the_wake_up_on() {
    Model::new("a bounded wait that ends leaves nobody asleep").outcomes(&["in time", "gave up"]).check(
        |run| {
            let run = *run;
            let guarded = GuardedPair::new();
            let held = guarded.semaphore.acquire(MASTER);
            let hasty = spawn_named("hasty", {
                let guarded = Arc::clone(&guarded);
                move || match guarded.semaphore.acquire_within(LEFT, MILLISECOND) {
                    Some(acquired) => {
                        guarded.work_inside(acquired);
                        run.outcome("in time");
                    }
                    None => run.outcome("gave up"),
                }
            });
            let patient = worker("patient", RIGHT, &guarded);
            guarded.work_inside(held);
            guarded.work(MASTER);
            hasty.join().unwrap();
            patient.join().unwrap();
        },
    );
}

/// Catches: taking the semaphore by force when the time is up; a guard that does not release.
#[test]
fn no_patience_means_no_sleep() {
    Model::new("a bounded acquire without patience never sleeps").outcomes(&["got it", "gave up"]).check(
        |run| {
            let guarded = GuardedPair::new();
            let held = guarded.semaphore.acquire(LEFT);
            let other = spawn_named("other", {
                let guarded = Arc::clone(&guarded);
                move || {
                    guarded
                        .semaphore
                        .acquire_within(RIGHT, Duration::ZERO)
                        .map(|got| guarded.work_inside(got))
                }
            });
            guarded.work_inside(held);
            run.outcome(if other.join().unwrap().is_some() { "got it" } else { "gave up" });
        },
    );
}

/// Catches: a settle that frees the semaphore of whoever owns it (no other model does), that does not set
/// `DIED`, that wakes nobody, that compares the whole word and so overlooks an owner with `WAITERS`, or that
/// is `Relaxed`; an owner that is not told.
#[test]
fn a_holder_killed_anywhere_freezes_nobody() {
    Model::new(
        "whoever is killed, wherever it was: the others get in, and one is told of a half-written pair",
    )
    .preemption_bound(2)
    .outcomes(&["killed, one was told", "killed, no need to tell", "not killed"])
    .check(|run| {
        let guarded = GuardedPair::new();
        let sigkill = Sigkill::new();
        let victim = victim(run, &sigkill, &guarded);
        let left = worker("left", LEFT, &guarded);
        let right = worker("right", RIGHT, &guarded);
        sigkill.send();
        let killed = victim.join().unwrap().is_none();
        guarded.semaphore.settle(VICTIM);
        let told = [left.join().unwrap(), right.join().unwrap()];
        run.outcome(match (killed, told) {
            (true, [true, true]) => "killed, two were told",
            (true, [true, false] | [false, true]) => "killed, one was told",
            (true, [false, false]) => "killed, no need to tell",
            (false, [false, false]) => "not killed",
            (false, _) => "not killed, and yet one was told",
        });
    });
}

/// Catches: a settle that wakes somebody only if the dead process was the owner.
#[test]
fn a_wake_up_given_to_a_dead_process_is_not_lost() {
    Model::new(
        "when a process is killed between being woken and taking the semaphore, the next sleeper is woken",
    )
    .outcomes(&["killed", "not killed"])
    .check(|run| {
        let guarded = GuardedPair::new();
        let held = guarded.semaphore.acquire(MASTER);
        let sigkill = Sigkill::new();
        let victim = victim(run, &sigkill, &guarded);
        let survivor = worker("survivor", LEFT, &guarded);
        guarded.work_inside(held);
        sigkill.send();
        let killed = victim.join().unwrap().is_none();
        guarded.semaphore.settle(VICTIM);
        survivor.join().unwrap();
        run.outcome(if killed { "killed" } else { "not killed" });
    });
}

/// Catches: an owner that is not told; a settle that does not set `DIED`, or that is `Relaxed`.
#[test]
fn the_one_who_repairs_may_be_killed_too() {
    Model::new("a death is reported until one who was told has released the semaphore")
        .outcomes(&[
            "the victim repaired",
            "the victim repaired and was killed after",
            "the survivor repaired",
            "the survivor repaired what the victim had begun to repair",
        ])
        .check(|run| {
            let guarded = GuardedPair::new();
            // LEFT dies inside, in the middle of its work.
            std::mem::forget(guarded.semaphore.acquire(LEFT));
            guarded.with_pair(|pair| pair.0 += 1);
            guarded.semaphore.settle(LEFT);

            let sigkill = Sigkill::new();
            let victim = victim(run, &sigkill, &guarded);
            let survivor = worker("survivor", RIGHT, &guarded);
            sigkill.send();
            let victim_told = victim.join().unwrap();
            guarded.semaphore.settle(VICTIM);
            let survivor_told = survivor.join().unwrap();
            let worked = guarded.with_pair(|pair| pair.0 - 1);
            run.outcome(match (victim_told, survivor_told, worked) {
                (Some(true), false, 2) => "the victim repaired",
                (None, false, 2) => "the victim repaired and was killed after",
                (Some(false), true, 2) | (None, true, 1) => "the survivor repaired",
                (None, true, 2) => "the survivor repaired what the victim had begun to repair",
                _ => "nobody was told, or too many",
            });
        });
}

/// Why all this is needed. An ordinary semaphore is this one without `settle`, and loom finds the process
/// that sleeps for ever: it need not even be the holder who dies, only one who has released and not yet
/// woken.
#[test]
#[should_panic(expected = "deadlock")]
fn without_a_settle_a_dead_holder_freezes_the_others() {
    Model::new("an ordinary semaphore survives its holder (it does not)").check(|run| {
        let guarded = GuardedPair::new();
        let sigkill = Sigkill::new();
        let victim = victim(run, &sigkill, &guarded);
        let survivor = worker("survivor", LEFT, &guarded);
        sigkill.send();
        victim.join().unwrap();
        survivor.join().unwrap();
    });
}

/// Catches: loading and storing instead of `fetch_add`, in any of the four numbers.
#[test]
fn no_response_is_lost() {
    Model::new("two threads that count at once both count").outcomes(&["both counted"]).check(|run| {
        let slot = Arc::new(Slot::new());
        let other = spawn_named("other", {
            let slot = Arc::clone(&slot);
            move || slot.record(&RESPONSE)
        });
        slot.record(&RESPONSE);
        other.join().unwrap();
        let counters = slot.snapshot().counters;
        assert_eq!(counters.requests(), 2, "two responses were recorded");
        assert_eq!(counters.bytes_sent, 200, "two responses of 100 bytes were recorded");
        assert_eq!(counters.durations.count(), 2, "two durations were recorded");
        assert_eq!(counters.durations.sum_nanoseconds, 2_000_000, "two durations of 1 ms were recorded");
        run.outcome("both counted");
    });
}

/// Catches: a writer that adds the status first, or before the duration; a reader that reads bytes or
/// durations first; `Relaxed` on either side.
#[test]
fn a_counted_response_has_its_bytes_and_its_duration() {
    Model::new("a snapshot with a response in it has the response's bytes and duration")
        .outcomes(&["none counted", "one counted", "two counted", "details ahead"])
        .check(|run| {
            let slot = Arc::new(Slot::new());
            let writers = [("left", 200), ("right", 500)].map(|(name, status)| {
                let slot = Arc::clone(&slot);
                spawn_named(name, move || slot.record(&Response { status, ..RESPONSE }))
            });
            let counters = slot.snapshot().counters;
            let requests = counters.requests();
            assert!(counters.bytes_sent >= 100 * requests, "a counted response without its bytes");
            assert!(counters.durations.count() >= requests, "a counted response that is in no bucket");
            assert!(
                counters.durations.sum_nanoseconds >= 1_000_000 * requests,
                "a counted response took no time"
            );
            run.outcome(match requests {
                _ if counters.bytes_sent > 100 * requests => "details ahead",
                0 => "none counted",
                1 => "one counted",
                _ => "two counted",
            });
            writers.into_iter().for_each(|writer| writer.join().unwrap());
        });
}

/// Catches: a settle that also zeroes counters, or settles the wrong seat; reading the time before the number
/// of responses.
#[test]
fn totals_never_go_back() {
    Model::new("no total goes back, also when the worker is killed and its seat is settled")
        .outcomes(&["none, then none", "none, then one", "one, then one"])
        .check(|run| {
            let slot = Arc::new(Slot::new());
            let sigkill = Sigkill::new();
            let worker = mortal(run, &sigkill, {
                let slot = Arc::clone(&slot);
                move || {
                    slot.seat(0).connection_opened();
                    slot.record(&RESPONSE);
                }
            });
            let reader = spawn_named("reader", {
                let slot = Arc::clone(&slot);
                move || [slot.served(), slot.served()]
            });
            sigkill.send();
            worker.join().unwrap();
            slot.settle(0);
            let [first, second] = reader.join().unwrap();
            let last = slot.snapshot();
            assert_eq!(last.seats[0].gauges.connections_active, 0, "the seat was settled");
            let last = slot.served();
            for total in [first, second, last] {
                assert!(
                    total.nanoseconds >= 1_000_000 * total.requests,
                    "responses without their time: {total:?}"
                );
            }
            for (earlier, later) in [(first, second), (second, last)] {
                assert!(later.requests >= earlier.requests, "requests: {later:?} after {earlier:?}");
                assert!(later.nanoseconds >= earlier.nanoseconds, "time: {later:?} after {earlier:?}");
            }
            run.outcome(match (first.requests, second.requests) {
                (0, 0) => "none, then none",
                (0, _) => "none, then one",
                _ => "one, then one",
            });
        });
}

/// Catches: reading the totals before the semaphore is taken; releasing it before "last" is replaced; a
/// semaphore whose acquire or release is `Relaxed`.
#[test]
fn each_response_falls_into_exactly_one_interval() {
    Model::new("the intervals of two scrapers add up to what was counted")
        .outcomes(&[
            "both for one scraper",
            "one for each",
            "one for the next scrape",
            "both for the next scrape",
        ])
        .check(|run| {
            let stats = Arc::new(SharedStats::new(1).unwrap());
            let writer = spawn_named("writer", {
                let stats = Arc::clone(&stats);
                move || {
                    stats.slot(0).record(&RESPONSE);
                    stats.slot(0).record(&RESPONSE);
                }
            });
            let left = spawn_named("left", {
                let stats = Arc::clone(&stats);
                move || stats.scrape(LEFT)
            });
            let right = stats.scrape(RIGHT).unwrap_or_default();
            let left = left.join().unwrap().unwrap_or_default();
            writer.join().unwrap();
            let next = stats.scrape(MASTER).unwrap();
            let all = [left, right, next];
            assert_eq!(all.iter().map(|interval| interval.requests).sum::<u64>(), 2, "{all:?}");
            assert_eq!(
                all.iter().map(|interval| interval.duration).sum::<Duration>(),
                2 * MILLISECOND,
                "{all:?}"
            );
            assert!(all.iter().all(|interval| !interval.recovered), "nobody died: {all:?}");
            run.outcome(match all.map(|interval| interval.requests) {
                [2, 0, 0] | [0, 2, 0] => "both for one scraper",
                [1, 1, 0] => "one for each",
                [_, _, 1] => "one for the next scrape",
                _ => "both for the next scrape",
            });
        });
}

/// Catches: using "last" although its owner died; not replacing it then; releasing the semaphore too early.
#[test]
fn a_scraper_killed_anywhere_leaves_no_torn_interval() {
    Model::new("a scraper that is killed takes its own interval with it and spoils no other")
        .outcomes(&["killed before", "killed inside", "killed after", "not killed"])
        .check(|run| {
            let stats = Arc::new(SharedStats::new(1).unwrap());
            stats.slot(0).record(&RESPONSE);
            let sigkill = Sigkill::new();
            let victim = mortal(run, &sigkill, {
                let stats = Arc::clone(&stats);
                move || stats.scrape(VICTIM)
            });
            let survivor = spawn_named("survivor", {
                let stats = Arc::clone(&stats);
                move || stats.scrape(LEFT)
            });
            sigkill.send();
            let victim = victim.join().unwrap();
            stats.settle(VICTIM);
            let survivor = survivor.join().unwrap();
            stats.slot(0).record(&RESPONSE);
            let next = stats.scrape(MASTER).expect("nobody else scrapes any more");

            let got = [victim.flatten(), survivor, Some(next)].map(Option::unwrap_or_default);
            for interval in got {
                let whole = MILLISECOND * u32::try_from(interval.requests).unwrap();
                assert_eq!(interval.duration, whole, "{interval:?} is torn: each response took 1 ms");
            }
            let requests: u64 = got.iter().map(|interval| interval.requests).sum();
            let recovered = got.iter().any(|interval| interval.recovered);
            run.outcome(match (victim.is_none(), recovered, requests) {
                (false, false, 2) => "not killed",
                (true, false, 2) => "killed before",
                (true, true, 1) => "killed inside",
                (true, false, 1) => "killed after",
                _ => "a response was lost or given twice",
            });
        });
}
