//! The rights that the process that becomes a step gives up.

// System calls without a safe wrapper.
#![allow(unsafe_code)]

use super::Limits;
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Uid, getuid, setgroups, setresgid, setresuid};
use std::{fs, io};

/// Open files of a process: twice what any test needs.
const DESCRIPTORS: u64 = 4096;

/// Gives up the rights of the process that becomes the step, in this order. The fence and the [`filter`] come after it.
pub(super) fn give_up_rights(user: Uid, limits: Limits) -> io::Result<()> {
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
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, DESCRIPTORS.min(most), DESCRIPTORS.min(most))?;
    // Pipes and sockets take the kernel's memory, which no limit counts. If that runs short, these processes are killed
    // first.
    fs::write("/proc/self/oom_score_adj", "1000")?;
    if getuid().is_root() {
        // Drops every capability that a set-user-ID program could give back. The loop ends at the first number that is
        // not one. SAFETY: PR_CAPBSET_DROP takes numbers and touches no memory.
        while_ok(|number| unsafe { libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0) });
        setgroups(&[])?;
        let group = Gid::from_raw(user.as_raw());
        setresgid(group, group, group)?;
        setresuid(user, user, user)?;
    }
    nix::sys::prctl::set_no_new_privs()?;
    // For cells without a namespace that would end with process 1.
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
    Ok(())
}

fn while_ok(mut call: impl FnMut(libc::c_ulong) -> libc::c_int) {
    let mut number = 0;
    while call(number) == 0 {
        number += 1;
    }
}

/// Calls that no step needs: they fail with EPERM (seccomp(2)). Some have a history of holes; the last nine give access
/// to the memory or the descriptors of processes without `unsafe`, or run code that was never in a file. With nix 0.31,
/// safe code can make recvmmsg(2), sendmmsg(2) and vmsplice(2) write to memory that it may not change.
const NEVER: [libc::c_long; 21] = [
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
    libc::SYS_pidfd_getfd,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_memfd_create,
    libc::SYS_memfd_secret,
    libc::SYS_recvmmsg,
    libc::SYS_sendmmsg,
    libc::SYS_vmsplice,
];

/// The architecture that the numbers of these calls belong to. Programs of another one are refused.
#[cfg(target_arch = "x86_64")]
const OURS: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const OURS: u32 = 0xc000_00b7;

/// From here on, the same calls have second numbers, for programs with short pointers (x32). No step is such a program,
/// and without this, the list would need both numbers of each call.
const OTHER_NUMBERS: u32 = 0x4000_0000;

/// Installs the filter. A closed cell's processes cannot make themselves readable again either: with
/// `PR_SET_DUMPABLE` set back to 1, safe code could write over the test by `/proc/self/mem`.
pub(super) fn filter(closed: bool) -> io::Result<()> {
    const fn step(code: u32, yes: usize, no: usize, value: u32) -> libc::sock_filter {
        libc::sock_filter { code: code as u16, jt: yes as u8, jf: no as u8, k: value }
    }
    const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    const SAME: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    const END: u32 = libc::BPF_RET | libc::BPF_K;
    // Offsets in `struct seccomp_data`: the number of the call, its architecture, and the low halves of two arguments.
    const NUMBER: u32 = 0;
    const ARCHITECTURE: u32 = 4;
    const FIRST: u32 = 16;
    const SECOND: u32 = 24;
    const AT_LEAST: u32 = libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K;
    let refuse = step(END, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32);
    const CALLS: usize = 6;
    let mut program = [refuse; CALLS + 2 * NEVER.len() + 7];
    program[0] = step(LOAD, 0, 0, ARCHITECTURE);
    program[1] = step(SAME, 1, 0, OURS);
    program[3] = step(LOAD, 0, 0, NUMBER);
    program[4] = step(AT_LEAST, 0, 1, OTHER_NUMBERS);
    for (number, call) in NEVER.iter().enumerate() {
        program[CALLS + 2 * number] = step(SAME, 0, 1, *call as u32);
    }
    let at = CALLS + 2 * NEVER.len();
    let prctl = if closed { libc::SYS_prctl as u32 } else { u32::MAX };
    program[at] = step(SAME, 0, 5, prctl);
    program[at + 1] = step(LOAD, 0, 0, FIRST);
    program[at + 2] = step(SAME, 0, 3, libc::PR_SET_DUMPABLE as u32);
    program[at + 3] = step(LOAD, 0, 0, SECOND);
    program[at + 4] = step(SAME, 1, 0, 0);
    program[at + 6] = step(END, 0, 0, libc::SECCOMP_RET_ALLOW);
    let list = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the list and the program outlive the call, and the kernel copies them.
    Errno::result(unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const list) })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    #[test]
    fn calls_that_reach_memory_are_refused_and_all_by_their_second_number() {
        let second = libc::c_long::from(OTHER_NUMBERS) | libc::SYS_getpid;
        let calls = [libc::SYS_recvmmsg, libc::SYS_sendmmsg, libc::SYS_vmsplice, second];
        let try_it = move || {
            // Without this, only root may install a filter.
            nix::sys::prctl::set_no_new_privs()?;
            filter(false)?;
            for call in calls {
                // SAFETY: getpid(2) takes nothing; the others find no open file with this number, and touch no memory.
                match Errno::result(unsafe { libc::syscall(call, -1, 0, 0, 0, 0) }) {
                    Err(Errno::EPERM) => {}
                    other => return Err(io::Error::other(format!("{call}: {other:?}"))),
                }
            }
            Ok(())
        };
        let mut command = Command::new("true");
        // SAFETY: between fork(2) and exec(2) it only makes system calls; it allocates only if the test fails.
        unsafe { command.pre_exec(try_it) };
        command.status().expect("refused by the filter, and not by the kernel, which may know such numbers");
    }
}
