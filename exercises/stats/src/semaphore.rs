//! A binary semaphore between processes that survives the death of its holder.
//!
//! Its whole state is one word in shared memory, so that a reader can see it at a glance and loom can check it:
//!
//! ```text
//!    31     30     29 ...... 22   21 ............................ 0
//!  +------+---------+-----------+----------------------------------+
//!  | DIED | WAITERS |  unused   | process id of the owner, 0: none |
//!  +------+---------+-----------+----------------------------------+
//! ```

use std::time::Duration;

use crate::futex::{Deadline, FutexWord};
use crate::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// At most one holder among all threads of all processes; a holder that dies does not keep it.
///
/// **Promise.** Never two holders. A release lets one of the waiting threads in. If the holder dies, then after
/// [`settle`](Self::settle) the next one gets in, and is told so, because what the semaphore guards may be half
/// written. Whichever process is killed, whatever it was doing, no other process waits forever.
///
/// **States.** The word has one of four shapes:
///
/// | word            | meaning                                                         |
/// |-----------------|-----------------------------------------------------------------|
/// | `0`             | free                                                            |
/// | `DIED`          | free; the last owner died holding it, and no one was told yet   |
/// | `pid`           | held; no thread needs to be woken                               |
/// | `pid + WAITERS` | held; threads may be asleep, so the release must wake one       |
///
/// A thread that was woken cannot know whether others still sleep. So it takes the semaphore *with* `WAITERS` set: one
/// wake-up too many at the end, none too few. For the same reason it sets `WAITERS` again before it goes back to sleep
/// or gives up: the wake-up it was given may have been meant to be passed on.
///
/// **Who calls what.** Any thread of any process acquires, with its own process id. Only the guard releases. Only the
/// master settles: it alone knows from waitpid(2) that a process is dead, and it does so before it forks again, since
/// the next child may be given the same process id. (nginx does the same: its master unlocks the mutexes of a dead
/// worker.) No process may fork while one of its threads holds the semaphore.
///
/// **What loom checks:** all of the promise, with a process that may be killed after each of its steps. **What it
/// cannot:** the system call (the models replace it with a mutex and a condition variable that wakes in order of
/// arrival), and time (there, a bounded wait ends after one or two sleeps).
///
/// **Why is this enough?** That is for you to say, once it works.
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct SharedSemaphore {
    word: FutexWord,
}

/// Set in the word while a thread may be asleep.
const WAITERS: u32 = 1 << 30; // 1073741824 in a verdict
/// Set in the word, alone, from the settling of a dead owner until the next owner is told.
const DIED: u32 = 1 << 31; // 2147483648 in a verdict
/// The part of the word that names the owner. Linux never gives out a larger process id (`PID_MAX_LIMIT`,
/// proc(5)).
const OWNER: u32 = (1 << 22) - 1;

impl SharedSemaphore {
    /// A free semaphore. To be shared, it must be in memory that the processes share; there, zeroed bytes are a free
    /// semaphore.
    pub fn new() -> SharedSemaphore {
        SharedSemaphore::default()
    }

    /// Waits until the semaphore is free and takes it. `pid` is the caller's own process id.
    ///
    /// A process that was *stopped* (SIGSTOP) is not dead, and the semaphore is not taken from it: while it holds it,
    /// or was just woken for it, this call sleeps. A thread that must never hang calls
    /// [`acquire_within`](Self::acquire_within).
    ///
    /// # Panics
    ///
    /// If `pid` is 0 or larger than any process id on Linux (22 bits).
    pub fn acquire(&self, pid: u32) -> Acquired<'_> {
        self.acquire_by(pid, &Deadline::never()).expect("acquire waits without end, but this wait has ended")
    }

    /// Like [`acquire`](Self::acquire), but gives up after `patience` and returns `None`.
    ///
    /// # Panics
    ///
    /// If `pid` is 0 or larger than any process id on Linux (22 bits).
    pub fn acquire_within(&self, pid: u32, patience: Duration) -> Option<Acquired<'_>> {
        self.acquire_by(pid, &Deadline::within(patience))
    }

    /// Tells the semaphore that a process is dead. The master calls this for every child it has reaped,
    /// before it forks again.
    ///
    /// If the dead process was the owner, the semaphore becomes free and the next owner is told. One sleeper is always
    /// woken: the dead process may have been woken by a release and killed before it could take the semaphore.
    ///
    /// # Panics
    ///
    /// If `dead_pid` is 0 or larger than any process id on Linux (22 bits).
    pub fn settle(&self, dead_pid: u32) {
        todo!(
            "Lab 5.4: if this dead process is the owner, free the word and mark it DIED; always wake one sleeper"
        )
    }

    fn acquire_by(&self, pid: u32, deadline: &Deadline) -> Option<Acquired<'_>> {
        todo!(
            "Lab 5.3: take the word if it is free; else set WAITERS and sleep on it, until it is yours or the deadline has passed"
        )
    }

    fn release(&self) {
        todo!("Lab 5.3: free the word, and wake a sleeper if there may be one")
    }
}

fn owner_of(word: u32) -> u32 {
    word & OWNER
}

fn assert_process_id(pid: u32) {
    assert!(pid != 0 && pid <= OWNER, "{pid} is not a process id on Linux");
}

/// The result of acquiring.
#[derive(Debug)]
#[must_use = "the semaphore is released as soon as this is dropped"]
pub struct Acquired<'a> {
    /// Holds the semaphore until it is dropped.
    pub guard: SemaphoreGuard<'a>,
    /// The previous owner died while it held the semaphore. What the semaphore guards may be half written: repair it
    /// before use. Only one owner is told; if that one dies too, the next is told again.
    pub owner_died: bool,
}

/// Holds the semaphore, and releases it when dropped.
#[derive(Debug)]
#[must_use = "the semaphore is released as soon as this is dropped"]
pub struct SemaphoreGuard<'a>(&'a SharedSemaphore);

impl Drop for SemaphoreGuard<'_> {
    fn drop(&mut self) {
        self.0.release();
    }
}
