//! One process at a time: a record lock on a file (fcntl(2)).
//!
//! Of all file locks, only this one excludes processes that were forked with the same open file. The kernel releases it
//! when its process dies.

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc::{F_UNLCK, F_WRLCK, SEEK_SET, c_int, c_short, flock};
use std::fs::File;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a process waits for another's turn to end. A turn takes microseconds, unless its process is suspended.
const PATIENCE: Duration = Duration::from_millis(10);

/// Excludes the other threads of this process, because the lock belongs to the whole process.
static THREADS: Mutex<()> = Mutex::new(());

/// This thread's turn. It ends when this is dropped.
#[derive(Debug)]
pub struct Turn<'f> {
    file: &'f File,
    _threads: MutexGuard<'static, ()>,
}

/// Another process has kept its turn for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StillTaken;

impl<'f> Turn<'f> {
    /// Waits for a turn. `None` if the file system has no such locks.
    ///
    /// # Errors
    /// [`StillTaken`] after 10 ms.
    pub fn wait(file: &'f File) -> Result<Option<Turn<'f>>, StillTaken> {
        let threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
        let began = Instant::now();
        loop {
            match fcntl(file, FcntlArg::F_SETLK(&whole_file(F_WRLCK))) {
                Ok(_) => return Ok(Some(Turn { file, _threads: threads })),
                Err(Errno::EAGAIN | Errno::EACCES) if began.elapsed() < PATIENCE => thread::yield_now(),
                Err(Errno::EAGAIN | Errno::EACCES) => return Err(StillTaken),
                Err(_) => return Ok(None),
            }
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // It cannot fail, because the lock is ours.
        let _ = fcntl(self.file, FcntlArg::F_SETLK(&whole_file(F_UNLCK)));
    }
}

fn whole_file(kind: c_int) -> flock {
    flock { l_type: kind as c_short, l_whence: SEEK_SET as c_short, l_start: 0, l_len: 0, l_pid: 0 }
}
