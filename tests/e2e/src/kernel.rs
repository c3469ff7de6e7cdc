//! What only the kernel knows: which processes there are, what waits in a backlog, which process has a connection
//! (proc(5)).

use crate::eventually;
use nix::errno::Errno;
use nix::libc::{self, c_int};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::path::Path;

/// The live processes of a process group, in order of their pids. Zombies are dead.
pub fn group(group: Pid) -> Vec<Pid> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let mut members: Vec<Pid> =
        pids.map(Pid::from_raw).filter(|&pid| is_member(pid, group) == Some(true)).collect();
    members.sort();
    members
}

/// `pid (name) state parent group ...`; the name may hold anything, so the fields begin after the last parenthesis.
fn is_member(pid: Pid, group: Pid) -> Option<bool> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let (state, process_group) = (fields.next()?, fields.nth(1)?);
    Some(!matches!(state, "Z" | "X") && process_group.parse() == Ok(group.as_raw()))
}

/// Halts a process with SIGSTOP and waits until it has halted; SIGCONT lets it go on. A halted process accepts nothing
/// and handles no signal, so the kernel queues both for it.
///
/// # Panics
/// If it does not halt.
#[track_caller]
pub fn halt(pid: Pid) {
    kill(pid, Signal::SIGSTOP).expect("a process that can be halted");
    eventually("every thread halts", || all_threads_are(pid, 'T'));
}

/// Waits until every thread of a process sleeps: then all its work is done, and nothing is on its way from one thread
/// to another.
///
/// # Panics
/// If that never happens.
#[track_caller]
pub fn settled(pid: Pid) {
    // Checked twice: a thread seen asleep may have been woken by a thread that was checked later, but then it stays
    // awake until it has done the work it was given.
    eventually("every thread sleeps", || all_threads_are(pid, 'S') && all_threads_are(pid, 'S'));
}

fn all_threads_are(pid: Pid, state: char) -> bool {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return false };
    let mut states = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("stat")).ok());
    states.all(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(state)))
}

/// A lease on a file, so that no other process opens it at once (fcntl(2)): the kernel first asks for the lease, and
/// takes it after /proc/sys/fs/lease-break-time, 45 seconds. Dropping this gives it back.
#[derive(Debug)]
pub struct Lease {
    file: File,
}

impl Lease {
    /// Takes a lease. `None` if the file system has none to give.
    ///
    /// # Panics
    /// If the file cannot be opened, or other processes keep it open.
    #[track_caller]
    pub fn take(path: &Path) -> Option<Lease> {
        /// Which signal asks for the lease (fcntl(2)); libc has no name for it.
        const F_SETSIG: c_int = 10;
        let file = File::options().read(true).write(true).open(path).expect("a file to lease");
        // The default, SIGIO, would end this process; SIGURG is ignored.
        let set = |what: c_int, value: c_int| {
            #[allow(unsafe_code)]
            // SAFETY: these two commands of fcntl(2) take a number and touch no memory.
            unsafe {
                libc::fcntl(file.as_raw_fd(), what, value)
            }
        };
        let mut taken = false;
        // A child that another test forks has all our files open until its exec, even the one that this file was
        // written through; until then, no lease is given.
        eventually("nobody else has the file open", || {
            taken = set(F_SETSIG, libc::SIGURG) == 0 && set(libc::F_SETLEASE, libc::F_WRLCK) == 0;
            taken || Errno::last() != Errno::EAGAIN
        });
        taken.then_some(Lease { file })
    }

    /// Whether another process has tried to open the file, and waits or comes back later.
    pub fn is_wanted(&self) -> bool {
        #[allow(unsafe_code)]
        // SAFETY: this command of fcntl(2) takes no argument and touches no memory.
        let kind = unsafe { libc::fcntl(self.file.as_raw_fd(), libc::F_GETLEASE) };
        kind != libc::F_WRLCK
    }
}

/// The number of threads of a process; 0 if it is gone.
pub fn threads(pid: Pid) -> usize {
    status(pid, "Threads:").and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// How often the first thread of a process has gone to sleep.
pub fn sleeps(pid: Pid) -> u64 {
    status(pid, "voluntary_ctxt_switches:").and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Whether a signal was sent to a process that has not received it yet.
pub fn is_pending(pid: Pid, signal: Signal) -> bool {
    is_in(pid, "ShdPnd:", signal as u32)
}

/// Whether a process ignores the signal with this number.
pub fn ignores(pid: Pid, signal: u32) -> bool {
    is_in(pid, "SigIgn:", signal)
}

/// Whether a set of signals has this one: a bit for each, from SIGHUP on.
fn is_in(pid: Pid, set: &str, signal: u32) -> bool {
    let bits = status(pid, set).and_then(|bits| u64::from_str_radix(&bits, 16).ok());
    bits.is_some_and(|bits| bits >> (signal - 1) & 1 == 1)
}

fn status(pid: Pid, name: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
}

/// The state of a listening socket in /proc/net/tcp.
const LISTEN: &str = "0A";

/// How many connections wait in the backlogs of the sockets that listen on `address`; `None` if none listens.
pub fn backlog(address: SocketAddr) -> Option<u64> {
    let listening = sockets(address).filter(|socket| socket.state == LISTEN).map(|socket| socket.waiting);
    listening.reduce(|sum, waiting| sum + waiting)
}

/// How many bytes from clients of `server` have arrived and were not read.
pub fn unread(server: SocketAddr) -> u64 {
    const ESTABLISHED: &str = "01";
    sockets(server).filter(|socket| socket.state == ESTABLISHED).map(|socket| socket.waiting).sum()
}

/// The process among `candidates` that has accepted the connection from the client's `local` address.
pub fn owner(server: SocketAddr, local: SocketAddr, candidates: &[Pid]) -> Option<Pid> {
    let socket = sockets(server).find(|socket| socket.remote == local.port())?;
    let name = format!("socket:[{}]", socket.inode);
    candidates.iter().copied().find(|pid| {
        let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
        let mut targets = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        targets.any(|target| target.to_str() == Some(&name))
    })
}

/// The ports of the clients whose connections `pid` has accepted.
pub fn accepted(server: SocketAddr, pid: Pid) -> Vec<u16> {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    let targets: Vec<_> = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()).collect();
    let is_its = |socket: &Socket| {
        let name = format!("socket:[{}]", socket.inode);
        targets.iter().any(|target| target.to_str() == Some(&name))
    };
    sockets(server).filter(|socket| socket.state != LISTEN && is_its(socket)).map(|it| it.remote).collect()
}

/// Whether a process has a socket that listens at this address.
pub fn listens(address: SocketAddr, pid: Pid) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let mine: Vec<_> = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()).collect();
    let is_mine = |inode| mine.iter().any(|target| target.to_str() == Some(&format!("socket:[{inode}]")));
    sockets(address).any(|socket| socket.state == LISTEN && is_mine(socket.inode))
}

/// A socket of the server.
struct Socket {
    remote: u16,
    state: String,
    /// Bytes to be read; of a listening socket, connections to be accepted.
    waiting: u64,
    inode: u64,
}

/// The sockets with this address, from the lines of /proc/net/tcp or tcp6: number, local, remote, state, send:receive
/// queue, timer, ..., inode.
fn sockets(server: SocketAddr) -> impl Iterator<Item = Socket> {
    let hex = |text: &str| u64::from_str_radix(text, 16).ok();
    let name = if server.is_ipv6() { "/proc/net/tcp6" } else { "/proc/net/tcp" };
    let table = fs::read_to_string(name).unwrap_or_default();
    // Only the port is compared, because the address is in the byte order of the machine.
    let port = format!(":{:04X} ", server.port());
    let ours: Vec<String> = table.lines().filter(|line| line.contains(&port)).map(str::to_owned).collect();
    ours.into_iter().filter_map(move |line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let is_ours = fields.get(1)?.ends_with(port.trim_end());
        is_ours.then_some(Socket {
            remote: u16::try_from(hex(fields.get(2)?.rsplit_once(':')?.1)?).ok()?,
            state: (*fields.get(3)?).to_owned(),
            waiting: hex(fields.get(4)?.rsplit_once(':')?.1)?,
            inode: fields.get(9)?.parse().ok()?,
        })
    })
}
