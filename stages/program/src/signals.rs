//! Signals that the programs have no use for.
//!
//! Most signals end a process that has not said otherwise (signal(7)), also those that come by mistake: `kill -USR1` to
//! a server that knows none, a timer that somebody set before execve(2), a log that is as long as it may be. A server
//! should go on then. What tells of a mistake in the program itself keeps its default, so that the mistake is seen.

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction, sigprocmask};

/// What is ignored: each would end a server, or stop it, for nothing.
const UNUSED: [Signal; 11] = [
    Signal::SIGUSR1,   // has no meaning here; stage 6 gives it one
    Signal::SIGUSR2,   // has no meaning
    Signal::SIGPIPE,   // a client or a log reader has left; write(2) says so too
    Signal::SIGXFSZ,   // a log is as long as it may be; write(2) says so too
    Signal::SIGALRM,   // a timer; a worker of stage 6 that leaves sets it, and takes the default back
    Signal::SIGVTALRM, // timers: nothing here sets one
    Signal::SIGPROF,   //
    Signal::SIGIO,     // input is ready: nothing here asks for it
    Signal::SIGPWR,    // the power fails: init's business
    Signal::SIGSTKFLT, // never sent by Linux
    Signal::SIGTTOU,   // a log on a terminal that belongs to another job just now
];

/// What a mistake in the program causes, and what tells of a limit that is exceeded for good.
const DEFAULT: [Signal; 8] = [
    Signal::SIGABRT,
    Signal::SIGBUS,
    Signal::SIGFPE,
    Signal::SIGILL,
    Signal::SIGSEGV,
    Signal::SIGSYS,
    Signal::SIGTRAP,
    Signal::SIGXCPU,
];

/// Ignores what has no meaning, and forgets what the process was started with: its parent may have ignored or blocked
/// signals, and execve(2) keeps both.
///
/// # Errors
/// Those of sigaction(2) and sigprocmask(2).
pub fn ignore_unused() -> Result<(), Errno> {
    let set = |signal: Signal, handler| {
        let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
        #[allow(unsafe_code)]
        // SAFETY: neither of the two dispositions that are set here runs any code of ours.
        unsafe { sigaction(signal, &action) }.map(drop)
    };
    UNUSED.into_iter().try_for_each(|signal| set(signal, SigHandler::SigIgn))?;
    DEFAULT.into_iter().try_for_each(|signal| set(signal, SigHandler::SigDfl))?;
    for signal in libc::SIGRTMIN()..=libc::SIGRTMAX() {
        #[allow(unsafe_code)]
        // SAFETY: as above; these numbers are those of the real-time signals that the C library leaves to programs.
        Errno::result(unsafe { libc::signal(signal, libc::SIG_IGN) })?;
    }
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)
}
