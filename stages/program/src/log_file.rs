//! A log that takes whole lines and never makes a thread wait.
//!
//! A log is read by another program, and that program may stop reading. Then a write(2) to a full pipe sleeps until
//! that program continues, and so does the thread that writes: the server is up and answers no client. So a line that
//! cannot be written at once is dropped, and counted ([`dropped`]).
//!
//! | the log is      | not waiting                                    | whole lines                                       |
//! |-----------------|------------------------------------------------|---------------------------------------------------|
//! | a regular file  | the page cache takes it; poll(2) is no help    | one write(2); of a full disk, the piece is taken back; where processes share a position, each in its turn |
//! | a pipe, a FIFO  | `O_NONBLOCK`, on an open file of our own       | the kernel's, up to `PIPE_BUF` (pipe(7))          |
//! | a socket        | `MSG_DONTWAIT`                                 | a Unix socket takes all or nothing                |
//! | a terminal      | `O_NONBLOCK`, on an open file of our own       | the rest comes before the next line of this process |
//!
//! One wait cannot be avoided: a write to a regular file on a dead disk or file server sleeps in the kernel, and only
//! the disk can wake it.

use crate::dropped;
use crate::turn::{StillTaken, Turn};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc::{O_APPEND, O_NOCTTY, O_NONBLOCK, PIPE_BUF};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, send};
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// One descriptor, and what kind of file it refers to.
#[derive(Debug)]
pub struct LogFile {
    file: File,
    kind: Kind,
    /// Whether other processes write through the same open file, and so move its position.
    is_shared: bool,
    /// The rest of a line whose beginning was written. The lock belongs to this process alone, so no process can die
    /// with it; and it is never held for longer than [`Turn::wait`] takes.
    rest: Mutex<Vec<u8>>,
    /// Lines dropped since a loss was last reported.
    unsaid: AtomicU64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A regular file: it can be made shorter again.
    Regular,
    /// A pipe or a FIFO.
    Pipe,
    /// A socket, such as journald's.
    Socket,
    /// A terminal, /dev/null, and the like.
    Device,
}

/// The line was not written, and has been counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dropped;

impl LogFile {
    /// A log that writes to `descriptor`, of whatever kind it is. For a pipe or a terminal it should have `O_NONBLOCK`;
    /// without it, the kernel is asked before each line whether there is room, and another process may take that room
    /// first.
    ///
    /// # Errors
    /// Those of fstat(2).
    pub fn new(descriptor: OwnedFd) -> io::Result<LogFile> {
        let file = File::from(descriptor);
        let kind = match file.metadata()?.file_type() {
            kind if kind.is_file() => Kind::Regular,
            kind if kind.is_fifo() => Kind::Pipe,
            kind if kind.is_socket() => Kind::Socket,
            _ => Kind::Device,
        };
        Ok(LogFile { file, kind, is_shared: false, rest: Mutex::default(), unsaid: AtomicU64::new(0) })
    }

    /// The same, for an open file that other processes of this server write to as well.
    ///
    /// # Errors
    /// Those of fstat(2).
    pub fn shared(descriptor: OwnedFd) -> io::Result<LogFile> {
        Ok(LogFile { is_shared: true, ..LogFile::new(descriptor)? })
    }

    /// Appends to the file at `path`, and creates it if it does not exist.
    ///
    /// # Errors
    /// Those of open(2).
    // ANCHOR: open
    pub fn open(path: &Path) -> io::Result<LogFile> {
        let open = |both_ends| {
            let mut options = OpenOptions::new();
            options.read(both_ends).append(true).create(true);
            options.custom_flags(O_NONBLOCK | O_NOCTTY).open(path)
        };
        let file = match open(false) {
            // A FIFO that we could also read always has a reader: us (fifo(7)). So its reader may
            // come and go, and lines written in between wait in it.
            Ok(file) if file.metadata()?.file_type().is_fifo() => open(true).unwrap_or(file),
            Err(error) if error.raw_os_error() == Some(Errno::ENXIO as i32) => open(true)?,
            opened => opened?,
        };
        LogFile::new(file.into())
    }
    // ANCHOR_END: open

    /// Writes to a descriptor that this process was started with, such as standard error.
    ///
    /// Such a descriptor is often shared with a shell, and `O_NONBLOCK` belongs to what is shared: set on standard
    /// error, it would also be set for the shell's own commands. So a pipe or a terminal is opened once more. That
    /// fails if it belongs to another user; then the descriptor is used as it is.
    ///
    /// # Errors
    /// Those of fcntl(2): no descriptor left.
    pub fn inherited(descriptor: BorrowedFd<'_>) -> io::Result<LogFile> {
        let as_it_is = LogFile::shared(descriptor.try_clone_to_owned()?)?;
        let again = match as_it_is.kind {
            // Two open files of one regular file would have two positions, and write over each other's lines.
            Kind::Regular | Kind::Socket => return Ok(as_it_is),
            Kind::Device if !descriptor.is_terminal() => return Ok(as_it_is),
            Kind::Pipe | Kind::Device => OpenOptions::new()
                .write(true)
                .custom_flags(O_APPEND | O_NONBLOCK | O_NOCTTY)
                .open(format!("/proc/self/fd/{}", descriptor.as_raw_fd())),
        };
        again.and_then(|file| LogFile::new(file.into())).or(Ok(as_it_is))
    }

    /// The longest line that is certain to be written whole, if there is such a limit. A longer one is dropped.
    pub fn longest_line(&self) -> Option<usize> {
        // Of more than PIPE_BUF bytes a pipe may take a part, and then another process writes into the middle of the
        // line. Where a socket's limit is depends on its buffer; no buffer is so small that this does not fit.
        matches!(self.kind, Kind::Pipe | Kind::Socket).then_some(PIPE_BUF)
    }

    /// Writes a line with its newline, now or not at all.
    ///
    /// # Errors
    /// [`Dropped`] if there is no room for it.
    pub fn write_line(&self, line: &[u8]) -> Result<(), Dropped> {
        if self.has_taken(line) {
            return Ok(());
        }
        self.unsaid.fetch_add(1, Relaxed);
        dropped::count(1);
        Err(Dropped)
    }

    /// Whether the line was written.
    // ANCHOR: write_line
    fn has_taken(&self, line: &[u8]) -> bool {
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(_turn) = self.turn() else { return false };
        if !rest.is_empty() {
            let written = self.write(&rest).unwrap_or(0);
            rest.drain(..written);
        }
        if !rest.is_empty() || self.longest_line().is_some_and(|longest| line.len() > longest) {
            return false;
        }
        match self.write(line) {
            Ok(written) if written == line.len() => true,
            Ok(written) if !self.take_back(written) => {
                rest.extend(line.iter().skip(written));
                true
            }
            _ => false,
        }
    }
    // ANCHOR_END: write_line

    /// Lines dropped since they were last [said](Self::said).
    pub fn unsaid(&self) -> u64 {
        self.unsaid.load(Relaxed)
    }

    /// Notes that the loss of `lines` lines was reported. Returns whether it was still unreported, so that only one of
    /// two threads reports it.
    pub fn said(&self, lines: u64) -> bool {
        self.unsaid.try_update(Relaxed, Relaxed, |unsaid| unsaid.checked_sub(lines)).is_ok()
    }

    /// One write(2) that does not wait. It may write less than all of it.
    fn write(&self, bytes: &[u8]) -> Result<usize, Errno> {
        loop {
            let written = match self.kind {
                Kind::Socket => {
                    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
                    send(self.file.as_raw_fd(), bytes, flags)
                }
                Kind::Pipe | Kind::Device if self.may_wait() && !self.has_room() => Err(Errno::EAGAIN),
                _ => nix::unistd::write(&self.file, bytes),
            };
            if written != Err(Errno::EINTR) {
                return written;
            }
        }
    }

    /// Whether a write to a full pipe would sleep. Asked each time: the flag may be shared with another process.
    fn may_wait(&self) -> bool {
        fcntl(&self.file, FcntlArg::F_GETFL).is_ok_and(|flags| flags & OFlag::O_NONBLOCK.bits() == 0)
    }

    fn has_room(&self) -> bool {
        let mut room = [PollFd::new(self.file.as_fd(), PollFlags::POLLOUT)];
        poll(&mut room, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
    }

    /// Waits for this process's turn at a regular file whose position other processes share: otherwise the position
    /// would not tell whose piece is the last.
    fn turn(&self) -> Result<Option<Turn<'_>>, StillTaken> {
        if self.is_shared && self.kind == Kind::Regular { Turn::wait(&self.file) } else { Ok(None) }
    }

    /// Removes the first piece of a line from a regular file again: the disk is full, or the file is as long as it may
    /// be (`RLIMIT_FSIZE`). Only if the piece is still the end of the file, which is likely, because what stopped this
    /// line also stops every other.
    fn take_back(&self, piece: usize) -> bool {
        let take_back = || -> io::Result<bool> {
            let mut file = &self.file;
            let (end, length) = (file.stream_position()?, file.metadata()?.len());
            if self.kind != Kind::Regular || end != length {
                return Ok(false);
            }
            file.set_len(end.saturating_sub(piece as u64))?;
            // Without O_APPEND the next line would leave a hole of zeros.
            file.seek(SeekFrom::Current(-(piece as i64)))?;
            Ok(true)
        };
        take_back().unwrap_or(false)
    }
}

impl AsFd for LogFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// A log that reports its own losses: the error log, whose lines begin with a time and a process id.
#[derive(Debug)]
pub struct TellingLog(pub LogFile);

impl Write for TellingLog {
    /// Takes one line, and never fails: the logger could do nothing about it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let TellingLog(log) = self;
        let unsaid = log.unsaid();
        if unsaid > 0 {
            // The notice borrows time and process id from the line that it comes before.
            let mut words = line.splitn(3, |&byte| byte == b' ').map(String::from_utf8_lossy);
            let (time, process) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let notice = format!("{time} {process} WARN {}\n", sentence(unsaid, "log lines"));
            if log.has_taken(notice.as_bytes()) {
                log.said(unsaid);
            }
        }
        let _ = log.write_line(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The sentence that reports a loss.
pub(crate) fn sentence(lines: u64, what: &str) -> String {
    format!("{lines} {what} were dropped, because they could not be written at once")
}
