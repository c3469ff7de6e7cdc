//! A place for code that nobody has read: it can use the processor for a while, and hurt only itself.
//!
//! ```text
//!   unshare(1)      new PID, network, mount and IPC namespaces, and a user namespace if we are not root
//!     grader inside   process 1 of them: loopback up, all folders read-only but one, watches memory
//!       setpriv(1)  no capabilities, no way to get any, and another user if we are root
//!         prlimit(1)  processes, memory, file sizes, processor time
//!           the test
//! ```
//!
//! When process 1 ends, the kernel kills all that is left in the namespace, however it was started. So one
//! `SIGKILL` ends a whole tree, fork bombs included.
//!
//! Where the kernel or a container refuses namespaces, what is left is `setpriv` and `prlimit`: a weaker mode, and
//! [`Sandbox::find`] says so.

// Three system calls without a safe wrapper: ioctl(2) to bring loopback up, mount_setattr(2), socket(2)'s ioctl.
#![allow(unsafe_code)]

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::unistd::{Pid, getuid};
use std::ffi::CString;
use std::fs;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// The first of the user ids that tests get when we are root: nobody's, one for each sandbox at a time, because the
/// limit on processes counts per user.
const FIRST_USER: u32 = 61_000;

/// What code in a sandbox may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Processes and threads at a time.
    pub processes: u64,
    /// Memory of all processes together, in bytes.
    pub memory: u64,
    /// The largest file, and all files in the sandbox's folder together, in bytes.
    pub files: u64,
    /// Processor time of one process, in seconds.
    pub processor_seconds: u64,
}

/// What a test may use: far more than any needs.
pub const FOR_TESTS: Limits =
    Limits { processes: 256, memory: 2 << 30, files: 64 << 20, processor_seconds: 60 };
/// What the compiler may use.
pub const FOR_BUILDS: Limits =
    Limits { processes: 512, memory: 6 << 30, files: 2 << 30, processor_seconds: 300 };

/// How well code can be locked in on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sandbox {
    /// Namespaces, made by root.
    AsRoot,
    /// Namespaces, made by a user.
    AsUser,
    /// Limits only.
    Weak,
}

impl Sandbox {
    /// Tries what this machine allows.
    pub fn find() -> Sandbox {
        let preferred = if getuid().is_root() { Sandbox::AsRoot } else { Sandbox::AsUser };
        let works = |sandbox: Sandbox| {
            let room = tempfile::tempdir();
            room.is_ok_and(|room| {
                let command = sandbox.wrap(Command::new("true"), room.path(), FOR_TESTS, Whose::Submitted(0));
                let status = command.map(|mut command| command.stdin(Stdio::null()).output());
                status.is_ok_and(|output| output.is_ok_and(|output| output.status.success()))
            })
        };
        if works(preferred) { preferred } else { Sandbox::Weak }
    }

    /// What the user should know.
    pub fn warning(self) -> Option<&'static str> {
        match self {
            Sandbox::AsRoot | Sandbox::AsUser => None,
            Sandbox::Weak => Some(
                "this machine refuses namespaces (unshare), so submissions run with limits only: they can reach the network, \
                 other processes of this user, and files that this user may write",
            ),
        }
    }

    /// Puts a command into the sandbox. `room` is the only folder that it may write.
    ///
    /// # Errors
    /// If this program cannot find itself.
    pub fn wrap(self, command: Command, room: &Path, limits: Limits, whose: Whose) -> Result<Command> {
        let mut words: Vec<String> = Vec::new();
        if self != Sandbox::Weak {
            words.extend(
                ["unshare", "--pid", "--net", "--mount", "--ipc", "--fork", "--kill-child", "--mount-proc"]
                    .map(str::to_owned),
            );
            if self == Sandbox::AsUser {
                words.push("--map-root-user".to_owned());
            }
            let own = program()?.display().to_string();
            let bytes = limits.files.min(match whose {
                Whose::Submitted(_) => limits.files,
                Whose::Ours => 0,
            });
            words.extend([
                own,
                "inside".to_owned(),
                room.display().to_string(),
                bytes.to_string(),
                limits.memory.to_string(),
            ]);
        }
        words.extend(["setpriv", "--no-new-privs"].map(str::to_owned));
        if self != Sandbox::Weak {
            words.extend(["--bounding-set=-all", "--inh-caps=-all"].map(str::to_owned));
        }
        if let (Sandbox::AsRoot, Whose::Submitted(number)) = (self, whose) {
            let user = FIRST_USER + number;
            words.extend([format!("--reuid={user}"), format!("--regid={user}"), "--clear-groups".to_owned()]);
        }
        words.extend([
            "prlimit".to_owned(),
            format!("--nproc={}", limits.processes),
            format!("--fsize={}", limits.files),
        ]);
        words.extend([
            format!("--as={}", 2 * limits.memory),
            format!("--cpu={}", limits.processor_seconds),
            "--core=0".to_owned(),
        ]);
        let mut wrapped = Command::new(&words[0]);
        wrapped.args(&words[1..]).arg("--").arg(command.get_program()).args(command.get_args());
        if let Some(folder) = command.get_current_dir() {
            wrapped.current_dir(folder);
        }
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => wrapped.env(name, value),
                None => wrapped.env_remove(name),
            };
        }
        wrapped.env("TMPDIR", room);
        if let Whose::Submitted(_) = whose {
            wrapped.env("HOME", room);
        }
        Ok(wrapped)
    }
}

/// Whose code runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// A submission's, as the sandbox's own user; the number tells those apart that run at the same time.
    Submitted(u32),
    /// Our compiler, at work on what was submitted, as our own user.
    Ours,
}

/// This program, which is also what runs inside. Tests are another program beside it.
fn program() -> Result<PathBuf> {
    let own = std::env::current_exe().context("this program cannot find itself")?;
    if own.file_name().is_some_and(|name| name == "grader") {
        return Ok(own);
    }
    let beside = own.ancestors().nth(2).map(|folder| folder.join("grader"));
    beside.filter(|path| path.exists()).context("the program `grader` is not built")
}

/// Process 1 of a sandbox: prepares it, runs the command, watches it. The exit code for ours.
///
/// `room_bytes` is the size of the folder's own file system; 0 leaves the folder as it is.
///
/// # Errors
/// If the kernel refuses a step. Then nothing has been run.
pub fn inside(room: &Path, room_bytes: u64, memory: u64, command: &[String]) -> Result<u8> {
    bring_loopback_up().context("cannot bring loopback up")?;
    make_read_only_but(room, room_bytes)?;
    let Some((program, arguments)) = command.split_first() else { bail!("no command") };
    let mut child =
        Command::new(program).args(arguments).spawn().with_context(|| format!("cannot run {program}"))?;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1));
        }
        let used = memory_in_use();
        if used > memory {
            eprintln!(
                "The sandbox ended it: its processes used {} MiB of memory, and may use {}.",
                used >> 20,
                memory >> 20
            );
            return Ok(1);
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// The memory of all processes here but this one, in bytes (proc(5), statm).
fn memory_in_use() -> u64 {
    let pages = |process: fs::DirEntry| -> Option<u64> {
        let pid: i32 = process.file_name().to_str()?.parse().ok()?;
        let statm = fs::read_to_string(process.path().join("statm")).ok()?;
        let resident = statm.split(' ').nth(1)?.parse().ok()?;
        (Pid::from_raw(pid) != Pid::this()).then_some(resident)
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(pages).sum::<u64>() * 4096
}

/// Brings up the loopback interface. In a new network namespace it is down (netdevice(7)).
///
/// # Errors
/// If the kernel refuses it.
pub fn bring_loopback_up() -> Result<(), Errno> {
    let any = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    // SAFETY: an `ifreq` is plain numbers and bytes, for which zeros are values.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
    // SAFETY: SIOCSIFFLAGS reads an `ifreq`, which lives until the end of this function.
    Errno::result(unsafe { libc::ioctl(any.as_raw_fd(), libc::SIOCSIFFLAGS, &request) }).map(drop)
}

/// Makes every mount read-only, and then one folder writable: with a file system of its own of this size, or, with
/// 0, as it is.
fn make_read_only_but(room: &Path, bytes: u64) -> Result<()> {
    if bytes > 0 {
        let size = format!("size={bytes},mode=1777");
        mount(Some("tmpfs"), room, Some("tmpfs"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, Some(size.as_str()))
    } else {
        mount(Some(room), room, None::<&str>, MsFlags::MS_BIND, None::<&str>)
    }
    .with_context(|| format!("cannot mount on {}", room.display()))?;
    set_read_only(Path::new("/"), true).context("cannot make the file system read-only")?;
    set_read_only(room, false).context("cannot make the sandbox's folder writable")
}

/// mount_setattr(2), on a whole tree to set and on one mount to clear. glibc has no wrapper.
fn set_read_only(path: &Path, read_only: bool) -> Result<(), Errno> {
    let path = CString::new(path.as_os_str().as_encoded_bytes()).map_err(|_| Errno::EINVAL)?;
    let flag = libc::MOUNT_ATTR_RDONLY;
    let (set, clear, flags) = if read_only { (flag, 0, libc::AT_RECURSIVE) } else { (0, flag, 0) };
    let attributes = libc::mount_attr { attr_set: set, attr_clr: clear, propagation: 0, userns_fd: 0 };
    // SAFETY: the path ends in NUL, the attributes are as long as the call is told, and the kernel only reads both.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            flags,
            &attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    Errno::result(result).map(drop)
}
