//! The users that run students' code. Each submission that is judged on this machine has its own, because the limit on
//! processes counts per user, and because without namespaces the processes that a step leaves behind are found by their
//! user.

use anyhow::{Context, Result};
use std::io::ErrorKind;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The first of these users. Users from 61,184 on are systemd's dynamic users.
pub(super) const FIRST_USER: u32 = 61_000;
const SEATS: u32 = 184;

/// A user that no other cell of this machine has, until this is dropped or its process ends.
///
/// It is an abstract Unix socket (unix(7)): the kernel gives a name to one process only, and frees it with the process.
#[derive(Debug)]
pub struct Seat {
    number: u32,
    _name: UnixDatagram,
}

impl Seat {
    /// Takes the first seat that is free.
    ///
    /// # Errors
    /// If other graders have them all.
    pub fn take() -> Result<Seat> {
        for number in 0..SEATS {
            let name = format!("thundering-herd/grader/{}", FIRST_USER + number);
            let address = SocketAddr::from_abstract_name(name).context("no name for a seat")?;
            match UnixDatagram::bind_addr(&address) {
                Ok(name) => return Ok(Seat { number, _name: name }),
                Err(error) if error.kind() == ErrorKind::AddrInUse => {}
                Err(error) => return Err(error).context("cannot take a seat"),
            }
        }
        anyhow::bail!("{SEATS} submissions are being judged on this machine, and more cannot be")
    }

    /// Its number, from 0: see [`Cell::seat`](super::Cell::seat).
    pub fn number(&self) -> u32 {
        self.number
    }
}

#[cfg(test)]
mod tests {
    use super::Seat;

    #[test]
    fn two_graders_never_have_the_same_seat() {
        let (first, second) = (Seat::take().expect("a seat"), Seat::take().expect("a seat"));
        assert_ne!(first.number(), second.number());
    }
}
