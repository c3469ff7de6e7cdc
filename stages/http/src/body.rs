//! Reading a request body in order to throw it away (RFC 9112, section 7.1).
//!
//! A file server needs no bodies, but it must know where each ends, or it takes the body for the next request.
//! [`Discard`] is fed whatever bytes have come, in pieces of any size, and says how many of them were body.
//!
//! ```text
//!   Size --CR LF--> Data --all read--> DataEnd --CR LF--> Size ...
//!    |
//!    '--size 0--> Trailer (lines until an empty one) --> done
//! ```

use crate::framing::{Framing, MAX_BODY, Refusal};

/// The longest chunk-size line or trailer line, in bytes. Chunk extensions are read and ignored.
const MAX_LINE: usize = 1024;

/// The longest trailer section, in bytes.
const MAX_TRAILER: usize = 8 * 1024;

/// A body that is being read and thrown away.
#[derive(Debug)]
pub struct Discard {
    state: State,
    /// Body bytes read so far, with the extensions of chunks but without the rest of the chunk framing.
    total: u64,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Fixed {
        left: u64,
    },
    Size,
    Data {
        left: u64,
    },
    DataEnd,
    /// Bytes of trailer lines read so far.
    Trailer {
        read: usize,
    },
    Done,
}

/// How far [`Discard::feed`] came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fed {
    /// How many of the bytes belong to the body; the caller drops them.
    pub used: usize,
    /// Whether the body is complete.
    pub done: bool,
}

impl Discard {
    /// Begins with the first byte after the head.
    pub fn new(framing: Framing) -> Discard {
        let state = match framing {
            Framing::None => State::Done,
            Framing::Length(left) => State::Fixed { left },
            Framing::Chunked => State::Size,
        };
        Discard { state, total: 0 }
    }

    /// Reads body bytes from the front of `bytes`.
    ///
    /// # Errors
    /// 400 for broken chunks; 413 once more than [`MAX_BODY`] bytes have come. A length that is merely announced as too
    /// large is not refused yet: a client that is still sending does not read, and would see a reset instead.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Fed, Refusal> {
        let mut used = 0;
        loop {
            let rest = &bytes[used..];
            let step = match self.state {
                State::Done => return Ok(Fed { used, done: true }),
                State::Fixed { left } => {
                    let step = self.take(rest, left)?;
                    let left = left - step as u64;
                    self.state = if left == 0 { State::Done } else { State::Fixed { left } };
                    step
                }
                State::Data { left } => {
                    let step = self.take(rest, left)?;
                    let left = left - step as u64;
                    self.state = if left == 0 { State::DataEnd } else { State::Data { left } };
                    step
                }
                State::DataEnd => match rest {
                    [b'\r', b'\n', ..] => {
                        self.state = State::Size;
                        2
                    }
                    [] | [b'\r'] => 0,
                    _ => return Err(malformed("a chunk is longer than its size")),
                },
                State::Size => self.size_line(rest)?,
                State::Trailer { read } => self.trailer_line(rest, read)?,
            };
            used += step;
            if step == 0 && !matches!(self.state, State::Done) {
                return Ok(Fed { used, done: false });
            }
        }
    }

    /// Takes at most `left` bytes, and refuses a body larger than the limit.
    fn take(&mut self, rest: &[u8], left: u64) -> Result<usize, Refusal> {
        let step = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.total += step as u64;
        if self.total > MAX_BODY {
            return Err(Refusal { status: 413, why: "the body is too large" });
        }
        Ok(step)
    }

    /// `chunk-size [ chunk-ext ] CRLF`; 0 while the line is not complete.
    fn size_line(&mut self, rest: &[u8]) -> Result<usize, Refusal> {
        let Some(line) = complete_line(rest)? else { return Ok(0) };
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let (size, extension) = line.split_at(digits);
        // Sixteen digits fill a u64; longer ones could wrap around to a small size.
        if digits == 0 || digits > 15 || !is_extension(extension) {
            return Err(malformed("a chunk size is not a hexadecimal number"));
        }
        let size = size
            .iter()
            .fold(0, |size, &digit| size * 16 + u64::from((digit as char).to_digit(16).unwrap_or(0)));
        // Counted like data: a client could otherwise send a thousand bytes of extension with every byte of body.
        self.total += extension.len() as u64;
        self.state = if size == 0 { State::Trailer { read: 0 } } else { State::Data { left: size } };
        Ok(line.len() + 2)
    }

    /// A line of the trailer section, which is read and ignored; the empty line ends the body.
    fn trailer_line(&mut self, rest: &[u8], read: usize) -> Result<usize, Refusal> {
        let Some(line) = complete_line(rest)? else { return Ok(0) };
        let read = read + line.len() + 2;
        if read > MAX_TRAILER {
            return Err(Refusal { status: 431, why: "the trailer section is too large" });
        }
        if line.is_empty() {
            self.state = State::Done;
        } else if !line.contains(&b':') || line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
            return Err(malformed("a trailer field breaks the grammar"));
        } else {
            self.state = State::Trailer { read };
        }
        Ok(line.len() + 2)
    }
}

fn malformed(why: &'static str) -> Refusal {
    Refusal { status: 400, why }
}

/// The line at the front without its CR LF, or `None` if it is not complete.
fn complete_line(bytes: &[u8]) -> Result<Option<&[u8]>, Refusal> {
    let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else {
        // A CR must be the last byte so far: its LF may still come.
        let lone = bytes.iter().position(|&byte| byte == b'\r').is_some_and(|at| at + 1 < bytes.len());
        return match () {
            () if lone => Err(malformed("a bare CR")),
            () if bytes.strip_suffix(b"\r").unwrap_or(bytes).len() > MAX_LINE => {
                Err(malformed("a line of the chunked body is too long"))
            }
            () => Ok(None),
        };
    };
    match bytes[..end].split_last() {
        Some((b'\r', line)) if !line.contains(&b'\r') && line.len() <= MAX_LINE => Ok(Some(line)),
        Some((b'\r', _)) => Err(malformed("a line of the chunked body is too long or holds a CR")),
        _ => Err(malformed("a bare LF")),
    }
}

/// Nothing, or `;` name and perhaps `=` value, any number of times. No white space: RFC 9112, section 7.1.1 allows
/// it only for the sake of old senders, and it has been used for smuggling.
fn is_extension(extension: &[u8]) -> bool {
    let token = |bytes: &[u8]| {
        !bytes.is_empty()
            && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
    };
    let quoted = |bytes: &[u8]| {
        let inner = bytes.strip_prefix(b"\"").and_then(|bytes| bytes.strip_suffix(b"\""));
        inner.is_some_and(|inner| {
            inner.iter().all(|&byte| byte == b' ' || (byte.is_ascii_graphic() && byte != b'"'))
        })
    };
    let mut pieces = extension.split(|&byte| byte == b';');
    pieces.next() == Some(b"".as_slice())
        && pieces.all(|piece| match piece.iter().position(|&byte| byte == b'=') {
            None => token(piece),
            Some(at) => token(&piece[..at]) && (token(&piece[at + 1..]) || quoted(&piece[at + 1..])),
        })
}
