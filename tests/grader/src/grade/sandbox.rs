//! The one place that starts a student's code, or a compiler at work on it: a cell, in which it finds what the step
//! needs and nothing else.
//!
//! ```text
//!   unshare(1)        new PID, network, mount, IPC and UTS namespaces
//!     grader inside   process 1 of them: loopback up, a root of its own, watches memory
//!       the step      a user of its own, no capabilities, no way to get any, limits, Landlock, a filter of system calls
//! ```
//!
//! The root is an empty file system, in which the step's files are mounted read-only, and one folder that it may write.
//! When process 1 ends, the kernel kills every process left in the namespace, however it was started. So one `SIGKILL`
//! ends a whole tree, fork bombs included.
//!
//! Where a container refuses namespaces, only the rest is used: [`Sandbox::Weak`].
//!
//! ```text
//!   machine   this program, and what a cell shows of this machine
//!   inside    process 1 of a cell
//!     root      its files (namespaces)
//!     fence     its files once more (Landlock)
//!     rights    its user, limits and system calls
//!   seat      which user that is
//! ```

mod fence;
mod inside;
mod machine;
mod rights;
mod root;
mod seat;

pub use fence::has_landlock;
pub use inside::{bring_loopback_up, inside};
pub use machine::{built, libraries, must_be_hidden, open_to_all, program, settle, system};
pub use seat::Seat;

use anyhow::{Context, Result, anyhow};
use nix::unistd::{Uid, getuid};
use serde::{Deserialize, Serialize};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What code in a cell may use.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Limits {
    /// Processes and threads at a time.
    pub processes: u64,
    /// Memory of all processes together, in bytes.
    pub memory: u64,
    /// The size of the largest file, and of all files in the cell's own folder, in bytes.
    pub files: u64,
    /// Processor time of one process, in seconds.
    pub processor_seconds: u64,
}

/// What a test may use: far more than any needs.
pub const FOR_TESTS: Limits =
    Limits { processes: 256, memory: 2 << 30, files: 64 << 20, processor_seconds: 60 };
/// What a compiler may use for one crate. The largest of ours takes a twentieth of it.
pub const FOR_BUILDS: Limits =
    Limits { processes: 128, memory: 3 << 30, files: 256 << 20, processor_seconds: 60 };

/// How well code can be locked in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sandbox {
    /// Namespaces, and a user for each submission.
    Strong,
    /// Limits only; and a user for each submission, if we are root.
    Weak,
}

/// A file or folder, and its path in a cell.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Shown {
    /// Where it is.
    pub at: PathBuf,
    /// Its path in the cell.
    pub inside: PathBuf,
}

impl Shown {
    /// The same path in the cell as outside.
    pub fn here(path: impl Into<PathBuf>) -> Shown {
        let at = path.into();
        Shown { inside: at.clone(), at }
    }

    /// Another path in the cell.
    pub fn named(at: impl Into<PathBuf>, inside: impl Into<PathBuf>) -> Shown {
        Shown { at: at.into(), inside: inside.into() }
    }
}

/// What a step finds, and what it may do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cell {
    /// How well it is locked.
    pub sandbox: Sandbox,
    /// An empty folder, on which the cell's root is mounted.
    pub door: PathBuf,
    /// What can be read.
    pub shown: Vec<Shown>,
    /// A folder that can be written and outlives the step. `/tmp` can always be written, but does not outlive it.
    pub kept: Option<Shown>,
    /// What it may use.
    pub limits: Limits,
    /// The number of its [`Seat`].
    pub seat: u32,
    /// No descendant may look into another process, or let others look into it. For tests that run in one process with
    /// the code that they judge.
    pub closed: bool,
}

/// The cell's own temporary folder.
const ROOM: &str = "/tmp";
/// The environment variable that describes the cell to its process 1.
const CELL: &str = "GRADER_CELL";

impl Cell {
    /// The user of the code in here.
    pub fn user(&self) -> Uid {
        if getuid().is_root() { Uid::from_raw(seat::FIRST_USER + self.seat) } else { getuid() }
    }

    /// The path of something as the step must call it.
    pub fn path(&self, shown: &Shown) -> PathBuf {
        if self.sandbox == Sandbox::Strong { shown.inside.clone() } else { shown.at.clone() }
    }

    /// The cell's temporary folder. Without mounts, each cell has at least a folder of its own.
    fn room(&self) -> PathBuf {
        if self.sandbox == Sandbox::Strong { PathBuf::from(ROOM) } else { self.door.clone() }
    }

    /// Wraps a command to run in the cell. It gets only the environment variables that the command itself sets.
    ///
    /// # Errors
    /// If this program cannot find itself.
    pub fn command(&self, step: &Command) -> Result<Command> {
        let mut command = match self.sandbox {
            Sandbox::Strong => {
                let mut command = Command::new("unshare");
                command.args(["--pid", "--net", "--mount", "--ipc", "--uts", "--fork", "--kill-child"]);
                command.arg(program()?);
                command
            }
            Sandbox::Weak => Command::new(program()?),
        };
        let folder = step.get_current_dir().unwrap_or(Path::new("/"));
        command.arg("inside").arg(folder).arg("--").arg(step.get_program()).args(step.get_args());
        command.env_clear();
        for (name, value) in step.get_envs().filter_map(|(name, value)| Some((name, value?))) {
            command.env(name, value);
        }
        let room = self.room();
        command
            .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin")
            .env("TMPDIR", &room)
            .env("HOME", &room)
            .env("LANG", "C.UTF-8");
        command.env(CELL, serde_json::to_string(self).context("a cell is described in JSON")?);
        Ok(command)
    }

    /// Kills what a step has left running, if no namespace does: all processes of its user.
    pub fn sweep(&self) {
        if self.sandbox == Sandbox::Weak && getuid().is_root() {
            let mut kill = Command::new("kill");
            kill.args(["-9", "--", "-1"]).uid(self.user().as_raw()).gid(self.user().as_raw());
            // It kills itself too.
            let _ = kill.status();
        }
    }
}

/// The first words of process 1 of a cell if it has run nothing.
pub const NOT_MADE: &str = "the sandbox cannot be made";

/// Recognizes, by its output, a cell that could not be made. No student's code has run then, so it is not the student's
/// mistake.
///
/// # Errors
/// If it was not made: why.
pub(super) fn made(said: &str) -> Result<()> {
    let why = said.strip_prefix("cargo lab: ").filter(|said| said.starts_with(NOT_MADE));
    why.map_or(Ok(()), |why| Err(anyhow!("{}", why.trim())))
}
