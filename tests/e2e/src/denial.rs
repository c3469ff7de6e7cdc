//! A kernel that refuses calls (seccomp(2)): shows what a program does when memory or processes are used up, without
//! using them up for other programs.

use nix::errno::Errno;
use nix::libc::{self, c_int, c_long, sock_filter, sock_fprog};
use nix::sys::prctl::set_no_new_privs;
use std::io;

/// A system call that a program and its children cannot make: it fails with an error, and does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denied {
    call: c_long,
    /// Which argument to look at, and the bits that are all set in it when the call is to be denied.
    argument: u32,
    bits: c_int,
    errno: Errno,
}

impl Denied {
    /// Memory that processes share: mmap(2) fails with ENOMEM.
    pub const SHARED_MEMORY: Denied = Denied {
        argument: 3,
        bits: libc::MAP_SHARED | libc::MAP_ANONYMOUS,
        ..Denied::call(libc::SYS_mmap, Errno::ENOMEM)
    };

    /// Threads: clone3(2) fails with EAGAIN.
    pub const THREADS: Denied = Denied::call(libc::SYS_clone3, Errno::EAGAIN);

    /// A system call, by its number, with any arguments.
    pub const fn call(call: c_long, errno: Errno) -> Denied {
        Denied { call, argument: 0, bits: 0, errno }
    }

    /// Options of TCP: setsockopt(2) fails with ENOPROTOOPT. Other options can be set.
    pub const TCP_OPTIONS: Denied = Denied {
        argument: 1,
        bits: libc::IPPROTO_TCP,
        ..Denied::call(libc::SYS_setsockopt, Errno::ENOPROTOOPT)
    };

    /// Denies the call to this process and to those that it starts, for good.
    pub(crate) fn deny(self) -> io::Result<()> {
        let Denied { call, argument, bits, errno } = self;
        // `struct seccomp_data` begins with the number of the call. From byte 16 on it holds the arguments, 8 bytes each;
        // bits like these are in the lower half, which comes first on a little-endian machine.
        let mut filter = [
            step(LOAD, 0),
            unless_equal(call as u32, 4),
            step(LOAD, 16 + 8 * argument),
            step(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, bits as u32),
            unless_equal(bits as u32, 1),
            step(END, libc::SECCOMP_RET_ERRNO | errno as u32),
            step(END, libc::SECCOMP_RET_ALLOW),
        ];
        install(&mut filter, 0).map(drop)
    }
}

/// A filter that asks a listener about these calls.
pub(crate) fn notify(calls: &[c_long]) -> Vec<sock_filter> {
    let asks = calls
        .iter()
        .flat_map(|&call| [unless_equal(call as u32, 1), step(END, libc::SECCOMP_RET_USER_NOTIF)]);
    [step(LOAD, 0)].into_iter().chain(asks).chain([step(END, libc::SECCOMP_RET_ALLOW)]).collect()
}

const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
const END: u32 = libc::BPF_RET | libc::BPF_K;

fn step(code: u32, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

fn unless_equal(k: u32, skip: u8) -> sock_filter {
    sock_filter { jf: skip, ..step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, k) }
}

/// Puts this process under a filter, for good. Returns the listener's descriptor, if the flags ask for one.
pub(crate) fn install(filter: &mut [sock_filter], flags: libc::c_ulong) -> io::Result<c_int> {
    let program = sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    set_no_new_privs()?;
    #[allow(unsafe_code)]
    // SAFETY: `program` and the filter that it points to live until the call returns; the kernel copies both.
    let result =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) };
    Ok(Errno::result(result)? as c_int)
}
