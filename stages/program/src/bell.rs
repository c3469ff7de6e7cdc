//! A bell that wakes a thread from poll(2) or epoll_wait(2), and timeouts for poll(2).

use nix::errno::Errno;
use nix::poll::PollTimeout;
use nix::sys::eventfd::{EfdFlags, EventFd};
use parts::request::Bell;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

// ANCHOR: bell
/// A bell made of an eventfd(2). Once rung, it stays readable for every thread that
/// polls it, until it is cleared.
#[derive(Debug)]
pub struct EventBell {
    event: EventFd,
}
// ANCHOR_END: bell

impl EventBell {
    /// A bell that has not been rung.
    ///
    /// # Errors
    /// Those of eventfd(2): no descriptor left.
    pub fn new() -> Result<EventBell, Errno> {
        Ok(EventBell { event: EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)? })
    }

    /// Makes the bell silent again. Only for bells with a single listener, which clears it before it looks for work.
    pub fn clear(&self) {
        // Nothing to read means that it was silent already.
        let _ = self.event.read();
    }
}

impl Bell for EventBell {
    fn ring(&self) {
        // Fails only when the counter is full, and then the bell has been rung already.
        let _ = self.event.write(1);
    }
}

impl AsFd for EventBell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}

/// A duration for poll(2), rounded up so that a thread never wakes a moment too early and spins.
pub fn poll_timeout(left: Duration) -> PollTimeout {
    let milliseconds = left.as_micros().div_ceil(1000).min(i32::MAX as u128) as i32;
    PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX)
}
