//! Decodes and removes dots by hand, in one walk over the bytes, without a library and without an intermediate string.

use crate::HeadError;

/// The forms of a request target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target<'t> {
    /// A path.
    Path(RequestPath<'t>),
    /// `*`.
    Server,
    /// `host:port`.
    Authority,
}

/// A decoded path beneath the document root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPath<'t> {
    names: String,
    slash: bool,
    question: Option<&'t str>,
}

fn refuse<T>(why: &'static str) -> Result<T, HeadError> {
    Err(HeadError::Malformed(why))
}

impl<'t> Target<'t> {
    /// Takes the target of a request apart.
    ///
    /// # Errors
    /// [`HeadError::Malformed`].
    pub fn parse(method: &str, target: &'t str) -> Result<Target<'t>, HeadError> {
        if method == "CONNECT" {
            return Ok(Target::Authority);
        }
        if method == "OPTIONS" && target == "*" {
            return Ok(Target::Server);
        }
        if target.as_bytes().first() == Some(&b'/') {
            return RequestPath::of(target).map(Target::Path);
        }
        let bytes = target.as_bytes();
        if bytes.len() < 8 || !bytes[..7].eq_ignore_ascii_case(b"http://") {
            return refuse("neither a path nor an http URL");
        }
        let end = 7 + target[7..].find(['/', '?']).unwrap_or(bytes.len() - 7);
        let host = target[7..end].rfind('@').map_or(7, |at| 7 + at + 1);
        if host == end || bytes[host] == b':' {
            return refuse("no host");
        }
        RequestPath::of(&target[end..]).map(Target::Path)
    }
}

impl<'t> RequestPath<'t> {
    fn of(target: &'t str) -> Result<RequestPath<'t>, HeadError> {
        let mut parts = target.splitn(2, '?');
        let raw = parts.next().unwrap_or_default().as_bytes();
        let question = parts.next();
        let mut stack: Vec<Vec<u8>> = Vec::new();
        let (mut name, mut decoded) = (Vec::new(), Vec::new());
        let mut slash = false;
        let mut at = 0;
        while at <= raw.len() {
            let byte = match raw.get(at) {
                None => b'/',
                Some(b'%') => {
                    let digit = |byte: Option<&u8>| byte.and_then(|&byte| (byte as char).to_digit(16));
                    let (Some(high), Some(low)) = (digit(raw.get(at + 1)), digit(raw.get(at + 2))) else {
                        return refuse("a percent sign lacks its digits");
                    };
                    at += 2;
                    (high * 16 + low) as u8
                }
                Some(&byte) => byte,
            };
            decoded.push(byte);
            let last = at >= raw.len();
            at += 1;
            if byte != b'/' {
                name.push(byte);
                continue;
            }
            // The end of a name: a slash, an encoded slash, or the end of the path.
            slash = matches!(name.as_slice(), b"" | b"." | b"..");
            match name.as_slice() {
                b"" | b"." => {}
                b".." => {
                    if stack.pop().is_none() {
                        return refuse("the target leaves the document root");
                    }
                }
                _ => stack.push(std::mem::take(&mut name)),
            }
            name.clear();
            if last {
                break;
            }
        }
        // Names that `..` removed are checked too: no client sends such bytes for a good reason.
        match String::from_utf8(decoded) {
            Ok(text) if text.chars().any(char::is_control) => return refuse("a control character"),
            Ok(_) => {}
            Err(_) => return refuse("not UTF-8"),
        }
        let Ok(names) = String::from_utf8(stack.join(&b'/')) else { return refuse("not UTF-8") };
        Ok(RequestPath { names, slash, question })
    }

    /// The path of a file whose name beneath the root is known.
    pub fn named(name: impl Into<std::borrow::Cow<'t, str>>) -> RequestPath<'t> {
        RequestPath { names: name.into().into_owned(), slash: false, question: None }
    }

    /// The path of `name` in this directory.
    pub fn join(&self, name: &'t str) -> RequestPath<'t> {
        let mut names = self.names.clone();
        if !names.is_empty() {
            names.push('/');
        }
        names.push_str(name);
        RequestPath { names, slash: false, question: self.question }
    }

    /// The path relative to the document root.
    pub fn as_str(&self) -> &str {
        &self.names
    }

    /// Whether the target means a directory.
    pub fn is_directory(&self) -> bool {
        self.slash
    }

    /// What follows the question mark.
    pub fn query(&self) -> Option<&str> {
        self.question
    }
}
