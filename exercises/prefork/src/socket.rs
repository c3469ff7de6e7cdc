//! Listening sockets: a single one, or one for each worker.
//!
//! Several sockets may listen on one port if each sets `SO_REUSEPORT` (socket(7)). The kernel gives every new
//! connection to one of them, chosen by a hash of both addresses and ports, and the connection stays in the
//! backlog of that socket:
//!
//! ```text
//!                         +--> socket 0 [backlog] --> worker 0       the master holds all sockets open,
//!   connections -- hash --+--> socket 1 [backlog] --> worker 1       and accepts from none
//!                         +--> socket 2 [backlog] -->  (dead)        <-- its successor finds these waiting
//! ```
//!
//! **Why one for each worker.** On one shared socket the workers race: all wake for one connection, the
//! quickest takes it, and the quickest tends to be the same worker. (Setting the option on one shared socket
//! changes nothing: there is still one backlog.)
//!
//! **Why the master keeps them all open.** A socket closes when its last descriptor does, and then the kernel
//! resets the connections in its backlog. If a worker had the only descriptor, its death would reset clients
//! that were not even refused. So the master binds before it forks, and a worker's successor inherits the
//! backlog.

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, listen, setsockopt, socket, sockopt,
};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// A socket that listens for TCP connections. It owns its descriptor: dropping it closes this descriptor, and
/// the backlog with it unless another process or another descriptor holds the same socket.
///
/// Accepting never blocks (`O_NONBLOCK`), programs started with execve(2) do not inherit it (`FD_CLOEXEC`),
/// and its backlog is as long as the kernel allows (`net.core.somaxconn`, listen(2)).
#[derive(Debug)]
pub struct ListeningSocket(TcpListener);

/// Whether other sockets may listen on the same port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Port {
    Alone,
    Shared,
}

impl ListeningSocket {
    /// One socket, alone on its port. Port 0 lets the kernel choose; see [`ListeningSocket::local_address`].
    ///
    /// # Errors
    /// [`io::ErrorKind::AddrInUse`] if any program listens there, a herd or not; otherwise those of
    /// socket(2), bind(2) and listen(2).
    pub fn bind(address: SocketAddr) -> io::Result<ListeningSocket> {
        let descriptor = bound(address, Port::Alone)?;
        listen(&descriptor, Backlog::MAXALLOWABLE)?;
        Ok(ListeningSocket(TcpListener::from(descriptor)))
    }

    /// `count` sockets that share one port, in the order of the workers' slots. On port 0 the kernel chooses
    /// for the first socket and the others follow it.
    ///
    /// `SO_REUSEPORT` lets every socket of the same user bind, so a second herd started by mistake would
    /// silently take half of the first one's connections. Therefore the port is first tried without the
    /// option, which fails while any program listens. One gap remains: two herds that start within the same
    /// few microseconds may both find the port free.
    ///
    /// # Errors
    /// [`io::ErrorKind::AddrInUse`] if any program listens there, a herd or not; otherwise those of
    /// socket(2), bind(2) and listen(2). Then no socket is left open.
    pub fn bind_group(address: SocketAddr, count: usize) -> io::Result<Vec<ListeningSocket>> {
        todo!(
            "Lab 6.2: refuse a port on which any program listens, then bind and listen `count` times on the same port"
        )
    }

    /// The address it listens on, with the port that the kernel chose if it was asked to.
    ///
    /// # Errors
    /// Those of getsockname(2), which does not fail for an open socket.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl AsFd for ListeningSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<ListeningSocket> for TcpListener {
    /// The same descriptor as the standard library's type, still non-blocking.
    fn from(socket: ListeningSocket) -> TcpListener {
        socket.0
    }
}

/// A TCP socket bound to `address`, not yet listening.
fn bound(address: SocketAddr, port: Port) -> Result<OwnedFd, Errno> {
    todo!("Lab 6.2: make a socket that does not block and is closed on exec, set its options, bind it")
}
