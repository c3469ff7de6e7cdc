//! A kernel that refuses calls (seccomp(2)): shows what a program does when memory or processes are used up, without
//! using them up for other programs.

use crate::seccomp::{END, LOAD, install, step, unless_equal};
use nix::errno::Errno;
use nix::libc::{self, c_int, c_long};
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
        Ok(install(&mut filter, 0).map(drop)?)
    }
}
