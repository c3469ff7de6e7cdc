//! Signals, as notices in the master's mailbox.
//!
//! | signal            | the master                                   | a worker                           |
//! |-------------------|----------------------------------------------|------------------------------------|
//! | SIGTERM           | asks all workers to stop; the second time kills | answers what it has, then exits |
//! | SIGINT            | the same                                     | ignores it                         |
//! | SIGQUIT           | kills all workers and exits                  | dies                               |
//! | SIGHUP            | reads the settings, replaces the workers     | ignores it                         |
//! | SIGUSR1           | replaces the workers, which open the log again | ignores it                       |
//! | SIGCHLD           | reaps                                        | -                                  |

use nix::errno::Errno;
use nix::libc::c_int;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction, sigprocmask};
use nix::unistd::alarm;
use parts::prefork::{Mailbox, Notice};
use parts::request::Bell;
use program::bell::EventBell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// The only state that the handlers use.
static MAILBOX: Mailbox = Mailbox::new();
static BELL: OnceLock<EventBell> = OnceLock::new();
/// The logs must be opened again. A flag and not a notice: two requests before the master looks count as one.
static REOPEN: AtomicBool = AtomicBool::new(false);

/// Makes the master's signals leave notices. Returns the mailbox and the bell that rings for it.
///
/// # Errors
/// Those of eventfd(2) and sigaction(2).
pub fn for_master() -> Result<(&'static Mailbox, &'static EventBell), Errno> {
    if BELL.get().is_none() {
        let _ = BELL.set(EventBell::new()?);
    }
    let bell = BELL.get().ok_or(Errno::EINVAL)?;
    use Signal::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1};
    for signal in [SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGCHLD] {
        set(signal, SigHandler::Handler(note))?;
    }
    Ok((&MAILBOX, bell))
}

/// Lets this process reap its children. It may have been started with SIGCHLD ignored, and then the kernel discards how
/// a child has ended (waitpid(2)).
///
/// # Errors
/// Those of sigaction(2).
pub fn for_children() -> Result<(), Errno> {
    set(Signal::SIGCHLD, SigHandler::SigDfl)
}

/// Whether SIGUSR1 has come since the last call.
pub fn reopen_asked() -> bool {
    REOPEN.swap(false, Relaxed)
}

/// Undoes in a worker what it inherited from the master. Its own SIGTERM is set by [`program::stop::on_signals`],
/// before this.
///
/// # Errors
/// Those of sigaction(2).
pub fn for_worker() -> Result<(), Errno> {
    // A terminal sends these two to every process of the herd, when it is closed and for Ctrl-C; only the master must
    // react.
    set(Signal::SIGHUP, SigHandler::SigIgn)?;
    set(Signal::SIGINT, SigHandler::SigIgn)?;
    // A worker cannot open a log: its user may have changed, and it is confined. The master replaces it instead.
    set(Signal::SIGUSR1, SigHandler::SigIgn)?;
    set(Signal::SIGQUIT, SigHandler::SigDfl)?;
    set(Signal::SIGCHLD, SigHandler::SigDfl)
}

/// Undoes in a trial what it inherited from the master: every signal does what it does by default.
///
/// # Errors
/// Those of sigaction(2).
pub fn for_trial() -> Result<(), Errno> {
    set(Signal::SIGTERM, SigHandler::SigDfl)?;
    for_worker()
}

/// Runs `fork` with all signals held back, so that a child never runs a handler of the master's. The child gets its
/// signals once it calls [`release`].
///
/// # Errors
/// Those of sigprocmask(2), and those of `fork`.
// ANCHOR: held_back
pub fn held_back<T>(fork: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&SigSet::all()), None)?;
    let result = fork();
    if result.is_err() {
        release()?;
    }
    result
}
// ANCHOR_END: held_back

/// Ends this process after `limit`, whatever it does then: SIGALRM, which nothing else here uses, gets its default
/// action back.
pub fn end_within(limit: Duration) {
    // Rounded up; 0 would mean never (alarm(2)).
    let seconds = u32::try_from(limit.as_secs()).unwrap_or(u32::MAX - 1) + 1;
    // If this fails, the process only stays until its last client leaves.
    if set(Signal::SIGALRM, SigHandler::SigDfl).is_ok() {
        alarm::set(seconds);
    }
}

/// Lets signals through again.
///
/// # Errors
/// Those of sigprocmask(2).
pub fn release() -> Result<(), Errno> {
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)
}

fn set(signal: Signal, handler: SigHandler) -> Result<(), Errno> {
    let action = SigAction::new(handler, SaFlags::SA_RESTART | SaFlags::SA_NOCLDSTOP, SigSet::empty());
    #[allow(unsafe_code)]
    // SAFETY: `note` does only what signal-safety(7) allows: one atomic instruction and a write(2) to an eventfd.
    // `BELL` is set before any handler is, and never changed.
    unsafe { sigaction(signal, &action) }.map(drop)
}

// ANCHOR: note
extern "C" fn note(signal: c_int) {
    let errno = Errno::last();
    match Signal::try_from(signal) {
        Ok(Signal::SIGTERM | Signal::SIGINT) => MAILBOX.note(Notice::Stop),
        Ok(Signal::SIGQUIT) => MAILBOX.note(Notice::StopNow),
        Ok(Signal::SIGHUP) => MAILBOX.note(Notice::Reload),
        Ok(Signal::SIGUSR1) => REOPEN.store(true, Relaxed),
        _ => MAILBOX.note(Notice::ChildExited),
    }
    if let Some(bell) = BELL.get() {
        bell.ring();
    }
    errno.set();
}
// ANCHOR_END: note
