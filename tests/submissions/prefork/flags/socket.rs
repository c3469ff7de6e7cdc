//! Another way to bind: one function with the option as an argument, and each socket knows its address from
//! the beginning.

use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, listen, setsockopt, socket, sockopt,
};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// A socket that listens for TCP connections.
#[derive(Debug)]
pub struct ListeningSocket {
    descriptor: OwnedFd,
    address: SocketAddr,
}

impl ListeningSocket {
    /// One socket, alone on its port.
    ///
    /// # Errors
    /// Those of socket(2), bind(2) and listen(2).
    pub fn bind(address: SocketAddr) -> io::Result<ListeningSocket> {
        listening(make(address, false)?)
    }

    /// `count` sockets that share one port.
    ///
    /// # Errors
    /// Those of socket(2), bind(2) and listen(2).
    pub fn bind_group(mut address: SocketAddr, count: usize) -> io::Result<Vec<ListeningSocket>> {
        let probe = make(address, false)?;
        drop(probe);
        let mut group = Vec::new();
        while group.len() < count {
            let next = listening(make(address, true)?)?;
            address = next.address;
            group.push(next);
        }
        Ok(group)
    }

    /// The address it listens on.
    ///
    /// # Errors
    /// None: the address was read when the socket was made.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

impl AsFd for ListeningSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl From<ListeningSocket> for TcpListener {
    fn from(socket: ListeningSocket) -> TcpListener {
        socket.descriptor.into()
    }
}

fn make(address: SocketAddr, shared: bool) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let made = socket(family, SockType::Stream, SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC, None)?;
    setsockopt(&made, sockopt::ReuseAddr, &true)?;
    setsockopt(&made, sockopt::ReusePort, &shared)?;
    bind(made.as_raw_fd(), &SockaddrStorage::from(address))?;
    Ok(made)
}

fn listening(descriptor: OwnedFd) -> io::Result<ListeningSocket> {
    listen(&descriptor, Backlog::MAXALLOWABLE)?;
    let listener = TcpListener::from(descriptor);
    let address = listener.local_addr()?;
    Ok(ListeningSocket { descriptor: listener.into(), address })
}
