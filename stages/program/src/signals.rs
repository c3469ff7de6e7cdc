//! Signals that the programs do not use.
//!
//! Most signals end a process by default (signal(7)), even those that come by mistake: `kill -USR1` to a server that
//! does not use it, a timer that was set before execve(2), a log that is as long as it may be. A server should survive
//! these. Signals that report a bug in the program itself keep their default, so that the bug is seen.

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction, sigprocmask};

/// Signals that are ignored, because each would end or suspend a server for no reason.
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

/// Signals that a bug in the program causes, and the one for a processor time limit.
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

/// Ignores the unused signals, and undoes what the process inherited: its parent may have ignored or blocked signals,
/// and execve(2) keeps both.
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
