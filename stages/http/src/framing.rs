//! Where a request ends: the one question that must be settled before any other (RFC 9112, section 6.3).
//!
//! If this server and a proxy in front of it disagree on the end of a request, one of them takes the bytes in between
//! for another request. So an ambiguous request is refused and the connection closed, before method or path are looked
//! at.

use parts::request::{RequestHead, Version};

/// The longest request body that is read, in bytes. A file server has no use for one; it is read only so that the
/// connection can go on.
pub const MAX_BODY: u64 = 1 << 20;

/// How the body of a request is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// No body.
    None,
    /// `Content-Length` bytes.
    Length(u64),
    /// Chunks, up to the one of length zero.
    Chunked,
}

/// What the head says about the body that follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// How the body is delimited.
    pub framing: Framing,
    /// The client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
}

/// Why a request must be refused whatever it asks for. The connection closes after the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The status of the answer.
    pub status: u16,
    /// What the client did, for the body of the answer.
    pub why: &'static str,
}

impl Refusal {
    /// The answer to a request that did not come in time.
    pub fn timed_out() -> Refusal {
        refuse(408, "The request did not come in time")
    }
}

fn refuse(status: u16, why: &'static str) -> Refusal {
    Refusal { status, why }
}

/// Judges Host, Content-Length, Transfer-Encoding and Expect, in this order.
///
/// # Errors
/// [`Refusal`] if one of them is missing, doubled, malformed or ambiguous.
// ANCHOR: announced
pub fn announced(head: &RequestHead<'_>) -> Result<Announced, Refusal> {
    check_host(head)?;
    let framing = match content_length(head)? {
        Some(_) if head.headers.all("transfer-encoding").next().is_some() => {
            return Err(refuse(400, "Content-Length and Transfer-Encoding exclude each other"));
        }
        Some(0) => Framing::None,
        Some(length) => Framing::Length(length),
        None if is_chunked(head)? => Framing::Chunked,
        None => Framing::None,
    };
    Ok(Announced { framing, expects_continue: expectation(head, framing)? })
}
// ANCHOR_END: announced

/// Exactly one Host in HTTP/1.1, at most one in HTTP/1.0, and it must be a host (RFC 9112, section 3.2).
fn check_host(head: &RequestHead<'_>) -> Result<(), Refusal> {
    let mut hosts = head.headers.all("host");
    match (hosts.next(), hosts.next()) {
        (None, _) if head.version == Version::Http10 => Ok(()),
        (None, _) => Err(refuse(400, "the Host field is missing")),
        (Some(_), Some(_)) => Err(refuse(400, "there is more than one Host field")),
        (Some(host), None) if is_host(host) => Ok(()),
        (Some(_), None) => Err(refuse(400, "the Host field is not a host")),
    }
}

/// `uri-host [ ":" port ]` (RFC 9110, section 7.2), read narrowly: names, IPv4, and IPv6 in brackets.
fn is_host(value: &[u8]) -> bool {
    let (host, port) = match value.strip_prefix(b"[") {
        Some(rest) => match rest.iter().position(|&byte| byte == b']') {
            Some(end) => (&rest[..end], &rest[end + 1..]),
            None => return false,
        },
        None => value.split_at(value.iter().position(|&byte| byte == b':').unwrap_or(value.len())),
    };
    let in_brackets = value.starts_with(b"[");
    let host_byte = |&byte: &u8| {
        byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=".contains(&byte) || (in_brackets && byte == b':')
    };
    !host.is_empty()
        && host.iter().all(host_byte)
        && match port {
            [] => true,
            [b':', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
            _ => false,
        }
}

/// The value of Content-Length. Two fields, a list, a sign, or a leading zero are refused, because another program may
/// read them differently.
fn content_length(head: &RequestHead<'_>) -> Result<Option<u64>, Refusal> {
    let mut values = head.headers.all("content-length");
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(refuse(400, "there is more than one Content-Length"));
    }
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    if !digits || (value.len() > 1 && value[0] == b'0') {
        return Err(refuse(400, "the Content-Length is not a number"));
    }
    match std::str::from_utf8(value).map(str::parse) {
        Ok(Ok(length)) => Ok(Some(length)),
        _ => Err(refuse(400, "the Content-Length is too large a number")),
    }
}

/// Whether the body is chunked, which delimits a body only if it is the last coding and occurs once (RFC 9112, section
/// 6.3). A coding that this server does not know gets 501 (section 6.1), even without chunks.
fn is_chunked(head: &RequestHead<'_>) -> Result<bool, Refusal> {
    let mut values = head.headers.all("transfer-encoding");
    let Some(value) = values.next() else { return Ok(false) };
    if values.next().is_some() {
        return Err(refuse(400, "there is more than one Transfer-Encoding"));
    }
    if head.version == Version::Http10 {
        return Err(refuse(400, "HTTP/1.0 has no Transfer-Encoding"));
    }
    let codings: Vec<&[u8]> = value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).collect();
    let is_token = |coding: &&[u8]| {
        !coding.is_empty() && coding.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._+".contains(byte))
    };
    let is_chunked = |coding: &&[u8]| coding.eq_ignore_ascii_case(b"chunked");
    // Splitting always gives one piece, so there is a last one.
    let Some((last, before)) = codings.split_last() else { return Ok(false) };
    if !codings.iter().all(is_token) || before.iter().any(is_chunked) {
        return Err(refuse(400, "the Transfer-Encoding does not end in one chunked"));
    }
    if before.is_empty() && is_chunked(last) {
        Ok(true)
    } else {
        Err(refuse(501, "the transfer coding is unknown"))
    }
}

/// Whether the client waits for `100 Continue` (RFC 9110, section 10.1.1). HTTP/1.0 has no such thing.
fn expectation(head: &RequestHead<'_>, framing: Framing) -> Result<bool, Refusal> {
    let Some(value) = head.headers.all("expect").next() else { return Ok(false) };
    if !value.eq_ignore_ascii_case(b"100-continue") {
        return Err(refuse(417, "the only known expectation is 100-continue"));
    }
    match framing {
        _ if head.version == Version::Http10 => Ok(false),
        // A body is on its way, and nothing says where it will end (RFC 9110, section 15.5.12).
        Framing::None if !head.headers.all("content-length").any(|_| true) => {
            Err(refuse(411, "a body is announced without its length"))
        }
        Framing::Length(length) if length > MAX_BODY => Err(refuse(413, "the body is too large")),
        Framing::None => Ok(false),
        _ => Ok(true),
    }
}
