//! How fast a client takes its response.
//!
//! The number of bytes sent says little about that, because the kernel accepts megabytes for a client that reads
//! nothing. But it knows how many of them the other end has not acknowledged (SIOCOUTQ, tcp(7)).

use nix::libc::{TIOCOUTQ, c_int};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// The lowest rate that a client may have, in bytes per second, not counting the time limit.
const SLOWEST: u64 = 4 * 1024;

/// How much of a response the client has taken.
#[derive(Debug, Clone, Copy)]
pub struct Taking {
    began: Instant,
    taken: u64,
}

impl Taking {
    /// A response that begins now.
    pub fn new(now: Instant) -> Taking {
        Taking { began: now, taken: 0 }
    }

    /// Whether the client has taken some of the `sent` bytes since this was last asked, and at least 4 KiB per second
    /// on average, not counting the time limit.
    pub fn is_enough(&mut self, sent: u64, stream: &TcpStream, timeout: Duration, now: Instant) -> bool {
        let before = self.taken;
        self.taken = sent.saturating_sub(unconfirmed(stream));
        is_enough(before, self.taken, now.saturating_duration_since(self.began), timeout)
    }
}

fn is_enough(before: u64, taken: u64, elapsed: Duration, timeout: Duration) -> bool {
    taken > before && elapsed <= timeout + Duration::from_secs(taken / SLOWEST)
}

nix::ioctl_read_bad!(
    /// Bytes in a socket's send queue.
    outgoing_queue,
    TIOCOUTQ,
    c_int
);

/// Bytes that were sent to a socket and not acknowledged by the other end.
fn unconfirmed(stream: &TcpStream) -> u64 {
    let mut bytes = 0;
    #[allow(unsafe_code)]
    // SAFETY: the call writes one int to `bytes`, which is one, and nothing else.
    let result = unsafe { outgoing_queue(stream.as_raw_fd(), &raw mut bytes) };
    // It cannot fail for a TCP socket; if it did, all bytes would count as taken.
    if result.is_ok() { u64::try_from(bytes).unwrap_or(0) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_must_take_some_each_time_and_4_kib_per_second_on_the_whole() {
        let limit = Duration::from_secs(30);
        let is_enough = |before, taken, second| is_enough(before, taken, Duration::from_secs(second), limit);
        assert!(is_enough(0, 1, 30));
        assert!(!is_enough(100 * SLOWEST, 100 * SLOWEST, 60), "nothing is taken any more");
        assert!(is_enough(SLOWEST, 100 * SLOWEST, 130));
        assert!(!is_enough(99 * SLOWEST, 100 * SLOWEST, 131), "too little on the whole");
    }
}
