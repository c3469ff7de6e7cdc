//! Threads that a test can watch: whether one sleeps, and whether it comes back.
//!
//! No test sleeps for a while and hopes. To see that a thread waits, it asks the kernel:
//!
//! ```text
//!   /proc/self/task/<thread id>/status     State:                    S (sleeping)      in a system call
//!                                          voluntary_ctxt_switches:  7                 the seventh time
//! ```
//!
//! A part that spins instead of sleeping is noticed, and so is one that never returns: each wait ends at a deadline,
//! which is much longer than a slow machine needs.

// Each suite uses only some of this.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits before it says that something will never happen.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same, after one test has timed out: the suite has failed then, and the student is waiting for it.
const LITTLE_PATIENCE: Duration = Duration::from_secs(3);

/// How often all threads must be seen in the same sleep before they are believed to have no other end, and how long one
/// look comes after the other: two seconds in all, because a part may also wait for some time and look again.
const LOOKS: usize = 100;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

static WAITED_IN_VAIN: AtomicBool = AtomicBool::new(false);

fn patience() -> Duration {
    if WAITED_IN_VAIN.load(Ordering::Relaxed) { LITTLE_PATIENCE } else { PATIENCE }
}

/// A thread that was started by [`start`].
pub struct Watched<T> {
    name: String,
    /// The thread's folder in /proc.
    task: PathBuf,
    result: Receiver<thread::Result<T>>,
}

/// Starts a thread. Its name appears in the messages: "the consumer was expected to fall asleep".
pub fn start<T: Send + 'static>(name: &str, body: impl FnOnce() -> T + Send + 'static) -> Watched<T> {
    let (send_task, task) = channel();
    let (send_result, result) = channel();
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(move || {
        let task = fs::read_link("/proc/thread-self").expect("proc(5) is mounted on every Linux");
        send_task.send(PathBuf::from("/proc").join(task)).expect("the test waits for this");
        // If the test has failed already, nothing receives the result.
        let _ = send_result.send(catch_unwind(AssertUnwindSafe(body)));
    });
    spawned.expect("the system can start another thread");
    let task = task.recv().expect("the thread says this first");
    Watched { name: name.to_owned(), task, result }
}

impl<T> Watched<T> {
    /// Waits until the thread sleeps, and is still asleep at several checks. It might sleep for another reason than the
    /// test assumes, so only assert what must hold in any case.
    #[track_caller]
    pub fn wait_until_asleep(&self) {
        let asleep = self.is_asleep_in_the_end();
        assert!(asleep, "{} was expected to fall asleep, but it has come back", self.name);
    }

    /// The same for a thread that is asleep, after a call that must not wake it. `woken` says what must have happened if
    /// the thread has come back.
    #[track_caller]
    pub fn stays_asleep(&self, woken: &str) {
        let asleep = self.is_asleep_in_the_end();
        assert!(asleep, "{} was expected to stay asleep, but it has come back: {woken}", self.name);
    }

    /// Waits until the thread sleeps, or has ended. Returns whether it sleeps.
    #[track_caller]
    pub fn is_asleep_in_the_end(&self) -> bool {
        let expected = format!("{} falls asleep; it seems to spin", self.name);
        let (mut last, mut looks, mut ended) = (None, 0, false);
        eventually(&expected, || {
            ended = !self.task.exists();
            let sleep = self.sleep();
            looks = if sleep.is_some() && sleep == last { looks + 1 } else { 0 };
            last = sleep;
            ended || looks == 5
        });
        !ended
    }

    /// Waits until the thread sleeps, has ended, or does what `other` looks for. Fails for none of them: a thread that spins
    /// is waited for in vain.
    pub fn wait_until_asleep_or(&self, mut other: impl FnMut() -> bool) {
        let (start, mut last, mut looks) = (Instant::now(), None, 0);
        while looks < 5 && self.task.exists() && !other() && start.elapsed() < patience() {
            let sleep = self.sleep();
            looks = if sleep.is_some() && sleep == last { looks + 1 } else { 0 };
            last = sleep;
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until the thread ends, and returns its result. If the thread panicked, this panics too.
    #[track_caller]
    pub fn finish(self) -> T {
        self.finish_or("")
    }

    /// The same. If the thread does not end, the message also says `otherwise`: why it must end, as a sentence. It is not
    /// waited for if all threads are asleep, and stay so: then no thread is left that could wake it.
    #[track_caller]
    pub fn finish_or(self, otherwise: &str) -> T {
        let (start, patience) = (Instant::now(), patience());
        let (mut last, mut looks) = (None, 0);
        let waits = loop {
            match self.result.recv_timeout(BETWEEN_LOOKS) {
                Ok(Ok(value)) => return value,
                Ok(Err(panic)) => resume_unwind(panic),
                Err(_) if looks == LOOKS => {
                    break "it sleeps, and so does every thread that could wake it".to_owned();
                }
                Err(_) if looks == 0 && start.elapsed() > patience => {
                    break format!("it still waits after {patience:?}");
                }
                Err(_) => {
                    let asleep = all_asleep();
                    looks = if asleep.is_some() && asleep == last { looks + 1 } else { 0 };
                    last = asleep;
                }
            }
        };
        WAITED_IN_VAIN.store(true, Ordering::Relaxed);
        let otherwise = if otherwise.is_empty() { String::new() } else { format!(". {otherwise}") };
        let threads = verdict::sleepers::report();
        panic!("{} was expected to come back, but {waits}{otherwise}\n{threads}", self.name);
    }

    fn sleep(&self) -> Option<u64> {
        sleep_of(&self.task)
    }
}

/// The number of the sleep that a thread is in; `None` if it is awake, or has ended.
fn sleep_of(task: &Path) -> Option<u64> {
    let status = fs::read_to_string(task.join("status")).ok()?;
    let value = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    let sleeps = value("voluntary_ctxt_switches:")?.parse().ok();
    sleeps.filter(|_| value("State:").is_some_and(|state| state.starts_with('S')))
}

/// The number of the sleep that each thread of this process is in, but for the caller; `None` if one is awake.
fn all_asleep() -> Option<BTreeMap<PathBuf, u64>> {
    let own = fs::read_link("/proc/thread-self").ok()?;
    let tasks = fs::read_dir("/proc/self/task").ok()?.flatten().map(|task| task.path());
    let others = tasks.filter(|task| task.file_name() != own.file_name());
    others.map(|task| sleep_of(&task).map(|sleep| (task, sleep))).collect()
}

/// How often this thread slept while it did something.
pub fn sleeps_in(something: impl FnOnce()) -> u64 {
    let sleeps = || {
        let status =
            fs::read_to_string("/proc/thread-self/status").expect("proc(5) is mounted on every Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.and_then(|sleeps| sleeps.trim().parse::<u64>().ok()).expect("proc(5) promises a number")
    };
    let before = sleeps();
    something();
    sleeps() - before
}

/// Waits until `condition` is true, and fails if it never is. `expected` completes "was expected: ...".
#[track_caller]
pub fn eventually(expected: &str, mut condition: impl FnMut() -> bool) {
    let (start, patience) = (Instant::now(), patience());
    while !condition() {
        if start.elapsed() > patience {
            WAITED_IN_VAIN.store(true, Ordering::Relaxed);
            panic!("was expected: {expected} (waited for {patience:?})");
        }
        // Only to leave the processor to other threads.
        thread::sleep(Duration::from_millis(1));
    }
}

impl<T> Watched<T> {
    /// Waits until the thread sleeps. `otherwise` says why it must not have come back.
    #[track_caller]
    pub fn wait_until_asleep_or_say(&self, otherwise: &str) {
        let asleep = self.is_asleep_in_the_end();
        assert!(asleep, "{} was expected to fall asleep, but it has come back: {otherwise}", self.name);
    }
}
