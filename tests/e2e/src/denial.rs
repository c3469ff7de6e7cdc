//! A kernel that says no (seccomp(2)): what a program does when memory or processes are used up, tried without using
//! them up for everybody else.

use nix::errno::Errno;
use nix::libc::{self, c_int, c_long, sock_filter, sock_fprog};
use nix::sys::prctl::set_no_new_privs;
use std::io;

/// What a program and its children cannot have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// Memory that processes share: mmap(2) says ENOMEM.
    SharedMemory,
    /// Threads: clone3(2) says EAGAIN.
    Threads,
}

impl Denied {
    /// The system call, which of its arguments to look at, the bits that are all set in it when it is to be denied, and
    /// the error.
    fn rule(self) -> (c_long, u32, c_int, Errno) {
        match self {
            Denied::SharedMemory => {
                (libc::SYS_mmap, 3, libc::MAP_SHARED | libc::MAP_ANONYMOUS, Errno::ENOMEM)
            }
            Denied::Threads => (libc::SYS_clone3, 0, 0, Errno::EAGAIN),
        }
    }

    /// Denies it to this process and what it starts, for good.
    pub(crate) fn deny(self) -> io::Result<()> {
        let (call, argument, bits, errno) = self.rule();
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
