//! SIGTERM and SIGINT, turned into the stop flag.

use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use parts::request::{Bell, StopFlag};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::OnceLock;

/// The stop flag of a server. It lives as long as the process, because a signal may come at any time.
pub type Stop = StopFlag<EventBell>;

// ANCHOR: bell
/// A bell made of an eventfd(2). It is never read, so once rung it stays readable for every thread that polls it.
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

    /// Makes the bell silent again. Only for bells with a single listener, who clears it before it looks for work.
    pub fn clear(&self) {
        // Nothing to read means that it was silent already.
        let _ = self.event.read();
    }
}

impl Bell for EventBell {
    fn ring(&self) {
        // Fails only when the counter is full, and then the bell is ringing already.
        let _ = self.event.write(1);
    }
}

impl AsFd for EventBell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}

/// What the signal handler reaches.
static STOP: OnceLock<Stop> = OnceLock::new();

/// Makes SIGTERM and SIGINT raise the returned flag, in this process and for good. Called again, it returns the
/// same flag.
///
/// # Errors
/// Those of eventfd(2) and sigaction(2).
pub fn on_signals() -> Result<&'static Stop, Errno> {
    if STOP.get().is_none() {
        // Two threads may race here; the loser's bell is dropped unused.
        let _ = STOP.set(StopFlag::new(EventBell::new()?));
    }
    let stop = STOP.get().ok_or(Errno::EINVAL)?;
    // SA_RESTART: a file read or a write to the log is not cut short; poll(2) and epoll_wait(2) wake all the same.
    let action = SigAction::new(SigHandler::Handler(raise), SaFlags::SA_RESTART, SigSet::empty());
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        #[allow(unsafe_code)]
        // SAFETY: `raise` does only what signal-safety(7) allows: an atomic swap and a write(2) to an eventfd. It
        // reads `STOP`, which was set above and is never changed again, so `get` is one atomic load.
        unsafe { sigaction(signal, &action) }?;
    }
    Ok(stop)
}

// ANCHOR: raise
extern "C" fn raise(_signal: nix::libc::c_int) {
    // The interrupted code may be about to look at errno; write(2) may set it.
    let errno = Errno::last();
    if let Some(stop) = STOP.get() {
        stop.request();
    }
    errno.set();
}
// ANCHOR_END: raise
