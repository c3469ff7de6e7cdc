//! A file is opened through the descriptor that found it (proc(5), `/proc/self/fd`): there is no second look-up, so
//! nothing can change in between.

use crate::RequestPath;
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::thread;
use std::time::Duration;

/// How often a look-up is retried immediately, and how often after a pause.
const AT_ONCE: u32 = 64;
const PAUSES: u32 = 7;

/// A folder whose files are served. Cheap to look into, and shared by all threads.
#[derive(Debug)]
pub struct DocumentRoot {
    folder: OwnedFd,
}

/// What a path names.
#[derive(Debug)]
pub enum Found {
    /// A regular file, open for reading.
    File(OpenFile),
    /// A directory.
    Directory,
}

/// A regular file, open for reading, and what identified it when it was opened.
#[derive(Debug)]
pub struct OpenFile {
    /// The open file. Its offset is never used: readers pass their own (pread(2), sendfile(2)).
    pub file: File,
    /// Which file this is, and in which state.
    pub identity: FileIdentity,
}

/// Distinguishes one state of one file from every other: two equal identities mean equal bytes, as far as a file system
/// can promise that. The cache compares it, and some of it may be in an `ETag` (RFC 9110, section 8.8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileIdentity {
    /// The device that holds the file.
    pub device: u64,
    /// The file's number on that device.
    pub inode: u64,
    /// Length in bytes.
    pub size: u64,
    /// Last change of the contents: seconds since 1970, and nanoseconds.
    pub modified: (i64, i64),
    /// Last change of the inode, which no program can set, unlike the time of modification.
    pub changed: (i64, i64),
}

/// Why a document root cannot be used. The text completes "the document root ...".
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// It cannot be opened as a directory.
    #[error("cannot be opened: {}", .0.desc())]
    Open(Errno),
    /// The kernel is older than Linux 5.6, or a sandbox hides the call.
    #[error("cannot be protected: this system lacks openat2 (Linux 5.6), or forbids it, as RestrictSUIDSGID=yes does")]
    NoOpenat2,
}

/// Why a path could not be found or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// No such file, or one that must not be served: outside the root, a FIFO, a socket, a device.
    #[error("there is no such file")]
    NotFound,
    /// It is there, but its permissions forbid reading.
    #[error("the file may not be read")]
    Forbidden,
    /// The process or the system has no file descriptor left.
    #[error("no file descriptor is left")]
    OutOfDescriptors,
    /// Another process has a lease on the file and has not given it back within the time that a look-up waits.
    #[error("another process has a lease on the file")]
    Busy,
    /// The file system failed.
    #[error("the file system failed: {}", .0.desc())]
    Io(Errno),
}

impl DocumentRoot {
    /// Opens the folder and makes sure that the kernel can confine look-ups to it.
    ///
    /// # Errors
    /// [`RootError`] if it is not a directory that can be opened, or if openat2(2) is missing.
    pub fn open(path: &Path) -> Result<DocumentRoot, RootError> {
        // O_PATH: the folder need not be listable, only its files readable.
        let flags = OFlag::O_DIRECTORY | OFlag::O_PATH | OFlag::O_CLOEXEC;
        let folder = open(path, flags, Mode::empty()).map_err(RootError::Open)?;
        let root = DocumentRoot { folder };
        match root.look_up(".", OFlag::O_PATH, ResolveFlag::empty()) {
            Ok(_) => Ok(root),
            Err(Errno::ENOSYS | Errno::EPERM) => Err(RootError::NoOpenat2),
            Err(errno) => Err(RootError::Open(errno)),
        }
    }

    /// A root that another process opened, and whose descriptor it passed to us.
    pub fn from_descriptor(folder: OwnedFd) -> DocumentRoot {
        DocumentRoot { folder }
    }

    /// Whether the folder itself was deleted since it was opened. Then nothing is found in it any more.
    pub fn is_deleted(&self) -> bool {
        fstat(&self.folder).is_ok_and(|status| status.st_nlink == 0)
    }

    /// Finds what `path` names, and opens it if it is a regular file. May block on the disk.
    ///
    /// # Errors
    /// [`FindError`]; a path that leaves the root, by whatever trick, is [`FindError::NotFound`].
    pub fn find(&self, path: &RequestPath<'_>) -> Result<Found, FindError> {
        let name = name_of(path);
        let found = self.look_up(name, OFlag::O_PATH, ResolveFlag::empty())?;
        let status = fstat(&found)?;
        match SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT {
            SFlag::S_IFDIR => return Ok(Found::Directory),
            // `/page.html/` asks for a directory.
            SFlag::S_IFREG if !path.is_directory() => {}
            _ => return Err(FindError::NotFound),
        }
        let again = format!("/proc/self/fd/{}", found.as_raw_fd());
        let opened = open(again.as_str(), OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOCTTY, Mode::empty())?;
        let now = fstat(&opened)?;
        Ok(Found::File(OpenFile { file: File::from(opened), identity: FileIdentity::from(&now) }))
    }

    /// The identity of the regular file that `path` names, if the kernel can tell from memory; `None` if it would have
    /// to read the disk, and if the file is gone. For threads that must not block.
    pub fn identify_from_memory(&self, path: &RequestPath<'_>) -> Option<FileIdentity> {
        if path.is_directory() {
            return None;
        }
        let cached = ResolveFlag::from_bits_retain(libc::RESOLVE_CACHED);
        let found = self.look_up(name_of(path), OFlag::O_PATH, cached).ok()?;
        let status = fstat(found).ok()?;
        let regular = SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG;
        regular.then(|| FileIdentity::from(&status))
    }

    fn look_up(&self, name: &str, flags: OFlag, more: ResolveFlag) -> Result<OwnedFd, Errno> {
        let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS | more;
        let how = OpenHow::new().flags(flags | OFlag::O_CLOEXEC).resolve(resolve);
        let mut repeated = 0;
        loop {
            match openat2(self.folder.as_fd(), name, how) {
                // EAGAIN: something was renamed during the look-up (openat2(2)). Or another process has a lease on the
                // file, and the kernel has just asked it to give it back (fcntl(2)).
                Err(Errno::EAGAIN) if more.is_empty() && repeated < AT_ONCE + PAUSES => {
                    if repeated >= AT_ONCE {
                        thread::sleep(Duration::from_millis(1 << (repeated - AT_ONCE)));
                    }
                    repeated += 1;
                }
                Err(Errno::EINTR) => {}
                other => return other,
            }
        }
    }
}

impl AsFd for DocumentRoot {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }
}

/// The name for openat2(2), which does not accept an empty one: the folder itself is a dot.
fn name_of<'p>(path: &'p RequestPath<'_>) -> &'p str {
    if path.as_str().is_empty() { "." } else { path.as_str() }
}

impl FileIdentity {
    /// The identity of an open file, as it is now.
    ///
    /// # Errors
    /// Those of fstat(2).
    pub fn of(file: &File) -> std::io::Result<FileIdentity> {
        Ok(FileIdentity::from(&fstat(file)?))
    }
}

impl From<&FileStat> for FileIdentity {
    fn from(status: &FileStat) -> FileIdentity {
        FileIdentity {
            device: status.st_dev,
            inode: status.st_ino,
            size: u64::try_from(status.st_size).unwrap_or(0),
            modified: (status.st_mtime, status.st_mtime_nsec),
            changed: (status.st_ctime, status.st_ctime_nsec),
        }
    }
}

impl From<Errno> for FindError {
    fn from(errno: Errno) -> FindError {
        match errno {
            // EXDEV: the look-up would have left the root. ELOOP: links in a circle, or a forbidden kind of link.
            // ENXIO: a socket.
            Errno::ENOENT
            | Errno::ENOTDIR
            | Errno::EXDEV
            | Errno::ELOOP
            | Errno::ENAMETOOLONG
            | Errno::ENXIO => FindError::NotFound,
            Errno::EACCES | Errno::EPERM => FindError::Forbidden,
            Errno::EMFILE | Errno::ENFILE => FindError::OutOfDescriptors,
            Errno::EAGAIN => FindError::Busy,
            other => FindError::Io(other),
        }
    }
}
