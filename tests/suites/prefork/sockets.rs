//! Listening sockets, alone and in a group.

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use prefork::ListeningSocket;
use std::io::{self, ErrorKind, Read};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};
use verdict::test;

/// Less than the time that `cargo lab` gives a test, so that this file reports what went wrong.
const PATIENCE: Duration = Duration::from_secs(15);
/// Where the book explains what a test asks for.
const BOOK: &str = "See \"6.2 A socket for each worker\".";

fn localhost(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

fn port_of(socket: &ListeningSocket) -> u16 {
    socket.local_address().expect("the address of an open socket").port()
}

/// The address of all sockets of a group.
fn shared_address(group: &[ListeningSocket]) -> SocketAddr {
    let addresses: Vec<SocketAddr> =
        group.iter().map(|socket| socket.local_address().expect("the address of an open socket")).collect();
    assert!(
        addresses.iter().all(|address| *address == addresses[0]),
        "the kernel chooses a port for the first socket of a group, and all others follow it, but they are \
         {addresses:?}. {BOOK}"
    );
    addresses[0]
}

/// The socket as a worker has it. One test checks that it does not block; it is set here so that the others cannot
/// hang.
fn listener(socket: ListeningSocket) -> TcpListener {
    let listener = TcpListener::from(socket);
    listener.set_nonblocking(true).expect("fcntl");
    listener
}

/// Connects, and fails if no socket listens there, or its backlog is full.
fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect_timeout(&address, PATIENCE)
        .unwrap_or_else(|error| panic!("a client cannot connect to a socket that listens: {error}. {BOOK}"))
}

/// Accepts one connection, and fails if none comes.
fn accept_one(listener: &TcpListener) -> TcpStream {
    let began = Instant::now();
    loop {
        match listener.accept() {
            Ok((stream, _)) => return stream,
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::yield_now(),
            Err(error) => panic!("accept failed: {error}"),
        }
        assert!(
            began.elapsed() < PATIENCE,
            "a client has connected, but its connection is not in the backlog. {BOOK}"
        );
    }
}

fn assert_refused(result: io::Result<impl Sized>, who: &str) {
    let kind = result.map(drop).map_err(|error| error.kind());
    assert_eq!(
        kind,
        Err(ErrorKind::AddrInUse),
        "{who} must be refused with AddrInUse: SO_REUSEPORT lets in every socket of the same user, and the \
         first herd would silently lose half of its connections. Where to look: bind_group. {BOOK}"
    );
}

#[test]
fn a_socket_listens_without_blocking_and_closes_on_exec() {
    let group = ListeningSocket::bind_group(localhost(0), 2).unwrap_or_else(|error| {
        panic!("bind_group says \"{error}\", but two sockets of one group can share a port. {BOOK}")
    });
    for socket in group.iter().chain([&ListeningSocket::bind(localhost(0)).expect("a socket")]) {
        let status = OFlag::from_bits_retain(fcntl(socket.as_fd(), FcntlArg::F_GETFL).expect("F_GETFL"));
        assert!(status.contains(OFlag::O_NONBLOCK), "accept must not block: O_NONBLOCK is missing. {BOOK}");
        let descriptor = FdFlag::from_bits_retain(fcntl(socket.as_fd(), FcntlArg::F_GETFD).expect("F_GETFD"));
        assert!(
            descriptor.contains(FdFlag::FD_CLOEXEC),
            "a program started later must not inherit it: FD_CLOEXEC is missing. {BOOK}"
        );
    }
}

#[test]
fn port_0_is_a_free_port_and_the_whole_group_shares_it() {
    let group = ListeningSocket::bind_group(localhost(0), 4).expect("a group");
    assert_eq!(group.len(), 4, "as many sockets as were asked for. {BOOK}");
    let none = ListeningSocket::bind_group(localhost(0), 0).expect("an empty group");
    assert_eq!(none.len(), 0, "as many sockets as were asked for: none. {BOOK}");
    let address = shared_address(&group);
    assert_eq!(address.ip(), Ipv4Addr::LOCALHOST, "only the port is for the kernel to choose. {BOOK}");
    assert_ne!(address.port(), 0, "local_address names the port that the kernel chose. {BOOK}");
}

#[test]
fn a_group_spreads_connections_over_all_its_sockets() {
    let group = ListeningSocket::bind_group(localhost(0), 4).expect("a group");
    let address = shared_address(&group);
    let listeners: Vec<TcpListener> = group.into_iter().map(listener).collect();
    let clients: Vec<TcpStream> = (0..200).map(|_| connect(address)).collect();
    let mut accepted = [0; 4];
    let began = Instant::now();
    while accepted.iter().sum::<usize>() < clients.len() {
        for (listener, count) in listeners.iter().zip(&mut accepted) {
            // Empty this backlog before the next: if there were one shared backlog, the first socket would take
            // everything.
            while listener.accept().is_ok() {
                *count += 1;
            }
        }
        assert!(
            began.elapsed() < PATIENCE,
            "200 clients connected, but the sockets accepted only {accepted:?}. {BOOK}"
        );
    }
    // About 50 each; by chance, one gets fewer than 10 once in 10^13 runs.
    let message = "each of 4 sockets must get its share of 200 connections, in a backlog of its own \
                   (SO_REUSEPORT on each, before bind)";
    assert!(accepted.iter().all(|&count| count >= 10), "{message}, but they got {accepted:?}. {BOOK}");
}

#[test]
fn a_second_herd_on_the_same_port_is_refused() {
    let group = ListeningSocket::bind_group(localhost(0), 2).expect("a group");
    let port = port_of(&group[0]);
    assert_refused(ListeningSocket::bind_group(localhost(port), 2), "a second group on the same address");
    assert_refused(ListeningSocket::bind_group(localhost(port), 1), "a second group of one");
    let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    assert_refused(ListeningSocket::bind_group(everywhere, 2), "a second group on all addresses");
    assert_refused(ListeningSocket::bind(localhost(port)), "a single socket beside a group");
    drop(group);
    ListeningSocket::bind_group(localhost(port), 2).unwrap_or_else(|error| {
        panic!("the port is free again when the first herd is gone: {error}. {BOOK}")
    });
}

#[test]
fn a_herd_beside_a_single_socket_is_refused() {
    let socket = ListeningSocket::bind(localhost(0)).expect("a socket");
    let port = port_of(&socket);
    assert_refused(ListeningSocket::bind(localhost(port)), "a second single socket");
    assert_refused(ListeningSocket::bind_group(localhost(port), 2), "a group beside a single socket");
}

#[test]
fn being_refused_costs_the_first_herd_no_connection() {
    let group = ListeningSocket::bind_group(localhost(0), 1).expect("a group");
    let address = group[0].local_address().expect("an address");
    let listener = listener(group.into_iter().next().expect("one"));
    for _ in 0..50 {
        assert_refused(ListeningSocket::bind_group(address, 2), "a second group");
        let _client = connect(address);
        accept_one(&listener);
    }
}

#[test]
fn connections_in_time_wait_do_not_refuse_a_restart() {
    let socket = ListeningSocket::bind(localhost(0)).expect("a socket");
    let address = socket.local_address().expect("an address");
    let listener = listener(socket);
    let mut client = connect(address);
    // The side that closes first is left in TIME_WAIT: here the server.
    drop(accept_one(&listener));
    let end = client.read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(end, Ok(0), "the server has closed, so the client reads the end of the stream. {BOOK}");
    drop((client, listener));
    let message = "a server must be able to restart while old connections are in TIME_WAIT (SO_REUSEADDR)";
    for again in [ListeningSocket::bind_group(address, 2).map(drop), ListeningSocket::bind(address).map(drop)]
    {
        assert!(again.is_ok(), "{message}, but it got {again:?}. {BOOK}");
    }
}

#[test]
fn a_backlog_outlives_the_worker_as_long_as_the_master_holds_the_socket() {
    let masters = ListeningSocket::bind_group(localhost(0), 1).expect("a group").remove(0);
    let address = masters.local_address().expect("an address");
    let workers = masters.as_fd().try_clone_to_owned().expect("what a forked worker inherits");
    let mut clients: Vec<TcpStream> = (0..20).map(|_| connect(address)).collect();
    drop(workers);
    let successors = listener(masters);
    for _ in &clients {
        drop(accept_one(&successors));
    }
    for client in &mut clients {
        let end = client.read(&mut [0]).map_err(|error| error.kind());
        assert_eq!(end, Ok(0), "the successor accepts the clients that waited, and none is reset. {BOOK}");
    }
}

#[test]
fn a_backlog_is_as_long_as_the_kernel_allows() {
    let allowed = std::fs::read_to_string("/proc/sys/net/core/somaxconn").expect("the kernel's limit");
    // No more clients than this process may have descriptors for.
    let clients = allowed.trim().parse::<usize>().expect("a number").min(400);
    let alone = ListeningSocket::bind(localhost(0)).expect("a socket");
    let group = ListeningSocket::bind_group(localhost(0), 1).expect("a group");
    for socket in group.iter().chain([&alone]) {
        let address = socket.local_address().expect("an address");
        let waiting: Vec<TcpStream> = (0..clients)
            .map(|number| {
                TcpStream::connect_timeout(&address, PATIENCE).unwrap_or_else(|error| {
                    panic!(
                        "client {number} of {clients} found no place in the backlog ({error}): see listen(2). {BOOK}"
                    )
                })
            })
            .collect();
        assert_eq!(waiting.len(), clients, "all clients found a place in the backlog. {BOOK}");
    }
}

#[test]
fn an_ipv6_address_is_as_good() {
    let localhost = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    if let Err(error) = TcpListener::bind(localhost) {
        println!("skipped: this machine has no IPv6: {error}");
        return;
    }
    let group = ListeningSocket::bind_group(localhost, 2).unwrap_or_else(|error| {
        panic!("{localhost} is as good as an address of IPv4: {error}. {BOOK}");
    });
    let address = shared_address(&group);
    connect(address);
    assert_refused(ListeningSocket::bind_group(address, 2), "a second group on the same address");
}

#[test]
fn other_errors_are_not_taken_for_an_address_in_use() {
    // TEST-NET-1 (RFC 5737) belongs to no machine.
    let address = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 0));
    let results =
        [ListeningSocket::bind(address).map(drop), ListeningSocket::bind_group(address, 2).map(drop)];
    for error in results.map(|result| result.expect_err("not ours")) {
        assert_eq!(
            error.kind(),
            ErrorKind::AddrNotAvailable,
            "what bind(2) says is what the caller gets. {BOOK}"
        );
    }
}
