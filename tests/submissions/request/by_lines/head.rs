//! A head is read line by line. Each line is checked as soon as it is complete, so a head that comes in pieces passes
//! the same checks as one that comes at once.

use crate::HeadError;

/// The longest head that is read, in bytes, with its final empty line.
pub const MAX_HEAD: usize = 16 * 1024;

/// The longest request line, in bytes. RFC 9112, section 3, asks for at least 8,000.
pub const MAX_REQUEST_LINE: usize = 8 * 1024;

/// The largest number of header fields.
pub const MAX_FIELDS: usize = 100;

/// One header field: its name as sent, and its value without the white space around it.
pub type Header<'b> = httparse::Header<'b>;

/// The version of a request. A later 1.x is read as 1.1 (RFC 9110, section 2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0: the connection closes after the response unless both sides say otherwise.
    Http10,
    /// HTTP/1.1: the connection stays open unless one side says otherwise.
    Http11,
}

/// A request head, borrowed from the bytes that it was parsed from.
#[derive(Debug)]
pub struct RequestHead<'b> {
    /// The method, exactly as sent: methods are case-sensitive (RFC 9110, section 9.1).
    pub method: &'b str,
    /// The target, exactly as sent; [`Target::parse`](crate::Target::parse) takes it apart.
    pub target: &'b str,
    /// The version.
    pub version: Version,
    /// The header fields in the order sent.
    pub headers: Headers<'b>,
    /// How many bytes the head took, including what was skipped before it.
    pub length: usize,
}

/// The header fields of one request.
#[derive(Debug)]
pub struct Headers<'b> {
    fields: [Header<'b>; MAX_FIELDS],
    count: usize,
}

impl<'b> Headers<'b> {
    /// All fields in the order sent.
    pub fn iter(&self) -> impl Iterator<Item = &Header<'b>> {
        self.fields[..self.count].iter()
    }

    /// The values of every field of this name, in order. Names are compared without regard to case.
    pub fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'b [u8]> + 's {
        self.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    /// The first value of this name as text, or `None` if the field is absent or not text.
    pub fn get(&self, name: &str) -> Option<&'b str> {
        self.all(name).next().and_then(|value| std::str::from_utf8(value).ok())
    }
}

/// Parses the request head at the start of `bytes`.
///
/// # Errors
/// [`HeadError`] as soon as it is certain that this cannot become a valid head.
pub fn parse_head(bytes: &[u8]) -> Result<Option<RequestHead<'_>>, HeadError> {
    let skipped = 2 * usize::from(bytes.starts_with(b"\r\n"));
    let (line, mut at) = match next_line(bytes, skipped)? {
        Line::Whole(line, next) => (line, next),
        Line::Begun(length) if length > MAX_REQUEST_LINE => return Err(too_long(&bytes[skipped..])),
        Line::Begun(_) => return Ok(None),
    };
    if line.len() > MAX_REQUEST_LINE {
        return Err(too_long(line));
    }
    let (method, target, version) = request_line(line)?;
    let fields_begin = at;
    loop {
        match next_line(bytes, at)? {
            Line::Whole(b"", next) if next > MAX_HEAD => return Err(HeadError::FieldsTooLarge),
            Line::Whole(b"", next) => {
                let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
                let count = match httparse::parse_headers(&bytes[fields_begin..next], &mut fields) {
                    Ok(httparse::Status::Complete((_, parsed))) => parsed.len(),
                    Err(httparse::Error::TooManyHeaders) => return Err(HeadError::FieldsTooLarge),
                    _ => return Err(HeadError::Malformed("a header field breaks the grammar")),
                };
                let headers = Headers { fields, count };
                return Ok(Some(RequestHead { method, target, version, headers, length: next }));
            }
            Line::Whole(_, next) if next >= MAX_HEAD => return Err(HeadError::FieldsTooLarge),
            Line::Whole(_, next) => at = next,
            Line::Begun(_) if bytes.len() >= MAX_HEAD => return Err(HeadError::FieldsTooLarge),
            Line::Begun(_) => return Ok(None),
        }
    }
}

enum Line<'b> {
    /// A complete line without its line end, and where the next one begins.
    Whole(&'b [u8], usize),
    /// The number of bytes of an incomplete line.
    Begun(usize),
}

fn next_line(bytes: &[u8], from: usize) -> Result<Line<'_>, HeadError> {
    let rest = &bytes[from..];
    let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
        return Ok(Line::Begun(rest.len()));
    };
    match rest[end..] {
        [b'\r', b'\n', ..] => Ok(Line::Whole(&rest[..end], from + end + 2)),
        [b'\r'] => Ok(Line::Begun(end)),
        _ => Err(HeadError::Malformed("a bare CR or LF")),
    }
}

fn too_long(line: &[u8]) -> HeadError {
    let word = line.split(|&byte| byte == b' ').next().map_or(0, <[u8]>::len);
    if word < 64 { HeadError::TargetTooLong } else { HeadError::Malformed("no method is this long") }
}

fn request_line(line: &[u8]) -> Result<(&str, &str, Version), HeadError> {
    let Ok(line) = std::str::from_utf8(line) else { return Err(HeadError::Malformed("not UTF-8")) };
    let words: Vec<&str> = line.split(' ').collect();
    let [method, target, version] = words[..] else {
        return Err(HeadError::Malformed("not three words with one space between"));
    };
    let token = |byte: u8| byte.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(char::from(byte));
    if method.is_empty() || !method.bytes().all(token) {
        return Err(HeadError::Malformed("the method is not a token"));
    }
    let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
    let in_path = |symbol: char| ('!'..='~').contains(&symbol) && !"\"#<>\\".contains(symbol);
    let in_query = |symbol: char| !symbol.is_control() && symbol != '#';
    if target.is_empty() || !path.chars().all(in_path) || !query.chars().all(in_query) {
        return Err(HeadError::Malformed("the target must be percent-encoded"));
    }
    let Some(numbers) = version.strip_prefix("HTTP/") else { return Err(HeadError::Malformed("no version")) };
    let &[major, b'.', minor] = numbers.as_bytes() else { return Err(HeadError::Malformed("no version")) };
    match (major, minor) {
        (b'1', b'0') => Ok((method, target, Version::Http10)),
        (b'1', b'1'..=b'9') => Ok((method, target, Version::Http11)),
        (b'0'..=b'9', b'0'..=b'9') => Err(HeadError::VersionNotSupported),
        _ => Err(HeadError::Malformed("no version")),
    }
}
