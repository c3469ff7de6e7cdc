//! A thundering herd, on the kernel that you have: `cargo run --release -p thunder`.
//!
//! Some processes wait for clients in one of four ways. Clients connect one after the other, each only when all
//! processes are asleep again. The program counts how often processes were woken, and how often in vain.
//!
//! Two counts, because most processes that are woken in vain never get to know it. The kernel counts how often each
//! process has gone to sleep (`voluntary_ctxt_switches` in proc_pid_status(5)), and a process that is asleep again has been
//! woken as often as it went to sleep. The processes themselves count the connections that they got, and how often they
//! were told of one and found none (`EAGAIN`).

mod herd;

use herd::{Herd, Tally, shared};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::sockopt::ReusePort;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, listen, setsockopt, socket,
};
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::process::{Command, ExitCode};
use std::sync::atomic::Ordering::Relaxed;
use std::{env, fs, thread};

/// How the processes wait.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// All of them block in accept(2), on one socket.
    Accept,
    /// Each watches the same socket with an epoll(7) instance of its own, level-triggered.
    Epoll,
    /// The same, with `EPOLLEXCLUSIVE`.
    Exclusive,
    /// Each watches a socket of its own, all on one port (`SO_REUSEPORT`).
    OwnSocket,
}

const WAYS: [(Way, &str); 4] = [
    (Way::Accept, "accept(2)"),
    (Way::Epoll, "epoll"),
    (Way::Exclusive, "epoll, `EPOLLEXCLUSIVE`"),
    (Way::OwnSocket, "epoll, `SO_REUSEPORT`"),
];

fn main() -> ExitCode {
    match numbers().and_then(|(processes, clients)| compare(processes, clients)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("thunder: {error}");
            ExitCode::FAILURE
        }
    }
}

/// `thunder [PROCESSES [CLIENTS]]`.
fn numbers() -> io::Result<(usize, u64)> {
    let words: Vec<String> = env::args().skip(1).collect();
    let wrong =
        || io::Error::other("usage: thunder [PROCESSES [CLIENTS]], two whole numbers from 1 to 10000");
    let number = |at: usize, otherwise: u64| match words.get(at) {
        Some(word) => word.parse().ok().filter(|number| (1..=10_000).contains(number)).ok_or_else(wrong),
        None => Ok(otherwise),
    };
    if words.len() > 2 {
        return Err(wrong());
    }
    Ok((usize::try_from(number(0, 100)?).map_err(|_| wrong())?, number(1, 1000)?))
}

fn compare(processes: usize, clients: u64) -> io::Result<()> {
    println!(
        "| how they wait | woken | in vain | told of a client, found none | CPU us | the busiest served |"
    );
    println!("|---|--:|--:|--:|--:|--:|");
    for (way, name) in WAYS {
        let found = measure(way, processes, clients)?;
        let each = |count: u64| count as f64 / clients as f64;
        println!(
            "| {name} | {:.2} | {:.2} | {:.2} | {:.0} | {:.0} % |",
            each(found.woken),
            each(found.woken.saturating_sub(clients)),
            each(found.found_none),
            each(found.nanoseconds) / 1000.0,
            each(found.busiest) * 100.0
        );
    }
    let linux = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let cores = thread::available_parallelism()?;
    let date =
        String::from_utf8_lossy(&Command::new("date").args(["-u", "+%F"]).output()?.stdout).into_owned();
    let (date, linux, command) = (date.trim(), linux.trim(), "cargo run --release -p thunder");
    println!("\nPer client; {processes} processes, {clients} clients.");
    println!("Written by `{command} {processes} {clients}`: {date}, {cores} cores, Linux {linux}.");
    Ok(())
}

/// What was counted while all clients came.
struct Found {
    woken: u64,
    found_none: u64,
    nanoseconds: u64,
    busiest: u64,
}

fn measure(way: Way, processes: usize, clients: u64) -> io::Result<Found> {
    let mut sockets = vec![listener(way, 0)?];
    let address = sockets[0].local_addr()?;
    while way == Way::OwnSocket && sockets.len() < processes {
        sockets.push(listener(way, address.port())?);
    }
    let tallies = shared(processes)?;
    let pairs = tallies.iter().zip(sockets.iter().cycle());
    let herd = Herd::of(pairs.map(|(tally, socket)| move || work(way, socket, tally)))?;
    herd.fall_asleep()?;
    let (sleeps, time) = (herd.sleeps()?, herd.nanoseconds()?);
    for _ in 0..clients {
        // The end of the stream: a process has accepted the connection, and closed it.
        TcpStream::connect(address)?.read_to_end(&mut Vec::new())?;
        herd.fall_asleep()?;
    }
    let served = || tallies.iter().map(|tally| tally.served.load(Relaxed));
    if served().sum::<u64>() != clients {
        return Err(io::Error::other("other clients have connected; try again"));
    }
    Ok(Found {
        woken: herd.sleeps()? - sleeps,
        found_none: tallies.iter().map(|tally| tally.found_none.load(Relaxed)).sum(),
        nanoseconds: herd.nanoseconds()? - time,
        busiest: served().max().unwrap_or_default(),
    })
}

fn listener(way: Way, port: u16) -> io::Result<TcpListener> {
    let kind = if way == Way::Accept { SockFlag::empty() } else { SockFlag::SOCK_NONBLOCK };
    let descriptor = socket(AddressFamily::Inet, SockType::Stream, kind, None)?;
    if way == Way::OwnSocket {
        setsockopt(&descriptor, ReusePort, &true)?;
    }
    bind(descriptor.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)))?;
    listen(&descriptor, Backlog::MAXCONN)?;
    Ok(descriptor.into())
}

/// What each process does for ever. It comes back only with an error.
fn work(way: Way, socket: &TcpListener, tally: &Tally) -> io::Result<()> {
    let epoll = Epoll::new(EpollCreateFlags::empty())?;
    if way != Way::Accept {
        let exclusive = if way == Way::Exclusive { EpollFlags::EPOLLEXCLUSIVE } else { EpollFlags::empty() };
        epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN | exclusive, 0))?;
    }
    loop {
        if way != Way::Accept {
            epoll.wait(&mut [EpollEvent::empty()], EpollTimeout::NONE)?;
        }
        match socket.accept() {
            Ok(_) => tally.served.fetch_add(1, Relaxed),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => tally.found_none.fetch_add(1, Relaxed),
            Err(error) => return Err(error),
        };
    }
}
