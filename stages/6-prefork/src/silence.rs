//! Clients that have connected and said nothing yet.
//!
//! A worker accepts a client together with its first bytes (`TCP_DEFER_ACCEPT`, tcp(7)). So its request is read at
//! once, and a connection that carries one request is never registered with epoll, which saves a quarter of its
//! processor time. Until its first bytes come, the kernel keeps the client as if its handshake were not over, for about
//! a second.
//!
//! ```text
//!   connect -----> kept by the kernel ---- first bytes, or a second ----> backlog -----> accepted
//!                        |
//!                        '---- the socket closes ----> reset
//! ```
//!
//! Because of the reset, a stop checks for such clients first: a client that has connected should be answered or told,
//! not reset.

use nix::sys::socket::setsockopt;
use nix::{libc, setsockopt_impl, sockopt_impl};
use parts::prefork::{Event, ListeningSocket};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// After this time no client is kept any more: the kernel repeats its SYN-ACK after a second (RFC 6298, section 2.1),
/// and accepts the client when that is answered.
const OVER: Duration = Duration::from_millis(1500);

/// How often the kernel is asked whether it still keeps a client. That is not done more often, because its table has a
/// line for each connection.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

sockopt_impl!(
    /// Seconds that a client may be silent before it is accepted all the same.
    Silence, SetOnly, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, i32
);

/// Lets the kernel keep clients until their first bytes.
///
/// # Errors
/// Those of setsockopt(2).
pub fn accept_with_first_bytes(listener: &impl AsFd) -> io::Result<()> {
    Ok(setsockopt(listener, Silence, &1)?)
}

/// Accepts clients at once from now on, and within a second those that are kept.
///
/// # Errors
/// Those of setsockopt(2).
fn accept_at_once(listener: &impl AsFd) -> io::Result<()> {
    Ok(setsockopt(listener, Silence, &0)?)
}

/// Whether the kernel keeps a client for a socket that listens on this port. `false` if it does not say (/proc/net/tcp,
/// proc(5)).
fn keeps_anybody(address: SocketAddr) -> bool {
    let table = if address.is_ipv4() { "/proc/net/tcp" } else { "/proc/net/tcp6" };
    let table = fs::read_to_string(table).unwrap_or_default();
    // Number, local address, remote address, state; 03 is a handshake that is not over (SYN_RECV).
    let port = format!(":{:04X}", address.port());
    table.lines().any(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        fields.next().is_some_and(|local| local.ends_with(&port)) && fields.nth(1) == Some("03")
    })
}

/// A stop that was requested, and that begins when the kernel keeps no silent client any more, after 1.5 seconds at the
/// latest.
#[derive(Debug, Default)]
pub struct PendingStop {
    by: Option<Instant>,
}

impl PendingStop {
    /// A stop was requested: clients that have connected and sent nothing are accepted first, so that a worker can
    /// answer or tell them. A second stop request takes effect immediately.
    // ANCHOR: let_everybody_in
    pub fn asked(&mut self, sockets: &[ListeningSocket], address: SocketAddr) -> Option<Event> {
        if self.by.take().is_some() {
            return Some(Event::StopNow);
        }
        if sockets.is_empty() || !keeps_anybody(address) {
            return Some(Event::Stop);
        }
        for socket in sockets {
            if let Err(error) = accept_at_once(socket) {
                log::warn!("clients that have not sent anything yet may be reset: {error}");
            }
        }
        self.by = Some(Instant::now() + OVER);
        None
    }

    /// The stop, if one is pending and no client is kept any more.
    pub fn is_due(&mut self, address: SocketAddr) -> Option<Event> {
        let is_time = |by: &mut Instant| Instant::now() >= *by || !keeps_anybody(address);
        self.by.take_if(is_time).map(|_| Event::Stop)
    }
    // ANCHOR_END: let_everybody_in

    /// When to ask [`PendingStop::is_due`] again.
    pub fn deadline(&self) -> Option<Instant> {
        self.by.map(|_| Instant::now() + LOOK_AGAIN)
    }
}
