//! SIGTERM and SIGINT, turned into the stop flag.

use crate::bell::EventBell;
use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use parts::request::StopFlag;
use std::sync::OnceLock;

/// The stop flag of a server. It lives as long as the process, because a signal may come at any time.
pub type Stop = StopFlag<EventBell>;

/// The only state that the signal handler uses.
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
