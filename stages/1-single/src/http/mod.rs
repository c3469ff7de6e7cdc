//! HTTP/1.1 for a file server, without any input or output (RFC 9110 and RFC 9112).
//!
//! Each module answers one question about a request: where does it end ([`framing`], [`body`]), may the client use
//! what it has ([`conditional`]), which part does it want ([`range`]), and how is the answer spelled ([`response`]).

pub mod body;
pub mod conditional;
pub mod date;
pub mod framing;
pub mod range;
pub mod response;

use parts::request::{HeadError, RequestHead, Target, Version, parse_head};

/// A request whose head is complete and whose framing is sound.
#[derive(Debug)]
pub struct Request<'b> {
    /// The head, as parsed.
    pub head: RequestHead<'b>,
    /// What the target means.
    pub target: Target,
}

impl<'b> Request<'b> {
    /// Parses a head that is known to be complete.
    ///
    /// # Errors
    /// [`HeadError`], above all for a target that cannot be resolved.
    pub fn parse(bytes: &'b [u8]) -> Result<Request<'b>, HeadError> {
        Request::new(parse_head(bytes)?.ok_or(HeadError::Malformed("the head is not complete"))?)
    }

    /// Understands what a head asks for.
    ///
    /// # Errors
    /// [`HeadError`] for a target that cannot be resolved.
    pub fn new(head: RequestHead<'b>) -> Result<Request<'b>, HeadError> {
        let target = Target::parse(head.method, head.target)?;
        Ok(Request { head, target })
    }

    /// Whether only the head of the response is wanted.
    pub fn is_head(&self) -> bool {
        self.head.method == "HEAD"
    }
}

/// Whether the client lets the connection live on after this request (RFC 9112, section 9.3).
pub fn wants_keep_alive(head: &RequestHead<'_>) -> bool {
    let says = |word: &str| {
        head.headers.all("connection").any(|value| {
            value
                .split(|&byte| byte == b',')
                .any(|item| item.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
        })
    };
    match head.version {
        Version::Http11 => !says("close"),
        Version::Http10 => says("keep-alive") && !says("close"),
    }
}

/// The reason phrase of a status code that this server sends (RFC 9110, section 15).
pub fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        304 => "Not Modified",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Unknown",
    }
}
