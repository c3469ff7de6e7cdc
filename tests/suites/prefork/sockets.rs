//! Listening sockets, alone and in a group.
#![allow(unsafe_code)]

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use prefork::ListeningSocket;
use std::io::{self, ErrorKind, Read};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
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
        "the kernel chooses a port for the first socket of a group, and all others must bind the same port, but the \
         sockets are bound to {addresses:?}. {BOOK}"
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
        .unwrap_or_else(|error| panic!("a client cannot connect: {error}. The socket does not listen, or its backlog is full: see listen(2). {BOOK}"))
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

/// Why a second group must be refused.
const OF_A_GROUP: &str = "SO_REUSEPORT lets in every socket of the same user, and the first herd would silently lose \
                          half of its connections. Where to look: bind_group";
/// Why a second single socket must be refused.
const ALONE: &str = "a socket of bind is alone on its port. Where to look: bind";

fn assert_refused(result: io::Result<impl Sized>, who: &str, why: &str) {
    let kind = result.map(drop).map_err(|error| error.kind());
    assert_eq!(kind, Err(ErrorKind::AddrInUse), "{who} must be refused with AddrInUse: {why}. {BOOK}");
}

/// Two sockets on a port that the kernel chooses.
fn two_sockets(address: SocketAddr) -> Vec<ListeningSocket> {
    ListeningSocket::bind_group(address, 2).unwrap_or_else(|error| {
        panic!("bind_group({address}, 2) must make two sockets that share one free port, but it failed: {error}. \
                {BOOK}")
    })
}

#[test]
fn a_socket_listens_without_blocking_and_closes_on_exec() {
    let group = two_sockets(localhost(0));
    for socket in group.iter().chain([&ListeningSocket::bind(localhost(0)).expect("a socket")]) {
        let status = OFlag::from_bits_retain(fcntl(socket.as_fd(), FcntlArg::F_GETFL).expect("F_GETFL"));
        assert!(status.contains(OFlag::O_NONBLOCK), "accept must not block: O_NONBLOCK is missing. {BOOK}");
        let descriptor = FdFlag::from_bits_retain(fcntl(socket.as_fd(), FcntlArg::F_GETFD).expect("F_GETFD"));
        assert!(
            descriptor.contains(FdFlag::FD_CLOEXEC),
            "a program that is started later must not inherit the socket: FD_CLOEXEC is missing. {BOOK}"
        );
    }
}

#[test]
fn port_0_is_a_free_port_and_the_whole_group_shares_it() {
    let group = ListeningSocket::bind_group(localhost(0), 4).expect("a group");
    assert_eq!(group.len(), 4, "bind_group must make as many sockets as were asked for. {BOOK}");
    let none = ListeningSocket::bind_group(localhost(0), 0).expect("an empty group");
    assert_eq!(none.len(), 0, "bind_group with the count 0 must make no socket. How many it made. {BOOK}");
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
    assert_refused(
        ListeningSocket::bind_group(localhost(port), 2),
        "a second group on the same address",
        OF_A_GROUP,
    );
    assert_refused(
        ListeningSocket::bind_group(localhost(port), 1),
        "a second group of 1 socket on the same address",
        OF_A_GROUP,
    );
    assert_refused(
        ListeningSocket::bind_group(localhost(port), 0),
        "bind_group with the count 0",
        "it must look for another listener, too, and the first herd still listens on this port",
    );
    let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    assert_refused(ListeningSocket::bind_group(everywhere, 2), "a second group on all addresses", OF_A_GROUP);
    assert_refused(ListeningSocket::bind(localhost(port)), "a single socket beside a group", ALONE);
    drop(group);
    ListeningSocket::bind_group(localhost(port), 2).unwrap_or_else(|error| {
        panic!("the port is free again when the first herd is gone: {error}. {BOOK}")
    });
}

#[test]
fn a_herd_on_another_address_of_the_same_port_is_welcome() {
    let group = ListeningSocket::bind_group(localhost(0), 2).expect("a group");
    // All of 127.0.0.0/8 belongs to this machine (RFC 1122, section 3.2.1.3).
    let ip = Ipv4Addr::new(127, 0, 0, 2);
    ListeningSocket::bind_group(SocketAddr::from((ip, port_of(&group[0]))), 2).unwrap_or_else(|error| {
        panic!(
            "bind_group on {ip} must succeed, because only 127.0.0.1 has a listener on this port. It failed: {error}. \
             {BOOK}"
        )
    });
}

#[test]
fn a_herd_beside_a_single_socket_is_refused() {
    let socket = ListeningSocket::bind(localhost(0)).expect("a socket");
    let port = port_of(&socket);
    assert_refused(ListeningSocket::bind(localhost(port)), "a second single socket", ALONE);
    assert_refused(
        ListeningSocket::bind_group(localhost(port), 2),
        "a group beside a single socket",
        OF_A_GROUP,
    );
}

#[test]
fn connections_in_time_wait_do_not_refuse_a_restart() {
    // Connections keep the options of the socket that accepted them, so a group and a single socket are two cases.
    let alone = ListeningSocket::bind(localhost(0)).expect("a socket");
    let group = ListeningSocket::bind_group(localhost(0), 1).expect("a group");
    for socket in group.into_iter().chain([alone]) {
        let address = socket.local_address().expect("an address");
        let listener = listener(socket);
        let mut client = connect(address);
        // The side that closes first is left in TIME_WAIT: here the server.
        drop(accept_one(&listener));
        let end = client.read(&mut [0]).map_err(|error| error.kind());
        assert_eq!(end, Ok(0), "the server has closed, so the client reads the end of the stream. {BOOK}");
        drop((client, listener));
        let message =
            "a server must be able to restart while old connections are in TIME_WAIT (SO_REUSEADDR)";
        ListeningSocket::bind_group(address, 2)
            .unwrap_or_else(|error| panic!("{message}, but bind_group failed: {error}. {BOOK}"));
        ListeningSocket::bind(address)
            .unwrap_or_else(|error| panic!("{message}, but bind failed: {error}. {BOOK}"));
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

/// How many clients have room in the backlog of a socket, and one more (listen(2)); `None` if the kernel does not say.
fn room_in_the_backlog(socket: &ListeningSocket) -> Option<usize> {
    let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
    let mut length = size_of_val(&info) as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes to `info`. A `tcp_info` is made of integers, for which all-zero
    // bytes, and whatever the kernel writes there, are values.
    let (result, info) = unsafe {
        let (descriptor, to) = (socket.as_fd().as_raw_fd(), info.as_mut_ptr().cast());
        let result = libc::getsockopt(descriptor, libc::IPPROTO_TCP, libc::TCP_INFO, to, &mut length);
        (result, info.assume_init())
    };
    // For a listening socket, this field is the limit of its backlog (tcp_get_info in the kernel; ss(8) shows it under
    // Send-Q).
    (result == 0).then_some(info.tcpi_sacked as usize)
}

#[test]
fn a_backlog_is_as_long_as_the_kernel_allows() {
    let allowed = std::fs::read_to_string("/proc/sys/net/core/somaxconn").expect("the kernel's limit");
    let allowed = allowed.trim().parse::<usize>().expect("a number");
    // No more clients than this process may have descriptors for.
    let clients = allowed.min(400);
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
    // What 400 clients cannot show.
    for socket in ListeningSocket::bind_group(localhost(0), 3).expect("a group") {
        let room = room_in_the_backlog(&socket).unwrap_or(allowed);
        assert!(
            room == allowed,
            "the backlog of each socket of a group must be as long as the kernel allows \
             (/proc/sys/net/core/somaxconn), and this one has room for {room} clients. See listen(2). {BOOK}"
        );
    }
}

#[test]
fn an_ipv6_address_is_as_good() {
    let localhost = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    if let Err(error) = TcpListener::bind(localhost) {
        println!("skipped: this machine has no IPv6: {error}");
        return;
    }
    let group = two_sockets(localhost);
    let address = shared_address(&group);
    connect(address);
    assert_refused(
        ListeningSocket::bind_group(address, 2),
        &format!("a second group on the same port of {} (IPv6)", address.ip()),
        OF_A_GROUP,
    );
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
            "{} is no address of this machine, so bind(2) fails with EADDRNOTAVAIL, and that is what the caller gets. {BOOK}",
            address.ip()
        );
    }
}

/// Calls `work` in a thread whose table of descriptors is its own and has room for `free` more. Returns for how many it
/// has room afterwards; `None` if this kernel cannot do it.
fn room_for_descriptors_after(free: usize, work: impl FnOnce() + Send + 'static) -> Option<usize> {
    // A table is filled quickly up to here, and no other test needs so many.
    const ENOUGH: libc::rlim_t = 1 << 16;
    // SAFETY: both calls are given a valid `limits`.
    unsafe {
        let mut limits = MaybeUninit::zeroed().assume_init();
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limits), 0, "getrlimit");
        limits.rlim_cur = limits.rlim_cur.min(ENOUGH);
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limits), 0, "setrlimit");
    }
    let alone = move || {
        // A copy of the table, but none of its sockets: other tests expect that they close when they are dropped.
        // SAFETY: from here on, this thread uses only descriptors that it opens, and the first three.
        let own = unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_UNSHARE) };
        if own != 0 {
            let error = io::Error::last_os_error();
            assert!(std::env::var_os("CI_FULL").is_none(), "CI_FULL is set, but close_range(2): {error}");
            return None;
        }
        let fill = || -> Vec<OwnedFd> {
            std::iter::from_fn(|| io::stdin().as_fd().try_clone_to_owned().ok()).collect()
        };
        let mut taken = fill();
        taken.truncate(taken.len() - free);
        work();
        Some(fill().len())
    };
    thread::spawn(alone).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[test]
fn a_group_has_no_socket_but_its_own_and_none_if_it_fails() {
    const FREE: usize = 8;
    let room = room_for_descriptors_after(FREE, || {
        ListeningSocket::bind_group(localhost(0), 2).expect("a group");
    });
    assert_eq!(
        room.unwrap_or(FREE),
        FREE,
        "a group was made and dropped. bind_group must keep no other socket open. Before the call, {FREE} \
         descriptors were free. How many are free now. {BOOK}"
    );
    let group = ListeningSocket::bind_group(localhost(0), 1).expect("a group");
    let taken = group[0].local_address().expect("an address");
    let elsewhere = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 0));
    for (address, count, why) in [
        (taken, 2, "another group listens there"),
        (elsewhere, 2, "the address is not this machine's"),
        (localhost(0), 2 * FREE, "the process may open no more descriptors"),
    ] {
        let room = room_for_descriptors_after(FREE, move || {
            let result = ListeningSocket::bind_group(address, count);
            assert!(result.is_err(), "bind_group says that it has all sockets, but {why}. {BOOK}");
        });
        assert_eq!(
            room.unwrap_or(FREE),
            FREE,
            "bind_group failed, because {why}. Then it must leave no socket open. Before the call, {FREE} \
             descriptors were free. How many are free now. {BOOK}"
        );
    }
}

#[test]
fn a_second_herd_is_refused_also_if_the_first_has_no_room_for_clients() {
    // How long a client waits before it gives up: a full backlog does not answer it.
    const SHORT: Duration = Duration::from_millis(100);
    let group = ListeningSocket::bind_group(localhost(0), 1).expect("a group");
    let address = shared_address(&group);
    // SAFETY: listen(2) uses no memory of ours. A second call makes the backlog shorter.
    let result = unsafe { libc::listen(group[0].as_fd().as_raw_fd(), 0) };
    assert_eq!(result, 0, "listen");
    let clients = std::iter::from_fn(|| TcpStream::connect_timeout(&address, SHORT).ok());
    let waiting: Vec<TcpStream> = clients.take(100).collect();
    assert_refused(
        ListeningSocket::bind_group(address, 2),
        "a second group on an address whose first socket listens, but has a full backlog and answers no client,",
        OF_A_GROUP,
    );
    drop(waiting);
}
