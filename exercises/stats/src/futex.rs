//! A word that threads of different processes can sleep on (futex(2)).
//!
//! The kernel keeps the queue of sleepers, and finds it by the page of memory that holds the word, so the
//! word may be mapped at a different address in each process. The kernel removes a sleeper that is killed
//! from that queue. But it does not pass on a wake-up that the sleeper was already given; users of the word
//! must handle that.

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
    /// Sleeps if the word is `expected`, until another thread wakes this one or the deadline passes.
    /// Comparing and falling asleep are one step, so no change with its wake-up can come in between and be
    /// missed.
    ///
    /// It may also return early (a signal arrived), so it returns no reason: the caller must read the word
    /// again.
    pub(crate) fn wait_while(&self, expected: u32, deadline: &Deadline) {
        let timeout = deadline.remaining().map(to_timespec);
        let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
        // FUTEX_WAIT without FUTEX_PRIVATE_FLAG: the sleepers are in different processes. SAFETY: the word is
        // a live, aligned u32 for the whole call because `self` is borrowed; the timeout is null or points to
        // a timespec that lives until the end of this function. The kernel only reads both.
        unsafe { libc::syscall(libc::SYS_futex, self.value.as_ptr(), libc::FUTEX_WAIT, expected, timeout) };
    }

    /// Wakes one thread that sleeps on the word, if there is one. If there is none, the wake-up is not
    /// remembered.
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

/// How long a caller is willing to wait.
#[derive(Debug)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// Never passes.
    pub(crate) fn never() -> Deadline {
        Deadline(None)
    }

    /// Passes after this time, counted from now. A time that an `Instant` cannot hold never passes.
    pub(crate) fn within(patience: Duration) -> Deadline {
        Deadline(Instant::now().checked_add(patience))
    }

    /// Whether the deadline has passed.
    pub(crate) fn passed(&self) -> bool {
        self.remaining() == Some(Duration::ZERO)
    }

    /// The time that is left; `None` if it never ends.
    fn remaining(&self) -> Option<Duration> {
        self.0.map(|end| end.saturating_duration_since(Instant::now()))
    }
}

/// The same duration, as the kernel takes it. A longer one than `timespec` can hold becomes the longest that
/// it can.
fn to_timespec(time: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
        // Less than 10^9, so it fits whatever type the platform has here.
        tv_nsec: time.subsec_nanos() as _,
    }
}
