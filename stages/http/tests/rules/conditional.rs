//! `http::conditional`: RFC 9110, section 13.

use super::{head, head_text};
use http::conditional::{Verdict, evaluate};
use http::date;
use http::range::Wanted;
use http::validators::Validators;

/// A Sunday; the second before and the second after are used below.
const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

const SEND: Verdict = Verdict::Send(Wanted::Whole);
const PART: Verdict = Verdict::Send(Wanted::Part(0..5));

fn validators(modified: &str) -> Validators {
    Validators {
        etag: "\"one\"".to_owned(),
        modified: Some(date::parse(modified).expect("a date of the test")),
    }
}

fn judged(method: &str, lines: &[&str], modified: &str) -> Verdict {
    evaluate(&head(&head_text(method, "HTTP/1.1", lines)), &validators(modified), 10)
}

fn expect_all(cases: &[(&[&str], Verdict)]) {
    for (lines, expected) in cases {
        assert_eq!(judged("GET", lines, MODIFIED), *expected, "GET with {lines:?}");
        if !matches!(expected, Verdict::Send(_)) {
            assert_eq!(judged("HEAD", lines, MODIFIED), *expected, "HEAD with {lines:?}");
        }
    }
}

#[test]
fn if_none_match_spares_what_the_client_has() {
    expect_all(&[
        (&["If-None-Match: \"one\""], Verdict::NotModified),
        (&["If-None-Match: W/\"one\""], Verdict::NotModified),
        (&["If-None-Match: *"], Verdict::NotModified),
        (&["If-None-Match: \"two\", \"one\""], Verdict::NotModified),
        (&["If-None-Match: \"two\" ,, W/\"one\" , \"three\""], Verdict::NotModified),
        (&["If-None-Match: \"a, b\", \"one\""], Verdict::NotModified),
        (&["If-None-Match: \"two\"", "If-None-Match: \"one\""], Verdict::NotModified),
        (&["If-None-Match: \"two\""], SEND),
        (&["If-None-Match: \"one"], SEND),
        (&["If-None-Match: one"], SEND),
        (&["If-None-Match: \"One\""], SEND),
        (&["If-None-Match: \"a\"one\""], SEND),
        (&["If-None-Match:"], SEND),
    ]);
}

#[test]
fn if_modified_since_spares_what_has_this_very_date() {
    expect_all(&[
        (&[&format!("If-Modified-Since: {MODIFIED}")], Verdict::NotModified),
        // The client's copy is newer than the file, which was put back: it is another one.
        (&[&format!("If-Modified-Since: {AFTER}")], SEND),
        (&[&format!("If-Modified-Since: {BEFORE}")], SEND),
        (&["If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT"], Verdict::NotModified),
        (&["If-Modified-Since: Sun Nov  6 08:49:37 1994"], Verdict::NotModified),
        (&["If-Modified-Since: yesterday"], SEND),
        (&["If-Modified-Since:"], SEND),
    ]);
}

#[test]
fn if_match_refuses_any_other_state() {
    expect_all(&[
        (&["If-Match: \"one\""], SEND),
        (&["If-Match: *"], SEND),
        (&["If-Match: \"two\", \"one\""], SEND),
        (&["If-Match: \"two\""], Verdict::PreconditionFailed),
        (&["If-Match: W/\"one\""], Verdict::PreconditionFailed),
        (&["If-Match:"], Verdict::PreconditionFailed),
    ]);
}

#[test]
fn if_unmodified_since_refuses_what_has_changed() {
    expect_all(&[
        (&[&format!("If-Unmodified-Since: {MODIFIED}")], SEND),
        (&[&format!("If-Unmodified-Since: {AFTER}")], SEND),
        (&[&format!("If-Unmodified-Since: {BEFORE}")], Verdict::PreconditionFailed),
        (&["If-Unmodified-Since: yesterday"], SEND),
    ]);
}

#[test]
fn conditions_are_evaluated_in_the_order_of_section_13_2_2() {
    let (since, old) = (format!("If-Modified-Since: {MODIFIED}"), format!("If-Unmodified-Since: {BEFORE}"));
    let older = format!("If-Modified-Since: {BEFORE}");
    expect_all(&[
        // Step 1 before step 3: a failed If-Match hides that nothing has changed.
        (&["If-None-Match: \"one\"", "If-Match: \"two\""], Verdict::PreconditionFailed),
        // Step 1 leaves step 2 out.
        (&["If-Match: \"one\"", &old], SEND),
        // Step 2 before step 3.
        (&[&old, "If-None-Match: \"one\""], Verdict::PreconditionFailed),
        // Step 1 passed, then step 3.
        (&["If-Match: \"one\"", "If-None-Match: \"one\""], Verdict::NotModified),
        // Step 3 leaves step 4 out, whichever way it goes.
        (&["If-None-Match: \"two\"", &since], SEND),
        (&["If-None-Match: \"one\"", &older], Verdict::NotModified),
        // Steps 1 to 4 before step 5.
        (&["If-None-Match: \"one\"", "Range: bytes=0-4"], Verdict::NotModified),
        (&["If-None-Match: \"one\"", "Range: bytes=99-"], Verdict::NotModified),
        (&["If-None-Match: \"two\"", "Range: bytes=0-4"], PART),
    ]);
}

#[test]
fn a_range_is_for_get_only() {
    assert_eq!(judged("GET", &["Range: bytes=0-4"], MODIFIED), PART);
    assert_eq!(judged("GET", &["Range: bytes=10-"], MODIFIED), Verdict::Send(Wanted::Unsatisfiable));
    assert_eq!(judged("HEAD", &["Range: bytes=0-4"], MODIFIED), SEND, "RFC 9110, section 14.2");
}

#[test]
fn if_range_gives_the_part_only_of_the_same_state() {
    let range = "Range: bytes=0-4";
    let cases = [
        ("If-Range: \"one\"", PART),
        ("If-Range: \"two\"", SEND),
        ("If-Range: W/\"one\"", SEND),
        ("If-Range: *", SEND),
        ("If-Range:", SEND),
        ("If-Range: yesterday", SEND),
        ("If-Range: Sun, 06 Nov 1994 08:49:37 GMT", PART),
        ("If-Range: Sun, 06 Nov 1994 08:49:36 GMT", SEND),
        ("If-Range: Sun, 06 Nov 1994 08:49:38 GMT", SEND),
    ];
    for (line, expected) in cases {
        assert_eq!(judged("GET", &[range, line], MODIFIED), expected, "{line:?}");
    }
    assert_eq!(judged("GET", &["If-Range: \"two\""], MODIFIED), SEND, "without a Range it means nothing");
}

#[test]
fn a_file_without_a_date_is_sent_whatever_is_said_about_dates() {
    let undated = Validators { etag: "\"one\"".to_owned(), modified: None };
    for name in ["If-Modified-Since", "If-Unmodified-Since", "If-Range"] {
        for when in [MODIFIED, "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"] {
            let line = format!("{name}: {when}");
            let text = head_text("GET", "HTTP/1.1", &[&line, "Range: bytes=0-4"]);
            let expected = if name == "If-Range" { SEND } else { PART };
            assert_eq!(evaluate(&head(&text), &undated, 10), expected, "{line}");
        }
    }
}

#[test]
fn if_range_knows_every_day_of_the_week() {
    // "Wed" and the weak tag `W/"..."` begin with the same letter.
    for day in 6..13 {
        let modified = date::format(date::parse(MODIFIED).expect("a date") + (day - 6) * 86_400);
        let found = judged("GET", &["Range: bytes=0-4", &format!("If-Range: {modified}")], &modified);
        assert_eq!(found, PART, "If-Range: {modified}, which is when the file was modified");
    }
}

#[test]
fn the_date_of_a_file_that_has_just_changed_is_no_strong_validator() {
    let now = date::format(date::seconds_since_1970());
    let found = judged("GET", &["Range: bytes=0-4", &format!("If-Range: {now}")], &now);
    assert_eq!(found, SEND, "within its second the file may change again: RFC 9110, section 8.8.2.2");
}
