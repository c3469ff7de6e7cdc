//! A client that does exactly what it is told, right or wrong.

use crate::{Json, PATIENCE};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect, setsockopt, socket, sockopt,
};
use std::fmt::{self, Write as _};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;

/// One connection to a server.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    server: SocketAddr,
    /// Bytes received and not yet taken for a response.
    received: Vec<u8>,
    /// A command that sends the same, for a person.
    asked: String,
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header fields in the order sent.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Bytes on the wire, head and body.
    pub bytes: usize,
    /// A command that asks the same, for a person.
    asked: String,
}

/// How the server ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With a FIN, after everything that it has sent.
    Closed,
    /// With a reset, which may overtake what it has sent.
    Reset,
}

/// Why there was no response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// The connection ended, after this many bytes of the response.
    Ended(Ending, usize),
    /// Nothing came within [`PATIENCE`].
    Silence,
    /// What came is not HTTP.
    Garbled(String),
}

impl Client {
    /// Connects.
    ///
    /// # Panics
    /// If the server cannot be reached.
    #[track_caller]
    pub fn connect(server: SocketAddr) -> Client {
        let stream =
            TcpStream::connect(server).unwrap_or_else(|error| panic!("cannot connect to {server}: {error}"));
        Client::over(stream, server)
    }

    /// Connects with a receive window of about `window` bytes, so that the kernel accepts little while the client does
    /// not read.
    ///
    /// # Panics
    /// If the server cannot be reached.
    pub fn connect_slowly(server: SocketAddr, window: usize) -> Client {
        let socket =
            socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).expect("a socket");
        // The window is agreed on while connecting, so the size must be set before.
        setsockopt(&socket, sockopt::RcvBuf, &window).expect("a receive buffer");
        connect(socket.as_raw_fd(), &SockaddrStorage::from(server)).expect("a connection");
        Client::over(TcpStream::from(socket), server)
    }

    /// Connects from another address of this machine.
    ///
    /// # Panics
    /// If the server cannot be reached from there.
    pub fn connect_from(source: IpAddr, server: SocketAddr) -> Client {
        let socket =
            socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).expect("a socket");
        bind(socket.as_raw_fd(), &SockaddrStorage::from(SocketAddr::new(source, 0))).expect("an address");
        connect(socket.as_raw_fd(), &SockaddrStorage::from(server)).expect("a connection");
        Client::over(TcpStream::from(socket), server)
    }

    fn over(stream: TcpStream, server: SocketAddr) -> Client {
        stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a write timeout");
        // Bytes that are sent one by one must leave in packets of their own.
        stream.set_nodelay(true).expect("a socket without delay");
        Client { stream, server, received: Vec::new(), asked: String::new() }
    }

    /// This end's address.
    pub fn local_address(&self) -> SocketAddr {
        self.stream.local_addr().expect("a local address")
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    /// If the connection does not take them.
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        let shown = bytes[..bytes.len().min(300)].escape_ascii();
        self.asked = format!("printf '{shown}' | nc {} {}", self.server.ip(), self.server.port());
        if let Err(error) = self.stream.write_all(bytes) {
            panic!("the server does not take what is sent: {error}\ntry: {}", self.asked);
        }
    }

    /// Ends the sending side of the connection.
    pub fn finish_sending(&self) {
        // The server may be gone already.
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
    }

    /// Sends a request with a Host and these further header lines, and reads the response.
    #[track_caller]
    pub fn ask(&mut self, method: &str, path: &str, headers: &[&str]) -> Response {
        self.try_ask(method, path, headers).unwrap_or_else(|lost| self.complain(&lost))
    }

    /// GET, and the connection stays open.
    #[track_caller]
    pub fn get(&mut self, path: &str) -> Response {
        self.ask("GET", path, &[])
    }

    /// The same for a server that may fail.
    ///
    /// # Errors
    /// [`Lost`], if no whole response came.
    pub fn try_ask(&mut self, method: &str, path: &str, headers: &[&str]) -> Result<Response, Lost> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.server);
        let mut curl = format!("curl -i --path-as-is 'http://{}{path}'", self.server);
        match method {
            "GET" => {}
            "HEAD" => curl.push_str(" -I"),
            method => curl.push_str(&format!(" -X {method}")),
        }
        for header in headers {
            let _ = write!(request, "{header}\r\n");
            let _ = write!(curl, " -H '{header}'");
        }
        request.push_str("\r\n");
        self.asked = curl;
        // A server that refuses may have closed already, but its answer can still be read.
        let _ = self.stream.write_all(request.as_bytes());
        if method == "HEAD" { self.try_head() } else { self.try_response() }
    }

    /// Reads one response, with its body. Interim responses (1xx) are responses of their own.
    #[track_caller]
    pub fn response(&mut self) -> Response {
        self.try_response().unwrap_or_else(|lost| self.complain(&lost))
    }

    /// Reads the head of a response and leaves what follows: for an answer to HEAD, and for a body that the test reads
    /// slowly.
    #[track_caller]
    pub fn head(&mut self) -> Response {
        self.try_head().unwrap_or_else(|lost| self.complain(&lost))
    }

    /// Reads one response.
    ///
    /// # Errors
    /// [`Lost`], if no whole response came.
    pub fn try_response(&mut self) -> Result<Response, Lost> {
        let mut response = self.try_head()?;
        let length = match response.status {
            100..=199 | 204 | 304 => 0,
            _ => response.content_length().ok_or_else(|| Lost::Garbled("no Content-Length".to_owned()))?,
        };
        while self.received.len() < length {
            self.receive()?;
        }
        response.body = self.received.drain(..length).collect();
        response.bytes += length;
        Ok(response)
    }

    fn try_head(&mut self) -> Result<Response, Lost> {
        loop {
            let mut fields = [httparse::EMPTY_HEADER; 64];
            let mut head = httparse::Response::new(&mut fields);
            match head.parse(&self.received) {
                Ok(httparse::Status::Complete(length)) => {
                    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
                    let headers = head.headers.iter().map(|field| (field.name.to_owned(), text(field.value)));
                    let (status, headers) = (head.code.unwrap_or(0), headers.collect());
                    self.received.drain(..length);
                    return Ok(Response {
                        status,
                        headers,
                        body: Vec::new(),
                        bytes: length,
                        asked: self.asked.clone(),
                    });
                }
                Ok(httparse::Status::Partial) => self.receive()?,
                Err(error) => {
                    let shown = self.received[..self.received.len().min(200)].escape_ascii();
                    return Err(Lost::Garbled(format!("{error}: {shown}")));
                }
            }
        }
    }

    /// Reads `count` bytes, or fewer if the connection ends before.
    #[track_caller]
    pub fn take(&mut self, count: usize) -> Vec<u8> {
        while self.received.len() < count {
            match self.receive() {
                Ok(()) => {}
                Err(Lost::Ended(..)) => break,
                Err(lost) => self.complain(&lost),
            }
        }
        let count = count.min(self.received.len());
        self.received.drain(..count).collect()
    }

    /// Waits for the end of the connection.
    ///
    /// # Panics
    /// If something else comes, or nothing.
    #[track_caller]
    pub fn ending(&mut self) -> Ending {
        let lost = if self.received.is_empty() { self.receive().err() } else { None };
        match lost {
            Some(Lost::Ended(ending, _)) => ending,
            Some(lost) => panic!("the server should close this connection, but: {lost}\ntry: {}", self.asked),
            None => panic!(
                "the server should close this connection, but sent: {}\ntry: {}",
                self.received[..self.received.len().min(200)].escape_ascii(),
                self.asked
            ),
        }
    }

    /// Whether nothing has come, and the connection is open, at this moment.
    pub fn has_heard_nothing(&self) -> bool {
        self.stream.set_nonblocking(true).expect("a socket");
        let peeked = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false).expect("a socket");
        self.received.is_empty() && peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    fn receive(&mut self) -> Result<(), Lost> {
        let mut piece = [0; 64 * 1024];
        match self.stream.read(&mut piece) {
            Ok(0) => Err(Lost::Ended(Ending::Closed, self.received.len())),
            Ok(count) => {
                self.received.extend_from_slice(&piece[..count]);
                Ok(())
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err(Lost::Silence)
            }
            Err(_) => Err(Lost::Ended(Ending::Reset, self.received.len())),
        }
    }

    #[track_caller]
    fn complain(&self, lost: &Lost) -> ! {
        panic!("a whole response should come, but {lost}\ntry: {}", self.asked)
    }
}

impl Response {
    /// The response itself, if it has this status.
    ///
    /// # Panics
    /// If it has another status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Response {
        assert_eq!(
            self.status, status,
            "the status (left) should be the one on the right\ntry: {}",
            self.asked
        );
        self
    }

    /// The value of the first header field of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The value of `Content-Length`.
    pub fn content_length(&self) -> Option<usize> {
        self.header("Content-Length")?.parse().ok()
    }

    /// The value of `ETag`.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn etag(&self) -> String {
        self.header("ETag")
            .unwrap_or_else(|| panic!("the response has no ETag\ntry: {}", self.asked))
            .to_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is not JSON.
    #[track_caller]
    pub fn json(&self) -> Json {
        let parsed = serde_json::from_slice(&self.body);
        parsed.unwrap_or_else(|error| panic!("not JSON ({error}): {}\ntry: {}", self.text(), self.asked))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lost::Ended(Ending::Closed, count) => {
                write!(out, "the connection was closed after {count} bytes")
            }
            Lost::Ended(Ending::Reset, count) => write!(out, "the connection was reset after {count} bytes"),
            Lost::Silence => write!(out, "nothing came within {PATIENCE:?}"),
            Lost::Garbled(what) => write!(out, "what came is not a response: {what}"),
        }
    }
}
