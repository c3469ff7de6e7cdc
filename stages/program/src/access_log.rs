//! The access log: a line per request in Combined Log Format.
//!
//! Each line is one write(2) to a file opened with O_APPEND, so the lines of any number of threads and processes follow
//! each other and never mix (open(2): the kernel moves to the end and writes in one step).
//! [`log_file`](crate::log_file) handles other kinds of logs, and lines for which there is no room.

use crate::log_file::{LogFile, sentence};
use crate::proxies::Proxies;
use http::handler::{Exchange, Handler};
use http::request::Request;
use http::response::Response;
use parts::request::parse_head;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::SystemTime;

/// A handler that writes a line about each response, if there is a log to write to.
#[derive(Debug)]
pub struct Logged<H> {
    inner: H,
    log: Option<LogFile>,
    proxies: Proxies,
}

impl<H> Logged<H> {
    /// Writes to the log at `path`, as [`open`] does. Without a path, nothing is written.
    ///
    /// # Errors
    /// Those of open(2).
    pub fn new(inner: H, path: Option<&Path>) -> io::Result<Logged<H>> {
        Ok(Logged::over(inner, open(path)?))
    }

    /// Writes to a log that is open already. Without one, nothing is written.
    pub fn over(inner: H, log: Option<LogFile>) -> Logged<H> {
        Logged { inner, log, proxies: Proxies::default() }
    }

    /// Believes what these proxies say about the client's address.
    pub fn trusting(mut self, proxies: &Proxies) -> Logged<H> {
        self.proxies = proxies.clone();
        self
    }

    /// The handler inside.
    pub fn inner(&self) -> &H {
        &self.inner
    }
}

/// Opens the access log, if there is to be one: a file that is appended to and made if it does not exist, or, for `-`,
/// standard output.
///
/// # Errors
/// Those of open(2).
pub fn open(path: Option<&Path>) -> io::Result<Option<LogFile>> {
    let open = |path| {
        if is_standard_output(path) { LogFile::inherited(io::stdout().as_fd()) } else { LogFile::open(path) }
    };
    path.map(open).transpose()
}

/// Takes over a log that another process has [opened](open).
///
/// # Errors
/// Those of fstat(2).
pub fn take_over(path: Option<&Path>, descriptor: OwnedFd) -> io::Result<LogFile> {
    let is_shared = path.is_some_and(is_standard_output);
    if is_shared { LogFile::shared(descriptor) } else { LogFile::new(descriptor) }
}

fn is_standard_output(path: &Path) -> bool {
    path == Path::new("-")
}

impl<H: Handler> Handler for Logged<H> {
    fn respond(&self, request: &Request<'_>) -> Response {
        self.inner.respond(request)
    }

    fn finished(&self, exchange: &Exchange<'_>) {
        if let Some(log) = &self.log {
            let now = SystemTime::now();
            let mut text = line(exchange, &self.proxies, now, usize::MAX);
            if log.longest_line().is_some_and(|longest| text.len() > longest) {
                // No client may keep itself out of the log by sending long fields.
                text = line(exchange, &self.proxies, now, SHORT_FIELD);
            }
            if log.write_line(text.as_bytes()).is_ok() {
                say_losses(log);
            }
        }
        self.inner.finished(exchange);
    }
}

impl<H> Drop for Logged<H> {
    fn drop(&mut self) {
        if let Some(log) = &self.log {
            say_losses(log);
        }
    }
}

/// How many bytes are written of each of the three fields that clients fill in, if a line must be short: the whole line
/// then fits into the 4,096 bytes that a pipe takes at once.
const SHORT_FIELD: usize = 1200;

/// Reports in the error log what the access log has lost; in the access log itself, programs could not read that line.
fn say_losses(log: &LogFile) {
    let lines = log.unsaid();
    if lines > 0 && log.said(lines) {
        log::warn!("{}", sentence(lines, "lines of the access log"));
    }
}

/// `host - - [time] "request line" status bytes "referer" "user agent"`. Of each field that the client fills in, at most
/// `longest` bytes.
fn line(exchange: &Exchange<'_>, proxies: &Proxies, now: SystemTime, longest: usize) -> String {
    let first_line = exchange.head.strip_prefix(b"\r\n").unwrap_or(exchange.head);
    let first_line = first_line.split(|&byte| byte == b'\r' || byte == b'\n').next().unwrap_or_default();
    let head = parse_head(exchange.head).ok().flatten();
    let field = |name: &str| {
        let value = head.as_ref().and_then(|head| head.headers.all(name).next());
        value.map_or_else(|| "-".to_owned(), |value| escaped(value, longest))
    };
    let peer = exchange.peer.ip();
    let client = head.as_ref().map_or(peer, |head| proxies.client(peer, head.headers.all("x-forwarded-for")));
    format!(
        "{} - - [{}] \"{}\" {} {} \"{}\" \"{}\"\n",
        client,
        common_log_time(now),
        if first_line.is_empty() { "-".to_owned() } else { escaped(first_line, longest) },
        exchange.status,
        exchange.body_bytes,
        field("referer"),
        field("user-agent"),
    )
}

/// Client bytes as they may appear between quotes: printable ASCII, with quotes and backslashes escaped. Without this a
/// client could forge whole lines. A text longer than `longest` is cut, and ends in three dots.
fn escaped(bytes: &[u8], longest: usize) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        // One byte becomes at most four, as in \xff.
        if text.len() + 4 > longest {
            text.push_str("...");
            break;
        }
        match byte {
            b'"' | b'\\' => text.extend(['\\', byte as char]),
            b' '..=b'~' => text.push(byte as char),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text
}

/// `10/Oct/2000:13:55:36 +0000`, in UTC: made of pieces of HTTP's date format.
fn common_log_time(now: SystemTime) -> String {
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
    let date = http::date::format(seconds); // "Tue, 10 Oct 2000 13:55:36 GMT"
    let piece = |range: std::ops::Range<usize>| date.get(range).unwrap_or_default();
    format!("{}/{}/{}:{} +0000", piece(5..7), piece(8..11), piece(12..16), piece(17..25))
}
