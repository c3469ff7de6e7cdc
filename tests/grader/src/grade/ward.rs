//! The process that judges one submission, seen from outside: if it crashes or hangs, only that submission is lost.
//!
//! ```text
//!   cargo lab grade      reads no line of any submission
//!     unshare(1)         new PID, mount and IPC namespaces for each; and users of its own if we are not root
//!       grader judge     process 1 of them; its folder is in memory, and vanishes with it
//!         cells          see `sandbox`
//! ```
//!
//! Each process is killed with its parent, so that none continues after Ctrl-C, SIGTERM or SIGKILL.

// There is no safe interface for what must happen between fork(2) and exec(2).
#![allow(unsafe_code)]

use super::judging::{Assignment, judge_submission};
use super::sandbox::{Cell, FOR_TESTS, Sandbox, Seat, built, has_landlock, program, system};
use super::{Grade, handin};
use anyhow::{Context, Result, bail, ensure};
use lab::trial::supervise_build;
use nix::mount::{MsFlags, mount};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::{getuid, setsid};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a submission may take for each lab, before its process is ended from outside. It normally ends by itself
/// earlier.
const LONGEST: Duration = Duration::from_secs(900);
/// The size of all files of one submission and of everything built from it, in bytes.
const FILES: u64 = 1 << 30;
/// The memory of the process that unpacks a submission, in bytes.
const MEMORY: u64 = 2 << 30;
/// What std says when there is no more.
const TOO_LARGE: &str = "memory allocation of ";
/// The environment variable that tells that process what to do.
const ASSIGNMENT: &str = "GRADER_ASSIGNMENT";
/// Its prefix for a trial of the sandbox.
const TRIAL: &str = "trial";

/// Judges a submission in a process of its own.
pub(super) fn judge_apart(assignment: &Assignment) -> Grade {
    let start = Instant::now();
    let judged = serde_json::to_string(assignment).map_err(Into::into).and_then(|told| {
        let limit = LONGEST * u32::try_from(assignment.references.len().max(1)).unwrap_or(1);
        let (succeeded, said, errors) =
            supervise_build(&mut command(program()?, assignment.sandbox, &told)?, limit)?;
        let last = || handin::without_escapes(errors.lines().last().unwrap_or("it says nothing"));
        if !succeeded && errors.lines().any(|line| line.starts_with(TOO_LARGE)) {
            let problem = Some(format!("unpacking it takes more than {} GiB of memory", MEMORY >> 30));
            return Ok(Grade { problem, ..unjudged(assignment, start) });
        }
        if !succeeded && start.elapsed() >= limit {
            let problem = Some(format!("judging it takes more than {} minutes", limit.as_secs() / 60));
            return Ok(Grade { problem, ..unjudged(assignment, start) });
        }
        ensure!(succeeded, "the grader's process for this submission failed: {}", last());
        serde_json::from_slice::<Grade>(&said)
            .context("the grader's process for this submission said nothing")
    });
    // They contain file names, which come from the submission.
    let line = |text: String| assignment.without_places(&handin::without_escapes(&text)).replace('\n', " ");
    let judged = judged.map(|mut grade| {
        grade.problem = grade.problem.map(line);
        grade.notes = grade.notes.into_iter().map(line).collect();
        grade
    });
    judged.unwrap_or_else(|error| Grade {
        problem: Some(assignment.without_places(&format!("{error:#}"))),
        lost: true,
        ..unjudged(assignment, start)
    })
}

/// The grade of a submission whose process has said nothing.
fn unjudged(assignment: &Assignment, start: Instant) -> Grade {
    Grade {
        name: handin::name(Path::new(&assignment.submission)),
        marks: Vec::new(),
        problem: None,
        lost: false,
        notes: Vec::new(),
        took: start.elapsed(),
    }
}

/// `grader judge` by this grader, in namespaces if the sandbox is strong.
fn command(grader: PathBuf, sandbox: Sandbox, told: &str) -> Result<Command> {
    let mut command = match sandbox {
        Sandbox::Weak => Command::new(grader),
        Sandbox::Strong => {
            let mut command = Command::new("unshare");
            command.args(["--pid", "--mount", "--ipc", "--fork", "--kill-child", "--mount-proc"]);
            if !getuid().is_root() {
                // This uses newuidmap(1): with only one user, a submission would run as the same user as we do.
                command.args(["--user", "--map-root-user", "--map-auto", "--setgroups", "allow"]);
            }
            command.arg(grader);
            command
        }
    };
    command.arg("judge").env(ASSIGNMENT, told);
    // SAFETY: between fork(2) and exec(2) the closure only calls prctl(2).
    unsafe { command.pre_exec(|| Ok(set_pdeathsig(Signal::SIGKILL)?)) };
    Ok(command)
}

/// `grader judge`: judges, and prints the grade in JSON.
///
/// # Errors
/// If the environment variable is missing, or the grader or its machine fails.
pub fn judge() -> Result<()> {
    set_pdeathsig(Signal::SIGKILL)?;
    // In a session of its own, all its processes together get the same share of the machine as those of another
    // submission (sched(7), "The autogroup feature"). Without namespaces this fails, because it leads a process group.
    let _ = setsid();
    let told = std::env::var(ASSIGNMENT).context("`grader judge` is a part of `cargo lab grade`")?;
    if let Some(folder) = told.strip_prefix(TRIAL) {
        return try_cell(Path::new(folder));
    }
    // Only the soft limit, because the compiler may use more.
    let (_, most) = getrlimit(Resource::RLIMIT_AS)?;
    setrlimit(Resource::RLIMIT_AS, MEMORY.min(most), most)?;
    let assignment: Assignment = serde_json::from_str(&told).context("an assignment is unreadable")?;
    fs::create_dir_all(&assignment.folder)?;
    if assignment.sandbox == Sandbox::Strong {
        let size = format!("size={FILES},nr_inodes=64k,mode=755");
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(Some("ward"), &assignment.folder, Some("tmpfs"), flags, Some(size.as_str()))
            .context("cannot make a folder in memory")?;
    }
    let grade = judge_submission(&assignment)?;
    println!("{}", serde_json::to_string(&grade)?);
    Ok(())
}

/// Checks that a cell can be made here and isolates: another user, no other processes, no course.
fn try_cell(folder: &Path) -> Result<()> {
    let door = folder.join("door");
    fs::create_dir_all(&door)?;
    let sandbox = Sandbox::Strong;
    let (own, shown) = (Seat::take()?, system());
    let cell = Cell { sandbox, door, shown, kept: None, limits: FOR_TESTS, seat: own.number(), closed: true };
    let mut step = Command::new("sh");
    step.args(["-c", r#"test ! -e "$0" && test $$ = 2 && test $(id -u) != 0"#]).arg(folder);
    let output = cell.command(&step)?.output().context("no cell can be started")?;
    if output.status.success() {
        return Ok(());
    }
    bail!("{}", String::from_utf8_lossy(&output.stderr).trim())
}

impl Sandbox {
    /// Finds out which sandbox this machine allows.
    ///
    /// # Errors
    /// If it allows only the weak one, and `weak` is false.
    pub fn find(weak: bool) -> Result<Sandbox> {
        let folder = tempfile::tempdir().context("no temporary folder")?;
        let told = format!("{TRIAL}{}", folder.path().display());
        let output = command(built()?, Sandbox::Strong, &told)?.stdin(Stdio::null()).output();
        let why = match output {
            Ok(output) if output.status.success() => return Ok(Sandbox::Strong),
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; "),
            Err(error) => error.to_string(),
        };
        ensure!(
            weak,
            "this machine refuses what a sandbox needs ({why}). As root it needs CAP_SYS_ADMIN (docker run --privileged); \
             as another user, user namespaces and newuidmap (package uidmap). With --weak, submissions run without \
             namespaces: they can reach the network and, where the kernel has no Landlock, read and change what their \
             user can. Then grade in a container that holds nothing else."
        );
        Ok(Sandbox::Weak)
    }

    /// How many submissions may be judged at the same time, if `jobs` are wanted: without namespaces they share a
    /// network, and one could talk to the servers of the others.
    pub fn at_once(self, jobs: usize) -> usize {
        if self == Sandbox::Weak { 1 } else { jobs }
    }

    /// What the user should know about this sandbox, if anything.
    pub fn warning(self) -> Option<String> {
        let weak = self == Sandbox::Weak;
        let files = match (has_landlock(), getuid().is_root()) {
            (true, _) if weak => "Landlock keeps them to their own files",
            (true, _) => return None,
            (false, _) if !weak => {
                return Some("this kernel has no Landlock, the second wall of a sandbox".into());
            }
            (false, true) => {
                "and this kernel has no Landlock, so they can read and change what users 61000 and above can"
            }
            (false, false) => "and this kernel has no Landlock, so they can read and change your files",
        };
        Some(format!(
            "submissions run without namespaces, so one at a time: they can reach the network; {files}"
        ))
    }
}

/// The folder for the submission that is judged at a seat.
pub(super) fn folder(work: &Path, seat: u32) -> PathBuf {
    work.join(format!("ward-{seat}"))
}

/// Removes the folder of a submission, whatever is in it. With `fs::remove_dir_all`, which needs a call and a descriptor
/// for each level, folders that are nested deeply enough would stay, or end this program.
pub(super) fn remove(folder: &Path) {
    let _ = Command::new("rm").args(["-rf", "--"]).arg(folder).stderr(Stdio::null()).status();
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::fcntl::{OFlag, open, openat};
    use nix::sys::stat::{Mode, mkdirat};

    #[test]
    fn folders_of_any_depth_are_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let ward = folder.path().join("ward");
        fs::create_dir(&ward).expect("a folder");
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY;
        let mut deepest = open(&ward, flags, Mode::empty()).expect("it is there");
        for _ in 0..3_000 {
            mkdirat(&deepest, "d", Mode::S_IRWXU).expect("a folder");
            deepest = openat(&deepest, "d", flags, Mode::empty()).expect("it is there");
        }
        // On a small stack, these are deep enough.
        let removes = std::thread::Builder::new().stack_size(128 << 10).spawn({
            let ward = ward.clone();
            move || remove(&ward)
        });
        removes.expect("the system can start a thread").join().expect("no panic");
        assert!(!ward.exists());
    }
}
