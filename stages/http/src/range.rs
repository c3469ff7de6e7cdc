//! Range requests (RFC 9110, section 14).

use std::ops::Range;

/// Which part of a file the client wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// All of it: there is no range, or one that may be ignored.
    Whole,
    /// These bytes: 206.
    Part(Range<u64>),
    /// Bytes that the file does not have: 416.
    Unsatisfiable,
}

/// Reads the value of a `Range` field for a file of `size` bytes.
///
/// One range is served. Several are answered with the whole file, which RFC 9110, section 14.2 allows: hardly any
/// client asks for them, and many tiny overlapping ranges are a known attack. A field that breaks the grammar is
/// ignored (section 14.2).
pub fn wanted(value: &str, size: u64) -> Wanted {
    let Some((first, last)) = value
        .split_once('=')
        .filter(|(unit, _)| unit.trim().eq_ignore_ascii_case("bytes"))
        .and_then(|(_, spec)| spec.trim().split_once('-'))
    else {
        return Wanted::Whole;
    };
    match (first, last) {
        ("", suffix) => match number(suffix) {
            None => Wanted::Whole,
            Some(0) => Wanted::Unsatisfiable,
            Some(_) if size == 0 => Wanted::Whole,
            Some(length) => Wanted::Part(size.saturating_sub(length)..size),
        },
        (first, "") => match number(first) {
            None => Wanted::Whole,
            Some(first) if first >= size => Wanted::Unsatisfiable,
            Some(first) => Wanted::Part(first..size),
        },
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first > last => Wanted::Whole,
            (Some(first), Some(_)) if first >= size => Wanted::Unsatisfiable,
            (Some(first), Some(last)) => Wanted::Part(first..last.saturating_add(1).min(size)),
            _ => Wanted::Whole,
        },
    }
}

/// Digits only. A number too large for any file counts as the largest there is.
fn number(digits: &str) -> Option<u64> {
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| digits.parse().unwrap_or(u64::MAX))
}
