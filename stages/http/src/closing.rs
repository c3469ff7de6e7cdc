//! What follows a response, and how a connection ends without losing the last one.
//!
//! Closing a socket that holds unread bytes resets the connection, and the reset can overtake the response on its way.
//! So, unless nothing more can come: send nothing more, then read until the client closes too (RFC 9112, section 9.6).

use nix::libc::linger;
use nix::sys::socket::{setsockopt, sockopt};
use std::io::{ErrorKind, Read};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// How long the server reads from a closing connection, so that the last response arrives.
pub const LINGER: Duration = Duration::from_secs(2);

/// Read from a closing connection at once, in bytes.
const SCRAP: usize = 16 * 1024;

/// What follows a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The next request.
    KeepAlive,
    /// The end. The client asked for it, so it sends nothing more.
    Close,
    /// The end, for a client that may still be sending.
    Linger,
}

/// What to do with a connection after a step of sending or closing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The response is sent, and the connection is ready for the next request.
    Done,
    /// The client must take some bytes first: wait until the socket is writable.
    Blocked,
    /// The response is sent, and the connection must be closed: [read and drop](read_and_drop) what still comes.
    Lingering,
    /// Drop the connection.
    Closed,
}

/// Sends the client the end of the stream. Whatever the client still sends must be [read and dropped](read_and_drop).
pub fn say_no_more(stream: &TcpStream) -> Progress {
    stream.shutdown(Shutdown::Write).map_or(Progress::Closed, |()| Progress::Lingering)
}

/// Reads once, and drops what was read: a client that sends faster than this reads must not keep the caller forever.
/// [`Progress::Lingering`]: wait until the socket is readable. [`Progress::Done`]: enough for now, but there is more.
pub fn read_and_drop(mut stream: &TcpStream) -> Progress {
    match stream.read(&mut [0; SCRAP]) {
        Ok(0) => Progress::Closed,
        Ok(_) => Progress::Done,
        Err(error) if error.kind() == ErrorKind::Interrupted => Progress::Done,
        Err(error) if error.kind() == ErrorKind::WouldBlock => Progress::Lingering,
        Err(_) => Progress::Closed,
    }
}

/// For a client that does not take its response: the kernel drops what it holds for the client, which may be megabytes,
/// when the socket is closed (`SO_LINGER`, socket(7)).
pub fn reset_on_close(stream: &TcpStream) {
    let at_once = linger { l_onoff: 1, l_linger: 0 };
    // If it fails, the kernel keeps trying to send for some minutes.
    let _ = setsockopt(stream, sockopt::Linger, &at_once);
}
