//! A kernel that is asked before it does something (seccomp_unotify(2)): system calls of a running program that go on,
//! fail, or never return, as a test says and changes its mind.
//!
//! ```text
//!   program --- openat("/srv/new") ---> kernel --- may it? ---> Gate
//!                  sleeps               |  <--- go on, fail with EIO, or no answer ---'
//! ```
//!
//! A call that gets no answer sleeps until its process is killed, like one that waits for a network file system whose
//! server is gone. A signal that has a handler interrupts it, and then it begins again.

use crate::denial;
use nix::errno::Errno;
use nix::ioctl_readwrite;
use nix::libc::{self, c_long, seccomp_notif, seccomp_notif_resp};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{read, write};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

ioctl_readwrite!(receive, b'!', 0, seccomp_notif);
ioctl_readwrite!(respond, b'!', 1, seccomp_notif_resp);

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The kernel does it.
    GoOn,
    /// It fails.
    Fail(Errno),
    /// It does not return.
    Hang,
}

/// The calls that are asked about, and what is answered. Clones share the answers.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    calls: Vec<c_long>,
    rules: Arc<Mutex<Rules>>,
}

#[derive(Debug, Default)]
struct Rules {
    /// The last one that fits counts: call, end of the path, answer.
    answers: Vec<(c_long, String, Answer)>,
    /// Every call with its path, if it has one.
    asked: Vec<(c_long, String)>,
}

impl Gate {
    /// A gate that asks about these calls, and lets all of them go on.
    pub fn before(calls: &[c_long]) -> Gate {
        Gate { calls: calls.to_vec(), rules: Arc::default() }
    }

    /// Answers a call in this way from now on.
    pub fn answer(&self, call: c_long, answer: Answer) {
        self.answer_path(call, "", answer);
    }

    /// Answers in this way if the path ends so. For openat(2) and openat2(2), whose second argument is a path.
    pub fn answer_path(&self, call: c_long, end: &str, answer: Answer) {
        self.with_rules(|rules| rules.answers.push((call, end.to_owned(), answer)));
    }

    /// How often a call was asked about, if its path ended so.
    pub fn asked(&self, call: c_long, end: &str) -> usize {
        let fits = |(asked, path): &&(c_long, String)| *asked == call && path.ends_with(end);
        self.with_rules(|rules| rules.asked.iter().filter(fits).count())
    }

    fn with_rules<T>(&self, use_them: impl FnOnce(&mut Rules) -> T) -> T {
        use_them(&mut self.rules.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Starts the thread that answers. What comes back is for the process that is asked about.
    pub(crate) fn open(self) -> io::Result<Asked> {
        let (ours, theirs) = UnixStream::pair()?;
        let asked = Asked { socket: theirs, filter: denial::notify(&self.calls) };
        thread::Builder::new().name("gate".to_owned()).spawn(move || {
            // An error here means that the process has ended before it was asked anything.
            let _ = listener(ours).and_then(|listener| self.attend(&listener));
        })?;
        Ok(asked)
    }

    /// Answers until nobody is left to ask.
    fn attend(&self, listener: &OwnedFd) -> io::Result<()> {
        loop {
            let mut source = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
            poll(&mut source, PollTimeout::NONE)?;
            if source[0].revents().is_none_or(|events| !events.contains(PollFlags::POLLIN)) {
                return Ok(());
            }
            #[allow(unsafe_code)]
            // SAFETY: this struct is plain numbers, and the kernel wants it zeroed.
            let mut call: seccomp_notif = unsafe { std::mem::zeroed() };
            #[allow(unsafe_code)]
            // SAFETY: the descriptor is a seccomp listener, and `call` is what it fills.
            if unsafe { receive(listener.as_raw_fd(), &raw mut call) }.is_err() {
                // It was killed meanwhile.
                continue;
            }
            let (val, error, flags) = match self.judge(&call) {
                Answer::GoOn => (0, 0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32),
                Answer::Fail(errno) => (0, -(errno as i32), 0),
                Answer::Hang => continue,
            };
            let mut response = seccomp_notif_resp { id: call.id, val, error, flags };
            #[allow(unsafe_code)]
            // SAFETY: as above. It fails if the call is over, and then nobody waits for it.
            let _ = unsafe { respond(listener.as_raw_fd(), &raw mut response) };
        }
    }

    fn judge(&self, notice: &seccomp_notif) -> Answer {
        let call = c_long::from(notice.data.nr);
        let has_path = [libc::SYS_openat, libc::SYS_openat2].contains(&call);
        let path = if has_path { text(notice.pid, notice.data.args[1]) } else { String::new() };
        self.with_rules(|rules| {
            let fits = |(of, end, _): &&(c_long, String, Answer)| *of == call && path.ends_with(end.as_str());
            let answer = rules.answers.iter().rev().find(fits).map_or(Answer::GoOn, |&(_, _, answer)| answer);
            rules.asked.push((call, path.clone()));
            answer
        })
    }
}

/// The text at an address of a process.
fn text(pid: u32, address: u64) -> String {
    let mut bytes = [0; 4096];
    let memory = File::open(format!("/proc/{pid}/mem"));
    // It may end before a page does.
    let length = memory.and_then(|memory| memory.read_at(&mut bytes, address)).unwrap_or(0);
    let end = bytes[..length].iter().position(|&byte| byte == 0).unwrap_or(length);
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// The listener that the process has made: its number in there, fetched by pidfd_getfd(2).
fn listener(mut process: UnixStream) -> io::Result<OwnedFd> {
    let mut numbers = [0; 8];
    process.read_exact(&mut numbers)?;
    let number = |at: usize| i32::from_ne_bytes([0, 1, 2, 3].map(|byte| numbers[at + byte]));
    let fetched = |result: c_long| {
        let raw = Errno::result(result)?;
        #[allow(unsafe_code)]
        // SAFETY: the kernel has just made this descriptor for us, and nothing else knows of it.
        io::Result::Ok(unsafe { OwnedFd::from_raw_fd(raw as i32) })
    };
    #[allow(unsafe_code)]
    // SAFETY: these two calls take numbers and touch no memory.
    let listener = unsafe {
        let pidfd = fetched(libc::syscall(libc::SYS_pidfd_open, number(0), 0))?;
        fetched(libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), number(4), 0))?
    };
    process.write_all(&[1])?;
    Ok(listener)
}

/// What a process needs in order to be asked about.
#[derive(Debug)]
pub(crate) struct Asked {
    socket: UnixStream,
    filter: Vec<libc::sock_filter>,
}

impl Asked {
    /// From now on this process, and those that it starts, are asked about. Allocates nothing.
    pub(crate) fn ask(&mut self) -> io::Result<()> {
        let listener = denial::install(&mut self.filter, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER)?;
        let numbers = [std::process::id().cast_signed(), listener].map(i32::to_ne_bytes);
        // With write(2) and read(2), because send(2) and recv(2) may be among the calls that are asked about.
        write(&self.socket, numbers.as_flattened())?;
        // It closes with execve(2), so the other side must have it by then.
        read(&self.socket, &mut [0])?;
        Ok(())
    }
}
