//! Part 1: what a server must get right before it can serve one file.
//!
//! Three things, in the order in which a request meets them:
//!
//! ```text
//!   bytes from a socket --parse_head--> RequestHead --Target::parse--> Target --DocumentRoot::find--> Found
//!                       (head.rs)                   (target.rs)                (root.rs)
//! ```
//!
//! and also the [`StopFlag`] (stop.rs): how a signal reaches code that sleeps.
//!
//! Nothing here reads a socket or writes a response. Bytes come in as slices, so every rule can be tested without
//! a network; the stages do the input and output.

// Before the other modules, so that none of their macros (`macro_use`) can replace one in here.
#[cfg(test)]
#[path = "../../../tests/models/request.rs"]
mod models;

mod deleted;
mod head;
mod root;
mod stop;
mod target;

pub use head::{Header, Headers, MAX_FIELDS, MAX_HEAD, MAX_REQUEST_LINE, RequestHead, Version, parse_head};
pub use root::{DocumentRoot, FileIdentity, FindError, Found, OpenFile, RootError};
pub use stop::{Bell, StopFlag};
pub use target::{RequestPath, Target};

// Compiler errors show this name.
#[cfg(test)]
extern crate lanes as std_in_models;
#[cfg(not(test))]
pub(crate) use std::sync;
#[cfg(test)]
pub(crate) use std_in_models::sync;

/// Why a request head cannot be served. Each variant is one status of RFC 9110, section 15.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// 400: the bytes break the grammar; the text says which rule.
    #[error("{0}")]
    Malformed(&'static str),
    /// 414: the request line is longer than [`MAX_REQUEST_LINE`] bytes. If there is no space in its first 64 bytes, it
    /// has not even a method, and is [`Malformed`](HeadError::Malformed).
    #[error("the request line is too long")]
    TargetTooLong,
    /// 431: the head is longer than [`MAX_HEAD`] bytes, or has more than [`MAX_FIELDS`] fields.
    #[error("the header fields are too large")]
    FieldsTooLarge,
    /// 505: a major version of HTTP other than 1.
    #[error("this server speaks HTTP/1.0 and HTTP/1.1")]
    VersionNotSupported,
}

impl HeadError {
    /// The status code of the answer (RFC 9110, section 15.5 and 15.6).
    pub fn status(self) -> u16 {
        match self {
            HeadError::Malformed(_) => 400,
            HeadError::TargetTooLong => 414,
            HeadError::FieldsTooLarge => 431,
            HeadError::VersionNotSupported => 505,
        }
    }
}
