//! What all stages speak: HTTP/1.1 for a file server, over connections that never block.
//!
//! ```text
//!   bytes --> incoming --> request --> handler --> response --> outgoing --> bytes
//!             framing, body    |                      ^
//!                              '-- representation ----'   a file, as clients see it: validators, conditional, range
//!
//!   connection: a socket with its incoming and its outgoing
//! ```
//!
//! The rules come first, each a module without input or output (RFC 9110 and RFC 9112): where a request ends
//! ([`framing`], [`body`]), whether the client may use what it has ([`validators`], [`conditional`]), which part it
//! wants ([`range`]), and how the answer is written ([`response`]). [`representation`] applies them to a file.
//! [`incoming`], [`outgoing`] and [`connection`] move the bytes. A [`handler`] answers requests, and a stage waits for
//! clients.

pub mod body;
pub mod buffer;
pub mod closing;
pub mod coding;
pub mod conditional;
pub mod connection;
pub mod date;
pub mod framing;
pub mod handler;
pub mod incoming;
pub mod outgoing;
pub mod range;
pub mod representation;
pub mod request;
pub mod response;
pub mod status;
pub mod taking;
pub mod validators;
