//! Reading a request head within limits (RFC 9112, sections 2 to 5).
//!
//! ```text
//!   GET /a?b HTTP/1.1 CR LF      request line   at most MAX_REQUEST_LINE bytes, else 414
//!   Host: example    CR LF      \
//!   Accept: */*      CR LF       > fields       at most MAX_FIELDS, else 431
//!   CR LF                       /               the whole head at most MAX_HEAD bytes, else 431
//! ```
//!
//! A server and a proxy in front of it must agree where a request ends. Wherever they read the same bytes
//! differently, an attacker hides a second request in the first (request smuggling). So this parser takes the
//! strict reading of every rule that the RFC leaves open: a bare CR or LF, a space before a colon, a folded line
//! are all refused.

use crate::HeadError;
use memchr::{memchr, memchr_iter, memchr2_iter};
use smallvec::{SmallVec, smallvec};

/// The longest head that is read, in bytes, with its final empty line.
pub const MAX_HEAD: usize = 16 * 1024;

/// The longest request line, in bytes. RFC 9112, section 3, asks for at least 8,000.
pub const MAX_REQUEST_LINE: usize = 8 * 1024;

/// The largest number of header fields.
pub const MAX_FIELDS: usize = 100;

/// One header field: its name as sent, and its value without the white space around it.
pub type Header<'b> = httparse::Header<'b>;

/// The version of a request. A later 1.x is read as 1.1 (RFC 9110, section 2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0: the connection closes after the response unless both sides say otherwise.
    Http10,
    /// HTTP/1.1: the connection stays open unless one side says otherwise.
    Http11,
}

/// A request head, borrowed from the bytes that it was parsed from.
#[derive(Debug)]
pub struct RequestHead<'b> {
    /// The method, exactly as sent: methods are case-sensitive (RFC 9110, section 9.1).
    pub method: &'b str,
    /// The target, exactly as sent; [`Target::parse`](crate::Target::parse) takes it apart.
    pub target: &'b str,
    /// The version.
    pub version: Version,
    /// The header fields in the order sent.
    pub headers: Headers<'b>,
    /// How many bytes the head took, including what was skipped before it.
    pub length: usize,
}

/// The header fields of one request.
#[derive(Debug)]
pub struct Headers<'b> {
    /// Requests with more than 16 fields are rare, and cost an allocation.
    fields: SmallVec<[Header<'b>; 16]>,
}

impl<'b> Headers<'b> {
    /// All fields in the order sent.
    pub fn iter(&self) -> impl Iterator<Item = &Header<'b>> {
        self.fields.iter()
    }

    /// The values of every field of this name, in order. Names are compared without regard to case.
    pub fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'b [u8]> + 's {
        self.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    /// The first value of this name as text, or `None` if the field is absent or not text.
    pub fn get(&self, name: &str) -> Option<&'b str> {
        self.all(name).next().and_then(|value| std::str::from_utf8(value).ok())
    }
}

/// Parses the request head at the start of `bytes`. No bytes make it panic.
///
/// `Ok(None)` means that the head is not complete and may still become one: read more and call again.
///
/// # Errors
/// [`HeadError`] if no further bytes could make this a request that can be served. Limits of length and a bare CR or LF
/// are checked as soon as the bytes are here, the request line when it is complete, and the fields when the head is
/// complete.
pub fn parse_head(bytes: &[u8]) -> Result<Option<RequestHead<'_>>, HeadError> {
    todo!("Lab 1.1: find where the head ends, and take it apart; None if it is not complete yet")
}

/// The bytes before the first line end, and those after it.
fn first_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (line, rest) = bytes.split_at(memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1));
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    (line.strip_suffix(b"\r").unwrap_or(line), rest)
}

/// Whether a head that begins like this can still become a valid one within the limits. `rest` is what was received,
/// without the skipped empty line. `length` is the number of bytes received, that line included: an incomplete head
/// needs at least one more byte, so `length` must be less than `MAX_HEAD`. For a complete head, the caller passes its
/// length minus one.
fn check_incomplete(rest: &[u8], length: usize) -> Result<(), HeadError> {
    todo!("Lab 1.2: an error if no further bytes could make this a valid head within the limits")
}

/// RFC 9112, section 2.2, lets a server accept a bare LF as a line end; a proxy that does not would see one field where
/// we see two. A bare CR is forbidden outright.
fn refuse_bare_line_ends(head: &[u8]) -> Result<(), HeadError> {
    todo!("Lab 1.2: an error if a CR lacks its LF, or an LF its CR")
}

/// `method SP request-target SP HTTP-version`, with exactly one space each (RFC 9112, section 3). The target may be
/// UTF-8, not only ASCII, because old clients send raw UTF-8 in a query.
fn parse_request_line(line: &[u8]) -> Result<(&str, &str, Version), HeadError> {
    todo!("Lab 1.1: three words with exactly one space between: method, target, version")
}

/// `HTTP/` digit `.` digit, in capitals (RFC 9112, section 2.3).
fn parse_version(version: &[u8]) -> Result<Version, HeadError> {
    todo!("Lab 1.1: HTTP/ digit . digit, in capitals; only major version 1 is served")
}

/// httparse parses the fields: it refuses spaces before the colon, folded lines and control bytes.
fn parse_fields(bytes: &[u8]) -> Result<Headers<'_>, HeadError> {
    // Each field takes a line, so this is enough room; room for 100 fields would be 3 KiB to fill and to move each
    // time.
    let lines = memchr_iter(b'\n', bytes).count();
    let mut fields = smallvec![httparse::EMPTY_HEADER; lines.min(MAX_FIELDS)];
    let count = match httparse::parse_headers(bytes, &mut fields) {
        Ok(httparse::Status::Complete((_, parsed))) => parsed.len(),
        Ok(httparse::Status::Partial) => return Err(HeadError::Malformed("the header fields do not end")),
        Err(httparse::Error::TooManyHeaders) => return Err(HeadError::FieldsTooLarge),
        Err(_) => return Err(HeadError::Malformed("a header field breaks the grammar")),
    };
    fields.truncate(count);
    Ok(Headers { fields })
}

/// `token` of RFC 9110, section 5.6.2.
fn is_token(word: &str) -> bool {
    let is_tchar = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !word.is_empty() && word.bytes().all(is_tchar)
}

/// Whether a target holds only allowed characters. In a path that is visible ASCII without fragments, backslashes,
/// quotes and angle brackets, because two programs could look for different files. A query names no file; browsers send
/// most of these characters in it, and old clients raw UTF-8, so there only a fragment and control characters are
/// refused.
fn is_target(target: &str) -> bool {
    let (path, query) = target.split_at(memchr(b'?', target.as_bytes()).unwrap_or(target.len()));
    !target.is_empty()
        && path
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'#' | b'<' | b'>' | b'\\'))
        && query.chars().all(|symbol| symbol != '#' && !symbol.is_control())
}
