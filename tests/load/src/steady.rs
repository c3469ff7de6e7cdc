//! Requests at a steady rate from a few threads: an open loop that needs little processor time itself.
//!
//! [`clients`](crate::clients) has a thread for each client, which is simple but costs two context switches for each
//! request. Here one thread holds many connections, so that at a rate near the server's limit the processors are still
//! mostly the server's. When a request is due, it is sent on a connection that is free, or waits for one. Its time
//! begins when it was due, so that waiting behind a slow answer counts too.

use crate::clients::Head;
use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::time::TimeSpec;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

/// The threads that ask.
const THREADS: usize = 2;

/// What is asked for, and how often.
#[derive(Debug, Clone)]
pub struct Steady {
    /// The server's port on 127.0.0.1.
    pub port: u16,
    /// The path of the file.
    pub path: String,
    /// Connections, all kept.
    pub connections: usize,
    /// Requests per second. Infinity asks as fast as answers come.
    pub rate: f64,
    /// How long to send requests.
    pub time: Duration,
}

/// The result of a run.
#[derive(Debug)]
pub struct Tail {
    /// Answers per second.
    pub rate: f64,
    /// How long answers took, in microseconds, from when their requests were due.
    pub times: Histogram<u64>,
}

/// A connection, and the state of its request.
struct Connection {
    stream: TcpStream,
    due: Instant,
    /// How many bytes of the answer are missing; `None` before its head has come.
    missing: Option<usize>,
    head: Vec<u8>,
}

impl Steady {
    /// Sends the requests, and waits for every answer.
    ///
    /// # Errors
    /// If a connection ends, an answer is not a success, or a system call fails.
    pub fn run(&self) -> Result<Tail> {
        let connect = |_| (0..self.connections / THREADS).map(|_| self.connect()).collect();
        let connected: Vec<Vec<TcpStream>> = (0..THREADS).map(connect).collect::<Result<_>>()?;
        let began = Instant::now();
        let threads: Vec<_> = connected
            .into_iter()
            .enumerate()
            .map(|(number, streams)| {
                let steady = self.clone();
                thread::spawn(move || steady.ask(number, streams, began))
            })
            .collect();
        let mut all = times();
        for thread in threads {
            all.add(thread.join().ok().context("a thread that asks has panicked")??)?;
        }
        Ok(Tail { rate: all.len() as f64 / began.elapsed().as_secs_f64(), times: all })
    }

    fn connect(&self) -> Result<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(stream)
    }

    fn ask(&self, number: usize, streams: Vec<TcpStream>, began: Instant) -> Result<Histogram<u64>> {
        let request = format!("GET {} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", self.path);
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let mut connections = Vec::new();
        for (index, stream) in streams.into_iter().enumerate() {
            epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, index as u64))?;
            connections.push(Connection { stream, due: began, missing: None, head: Vec::new() });
        }
        let mut free: Vec<usize> = (0..connections.len()).collect();
        let mut times = times();
        let mut ready = vec![EpollEvent::empty(); connections.len()];
        let mut buffer = vec![0; 256 << 10];
        let (mut turn, end) = (0, began + self.time);
        loop {
            let due = began + Duration::from_secs_f64((turn * THREADS + number) as f64 / self.rate);
            let now = Instant::now();
            let over = if self.rate.is_finite() { due >= end } else { now >= end };
            if over && free.len() == connections.len() {
                return Ok(times);
            }
            if !over
                && due <= now
                && let Some(index) = free.pop()
            {
                let connection = &mut connections[index];
                connection.due = if self.rate.is_finite() { due } else { now };
                // A request always fits into the buffer of a socket whose last request was answered.
                connection.stream.write_all(request.as_bytes())?;
                turn += 1;
                continue;
            }
            // epoll_wait(2) counts in milliseconds, in which dozens of requests are due.
            let next =
                (!over && !free.is_empty()).then(|| TimeSpec::from(due.saturating_duration_since(now)));
            let mut any = [PollFd::new(epoll.0.as_fd(), PollFlags::POLLIN)];
            ppoll(&mut any, next, None)?;
            let count = epoll.wait(&mut ready, EpollTimeout::ZERO)?;
            for event in &ready[..count] {
                let index = event.data() as usize;
                if connections[index].has_answer(&mut buffer)? {
                    times.saturating_record(connections[index].due.elapsed().as_micros() as u64);
                    free.push(index);
                }
            }
        }
    }
}

impl Connection {
    /// Reads what has come. Returns whether the answer is complete.
    fn has_answer(&mut self, buffer: &mut [u8]) -> Result<bool> {
        loop {
            let read = match self.stream.read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                read => read?,
            };
            ensure!(read > 0, "the server has ended a connection");
            let missing = match self.missing {
                Some(missing) => missing.checked_sub(read),
                None => {
                    self.head.extend(&buffer[..read]);
                    let Some(head) = Head::parse(&self.head)? else { continue };
                    ensure!(head.status == 200, "the server answers {}", head.status);
                    (head.length + head.content).checked_sub(self.head.len())
                }
            };
            self.missing = Some(missing.context("an answer is longer than it says")?);
            if self.missing == Some(0) {
                self.missing = None;
                self.head.clear();
                return Ok(true);
            }
        }
    }
}

/// From a microsecond to ten minutes, exact to one part in a hundred.
fn times() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 600_000_000, 2).expect("a range that a histogram can have")
}
