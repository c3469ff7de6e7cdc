//! A response that is being sent, as fast as the client takes it.
//!
//! [`Outgoing`] knows what was sent and what is left, and how fast the client takes it. It knows nothing about
//! requests, or about what follows the response.

use crate::buffer::{BUFFER_SIZE, Buffer};
use crate::framing::Refusal;
use crate::response::{Body, CacheResult, Response};
use crate::taking::Taking;
use nix::errno::Errno;
use nix::sys::sendfile::sendfile;
use nix::sys::socket::{MsgFlags, send};
use rustix::io::retry_on_intr;
use rustix::net::SendFlags;
use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How much sendfile(2) moves at once, in bytes: small enough that a thread notices a slow client.
const SENDFILE_SIZE: u64 = 1 << 20;

/// How much is read at once where sendfile(2) is refused, in bytes.
const COPY_SIZE: u64 = 64 << 10;

/// The response that a connection is sending.
#[derive(Debug)]
pub struct Outgoing {
    answer: Answer,
    taking: Taking,
    /// The head, and behind it the body if it is a short one.
    head: Buffer,
    head_sent: usize,
    /// Where in the buffer the body begins.
    head_length: usize,
    source: Source,
    /// The part of the source still to be sent.
    left: Range<u64>,
    /// Length of the body, in bytes.
    length: u64,
}

/// Where the body comes from. Unlike a [`Body`] it has no range, which would take memory for every idle client.
#[derive(Debug)]
enum Source {
    Text(Vec<u8>),
    Memory(Arc<[u8]>),
    File(Arc<File>),
}

/// What is reported about a response when it is over.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Whether the file came from the cache; `None` where no cache is asked.
    pub cache: Option<CacheResult>,
    /// It answers a monitoring request.
    pub monitoring: bool,
}

/// How far [`Outgoing::send`] came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Everything is with the kernel.
    All,
    /// The socket is full.
    Blocked,
}

impl Outgoing {
    /// Nothing to send yet.
    pub fn new(now: Instant) -> Outgoing {
        Outgoing {
            answer: Answer { status: 0, cache: None, monitoring: false },
            taking: Taking::new(now),
            head: Buffer::default(),
            head_sent: 0,
            head_length: 0,
            source: Source::NONE,
            left: 0..0,
            length: 0,
        }
    }

    /// Begins a response. A HEAD request gets the same head and no body (RFC 9110, section 9.3.2).
    pub fn start(&mut self, response: Response, is_head: bool, close: bool, now: Instant) {
        self.answer =
            Answer { status: response.status, cache: response.cache, monitoring: response.monitoring };
        self.taking = Taking::new(now);
        let head = self.head.room();
        head.clear();
        response.write_head(head, close);
        self.head_sent = 0;
        self.head_length = head.len();
        (self.source, self.left) = match response.body {
            _ if is_head => (Source::NONE, 0..0),
            Body::None => (Source::NONE, 0..0),
            Body::Text(text) => {
                let all = 0..text.len() as u64;
                (Source::Text(text), all)
            }
            Body::Memory(bytes, range) => (Source::Memory(bytes), range),
            Body::File(file, range) => (Source::File(file), range),
        };
        self.length = self.left.end - self.left.start;
        self.join_short_body();
    }

    /// Copies a short body behind its head, which is cheaper than having the kernel gather the two.
    fn join_short_body(&mut self) {
        let Outgoing { head, source, left, .. } = self;
        if head.len() as u64 + (left.end - left.start) <= BUFFER_SIZE as u64
            && let Some(bytes) = source.bytes(left)
        {
            head.extend_from_slice(bytes);
            left.start = left.end;
        }
    }

    /// Sends what the socket takes.
    ///
    /// # Errors
    /// Those of the socket; [`ErrorKind::UnexpectedEof`] for a file that became shorter than the length that was
    /// promised. In either case the connection cannot be used any more.
    pub fn send(&mut self, stream: &TcpStream) -> io::Result<Sent> {
        let result = self.send_all(stream);
        match result {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Sent::Blocked),
            Err(error) => Err(error),
            Ok(()) => {
                // An idle connection must not keep its last file open.
                self.source = Source::NONE;
                Ok(Sent::All)
            }
        }
    }

    fn send_all(&mut self, stream: &TcpStream) -> io::Result<()> {
        let Outgoing { head, head_sent, source, left, .. } = self;
        if let Source::File(file) = source {
            write_head_before_file(stream, head, head_sent, left.is_empty())?;
            write_file(stream, file, left)
        } else {
            while *head_sent < head.len() || !left.is_empty() {
                let count = write_both(stream, &head[*head_sent..], source.bytes(left).unwrap_or_default())?;
                let of_head = count.min(head.len() - *head_sent);
                *head_sent += of_head;
                left.start += (count - of_head) as u64;
            }
            Ok(())
        }
    }

    /// Whether the client [takes enough](Taking::is_enough) of what was sent.
    pub fn is_taken(&mut self, stream: &TcpStream, timeout: Duration, now: Instant) -> bool {
        self.taking.is_enough(self.sent(), stream, timeout, now)
    }

    /// What to report about the response that was begun last.
    pub fn answer(&self) -> Answer {
        self.answer
    }

    /// The connection is idle: gives the buffer back.
    pub fn rest(&mut self) {
        self.head = Buffer::default();
    }

    /// Bytes of the body sent so far.
    pub fn body_sent(&self) -> u64 {
        let joined = self.head.len().saturating_sub(self.head_sent.max(self.head_length)) as u64;
        self.length - joined - (self.left.end - self.left.start)
    }

    /// Bytes sent so far, including the head.
    pub fn sent(&self) -> u64 {
        self.head_sent.min(self.head_length) as u64 + self.body_sent()
    }

    /// Whether the bytes left to send come from the disk.
    pub fn is_from_disk(&self) -> bool {
        matches!(self.source, Source::File(_)) && !self.left.is_empty()
    }
}

impl Source {
    const NONE: Source = Source::Text(Vec::new());

    /// This part, if it is in memory.
    fn bytes(&self, part: &Range<u64>) -> Option<&[u8]> {
        match self {
            Source::Text(text) => Some(&text[part.start as usize..part.end as usize]),
            Source::Memory(bytes) => Some(&bytes[part.start as usize..part.end as usize]),
            Source::File(_) => None,
        }
    }
}

/// Sends `100 Continue` (RFC 9110, section 15.2.1). Nothing else is being sent then, so 25 bytes always fit.
///
/// # Errors
/// The refusal of a client that does not read.
pub fn say_continue(mut stream: &TcpStream) -> Result<(), Refusal> {
    match stream.write(b"HTTP/1.1 100 Continue\r\n\r\n") {
        Ok(25) => Ok(()),
        _ => Err(Refusal { status: 400, why: "The client does not read" }),
    }
}

// ANCHOR: write_both
/// Sends head and body at once, so that they share a packet. Returns how many bytes the socket has
/// taken.
fn write_both(stream: &TcpStream, head: &[u8], body: &[u8]) -> io::Result<usize> {
    let written = retry_on_intr(|| match (head, body) {
        (one, []) | ([], one) => rustix::net::send(stream, one, SendFlags::NOSIGNAL),
        _ => {
            let both = [IoSlice::new(head), IoSlice::new(body)];
            rustix::net::sendmsg(stream, &both, &mut Default::default(), SendFlags::NOSIGNAL)
        }
    });
    Ok(written?)
}
// ANCHOR_END: write_both

/// MSG_MORE: the head waits for the first bytes of the file, so that they share a packet.
fn write_head_before_file(
    stream: &TcpStream,
    head: &[u8],
    head_sent: &mut usize,
    alone: bool,
) -> io::Result<()> {
    let flags = if alone { MsgFlags::empty() } else { MsgFlags::from_bits_retain(nix::libc::MSG_MORE) };
    while *head_sent < head.len() {
        match send(stream.as_raw_fd(), &head[*head_sent..], flags) {
            Ok(count) => *head_sent += count,
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

// ANCHOR: write_file
fn write_file(stream: &TcpStream, file: &File, left: &mut Range<u64>) -> io::Result<()> {
    while !left.is_empty() {
        let mut offset = i64::try_from(left.start).map_err(io::Error::other)?;
        let count = (left.end - left.start).min(SENDFILE_SIZE) as usize;
        match sendfile(stream, file, Some(&mut offset), count) {
            // The file has become shorter. Closing is the only way to say that bytes are missing.
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(sent) => left.start += sent as u64,
            Err(Errno::EINTR) => {}
            // Some file systems have no sendfile(2), and some sandboxes hide it or forbid it.
            Err(Errno::EINVAL | Errno::ENOSYS | Errno::EPERM) => return copy_file(stream, file, left),
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}
// ANCHOR_END: write_file

/// The same by reading and writing. Bytes that the socket did not take are read again when it has room, so that a slow
/// client does not hold a buffer.
fn copy_file(mut stream: &TcpStream, file: &File, left: &mut Range<u64>) -> io::Result<()> {
    let mut buffer = vec![0; (left.end - left.start).min(COPY_SIZE) as usize];
    while !left.is_empty() {
        let count = (left.end - left.start).min(COPY_SIZE) as usize;
        let done = file.read_at(&mut buffer[..count], left.start).and_then(|read| {
            if read == 0 { Err(ErrorKind::UnexpectedEof.into()) } else { stream.write(&buffer[..read]) }
        });
        match done {
            Ok(sent) => left.start += sent as u64,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
