//! Conditional requests (RFC 9110, section 13): may the client use what it already has?

use crate::date;
use crate::range::{Wanted, wanted};
use crate::validators::Validators;
use parts::request::RequestHead;

/// How to answer a GET or HEAD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// 200, 206 or 416.
    Send(Wanted),
    /// 304: the client's copy is current.
    NotModified,
    /// 412: the file is not in the state that the client expects.
    PreconditionFailed,
}

/// Evaluates the preconditions in the order of RFC 9110, section 13.2.2. `size` is the file's length in bytes. If the
/// file has no date, conditions about dates are ignored (sections 13.1.3 and 13.1.4).
pub fn evaluate(head: &RequestHead<'_>, validators: &Validators, size: u64) -> Verdict {
    let headers = &head.headers;
    if headers.all("if-match").next().is_some() {
        if !any_tag_matches(head, "if-match", &validators.etag, Comparison::Strong) {
            return Verdict::PreconditionFailed;
        }
    } else if let Some(since) = headers.get("if-unmodified-since").and_then(date::parse)
        && validators.modified.is_some_and(|modified| modified > since)
    {
        return Verdict::PreconditionFailed;
    }

    // A file that was restored in place of a newer one has an older date, and other bytes. So only the exact date of
    // these bytes gets a 304, as in nginx; RFC 9110, section 13.1.3 would allow it for any later date too. A client
    // that made its date up gets the file, which is never wrong.
    if headers.all("if-none-match").next().is_some() {
        if any_tag_matches(head, "if-none-match", &validators.etag, Comparison::Weak) {
            return Verdict::NotModified;
        }
    } else if let Some(since) = headers.get("if-modified-since").and_then(date::parse)
        && validators.modified == Some(since)
    {
        return Verdict::NotModified;
    }

    match headers.get("range") {
        Some(range) if head.method == "GET" && range_holds(head, validators) => {
            Verdict::Send(wanted(range, size))
        }
        _ => Verdict::Send(Wanted::Whole),
    }
}

/// RFC 9110, section 8.8.3.2: a weak tag equals nothing under the strong comparison.
#[derive(Clone, Copy, PartialEq)]
enum Comparison {
    Strong,
    Weak,
}

/// Whether any tag in the lists of the fields called `name` is `etag`, or one of them is `*`.
fn any_tag_matches(head: &RequestHead<'_>, name: &str, etag: &str, comparison: Comparison) -> bool {
    head.headers.all(name).filter_map(|value| std::str::from_utf8(value).ok()).any(|list| {
        list.trim() == "*"
            || tags(list).any(|(weak, tag)| tag == etag && !(weak && comparison == Comparison::Strong))
    })
}

/// The tags of a list: whether each is weak, and its text with the quotes. A tag may hold commas, so the list
/// cannot be split at them. Ends at the first thing that is not a tag.
fn tags(list: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut rest = list;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (weak, quoted) = match rest.strip_prefix("W/") {
            Some(quoted) => (true, quoted),
            None => (false, rest),
        };
        let end = quoted.strip_prefix('"')?.find('"')? + 2;
        rest = &quoted[end..];
        Some((weak, &quoted[..end]))
    })
}

/// `If-Range`: the range counts only if the file is still the one that the client has a part of
/// (RFC 9110, section 13.1.5). A date must be exactly the one that was sent, and the file must have rested for a
/// second since, else two versions could share it (section 8.8.2.2).
fn range_holds(head: &RequestHead<'_>, validators: &Validators) -> bool {
    match head.headers.get("if-range") {
        None => head.headers.all("if-range").next().is_none(),
        Some(tag) if tag.starts_with('"') || tag.starts_with("W/") => tag == validators.etag,
        Some(text) => validators.modified.is_some_and(|modified| {
            date::parse(text) == Some(modified) && date::seconds_since_1970() > modified + 1
        }),
    }
}
