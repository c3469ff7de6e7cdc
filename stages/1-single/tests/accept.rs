//! `accept`: who came before a stop is served, at whatever moment both came.

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc::{self, c_int, sockaddr, socklen_t};
use nix::sys::socket::{getsockopt, sockopt};
use program::bell::EventBell;
use program::listening::bind;
use program::stop::Stop;
use stage1_single::accept::{self, Accepted};
use std::cell::Cell;
use std::net::{SocketAddr, TcpStream};

thread_local! {
    /// What happens right after the next accept4(2) of this thread that found nobody.
    static AFTER_NOBODY: Cell<Option<Box<dyn FnOnce()>>> = const { Cell::new(None) };
}

/// Stands in for the C library's accept4(2) in this program: nothing else comes between two steps of one function.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
extern "C" fn accept4(socket: c_int, address: *mut sockaddr, length: *mut socklen_t, flags: c_int) -> c_int {
    // SAFETY: the arguments are the caller's, handed on as they are to the system call of the same name.
    let accepted = unsafe { libc::syscall(libc::SYS_accept4, socket, address, length, flags) };
    let errno = nix::errno::Errno::last();
    if accepted == -1 && errno == nix::errno::Errno::EAGAIN {
        if let Some(happen) = AFTER_NOBODY.take() {
            happen();
        }
        errno.set();
    }
    accepted as c_int
}

#[test]
fn a_client_that_came_just_before_the_stop_is_accepted() {
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a listening socket");
    let address = listener.local_addr().expect("its address");
    let stop: &'static Stop = Box::leak(Box::new(Stop::new(EventBell::new().expect("an eventfd"))));
    AFTER_NOBODY.set(Some(Box::new(move || {
        let client = TcpStream::connect(address).expect("a place in the backlog");
        stop.request();
        std::mem::forget(client);
    })));
    let client = accept::next_client(&listener, stop).expect("a listening socket that works");
    assert!(client.is_some(), "a client came, then the stop: the client should be accepted");
    let nobody = accept::next_client(&listener, stop).expect("a listening socket that works");
    assert!(nobody.is_none(), "the backlog is empty and a stop was requested");
}

#[test]
fn what_is_accepted_sends_without_delay_and_does_not_block() {
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a listening socket");
    let _client =
        TcpStream::connect(listener.local_addr().expect("its address")).expect("a place in the backlog");
    let Ok(Accepted::Client(connection)) = accept::accept(&listener) else { panic!("a client waits") };
    assert_eq!(
        getsockopt(&connection, sockopt::TcpNoDelay),
        Ok(true),
        "the option of the listening socket is its own"
    );
    let flags = fcntl(&connection, FcntlArg::F_GETFL).map(OFlag::from_bits_truncate).expect("flags");
    assert!(flags.contains(OFlag::O_NONBLOCK), "reading from a silent client must not block");
}
