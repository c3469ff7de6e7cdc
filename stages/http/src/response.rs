//! Responses, and how they are written (RFC 9112, sections 4 and 5).

use crate::date;
use crate::status::reason;
use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

/// A response: a status, header fields, and where its body comes from.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header lines that describe a file, formatted once and shared by all responses with that file.
    pub shared_fields: Option<Arc<[u8]>>,
    /// Further header lines, each with its CR LF.
    pub fields: Vec<u8>,
    /// The body.
    pub body: Body,
    /// Whether the file came from the cache; `None` where no cache is asked.
    pub cache: Option<CacheResult>,
    /// Close the connection after this response, whatever the client wants.
    pub close: bool,
    /// It answers a monitoring request, which is not counted with the others.
    pub monitoring: bool,
}

// ANCHOR: body
/// Where the bytes of a body come from.
#[derive(Debug, Clone)]
pub enum Body {
    /// There is none, and no `Content-Length` either: 204 and 304 (RFC 9110, section 8.6).
    None,
    /// A page made for this response.
    Text(Vec<u8>),
    /// A part of a file that is in memory. The `Arc` keeps the bytes alive when the cache drops them.
    Memory(Arc<[u8]>, Range<u64>),
    /// A part of an open file, sent by sendfile(2).
    File(Arc<File>, Range<u64>),
}
// ANCHOR_END: body

/// Whether the file of a response came from the cache; the value of `X-Cache`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheResult {
    /// The file was in memory.
    Hit,
    /// The file came from the disk.
    Miss,
}

impl Body {
    /// Length in bytes.
    pub fn length(&self) -> u64 {
        match self {
            Body::None => 0,
            Body::Text(text) => text.len() as u64,
            Body::Memory(_, range) | Body::File(_, range) => range.end - range.start,
        }
    }
}

impl Response {
    /// A response without fields of its own.
    pub fn new(status: u16, body: Body) -> Response {
        Response {
            status,
            shared_fields: None,
            fields: Vec::new(),
            body,
            cache: None,
            close: false,
            monitoring: false,
        }
    }

    /// A short page that names the status and says why.
    pub fn page(status: u16, why: &str) -> Response {
        let reason = reason(status);
        let (first, rest) = why.split_at_checked(1).unwrap_or((why, ""));
        let first = first.to_ascii_uppercase();
        let page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<title>{status} {reason}</title>\n<h1>{status} {reason}</h1>\n\
             <p>{first}{rest}.</p>\n</html>\n"
        );
        let mut response = Response::new(status, Body::Text(page.into_bytes()));
        response.add("Content-Type", "text/html; charset=utf-8");
        response
    }

    /// Adds a header field. Neither name nor value may hold a line end; values here are never raw client bytes.
    pub fn add(&mut self, name: &str, value: &str) {
        debug_assert!(!value.contains(['\r', '\n']), "a header value holds a line end");
        for piece in [name, ": ", value, "\r\n"] {
            self.fields.extend_from_slice(piece.as_bytes());
        }
    }

    /// The refusal of a server that has no room: 503 with `Retry-After` in seconds (RFC 9110, section 10.2.3).
    // ANCHOR: overloaded
    pub fn overloaded(why: &str) -> Response {
        let mut response = Response::page(503, why);
        response.add("Retry-After", "1");
        response.close = true;
        response
    }
    // ANCHOR_END: overloaded

    /// Appends the status line and all fields to `out`. `close` says whether the connection ends here.
    pub fn write_head(&self, out: &mut Vec<u8>, close: bool) {
        if self.status == 200 {
            out.extend_from_slice(b"HTTP/1.1 200 OK\r\nDate: ");
        } else {
            // Writing to a vector cannot fail.
            let _ = write!(out, "HTTP/1.1 {} {}\r\nDate: ", self.status, reason(self.status));
        }
        out.extend_from_slice(&date::now());
        out.extend_from_slice(b"\r\nServer: herd\r\n");
        if let Some(shared) = &self.shared_fields {
            out.extend_from_slice(shared);
        }
        out.extend_from_slice(&self.fields);
        match self.cache {
            Some(CacheResult::Hit) => out.extend_from_slice(b"X-Cache: HIT\r\n"),
            Some(CacheResult::Miss) => out.extend_from_slice(b"X-Cache: MISS\r\n"),
            None => {}
        }
        if !matches!(self.body, Body::None) {
            out.extend_from_slice(b"Content-Length: ");
            write_decimal(out, self.body.length());
            out.extend_from_slice(b"\r\n");
        }
        // Sent in both cases, because HTTP/1.0 clients close unless they are told.
        out.extend_from_slice(if close {
            b"Connection: close\r\n\r\n"
        } else {
            b"Connection: keep-alive\r\n\r\n"
        });
    }
}

/// As `write!` would, which takes ten times as long; this is done for every response.
fn write_decimal(out: &mut Vec<u8>, mut number: u64) {
    let begin = out.len();
    loop {
        out.push(b'0' + (number % 10) as u8);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out[begin..].reverse();
}
