//! The random number that a grader gives and wants back.

// A descriptor that was inherited under a number has no safe way in, and nor has a page that is closed.
#![allow(unsafe_code)]

use crate::RECEIPT;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, mprotect};
use nix::sys::prctl::set_dumpable;
use std::ffi::c_void;
use std::fs::File;
use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Output};
use std::ptr::NonNull;

/// Runs a test program for one of its tests, and asks it for a receipt. What it printed, and whether the test passed: an
/// exit code or a line on standard output could come from code under test.
///
/// # Errors
/// If the program cannot be started.
pub fn vouched(command: &mut Command) -> io::Result<(Output, bool)> {
    let (mut ours, theirs) = UnixStream::pair()?;
    let mut number = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut number)?;
    ours.write_all(&number)?;
    command.env(RECEIPT, "0").stdin(OwnedFd::from(theirs));
    let output = command.output()?;
    ours.set_nonblocking(true)?;
    let mut answer = [0; 17];
    let passed = matches!(ours.read(&mut answer), Ok(16) if answer[..16] == number);
    Ok((output, passed))
}

/// What a grader wants back, if one asked.
#[derive(Debug)]
pub(crate) struct Receipt(Option<(UnixStream, Sealed)>);

impl Receipt {
    /// Reads the number. To be called before any code under test has run. Without a grader, a receipt that
    /// nobody wants.
    ///
    /// # Panics
    /// If a grader asked and the number cannot be read.
    pub(crate) fn requested() -> Receipt {
        let Ok(descriptor) = std::env::var(RECEIPT) else { return Receipt(None) };
        let descriptor = descriptor.parse().expect("the grader names a descriptor");
        // SAFETY: the grader passes this descriptor to this process for this purpose, runs one test in it, and
        // nothing else here knows its number.
        let mut stream = unsafe { UnixStream::from_raw_fd(descriptor) };
        // A server that the test starts must neither inherit the descriptor nor be able to read it from this
        // process (proc(5), ptrace(2)).
        fcntl(&stream, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).expect("the grader passes an open descriptor");
        set_dumpable(false).expect("PR_SET_DUMPABLE takes 0");
        let sealed = Sealed::read(&mut stream);
        Receipt(Some((stream, sealed)))
    }

    /// Sends the number back. To be called after the test function has returned.
    pub(crate) fn sign(self) {
        if let Receipt(Some((mut stream, sealed))) = self {
            stream.write_all(sealed.open()).expect("the grader waits for the receipt");
        }
    }
}

/// The number, in a page of memory that nobody may read before the test has passed, nor have the kernel read: code under
/// test may find a way to look at any address of its process, but not through this.
#[derive(Debug)]
struct Sealed(NonNull<c_void>);

impl Sealed {
    /// As many bytes as the number has.
    const LENGTH: NonZeroUsize = NonZeroUsize::new(16).expect("16 is not 0");

    /// Reads the number into a page, not by way of the stack, where it would stay.
    fn read(stream: &mut UnixStream) -> Sealed {
        let open = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping overlaps with nothing.
        let page = unsafe { mmap_anonymous(None, Self::LENGTH, open, MapFlags::MAP_PRIVATE) };
        let page = page.expect("the system has a page");
        // SAFETY: the page is ours, open, longer than this, and full of zeros.
        let number = unsafe { std::slice::from_raw_parts_mut(page.cast().as_ptr(), Self::LENGTH.get()) };
        stream.read_exact(number).expect("the grader sends 16 bytes");
        Sealed(page).protected(ProtFlags::PROT_NONE)
    }

    fn open(self) -> &'static [u8] {
        let page = self.protected(ProtFlags::PROT_READ).0;
        // SAFETY: the page is open again, is never closed or unmapped from here on, and nobody writes to it.
        unsafe { std::slice::from_raw_parts(page.cast().as_ptr(), Self::LENGTH.get()) }
    }

    fn protected(self, how: ProtFlags) -> Sealed {
        // SAFETY: the page is ours, and no reference into it is alive.
        unsafe { mprotect(self.0, Self::LENGTH.get(), how) }.expect("a page can be closed and opened");
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_says_that_it_has_passed_is_not_believed() {
        let passed = |script: &str| {
            let (output, passed) = vouched(Command::new("sh").args(["-c", script])).expect("a shell");
            assert!(output.status.success(), "{output:?}");
            passed
        };
        assert!(passed("exec head -c 16 >&0"), "it sends the number back");
        assert!(!passed("echo 'test result: ok. 1 passed'"));
        assert!(!passed("head -c 16 >&0; echo more >&0"), "17 bytes are another number");
    }

    #[test]
    fn the_number_cannot_be_read_before_it_is_signed_also_not_by_the_kernel() {
        let (mut ours, mut theirs) = UnixStream::pair().expect("a pair of sockets");
        theirs.write_all(&[7; 16]).expect("a socket has room for 16 bytes");
        let sealed = Sealed::read(&mut ours);
        let address = sealed.0.as_ptr();
        // SAFETY: write(2) checks the address that it is given.
        let written = unsafe { nix::libc::write(std::os::fd::AsRawFd::as_raw_fd(&ours), address, 16) };
        assert_eq!((written, nix::errno::Errno::last()), (-1, nix::errno::Errno::EFAULT));
        assert_eq!(sealed.open(), [7; 16]);
    }
}
