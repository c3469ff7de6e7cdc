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
    // RFC 9112, section 2.2: at least one empty line before the request line should be ignored,
    // because old clients send one after a body.
    let skipped = if bytes.starts_with(b"\r\n") { 2 } else { 0 };
    let rest = &bytes[skipped..];
    let mut line_ends = memchr_iter(b'\n', rest).map(|at| &rest[..=at]);
    let Some(head) = line_ends.find(|lines| lines.ends_with(b"\r\n\r\n")) else {
        return check_incomplete(rest, bytes.len()).map(|()| None);
    };
    let length = skipped + head.len();
    check_incomplete(head, length - 1)?;

    let (line, fields) = first_line(head);
    let (method, target, version) = parse_request_line(line)?;
    Ok(Some(RequestHead { method, target, version, headers: parse_fields(fields)?, length }))
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
    let (line, _) = first_line(rest);
    if line.len() > MAX_REQUEST_LINE {
        // No method is 64 bytes long, so bytes without a space are not a request at all.
        let has_method = line.iter().take(64).any(|&byte| byte == b' ');
        return Err(if has_method {
            HeadError::TargetTooLong
        } else {
            HeadError::Malformed("the request line has no method")
        });
    }
    // A CR at the very end may still get its LF.
    refuse_bare_line_ends(rest.strip_suffix(b"\r").unwrap_or(rest))?;
    if memchr(b'\n', rest).is_some() {
        parse_request_line(line)?;
    }
    if length >= MAX_HEAD { Err(HeadError::FieldsTooLarge) } else { Ok(()) }
}

/// RFC 9112, section 2.2, lets a server accept a bare LF as a line end; a proxy that does not would see one field where
/// we see two. A bare CR is forbidden outright.
fn refuse_bare_line_ends(head: &[u8]) -> Result<(), HeadError> {
    let mut ends = memchr2_iter(b'\r', b'\n', head);
    while let Some(at) = ends.next() {
        if !head[at..].starts_with(b"\r\n") {
            return Err(HeadError::Malformed("a bare CR or LF"));
        }
        // Skips the LF that belongs to this CR.
        ends.next();
    }
    Ok(())
}

/// `method SP request-target SP HTTP-version`, with exactly one space each (RFC 9112, section 3). The target may be
/// UTF-8, not only ASCII, because old clients send raw UTF-8 in a query.
fn parse_request_line(line: &[u8]) -> Result<(&str, &str, Version), HeadError> {
    let malformed = HeadError::Malformed;
    let mut words = line.split(|&byte| byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(malformed("the request line is not three words with one space between"));
    };
    let method = std::str::from_utf8(method).ok().filter(|method| is_token(method));
    let target = std::str::from_utf8(target).ok().filter(|target| is_target(target));
    Ok((
        method.ok_or(malformed("the method is not a token"))?,
        target.ok_or(malformed("the target holds a byte that must be percent-encoded"))?,
        parse_version(version)?,
    ))
}

/// `HTTP/` digit `.` digit, in capitals (RFC 9112, section 2.3).
fn parse_version(version: &[u8]) -> Result<Version, HeadError> {
    match version {
        [b'H', b'T', b'T', b'P', b'/', major @ b'0'..=b'9', b'.', minor @ b'0'..=b'9'] => {
            match (major, minor) {
                (b'1', b'0') => Ok(Version::Http10),
                (b'1', _) => Ok(Version::Http11),
                _ => Err(HeadError::VersionNotSupported),
            }
        }
        _ => Err(HeadError::Malformed("the version is not HTTP/digit.digit")),
    }
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
