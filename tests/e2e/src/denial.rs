//! A kernel that says no (seccomp(2)): what a program does when memory or processes are used up, tried without using
//! them up for everybody else.

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
    /// Memory that processes share: mmap(2) says ENOMEM.
    pub const SHARED_MEMORY: Denied = Denied {
        argument: 3,
        bits: libc::MAP_SHARED | libc::MAP_ANONYMOUS,
        ..Denied::call(libc::SYS_mmap, Errno::ENOMEM)
    };

    /// Threads: clone3(2) says EAGAIN.
    pub const THREADS: Denied = Denied::call(libc::SYS_clone3, Errno::EAGAIN);

    /// A system call, by its number, with whatever arguments.
    pub const fn call(call: c_long, errno: Errno) -> Denied {
        Denied { call, argument: 0, bits: 0, errno }
    }

    /// Denies it to this process and what it starts, for good.
    pub(crate) fn deny(self) -> io::Result<()> {
        let Denied { call, argument, bits, errno } = self;
        let step = |code: u32, k: u32| sock_filter { code: code as u16, jt: 0, jf: 0, k };
        let unless_equal = |k: u32, skip: u8| sock_filter {
            code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
            jt: 0,
            jf: skip,
            k,
        };
        let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
        let end = libc::BPF_RET | libc::BPF_K;
        // `struct seccomp_data` begins with the number of the call. From byte 16 on it holds the arguments, 8 bytes each;
        // bits like these are in the lower half, which comes first on a little-endian machine.
        let mut filter = [
            step(load, 0),
            unless_equal(call as u32, 4),
            step(load, 16 + 8 * argument),
            step(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, bits as u32),
            unless_equal(bits as u32, 1),
            step(end, libc::SECCOMP_RET_ERRNO | errno as u32),
            step(end, libc::SECCOMP_RET_ALLOW),
        ];
        let program = sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
        set_no_new_privs()?;
        #[allow(unsafe_code)]
        // SAFETY: `program` and the filter that it points to live until the call returns; the kernel copies both.
        let result =
            unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
        Errno::result(result)?;
        Ok(())
    }
}
