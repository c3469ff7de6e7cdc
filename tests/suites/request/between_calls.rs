//! What happens between two system calls of a thread, without luck.
//!
//! seccomp(2) can stop a thread before each call that a filter names, and ask another thread what shall become of it
//! (seccomp_unotify(2)):
//!
//! ```text
//!   a thread that looks up            the test
//!     openat2 "index.html"   ----->     nothing yet: go on
//!     newfstatat             ----->     index.html and fifo change places, then: go on
//!     openat2 "index.html"   ----->     go on, or: fail with EIO
//! ```
//!
//! So every moment at which a file can change, or a call can fail, is tried once.

use super::root::{DEADLINE, SEE};
use super::seccomp::{self, Heard};
use nix::errno::Errno;
use nix::poll::PollTimeout;
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

/// A system call by which the thread asks about a file.
#[derive(Clone, Copy)]
pub struct Call {
    /// How many of them the thread has done before.
    pub number: usize,
    pub name: &'static str,
    /// Looks a name up.
    pub opens: bool,
}

const CALLS: [(libc::c_long, &str); 5] = [
    (libc::SYS_openat2, "openat2"),
    (libc::SYS_openat, "openat"),
    (libc::SYS_newfstatat, "fstat"),
    (libc::SYS_fstat, "fstat"),
    (libc::SYS_statx, "statx"),
];

/// Does `work` on a new thread, and `before` right before each of its [`Call`]s. A call for which `before` returns an
/// error is not done, but fails with it. Returns what `work` does, and the number of calls; `None` if nothing may
/// listen here: another program does so already, or the kernel is a special one.
pub fn between_calls<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
    mut before: impl FnMut(Call) -> Option<Errno>,
) -> Option<(T, usize)> {
    let (tell_listener, listener) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    let worker = thread::spawn(move || {
        let listening = listen();
        let ready = listening.is_ok();
        tell_listener.send(listening).expect("the test waits for it");
        // If the test has given up, nothing receives this.
        let _ = ready.then(|| tell.send(work()));
    });
    let listener = match listener.recv().expect("a thread that listens") {
        Ok(listener) => listener,
        Err(errno) => {
            assert!(std::env::var_os("CI_FULL").is_none(), "CI_FULL is set, but seccomp(2): {errno}");
            println!("skipped: nothing can listen to system calls here: {errno}");
            return None;
        }
    };
    let mut number = 0;
    let deadline = Instant::now() + DEADLINE;
    while !worker.is_finished() {
        assert!(
            Instant::now() < deadline,
            "the look-up does not return, but it must never wait. It has probably opened a FIFO: the test puts one in the place of \
             the file meanwhile. {SEE}"
        );
        if let Ok(Heard::Call(call)) = seccomp::next_call(&listener, PollTimeout::from(10_u8)) {
            let known = CALLS.iter().find(|(known, _)| *known == libc::c_long::from(call.data.nr));
            let name = known.map_or("a call", |(_, name)| name);
            let failure = before(Call { number, name, opens: name.starts_with("open") });
            number += 1;
            seccomp::answer(&listener, &call, failure);
        }
    }
    worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    Some((told.recv().expect("the thread has told"), number))
}

/// From now on, the calling thread stops before each of the [`CALLS`]. The result hears of them.
fn listen() -> Result<OwnedFd, Errno> {
    let listener = seccomp::install(
        &mut seccomp::notify(&CALLS.map(|(call, _)| call)),
        libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
    )?;
    #[allow(unsafe_code)]
    // SAFETY: the kernel has just made this descriptor for us, and nothing else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(listener) })
}

impl Call {
    /// Whether a look-up of a name can fail in this way. Only openat2(2) asks its caller to try again.
    pub fn fails_with(self, errno: Errno) -> bool {
        self.opens && (errno != Errno::EAGAIN || self.name == "openat2")
    }
}
