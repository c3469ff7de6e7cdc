//! Finding a file beneath the document root, and nothing else (openat2(2)).
//!
//! Comparing prefixes of path strings cannot keep a request inside a folder: `/srv/www` is also a prefix of
//! `/srv/www-private`, a symbolic link leaves any folder without a trace in the string, and the file system may
//! change between the check and the open. So the kernel does it: `RESOLVE_BENEATH` makes the look-up itself fail
//! at the first step, `..` or link that would leave the root.
//!
//! A name may also be a FIFO, whose open waits for a writer that never comes, or a device, whose open may have effects.
//! So a name is first opened with `O_PATH`, which only finds it. It is opened for reading only if it is a regular file,
//! and then checked once more.

use crate::RequestPath;
use crate::deleted::is_deleted;
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::thread;
use std::time::Duration;

/// Makes a look-up fail instead of waiting for the disk (openat2(2)); nix has no name for it.
const RESOLVE_CACHED: ResolveFlag = ResolveFlag::from_bits_retain(libc::RESOLVE_CACHED);

/// How often a look-up is retried immediately. A rename that was in its way is over long before the last retry.
const AT_ONCE: u32 = 64;

/// How often it is then retried after a pause of 1 ms, 2 ms, 4 ms and so on up to 64 ms, an eighth of a second in all.
/// Most processes give a lease back within milliseconds. If one does not, the kernel breaks the lease after 45 seconds
/// (proc(5), lease-break-time), and a thread that waited that long would serve no other client.
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
    #[error(
        "cannot be protected: this system lacks openat2 (Linux 5.6), or forbids it, as RestrictSUIDSGID=yes does"
    )]
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

    /// Whether the folder itself was deleted since it was opened. Then nothing is found in it any more. Never waits:
    /// for a network file system, it says what the client has cached.
    pub fn is_deleted(&self) -> bool {
        is_deleted(self.folder.as_fd())
    }

    /// Finds what `path` names, and opens it if it is a regular file. A path that ends in a slash asks for a directory,
    /// so no file is found for it. May block on the disk, and for a moment while something is in the way of the look-up.
    ///
    /// # Errors
    /// [`FindError`]; a path that leaves the root, by whatever trick, is [`FindError::NotFound`].
    pub fn find(&self, path: &RequestPath<'_>) -> Result<Found, FindError> {
        let name = name_of(path);
        let status = fstat(self.look_up(name, OFlag::O_PATH, ResolveFlag::empty())?)?;
        match SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT {
            SFlag::S_IFDIR => return Ok(Found::Directory),
            // `/page.html/` asks for a directory.
            SFlag::S_IFREG if !path.is_directory() => {}
            _ => return Err(FindError::NotFound),
        }
        // Between the two look-ups a FIFO may have taken the name: with O_NONBLOCK, the open does not wait
        // for its writer, nor for a process that has a lease on the file.
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let opened = self.look_up(name, flags, ResolveFlag::empty())?;
        let now = fstat(&opened)?;
        if SFlag::from_bits_truncate(now.st_mode) & SFlag::S_IFMT != SFlag::S_IFREG {
            return Err(FindError::NotFound);
        }
        Ok(Found::File(OpenFile { file: File::from(opened), identity: FileIdentity::from(&now) }))
    }

    /// The identity of the regular file that `path` names, if the kernel can tell from memory; `None` if it would have
    /// to read the disk, if the file is gone, and if the path ends in a slash. For threads that must not block.
    pub fn identify_from_memory(&self, path: &RequestPath<'_>) -> Option<FileIdentity> {
        if path.is_directory() {
            return None;
        }
        let found = self.look_up(name_of(path), OFlag::O_PATH, RESOLVE_CACHED).ok()?;
        let status = fstat(found).ok()?;
        let regular = SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG;
        regular.then(|| FileIdentity::from(&status))
    }

    // ANCHOR: look_up
    fn look_up(&self, name: &str, flags: OFlag, more: ResolveFlag) -> Result<OwnedFd, Errno> {
        let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS | more;
        let how = OpenHow::new().flags(flags | OFlag::O_CLOEXEC).resolve(resolve);
        let mut repeated = 0;
        loop {
            match openat2(self.folder.as_fd(), name, how) {
                // EAGAIN: something was renamed during the look-up (openat2(2)). Or another process
                // has a lease on the file, and the kernel has just asked it to give it back
                // (fcntl(2)).
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
    // ANCHOR_END: look_up
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
