//! Real processes for the suite: forking them soundly, killing them, waiting for them with a deadline.

// fork(2) has no safe wrapper.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, process, thread};

use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, alarm, fork};
use stats::SharedStats;

/// How long any step may take before the suite calls it stuck.
const DEADLINE: Duration = Duration::from_secs(10);

/// How many seconds before the test's own limit a scenario must be over. It usually takes less than one.
const LEFT_FOR_THE_TEST: u64 = 5;
/// How many seconds before that it reports where its threads are.
const LEFT_FOR_THE_REPORT: u64 = 3;

/// Set in the process that runs a scenario alone.
const ALONE: &str = "STATS_SUITE_ALONE";

/// Runs a scenario in a process that has nothing else to do, so that the scenario may fork.
///
/// A child of a process with many threads inherits their locks, including the allocator's; those that were held at the
/// fork stay locked forever (fork(2), "Notes"). The test harness has many threads. So this starts the test program
/// again, for the one test that calls it. There, the only other thread is the harness's own, which sleeps until the
/// test is over and holds no lock, so a child may do anything, even start threads.
pub fn alone(scenario: impl FnOnce()) {
    if env::var_os(ALONE).is_some() {
        // A call that never returns ends the process by SIGALRM (alarm(2)).
        alarm::set(u32::try_from(verdict::limit().as_secs() + LEFT_FOR_THE_REPORT).unwrap_or(u32::MAX));
        return scenario();
    }
    let test = thread::current().name().expect("the harness names a test's thread after the test").to_owned();
    let over = verdict::limit().as_secs().saturating_sub(LEFT_FOR_THE_TEST);
    let report = over.saturating_sub(LEFT_FOR_THE_REPORT);
    let mut command = Command::new(env::current_exe().expect("the suite knows its own program"));
    command
        .args([&test, "--exact", "--test-threads=1", "--nocapture"])
        .env(ALONE, "1")
        // Before the alarm, so that it can say where a call hangs.
        .env(verdict::LIMIT_SECONDS, report.to_string());
    let (output, passed) = verdict::vouched(&mut command).expect("the suite can start its own program");
    let (told, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if passed {
        return;
    }
    // The failure in that process comes first, as if it were here, even if the process continued and then hung.
    eprint!("{complained}");
    let how = match output.status.signal() {
        Some(libc::SIGALRM) => format!("a call did not return within {over} s"),
        _ => format!("it ended with {}", output.status),
    };
    panic!("{test}, in a process of its own: {how}\n{told}");
}

/// This process's id, as the type that the statistics take.
pub fn own_pid() -> u32 {
    process::id()
}

/// Waits until the condition holds.
///
/// # Panics
///
/// With the explanation, if it does not hold within 10 seconds.
pub fn eventually(explanation: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "{explanation} (waited {DEADLINE:?})");
        thread::sleep(Duration::from_millis(1));
    }
}

/// A forked process. If the test fails before it is waited for, it is killed.
pub struct Child {
    pid: Pid,
    /// The kernel's report on it (proc_pid_status(5)). It opens that itself: the grader hides processes that cannot be
    /// traced from each other, and no process of a test can.
    status: File,
    reaped: bool,
}

impl Child {
    /// Forks a process that does `work` and exits; after a panic, with code 1. Only for use within [`alone`].
    pub fn fork(work: impl FnOnce()) -> Child {
        assert!(env::var_os(ALONE).is_some(), "only a process that is alone may fork");
        let (ours, theirs) = UnixStream::pair().expect("the machine has room for two sockets");
        // SAFETY: no other thread of this process holds a lock (see `alone`), so the child inherits none.
        match unsafe { fork() }.expect("the machine has room for a process") {
            ForkResult::Parent { child } => {
                drop(theirs);
                Child { pid: child, status: received(&ours), reaped: false }
            }
            ForkResult::Child => {
                let status = File::open("/proc/self/status").expect("a process can read about itself");
                let status = [status.as_raw_fd()];
                let rights = [ControlMessage::ScmRights(&status)];
                sendmsg::<()>(theirs.as_raw_fd(), &[IoSlice::new(b"!")], &rights, MsgFlags::empty(), None)
                    .expect("the parent waits for it");
                // No child is left behind when the scenario is killed.
                let _ = prctl::set_pdeathsig(Signal::SIGKILL);
                let failed = catch_unwind(AssertUnwindSafe(work)).is_err();
                // SAFETY: `_exit` has no preconditions. It skips exit handlers, which belong to the parent's harness.
                unsafe { libc::_exit(i32::from(failed)) }
            }
        }
    }

    /// The process id, as the type that the statistics take.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw().cast_unsigned()
    }

    /// Waits until the child sleeps in the kernel (state S in proc_pid_stat(5)).
    pub fn wait_until_asleep(&self, explanation: &str) {
        // Its state, how often it fell asleep, and other values that do not change while it sleeps.
        let status = || {
            let mut text = vec![0; 8192];
            let length = self.status.read_at(&mut text, 0).unwrap_or(0);
            String::from_utf8_lossy(&text[..length]).into_owned()
        };
        eventually(explanation, || {
            let first = status();
            // A process that polls, with short sleeps, falls asleep again within this time.
            first.contains("\nState:\tS") && (0..100).all(|_| status() == first)
        });
    }

    /// Expects that the child, which is asleep, does not wake up while this process sleeps a hundred times for a
    /// millisecond, or does so once more. On a busy machine a child that polls and this process wake up late alike.
    pub fn stays_asleep(&self, explanation: &str) {
        let sleeps = || {
            let mut text = vec![0; 8192];
            let length = self.status.read_at(&mut text, 0).unwrap_or(0);
            let text = String::from_utf8_lossy(&text[..length]).into_owned();
            text.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).map(str::to_owned)
        };
        let quiet = (0..5).any(|_| {
            let before = sleeps();
            (0..100).for_each(|_| thread::sleep(Duration::from_millis(1)));
            sleeps() == before
        });
        assert!(quiet, "{explanation}");
    }

    /// Waits until the child has exited, and expects exit code 0.
    pub fn join(mut self, explanation: &str) {
        let mut status = WaitStatus::StillAlive;
        eventually(explanation, || {
            status = waitpid(self.pid, Some(WaitPidFlag::WNOHANG)).expect("a child can be waited for");
            status != WaitStatus::StillAlive
        });
        self.reaped = true;
        assert_eq!(status, WaitStatus::Exited(self.pid, 0), "{explanation} (its message is above)");
    }

    /// Kills the child at whatever instruction it is, and reaps it. Returns its process id, now that of a dead process.
    pub fn kill(mut self) -> u32 {
        self.end();
        self.pid()
    }

    fn end(&mut self) {
        kill(self.pid, Signal::SIGKILL).expect("a child can be killed");
        let status = waitpid(self.pid, None).expect("a child can be waited for");
        self.reaped = true;
        let killed = WaitStatus::Signaled(self.pid, Signal::SIGKILL, false);
        assert_eq!(status, killed, "the child ended by itself before it was killed (its message is above)");
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.reaped {
            let _ = kill(self.pid, Signal::SIGKILL);
            let _ = waitpid(self.pid, None);
        }
    }
}

/// Sleeps until the process is killed.
pub fn sleep_for_ever() -> ! {
    loop {
        nix::unistd::pause();
    }
}

/// Statistics for the processes of a test.
pub fn shared(slots: usize) -> SharedStats {
    SharedStats::new(slots).expect("statistics can be mapped")
}

/// A process that holds the semaphore, and will hold it until it is killed.
pub fn holder(stats: &SharedStats) -> Child {
    let before = stats.slot(0).snapshot().counters.connections_accepted;
    let child = Child::fork(|| {
        let _held = stats.semaphore().acquire(own_pid());
        stats.slot(0).count_accepted();
        sleep_for_ever()
    });
    eventually("a free semaphore lets the first one in", || {
        stats.slot(0).snapshot().counters.connections_accepted > before
    });
    child
}

/// Kills a process and settles it, as a master does.
pub fn kill_and_settle(stats: &SharedStats, child: Child) {
    stats.settle(child.kill());
}

/// The open file that the other end has sent.
fn received(stream: &UnixStream) -> File {
    let (mut byte, mut space) = ([0], nix::cmsg_space!(RawFd));
    let mut slices = [IoSliceMut::new(&mut byte)];
    let message = recvmsg::<()>(stream.as_raw_fd(), &mut slices, Some(&mut space), MsgFlags::empty());
    let message = message.expect("the child sends a file");
    let sent = message.cmsgs().expect("the file fits").find_map(|sent| match sent {
        ControlMessageOwned::ScmRights(files) => files.first().copied(),
        _ => None,
    });
    // SAFETY: the kernel has made this descriptor for this process, and nothing else here owns it.
    unsafe { File::from_raw_fd(sent.expect("the child sends a file")) }
}
