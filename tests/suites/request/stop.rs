//! `StopFlag`, as far as real threads can test it. `tests/models/request.rs` checks all interleavings.

use crate::allocations::allocations;
use crate::interrupted::interrupt_anywhere;
use request::{Bell, StopFlag};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, Weak, mpsc};
use std::time::{Duration, Instant};
use std::{hint, iter, thread};
use verdict::test;

/// Where a student finds the rules.
const SEE: &str = "See \"1.5 The stop flag\".";

/// How long a test waits for an event before it fails.
const DEADLINE: Duration = Duration::from_secs(10);

/// A bell for threads: once rung, it wakes every thread that sleeps on it, now and later.
#[derive(Default)]
struct ThreadBell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl ThreadBell {
    fn sleep(&self) {
        let rung = self.rung.lock().expect("no thread panics with the lock");
        drop(self.changed.wait_while(rung, |rung| !*rung).expect("no thread panics with the lock"));
    }
}

impl Bell for ThreadBell {
    fn ring(&self) {
        *self.rung.lock().expect("no thread panics with the lock") = true;
        self.changed.notify_all();
    }
}

/// A bell that reads the flag at the moment when it is rung.
#[derive(Default)]
struct Witness {
    flag: OnceLock<Weak<StopFlag<Witness>>>,
    answers: Mutex<Vec<bool>>,
}

impl Bell for Witness {
    fn ring(&self) {
        let flag = self.flag.get().and_then(Weak::upgrade).expect("the test has told the bell its flag");
        self.answers.lock().expect("no thread panics with the lock").push(flag.is_requested());
    }
}

#[test]
fn a_stop_is_requested_once_and_never_taken_back() {
    let stop = StopFlag::new(ThreadBell::default());
    assert!(!stop.is_requested(), "is_requested() must be false for a new flag. {SEE}");
    assert!(
        stop.request(),
        "the first call of request() on a new flag must return true, and it returned false. {SEE}"
    );
    assert!(stop.is_requested(), "request() was called, so is_requested() must be true. {SEE}");
    assert!(
        stop.is_requested(),
        "is_requested() was true, and with the next call it is false. It must only read the flag. {SEE}"
    );
    assert!(!stop.request(), "the second call of request() must return false, and it returned true. {SEE}");
    for request in 3..=70_000 {
        assert!(
            !stop.request(),
            "call {request} of request() must return false, and it returned true. {SEE}"
        );
        assert!(
            stop.is_requested(),
            "is_requested() must be true, and after {request} requests it is false. {SEE}"
        );
    }
}

#[test]
fn the_flag_is_up_before_the_bell_is_heard() {
    let stop = Arc::new(StopFlag::new(Witness::default()));
    stop.bell().flag.set(Arc::downgrade(&stop)).expect("set once");
    stop.request();
    let answers = stop.bell().answers.lock().expect("no thread panics with the lock");
    assert!(
        !answers.is_empty(),
        "request() has not rung the bell: a thread that sleeps will not learn of the stop. {SEE}"
    );
    assert!(
        answers.iter().all(|up| *up),
        "a thread that the bell wakes must see the flag, or it goes back to sleep. {SEE}"
    );
}

#[test]
fn a_request_wakes_every_sleeper() {
    let stop = Arc::new(StopFlag::new(ThreadBell::default()));
    let (woken, report) = mpsc::channel();
    for _ in 0..4 {
        let (stop, woken) = (stop.clone(), woken.clone());
        thread::spawn(move || {
            stop.bell().sleep();
            woken.send(stop.is_requested()).expect("the test listens");
        });
    }
    stop.request();
    for _ in 0..4 {
        let saw =
            report.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("a sleeper was never woken. {SEE}"));
        assert!(saw, "a woken thread asked is_requested() and got false. {SEE}");
    }
}

/// A bell that does nothing, so that a race is about the flag alone.
struct Silent;

impl Bell for Silent {
    fn ring(&self) {}
}

#[test]
fn of_many_requests_exactly_one_is_the_first() {
    const THREADS: usize = 2;
    const ROUNDS: usize = 50_000;
    const ENOUGH: Duration = Duration::from_secs(5);
    let flags: Vec<_> = iter::repeat_with(|| StopFlag::new(Silent)).take(ROUNDS).collect();
    let firsts: Vec<_> = iter::repeat_with(|| AtomicUsize::new(0)).take(ROUNDS).collect();
    let (arrived, last, began) = (AtomicUsize::new(0), AtomicUsize::new(ROUNDS), Instant::now());
    let request_all = |thread: usize| {
        for (round, (stop, firsts)) in flags.iter().zip(&firsts).enumerate() {
            // On a busy machine a round can take as long as another program's turn on the processor.
            if thread == 0 && began.elapsed() > ENOUGH {
                last.fetch_min(round, Ordering::Relaxed);
            }
            arrived.fetch_add(1, Ordering::Release);
            // All threads leave this loop within nanoseconds; a Barrier would release them one by one.
            for spins in 1.. {
                match arrived.load(Ordering::Acquire) < (round + 1) * THREADS {
                    // On a single core, the other thread cannot run until this one yields.
                    true if spins % 1000 == 0 => thread::yield_now(),
                    true => hint::spin_loop(),
                    false => break,
                }
            }
            firsts.fetch_add(usize::from(stop.request()), Ordering::Relaxed);
            if round == last.load(Ordering::Relaxed) {
                break;
            }
        }
    };
    thread::scope(|scope| (0..THREADS).for_each(|thread| drop(scope.spawn(move || request_all(thread)))));
    let rounds = last.into_inner() + 1;
    for (round, firsts) in firsts.into_iter().map(AtomicUsize::into_inner).enumerate().take(rounds) {
        assert_eq!(
            firsts, 1,
            "round {round}: {firsts} of {THREADS} racing requests were told to be the first. {SEE}"
        );
    }
}

static STOP: OnceLock<StopFlag<Silent>> = OnceLock::new();

extern "C" fn request_stop(_: i32) {
    if let Some(stop) = STOP.get()
        && let Err(panic) = verdict::caught(|| stop.request())
    {
        panic!(
            "A signal interrupted a thread in request() or is_requested(), the handler called request() again, and it \
             panicked. Does it print? A handler must print and allocate nothing. {SEE}\n{panic}"
        );
    }
}

/// A flag behind a lock passes everything else, and hangs the first thread that a signal interrupts while it holds the
/// lock.
#[test]
fn a_handler_may_interrupt_every_call() {
    let work = || {
        let stop = STOP.get_or_init(|| StopFlag::new(Silent));
        stop.request();
        stop.is_requested();
    };
    let stuck = format!(
        "A signal interrupted a thread in request() or is_requested(), the handler called request(), and now the thread is \
         stuck. A handler must not wait for a lock: the thread that holds the lock may be the one that the handler has \
         interrupted. {SEE}"
    );
    interrupt_anywhere(work, request_stop, &stuck);
}

/// The thread that a handler interrupts may be in the middle of an allocation, and then has the allocator's lock.
#[test]
fn a_request_allocates_nothing() {
    // Not the first calls: when the course is tested, those note which functions of the exercise they have reached.
    let before = StopFlag::new(Silent);
    before.request();
    before.is_requested();
    let stop = StopFlag::new(Silent);
    for (call, work) in [
        ("the first request()", &(|| stop.request()) as &dyn Fn() -> bool),
        ("a later request()", &|| stop.request()),
        ("is_requested()", &|| stop.is_requested()),
    ] {
        assert_eq!(
            allocations(work),
            0,
            "\nhow often {call} has allocated memory. A signal handler calls it, and must not: see signal-safety(7). {SEE}"
        );
    }
}
