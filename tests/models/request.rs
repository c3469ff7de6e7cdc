//! What loom proves about the stop flag: a stop request is never missed.

use crate::{Bell, StopFlag};
use lanes::Model;
use lanes::sync::atomic::{AtomicUsize, Ordering};
use lanes::sync::{Condvar, Mutex};
use lanes::thread;
use std::sync::Arc;
use verdict::test;

/// A bell that loom can see. It stays rung, as the server's eventfd(2) does.
struct ModelBell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl ModelBell {
    fn new() -> ModelBell {
        ModelBell { rung: Mutex::new(false), changed: Condvar::new() }
    }

    /// Sleeps until the bell rings; not at all if it has rung already.
    fn sleep(&self) {
        let mut rung = self.rung.lock().expect("no thread panics with the lock");
        while !*rung {
            rung = self.changed.wait(rung).expect("no thread panics with the lock");
        }
    }
}

impl Bell for ModelBell {
    fn ring(&self) {
        *self.rung.lock().expect("no thread panics with the lock") = true;
        self.changed.notify_all();
    }
}

fn stop_flag() -> Arc<StopFlag<ModelBell>> {
    Arc::new(StopFlag::new(ModelBell::new()))
}

/// A thread works, checks the flag, and goes to sleep if it is not set. Seen caught: ringing the bell before the flag
/// is set (the thread wakes, sees no request, and would sleep again); not ringing at all (a deadlock); a weak exchange
/// that is tried only once.
#[test]
fn a_request_reaches_a_thread_that_works_and_one_that_sleeps() {
    Model::new("a request to stop reaches a thread that works and one that sleeps")
        .wakes_often_for_nothing()
        .outcomes(&["seen at work", "woken and seen"])
        .check(|run| {
            let stop = stop_flag();
            let requester = thread::spawn_named("requester", {
                let stop = stop.clone();
                move || stop.request()
            });
            if stop.is_requested() {
                run.outcome("seen at work");
            } else {
                stop.bell().sleep();
                assert!(stop.is_requested(), "the bell woke the thread, but the flag is not up");
                run.outcome("woken and seen");
            }
            assert!(requester.join().expect("the requester ends"), "the only request is the first");
        });
}

/// Two signals at the same time. Seen caught: a `request` that loads the flag and then stores it, so that both find it
/// clear and both report the first request.
#[test]
fn of_two_requests_exactly_one_is_the_first() {
    Model::new("of two requests to stop exactly one is the first")
        .outcomes(&["main was first", "the other was first"])
        .check(|run| {
            let stop = stop_flag();
            let request = |stop: &StopFlag<_>| {
                let first = stop.request();
                assert!(stop.is_requested(), "request() has returned, and is_requested() says false");
                first
            };
            let other = thread::spawn_named("other", {
                let stop = stop.clone();
                move || request(&stop)
            });
            let main_first = request(&stop);
            let other_first = other.join().expect("the other request returns");
            assert!(
                main_first != other_first,
                "told to be the first: main {main_first}, other {other_first}"
            );
            run.outcome(if main_first { "main was first" } else { "the other was first" });
        });
}

/// The requester stores a reason, and then requests the stop. Seen caught: a `Relaxed` swap, and a `Relaxed` load, each
/// alone: the thread sees the flag but not the reason.
#[test]
fn a_thread_that_sees_the_request_sees_what_was_written_before_it() {
    Model::new("a thread that sees a request to stop sees what was written before it")
        .outcomes(&["not requested yet", "seen with its reason"])
        .check(|run| {
            let stop = stop_flag();
            let reason = Arc::new(AtomicUsize::new(0));
            // Main requests, and the other one looks: loom begins with main, and would overlook that order if a request
            // looked before it raised the flag, and main looked once.
            let worker = thread::spawn_named("worker", {
                let (run, stop, reason) = (*run, stop.clone(), reason.clone());
                move || {
                    if !stop.is_requested() {
                        return run.outcome("not requested yet");
                    }
                    let reason = reason.load(Ordering::Relaxed);
                    assert_eq!(reason, 15, "the request is seen, but not what was written before it");
                    run.outcome("seen with its reason");
                }
            });
            reason.store(15, Ordering::Relaxed);
            stop.request();
            worker.join().expect("the worker ends");
        });
}

/// Two requesters, each of which stores a reason. The second one learns that it was not the first, so it must see the
/// first one's reason. Seen caught: a swap that is only `Release`.
#[test]
fn a_later_request_sees_what_was_written_before_the_first() {
    Model::new("a later request to stop sees what was written before the first")
        .outcomes(&["main was later", "the other was later"])
        .check(|run| {
            let stop = stop_flag();
            let reasons = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
            // Returns whether it came second, and then what it saw of the other's reason.
            let request = |mine: usize| {
                let (stop, reasons) = (stop.clone(), reasons.clone());
                move || {
                    reasons[mine].store(15, Ordering::Relaxed);
                    let first = stop.request();
                    (!first).then(|| reasons[1 - mine].load(Ordering::Relaxed))
                }
            };
            let other = thread::spawn_named("other", request(1));
            let main_saw = request(0)();
            let other_saw = other.join().expect("the other request returns");
            let saw = main_saw.or(other_saw).expect("one of two requests is not the first");
            assert_eq!(saw, 15, "the later request does not see what was written before the first");
            run.outcome(if main_saw.is_some() { "main was later" } else { "the other was later" });
        });
}
