//! What has come from a client and is not answered yet.
//!
//! [`Incoming`] reads bytes into its buffer and finds the request in front of them: where its head ends, whether it can
//! be served, where its body ends. It knows nothing about responses, deadlines, or the state of the connection.
//!
//! ```text
//!   Nothing --> Head --> Body --> Complete
//!                  \________\---> Refused
//! ```

use crate::body::Discard;
use crate::buffer::{BUFFER_SIZE, Buffer};
use crate::framing::{Announced, Framing, Refusal, announced};
use crate::request::{Request, wants_keep_alive};
use parts::request::{HeadError, MAX_HEAD, parse_head};
use rustix::buffer::spare_capacity;
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{RecvFlags, recv};
use std::net::TcpStream;

/// Bytes received and not used yet, and how far the request in front of them is.
#[derive(Debug, Default)]
pub struct Incoming {
    /// The head of the request stays at the front until the request is answered.
    bytes: Buffer,
    front: Front,
    /// The last read came back short, so the socket was empty then (epoll(7)). This saves a read that would only
    /// confirm it.
    drained: bool,
}

/// The request in front.
#[derive(Debug, Default)]
enum Front {
    /// Nothing of it has come.
    #[default]
    Nothing,
    /// A part of its head has come.
    Head,
    /// The head is complete; its body is being thrown away.
    Body(Current, Discard),
    /// All of it has come.
    Complete(Current),
    /// It cannot be served. This state is final: bytes that were judged once are not judged again.
    Refused { head_length: usize, refusal: Refusal },
}

/// What the response needs to know about its request.
#[derive(Debug, Clone, Copy)]
pub struct Current {
    head_length: usize,
    /// The client lets the connection live on.
    pub keep_alive: bool,
    /// Only the head of the response is wanted.
    pub is_head: bool,
}

/// How far [`Incoming::advance`] came.
#[derive(Debug)]
pub enum Advanced<T> {
    /// The request is not complete: read more.
    Incomplete,
    /// The same, and the client waits for `100 Continue` before it sends the body.
    ExpectsContinue,
    /// The request is complete, and this is what `answer` returned.
    Complete(Current, T),
}

/// What [`Incoming::read`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadResult {
    /// Bytes have come.
    Some,
    /// Nothing more is there now.
    Nothing,
    /// Nothing more will come.
    End,
}

impl Incoming {
    /// Reads what has come, with at most one recv(2).
    pub fn read(&mut self, stream: &TcpStream) -> ReadResult {
        // Cleared at once: the second call in a row reads again.
        if std::mem::take(&mut self.drained) {
            return ReadResult::Nothing;
        }
        let bytes = self.bytes.room();
        bytes.reserve(BUFFER_SIZE);
        let room = bytes.capacity() - bytes.len();
        // Reads into uninitialized memory, which saves zeroing it.
        match retry_on_intr(|| recv(stream, spare_capacity(bytes), RecvFlags::empty())) {
            Ok((count @ 1.., _)) => {
                self.drained = count < room;
                if matches!(self.front, Front::Nothing) {
                    self.front = Front::Head;
                }
                ReadResult::Some
            }
            Err(Errno::AGAIN) => ReadResult::Nothing,
            Ok(_) | Err(_) => ReadResult::End,
        }
    }

    /// Makes the next read ask the socket again: a short read may have missed something, such as the end of the stream.
    pub fn expect_more(&mut self) {
        self.drained = false;
    }

    /// Advances as far as the bytes received allow, and asks `answer` about a request that is complete. Asking here
    /// saves parsing the head again.
    ///
    /// # Errors
    /// The refusal of a request that cannot be served; every later call returns the same.
    pub fn advance<T>(&mut self, answer: impl Fn(&Request<'_>) -> T) -> Result<Advanced<T>, Refusal> {
        let advanced = match &self.front {
            Front::Nothing | Front::Head => self.advance_head(answer),
            Front::Body(..) => self.advance_body(answer),
            Front::Complete(current) => {
                let request = Request::parse(&self.bytes[..current.head_length]);
                request.map(|request| Advanced::Complete(*current, answer(&request))).map_err(Refusal::from)
            }
            Front::Refused { refusal, .. } => return Err(*refusal),
        };
        advanced.map_err(|refusal| self.refuse(refusal))
    }

    // ANCHOR: judge
    fn advance_head<T>(&mut self, answer: impl Fn(&Request<'_>) -> T) -> Result<Advanced<T>, Refusal> {
        if self.bytes.is_empty() {
            return Ok(Advanced::Incomplete);
        }
        let bytes = &self.bytes[..];
        let Some(head) = parse_head(bytes).map_err(|error| refusal(bytes, error))? else {
            return Ok(Advanced::Incomplete);
        };
        let Announced { framing, expects_continue } = announced(&head)?;
        let current = Current {
            head_length: head.length,
            keep_alive: wants_keep_alive(&head),
            is_head: head.method == "HEAD",
        };
        if framing == Framing::None {
            self.front = Front::Complete(current);
            return Ok(Advanced::Complete(current, answer(&Request::new(head)?)));
        }
        self.front = Front::Body(current, Discard::new(framing));
        drop(head);
        // ANCHOR_END: judge
        if expects_continue && self.bytes.len() == current.head_length {
            return Ok(Advanced::ExpectsContinue);
        }
        self.advance_body(answer)
    }

    fn advance_body<T>(&mut self, answer: impl Fn(&Request<'_>) -> T) -> Result<Advanced<T>, Refusal> {
        let Front::Body(current, discard) = &mut self.front else { return Ok(Advanced::Incomplete) };
        let current = *current;
        let fed = discard.feed(&self.bytes[current.head_length..])?;
        self.bytes.drain(current.head_length..current.head_length + fed.used);
        if !fed.done {
            return Ok(Advanced::Incomplete);
        }
        self.front = Front::Complete(current);
        let request = Request::parse(&self.bytes[..current.head_length])?;
        Ok(Advanced::Complete(current, answer(&request)))
    }

    /// Notes that the request in front cannot be served. Returns the refusal.
    pub fn refuse(&mut self, refusal: Refusal) -> Refusal {
        self.front = Front::Refused { head_length: self.head_length(), refusal };
        refusal
    }

    /// The request in front, if it is complete.
    pub fn current(&self) -> Option<Current> {
        if let Front::Complete(current) = self.front { Some(current) } else { None }
    }

    /// Whether nothing of a request has come.
    pub fn is_idle(&self) -> bool {
        matches!(self.front, Front::Nothing)
    }

    /// Whether a part of a request has come, and the rest is awaited.
    pub fn is_partial(&self) -> bool {
        matches!(self.front, Front::Head | Front::Body(..))
    }

    /// The head of the request in front; if it is not complete or is malformed, what has come of it.
    pub fn head(&self) -> &[u8] {
        &self.bytes[..self.head_length()]
    }

    fn head_length(&self) -> usize {
        match self.front {
            Front::Body(Current { head_length, .. }, _)
            | Front::Complete(Current { head_length, .. })
            | Front::Refused { head_length, .. } => head_length,
            Front::Nothing | Front::Head => self.bytes.len().min(MAX_HEAD),
        }
    }

    /// The request in front is answered: continues with the bytes after it.
    pub fn next(&mut self) {
        let head_length = self.head_length();
        self.bytes.drain(..head_length);
        self.front = if self.bytes.is_empty() { Front::Nothing } else { Front::Head };
    }

    /// Whether all bytes received are used, and the socket had no more to read.
    pub fn is_used_up(&self) -> bool {
        self.bytes.is_empty() && self.drained
    }

    /// Gives the buffer back, with all that is in it.
    pub fn rest(&mut self) {
        self.bytes = Buffer::default();
    }
}

/// What a load balancer sends first if it is configured to speak the PROXY protocol, versions 1 and 2 (HAProxy's
/// proxy-protocol.txt, sections 2.1 and 2.2).
const PROXY_PROTOCOL: [&[u8]; 2] = [b"PROXY ", b"\r\n\r\n\0\r\nQUIT\n"];

/// Why a head is refused. An administrator of a load balancer must learn more than that a line is malformed.
fn refusal(bytes: &[u8], error: HeadError) -> Refusal {
    if PROXY_PROTOCOL.iter().any(|begin| bytes.starts_with(begin)) {
        return Refusal { status: 400, why: "This server does not speak the PROXY protocol" };
    }
    error.into()
}

impl From<HeadError> for Refusal {
    fn from(error: HeadError) -> Refusal {
        let why = match error {
            HeadError::Malformed(why) => why,
            HeadError::TargetTooLong => "The request line is too long",
            HeadError::FieldsTooLarge => "The header fields are too large",
            HeadError::VersionNotSupported => "This server speaks HTTP/1.0 and HTTP/1.1",
        };
        Refusal { status: error.status(), why }
    }
}
