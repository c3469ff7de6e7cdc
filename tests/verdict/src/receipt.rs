//! The random number that a grader gives and wants back.

// There is no safe interface to a descriptor that is inherited by its number, nor to the protection of a page.
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

/// Runs a test program for one of its tests, and asks it for a receipt. Returns what it printed, and whether the
/// receipt came back: an exit code or a line on standard output could come from code under test.
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

/// The number that a grader wants back, if a grader runs this test.
#[derive(Debug)]
pub(crate) struct Receipt(Option<(UnixStream, Sealed)>);

impl Receipt {
    /// Reads the number. Call this before any code under test runs. Without a grader, the receipt is empty.
    ///
    /// # Panics
    /// If a grader asked and the number cannot be read.
    pub(crate) fn requested() -> Receipt {
        let Ok(descriptor) = std::env::var(RECEIPT) else { return Receipt(None) };
        let descriptor = descriptor.parse().expect("the grader names a descriptor");
        // SAFETY: the grader passes this descriptor to this process for this purpose only, and runs one test in it, so
        // it is taken once and nothing else here owns it.
        let mut stream = unsafe { UnixStream::from_raw_fd(descriptor) };
        // A server that the test starts must neither inherit the descriptor nor be able to read it from this
        // process (proc(5), ptrace(2)).
        fcntl(&stream, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).expect("the grader passes an open descriptor");
        set_dumpable(false).expect("PR_SET_DUMPABLE takes 0");
        let sealed = Sealed::read(&mut stream);
        Receipt(Some((stream, sealed)))
    }

    /// Sends the number back. Call this after the test function has returned.
    pub(crate) fn sign(self) {
        if let Receipt(Some((mut stream, sealed))) = self {
            stream.write_all(sealed.open()).expect("the grader waits for the receipt");
        }
    }
}

/// The number, in a page of memory that neither this process nor the kernel on its behalf can read before the test has
/// passed: code under test may find a way to read any address of its process, but not this one.
#[derive(Debug)]
struct Sealed(NonNull<c_void>);

impl Sealed {
    /// The length of the number, in bytes.
    const LENGTH: NonZeroUsize = NonZeroUsize::new(16).expect("16 is not 0");

    /// Reads the number directly into a page, because a copy on the stack would stay there.
    fn read(stream: &mut UnixStream) -> Sealed {
        let open = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: without a fixed address, a new mapping overlaps with no other.
        let page = unsafe { mmap_anonymous(None, Self::LENGTH, open, MapFlags::MAP_PRIVATE) };
        let page = page.expect("the system has a page");
        // SAFETY: the page is new, so no other reference into it exists; it is readable, writable, zeroed, and at least
        // 16 bytes long.
        let number = unsafe { std::slice::from_raw_parts_mut(page.cast().as_ptr(), Self::LENGTH.get()) };
        stream.read_exact(number).expect("the grader sends 16 bytes");
        Sealed(page).protected(ProtFlags::PROT_NONE)
    }

    fn open(self) -> &'static [u8] {
        let page = self.protected(ProtFlags::PROT_READ).0;
        // SAFETY: the page is readable again, and from here on it is never written, protected or unmapped.
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
