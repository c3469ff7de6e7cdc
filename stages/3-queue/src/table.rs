//! The clients of a reception, by descriptor.
//!
//! ```text
//!   descriptor    5      6      7       8
//!               [Parked|None  |Away   |Parked]
//! ```
//!
//! The kernel reports events by descriptor, and assigns the lowest free one, so a vector is the fastest map from an
//! event to its client.

use http::connection::Connection;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use std::os::fd::{AsFd, AsRawFd, RawFd};

/// A client and what the reception knows about it. It travels, in a box, through queue and inbox.
#[derive(Debug)]
pub struct Client {
    /// The connection.
    pub connection: Connection,
    /// Where it came in.
    pub origin: Origin,
    /// The connection is known to epoll. One that is answered and closed at once never is.
    registered: bool,
}

/// Where a client came in, and so what it can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The server's own address.
    Public,
    /// The monitoring address.
    Monitoring,
}

/// Whether the kernel must be asked to report the state of a socket anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renew {
    /// No: no report was missed.
    Nothing,
    /// Yes: a report may have been ignored while the client was away.
    Registration,
}

impl Client {
    /// A client that was just accepted.
    pub fn new(connection: Connection, origin: Origin) -> Client {
        Client { connection, origin, registered: false }
    }

    /// Makes the kernel report what happens on the connection's socket.
    ///
    /// # Errors
    /// Those of epoll_ctl(2): above all the limit of watched descriptors.
    pub fn watch(&mut self, epoll: &Epoll, renew: Renew) -> nix::Result<()> {
        // ANCHOR: watch
        let interest =
            EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLET;
        let mut event = EpollEvent::new(interest, self.descriptor() as u64);
        let result = match renew {
            _ if !self.registered => epoll.add(&self.connection, event),
            Renew::Registration => epoll.modify(&self.connection, &mut event),
            Renew::Nothing => Ok(()),
        };
        self.registered = true;
        // ANCHOR_END: watch
        result
    }

    /// The descriptor of the connection's socket: the client's name in the table.
    pub fn descriptor(&self) -> RawFd {
        self.connection.as_fd().as_raw_fd()
    }
}

/// Where a client is.
#[derive(Debug, Default)]
enum Place {
    /// No such client.
    #[default]
    None,
    /// Here, waiting for something to happen on its socket.
    Parked(Box<Client>),
    /// In the queue or with a thread. What happens on its socket can wait.
    Away,
}

/// All clients of a reception.
#[derive(Debug, Default)]
pub struct Table {
    places: Vec<Place>,
    count: usize,
}

impl Table {
    /// Number of clients, parked and away.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no client.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Notes a new client, which begins as away: the owner of the box parks it, queues it or removes it.
    pub fn add(&mut self, descriptor: RawFd) {
        *self.place(descriptor) = Place::Away;
        self.count += 1;
    }

    /// Keeps a client until something happens.
    pub fn park(&mut self, client: Box<Client>) {
        let descriptor = client.descriptor();
        *self.place(descriptor) = Place::Parked(client);
    }

    /// Takes a parked client out; it is away from now on. `None` if it is away already, or gone.
    pub fn take(&mut self, descriptor: RawFd) -> Option<Box<Client>> {
        let place = self.place(descriptor);
        match std::mem::take(place) {
            Place::Parked(client) => {
                *place = Place::Away;
                Some(client)
            }
            other => {
                *place = other;
                None
            }
        }
    }

    /// Takes out the parked client that has been idle for the longest time; `None` if no client is idle.
    pub fn take_longest_idle(&mut self) -> Option<Box<Client>> {
        let idle = self.parked().filter(|client| client.connection.is_idle());
        let longest = idle.min_by_key(|client| client.connection.since()).map(Client::descriptor);
        longest.and_then(|descriptor| self.take(descriptor))
    }

    /// Forgets a client and closes its connection.
    pub fn remove(&mut self, client: Box<Client>) {
        *self.place(client.descriptor()) = Place::None;
        self.count -= 1;
    }

    /// All parked clients.
    pub fn parked(&self) -> impl Iterator<Item = &Client> {
        self.places.iter().filter_map(|place| match place {
            Place::Parked(client) => Some(&**client),
            Place::None | Place::Away => None,
        })
    }

    fn place(&mut self, descriptor: RawFd) -> &mut Place {
        let index = usize::try_from(descriptor).unwrap_or_default();
        if index >= self.places.len() {
            self.places.resize_with(index + 1, Place::default);
        }
        &mut self.places[index]
    }
}
