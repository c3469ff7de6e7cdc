//! Exhibits of the bug museum that are no part of the course's crates: small programs over real sockets, each with its
//! mistake and its repair. What the museum says of them is asserted here.

use std::collections::HashMap;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// Far more than the socket buffers on both sides hold.
const LARGE: usize = 64 << 20;

fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port")
}

fn connect(to: &TcpListener) -> TcpStream {
    TcpStream::connect(to.local_addr().expect("an address")).expect("a connection")
}

// ANCHOR: refuse_and_close
/// Says no, and closes.
fn refuse(mut client: TcpStream) {
    let _ = client.write_all(BUSY);
}
// ANCHOR_END: refuse_and_close

// ANCHOR: refuse_and_linger
/// Says no, says that nothing more will come, and reads what the client still sends.
fn refuse_and_linger(mut client: TcpStream) {
    let _ = client.write_all(BUSY);
    let _ = client.shutdown(Shutdown::Write);
    let mut thrown_away = [0; 64 * 1024];
    while matches!(client.read(&mut thrown_away), Ok(1..)) {}
}
// ANCHOR_END: refuse_and_linger

/// What a client sees that sends all it has and then reads.
fn upload(refuse: fn(TcpStream)) -> std::io::Result<Vec<u8>> {
    let server = listener();
    let mut client = connect(&server);
    thread::scope(|scope| {
        scope.spawn(|| refuse(server.accept().expect("a client").0));
        client.write_all(&vec![b'x'; LARGE])?;
        client.shutdown(Shutdown::Write)?;
        let mut answer = Vec::new();
        client.read_to_end(&mut answer)?;
        Ok(answer)
    })
}

#[test]
fn a_refusal_before_a_close_with_unread_bytes_is_never_seen() {
    let error = upload(refuse).expect_err("the client's bytes meet a closed socket");
    assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
    assert_eq!(upload(refuse_and_linger).expect("a whole exchange"), BUSY);
}

// ANCHOR: blocking_peek
/// Answers `/health` at once, and gives every other connection to the pool.
fn accept_loop(server: &TcpListener, to_the_pool: impl Fn(TcpStream)) {
    for client in server.incoming() {
        let Ok(mut client) = client else { continue };
        let mut beginning = [0; 12];
        match client.peek(&mut beginning) {
            Ok(12) if beginning == *b"GET /health " => {
                let _ = client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            }
            _ => to_the_pool(client),
        }
    }
}
// ANCHOR_END: blocking_peek

/// The system call that a thread of this process is in (proc_pid_syscall(5)).
fn system_call(thread: i32) -> Option<i64> {
    fs::read_to_string(format!("/proc/self/task/{thread}/syscall")).ok()?.split(' ').next()?.parse().ok()
}

#[test]
fn one_silent_client_stops_a_loop_that_peeks() {
    let server = Arc::new(listener());
    let (send, thread_id) = channel();
    let _silent = connect(&server);
    let mut asks = connect(&server);
    asks.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("room for a request");
    // It never ends; the test's process does.
    thread::spawn({
        let server = server.clone();
        move || {
            send.send(nix::unistd::gettid().as_raw()).expect("the test waits");
            accept_loop(&server, drop);
        }
    });
    let thread = thread_id.recv().expect("a thread");
    // It has accepted the silent client and waits for its first byte. So it is nowhere else.
    e2e::eventually("the loop waits in recvfrom(2)", || system_call(thread) == Some(libc::SYS_recvfrom));
    asks.set_nonblocking(true).expect("a socket");
    let heard = asks.read(&mut [0; 64]).expect_err("nobody has answered");
    assert_eq!(heard.kind(), ErrorKind::WouldBlock);
}

// ANCHOR: slots_by_number
/// A cache that tells where a body lies, as a program in C would with a pointer.
struct Slots {
    bodies: Vec<Vec<u8>>,
    by_path: HashMap<&'static str, usize>,
    next: usize,
}

impl Slots {
    fn find(&self, path: &str) -> Option<usize> {
        self.by_path.get(path).copied()
    }

    /// Takes the place of the oldest.
    fn insert(&mut self, path: &'static str, body: &[u8]) {
        let slot = self.next % self.bodies.len();
        self.next += 1;
        self.by_path.retain(|_, used| *used != slot);
        self.bodies[slot] = body.to_vec();
        self.by_path.insert(path, slot);
    }
}
// ANCHOR_END: slots_by_number

#[test]
fn a_place_in_a_cache_is_somebody_elses_after_an_eviction() {
    let mut cache = Slots { bodies: vec![Vec::new()], by_path: HashMap::new(), next: 0 };
    cache.insert("/public.html", b"for everybody");
    // ANCHOR: evicted_body
    let found = cache.find("/public.html").expect("a hit");
    // Meanwhile another thread loads another file, and the cache is full.
    cache.insert("/private.html", b"for one person");
    let sent = &cache.bodies[found];
    // ANCHOR_END: evicted_body
    assert_eq!(sent, b"for one person");
}

#[test]
fn a_backlog_goes_with_its_last_descriptor() {
    // Nobody else has the socket: who waits in it is reset.
    let worker = listener();
    let mut client = connect(&worker);
    // ANCHOR: backlog_lost
    // The worker dies. The kernel closes what only it had.
    drop(worker);
    let mut answer = Vec::new();
    let lost = client.read_to_end(&mut answer);
    // ANCHOR_END: backlog_lost
    assert_eq!(lost.expect_err("the connection is gone").kind(), ErrorKind::ConnectionReset);

    let worker = listener();
    let mut client = connect(&worker);
    // ANCHOR: backlog_kept
    // The master has a descriptor of the same socket.
    let master = worker.try_clone().expect("a descriptor");
    drop(worker);
    let (mut accepted, _) = master.accept().expect("who waited is still there");
    accepted.write_all(b"served").expect("a client");
    // ANCHOR_END: backlog_kept
    drop(accepted);
    client.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket");
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).expect("an answer");
    assert_eq!(answer, b"served");
}
