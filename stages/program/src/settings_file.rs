//! A file of `KEY=VALUE` lines: its text, and what one line sets. Which keys exist is decided elsewhere.
//!
//! | in the file | is |
//! |---|---|
//! | `QUEUE_SIZE=200`, `QUEUE_SIZE = 200` | a setting; spaces and tabs around both sides are left out |
//! | `DOCUMENT_ROOT="/srv/my site "` | the text between the quotes as it is: a backslash is a backslash |
//! | `# why`, nothing at all | passed over |
//! | a byte-order mark before the first line, CRLF line ends | passed over: editors on Windows write them |
//! | anything that is not UTF-8, a control character other than a tab, half a pair of quotes | refused |

use std::fs;
use std::io;
use std::path::Path;

/// Reads a file of settings.
///
/// # Errors
/// Those of open(2) and read(2), and an error for bytes that are not UTF-8, which names the line.
pub fn read(file: &Path) -> io::Result<String> {
    String::from_utf8(fs::read(file)?).map_err(|error| {
        let (good, bad) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
        let number = good.iter().filter(|&&byte| byte == b'\n').count() + 1;
        io::Error::other(format!("line {number} is not UTF-8: it holds the byte 0x{:02x}", bad[0]))
    })
}

/// The lines of a file, without its byte-order mark and without spaces around them.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.strip_prefix('\u{feff}').unwrap_or(text).lines().map(str::trim)
}

/// The key and the value on a line; `None` if it is empty or a comment.
///
/// # Errors
/// Why the line is none of these.
pub(crate) fn entry(line: &str) -> Result<Option<(&str, &str)>, String> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    if let Some(control) = line.chars().find(|&char| char.is_control() && char != '\t') {
        return Err(format!("it holds the control character U+{:04X}", u32::from(control)));
    }
    let (key, value) = line.split_once('=').ok_or_else(|| format!("{line:?} is not KEY=VALUE"))?;
    let (key, value) = (key.trim(), value.trim());
    match unquoted(value) {
        Some(value) => Ok(Some((key, value))),
        None => Err(format!("{key}: {value} is not a value between one pair of quotes")),
    }
}

/// A value without the quotes around it, as in a systemd unit's EnvironmentFile= or in a shell. `None` if they are not
/// a pair.
fn unquoted(value: &str) -> Option<&str> {
    let Some(quote) = value.chars().next().filter(|char| ['"', '\''].contains(char)) else {
        return Some(value);
    };
    let inner = value[1..].strip_suffix(quote)?;
    (!inner.contains(quote)).then_some(inner)
}
