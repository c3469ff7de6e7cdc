//! What must hold for any bytes at all.
//!
//! Each function here takes bytes that somebody may send, and panics if a promise breaks. libFuzzer looks for such bytes:
//!
//! ```text
//! cargo install cargo-fuzz
//! cargo +nightly fuzz run --fuzz-dir tests/fuzz/libfuzzer head tests/fuzz/corpus/head -- -max_total_time=600
//! ```
//!
//! What it has ever found, and what people thought of, lies in `corpus/`, and `cargo test` goes through it. A finding is
//! a new file there.

use http::body::Discard;
use http::conditional::{Verdict, evaluate};
use http::framing::{Framing, announced};
use http::range::{Wanted, wanted};
use http::request::wants_keep_alive;
use http::validators::Validators;
use parts::request::{HeadError, RequestHead, Target, parse_head};
use program::cli::{self, Start};
use std::ffi::OsString;
use std::io::Write;

/// Judges some bytes.
pub type Judge = fn(&[u8]);

/// All targets, by the names of their folders in `corpus/`.
pub const TARGETS: [(&str, Judge); 5] =
    [("head", head), ("target", target), ("range", range), ("body", body), ("config", config)];

/// A request head, and everything that is concluded from it.
///
/// # Panics
/// If a promise breaks.
pub fn head(bytes: &[u8]) {
    let parsed = parse_head(bytes);
    match &parsed {
        Ok(Some(head)) => {
            assert!(head.length <= bytes.len(), "a head is a part of what came");
            let (all, rest) = bytes.split_at(head.length);
            assert!(is_head_of(all, head.length), "what follows a head does not change it: {rest:?}");
            assert!(matches!(parse_head(&all[..all.len() - 1]), Ok(None)), "a head ends with its last byte");
            conclude(head);
        }
        // More of them might come, so no beginning of them may be refused.
        Ok(None) => assert!(
            matches!(parse_head(&bytes[..bytes.len() / 2]), Ok(None)),
            "half of an incomplete head is no less"
        ),
        Err(error) => {
            assert!((400..600).contains(&error.status()), "a refusal has the status of one");
            assert!(parse_head(&[bytes, b"\r\n\r\n"].concat()).is_err(), "what is refused stays refused");
        }
    }
}

fn is_head_of(bytes: &[u8], length: usize) -> bool {
    matches!(parse_head(bytes), Ok(Some(head)) if head.length == length)
}

/// Whatever else is read out of a head.
fn conclude(head: &RequestHead<'_>) {
    let _ = (announced(head).map_err(|refusal| refusal.status), wants_keep_alive(head));
    if let Ok(target) = Target::parse(head.method, head.target) {
        check_target(&target);
    }
    for size in [0, 1, 1000, u64::MAX] {
        let validators = Validators { etag: "\"5-a\"".into(), modified: Some(784_111_777) };
        if let Verdict::Send(wanted) = evaluate(head, &validators, size) {
            check_range(&wanted, size);
        }
    }
}

/// A request target.
///
/// # Panics
/// If a promise breaks.
pub fn target(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for method in ["GET", "OPTIONS", "CONNECT"] {
        match Target::parse(method, text) {
            Ok(target) => check_target(&target),
            Err(error) => assert!(matches!(error, HeadError::Malformed(_)), "a bad target is malformed"),
        }
    }
}

fn check_target(target: &Target) {
    let Target::Path(path) = target else { return };
    let name = path.as_str();
    assert!(
        !name.starts_with('/') && !name.ends_with('/'),
        "a path is relative, and names no folder: {name:?}"
    );
    assert!(!name.chars().any(char::is_control), "a path has no control characters: {name:?}");
    let odd = |segment: &str| matches!(segment, "" | "." | "..");
    assert!(
        name.is_empty() || !name.split('/').any(odd),
        "a path has only segments that are names: {name:?}"
    );
    let index = path.join("index.html");
    assert!(index.as_str().ends_with("index.html"), "a name in a folder is still that name");
}

/// The value of a `Range` field, behind eight bytes for the size of the file.
///
/// # Panics
/// If a promise breaks.
pub fn range(bytes: &[u8]) {
    let Some((size, value)) = bytes.split_first_chunk() else { return };
    let size = u64::from_le_bytes(*size);
    if let Ok(value) = std::str::from_utf8(value) {
        check_range(&wanted(value, size), size);
    }
}

fn check_range(wanted: &Wanted, size: u64) {
    if let Wanted::Part(range) = wanted {
        assert!(range.start < range.end && range.end <= size, "{range:?} is no part of {size} bytes");
    }
}

/// A chunked body, behind one byte that says where it is cut in two.
///
/// # Panics
/// If a promise breaks.
pub fn body(bytes: &[u8]) {
    let Some((&cut, bytes)) = bytes.split_first() else { return };
    let (first, second) = bytes.split_at(usize::from(cut).min(bytes.len()));
    assert_eq!(
        fed(&[bytes]),
        fed(&[first, second]),
        "a body ends in the same place, however it is cut: {first:?}, {second:?}"
    );
}

/// How many bytes a chunked body has, in whatever pieces it comes; `None` if it has not ended; or its refusal.
fn fed(pieces: &[&[u8]]) -> Result<Option<usize>, u16> {
    let mut body = Discard::new(Framing::Chunked);
    let (mut input, mut used) = (Vec::new(), 0);
    for piece in pieces {
        input.extend_from_slice(piece);
        let fed = body.feed(&input).map_err(|refusal| refusal.status)?;
        assert!(fed.used <= input.len(), "a body is a part of what came");
        input.drain(..fed.used);
        used += fed.used;
        if fed.done {
            return Ok(Some(used));
        }
    }
    Ok(None)
}

/// A configuration file.
///
/// # Panics
/// If a promise breaks.
pub fn config(bytes: &[u8]) {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(bytes).expect("a file that can be written");
    let arguments = ["herd".into(), "--config".into(), OsString::from(file.path())];
    match cli::parse("herd", "A server", arguments, |_| None, program::settings_file::read) {
        Ok(Start::Serve(settings)) => {
            assert!(settings.num_workers > 0 && settings.threads_per_worker > 0 && settings.queue_size > 0);
        }
        Ok(Start::Print(text)) => panic!("a file makes it print {text}"),
        Err(error) => {
            let sentence = error.to_string();
            assert!(
                !sentence.is_empty() && !sentence.contains(char::is_control),
                "one sentence, not {sentence:?}"
            );
        }
    }
}
