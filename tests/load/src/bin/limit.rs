//! The smallest program that could be called a server: nearly all that it costs, the kernel and the load generator cost.
//!
//! Two processes, each with a socket of its own on the same port, an epoll loop, and one canned response of 1 KiB. It
//! reads whatever comes, looks for nothing but the empty line at the end, and answers. No parsing, no files, no time
//! limits, no log: the difference from a real server is the price of all these.
//!
//! `limit PORT`

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, accept4, bind, listen, setsockopt, socket,
    sockopt,
};
use nix::unistd::{ForkResult, fork, read, write};
use std::collections::HashMap;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

const PROCESSES: usize = 2;
const BODY: usize = 1024;

fn main() -> nix::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).expect("limit PORT");
    for _ in 1..PROCESSES {
        #[allow(unsafe_code)]
        // SAFETY: there is one thread, so no lock of another thread can be held in the child.
        if let ForkResult::Child = unsafe { fork() }? {
            set_pdeathsig(Signal::SIGKILL)?;
            break;
        }
    }
    serve(port)
}

fn serve(port: u16) -> nix::Result<()> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let listener = socket(AddressFamily::Inet, SockType::Stream, flags, None)?;
    setsockopt(&listener, sockopt::ReuseAddr, &true)?;
    setsockopt(&listener, sockopt::ReusePort, &true)?;
    bind(listener.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, port))?;
    listen(&listener, Backlog::MAXALLOWABLE)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    let watch =
        |socket: &OwnedFd, flags| epoll.add(socket, EpollEvent::new(flags, socket.as_raw_fd() as u64));
    watch(&listener, EpollFlags::EPOLLIN)?;
    let answers = [answer("keep-alive"), answer("close")];
    let mut clients: HashMap<RawFd, OwnedFd> = HashMap::new();
    let mut events = [EpollEvent::empty(); 256];
    loop {
        let count = epoll.wait(&mut events, EpollTimeout::NONE)?;
        for event in &events[..count] {
            let descriptor = event.data() as RawFd;
            if descriptor == listener.as_raw_fd() {
                while let Ok(client) = accept4(descriptor, flags) {
                    #[allow(unsafe_code)]
                    // SAFETY: accept4 has just made this descriptor, and nothing else owns it.
                    let client = unsafe { OwnedFd::from_raw_fd(client) };
                    watch(&client, EpollFlags::EPOLLIN | EpollFlags::EPOLLET)?;
                    if attend(&client, &answers) {
                        clients.insert(client.as_raw_fd(), client);
                    }
                }
            } else if clients.get(&descriptor).is_some_and(|client| !attend(client, &answers)) {
                clients.remove(&descriptor);
            }
        }
    }
}

fn answer(connection: &str) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nServer: limit\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: \
         application/octet-stream\r\nContent-Length: {BODY}\r\nConnection: {connection}\r\n\r\n"
    );
    [head.as_bytes(), &[b'x'; BODY]].concat()
}

/// Answers what has come. Returns whether the connection stays.
fn attend(client: &impl AsFd, answers: &[Vec<u8>; 2]) -> bool {
    let mut request = [0; 4096];
    match read(client, &mut request) {
        Ok(count @ 1..) if request[..count].ends_with(b"\r\n\r\n") => {
            let closes = request[..count].windows(6).any(|word| word == b" close");
            // 1.2 KB always fit into an empty socket.
            write(client, &answers[usize::from(closes)]).is_ok() && !closes
        }
        Ok(_) => false,
        Err(errno) => errno == nix::errno::Errno::EAGAIN,
    }
}
