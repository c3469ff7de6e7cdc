//! What a function does that promises to be safe in a signal handler: it goes on wherever signals interrupt it.
#![allow(unsafe_code)]

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::os::unix::thread::JoinHandleExt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Less than the time that `cargo lab` gives a test, so that the suite reports what went wrong.
const PATIENCE: Duration = Duration::from_secs(10);

static ROUNDS: AtomicU32 = AtomicU32::new(0);
static OVER: AtomicBool = AtomicBool::new(false);

/// Lets a thread call `work` again and again, interrupts it with signals whose handler is `on_signal`, and fails with the
/// message `stuck` if it does not go on. `on_signal` calls only what promises to be safe in a handler. Once in a program.
#[track_caller]
pub fn interrupt_anywhere(work: fn(), on_signal: extern "C" fn(i32), stuck: &str) {
    // A panic in a handler ends the whole test program, so functions that are not written yet must panic here.
    work();
    let action = SigAction::new(SigHandler::Handler(on_signal), SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: the caller promises that the handler is safe.
    unsafe { sigaction(Signal::SIGUSR2, &action) }.expect("sigaction");
    let busy = thread::spawn(move || {
        while !OVER.load(Ordering::Relaxed) {
            work();
            ROUNDS.fetch_add(1, Ordering::Relaxed);
        }
    });
    let goes_on = || {
        let (began, before) = (Instant::now(), ROUNDS.load(Ordering::Relaxed));
        while ROUNDS.load(Ordering::Relaxed).wrapping_sub(before) < 2 {
            assert!(began.elapsed() < PATIENCE, "{stuck}");
            thread::yield_now();
        }
    };
    // Not before it is in its loop: a handler that prints ends the program if the thread has just begun.
    goes_on();
    for _ in 0..100 {
        // SAFETY: `busy` is not joined yet, so its thread's identity is still valid.
        unsafe { libc::pthread_kill(busy.as_pthread_t(), libc::SIGUSR2) };
        goes_on();
    }
    OVER.store(true, Ordering::Relaxed);
    busy.join().expect("the busy thread");
}
