//! Taking clients from the backlog of a listening socket.

use http::connection::Connection;
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{SockaddrLike, SockaddrStorage};
use program::bell::poll_timeout;
use program::stop::Stop;
use std::io;
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// How long accepting pauses after the process ran out of descriptors.
pub const PAUSE: Duration = Duration::from_millis(100);

/// The result of [`accept`].
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "it lives for one match; a box would be an allocation per client"
)]
pub enum Accepted {
    /// A client.
    Client(Connection),
    /// The backlog is empty.
    Nobody,
    /// The process or the system has no descriptor left: leave the client in the backlog for a while.
    OutOfDescriptors,
}

/// Takes one connection from the backlog, without waiting for one.
///
/// # Errors
/// Those of accept(2) that concern the listening socket itself. Errors of a single client are skipped.
pub fn accept(listener: &impl AsFd) -> io::Result<Accepted> {
    loop {
        match accept4(listener.as_fd()) {
            Ok((stream, peer)) => {
                return Ok(Accepted::Client(Connection::new(stream, peer, Instant::now())));
            }
            Err(Errno::EAGAIN) => return Ok(Accepted::Nobody),
            Err(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM) => {
                return Ok(Accepted::OutOfDescriptors);
            }
            // accept(2), "Error handling": errors of the new connection must be treated like EAGAIN.
            Err(
                Errno::EINTR
                | Errno::ECONNABORTED
                | Errno::EPERM
                | Errno::EPROTO
                | Errno::ENETDOWN
                | Errno::ENOPROTOOPT
                | Errno::EHOSTDOWN
                | Errno::ENONET
                | Errno::EHOSTUNREACH
                | Errno::EOPNOTSUPP
                | Errno::ENETUNREACH,
            ) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// accept4(2), which also returns the client's address, so that no further system call is needed. The socket does not
/// block.
fn accept4(listener: BorrowedFd<'_>) -> Result<(TcpStream, SocketAddr), Errno> {
    let mut address = MaybeUninit::<libc::sockaddr_storage>::zeroed();
    let mut length = size_of_val(&address) as libc::socklen_t;
    #[allow(unsafe_code)]
    // SAFETY: the kernel writes at most `length` bytes to `address`, and then to `length` how long it is. A descriptor
    // that it returns is new, and only we own it. An address that is all zeros, or cut short, has a family that neither
    // `v4` nor `v6` accepts.
    let (stream, address) = unsafe {
        let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        let at = address.as_mut_ptr().cast();
        let descriptor = Errno::result(libc::accept4(listener.as_raw_fd(), at, &mut length, flags))?;
        let stream = TcpStream::from(OwnedFd::from_raw_fd(descriptor));
        (stream, SockaddrStorage::from_raw(at, Some(length)))
    };
    let v4 = |address: &SockaddrStorage| Some(SocketAddr::V4((*address.as_sockaddr_in()?).into()));
    let v6 = |address: &SockaddrStorage| Some(SocketAddr::V6((*address.as_sockaddr_in6()?).into()));
    let mut peer =
        address.and_then(|address| v4(&address).or_else(|| v6(&address))).ok_or(Errno::ECONNABORTED)?;
    // A socket for both families reports 192.0.2.7 as `::ffff:192.0.2.7`.
    peer.set_ip(peer.ip().to_canonical());
    Ok((stream, peer))
}

/// Sleeps until a client connects or a stop is requested, and accepts. Once a stop is requested, it returns the clients
/// that the backlog still holds, and then `None`.
///
/// # Errors
/// Those of the listening socket.
// ANCHOR: next_client
pub fn next_client(listener: &TcpListener, stop: &Stop) -> io::Result<Option<Connection>> {
    loop {
        // Read the stop before the backlog, so that a client that came before the stop is always
        // seen. In the other order, client and stop may both come in between, and the socket closes
        // with the client in its backlog.
        let stopping = stop.is_requested();
        match accept(listener)? {
            Accepted::Client(connection) => return Ok(Some(connection)),
            Accepted::Nobody if stopping => return Ok(None),
            Accepted::Nobody => wait(listener, stop, PollTimeout::NONE)?,
            Accepted::OutOfDescriptors => {
                log::warn!("no file descriptor is left; accepting again in {} ms", PAUSE.as_millis());
                // Polling the listener would return at once: the client is still there.
                poll(&mut [], poll_timeout(PAUSE)).or_else(ignore_interruption)?;
            }
        }
    }
}
// ANCHOR_END: next_client

fn wait(listener: &TcpListener, stop: &Stop, timeout: PollTimeout) -> io::Result<()> {
    let readable = PollFlags::POLLIN;
    let mut waiting = [PollFd::new(listener.as_fd(), readable), PollFd::new(stop.bell().as_fd(), readable)];
    poll(&mut waiting, timeout).or_else(ignore_interruption)?;
    Ok(())
}

fn ignore_interruption(errno: Errno) -> Result<i32, Errno> {
    if errno == Errno::EINTR { Ok(0) } else { Err(errno) }
}
