//! What the shim's own types promise: nothing that can happen with their namesakes in `std` is left out.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use lanes::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use lanes::sync::{Condvar, Mutex, MutexGuard, RwLock};
use lanes::{Model, thread};

#[test]
fn a_relaxed_load_may_return_an_old_value() {
    Model::new("relaxed orderings promise nothing about other variables")
        .outcomes(&["nothing written", "flag without data", "both written"])
        .check(|run| {
            let words = Arc::new((AtomicU32::new(0), AtomicU32::new(0)));
            let writer = words.clone();
            let thread = thread::spawn(move || {
                writer.0.store(1, Ordering::Relaxed);
                writer.1.store(1, Ordering::Relaxed);
            });
            let flag = words.1.load(Ordering::Relaxed);
            let data = words.0.load(Ordering::Relaxed);
            thread.join().unwrap();
            run.outcome(match (flag, data) {
                (1, 1) => "both written",
                (1, _) => "flag without data",
                _ => "nothing written",
            });
        });
}

#[test]
fn an_acquire_load_of_a_release_store_sees_what_was_written_before_it() {
    Model::new("who sees the flag sees the data").outcomes(&["no flag", "flag and data"]).check(|run| {
        let words = Arc::new((AtomicU32::new(0), AtomicU32::new(0)));
        let writer = words.clone();
        let thread = thread::spawn(move || {
            writer.0.store(1, Ordering::Relaxed);
            writer.1.store(1, Ordering::Release);
        });
        let flag = words.1.load(Ordering::Acquire);
        let data = words.0.load(Ordering::Relaxed);
        thread.join().unwrap();
        match (flag, data) {
            (1, data) => {
                assert_eq!(data, 1);
                run.outcome("flag and data");
            }
            _ => run.outcome("no flag"),
        }
    });
}

#[test]
fn readers_share_and_writers_do_not() {
    Model::new("a reader-writer lock lets readers in together")
        .outcomes(&["readers met", "one after the other"])
        .check(|run| {
            let lock = Arc::new((RwLock::new(0), AtomicUsize::new(0)));
            let run = *run;
            let reader = {
                let lock = lock.clone();
                move || {
                    let value = lock.0.read().unwrap();
                    let inside = 1 + lock.1.fetch_add(1, Ordering::Relaxed);
                    run.outcome(if inside == 2 { "readers met" } else { "one after the other" });
                    assert!(*value == 0 || *value == 1);
                    lock.1.fetch_sub(1, Ordering::Relaxed);
                }
            };
            let threads = [thread::spawn(reader.clone()), thread::spawn(reader)];
            let mut value = lock.0.write().unwrap();
            assert_eq!(lock.1.fetch_add(0, Ordering::Relaxed), 0, "a writer is alone");
            *value += 1;
            drop(value);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
}

#[test]
fn each_sleeper_is_woken() {
    Model::new("notify_one wakes one, notify_all wakes all").check(|_| {
        let state = Arc::new((Mutex::new(0), Condvar::new()));
        let sleep = || {
            let state = state.clone();
            move || {
                let mut permits = state.0.lock().unwrap();
                while *permits == 0 {
                    permits = state.1.wait(permits).unwrap();
                }
                *permits -= 1;
            }
        };
        let threads = [thread::spawn(sleep()), thread::spawn(sleep()), thread::spawn(sleep())];
        *state.0.lock().unwrap() += 1;
        state.1.notify_one();
        *state.0.lock().unwrap() += 2;
        state.1.notify_all();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_model_may_throw_and_catch() {
    struct AddsOnDrop(Arc<Mutex<u32>>);
    impl Drop for AddsOnDrop {
        fn drop(&mut self) {
            *self.0.lock().unwrap() += 1;
        }
    }
    Model::new("what is dropped by unwinding may take locks").check(|_| {
        let sum = Arc::new(Mutex::new(0));
        let value = AddsOnDrop(sum.clone());
        let thread = thread::spawn(move || {
            let thrown = catch_unwind(AssertUnwindSafe(|| {
                let _value = value;
                resume_unwind(Box::new("thrown"));
            }));
            assert!(thrown.is_err());
        });
        *sum.lock().unwrap() += 1;
        thread.join().unwrap();
        assert_eq!(*sum.lock().unwrap(), 2);
    });
}

/// The condition variable is the shim's own, so that lanes can show when a thread falls asleep. It must have
/// all the interleavings that loom's has: here is the same program with both, and the number of
/// interleavings.
#[test]
fn the_condition_variable_has_as_many_interleavings_as_looms() {
    let ours = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = ours.clone();
    Model::new("two permits for two sleepers").preemption_bound(2).check(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        let state = Arc::new((Mutex::new(0), Condvar::new()));
        let take = || {
            let state = state.clone();
            move || {
                let mut permits: MutexGuard<'_, u32> = state.0.lock().unwrap();
                while *permits == 0 {
                    permits = state.1.wait(permits).unwrap();
                }
                *permits -= 1;
            }
        };
        let threads = [thread::spawn(take()), thread::spawn(take())];
        for _ in 0..2 {
            *state.0.lock().unwrap() += 1;
            state.1.notify_one();
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });

    let looms = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = looms.clone();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        let state = Arc::new((loom::sync::Mutex::new(0), loom::sync::Condvar::new()));
        let take = || {
            let state = state.clone();
            move || {
                let mut permits: loom::sync::MutexGuard<'_, u32> = state.0.lock().unwrap();
                while *permits == 0 {
                    permits = state.1.wait(permits).unwrap();
                }
                *permits -= 1;
            }
        };
        let threads = [loom::thread::spawn(take()), loom::thread::spawn(take())];
        for _ in 0..2 {
            *state.0.lock().unwrap() += 1;
            state.1.notify_one();
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    assert_eq!(ours.load(Ordering::Relaxed), looms.load(Ordering::Relaxed));
}
