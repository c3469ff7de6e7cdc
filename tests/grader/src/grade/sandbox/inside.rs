//! Process 1 of a cell.

// System calls without a safe wrapper, and what must happen between fork(2) and exec(2).
#![allow(unsafe_code)]

use super::rights::{filter, give_up_rights};
use super::{CELL, Cell, Sandbox, fence};
use anyhow::{Context, Result, bail};
use landlock::RulesetCreated;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::unistd::Pid;
use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

/// Process 1 of a cell: builds its root, runs the step, watches it. Returns its own exit code.
///
/// # Errors
/// If the kernel refuses something. Then the step has not run.
pub fn inside(folder: &Path, step: &[String]) -> Result<u8> {
    let told = std::env::var(CELL).context("`grader inside` is a part of `cargo lab grade`")?;
    let cell: Cell = serde_json::from_str(&told).context("a cell is unreadable")?;
    if cell.sandbox == Sandbox::Strong {
        bring_loopback_up().context("cannot bring loopback up")?;
        small_buffers().context("cannot make the buffers of sockets small")?;
        cell.enter().context("cannot build the cell")?;
    }
    let Some((program, arguments)) = step.split_first() else { bail!("no command") };
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env_remove(CELL);
    let mut fence = Some(fence::around(&cell).context("cannot fence the cell in")?);
    let user = cell.user();
    let give_up = move || {
        give_up_rights(user, cell.limits)?;
        fence.take().map(RulesetCreated::restrict_self).transpose().map_err(io::Error::other)?;
        filter(cell.closed)
    };
    // SAFETY: this process has one thread, so no lock can be held by another one in the child, and the closure may
    // allocate; apart from that it makes system calls.
    unsafe { command.pre_exec(give_up) };
    let mut child = command.spawn().with_context(|| format!("cannot run {program}"))?;
    drop(command);
    let mut turn = 0_u64;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1));
        }
        // Checking costs more than a short test does, and in 40 ms a process cannot allocate much.
        let looks = cell.sandbox == Sandbox::Strong && turn % 8 == 7;
        let used = if looks { memory_in_use() } else { 0 };
        if used > cell.limits.memory {
            let (used, most) = (used >> 20, cell.limits.memory >> 20);
            eprintln!(
                "error: its processes used {used} MiB of memory, and may use {most}, so they were ended"
            );
            return Ok(1);
        }
        turn += 1;
        thread::sleep(Duration::from_millis(5));
    }
}

/// The most that a socket can hold in a cell, in bytes: what it has sent and what it has received, in
/// [`small_buffers`], or in a Unix socket of the kernel's usual size.
const OF_A_SOCKET: u64 = 512 << 10;

/// The memory of all processes here but this one, in bytes, with what the kernel may hold for them: it counts neither
/// sockets nor pipes for anybody.
fn memory_in_use() -> u64 {
    let taken = |process: fs::DirEntry| -> Option<u64> {
        let pid: i32 = process.file_name().to_str()?.parse().ok()?;
        let status = fs::read_to_string(process.path().join("status")).ok()?;
        (Pid::from_raw(pid) != Pid::this()).then(|| taken_by(&status))
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let sockets =
        fs::read_to_string("/proc/net/sockstat").map_or(0, |text| number_after(&text, "sockets: used"));
    processes.filter_map(taken).sum::<u64>() + sockets * OF_A_SOCKET
}

/// The memory of a process with this `status` (proc_pid_status(5)), in bytes: its pages, its page tables, and a page
/// for each descriptor, because a pipe holds at least two pages (pipe(7)).
fn taken_by(status: &str) -> u64 {
    let [pages, tables, descriptors] = ["VmRSS:", "VmPTE:", "FDSize:"].map(|name| number_after(status, name));
    ((pages + tables) << 10) + descriptors * 4096
}

/// The number after a name, or 0.
fn number_after(text: &str, name: &str) -> u64 {
    let after = text.split_once(name).and_then(|(_, after)| after.split_whitespace().next());
    after.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Lets the buffers of this namespace's TCP sockets grow to 256 KiB each, and not to many megabytes (tcp(7)). The
/// [`filter`] keeps processes from setting them.
fn small_buffers() -> io::Result<()> {
    let name = |which| format!("/proc/sys/net/ipv4/tcp_{which}mem");
    fs::write(name("r"), "4096 131072 262144")?;
    fs::write(name("w"), "4096 16384 262144")
}

/// Brings up the loopback interface. In a new network namespace it is down (netdevice(7)).
///
/// # Errors
/// If the kernel refuses it.
pub fn bring_loopback_up() -> Result<(), Errno> {
    let any = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    // SAFETY: an `ifreq` is plain integers and bytes, for which zeros are valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
    // SAFETY: SIOCSIFFLAGS reads one `ifreq`, and `request` outlives the call.
    Errno::result(unsafe { libc::ioctl(any.as_raw_fd(), libc::SIOCSIFFLAGS, &request) }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_takes_its_pages_and_what_the_kernel_holds_for_it() {
        let status =
            "Name:\tVmRSS\nFDSize:\t2048\nVmHWM:\t     900 kB\nVmRSS:\t     600 kB\nVmPTE:\t      24 kB\n";
        assert_eq!(taken_by(status), (624 << 10) + 2048 * 4096);
        let own = fs::read_to_string("/proc/self/status").expect("a status");
        for name in ["VmRSS:", "VmPTE:", "FDSize:"] {
            assert!(number_after(&own, name) > 0, "{name} {own}");
        }
        let sockets = fs::read_to_string("/proc/net/sockstat").expect("numbers of sockets");
        assert!(sockets.starts_with("sockets: used "), "{sockets}");
    }
}
