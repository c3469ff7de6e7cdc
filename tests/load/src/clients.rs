//! Any number of clients that ask again and again, and a record of how long each answer took.
//!
//! **Closed or open.** In a closed loop each client sends its next request when it has an answer. So a slow server gets
//! fewer requests, and a pause of a second delays one request per client. In an open loop requests are due at fixed
//! times, whatever happened to earlier ones: people who click do not know that another person still waits. See
//! Schroeder, Wierman and Harchol-Balter, "Open Versus Closed: A Cautionary Tale" (NSDI 2006).
//!
//! **Measured from when it was due.** If an open loop cannot send a request in time because the previous answer is
//! late, the server caused that wait. A generator that measures from the actual sending leaves it out, and reports a
//! pause of a second as one slow request among thousands of fast ones. Gil Tene calls this coordinated omission. Here
//! the time in an open loop starts when the request was due, as in his wrk2.

use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long a client waits for a silent server before it counts the request as lost.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// When a client asks.
#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// As soon as it has its answer.
    Closed,
    /// At fixed times: all clients together send this many requests per second.
    Open(f64),
}

/// What the clients do.
#[derive(Debug, Clone)]
pub struct Load {
    /// The server.
    pub server: SocketAddr,
    /// What they ask for.
    pub path: &'static str,
    /// How many clients there are, each with one connection at a time.
    pub clients: usize,
    /// Whether they keep their connection for the next request.
    pub keep_alive: bool,
    /// When they ask.
    pub pace: Pace,
}

/// What the clients found.
#[derive(Debug)]
pub struct Found {
    /// Answers by status.
    pub answered: BTreeMap<u16, u64>,
    /// Requests without a whole answer: nobody listened, the connection ended, or nothing came.
    pub lost: u64,
    /// Requests on a kept connection that the server was just closing, and that were asked again on a new one. That is
    /// no failure (RFC 9112, section 9.3.1).
    pub asked_again: u64,
    /// How long answers took, in microseconds, by status.
    pub latency: BTreeMap<u16, Histogram<u64>>,
    /// How long the clients ran.
    pub elapsed: Duration,
}

impl Found {
    fn new() -> Found {
        Found {
            answered: BTreeMap::new(),
            lost: 0,
            asked_again: 0,
            latency: BTreeMap::new(),
            elapsed: Duration::ZERO,
        }
    }

    /// Answers with this status.
    pub fn with(&self, status: u16) -> u64 {
        self.answered.get(&status).copied().unwrap_or(0)
    }

    /// All answers.
    pub fn answers(&self) -> u64 {
        self.answered.values().sum()
    }

    /// Answers per second.
    pub fn rate(&self) -> f64 {
        self.answers() as f64 / self.elapsed.as_secs_f64()
    }

    /// The quantile `share` of the times of answers with a status, in milliseconds.
    pub fn within(&self, status: u16, share: f64) -> f64 {
        self.latency.get(&status).map_or(0.0, |times| times.value_at_quantile(share) as f64 / 1000.0)
    }

    fn record(&mut self, status: u16, time: Duration) {
        *self.answered.entry(status).or_default() += 1;
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.latency.entry(status).or_insert_with(times).saturating_record(micros);
    }

    fn add(&mut self, other: &Found) {
        for (&status, &count) in &other.answered {
            *self.answered.entry(status).or_default() += count;
        }
        for (&status, found) in &other.latency {
            self.latency.entry(status).or_insert_with(times).add(found).expect("all have the same range");
        }
        self.lost += other.lost;
        self.asked_again += other.asked_again;
    }
}

/// From a microsecond to ten minutes, exact to one part in a hundred.
fn times() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 600_000_000, 2).expect("a range that a histogram can have")
}

/// Running clients. They stop when this is dropped or finished.
#[derive(Debug)]
pub struct Clients {
    signs: Arc<Signs>,
    began: Instant,
    threads: Vec<JoinHandle<Found>>,
}

/// What the clients share with the thread that started them.
#[derive(Debug, Default)]
struct Signs {
    stop: AtomicBool,
    answers: AtomicU64,
    lost: AtomicU64,
}

impl Load {
    /// Lets the clients begin.
    pub fn begin(&self) -> Clients {
        let signs = Arc::new(Signs::default());
        let began = Instant::now();
        let threads = (0..self.clients)
            .map(|number| {
                let client = Client {
                    load: self.clone(),
                    connection: None,
                    request: self.request(),
                    found: Found::new(),
                };
                let signs = signs.clone();
                thread::spawn(move || client.work(number, began, &signs))
            })
            .collect();
        Clients { signs, began, threads }
    }

    fn request(&self) -> String {
        let connection = if self.keep_alive { "keep-alive" } else { "close" };
        let (path, server) = (self.path, self.server);
        format!("GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: {connection}\r\n\r\n")
    }
}

impl Clients {
    /// Answers so far, refusals included.
    pub fn answers(&self) -> u64 {
        self.signs.answers.load(Relaxed)
    }

    /// Requests lost so far.
    pub fn lost(&self) -> u64 {
        self.signs.lost.load(Relaxed)
    }

    /// How long they have been running.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Lets each client finish its request, and collects what all have found.
    pub fn finish(mut self) -> Found {
        let mut all = Found::new();
        self.signs.stop.store(true, Relaxed);
        for client in self.threads.drain(..) {
            all.add(&client.join().expect("a client counts what goes wrong, and does not panic"));
        }
        all.elapsed = self.began.elapsed();
        all
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.signs.stop.store(true, Relaxed);
    }
}

/// A client.
struct Client {
    load: Load,
    connection: Option<TcpStream>,
    request: String,
    found: Found,
}

impl Client {
    fn work(mut self, number: usize, began: Instant, signs: &Signs) -> Found {
        for turn in 0.. {
            let due = match self.load.pace {
                Pace::Closed => Instant::now(),
                Pace::Open(per_second) => {
                    let place = turn * self.load.clients + number;
                    began + Duration::from_secs_f64(place as f64 / per_second)
                }
            };
            // A late client sends at once.
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if signs.stop.load(Relaxed) {
                break;
            }
            match self.ask() {
                Ok(status) => {
                    self.found.record(status, due.elapsed());
                    signs.answers.fetch_add(1, Relaxed);
                }
                Err(_) => {
                    self.found.lost += 1;
                    signs.lost.fetch_add(1, Relaxed);
                }
            }
        }
        self.found
    }

    fn ask(&mut self) -> io::Result<u16> {
        if let Some(kept) = self.connection.take() {
            match self.ask_on(kept) {
                Err(error) if error.kind() == ErrorKind::NotConnected => self.found.asked_again += 1,
                other => return other,
            }
        }
        let fresh = TcpStream::connect_timeout(&self.load.server, PATIENCE)?;
        fresh.set_nodelay(true)?;
        fresh.set_read_timeout(Some(PATIENCE))?;
        fresh.set_write_timeout(Some(PATIENCE))?;
        self.ask_on(fresh)
    }

    /// `NotConnected` if the connection ended before the first byte of an answer.
    fn ask_on(&mut self, mut connection: TcpStream) -> io::Result<u16> {
        let before_any = |error: io::Error| match error.kind() {
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => ErrorKind::NotConnected.into(),
            _ => error,
        };
        connection.write_all(self.request.as_bytes()).map_err(before_any)?;
        let mut buffer = [0; 16 * 1024];
        let mut length = connection.read(&mut buffer).map_err(before_any)?;
        if length == 0 {
            return Err(ErrorKind::NotConnected.into());
        }
        let head = loop {
            match Head::parse(&buffer[..length])? {
                Some(head) => break head,
                None => length += read_some(&mut connection, &mut buffer[length..])?,
            }
        };
        let mut missing = (head.length + head.content).checked_sub(length).ok_or(ErrorKind::InvalidData)?;
        while missing > 0 {
            let most = missing.min(buffer.len());
            missing -= read_some(&mut connection, &mut buffer[..most])?;
        }
        if self.load.keep_alive && !head.is_last {
            self.connection = Some(connection);
        }
        Ok(head.status)
    }
}

fn read_some(connection: &mut TcpStream, into: &mut [u8]) -> io::Result<usize> {
    match connection.read(into)? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        some => Ok(some),
    }
}

/// What the clients need to know about an answer.
pub(crate) struct Head {
    pub(crate) status: u16,
    /// Bytes of the head itself.
    pub(crate) length: usize,
    /// Bytes of the content.
    pub(crate) content: usize,
    /// Whether the server will close the connection.
    is_last: bool,
}

impl Head {
    pub(crate) fn parse(bytes: &[u8]) -> io::Result<Option<Head>> {
        let mut fields = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut fields);
        let length = match response.parse(bytes).map_err(io::Error::other)? {
            httparse::Status::Complete(length) => length,
            httparse::Status::Partial => return Ok(None),
        };
        let status = response.code.ok_or(ErrorKind::InvalidData)?;
        let field = |name: &str| {
            let found = response.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name))?;
            std::str::from_utf8(found.value).ok()
        };
        let content = field("Content-Length").and_then(|value| value.parse().ok());
        Ok(Some(Head {
            status,
            length,
            content: content.ok_or(ErrorKind::InvalidData)?,
            is_last: field("Connection").is_some_and(|value| value.eq_ignore_ascii_case("close")),
        }))
    }
}

#[cfg(test)]
mod tests;
