//! From the target of a request to a path beneath the document root (RFC 9112, section 3.2; RFC 3986, section 5.2.4).
//!
//! ```text
//!   http://host/a/%62/../c%20d?x=1   absolute form: drop scheme and host
//!             /a/%62/../c%20d?x=1    split off the query
//!             /a/%62/../c%20d        decode once: %62 is b, %20 a space, %2525 is %25 and stays so
//!             /a/b/../c d            remove dot segments; one that would leave the root refuses the request
//!              a/c d                 the path that `DocumentRoot` looks up
//! ```
//!
//! The order matters. A server that removes `..` before decoding lets `%2e%2e` through; one that decodes twice lets
//! `%252e%252e` through.

use crate::HeadError;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// The four forms of a request target (RFC 9112, section 3.2), as far as a file server tells them apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target<'t> {
    /// Origin form or absolute form: a path.
    Path(RequestPath<'t>),
    /// `*`: the server itself, for OPTIONS.
    Server,
    /// `host:port`, for CONNECT.
    Authority,
}

/// A decoded path beneath the document root. Borrowed from the target, unless something had to be decoded or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPath<'t> {
    /// Segments joined by `/`, with no leading slash, no empty segment, no `.` and no `..`. Empty for the root.
    path: Cow<'t, str>,
    /// The target means a directory: its path is empty, or ends in a slash, `/.` or `/..`.
    directory: bool,
    /// What follows the question mark, as sent.
    query: Option<&'t str>,
}

impl<'t> Target<'t> {
    /// Takes the target of a request apart. `method` matters because `*` is for OPTIONS only and `host:port` for
    /// CONNECT only. No text makes it panic.
    ///
    /// # Errors
    /// [`HeadError::Malformed`] for a form that does not fit the method, a broken percent-encoding, a control byte,
    /// bytes that are not UTF-8, and a path whose `..` would leave the root.
    pub fn parse(method: &str, target: &'t str) -> Result<Target<'t>, HeadError> {
        match (method, target) {
            ("OPTIONS", "*") => Ok(Target::Server),
            ("CONNECT", _) => Ok(Target::Authority),
            (_, target) if target.starts_with('/') => Ok(Target::Path(RequestPath::parse(target)?)),
            (_, target) => Ok(Target::Path(RequestPath::parse(strip_authority(target)?)?)),
        }
    }
}

/// The path of an absolute-form target: a server must accept it, although clients send it only to proxies
/// (RFC 9112, section 3.2.2).
fn strip_authority(target: &str) -> Result<&str, HeadError> {
    let rest = match target.split_at_checked("http://".len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http://") => rest,
        _ => return Err(HeadError::Malformed("the target is neither a path nor an http URL")),
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_user, host)| host);
    if host.is_empty() || host.starts_with(':') {
        return Err(HeadError::Malformed("the target has a scheme but no host"));
    }
    Ok(path)
}

impl<'t> RequestPath<'t> {
    /// Parses what follows the host: a path and a query. An empty path means the root.
    fn parse(target: &'t str) -> Result<RequestPath<'t>, HeadError> {
        let (raw, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let decoded = decode_once(raw)?;
        let directory = decoded.is_empty()
            || decoded.ends_with('/')
            || decoded.ends_with("/.")
            || decoded.ends_with("/..");
        let path = match decoded {
            Cow::Borrowed(decoded) => remove_dot_segments(decoded)?,
            Cow::Owned(decoded) => Cow::Owned(remove_dot_segments(&decoded)?.into_owned()),
        };
        Ok(RequestPath { path, directory, query })
    }

    /// The path of a file whose name beneath the root is known. `name` is the server's own, not a client's.
    pub fn named(name: impl Into<Cow<'t, str>>) -> RequestPath<'t> {
        RequestPath { path: name.into(), directory: false, query: None }
    }

    /// The path of `name` in the directory that this path means, with the same query. `name` is the server's own, not a
    /// client's.
    pub fn join(&self, name: &'t str) -> RequestPath<'t> {
        let path = match &*self.path {
            "" => Cow::Borrowed(name),
            directory => Cow::Owned(format!("{directory}/{name}")),
        };
        RequestPath { path, directory: false, query: self.query }
    }

    /// The path relative to the document root, decoded; empty for the root itself.
    pub fn as_str(&self) -> &str {
        &self.path
    }

    /// Whether the target means a directory: its path is empty, or ends in a slash, `/.` or `/..`.
    pub fn is_directory(&self) -> bool {
        self.directory
    }

    /// What follows the question mark, as sent.
    pub fn query(&self) -> Option<&str> {
        self.query
    }
}

/// Decodes `%XX` exactly once. A percent sign without two hexadecimal digits is refused, not kept.
fn decode_once(raw: &str) -> Result<Cow<'_, str>, HeadError> {
    // Most paths have nothing to decode, and then nothing is copied.
    if raw.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'%') {
        return Ok(Cow::Borrowed(raw));
    }
    let bytes = raw.as_bytes();
    for (at, _) in raw.match_indices('%') {
        let digits = bytes.get(at + 1..at + 3).unwrap_or_default();
        if digits.len() != 2 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(HeadError::Malformed("a percent sign lacks its two digits"));
        }
    }
    let decoded = percent_decode_str(raw)
        .decode_utf8()
        .map_err(|_| HeadError::Malformed("the decoded target is not UTF-8"))?;
    // NUL would end the name for the kernel; line ends would end a header field or a log line.
    if decoded.chars().any(char::is_control) {
        return Err(HeadError::Malformed("the decoded target holds a control character"));
    }
    Ok(decoded)
}

/// Joins the segments, without empty ones and `.`; `..` removes the segment before it.
fn remove_dot_segments(path: &str) -> Result<Cow<'_, str>, HeadError> {
    let inner = path.trim_matches('/');
    if !inner.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return Ok(Cow::Borrowed(inner));
    }
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop().ok_or(HeadError::Malformed("the target leaves the document root"))?;
            }
            name => segments.push(name),
        }
    }
    Ok(Cow::Owned(segments.join("/")))
}
