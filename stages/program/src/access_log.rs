//! The access log: a line per request in Combined Log Format.
//!
//! The file is opened with O_APPEND and each line is one write(2), so the lines of any number of threads and
//! processes follow each other and never mix (open(2): the kernel moves to the end and writes in one step).

use http::handler::{Exchange, Handler};
use http::request::Request;
use http::response::Response;
use parts::request::parse_head;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::SystemTime;

/// A handler that writes a line about each response, if there is a file to write to.
#[derive(Debug)]
pub struct Logged<H> {
    inner: H,
    file: Option<File>,
}

impl<H> Logged<H> {
    /// Appends to the file at `path`, and makes it if it does not exist. Without a path, nothing is written.
    ///
    /// # Errors
    /// Those of open(2).
    pub fn new(inner: H, path: Option<&Path>) -> io::Result<Logged<H>> {
        Ok(Logged::over(inner, open(path)?))
    }

    /// Appends to a file that is [open](open) already. Without one, nothing is written.
    pub fn over(inner: H, file: Option<File>) -> Logged<H> {
        Logged { inner, file }
    }

    /// The handler inside.
    pub fn inner(&self) -> &H {
        &self.inner
    }
}

/// Opens the file of an access log, if there is to be one.
///
/// # Errors
/// Those of open(2).
// ANCHOR: open
pub fn open(path: Option<&Path>) -> io::Result<Option<File>> {
    path.map(|path| OpenOptions::new().append(true).create(true).open(path)).transpose()
}
// ANCHOR_END: open

impl<H: Handler> Handler for Logged<H> {
    fn respond(&self, request: &Request<'_>) -> Response {
        self.inner.respond(request)
    }

    // ANCHOR: finished
    fn finished(&self, exchange: &Exchange<'_>) {
        if let Some(mut file) = self.file.as_ref() {
            // A full disk must not stop the server; the next line may fit again.
            let _ = file.write_all(line(exchange, SystemTime::now()).as_bytes());
        }
        self.inner.finished(exchange);
    }
    // ANCHOR_END: finished
}

/// `host - - [time] "request line" status bytes "referer" "user agent"`
fn line(exchange: &Exchange<'_>, now: SystemTime) -> String {
    let first_line = exchange.head.strip_prefix(b"\r\n").unwrap_or(exchange.head);
    let first_line = first_line.split(|&byte| byte == b'\r' || byte == b'\n').next().unwrap_or_default();
    let head = parse_head(exchange.head).ok().flatten();
    let field = |name: &str| {
        let value = head.as_ref().and_then(|head| head.headers.all(name).next());
        value.map_or_else(|| "-".to_owned(), escaped)
    };
    format!(
        "{} - - [{}] \"{}\" {} {} \"{}\" \"{}\"\n",
        exchange.peer.ip(),
        common_log_time(now),
        if first_line.is_empty() { "-".to_owned() } else { escaped(first_line) },
        exchange.status,
        exchange.body_bytes,
        field("referer"),
        field("user-agent"),
    )
}

/// Client bytes as they may stand between quotes: no quote, no backslash, no control byte, nothing but ASCII.
/// Without this a client could forge whole lines.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => text.extend(['\\', byte as char]),
            b' '..=b'~' => text.push(byte as char),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text
}

/// `10/Oct/2000:13:55:36 +0000`, in UTC: cut from the date format of HTTP, which holds the same words.
fn common_log_time(now: SystemTime) -> String {
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
    let date = http::date::format(seconds); // "Tue, 10 Oct 2000 13:55:36 GMT"
    let piece = |range: std::ops::Range<usize>| date.get(range).unwrap_or_default();
    format!("{}/{}/{}:{} +0000", piece(5..7), piece(8..11), piece(12..16), piece(17..25))
}
