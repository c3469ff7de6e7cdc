//! A harness that never fails proves nothing: here each kind of failure is provoked, and its text is read.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use lanes::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use lanes::sync::{Condvar, Mutex};
use lanes::{Model, cell, thread};

/// Runs a check that must fail, and returns what it said.
fn complaint(check: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(check)).expect_err("the model should have failed");
    let text = payload.downcast_ref::<String>().expect("a failed model says something").clone();
    println!("{text}");
    text
}

/// The line of the lanes in which `what` stands, as a number; lanes are read from top to bottom.
#[track_caller]
fn line_of(text: &str, what: &str) -> usize {
    text.lines()
        .position(|line| line.contains(what))
        .unwrap_or_else(|| panic!("no line with `{what}` in:\n{text}"))
}

// ANCHOR: lost_update
fn lost_update() {
    Model::new("two increments are never one").check(|run| {
        let counter = Arc::new(Mutex::new(0));
        let other = counter.clone();
        let run = *run;
        let adder = thread::spawn_named("adder", move || {
            let seen = *other.lock().unwrap();
            run.note(format!("saw {seen}"));
            *other.lock().unwrap() = seen + 1;
        });
        let seen = *counter.lock().unwrap();
        *counter.lock().unwrap() = seen + 1;
        adder.join().unwrap();
        assert_eq!(*counter.lock().unwrap(), 2, "an increment was lost");
    });
}
// ANCHOR_END: lost_update

#[test]
fn a_failed_assertion_is_shown_with_its_place_and_the_lanes() {
    let text = complaint(lost_update);
    assert!(text.starts_with("the model failed: two increments are never one\n\nin interleaving "), "{text}");
    assert!(text.contains("main panicked at failures.rs:"), "{text}");
    assert!(text.contains("an increment was lost"), "{text}");
    let header = text.lines().nth(line_of(&text, "  step  main")).unwrap();
    assert!(header.ends_with("adder"), "each thread has a lane: {header}");
    assert!(
        text.contains("\n     1  spawn adder"),
        "the steps are those of the interleaving that failed:\n{text}"
    );
    assert!(line_of(&text, "spawn adder") < line_of(&text, "\"saw 0\""), "{text}");
    let column = header.find("adder").unwrap();
    let note = text.lines().nth(line_of(&text, "\"saw 0\"")).unwrap();
    assert_eq!(note.find("\"saw 0\""), Some(column), "a step stands in the lane of its thread: {note}");
    let end = text.lines().last().unwrap();
    let main = header.find("main").unwrap();
    assert!(
        end[main..].starts_with("panics  failures.rs:"),
        "the panic is the last row, in its lane:\n{text}"
    );
}

#[test]
fn a_deadlock_names_every_thread_that_is_stuck_and_where() {
    let text = complaint(|| {
        Model::new("two locks are never taken crosswise").check(|_| {
            let (left, right) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
            let (left_too, right_too) = (left.clone(), right.clone());
            let other = thread::spawn_named("crosswise", move || {
                let _right = right_too.lock().unwrap();
                let _left = left_too.lock().unwrap();
            });
            let _left = left.lock().unwrap();
            let _right = right.lock().unwrap();
            drop((_left, _right));
            other.join().unwrap();
        });
    });
    assert!(text.contains("deadlock, no thread can go on\n"), "{text}");
    assert!(text.contains("  main       is in lock"), "{text}");
    assert!(text.contains("  crosswise  is in lock"), "{text}");
}

/// The flag is not set under the lock. So it can be set, and the bell be rung, after the sleeper has looked
/// and before it sleeps.
fn lost_wake_up() {
    Model::new("a wake-up is never lost").check(|_| {
        let shared = Arc::new((AtomicBool::new(false), Mutex::new(()), Condvar::new()));
        let sleeper = shared.clone();
        let thread = thread::spawn_named("sleeper", move || {
            let guard = sleeper.1.lock().unwrap();
            if !sleeper.0.swap(false, Ordering::AcqRel) {
                drop(sleeper.2.wait(guard).unwrap());
            }
        });
        shared.0.store(true, Ordering::Release);
        shared.2.notify_one();
        thread.join().unwrap();
    });
}

#[test]
fn a_lost_wake_up_is_shown_in_the_order_in_which_it_happened() {
    let text = complaint(lost_wake_up);
    assert!(text.contains("  main     is in join sleeper"), "{text}");
    assert!(text.contains("  sleeper  is in wait"), "{text}");
    assert!(line_of(&text, "swap 0 -> 0") < line_of(&text, "notify_one, nobody sleeps"), "{text}");
    assert!(line_of(&text, "notify_one, nobody sleeps") < line_of(&text, "wait, asleep"), "{text}");
}

#[test]
fn a_value_that_takes_a_lock_when_dropped_does_not_hide_the_report() {
    struct LocksOnDrop(Arc<Mutex<()>>);
    impl Drop for LocksOnDrop {
        fn drop(&mut self) {
            drop(self.0.lock().unwrap());
        }
    }
    let text = complaint(|| {
        Model::new("nothing is taken twice").check(|_| {
            let lock = Arc::new(Mutex::new(()));
            let (value, other) = (LocksOnDrop(lock.clone()), LocksOnDrop(lock.clone()));
            let thread = thread::spawn(move || drop(value));
            let _guard = lock.lock().unwrap();
            let _second = other.0.lock().unwrap();
            thread.join().unwrap();
        });
    });
    assert!(text.contains("deadlock, no thread can go on\n"), "{text}");
}

#[test]
fn a_data_race_names_the_threads() {
    let text = complaint(|| {
        // Each thread of the model writes alone, or so it believes.
        struct Shared(cell::UnsafeCell<u32>, AtomicUsize);
        // SAFETY: false, on purpose. Loom checks each access and runs one thread at a time.
        #[allow(unsafe_code)]
        unsafe impl Sync for Shared {}
        Model::new("a cell has one writer at a time").check(|_| {
            let shared = Arc::new(Shared(cell::UnsafeCell::new(0), AtomicUsize::new(0)));
            let other = shared.clone();
            let write = |shared: &Shared| {
                shared.1.fetch_add(1, Ordering::Relaxed);
                shared.0.with_mut(|_| ());
            };
            let writer = thread::spawn_named("writer", move || write(&other));
            write(&shared);
            writer.join().unwrap();
        });
    });
    assert!(text.contains("two threads use the same plain memory, and nothing orders"), "{text}");
    assert!(
        text.contains("write: writer  failures.rs:"),
        "loom's thread numbers are replaced by names:\n{text}"
    );
    assert_eq!(text.matches("write cell  ").count(), 2, "the refused access is in the lanes too:\n{text}");
}

#[test]
fn a_model_with_one_interleaving_proves_nothing() {
    let text = complaint(|| {
        Model::new("a lone thread does what it likes").check(|_| {
            thread::spawn(|| ()).join().unwrap();
        });
    });
    assert!(text.starts_with("the model proves nothing: a lone thread does what it likes"), "{text}");
}

/// Two threads, and who comes first is the outcome.
fn race(expected: &[&str]) {
    Model::new("somebody comes first").outcomes(expected).check(|run| {
        let winner = Arc::new(AtomicUsize::new(0));
        let other = winner.clone();
        let thread = thread::spawn(move || other.fetch_add(1, Ordering::Relaxed));
        let before = winner.fetch_add(1, Ordering::Relaxed);
        thread.join().unwrap();
        run.outcome(if before == 0 { "main" } else { "the other" });
    });
}

#[test]
fn exactly_the_expected_outcomes_pass() {
    race(&["the other", "main"]);
}

#[test]
fn an_outcome_that_never_came_fails() {
    let text = complaint(|| race(&["main", "the other", "both"]));
    assert!(text.contains("never seen, but it must be possible:   both"), "{text}");
}

#[test]
fn an_outcome_that_nobody_expected_fails() {
    let text = complaint(|| race(&["main"]));
    assert!(text.contains("but it must never happen:   the other"), "{text}");
    assert!(text.contains("as expected:   main"), "{text}");
}

#[test]
fn a_thread_that_spins_is_told_so() {
    let text = complaint(|| {
        Model::new("it is ready at last").check(|_| {
            let ready = Arc::new(AtomicUsize::new(0));
            let other = ready.clone();
            let thread = thread::spawn(move || while other.load(Ordering::Acquire) == 0 {});
            thread.join().unwrap();
            ready.fetch_add(1, Ordering::Release);
        });
    });
    assert!(text.contains("loops without end"), "{text}");
    assert!(text.contains("steps are shown; LANES_STEPS=all shows all)"), "{text}");
    assert!(text.lines().count() < 35, "only some steps are shown:\n{text}");
}

#[test]
fn a_model_may_say_what_an_endless_loop_means() {
    let text = complaint(|| {
        Model::new("it is ready at last").if_it_loops("does any thread make it ready?").check(|_| {
            let ready = Arc::new(AtomicUsize::new(0));
            let thread = thread::spawn(move || while ready.load(Ordering::Acquire) == 0 {});
            thread.join().unwrap();
        });
    });
    assert!(text.contains("loops without end\n(does any thread make it ready?)"), "{text}");
}

#[test]
fn a_sixth_thread_is_refused() {
    let text = complaint(|| {
        Model::new("there is room for all").check(|_| {
            let threads: Vec<_> = (0..5).map(|_| thread::spawn(|| ())).collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
    });
    assert!(text.contains("more than 5 threads"), "{text}");
}

#[test]
fn models_fail_side_by_side_without_mixing_their_lanes() {
    let tests: Vec<_> = (0..8)
        .map(|number| {
            std::thread::spawn(move || complaint(if number % 2 == 0 { lost_update } else { lost_wake_up }))
        })
        .collect();
    for (number, test) in tests.into_iter().enumerate() {
        let text = test.join().unwrap();
        assert_eq!(text.contains("adder"), number % 2 == 0, "{text}");
        assert_eq!(text.contains("sleeper"), number % 2 == 1, "{text}");
    }
}

#[test]
fn a_panic_fails_the_model_even_if_the_model_catches_it() {
    let text = complaint(|| {
        Model::new("all is well").check(|_| {
            let thread = thread::spawn(|| drop(catch_unwind(|| panic!("this was not expected"))));
            thread.join().unwrap();
        });
    });
    assert!(text.contains("thread 1 panicked at failures.rs:"), "{text}");
    assert!(text.contains("this was not expected"), "{text}");
}

/// A sleeper that does not look again.
fn sleep_once(model: Model) {
    model.check(|_| {
        let pair = Arc::new((Mutex::new(false), Condvar::new()));
        let setter = Arc::clone(&pair);
        let other = thread::spawn_named("setter", move || {
            let (flag, bell) = &*setter;
            *flag.lock().unwrap() = true;
            bell.notify_one();
        });
        let (flag, bell) = &*pair;
        let mut guard = flag.lock().unwrap();
        if !*guard {
            guard = bell.wait(guard).unwrap();
        }
        assert!(*guard, "the flag is down");
        drop(guard);
        other.join().unwrap();
    });
}

#[test]
fn a_sleeper_that_does_not_look_again_is_found_only_if_it_wakes_for_nothing() {
    sleep_once(Model::new("the flag is up"));
    let text = complaint(|| sleep_once(Model::new("the flag is up").wakes_for_nothing()));
    assert!(text.contains("the flag is down") && text.contains("woken for nothing"), "{text}");
}

#[test]
fn a_sleeper_that_looks_eight_times_is_found_only_if_it_wakes_often_for_nothing() {
    let sleep_eight_times = |model: Model| {
        model.check(|_| {
            let pair = Arc::new((Mutex::new(false), Condvar::new()));
            let other = thread::spawn_named("other", {
                let pair = pair.clone();
                move || {
                    *pair.0.lock().unwrap() = true;
                    pair.1.notify_one();
                }
            });
            let (flag, bell) = &*pair;
            let mut guard = flag.lock().unwrap();
            for _ in 0..8 {
                if !*guard {
                    guard = bell.wait(guard).unwrap();
                }
            }
            assert!(*guard, "the flag is down");
            drop(guard);
            other.join().unwrap();
        });
    };
    sleep_eight_times(Model::new("the flag is up").wakes_for_nothing());
    let text = complaint(|| sleep_eight_times(Model::new("the flag is up").wakes_often_for_nothing()));
    assert!(text.contains("the flag is down") && text.contains("woken for nothing"), "{text}");
}

#[test]
fn a_weak_exchange_that_is_not_tried_again_is_found_only_if_it_fails_for_nothing() {
    let exchange = |model: Model| {
        model.check(|_| {
            let flag = Arc::new(AtomicBool::new(false));
            let raise = |flag: &AtomicBool| {
                flag.compare_exchange_weak(false, true, Ordering::AcqRel, Ordering::Acquire).is_ok()
            };
            let other = thread::spawn_named("other", {
                let flag = flag.clone();
                move || raise(&flag)
            });
            let main_raised_it = raise(&flag);
            assert_ne!(main_raised_it, other.join().unwrap(), "one of the two raised the flag");
        });
    };
    exchange(Model::new("the flag goes up"));
    let text = complaint(|| exchange(Model::new("the flag goes up").wakes_for_nothing()));
    assert!(text.contains("one of the two") && text.contains("failed for nothing"), "{text}");
}

#[test]
fn an_exchange_that_fails_for_nothing_is_shown_rather_than_the_eighth_sleep() {
    let text = complaint(|| {
        Model::new("the flag goes up").wakes_often_for_nothing().check(|_| {
            let shared = Arc::new((AtomicBool::new(false), Mutex::new(0), Condvar::new()));
            let sleeper = thread::spawn_named("sleeper", {
                let shared = shared.clone();
                move || {
                    let mut looks = shared.1.lock().unwrap();
                    while !shared.0.load(Ordering::Acquire) {
                        looks = shared.2.wait(looks).unwrap();
                    }
                }
            });
            let _ = shared.0.compare_exchange_weak(false, true, Ordering::AcqRel, Ordering::Acquire);
            drop(shared.1.lock().unwrap());
            shared.2.notify_one();
            sleeper.join().unwrap();
        });
    });
    assert!(text.contains("steps are shown") && text.contains("failed for nothing"), "{text}");
    let woken = text.matches("woken for nothing").count();
    assert!((1..=2).contains(&woken), "the first and the last time are shown:\n{text}");
}

/// Whether a flag was raised first: looked at in one step, and raised in another.
fn look_then_raise() {
    Model::new("one of two is the first").check(|_| {
        let raised = Arc::new(AtomicBool::new(false));
        let raise = |raised: &AtomicBool| {
            let first = !raised.load(Ordering::Acquire);
            raised.store(true, Ordering::Release);
            first
        };
        let other = thread::spawn_named("other", {
            let raised = raised.clone();
            move || raise(&raised)
        });
        let main_was_first = raise(&raised);
        assert_ne!(main_was_first, other.join().unwrap(), "both are the first");
    });
}

#[test]
fn the_plainest_interleaving_that_fails_is_shown() {
    let text = complaint(look_then_raise);
    assert!(!text.contains("an old value"), "both looks can read the newest value:\n{text}");
    let steps: Vec<&str> = text
        .lines()
        .filter_map(|line| ["load", "store"].into_iter().find(|word| line.contains(word)))
        .collect();
    assert_eq!(steps, ["load", "load", "store", "store"], "look, look, raise, raise:\n{text}");
}

#[test]
fn an_old_value_is_called_old_where_nothing_plainer_fails() {
    let text = complaint(|| {
        Model::new("the flag comes after the data").check(|_| {
            let shared = Arc::new((AtomicUsize::new(0), AtomicBool::new(false)));
            let written = shared.clone();
            let writer = thread::spawn_named("writer", move || {
                written.0.store(1, Ordering::Relaxed);
                written.1.store(true, Ordering::Relaxed);
            });
            if shared.1.load(Ordering::Acquire) {
                assert_eq!(shared.0.load(Ordering::Relaxed), 1, "the flag is up, and the data is not there");
            }
            writer.join().unwrap();
        });
    });
    assert!(text.contains("load -> 0, an old value"), "{text}");
}

/// Two increments that are not one, and much else before and after.
fn a_long_way_to_a_lost_update() {
    Model::new("two increments are never one").check(|run| {
        let counter = Arc::new((Mutex::new(0), Mutex::new(0)));
        let walk = |other: &Mutex<i32>| (0..30).for_each(|_| *other.lock().unwrap() += 1);
        let add = |counter: &Mutex<i32>| {
            let seen = *counter.lock().unwrap();
            *counter.lock().unwrap() = seen + 1;
        };
        let (shared, run) = (counter.clone(), *run);
        let adder = thread::spawn_named("the other adder", move || {
            run.note(
                "a remark that is long enough to need more than one line in lanes that stand side by side",
            );
            add(&shared.0);
        });
        add(&counter.0);
        adder.join().unwrap();
        walk(&counter.1);
        assert_eq!(*counter.0.lock().unwrap(), 2, "an increment was lost");
    });
}

#[test]
fn of_a_long_interleaving_the_steps_that_explain_it_are_shown() {
    let text = complaint(a_long_way_to_a_lost_update);
    let lanes: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("  step")).collect();
    assert!(lanes.len() < 30, "they are folded:\n{text}");
    assert!(
        text.contains("steps in a_long_way_to_a_lost_update()"),
        "it says what is folded, and where:\n{text}"
    );
    assert!(text.contains("LANES_STEPS=all shows all"), "and how to see it:\n{text}");
    let of_the_counter = lanes.iter().filter(|line| line.contains(" lock  failures.rs")).count();
    assert!(of_the_counter >= 4, "what both threads read and wrote is shown:\n{text}");
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for (width, steps) in [(60, "24"), (78, "24"), (78, "all"), (98, "24"), (128, "all")] {
        let mut test = std::process::Command::new(std::env::current_exe().unwrap());
        test.args(["--ignored", "--exact", "shows_a_long_interleaving", "--nocapture"]);
        let output = test.env("LANES_WIDTH", width.to_string()).env("LANES_STEPS", steps).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let lanes =
            text.lines().skip_while(|line| !line.starts_with("  step")).take_while(|line| !line.is_empty());
        let lanes: Vec<&str> = lanes.collect();
        assert!(lanes.len() > 10, "{text}");
        let widest = lanes.iter().map(|line| line.len()).max().unwrap();
        assert!(widest <= width, "{widest} columns, and {width} are there:\n{text}");
        let shown = lanes.iter().filter(|line| line.contains(" lock  failures.rs")).count();
        assert!(shown > 0, "{text}");
    }
}

#[test]
#[ignore = "no_line_is_wider_than_the_terminal runs it, in terminals of several widths"]
fn shows_a_long_interleaving() {
    complaint(a_long_way_to_a_lost_update);
}

#[test]
fn two_things_that_one_line_touches_are_told_apart() {
    fn take(lock: &Mutex<()>) -> lanes::sync::MutexGuard<'_, ()> {
        lock.lock().unwrap()
    }
    let text = complaint(|| {
        Model::new("two locks are never taken crosswise").check(|_| {
            let left = Arc::new(Mutex::new(()));
            let right = Arc::new(Mutex::new(()));
            let (left_too, right_too) = (left.clone(), right.clone());
            let other = thread::spawn_named("crosswise", move || {
                let _right = take(&right_too);
                let _left = take(&left_too);
            });
            let _left = take(&left);
            let _right = take(&right);
            drop((_left, _right));
            other.join().unwrap();
        });
    });
    assert!(text.contains("  main       is in lock right"), "{text}");
    assert!(text.contains("  crosswise  is in lock left"), "{text}");
}

#[test]
fn what_a_thread_sleeps_on_has_its_name_if_the_file_has_more_to_sleep_on() {
    let text = complaint(|| {
        Model::new("each of two doors is opened").check(|_| {
            let open = Arc::new(Mutex::new((false, false)));
            let front = Arc::new(Condvar::new());
            let back = Arc::new(Condvar::new());
            let (doors, bell) = (open.clone(), front.clone());
            let guest = thread::spawn_named("guest", move || {
                let mut open = doors.lock().unwrap();
                while !open.0 {
                    open = bell.wait(open).unwrap();
                }
            });
            let (doors, bell) = (open.clone(), back.clone());
            let thief = thread::spawn_named("thief", move || {
                let mut open = doors.lock().unwrap();
                while !open.1 {
                    open = bell.wait(open).unwrap();
                }
            });
            guest.join().unwrap();
            thief.join().unwrap();
        });
    });
    assert!(text.contains("wait front, asleep") && text.contains("wait back, asleep"), "{text}");
}

#[test]
fn an_atomic_has_its_name_if_the_file_has_another_one_that_is_used_like_it() {
    let text = complaint(|| {
        Model::new("what was found is never counted twice").check(|_| {
            let hits = Arc::new(AtomicUsize::new(0));
            let misses = Arc::new(AtomicUsize::new(0));
            let other = hits.clone();
            let reader = thread::spawn_named("reader", move || {
                other.fetch_add(1, Ordering::Relaxed);
            });
            misses.fetch_add(1, Ordering::Relaxed);
            reader.join().unwrap();
            assert_eq!(hits.load(Ordering::Relaxed), 0, "a hit was counted");
        });
    });
    assert!(text.contains("fetch_add hits 1 -> 0") && text.contains("fetch_add misses 1 -> 0"), "{text}");
    assert!(text.contains("load hits -> 1"), "it has its name at each of its steps:\n{text}");
}

#[test]
fn a_step_that_no_other_thread_met_is_shown_if_there_is_room_and_a_load_of_what_never_changes_is_not() {
    let text = complaint(|| {
        Model::new("a sum is as large as its parts").check(|_| {
            let (sum, own) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let walk = || (0..30).for_each(|_| assert!(own.fetch_add(1, Ordering::Relaxed) < 67));
            let constant = AtomicUsize::new(5);
            walk();
            own.fetch_add(7, Ordering::Relaxed);
            constant.load(Ordering::Relaxed);
            walk();
            let other = sum.clone();
            let adder = thread::spawn_named("adder", move || other.fetch_add(1, Ordering::Relaxed));
            adder.join().unwrap();
            assert_eq!(sum.load(Ordering::Relaxed), 2, "a part is missing");
        });
    });
    assert!(text.contains("fetch_add 7") && !text.contains("-> 5"), "{text}");
}

#[test]
fn a_part_that_never_tries_is_told_what_it_never_did() {
    let text = complaint(|| {
        Model::new("a permit is taken").outcomes(&["taken"]).check(|run| {
            let permits = Arc::new(Mutex::new(1));
            run.outcome("given up");
            drop(permits);
        });
    });
    assert!(text.contains("never seen, but it must be possible:   taken"), "{text}");
    assert!(text.contains("in the only interleaving, because no thread touches what"), "{text}");
}

#[test]
fn a_thread_of_std_is_told_that_the_model_does_not_know_it() {
    let walk = Model::new("a thread of std adds one").walk(|_| {
        let number = Arc::new(AtomicUsize::new(0));
        let other = number.clone();
        let thread = std::thread::spawn(move || other.fetch_add(1, Ordering::SeqCst));
        let said = thread.join().expect_err("it cannot take a step");
        panic!("{}", said.downcast::<String>().expect("a text"));
    });
    let text = walk.failure.expect("the model panics");
    assert!(text.contains("the model does not know this thread"), "{text}");
}

/// As `cargo lab` and the grader start a test.
#[test]
fn a_panic_that_is_lost_on_another_thread_fails_the_model() {
    for (test, why) in [
        ("loses_a_panic_on_a_thread", "a thread that the model does not know has panicked"),
        ("loses_a_panic_in_a_model", "a model cannot run inside of another one"),
        ("loses_a_panic_in_a_model_on_a_thread", "a thread that the model does not know has panicked"),
    ] {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        let output = command.args(["--ignored", "--exact", test, "--test-threads=1"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!output.status.success(), "{text}");
        assert!(text.contains(why), "{text}");
    }
}

fn loses_a_panic_in(loses: impl Fn(fn()) + Send + Sync + 'static) {
    Model::new("a promise that does not hold").check(move |_| {
        let number = Arc::new(AtomicUsize::new(0));
        let other = number.clone();
        let adder = thread::spawn_named("adder", move || other.fetch_add(1, Ordering::SeqCst));
        number.fetch_add(1, Ordering::SeqCst);
        loses(|| panic!("it does not hold"));
        adder.join().unwrap();
    });
}

#[test]
#[ignore = "a_panic_that_is_lost_on_another_thread_fails_the_model runs it"]
fn loses_a_panic_on_a_thread() {
    loses_a_panic_in(|broken| drop(std::thread::spawn(broken).join()));
}

#[test]
#[ignore = "a_panic_that_is_lost_on_another_thread_fails_the_model runs it"]
fn loses_a_panic_in_a_model() {
    loses_a_panic_in(|broken| drop(Model::new("another model").walk(move |_| broken())));
}

#[test]
#[ignore = "a_panic_that_is_lost_on_another_thread_fails_the_model runs it"]
fn loses_a_panic_in_a_model_on_a_thread() {
    loses_a_panic_in(|broken| {
        let walk = move || Model::new("another model").walk(move |_| broken());
        drop(std::thread::spawn(walk).join());
    });
}
