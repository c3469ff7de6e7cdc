//! A word that threads of different processes can sleep on (futex(2)).
//!
//! The kernel keeps the queue of sleepers, and finds it by the page in memory that the word lies in, so the
//! word may be mapped at a different address in each process. A sleeper that is killed leaves that queue by
//! itself. What it does not do is pass on a wake-up that it was already given; that is the business of
//! whoever uses the word.

// The system call has no safe wrapper.
#![allow(unsafe_code)]

use crate::sync::atomic::AtomicU32;
use std::ops::Deref;
use std::ptr;
use std::time::{Duration, Instant};

/// A 32-bit word that can be waited on. All-zero bytes are a word with the value 0.
#[derive(Debug, Default)]
#[repr(transparent)]
pub(crate) struct FutexWord {
    value: AtomicU32,
}

impl FutexWord {
    /// Sleeps if the word is `expected`, until somebody wakes this thread or the deadline passes. Looking and
    /// falling asleep are one step: a word that was changed and woken in between is not slept through.
    ///
    /// It may also return for no reason (a signal arrived), so it tells no reason: the caller looks at the
    /// word again.
    pub(crate) fn wait_while(&self, expected: u32, deadline: &Deadline) {
        let timeout = deadline.remaining().map(to_timespec);
        let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
        // FUTEX_WAIT without FUTEX_PRIVATE_FLAG: the sleepers are in different processes. SAFETY: the word is
        // a live, aligned u32 for the whole call because `self` is borrowed; the timeout is null or points to
        // a timespec that lives until the end of this function. The kernel only reads both.
        unsafe { libc::syscall(libc::SYS_futex, self.value.as_ptr(), libc::FUTEX_WAIT, expected, timeout) };
    }

    /// Wakes one thread that sleeps on the word, if there is one. Nothing is remembered if there is none.
    pub(crate) fn wake_one(&self) {
        // SAFETY: FUTEX_WAKE uses the address only to find the queue; it is valid because `self` is borrowed.
        unsafe { libc::syscall(libc::SYS_futex, self.value.as_ptr(), libc::FUTEX_WAKE, 1) };
    }
}

impl Deref for FutexWord {
    type Target = AtomicU32;

    fn deref(&self) -> &AtomicU32 {
        &self.value
    }
}

/// Until when a caller is willing to wait.
#[derive(Debug)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// Waits for ever.
    pub(crate) fn never() -> Deadline {
        Deadline(None)
    }

    /// Waits for this long, counted from now. A time too far away to be written down is never.
    pub(crate) fn within(patience: Duration) -> Deadline {
        Deadline(Instant::now().checked_add(patience))
    }

    /// Whether the time is over.
    pub(crate) fn passed(&self) -> bool {
        self.remaining() == Some(Duration::ZERO)
    }

    /// What is left of the time; nothing if it never ends.
    fn remaining(&self) -> Option<Duration> {
        self.0.map(|end| end.saturating_duration_since(Instant::now()))
    }
}

/// The same length of time, as the kernel wants it. A time too long for it becomes the longest it knows.
fn to_timespec(time: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
        // Below one thousand million, so it fits whatever type the platform has here.
        tv_nsec: time.subsec_nanos() as _,
    }
}
