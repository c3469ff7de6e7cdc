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
/// safe code can make recvmmsg(2), sendmmsg(2) and vmsplice(2) write to memory that it may not change. The memory and
/// the messages of System V stay when no process has them any more, so no limit would count them.
const NEVER: [libc::c_long; 24] = [
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
    libc::SYS_shmget,
    libc::SYS_msgget,
    libc::SYS_semget,
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

/// Landlock's kind of rule for a port (landlock_add_rule(2)).
const OF_A_PORT: u32 = 2;

/// Offsets in `struct seccomp_data`: the number of the call, its architecture, and the low halves of three arguments.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const FIRST: u32 = 16;
const SECOND: u32 = 24;
const THIRD: u32 = 32;

/// A program for the kernel, in the machine language of seccomp(2): the first rule that fits a call decides.
struct Rules(Vec<libc::sock_filter>);

const JUMP: u32 = libc::BPF_JMP | libc::BPF_K;

impl Rules {
    /// One instruction. The next two say how many to pass over after a comparison: if it is true, and if it is not.
    fn step(&mut self, code: u32, yes: usize, no: usize, value: u32) {
        self.0.push(libc::sock_filter { code: code as u16, jt: yes as u8, jf: no as u8, k: value });
    }

    fn load(&mut self, offset: u32) {
        self.step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset);
    }

    fn end(&mut self, result: u32) {
        self.step(libc::BPF_RET | libc::BPF_K, 0, 0, result);
    }

    /// For calls in which each of these offsets holds the value beside it.
    fn add(&mut self, values: &[(u32, u32)], result: u32) {
        for (place, (offset, value)) in values.iter().enumerate() {
            // To the next rule: two steps for each value that follows, and the result.
            let rest = 2 * (values.len() - place - 1) + 1;
            self.load(*offset);
            self.step(JUMP | libc::BPF_JEQ, 0, rest, *value);
        }
        self.end(result);
    }
}

/// Installs the filter.
///
/// A closed cell's processes cannot make themselves readable again either: with `PR_SET_DUMPABLE` set back to 1, safe
/// code could write over the test by `/proc/self/mem`. And no process can change the size of a socket's buffers,
/// although it is told that it did: with `SO_SNDBUF`, the kernel would hold 8 MiB for each socket (Linux 6.18), and no
/// limit counts that. Nor can one have rules of Landlock for ports, of which each ruleset holds 12 MiB and no limit counts
/// any; stage 6 refuses all ports, without a rule.
pub(super) fn filter(closed: bool) -> io::Result<()> {
    let refuse = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
    // The call is not made, and returns 0.
    let pretend = libc::SECCOMP_RET_ERRNO;
    let mut rules = Rules(Vec::new());
    rules.load(ARCHITECTURE);
    rules.step(JUMP | libc::BPF_JEQ, 1, 0, OURS);
    rules.end(refuse);
    rules.load(NUMBER);
    rules.step(JUMP | libc::BPF_JGE, 0, 1, OTHER_NUMBERS);
    rules.end(refuse);
    for call in NEVER {
        rules.add(&[(NUMBER, call as u32)], refuse);
    }
    if closed {
        let [prctl, dumpable] = [(NUMBER, libc::SYS_prctl as u32), (FIRST, libc::PR_SET_DUMPABLE as u32)];
        rules.add(&[prctl, dumpable, (SECOND, 0)], libc::SECCOMP_RET_ALLOW);
        rules.add(&[prctl, dumpable], refuse);
    }
    let add_rule = (NUMBER, libc::SYS_landlock_add_rule as u32);
    rules.add(&[add_rule, (SECOND, OF_A_PORT)], refuse);
    for buffer in [libc::SO_SNDBUF, libc::SO_RCVBUF] {
        let option = [(SECOND, libc::SOL_SOCKET as u32), (THIRD, buffer as u32)];
        rules.add(&[(NUMBER, libc::SYS_setsockopt as u32), option[0], option[1]], pretend);
    }
    rules.end(libc::SECCOMP_RET_ALLOW);
    let Rules(mut program) = rules;
    let list = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the list and the program outlive the call, and the kernel copies them.
    Errno::result(unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const list) })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::sockopt::{PassCred, RcvBuf, SndBuf};
    use nix::sys::socket::{getsockopt, setsockopt};
    use std::os::unix::net::UnixStream;
    use std::os::unix::process::CommandExt;
    use std::process::{Command, ExitStatus};

    #[test]
    fn calls_that_reach_memory_are_refused_and_all_by_their_second_number() {
        let second = libc::c_long::from(OTHER_NUMBERS) | libc::SYS_getpid;
        let in_it = move || {
            use libc::{SYS_recvmmsg, SYS_semget, SYS_sendmmsg, SYS_shmget, SYS_vmsplice};
            for call in [SYS_recvmmsg, SYS_sendmmsg, SYS_vmsplice, SYS_shmget, SYS_semget, second] {
                // SAFETY: getpid(2) takes nothing; the others find no open file with this number, and touch no memory.
                match Errno::result(unsafe { libc::syscall(call, -1, 0, 0, 0, 0) }) {
                    Err(Errno::EPERM) => {}
                    other => return Err(io::Error::other(format!("{call}: {other:?}"))),
                }
            }
            Ok(())
        };
        filtered(in_it).expect("refused by the filter, and not by the kernel, which may know such numbers");
    }

    #[test]
    fn no_port_gets_a_rule_of_landlock() {
        let in_it = || {
            let [of_a_path, of_a_port] = [1, OF_A_PORT].map(|kind| {
                // SAFETY: the kernel finds no open file with this number, and reads nothing at the null pointer.
                Errno::result(unsafe { libc::syscall(libc::SYS_landlock_add_rule, -1, kind, 0, 0) })
            });
            if of_a_port != Err(Errno::EPERM) || of_a_path == of_a_port {
                return Err(io::Error::other(format!("{of_a_path:?} and {of_a_port:?}")));
            }
            Ok(())
        };
        filtered(in_it).expect("the filter refuses one of them, and the kernel the other");
    }

    #[test]
    fn buffers_of_sockets_keep_their_size_and_other_options_are_set() {
        let (one, other) = UnixStream::pair().expect("two sockets");
        let in_it = move || {
            for socket in [&one, &other] {
                let [sent, received] = [getsockopt(socket, SndBuf)?, getsockopt(socket, RcvBuf)?];
                setsockopt(socket, SndBuf, &(sent / 4))?;
                setsockopt(socket, RcvBuf, &(received / 4))?;
                setsockopt(socket, PassCred, &true)?;
                let now =
                    (getsockopt(socket, SndBuf)?, getsockopt(socket, RcvBuf)?, getsockopt(socket, PassCred)?);
                if now != (sent, received, true) {
                    return Err(io::Error::other(format!("{sent} and {received} became {now:?}")));
                }
            }
            Ok(())
        };
        filtered(in_it).expect("sizes that stay, and credentials");
    }

    /// Does something behind the filter, in a process that becomes true(1).
    fn filtered(mut in_it: impl FnMut() -> io::Result<()> + Send + Sync + 'static) -> io::Result<ExitStatus> {
        let mut command = Command::new("true");
        let with_filter = move || {
            // Without this, only root may install a filter.
            nix::sys::prctl::set_no_new_privs()?;
            filter(false)?;
            in_it()
        };
        // SAFETY: between fork(2) and exec(2) it makes system calls. Its allocations need a lock that another test's
        // thread may hold, which is why glibc takes its own locks for fork(2).
        unsafe { command.pre_exec(with_filter) };
        command.status()
    }
}
