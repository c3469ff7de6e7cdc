//! The interface of everything that answers requests.
//!
//! Handlers nest. Each stage wraps the one before in a handler of its own, and the code that moves bytes never
//! learns which: `Observed(Cached(Files))` is one handler.

use crate::request::Request;
use crate::response::{CacheResult, Response};
use std::net::SocketAddr;
use std::time::Duration;

// ANCHOR: handler
/// Answers requests, from several threads at once.
pub trait Handler: Send + Sync {
    /// Answers one request. May block on the disk, never on a client.
    fn respond(&self, request: &Request<'_>) -> Response;

    /// Is told of every response once its last byte is with the kernel, or the
    /// connection is lost.
    fn finished(&self, _exchange: &Exchange<'_>) {}
}
// ANCHOR_END: handler

/// One request and its response.
#[derive(Debug)]
pub struct Exchange<'b> {
    /// The bytes of the request's head, which may be malformed. Empty if none came in time.
    pub head: &'b [u8],
    /// The client.
    pub peer: SocketAddr,
    /// The status of the response.
    pub status: u16,
    /// Bytes of the body that were sent.
    pub body_bytes: u64,
    /// Bytes sent, including the head of the response.
    pub sent_bytes: u64,
    /// From the moment when the request was complete to the last byte of the response.
    pub duration: Duration,
    /// The whole response was sent.
    pub complete: bool,
    /// Whether the file came from the cache; `None` where no cache is asked.
    pub cache: Option<CacheResult>,
    /// It is a monitoring request.
    pub monitoring: bool,
}
