//! One holder at a time, and no sleeper forgotten, whichever process is killed.

// The data behind the semaphore is in a loom cell, so that a second holder is caught as a data race.
#![allow(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;

use lanes::cell::UnsafeCell;
use lanes::thread::{JoinHandle, spawn_named};
use lanes::{Model, Run};

use super::{LEFT, MASTER, MILLISECOND, RIGHT, VICTIM, mortal};
use crate::std_in_models::{Sigkill, step_done};
use crate::{Acquired, SharedSemaphore};
use verdict::test;

/// Two numbers behind a semaphore, which are equal whenever no process works on them.
struct GuardedPair {
    semaphore: SharedSemaphore,
    pair: UnsafeCell<(u32, u32)>,
}

// SAFETY: `pair` is accessed only by the holder of the semaphore. If two hold it, loom's cell reports it.
unsafe impl Sync for GuardedPair {}
// SAFETY: plain numbers and a semaphore may move to another thread.
unsafe impl Send for GuardedPair {}

impl GuardedPair {
    fn new() -> Arc<GuardedPair> {
        Arc::new(GuardedPair { semaphore: SharedSemaphore::new(), pair: UnsafeCell::new((0, 0)) })
    }

    /// Waits for the semaphore and works on the pair. Returns whether it was told that the previous owner died.
    fn work(&self, pid: u32) -> bool {
        self.work_inside(self.semaphore.acquire(pid))
    }

    /// Adds 1 to both numbers, with a possible death in between; repairs them first if the previous owner died.
    fn work_inside(&self, acquired: Acquired<'_>) -> bool {
        let Acquired { guard, owner_died } = acquired;
        self.with_pair(|pair| {
            if owner_died {
                pair.1 = pair.0;
            }
            assert_eq!(pair.0, pair.1, "an owner died between its two writes, and the next one was not told; the two numbers, which must be equal");
            pair.0 += 1;
        });
        step_done();
        self.with_pair(|pair| pair.1 += 1);
        drop(guard);
        owner_died
    }

    fn with_pair<R>(&self, work: impl FnOnce(&mut (u32, u32)) -> R) -> R {
        // SAFETY: the caller holds the semaphore, or all other threads have ended, so no other thread accesses the
        // cell.
        self.pair.with_mut(|pair| work(unsafe { &mut *pair }))
    }
}

/// A process that works on the pair once.
fn worker(name: &str, pid: u32, guarded: &Arc<GuardedPair>) -> JoinHandle<bool> {
    let guarded = Arc::clone(guarded);
    spawn_named(name, move || guarded.work(pid))
}

/// The same, but the signal may kill it at any step. Then it returns `None`.
fn victim(run: &Run, sigkill: &Sigkill, guarded: &Arc<GuardedPair>) -> JoinHandle<Option<bool>> {
    let guarded = Arc::clone(guarded);
    mortal(run, sigkill, move || guarded.work(VICTIM))
}

/// Checks only this, so that a verdict about a lost wake-up does not name another promise.
///
/// Catches: a release that wakes nobody, or that wakes before the word is free; reading the word and then
/// storing 0 to release it; sleeping without having set `WAITERS`.
#[test]
fn a_release_lets_in_one_of_the_threads_that_wait() {
    Model::new("a release lets in one of the threads that wait").outcomes(&["both had it"]).check(|run| {
        let semaphore = Arc::new(SharedSemaphore::new());
        let held = semaphore.acquire(RIGHT);
        let left = spawn_named("left", {
            let semaphore = Arc::clone(&semaphore);
            move || drop(semaphore.acquire(LEFT))
        });
        drop(held);
        left.join().unwrap();
        run.outcome("both had it");
    });
}

/// Catches: taking the semaphore, or releasing it, with `Relaxed`; checking the word and then taking it.
#[test]
fn one_holder_at_a_time() {
    Model::new("one holder at a time, which sees what the holders before it wrote")
        .outcomes(&["both worked"])
        .check(|run| {
            let guarded = GuardedPair::new();
            let left = worker("left", LEFT, &guarded);
            let right_told = guarded.work(RIGHT);
            let left_told = left.join().unwrap();
            assert!(!left_told && !right_told, "no owner died, yet one was told so");
            let lost = "two holders each added one to both, and what one added is lost";
            guarded.with_pair(|pair| assert_eq!(*pair, (2, 2), "{lost}"));
            run.outcome("both worked");
        });
}

/// Catches: taking the semaphore without `WAITERS` after a sleep, so that the other sleeper sleeps on.
#[test]
fn each_of_two_sleepers_is_woken() {
    Model::new("two threads that sleep on the semaphore are both woken").outcomes(&["all worked"]).check(
        |run| {
            let guarded = GuardedPair::new();
            let held = guarded.semaphore.acquire(MASTER);
            let left = worker("left", LEFT, &guarded);
            let right = worker("right", RIGHT, &guarded);
            guarded.work_inside(held);
            left.join().unwrap();
            right.join().unwrap();
            let lost = "three holders each added one to both, and what one added is lost";
            guarded.with_pair(|pair| assert_eq!(*pair, (3, 3), "{lost}"));
            run.outcome("all worked");
        },
    );
}

/// A process with a short patience is woken by the release, but the master takes the semaphore first, so it gives up.
/// Its wake-up was the only one.
///
/// Catches: giving up before `WAITERS` is set again (no other model does); taking the semaphore by force when
/// the time is up.
#[test]
fn a_thread_that_gives_up_passes_the_wake_up_on() {
    Model::new("a bounded wait that ends leaves no thread asleep").outcomes(&["in time", "gave up"]).check(
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

/// What an acquire without patience may return.
const NONE: &str = "None, because another thread held it";
const SOME: &str = "Some, because it was free";

/// LEFT holds the semaphore when RIGHT asks for it, or has released it.
/// Catches: taking the semaphore by force when the time is up; a guard that does not release.
#[test]
fn no_patience_means_no_sleep() {
    Model::new("a bounded acquire without patience never sleeps").outcomes(&[NONE, SOME]).check(|run| {
        let guarded = GuardedPair::new();
        let held = guarded.semaphore.acquire(LEFT);
        let other = spawn_named("other", {
            let guarded = Arc::clone(&guarded);
            move || {
                guarded.semaphore.acquire_within(RIGHT, Duration::ZERO).map(|got| guarded.work_inside(got))
            }
        });
        guarded.work_inside(held);
        run.outcome(if other.join().unwrap().is_some() { SOME } else { NONE });
    });
}

/// Catches: a settle that frees the semaphore whichever process owns it (no other model does), that does not set
/// `DIED`, that wakes nobody, that compares the whole word and so overlooks an owner with `WAITERS`, or that is
/// `Relaxed`; an owner that is not told.
#[test]
fn a_holder_killed_anywhere_freezes_no_thread() {
    Model::new("wherever a thread is killed, the others get in, and one is told of a half-written pair")
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

/// The victim dies after it was woken and before it takes the word, or after it frees the word and before it wakes.
///
/// Catches: a settle that wakes a sleeper only if the dead process was the owner.
#[test]
fn a_process_killed_with_a_wake_up_leaves_no_thread_asleep() {
    Model::new("a process that is killed with a wake-up to take, or to give, leaves no other thread asleep")
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
fn the_one_that_repairs_may_be_killed_too() {
    Model::new("a death is reported until a holder that was told of it has released the semaphore")
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
                _ => "no thread was told, or too many",
            });
        });
}

/// Why all this is needed. An ordinary semaphore is this one without `settle`, and loom finds a process that sleeps
/// forever: the one that dies need not even be the holder, only one that has released and not yet woken.
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

/// Patience for two sleeps.
const AN_HOUR: Duration = Duration::from_secs(3600);

/// The master takes the semaphore twice, so there are two wake-ups at most. Time for two sleeps is enough: after the
/// second release, the semaphore is free.
///
/// Catches: a bounded acquire that gives up because it was woken and found the semaphore taken again.
#[test]
fn a_thread_that_is_woken_too_early_goes_on_waiting() {
    Model::new("a bounded acquire that is woken too early goes on waiting").outcomes(&["got it"]).check(
        |run| {
            let run = *run;
            let guarded = GuardedPair::new();
            let held = guarded.semaphore.acquire(MASTER);
            let bounded = spawn_named("bounded", {
                let guarded = Arc::clone(&guarded);
                move || {
                    let acquired = guarded.semaphore.acquire_within(LEFT, AN_HOUR);
                    let acquired = acquired
                        .expect("a bounded acquire gave up after a wake-up, and its time was not over");
                    guarded.work_inside(acquired);
                    run.outcome("got it");
                }
            });
            guarded.work_inside(held);
            guarded.work(MASTER);
            bounded.join().unwrap();
        },
    );
}

/// The bounded acquire has time for two sleeps: the first may end for nothing (a signal), the second ends by the
/// release.
///
/// Catches: a bounded acquire that finds the word unchanged when it is woken, and so believes that its time is over.
#[test]
fn a_thread_that_is_woken_for_nothing_goes_on_waiting() {
    Model::new("a bounded acquire that is woken for nothing goes on waiting")
        .wakes_for_nothing()
        .outcomes(&["got it"])
        .check(|run| {
            let guarded = GuardedPair::new();
            let held = guarded.semaphore.acquire(MASTER);
            let bounded = spawn_named("bounded", {
                let guarded = Arc::clone(&guarded);
                move || {
                    let acquired = guarded.semaphore.acquire_within(LEFT, AN_HOUR);
                    let acquired = acquired.expect(
                        "a bounded acquire gave up after a wake-up for nothing, although its time was not over",
                    );
                    guarded.work_inside(acquired);
                }
            });
            guarded.work_inside(held);
            bounded.join().unwrap();
            run.outcome("got it");
        });
}

/// Catches: a settle that tries a weak exchange only once (no other model does).
#[test]
fn a_settle_frees_the_word_even_if_an_exchange_fails_for_nothing() {
    Model::new("a settle frees what the dead process held, even if an exchange fails for nothing")
        .wakes_often_for_nothing()
        .outcomes(&["told"])
        .check(|run| {
            let semaphore = Arc::new(SharedSemaphore::new());
            // LEFT dies inside.
            std::mem::forget(semaphore.acquire(LEFT));
            // On a thread of its own, so that its first exchange is one of settle.
            let master = spawn_named("master", {
                let semaphore = Arc::clone(&semaphore);
                move || semaphore.settle(LEFT)
            });
            let told = semaphore.acquire(RIGHT).owner_died;
            master.join().unwrap();
            run.outcome(if told { "told" } else { "not told" });
        });
}

/// A process id names a process with all its threads.
///
/// Catches: an acquire that gives up, or panics, because its own process holds the semaphore (no other model does).
#[test]
fn a_thread_waits_for_another_thread_of_its_process() {
    Model::new("a thread waits while another thread of its own process holds the semaphore")
        .outcomes(&["got it"])
        .check(|run| {
            let semaphore = Arc::new(SharedSemaphore::new());
            let held = semaphore.acquire(LEFT);
            let other = spawn_named("other", {
                let semaphore = Arc::clone(&semaphore);
                move || semaphore.acquire_within(LEFT, AN_HOUR).is_some()
            });
            drop(held);
            assert!(
                other.join().unwrap(),
                "two threads of process {LEFT}: main held the semaphore and released it. The other one called \
                 acquire_within with a patience of an hour, and got None"
            );
            run.outcome("got it");
        });
}

/// The first death is settled: one sleeper was woken, and it may be the victim. It has not taken the semaphore yet.
///
/// Catches: a settle that wakes no thread because the word is `DIED` already, by the death before (no other model does).
#[test]
fn a_second_death_leaves_no_thread_asleep() {
    Model::new("when a holder dies, and then the process that was woken, a thread that sleeps is woken")
        .preemption_bound(2)
        .outcomes(&["killed", "not killed"])
        .check(|run| {
            let guarded = GuardedPair::new();
            // LEFT dies inside.
            std::mem::forget(guarded.semaphore.acquire(LEFT));
            let sigkill = Sigkill::new();
            let victim = victim(run, &sigkill, &guarded);
            let survivor = worker("survivor", RIGHT, &guarded);
            guarded.semaphore.settle(LEFT);
            sigkill.send();
            let killed = victim.join().unwrap().is_none();
            guarded.semaphore.settle(VICTIM);
            survivor.join().unwrap();
            run.outcome(if killed { "killed" } else { "not killed" });
        });
}

/// One thread of the victim has freed the word and not yet woken the survivor, when the other one takes the word. It
/// has not slept, so it takes the word without `WAITERS`.
///
/// Catches: a settle that wakes no thread because the word of the dead owner has no `WAITERS` (no other model does).
#[test]
fn a_process_of_two_threads_that_dies_leaves_no_thread_asleep() {
    Model::new(
        "a process is killed while two of its threads use the semaphore, and a thread that sleeps is woken",
    )
    .preemption_bound(2)
    .outcomes(&["killed", "not killed"])
    .check(|run| {
        let guarded = GuardedPair::new();
        let sigkill = Sigkill::new();
        let threads = ["victim 1", "victim 2"].map(|name| {
            let (run, sigkill, guarded) = (*run, sigkill.clone(), Arc::clone(&guarded));
            spawn_named(name, move || {
                let lived = sigkill.victim(|| {
                    let acquired = guarded.semaphore.acquire_within(VICTIM, Duration::ZERO);
                    acquired.map(|acquired| guarded.work_inside(acquired))
                });
                if lived.is_none() {
                    run.note("killed");
                }
                lived.is_some()
            })
        });
        let survivor = worker("survivor", RIGHT, &guarded);
        sigkill.send();
        let lived = threads.map(|thread| thread.join().unwrap());
        guarded.semaphore.settle(VICTIM);
        survivor.join().unwrap();
        run.outcome(if lived == [true; 2] { "not killed" } else { "killed" });
    });
}
