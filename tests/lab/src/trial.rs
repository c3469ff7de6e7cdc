//! Running one test in a process of its own, and believing only its receipt.

use crate::course::Kind;
use crate::view::{LANES_WIDTH, View};
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How long a test of a part may take.
pub const LIMIT: Duration = Duration::from_secs(20);
/// How long an end-to-end test may take: it starts servers, and waits for their time limits.
pub const STAGE_LIMIT: Duration = Duration::from_secs(60);
/// The environment variables of the crate `verdict` for its limit and its receipt. Not imported, because this program
/// is built before the tests and should not wait for `verdict`.
const LIMIT_SECONDS: &str = "VERDICT_LIMIT_SECONDS";
const RECEIPT: &str = "VERDICT_RECEIPT";
/// How much longer the process may take to report that its test has run out of time.
const GRACE: Duration = Duration::from_secs(5);
/// How many times its limit a test may take if other programs leave it too little processor time.
const WHILE_BUSY: u32 = 6;
/// How much of what a test prints is kept, in bytes. The rest is dropped as it comes.
const KEPT_OUTPUT: usize = 256 * 1024;
/// How much of cargo's messages is kept, in bytes.
const KEPT_MESSAGES: usize = 64 * 1024 * 1024;

/// What a process prints that has reached a hole. Its other threads may wait forever for the one that reached it, so
/// the process is killed.
pub const TODO: &str = "not yet implemented: Lab ";

/// One test in one executable.
#[derive(Debug, Clone)]
pub struct Trial {
    /// What it is compiled into.
    pub kind: Kind,
    /// The executable.
    pub executable: PathBuf,
    /// The test's full path, such as `semaphore::acquire_sleeps_until_a_release`.
    pub test: String,
    /// The folder that it runs in.
    pub folder: PathBuf,
    /// Environment variables, besides those of the receipt and the limit.
    pub variables: Vec<(String, OsString)>,
    /// What is printed instead of running it, because it would prove nothing.
    pub refused: Option<String>,
}

/// How a trial ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The test.
    pub test: String,
    /// What it is compiled into.
    pub kind: Kind,
    /// Whether the receipt came back.
    pub passed: bool,
    /// The process was killed because it did not end.
    pub out_of_time: bool,
    /// The first part of what it printed.
    pub output: String,
    /// How long it took.
    pub took: Duration,
    /// How much processor time it used.
    pub computed: Duration,
}

impl Outcome {
    /// Whether it took so long that it most likely would not have ended by itself.
    pub fn hangs(&self) -> bool {
        !self.passed && self.took > limit_of(self.kind) / 2 - GRACE / 2
    }

    /// Whether it ran out of time because other programs had the processors: it computed, but got less processor time
    /// than its limit. A deadlocked test computes nothing, and a test that spins on a free machine has the processor
    /// all the time.
    pub fn starved(&self) -> bool {
        let limit = limit_of(self.kind);
        !self.passed && self.took >= limit && self.computed > limit / 10 && self.computed < limit * 9 / 10
    }
}

/// How long a test of a kind may take.
fn limit_of(kind: Kind) -> Duration {
    if kind == Kind::Stage { STAGE_LIMIT } else { LIMIT }
}

impl Trial {
    /// How long the test may take.
    pub fn limit(&self) -> Duration {
        limit_of(self.kind)
    }

    /// The test's name as a sentence: its last word group, with spaces.
    pub fn promise(&self) -> String {
        promise(&self.test)
    }

    /// Runs the test. `wrap` may put another program around it, such as a sandbox. As soon as `needless` returns true,
    /// the process is killed, and the test has not passed. If the machine is so busy that the test was starved, it is
    /// run once more with a longer limit.
    ///
    /// # Errors
    /// If the process cannot be started.
    pub fn run(&self, wrap: impl Fn(Command) -> Command, needless: impl Fn() -> bool) -> Result<Outcome> {
        if let Some(refused) = &self.refused {
            return Ok(Outcome {
                test: self.test.clone(),
                kind: self.kind,
                passed: false,
                out_of_time: false,
                output: refused.clone(),
                took: Duration::ZERO,
                computed: Duration::ZERO,
            });
        }
        let outcome = self.run_within(self.limit(), &wrap, &needless)?;
        if outcome.starved() && !needless() {
            return self.run_within(self.limit() * WHILE_BUSY, &wrap, &needless);
        }
        Ok(outcome)
    }

    fn run_within(
        &self,
        limit: Duration,
        wrap: impl Fn(Command) -> Command,
        needless: impl Fn() -> bool,
    ) -> Result<Outcome> {
        let mut command = Command::new(&self.executable);
        command.args(["--exact", &self.test, "--nocapture", "--test-threads=1"]);
        // A model draws no wider than the default view, unless `variables` says how wide the terminal is.
        command.env(LANES_WIDTH, View::default().lanes_width().to_string());
        command.current_dir(&self.folder).envs(self.variables.iter().cloned());
        // Students need the message, not a stack trace.
        command.env("RUST_BACKTRACE", "0");
        command.env(LIMIT_SECONDS, limit.as_secs().to_string());
        // The receipt comes and goes through standard input, so that no other descriptor must be passed on.
        command.env(RECEIPT, "0");
        let mut command = wrap(command);
        let ended = supervise(&mut command, limit + GRACE, needless)?;
        Ok(Outcome {
            test: self.test.clone(),
            kind: self.kind,
            passed: ended.receipt,
            out_of_time: ended.killed,
            output: ended.output,
            took: ended.took,
            computed: ended.computed,
        })
    }
}

/// What a name in a test's path stands for in a sentence.
const WRITTEN: [(&str, &str); 9] = [
    ("try_acquire", "`try_acquire`"),
    ("try_enqueue", "`try_enqueue`"),
    ("get_or_load", "`get_or_load`"),
    ("remove_if_same", "`remove_if_same`"),
    ("_cr_or_lf", "_CR_or_LF"),
    ("_fifo", "_FIFO"),
    ("ascii", "ASCII"),
    ("ipv6", "IPv6"),
    ("_1_x_", "_1.x_"),
];

/// The last part of a test's path, as a sentence.
pub fn promise(test: &str) -> String {
    let name = test.rsplit("::").next().unwrap_or(test);
    // A name in backquotes keeps its underscores.
    let written = WRITTEN.iter().fold(name.to_owned(), |name, (from, to)| name.replace(from, to));
    let parts = written.split('`').enumerate();
    parts.map(|(at, part)| if at % 2 == 0 { part.replace('_', " ") } else { part.to_owned() }).collect()
}

/// How the process of a test ended.
struct Ended {
    /// Whether it sent back the number that it was given.
    receipt: bool,
    /// Whether it had to be killed.
    killed: bool,
    /// The first part of what it printed, standard output and standard error in the order of printing.
    output: String,
    took: Duration,
    computed: Duration,
}

/// Runs a test's command with a receipt, and keeps the beginning of what it prints.
fn supervise(command: &mut Command, limit: Duration, needless: impl Fn() -> bool) -> Result<Ended> {
    let start = Instant::now();
    let (mut ours, theirs) = UnixStream::pair().context("no socket for the receipt")?;
    let number: [u8; 16] = random()?;
    ours.write_all(&number)?;
    let (reader, writer) = std::io::pipe().context("no pipe for the output")?;
    command.stdin(OwnedFd::from(theirs)).stdout(writer.try_clone()?).stderr(writer);
    let printed = Printed::read(reader, KEPT_OUTPUT);
    let (status, computed) = run_group(command, start + limit, || printed.contains(TODO) || needless())?;
    let receipt = status.is_some() && came_back(ours, number);
    Ok(Ended { receipt, killed: status.is_none(), output: printed.text(), took: start.elapsed(), computed })
}

/// Runs a compiler's command. Returns whether it succeeded, and what it wrote to standard output and to standard error.
///
/// # Errors
/// If it cannot be started.
pub fn supervise_build(command: &mut Command, limit: Duration) -> Result<(bool, Vec<u8>, String)> {
    let (messages, writer) = std::io::pipe().context("no pipe for the messages")?;
    let (errors, error_writer) = std::io::pipe().context("no pipe for the errors")?;
    command.stdin(Stdio::null()).stdout(writer).stderr(error_writer);
    let messages = Printed::read(messages, KEPT_MESSAGES);
    let errors = Printed::read(errors, KEPT_OUTPUT);
    let (status, _) = run_group(command, Instant::now() + limit, || false)?;
    let mut said = errors.text();
    if status.is_none() {
        said.push_str(&format!(
            "\nerror: the compiler did not end within {} s, and was ended",
            limit.as_secs()
        ));
    }
    Ok((status == Some(true), messages.bytes(), said))
}

/// Runs a command as the leader of a process group of its own, and kills the group when the command ends, when the
/// deadline passes, or when it is `hopeless`. Returns whether it succeeded, or `None` if it had to be killed, and the
/// processor time it used.
fn run_group(
    command: &mut Command,
    deadline: Instant,
    hopeless: impl Fn() -> bool,
) -> Result<(Option<bool>, Duration)> {
    let spawned = command.process_group(0).spawn();
    // Closes our copies of its ends of pipes and sockets, so that only its processes keep them open.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = spawned.with_context(|| format!("cannot run {}", command.get_program().display()))?;
    wait(&child, deadline, hopeless);
    let computed = processor_time(child.id());
    let ended = has_ended(child.id());
    // Done after a normal end too, because processes that it started must not go on. And before it is reaped, because
    // then its number may belong to another group.
    kill_group(child.id());
    let status = child.wait().context("cannot wait for a process that has ended")?;
    Ok((ended.then_some(status.success()), computed))
}

/// Kills every process of a group with SIGKILL.
fn kill_group(leader: u32) {
    #[allow(unsafe_code)]
    // SAFETY: killpg(3) takes two numbers and touches no memory.
    unsafe {
        libc::killpg(leader.cast_signed(), libc::SIGKILL);
    }
}

/// Waits until the process has ended, the deadline has come, or it is hopeless. A process that has ended is not reaped
/// here, because until then the kernel tells how much processor time it used.
fn wait(child: &Child, deadline: Instant, hopeless: impl Fn() -> bool) {
    while !has_ended(child.id()) && Instant::now() < deadline && !hopeless() {
        thread::sleep(Duration::from_millis(2));
    }
}

fn has_ended(child: u32) -> bool {
    let mut what = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    #[allow(unsafe_code)]
    // SAFETY: waitid(2) writes one `siginfo_t`, for which all-zero bytes are valid; its process id stays 0 if nothing
    // ended.
    let (result, pid) = unsafe {
        let result = libc::waitid(libc::P_PID, child, what.as_mut_ptr(), options);
        (result, what.assume_init().si_pid())
    };
    result != 0 || pid != 0
}

/// The processor time of a process and of its descendants (proc(5)): of those that still run, because a sandbox that is
/// about to be killed has not waited for its test yet, and of those that their parents have waited for.
fn processor_time(process: u32) -> Duration {
    let children = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let children = children.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    let children: Vec<u32> = children
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>())
        .collect();
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name, in brackets, may hold spaces. Fields 14 to 17 are the four times; the first after the name is field 3.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    let ticks: u64 = fields.skip(11).take(4).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    // USER_HZ is 100 on Linux, whatever the kernel's own clock.
    Duration::from_millis(ticks * 10) + children.into_iter().map(processor_time).sum::<Duration>()
}

/// What a process prints, read on a thread of its own: the beginning is kept.
struct Printed {
    kept: Arc<Mutex<Vec<u8>>>,
    all_printed: Receiver<()>,
}

impl Printed {
    fn read(mut from: std::io::PipeReader, most: usize) -> Printed {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let (send, all_printed) = channel();
        let keep = kept.clone();
        thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                let mut kept = keep.lock().expect("no thread panics while it holds this");
                let room = most.saturating_sub(kept.len());
                kept.extend_from_slice(&buffer[..count.min(room)]);
            }
            let _ = send.send(());
        });
        Printed { kept, all_printed }
    }

    fn contains(&self, word: &str) -> bool {
        let kept = self.kept.lock().expect("the reader does not panic");
        kept.windows(word.len()).any(|window| window == word.as_bytes())
    }

    /// Everything, once all writers have closed the pipe. A process that has escaped from the group may keep it open;
    /// then this returns what has come so far.
    fn bytes(&self) -> Vec<u8> {
        let _ = self.all_printed.recv_timeout(GRACE);
        self.kept.lock().expect("the reader does not panic").clone()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }
}

/// Whether exactly this number came back.
fn came_back(mut ours: UnixStream, number: [u8; 16]) -> bool {
    let mut answer = [0; 17];
    let mut length = 0;
    if ours.set_read_timeout(Some(Duration::from_secs(1))).is_err() {
        return false;
    }
    while length < answer.len() {
        match ours.read(&mut answer[length..]) {
            Ok(count @ 1..) => length += count,
            _ => break,
        }
    }
    answer[..length] == number
}

fn random() -> Result<[u8; 16]> {
    let mut number = [0; 16];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut number))
        .context("no random number")?;
    Ok(number)
}

/// The full paths of the tests in an executable.
///
/// # Errors
/// If it cannot be run.
pub fn list(executable: &Path) -> Result<Vec<String>> {
    let output = Command::new(executable).args(["--list", "--format", "terse"]).stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot run {}", executable.display()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::{Duration, Instant, Kind, LIMIT, Outcome, Printed, run_group};
    use std::process::Command;

    #[test]
    fn a_promise_is_a_sentence_in_which_names_are_as_in_the_code() {
        for (test, says) in [
            ("queue::what_try_enqueue_adds_takes_up_a_slot", "what try_enqueue adds takes up a slot"),
            ("a_bare_cr_or_lf_is_refused", "a bare CR or LF is refused"),
        ] {
            assert_eq!(super::promise(test), says);
        }
    }

    #[test]
    fn what_a_process_has_computed_is_counted_and_what_it_has_slept_is_not() {
        let mut sleeps = Command::new("sleep");
        let deadline = Instant::now() + Duration::from_secs(60);
        let (status, computed) = run_group(sleeps.arg("1"), deadline, || false).expect("sleep runs");
        assert_eq!(status, Some(true));
        assert!(computed < Duration::from_millis(500), "it slept, and is said to have computed {computed:?}");
        let mut counts = Command::new("sh");
        // The outer shell waits for the inner one, as a sandbox does for its test.
        counts.args(["-c", "sh -c 'i=0; while [ $i -lt 3000000 ]; do i=$((i+1)); done'; exit 3"]);
        let (status, computed) = run_group(&mut counts, deadline, || false).expect("a shell runs");
        assert_eq!(status, Some(false));
        assert!(
            computed >= Duration::from_millis(100),
            "it computed, and is said to have done so for {computed:?}"
        );
    }

    #[test]
    fn what_a_process_computes_that_is_killed_is_counted_too() {
        let mut shell = Command::new("sh");
        // As a sandbox does, the outer shell waits for the inner one until both are killed.
        let script = "sh -c 'i=0; while [ $i -lt 3000000 ]; do i=$((i+1)); done; echo; sleep 600'; exit 3";
        let (reader, writer) = std::io::pipe().expect("a pipe");
        shell.args(["-c", script]).stdout(writer);
        let has_counted = Printed::read(reader, 1);
        let deadline = Instant::now() + Duration::from_secs(60);
        let (status, computed) =
            run_group(&mut shell, deadline, || has_counted.contains("\n")).expect("a shell runs");
        assert_eq!(status, None);
        assert!(
            computed >= Duration::from_millis(100),
            "it computed, and is said to have done so for {computed:?}"
        );
    }

    #[test]
    fn only_who_computes_and_gets_too_little_is_starved() {
        let outcome = |passed, took, computed| Outcome {
            test: String::new(),
            kind: Kind::Model,
            passed,
            out_of_time: false,
            output: String::new(),
            took,
            computed,
        };
        let late = LIMIT + Duration::from_millis(10);
        assert!(outcome(false, late, LIMIT / 2).starved(), "half of the time it waited for a processor");
        assert!(!outcome(false, late, Duration::ZERO).starved(), "a deadlock");
        assert!(!outcome(false, late, LIMIT * 2).starved(), "two threads that go round in circles");
        assert!(!outcome(false, LIMIT / 2, LIMIT / 4).starved(), "it failed before its time was over");
        assert!(!outcome(true, late, LIMIT / 2).starved());
    }

    /// The shell stands for a correct test that gets only three seconds of its twenty. With more time it ends.
    #[test]
    fn a_test_that_got_too_little_is_run_once_more_and_may_take_longer() {
        let script = format!(
            "if [ ${limit} -gt {first} ]; then exec head -c 16 >&0; fi
            while read -r stat </proc/$$/stat; set -- $stat; [ $((${{14}} + ${{15}})) -lt 300 ]; do :; done
            exec sleep 600",
            limit = super::LIMIT_SECONDS,
            first = LIMIT.as_secs()
        );
        let trial = super::Trial {
            kind: Kind::Model,
            executable: "sh".into(),
            test: "slow".to_owned(),
            folder: "/".into(),
            variables: Vec::new(),
            refused: None,
        };
        // Not a file with this script in it, because another test could fork while it is open for writing.
        let as_script = |command: Command| {
            let mut shell = Command::new(command.get_program());
            let variables = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
            shell.args(["-c", &script]).envs(variables);
            shell
        };
        let outcome = trial.run(as_script, || false).expect("a shell runs");
        assert!(outcome.passed, "it was run once, or with the same limit: {outcome:?}");
    }

    #[test]
    fn a_test_is_told_its_limit_and_its_receipt_by_the_names_that_it_knows() {
        assert_eq!(super::LIMIT_SECONDS, verdict::LIMIT_SECONDS);
        assert_eq!(super::RECEIPT, verdict::RECEIPT);
    }
}
