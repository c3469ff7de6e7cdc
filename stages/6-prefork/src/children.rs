//! The master's children: forks them, notices when they serve, reaps them. Which slot gets a child, and when, is
//! decided elsewhere.

use crate::signals;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{self, ForkResult, Pid, getpid, pipe2, read};
use parts::prefork::{Event, Exit};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process;

/// Every live worker. Its descriptor is readable when one has begun to serve.
#[derive(Debug)]
pub struct Children {
    /// Workers write their pid to the other end once they serve.
    ready: OwnedFd,
    /// Kept open for later children.
    report: OwnedFd,
    slots: BTreeMap<Pid, usize>,
}

impl Children {
    /// No children yet.
    ///
    /// # Errors
    /// Those of pipe2(2): no descriptor left.
    pub fn new() -> Result<Children, Errno> {
        let (ready, report) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        Ok(Children { ready, report, slots: BTreeMap::new() })
    }

    /// Forks a child for a slot. In it, `life` is run with the master's pid and the descriptor on which the child reports
    /// that it serves, and the process ends with the code that `life` returns.
    ///
    /// # Errors
    /// Those of fork(2).
    pub fn fork(&mut self, slot: usize, life: impl FnOnce(Pid, &OwnedFd) -> i32) -> Result<Pid, Errno> {
        let child = fork(|master| life(master, &self.report))?;
        self.slots.insert(child, slot);
        Ok(child)
    }

    /// The pid of a worker that has begun to serve.
    pub fn next_ready(&self) -> Option<Pid> {
        let mut pid = [0; size_of::<i32>()];
        // A pid is written in one piece (pipe(7), PIPE_BUF), so it is also read in one.
        (read(&self.ready, &mut pid) == Ok(pid.len())).then(|| Pid::from_raw(i32::from_ne_bytes(pid)))
    }

    /// How many live.
    pub fn count(&self) -> usize {
        self.slots.len()
    }

    /// The slot of a live worker.
    pub fn slot(&self, pid: Pid) -> Option<usize> {
        self.slots.get(&pid).copied()
    }

    /// Forgets a worker that was reaped.
    pub fn forget(&mut self, pid: Pid) {
        self.slots.remove(&pid);
    }
}

impl AsFd for Children {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ready.as_fd()
    }
}

/// Forks. In the child, `life` is run with the master's pid, and the process ends with the code that it returns.
///
/// # Errors
/// Those of fork(2).
// ANCHOR: fork
pub fn fork(life: impl FnOnce(Pid) -> i32) -> Result<Pid, Errno> {
    let master = getpid();
    #[allow(unsafe_code)]
    // SAFETY: the master has one thread, so no other thread can hold a lock that stays locked
    // in the child.
    let forked = signals::held_back(|| unsafe { unistd::fork() })?;
    match forked {
        ForkResult::Parent { child } => {
            if let Err(errno) = signals::release() {
                log::error!("cannot unblock signals: {errno}");
            }
            Ok(child)
        }
        ForkResult::Child => process::exit(life(master)),
    }
}
// ANCHOR_END: fork

// ANCHOR: reap
/// Collects one child that has ended, if there is one.
pub fn reap() -> Option<Event> {
    loop {
        return match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => Some(Event::Exited { pid, how: Exit::Code(code) }),
            Ok(WaitStatus::Signaled(pid, signal, _)) => {
                Some(Event::Exited { pid, how: Exit::Signal(signal as i32) })
            }
            Err(Errno::EINTR) => continue,
            _ => None,
        };
    }
}
// ANCHOR_END: reap
