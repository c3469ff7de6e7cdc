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
//! The rules come first, each a module without input or output (RFC 9110 and RFC 9112): where does a request end
//! ([`framing`], [`body`]), may the client use what it has ([`validators`], [`conditional`]), which part does it want ([`range`]), and how
//! is the answer spelled ([`response`]). [`representation`] applies them to a file. [`incoming`], [`outgoing`] and
//! [`connection`] move the bytes. Where requests are answered, and who waits for a client, is not known here: the first
//! is a [`handler`], the second is a stage.

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
