//! A kernel that asks before it makes a call (seccomp_unotify(2)): a test decides, at any time, which system calls of a
//! running program go on, fail, or never return.
//!
//! ```text
//!   program --- openat("/srv/new") ---> kernel --- may it? ---> Gate
//!                  sleeps               |  <--- go on, fail with EIO, or no answer ---'
//! ```
//!
//! A call that gets no answer sleeps until its process is killed, like one that waits for a network file system whose
//! server is gone. A signal that has a handler interrupts it, and then it begins again.

use crate::seccomp::{self, Heard};
use nix::cmsg_space;
use nix::errno::Errno;
use nix::libc::{self, c_long, seccomp_notif};
use nix::poll::PollTimeout;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::mem::offset_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The kernel does it.
    GoOn,
    /// It fails.
    Fail(Errno),
    /// It does not return.
    Hang,
}

/// The calls that the kernel asks about, and the answers. Clones share the answers.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    calls: Vec<c_long>,
    rules: Arc<Mutex<Rules>>,
}

#[derive(Debug, Default)]
struct Rules {
    /// Call, end of the path, answer. The last rule that fits counts.
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

    /// Answers a call in this way if its path ends in `end`. For openat(2) and openat2(2), whose second argument is a
    /// path.
    pub fn answer_path(&self, call: c_long, end: &str, answer: Answer) {
        self.with_rules(|rules| rules.answers.push((call, end.to_owned(), answer)));
    }

    /// How often a call was asked about, with a path that ends in `end`.
    pub fn asked(&self, call: c_long, end: &str) -> usize {
        let fits = |(asked, path): &&(c_long, String)| *asked == call && path.ends_with(end);
        self.with_rules(|rules| rules.asked.iter().filter(fits).count())
    }

    fn with_rules<T>(&self, use_them: impl FnOnce(&mut Rules) -> T) -> T {
        use_them(&mut self.rules.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Starts the thread that answers. The result belongs in the process that is asked about.
    pub(crate) fn open(self) -> io::Result<Asked> {
        let (ours, theirs) = UnixStream::pair()?;
        let asked = Asked { socket: theirs, filter: seccomp::notify(&self.calls) };
        thread::Builder::new().name("gate".to_owned()).spawn(move || {
            // An error here means that the process has ended before it was asked anything.
            let _ = listener(&ours).and_then(|listener| self.attend(&listener));
        })?;
        Ok(asked)
    }

    /// Answers until no process is left that asks.
    fn attend(&self, listener: &OwnedFd) -> io::Result<()> {
        loop {
            let call = match seccomp::next_call(listener, PollTimeout::NONE)? {
                Heard::Call(call) => call,
                Heard::Nothing => continue,
                Heard::End => return Ok(()),
            };
            match self.judge(&call) {
                Answer::GoOn => seccomp::answer(listener, &call, None),
                Answer::Fail(errno) => seccomp::answer(listener, &call, Some(errno)),
                Answer::Hang => {}
            }
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

/// Receives the listener that the process has made. Fetching it by pidfd_getfd(2) would need the right to trace the
/// process, and a test that a grader runs has no such right over its children: it is not dumpable, and neither are they
/// until execve(2).
fn listener(process: &UnixStream) -> io::Result<OwnedFd> {
    let mut space = cmsg_space!(RawFd);
    let mut byte = [0];
    let mut parts = [IoSliceMut::new(&mut byte)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(process.as_raw_fd(), &mut parts, Some(&mut space), flags)?;
    let passed = message.cmsgs()?.find_map(|part| match part {
        ControlMessageOwned::ScmRights(descriptors) => descriptors.first().copied(),
        _ => None,
    });
    let raw = passed.ok_or(io::ErrorKind::UnexpectedEof)?;
    #[allow(unsafe_code)]
    // SAFETY: the kernel has just made this descriptor for us, and nothing else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// A descriptor as it travels over a socket (cmsg(3)).
#[repr(C)]
struct Passed {
    head: libc::cmsghdr,
    descriptor: RawFd,
}

/// Passes a descriptor on. Allocates nothing.
fn pass(to: &UnixStream, descriptor: RawFd) -> io::Result<()> {
    let mut byte = [1_u8];
    let mut part = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: byte.len() };
    let head = libc::cmsghdr {
        cmsg_len: offset_of!(Passed, descriptor) + size_of::<RawFd>(),
        cmsg_level: libc::SOL_SOCKET,
        cmsg_type: libc::SCM_RIGHTS,
    };
    let mut passed = Passed { head, descriptor };
    #[allow(unsafe_code)]
    // SAFETY: an `msghdr` is integers and raw pointers, for which zeros are valid.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    (message.msg_iov, message.msg_iovlen) = (&raw mut part, 1);
    (message.msg_control, message.msg_controllen) = ((&raw mut passed).cast(), size_of::<Passed>());
    #[allow(unsafe_code)]
    // SAFETY: everything that the message points to outlives the call, and is as long as the message says.
    Errno::result(unsafe { libc::sendmsg(to.as_raw_fd(), &raw const message, 0) })?;
    Ok(())
}

/// What a process needs to be asked about.
#[derive(Debug)]
pub(crate) struct Asked {
    socket: UnixStream,
    filter: Vec<libc::sock_filter>,
}

impl Asked {
    /// From now on this process, and those that it starts, are asked about. Allocates nothing.
    pub(crate) fn ask(&mut self) -> io::Result<()> {
        let listener = seccomp::install(&mut self.filter, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER)?;
        pass(&self.socket, listener)
    }
}
