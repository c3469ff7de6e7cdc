//! Filters for system calls (seccomp(2)), and answers to calls that a filter asks about (seccomp_unotify(2)).

use nix::errno::Errno;
use nix::ioctl_readwrite;
use nix::libc::{self, c_int, c_long, c_ulong, seccomp_notif, seccomp_notif_resp, sock_filter, sock_fprog};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_no_new_privs;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

ioctl_readwrite!(receive, b'!', 0, seccomp_notif);
ioctl_readwrite!(respond, b'!', 1, seccomp_notif_resp);

/// Loads four bytes of `struct seccomp_data`.
pub const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
/// Decides about the call.
pub const END: u32 = libc::BPF_RET | libc::BPF_K;

/// One instruction of a filter.
pub fn step(code: u32, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

/// Passes over `skip` instructions unless `k` was loaded.
pub fn unless_equal(k: u32, skip: u8) -> sock_filter {
    sock_filter { jf: skip, ..step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, k) }
}

/// A filter that asks a listener about these calls.
pub fn notify(calls: &[c_long]) -> Vec<sock_filter> {
    let asks = calls
        .iter()
        .flat_map(|&call| [unless_equal(call as u32, 1), step(END, libc::SECCOMP_RET_USER_NOTIF)]);
    // The number of a call is the first field of `struct seccomp_data`.
    [step(LOAD, 0)].into_iter().chain(asks).chain([step(END, libc::SECCOMP_RET_ALLOW)]).collect()
}

/// Puts this thread, and what it starts from now on, under a filter, for good. Returns the listener's descriptor, if the
/// flags ask for one. Allocates nothing.
pub fn install(filter: &mut [sock_filter], flags: c_ulong) -> Result<c_int, Errno> {
    let program = sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    set_no_new_privs()?;
    #[allow(unsafe_code)]
    // SAFETY: `program` and the filter that it points to live until the call returns; the kernel copies both.
    let result =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) };
    Ok(Errno::result(result)? as c_int)
}

/// The next thing that a listener hears.
pub enum Heard {
    /// A call that sleeps until it is answered.
    Call(seccomp_notif),
    /// Nothing within that time or before a signal came, or a call whose process was killed meanwhile.
    Nothing,
    /// No process is left that can be heard.
    End,
}

/// Waits for the next call.
///
/// # Errors
/// Those of poll(2), other than `EINTR`.
pub fn next_call(listener: &OwnedFd, at_most: PollTimeout) -> Result<Heard, Errno> {
    let mut source = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
    match poll(&mut source, at_most) {
        Ok(0) | Err(Errno::EINTR) => return Ok(Heard::Nothing),
        heard => heard?,
    };
    if source[0].revents().is_none_or(|events| !events.contains(PollFlags::POLLIN)) {
        return Ok(Heard::End);
    }
    #[allow(unsafe_code)]
    // SAFETY: this struct is plain integers, for which zeros are valid, and the kernel requires it to be zeroed.
    let mut call: seccomp_notif = unsafe { std::mem::zeroed() };
    #[allow(unsafe_code)]
    // SAFETY: the descriptor is a seccomp listener, and `call` is the struct that this call fills.
    let received = unsafe { receive(listener.as_raw_fd(), &raw mut call) };
    Ok(received.map_or(Heard::Nothing, |_| Heard::Call(call)))
}

/// Lets the kernel do a call, or lets it fail.
pub fn answer(listener: &OwnedFd, call: &seccomp_notif, failure: Option<Errno>) {
    let mut response = seccomp_notif_resp {
        id: call.id,
        val: 0,
        error: failure.map_or(0, |errno| -(errno as i32)),
        flags: if failure.is_none() { libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32 } else { 0 },
    };
    #[allow(unsafe_code)]
    // SAFETY: the descriptor is a seccomp listener, and the kernel reads `response`. It fails if the call is over, and
    // then no process waits for the answer.
    let _ = unsafe { respond(listener.as_raw_fd(), &raw mut response) };
}
