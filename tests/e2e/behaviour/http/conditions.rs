//! Conditional requests, in the order of RFC 9110, section 13.2.2.

use crate::PROGRAM;
use e2e::{Client, Site};
use verdict::test;

const BEFORE: &str = "Sun, 09 Sep 2001 01:46:39 GMT";
const MODIFIED: &str = "Sun, 09 Sep 2001 01:46:40 GMT";
const AFTER: &str = "Sun, 09 Sep 2001 01:46:41 GMT";

fn site() -> Site {
    Site::new().file("ten.txt", "0123456789").modified("ten.txt", 1_000_000_000)
}

/// Sends each row's fields, with ETAG replaced by `etag`, and compares the status.
#[track_caller]
fn check(client: &mut Client, etag: &str, rows: &[(&[&str], u16)]) {
    for (fields, status) in rows {
        let fields: Vec<String> = fields.iter().map(|field| field.replace("ETAG", etag)).collect();
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let response = client.ask("GET", "/ten.txt", &fields);
        assert_eq!(response.status, *status, "the status (left) of the answer to {fields:?}");
        let length = match status {
            304 | 412 => None,
            206 => Some(2),
            _ => Some(10),
        };
        assert!(
            length.is_none_or(|length| response.body.len() == length),
            "the body of the answer to {fields:?}"
        );
    }
}

#[test]
fn a_client_that_has_the_file_is_told_so() {
    let server = PROGRAM.serve(&site(), &[]);
    let mut client = server.client();
    let etag = client.get("/ten.txt").expect(200).etag();
    let since = |date: &str| format!("If-Modified-Since: {date}");
    check(
        &mut client,
        &etag,
        &[
            (&["If-None-Match: ETAG"], 304),
            (&["If-None-Match: W/ETAG"], 304),
            (&["If-None-Match: \"a\", \"b,c\", ETAG"], 304),
            (&["If-None-Match: \"a\"", "If-None-Match: ETAG"], 304),
            (&["If-None-Match: *"], 304),
            (&["If-None-Match: \"other\""], 200),
            (&[&since(MODIFIED)], 304),
            // Only the exact date: a client with a newer copy has other bytes, which were withdrawn.
            (&[&since(AFTER)], 200),
            (&[&since(BEFORE)], 200),
            (&[&since("yesterday")], 200),
            (&[&since("Sunday, 09-Sep-01 01:46:40 GMT")], 304),
            (&[&since("Sun Sep  9 01:46:40 2001")], 304),
            // The tag says more, so the date is ignored.
            (&["If-None-Match: \"other\"", &since(MODIFIED)], 200),
            (&["If-None-Match: ETAG", &since(BEFORE)], 304),
        ],
    );
    let response = client.ask("GET", "/ten.txt", &[&format!("If-None-Match: {etag}")]).expect(304);
    assert_eq!(response.etag(), etag, "a 304 should say which state of the file is meant");
    assert!(response.header("Date").is_some(), "a 304 should have a Date");
    client.ask("HEAD", "/ten.txt", &[&format!("If-None-Match: {etag}")]).expect(304);
}

#[test]
fn a_client_that_insists_on_a_state_is_refused_any_other() {
    let server = PROGRAM.serve(&site(), &[]);
    let mut client = server.client();
    let etag = client.get("/ten.txt").expect(200).etag();
    let since = |date: &str| format!("If-Unmodified-Since: {date}");
    check(
        &mut client,
        &etag,
        &[
            (&["If-Match: ETAG"], 200),
            (&["If-Match: \"a\", ETAG"], 200),
            (&["If-Match: *"], 200),
            (&["If-Match: \"other\""], 412),
            // If-Match compares strongly, and a weak tag equals nothing (RFC 9110, section 13.1.1).
            (&["If-Match: W/ETAG"], 412),
            (&[&since(MODIFIED)], 200),
            (&[&since(BEFORE)], 412),
            (&[&since("tomorrow")], 200),
            (&["If-Match: ETAG", &since(BEFORE)], 200),
            // The precondition is evaluated before If-None-Match.
            (&["If-Match: \"other\"", "If-None-Match: ETAG"], 412),
            (&["If-Match: ETAG", "If-None-Match: ETAG"], 304),
            (&[&since(BEFORE), "If-None-Match: ETAG"], 412),
        ],
    );
}

#[test]
fn a_range_counts_only_for_the_state_that_the_client_has() {
    let server = PROGRAM.serve(&site(), &[]);
    let mut client = server.client();
    let etag = client.get("/ten.txt").expect(200).etag();
    let range = "Range: bytes=0-1";
    let date = |date: &str| format!("If-Range: {date}");
    check(
        &mut client,
        &etag,
        &[
            (&[range, "If-Range: ETAG"], 206),
            (&[range, "If-Range: \"other\""], 200),
            (&[range, "If-Range: W/ETAG"], 200),
            (&[range, &date(MODIFIED)], 206),
            // Only the exact date, not a later one (RFC 9110, section 13.1.5).
            (&[range, &date(AFTER)], 200),
            (&[range, &date(BEFORE)], 200),
            (&[range, &date("now")], 200),
            (&[range, "If-None-Match: ETAG"], 304),
            (&[range, "If-Match: \"other\""], 412),
            (&["If-Range: \"other\""], 200),
        ],
    );
    client.ask("GET", "/missing", &["If-None-Match: *"]).expect(404);
}
