//! The listening socket of a server that has one.

use crate::failure::Failure;
use crate::settings::{Monitoring, Settings};
use crate::start::say;
use nix::sys::socket::{Backlog, setsockopt, sockopt};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;

/// Binds and listens, with the longest backlog that the kernel allows. The socket does not block.
///
/// # Errors
/// Those of bind(2): above all that the address is in use or does not belong to this machine, or that the port needs
/// privileges.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    // Listening again only changes the length of the backlog (listen(2)).
    nix::sys::socket::listen(&listener, Backlog::MAXALLOWABLE)?;
    send_without_delay(&listener)?;
    Ok(listener)
}

/// Makes every connection that is accepted from a listening socket send at once (`TCP_NODELAY`, tcp(7)): responses
/// leave in few writes, and waiting to fill a packet would only delay the last one. On Linux each accepted socket
/// inherits the option, which saves a system call per connection.
///
/// # Errors
/// Those of setsockopt(2), which cannot fail on a TCP socket.
pub fn send_without_delay(listener: &impl AsFd) -> io::Result<()> {
    Ok(setsockopt(listener, sockopt::TcpNoDelay, &true)?)
}

/// Listens where the settings say. Returns the address too, with the port that the kernel chose for port 0.
///
/// # Errors
/// [`Failure::Setting`] if that is not possible, [`Failure::NotNow`] if it may be later, [`Failure::Running`] if the
/// system is short of descriptors or memory.
pub fn listen(settings: &Settings) -> Result<(TcpListener, SocketAddr), Failure> {
    let listener = bind(settings.socket_address()).map_err(|error| refused(settings, &error))?;
    let address = listener.local_addr().map_err(Failure::running)?;
    Ok((listener, address))
}

/// The failure to listen at the server's own address.
pub fn refused(settings: &Settings, error: &io::Error) -> Failure {
    Failure::listen("--port", "--address", settings.socket_address(), error)
}

/// Listens at the monitoring address, if there is a separate one.
///
/// # Errors
/// [`Failure::Setting`] if that is not possible, [`Failure::NotNow`] if it may be later, [`Failure::Running`] if the
/// system is short of descriptors or memory.
pub fn listen_for_monitoring(monitoring: Monitoring) -> Result<Option<(TcpListener, SocketAddr)>, Failure> {
    const FLAG: &str = "--monitoring-address";
    let Monitoring::Address(address) = monitoring else { return Ok(None) };
    let listener = bind(address).map_err(|error| Failure::listen(FLAG, FLAG, address, &error))?;
    let address = listener.local_addr().map_err(Failure::running)?;
    Ok(Some((listener, address)))
}

/// Prints on standard output where the server listens, for people and for programs that start one on port 0.
pub fn announce(program: &str, address: SocketAddr) {
    // Standard output may be closed, or a pipe that no process reads; the server does not depend on it.
    say(io::stdout().as_fd(), &format!("{program} listening on http://{address}/"));
}

/// Prints the monitoring address on standard output, if there is a separate one.
pub fn announce_monitoring(program: &str, address: Option<SocketAddr>) {
    if let Some(address) = address {
        say(io::stdout().as_fd(), &format!("{program} monitoring on http://{address}/"));
    }
}
