//! A request whose head is complete: its fields, what its target means, and whether the connection stays open.

use parts::request::{HeadError, RequestHead, Target, Version, parse_head};

/// A request whose head is complete and whose framing is sound.
#[derive(Debug)]
pub struct Request<'b> {
    /// The head, as parsed.
    pub head: RequestHead<'b>,
    /// What the target means.
    pub target: Target<'b>,
}

impl<'b> Request<'b> {
    /// Parses a head that is known to be complete.
    ///
    /// # Errors
    /// [`HeadError`], above all for a target that cannot be resolved.
    pub fn parse(bytes: &'b [u8]) -> Result<Request<'b>, HeadError> {
        Request::new(parse_head(bytes)?.ok_or(HeadError::Malformed("the head is not complete"))?)
    }

    /// Finds out what a head asks for.
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

/// Whether the client lets the connection stay open after this request (RFC 9112, section 9.3).
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
