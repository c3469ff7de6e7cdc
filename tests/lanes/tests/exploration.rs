//! What the shim's own types promise: nothing that can happen with their namesakes in `std` is left out.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use lanes::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use lanes::sync::{Condvar, Mutex, MutexGuard, RwLock};
use lanes::{Model, Run, thread};

#[test]
fn a_release_store_and_a_relaxed_load_order_nothing() {
    one_writes_and_one_reads(
        Ordering::Release,
        Ordering::Relaxed,
        &["nothing", "flag without data", "flag and data"],
    );
}

#[test]
fn a_relaxed_store_and_an_acquire_load_order_nothing() {
    one_writes_and_one_reads(
        Ordering::Relaxed,
        Ordering::Acquire,
        &["nothing", "flag without data", "flag and data"],
    );
}

#[test]
fn an_acquire_load_of_a_release_store_sees_what_was_written_before_it() {
    one_writes_and_one_reads(Ordering::Release, Ordering::Acquire, &["nothing", "flag and data"]);
}

// ANCHOR: release_and_acquire
/// One thread writes data and then a flag. What can the other have seen?
fn one_writes_and_one_reads(store: Ordering, load: Ordering, outcomes: &[&str]) {
    Model::new("what is seen depends on the orderings").outcomes(outcomes).check(move |run| {
        let shared = Arc::new((AtomicU32::new(0), AtomicBool::new(false)));
        let written = shared.clone();
        let writer = thread::spawn_named("writer", move || {
            written.0.store(1, Ordering::Relaxed);
            written.1.store(true, store);
        });
        let flag = shared.1.load(load);
        let data = shared.0.load(Ordering::Relaxed);
        writer.join().unwrap();
        run.outcome(match (flag, data) {
            (false, _) => "nothing",
            (true, 0) => "flag without data",
            (true, _) => "flag and data",
        });
    });
}
// ANCHOR_END: release_and_acquire

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

/// A model that goes wrong only if its two threads take turns: odd steps are the other thread's, even ones
/// are main's, and each comes to nothing if it is not that step's turn. In the end the other thread need not
/// be interrupted: it is over.
fn needs_three_preemptions(bound: Option<usize>) {
    let model = Model::new("nobody gets to 5");
    let model = if let Some(bound) = bound { model.preemption_bound(bound) } else { model };
    model.check(|_| {
        let number = Arc::new(AtomicUsize::new(0));
        let step = |number: &AtomicUsize, from: usize| {
            let _ = number.compare_exchange(from, from + 1, Ordering::Relaxed, Ordering::Relaxed);
        };
        let other = number.clone();
        let thread = thread::spawn(move || [1, 3].iter().for_each(|&from| step(&other, from)));
        [0, 2, 4].iter().for_each(|&from| step(&number, from));
        assert_ne!(number.fetch_add(0, Ordering::Relaxed), 5, "five steps, taken in turns");
        thread.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "five steps, taken in turns")]
fn three_preemptions_are_tried_unless_told_otherwise() {
    needs_three_preemptions(None);
}

#[test]
fn no_more_preemptions_are_tried_than_allowed() {
    needs_three_preemptions(Some(2));
}

/// Loom takes limits from the environment, and calls a model that a limit has ended a success.
#[test]
fn the_environment_changes_nothing() {
    let this_program = std::env::current_exe().expect("a test program knows where it is");
    let output = std::process::Command::new(this_program)
        .args(["--exact", "three_preemptions_are_tried_unless_told_otherwise"])
        .args(["each_sleeper_is_woken"])
        .env("LOOM_MAX_PREEMPTIONS", "0")
        .env("LOOM_MAX_BRANCHES", "3")
        .env("LOOM_MAX_DURATION", "0")
        .env("LOOM_MAX_PERMUTATIONS", "1")
        .env("LOOM_CHECKPOINT_INTERVAL", "1")
        .output()
        .expect("a test program can start itself");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("2 passed"), "{text}");
}

/// The owner of a word writes 0 into it after another thread has changed it from the owner's value. In the order of all
/// writes to the word, that change comes right after the owner's exchange (\[atomics.order\] in the C++ standard), so the
/// 0 comes after both and is the last value. Loom alone lets the 0 come first.
#[test]
fn the_owners_store_comes_after_what_was_made_of_its_exchange() {
    const ORDER: Ordering = Ordering::SeqCst;
    Model::new("the last write is the owner's").outcomes(&["marked", "not marked"]).check(|run| {
        let word = Arc::new(AtomicU32::new(0));
        word.compare_exchange(0, 2, ORDER, ORDER).unwrap();
        let other = thread::spawn({
            let word = word.clone();
            move || word.compare_exchange(2, 66, ORDER, ORDER).is_ok()
        });
        word.store(0, ORDER);
        let is_marked = other.join().unwrap();
        assert_eq!(word.swap(1, ORDER), 0, "the owner's 0 was the last write");
        run.outcome(if is_marked { "marked" } else { "not marked" });
    });
}

/// The same for a thread that has only read the word: it read the owner's 2, and 66 was made of that 2.
#[test]
fn the_store_of_a_reader_comes_after_what_was_made_of_what_it_read() {
    const ORDER: Ordering = Ordering::SeqCst;
    Model::new("the last write is the store").outcomes(&["marked", "not marked"]).check(|run| {
        let word = Arc::new(AtomicU32::new(2));
        let settler = thread::spawn({
            let word = word.clone();
            move || {
                if word.load(ORDER) & 2 != 0 {
                    word.store(128, ORDER);
                }
            }
        });
        let is_marked = word.compare_exchange(2, 66, ORDER, ORDER).is_ok();
        settler.join().unwrap();
        assert_eq!(word.swap(1, ORDER), 128, "the settler's 128 was the last write");
        run.outcome(if is_marked { "marked" } else { "not marked" });
    });
}

/// Two threads and a main thread that each take a lock.
fn three_lock() {
    let lock = Arc::new(Mutex::new(0));
    let others = ["left", "right"].map(|name| {
        let lock = lock.clone();
        thread::spawn_named(name, move || *lock.lock().unwrap() += 1)
    });
    *lock.lock().unwrap() += 1;
    for other in others {
        other.join().unwrap();
    }
}

#[test]
fn a_walk_says_whether_it_was_walked_to_the_end() {
    let all = Model::new("three lock").walk(|_| three_lock());
    assert!(all.complete && all.failure.is_none(), "{all:?}");
    let some = Model::new("three lock").at_most(2).walk(|_| three_lock());
    assert_eq!((some.interleavings, some.complete), (2, false));
    assert!(some.failure.is_none() && all.interleavings > 2, "{some:?}, {all:?}");
}

#[test]
fn a_walk_that_fails_says_how_and_does_not_panic() {
    let walk = Model::new("three lock, and main is wrong").walk(|_| {
        three_lock();
        panic!("on purpose");
    });
    let failure = walk.failure.expect("it fails");
    assert!(!walk.complete && failure.starts_with("in interleaving 1: main panicked at "), "{failure}");
    assert!(failure.contains("on purpose") && failure.contains("step  main"), "{failure}");
}

/// A model that judges others would otherwise be recognized by how its part works, and a part could report the outcomes
/// of its own model, with a run that it has got elsewhere.
#[test]
fn a_run_is_only_of_use_in_its_own_model() {
    let uses: [fn(&Run); 3] = [
        |run| assert!(!run.has_done("lock")),
        |run| run.outcome("the part says so"),
        |run| run.note("the part says so"),
    ];
    let (sender, run) = std::sync::mpsc::channel();
    Model::new("a run").walk(move |run| sender.send(*run).expect("this test waits for it"));
    let run = run.recv().expect("the model has run");
    for use_it in uses {
        let walk = Model::new("another model").walk(move |own| {
            use_it(own);
            use_it(&run);
        });
        let failure = walk.failure.expect("a run of another model is refused");
        assert!(failure.contains("this is a run of another model"), "{failure}");
    }
}
