//! The one place that starts a student's code, or a compiler at work on it: a cell, in which it finds what the step
//! needs and nothing else.
//!
//! ```text
//!   unshare(1)        new PID, network, mount, IPC and UTS namespaces
//!     grader inside   process 1 of them: loopback up, a root of its own, watches memory
//!       the step      a user of its own, no capabilities, no way to get any, limits, a filter of system calls
//! ```
//!
//! The root is an empty file system, in which the step's files are mounted read-only, and one folder that it may write.
//! When process 1 ends, the kernel kills all that is left in the namespace, however it was started. So one `SIGKILL`
//! ends a whole tree, fork bombs included.
//!
//! Where a container refuses namespaces, what is left is the user, the limits and the filter: [`Sandbox::Weak`].

// System calls without a safe wrapper, and what must happen between fork(2) and exec(2).
#![allow(unsafe_code)]

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::unistd::{Gid, Pid, Uid, getuid, pivot_root, setgroups, setresgid, setresuid};
use serde::{Deserialize, Serialize};
use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

/// The first of the user ids that students' code gets: one for each submission at a time, because the limit on
/// processes counts per user.
const FIRST_USER: u32 = 61_000;

/// What code in a cell may use.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Limits {
    /// Processes and threads at a time.
    pub processes: u64,
    /// Memory of all processes together, in bytes.
    pub memory: u64,
    /// The largest file, and all files in a folder that is the cell's own, in bytes.
    pub files: u64,
    /// Processor time of one process, in seconds.
    pub processor_seconds: u64,
}

/// What a test may use: far more than any needs.
pub const FOR_TESTS: Limits =
    Limits { processes: 256, memory: 2 << 30, files: 64 << 20, processor_seconds: 60 };
/// What a compiler may use for one crate. The largest of ours takes a tenth of it.
pub const FOR_BUILDS: Limits =
    Limits { processes: 128, memory: 3 << 30, files: 256 << 20, processor_seconds: 120 };

/// How well code can be locked in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sandbox {
    /// Namespaces, and a user for each submission.
    Strong,
    /// Limits only; and a user for each submission, if we are root.
    Weak,
}

/// Something in the file system, and what a cell calls it.
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
    /// A folder that can be written and outlives the step. `/tmp` can always be written, and does not.
    pub kept: Option<Shown>,
    /// What it may use.
    pub limits: Limits,
    /// Which of the submissions that are judged at the same time this is: each has its own user.
    pub seat: u32,
    /// No descendant may look into another process, or make itself such that others can. For tests that run in one
    /// process with the code that they judge.
    pub closed: bool,
}

/// The cell's own temporary folder.
const ROOM: &str = "/tmp";
/// How process 1 of a cell hears what the cell is.
const CELL: &str = "GRADER_CELL";

impl Cell {
    /// The user of the code in here.
    pub fn user(&self) -> Uid {
        if getuid().is_root() { Uid::from_raw(FIRST_USER + self.seat) } else { getuid() }
    }

    /// The path of something as the step must call it.
    pub fn path(&self, shown: &Shown) -> PathBuf {
        if self.sandbox == Sandbox::Strong { shown.inside.clone() } else { shown.at.clone() }
    }

    /// Puts a command into the cell. Of the environment, it gets only what the command itself sets.
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
        let room = match self.sandbox {
            Sandbox::Strong => PathBuf::from(ROOM),
            // Where the kernel does not keep submissions apart, each has at least a folder of its own.
            Sandbox::Weak => self.door.clone(),
        };
        command
            .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin")
            .env("TMPDIR", &room)
            .env("HOME", &room)
            .env("LANG", "C.UTF-8");
        command.env(CELL, serde_json::to_string(self).context("a cell is described in JSON")?);
        Ok(command)
    }

    /// What a step has left running, where no namespace ends it: all processes of its user.
    pub fn sweep(&self) {
        if self.sandbox == Sandbox::Weak && getuid().is_root() {
            let mut kill = Command::new("kill");
            kill.args(["-9", "--", "-1"]).uid(self.user().as_raw()).gid(self.user().as_raw());
            // It kills itself too.
            let _ = kill.status();
        }
    }
}

/// A copy of this program, because somebody may build it again while it grades.
static SETTLED: OnceLock<PathBuf> = OnceLock::new();

/// Makes the copy.
///
/// # Errors
/// If it cannot be made.
pub fn settle(work: &Path) -> Result<()> {
    let folder = work.join("program");
    let copy = folder.join("grader");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    // Not written over, if it runs; and never away, because somebody else may be about to run it.
    let new = folder.join("new");
    fs::copy(original()?, &new).and_then(|_| fs::rename(&new, &copy)).context("cannot copy this program")?;
    let _ = SETTLED.set(copy);
    Ok(())
}

/// This program, which is also what runs inside. Tests are another program beside it.
///
/// # Errors
/// If it is not there.
pub fn program() -> Result<PathBuf> {
    SETTLED.get().cloned().map_or_else(original, Ok)
}

fn original() -> Result<PathBuf> {
    let own = std::env::current_exe().context("this program cannot find itself")?;
    if own.file_name().is_some_and(|name| name == "grader") {
        return Ok(own);
    }
    let beside = own.ancestors().nth(2).map(|folder| folder.join("grader"));
    beside.filter(|path| path.exists()).context("the program `grader` is not built")
}

/// Process 1 of a cell: builds its root, runs the step, watches it. The exit code for ours.
///
/// # Errors
/// If the kernel refuses a step of it. Then nothing has been run.
pub fn inside(folder: &Path, step: &[String]) -> Result<u8> {
    let told = std::env::var(CELL).context("`grader inside` is a part of `cargo lab grade`")?;
    let cell: Cell = serde_json::from_str(&told).context("a cell is unreadable")?;
    if cell.sandbox == Sandbox::Strong {
        bring_loopback_up().context("cannot bring loopback up")?;
        cell.enter().context("cannot build the cell")?;
    }
    let Some((program, arguments)) = step.split_first() else { bail!("no command") };
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env_remove(CELL);
    let user = cell.user();
    // SAFETY: between fork(2) and exec(2) only system calls are made, and nothing is allocated.
    unsafe { command.pre_exec(move || give_up_rights(user, cell.limits, cell.closed)) };
    let mut child = command.spawn().with_context(|| format!("cannot run {program}"))?;
    drop(command);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1));
        }
        let used = if cell.sandbox == Sandbox::Strong { memory_in_use() } else { 0 };
        if used > cell.limits.memory {
            let (used, most) = (used >> 20, cell.limits.memory >> 20);
            eprintln!(
                "error: its processes used {used} MiB of memory, and may use {most}, so they were ended"
            );
            return Ok(1);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

impl Cell {
    /// Makes a root with what is shown, and makes it this process's only one.
    fn enter(&self) -> Result<()> {
        let root = &self.door;
        let plain = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(Some("cell"), root, Some("tmpfs"), plain, Some("size=1m,mode=755"))
            .with_context(|| format!("cannot mount on {}", root.display()))?;
        let room = root.join(&ROOM[1..]);
        fs::create_dir(&room)?;
        let size = format!("size={},mode=1777", self.limits.files);
        mount(Some("room"), &room, Some("tmpfs"), plain, Some(size.as_str())).context("cannot make /tmp")?;
        for device in ["null", "zero", "full", "random", "urandom"] {
            bind(&Shown::here(format!("/dev/{device}")), root, libc::MOUNT_ATTR_NOSUID)?;
        }
        symlink("/proc/self/fd", root.join("dev/fd"))?;
        for (number, name) in ["stdin", "stdout", "stderr"].into_iter().enumerate() {
            symlink(format!("/proc/self/fd/{number}"), root.join("dev").join(name))?;
        }
        for shown in &self.shown {
            show(shown, root)?;
        }
        if let Some(kept) = &self.kept {
            bind(kept, root, HARMLESS)?;
        }
        let processes = root.join("proc");
        fs::create_dir(&processes)?;
        mount(Some("proc"), &processes, Some("proc"), plain | MsFlags::MS_NOEXEC, Some("hidepid=2"))
            .context("cannot mount /proc")?;
        let old = root.join("old");
        fs::create_dir(&old)?;
        pivot_root(root, &old).context("cannot change the root")?;
        std::env::set_current_dir("/")?;
        umount2("/old", MntFlags::MNT_DETACH).context("cannot leave the old root")?;
        fs::remove_dir("/old")?;
        set_attributes(Path::new("/"), libc::MOUNT_ATTR_RDONLY, false)
            .context("cannot make the root read-only")
    }
}

/// Shows a file or folder read-only. A symbolic link is shown as one: `/lib` is mostly that.
fn show(shown: &Shown, root: &Path) -> Result<()> {
    if fs::symlink_metadata(&shown.at).is_ok_and(|meta| meta.is_symlink()) {
        let target = fs::read_link(&shown.at)?;
        let to = place(shown, root)?;
        return symlink(target, &to).with_context(|| format!("cannot show {}", shown.at.display()));
    }
    bind(shown, root, HARMLESS | libc::MOUNT_ATTR_RDONLY)
}

/// Where in the new root something goes. The folder for it is made.
fn place(shown: &Shown, root: &Path) -> Result<PathBuf> {
    let to = root.join(shown.inside.strip_prefix("/").context("a path in a cell begins with a slash")?);
    fs::create_dir_all(to.parent().context("the root itself is not shown")?)?;
    Ok(to)
}

fn bind(shown: &Shown, root: &Path, attributes: u64) -> Result<()> {
    let to = place(shown, root)?;
    if shown.at.is_dir() {
        fs::create_dir_all(&to)?;
    } else {
        File::create(&to)?;
    }
    let none = None::<&str>;
    mount(Some(&shown.at), &to, none, MsFlags::MS_BIND | MsFlags::MS_REC, none)
        .and_then(|()| set_attributes(&to, attributes, true))
        .with_context(|| format!("cannot show {}", shown.at.display()))
}

/// What the process that becomes the step gives up, in this order.
fn give_up_rights(user: Uid, limits: Limits, closed: bool) -> io::Result<()> {
    let memory = 2 * limits.memory;
    for (resource, limit) in [
        (Resource::RLIMIT_NPROC, limits.processes),
        (Resource::RLIMIT_FSIZE, limits.files),
        (Resource::RLIMIT_AS, memory),
        (Resource::RLIMIT_CPU, limits.processor_seconds),
        (Resource::RLIMIT_CORE, 0),
    ] {
        setrlimit(resource, limit, limit)?;
    }
    if getuid().is_root() {
        // All that a set-user-ID program could give back. The first number that is none ends the row.
        // SAFETY: prctl with these takes numbers.
        while_ok(|number| unsafe { libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0) });
        setgroups(&[])?;
        let group = Gid::from_raw(user.as_raw());
        setresgid(group, group, group)?;
        setresuid(user, user, user)?;
    }
    nix::sys::prctl::set_no_new_privs()?;
    // Where no namespace ends with process 1.
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
    filter(closed)
}

fn while_ok(mut call: impl FnMut(libc::c_ulong) -> libc::c_int) {
    let mut number = 0;
    while call(number) == 0 {
        number += 1;
    }
}

/// Calls that no step needs and that have a history of holes: they fail with EPERM (seccomp(2)).
const NEVER: [libc::c_long; 14] = [
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_bpf,
    libc::SYS_userfaultfd,
    libc::SYS_perf_event_open,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_io_uring_setup,
    libc::SYS_ptrace,
    libc::SYS_process_vm_writev,
];

/// The architecture whose numbers of calls these are: programs of another one have no business here.
#[cfg(target_arch = "x86_64")]
const OURS: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const OURS: u32 = 0xc000_00b7;

/// Installs the filter. A closed cell's processes cannot make themselves readable again either: with
/// `PR_SET_DUMPABLE` set back to 1, safe code could write over the test by `/proc/self/mem`.
fn filter(closed: bool) -> io::Result<()> {
    const fn step(code: u32, yes: usize, no: usize, value: u32) -> libc::sock_filter {
        libc::sock_filter { code: code as u16, jt: yes as u8, jf: no as u8, k: value }
    }
    const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    const SAME: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    const END: u32 = libc::BPF_RET | libc::BPF_K;
    // Where `struct seccomp_data` has the number of the call, its architecture, and the low halves of two arguments.
    const NUMBER: u32 = 0;
    const ARCHITECTURE: u32 = 4;
    const FIRST: u32 = 16;
    const SECOND: u32 = 24;
    let refuse = step(END, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32);
    let mut program = [refuse; 4 + 2 * NEVER.len() + 7];
    program[0] = step(LOAD, 0, 0, ARCHITECTURE);
    program[1] = step(SAME, 1, 0, OURS);
    program[3] = step(LOAD, 0, 0, NUMBER);
    for (number, call) in NEVER.iter().enumerate() {
        program[4 + 2 * number] = step(SAME, 0, 1, *call as u32);
    }
    let at = 4 + 2 * NEVER.len();
    let prctl = if closed { libc::SYS_prctl as u32 } else { u32::MAX };
    program[at] = step(SAME, 0, 5, prctl);
    program[at + 1] = step(LOAD, 0, 0, FIRST);
    program[at + 2] = step(SAME, 0, 3, libc::PR_SET_DUMPABLE as u32);
    program[at + 3] = step(LOAD, 0, 0, SECOND);
    program[at + 4] = step(SAME, 1, 0, 0);
    program[at + 6] = step(END, 0, 0, libc::SECCOMP_RET_ALLOW);
    let list = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the list and the program live through the call, and the kernel copies them.
    Errno::result(unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const list) })?;
    Ok(())
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

/// No set-user-ID programs, no devices.
const HARMLESS: u64 = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;

/// Adds attributes to a mount, or to a whole tree of them: mount_setattr(2), for which glibc has no wrapper.
fn set_attributes(path: &Path, attr_set: u64, tree: bool) -> Result<(), Errno> {
    let path = CString::new(path.as_os_str().as_encoded_bytes()).map_err(|_| Errno::EINVAL)?;
    let flags = if tree { libc::AT_RECURSIVE } else { 0 };
    let attributes = libc::mount_attr { attr_set, attr_clr: 0, propagation: 0, userns_fd: 0 };
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

/// What the compiler and the linker need of this machine, and what end-to-end tests start beside a server.
pub fn system() -> Vec<Shown> {
    let folders =
        ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/alternatives", "/etc/ld.so.cache"];
    folders.into_iter().filter(|path| Path::new(path).exists()).map(Shown::here).collect()
}

/// The libraries that one of our own programs needs. Never to be asked of a student's: ldd(1) may run it.
///
/// # Errors
/// If ldd cannot be run.
pub fn libraries(ours: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(ours).output().context("cannot run ldd")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let path = |line: &str| line.split_whitespace().find(|word| word.starts_with('/')).map(PathBuf::from);
    Ok(text.lines().filter_map(path).collect())
}

/// Lets a cell's own user read a folder, or write it.
///
/// # Errors
/// If it is not ours.
pub fn open_to_all(folder: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(mode))
        .with_context(|| format!("cannot open {} to a cell", folder.display()))
}
