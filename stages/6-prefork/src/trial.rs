//! A child that tries settings, so that the master does not have to.
//!
//! Reading a configuration file and opening a folder or a log may take forever: on a network file system whose server
//! is gone, or for a FIFO that no process reads. Meanwhile the master must obey signals and replace dead workers. So it
//! forks a child that does all this as the user that workers run as, and hands over what it has opened (SCM_RIGHTS,
//! unix(7)):
//!
//! ```text
//!   master ---- forks ----> trial          "trying --document-root: /srv/www"
//!      |                      |  --------> the open root
//!      |  goes on with        |            "trying --access-log: /var/log/herd"
//!      |  everything else     |  --------> the open log, once for each slot
//!      |<---- SIGCHLD --------'  exit code 0
//!      | only now looks at what was handed over
//! ```
//!
//! A trial that does not end within [`ANSWER_WITHIN`] is killed, and its last message names what did not answer.

use crate::children::fork;
use crate::signals;
use nix::cmsg_space;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, sendmsg,
    socketpair,
};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, getppid};
use parts::prefork::{DONE, Exit};
use parts::request::DocumentRoot;
use program::access_log;
use program::bell::poll_timeout;
use program::failure::{Failure, exit};
use program::log_file::LogFile;
use program::settings::{MAX_WORKERS, Settings};
use program::start::{open_log, open_root};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

/// How long a trial may take. A disk that has to start spinning takes several seconds.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// How long the master waits for a trial that it has killed. SIGKILL does not wake one that sleeps in the kernel for a
/// disk.
const DEAD_WITHIN: Duration = Duration::from_secs(1);

/// The longest message: a configuration file, the longest path, a sentence.
const LONGEST_MESSAGE: usize = 64 << 10;

/// What all workers serve until the next reload, even if its paths mean something else by then.
#[derive(Debug)]
pub struct Opened {
    /// The document root.
    pub root: OwnedFd,
    /// The access log, if the settings name one: an open file for each slot.
    pub logs: Vec<OwnedFd>,
}

/// The result of a trial that succeeded.
#[derive(Debug)]
pub struct Found {
    /// The document root, if it was tried.
    pub root: Option<OwnedFd>,
    /// The access log, if the settings name one: an open file for each slot.
    pub logs: Vec<OwnedFd>,
    /// The contents of the configuration file, if one was read.
    pub configuration: Option<String>,
}

/// A trial that has not ended.
#[derive(Debug)]
pub struct Trial {
    child: Pid,
    answers: OwnedFd,
    by: Instant,
}

/// The trial's end of the socket.
#[derive(Debug)]
pub struct Answers(OwnedFd);

/// What a message is about: its first byte.
const TRYING: u8 = b'?';
const CONFIGURATION: u8 = b'c';
const ROOT: u8 = b'r';
const LOG: u8 = b'l';
const FAILED: u8 = b'!';

impl Trial {
    /// Forks a child that does `what`, which hands over what it opens.
    ///
    /// # Errors
    /// Those of socketpair(2) and fork(2).
    pub fn begin(what: impl FnOnce(&Answers) -> Result<(), Failure>) -> Result<Trial, Errno> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let (answers, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?;
        let child = fork(|master| {
            let answers = Answers(theirs);
            match follow(master).and_then(|()| what(&answers)) {
                Ok(()) => DONE,
                Err(failure) => {
                    // If not even this can be sent, the exit code still says that it failed.
                    let _ = answers.send(FAILED, &failure.to_string(), &[]);
                    i32::from(failure.code())
                }
            }
        })?;
        Ok(Trial { child, answers, by: Instant::now() + ANSWER_WITHIN })
    }

    /// Whether this pid is the trial's.
    pub fn is(&self, pid: Pid) -> bool {
        self.child == pid
    }

    /// When to call [`Trial::give_up`].
    pub fn deadline(&self) -> Instant {
        self.by
    }

    /// Waits for the end. For a master that has nothing else to do yet.
    ///
    /// # Errors
    /// [`Failure::Setting`] for what cannot be used, [`Failure::NotNow`] for what is not there, and
    /// [`Failure::Running`] for what did not answer, but may the next time.
    pub fn wait(self) -> Result<Opened, Failure> {
        loop {
            let left = self.by.saturating_duration_since(Instant::now());
            // This only waits for the other end to close (POLLHUP, poll(2)).
            let mut source = [PollFd::new(self.answers.as_fd(), PollFlags::empty())];
            match poll(&mut source, poll_timeout(left)) {
                Ok(0) => return Err(Failure::Running(self.give_up())),
                Ok(_) => break,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(Failure::cannot("try the settings")(errno)),
            }
        }
        let how = match waitpid(self.child, None) {
            Ok(WaitStatus::Exited(_, code)) => Exit::Code(code),
            _ => Exit::Signal(Signal::SIGKILL as i32),
        };
        let failure = match how {
            Exit::Code(code) if code == i32::from(exit::BAD_SETTING) => Failure::Setting,
            Exit::Code(code) if code == i32::from(exit::NOT_NOW) => Failure::NotNow,
            _ => Failure::Running,
        };
        self.ended(how).and_then(Found::complete).map(|(opened, _)| opened).map_err(failure)
    }

    /// What the child has found, once it has ended and was reaped.
    ///
    /// # Errors
    /// One sentence: what cannot be used.
    // ANCHOR: ended
    pub fn ended(self, how: Exit) -> Result<Found, String> {
        let heard = self.hear();
        match how {
            Exit::Code(DONE) => {
                Ok(Found { root: heard.root, logs: heard.logs, configuration: heard.configuration })
            }
            _ => {
                let trying = heard.trying;
                Err(heard.failure.unwrap_or_else(|| format!("{trying} could not be tried: {how}")))
            }
        }
    }
    // ANCHOR_END: ended

    /// Kills the child and says what it was waiting for. A child that not even SIGKILL wakes is reaped whenever it
    /// ends.
    pub fn give_up(self) -> String {
        // It was not reaped yet, so its pid cannot be another process's.
        let _ = kill(self.child, Signal::SIGKILL);
        // Its end of the socket closes as it dies. It is reaped here, because a herd that is stopping would not reap it
        // later.
        let mut source = [PollFd::new(self.answers.as_fd(), PollFlags::empty())];
        let mut dead = Err(Errno::EINTR);
        // The end of a worker interrupts the wait.
        while dead == Err(Errno::EINTR) {
            dead = poll(&mut source, poll_timeout(DEAD_WITHIN));
        }
        if dead.is_ok_and(|ready| ready > 0) {
            let _ = waitpid(self.child, None);
        }
        format!("{} did not answer within {} seconds", self.hear().trying, ANSWER_WITHIN.as_secs())
    }

    /// Everything that the child has said so far.
    fn hear(&self) -> Heard {
        let mut heard = Heard { trying: "the settings".to_owned(), ..Heard::default() };
        while let Ok(Some((about, text, mut descriptors))) = self.receive() {
            match about {
                TRYING => heard.trying = text,
                CONFIGURATION => heard.configuration = Some(text),
                ROOT => heard.root = descriptors.pop(),
                LOG => heard.logs = descriptors,
                _ => heard.failure = Some(text),
            }
        }
        heard
    }

    /// The next message, if there is one.
    fn receive(&self) -> Result<Option<(u8, String, Vec<OwnedFd>)>, Errno> {
        let mut bytes = vec![0; LONGEST_MESSAGE];
        let mut space = cmsg_space!([RawFd; MAX_WORKERS]);
        let mut pieces = [IoSliceMut::new(&mut bytes)];
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
        let message = recvmsg::<()>(self.answers.as_raw_fd(), &mut pieces, Some(&mut space), flags)?;
        let mut descriptors = Vec::new();
        for control in message.cmsgs()? {
            if let ControlMessageOwned::ScmRights(received) = control {
                #[allow(unsafe_code)]
                // SAFETY: the kernel has just made these descriptors for us, and nothing else knows of them.
                descriptors.extend(received.into_iter().map(|raw| unsafe { OwnedFd::from_raw_fd(raw) }));
            }
        }
        let length = message.bytes;
        let said = bytes[..length].split_first();
        Ok(said.map(|(&about, text)| (about, String::from_utf8_lossy(text).into_owned(), descriptors)))
    }
}

/// What a trial has said.
#[derive(Debug, Default)]
struct Heard {
    trying: String,
    configuration: Option<String>,
    root: Option<OwnedFd>,
    logs: Vec<OwnedFd>,
    failure: Option<String>,
}

impl Answers {
    /// Names what may take forever from here on.
    ///
    /// # Errors
    /// Those of sendmsg(2).
    pub fn trying(&self, what: &str) -> io::Result<()> {
        self.send(TRYING, what, &[])
    }

    /// Hands over what the configuration file says.
    ///
    /// # Errors
    /// Those of sendmsg(2), and an error for a file that is too long for a message.
    pub fn configuration(&self, text: &str) -> io::Result<()> {
        if text.len() >= LONGEST_MESSAGE {
            return Err(io::Error::other(format!("it is longer than {LONGEST_MESSAGE} bytes")));
        }
        self.send(CONFIGURATION, text, &[])
    }

    /// Opens everything that workers with these settings use, and hands it over.
    ///
    /// # Errors
    /// [`Failure::Setting`] for what cannot be used, [`Failure::NotNow`] for what is not there, [`Failure::Running`] if
    /// it cannot be handed over.
    // ANCHOR: try_settings
    pub fn try_all(&self, settings: &Settings) -> Result<(), Failure> {
        let what = format!("--document-root: {}", settings.document_root.display());
        self.trying(&what).map_err(Failure::cannot("try the settings"))?;
        self.hand_over(ROOT, &[open_root(settings)?.as_fd().as_raw_fd()])?;
        self.try_log(settings)
    }

    /// Opens the access log of these settings, if they name one, and hands it over.
    ///
    /// It is opened once for each slot: a worker that takes a piece of a line back uses the position of
    /// its open file, which no other worker may move.
    ///
    /// # Errors
    /// Those of [`Answers::try_all`].
    pub fn try_log(&self, settings: &Settings) -> Result<(), Failure> {
        if let Some(path) = &settings.access_log {
            self.trying(&format!("--access-log: {}", path.display()))
                .map_err(Failure::cannot("try the settings"))?;
        }
        let open = (0..settings.num_workers).map(|_| open_log(settings));
        let logs: Vec<LogFile> = open.filter_map(Result::transpose).collect::<Result<_, _>>()?;
        let logs: Vec<RawFd> = logs.iter().map(|log| log.as_fd().as_raw_fd()).collect();
        self.hand_over(LOG, &logs)
    }
    // ANCHOR_END: try_settings

    fn hand_over(&self, about: u8, descriptors: &[RawFd]) -> Result<(), Failure> {
        self.send(about, "", descriptors).map_err(Failure::cannot("try the settings"))
    }

    fn send(&self, about: u8, text: &str, descriptors: &[RawFd]) -> io::Result<()> {
        let rights = [ControlMessage::ScmRights(descriptors)];
        let control = if descriptors.is_empty() { &[] } else { &rights[..] };
        let about = [about];
        let pieces = [IoSlice::new(&about), IoSlice::new(text.as_bytes())];
        sendmsg::<()>(self.0.as_raw_fd(), &pieces, control, MsgFlags::MSG_NOSIGNAL, None)?;
        Ok(())
    }
}

/// Ties the trial's life to its master's, which must be able to kill it.
fn follow(master: Pid) -> Result<(), Failure> {
    signals::for_trial().map_err(Failure::cannot("try the settings"))?;
    set_pdeathsig(Signal::SIGKILL).map_err(Failure::cannot("try the settings"))?;
    signals::release().map_err(Failure::cannot("try the settings"))?;
    if getppid() == master { Ok(()) } else { Err(Failure::Running("the master is gone".to_owned())) }
}

impl Found {
    /// What the workers will serve, and the text of the configuration file.
    ///
    /// # Errors
    /// One sentence, if no root was tried.
    pub fn complete(self) -> Result<(Opened, Option<String>), String> {
        let root = self.root.ok_or("the document root was not handed over")?;
        Ok((Opened { root, logs: self.logs }, self.configuration))
    }
}

impl Opened {
    /// Root and log for the worker of a slot. In its process: the other slots' logs are closed.
    ///
    /// # Errors
    /// No descriptor left.
    pub fn for_worker(
        &mut self,
        slot: usize,
        settings: &Settings,
    ) -> io::Result<(DocumentRoot, Option<LogFile>)> {
        let take_over = |log| access_log::take_over(settings.access_log.as_deref(), log);
        let log = self.logs.drain(..).nth(slot).map(take_over).transpose()?;
        Ok((DocumentRoot::from_descriptor(self.root.try_clone()?), log))
    }
}
