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
/// **Orderings.** Taking it is an `Acquire` exchange of a word that a release, or a settle, stored with `Release`. So
/// each holder sees all that the holders before it wrote; of a dead one the master learnt from waitpid(2), which orders
/// the dead process's writes before the settle. Setting `WAITERS` publishes nothing and is `Relaxed`. The kernel
/// compares the word and queues the sleeper in one step, so no release can come in between and be missed.
///
/// **What loom checks:** all of the promise, with a process that may be killed after each of its steps. **What it
/// cannot:** the system call (the models replace it with a mutex and a condition variable that wakes in order of
/// arrival), and time (there, a bounded wait ends after one or two sleeps).
///
/// **Why not something ready-made.** A process-shared `sem_t` (sem_overview(7)) has no owner: if the holder dies, all
/// wait forever. A robust mutex (pthread_mutexattr_setrobust(3), `EOWNERDEAD`) would do: the kernel keeps a list of
/// what a thread holds and marks it when the thread dies, without a master. But its states are hidden in the C library
/// and the kernel, where neither a reader nor loom can see them.
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
        assert_process_id(dead_pid);
        let mut seen = dead_pid;
        // Repeats only if a thread sets WAITERS in between.
        while owner_of(seen) == dead_pid {
            match self.word.compare_exchange(seen, DIED, Release, Relaxed) {
                Ok(_) => break,
                Err(actual) => seen = actual,
            }
        }
        self.word.wake_one();
    }

    fn acquire_by(&self, pid: u32, deadline: &Deadline) -> Option<Acquired<'_>> {
        assert_process_id(pid);
        // What we believe the word to be. Free is a guess; a wrong guess costs one failed exchange.
        let mut seen = 0;
        let mut waiters = 0;
        loop {
            if owner_of(seen) == 0 {
                match self.word.compare_exchange(seen, pid | waiters, Acquire, Relaxed) {
                    Ok(_) => {
                        return Some(Acquired { guard: SemaphoreGuard(self), owner_died: seen == DIED });
                    }
                    Err(actual) => seen = actual,
                }
            } else if seen & WAITERS == 0 {
                match self.word.compare_exchange(seen, seen | WAITERS, Relaxed, Relaxed) {
                    Ok(_) => seen |= WAITERS,
                    Err(actual) => seen = actual,
                }
            } else if deadline.passed() {
                return None;
            } else {
                self.word.wait_while(seen, deadline);
                waiters = WAITERS;
                seen = 0;
            }
        }
    }

    fn release(&self) {
        // Two steps, and the process may die between them. Then `settle` wakes the thread that this would have woken.
        let before = self.word.swap(0, Release);
        if before & WAITERS != 0 {
            self.word.wake_one();
        }
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
