//! `access_log`: one line for each response, whatever the client has sent.

use proptest::prelude::*;
use proptest::test_runner::Config;
use stage1_single::access_log::Logged;
use stage1_single::handler::{Exchange, Handler};
use stage1_single::http::Request;
use stage1_single::http::response::{Body, Response};
use std::time::Duration;

/// Answers nothing; only the log is tested.
struct Silent;

impl Handler for Silent {
    fn respond(&self, _request: &Request<'_>) -> Response {
        Response::new(204, Body::None)
    }
}

/// What the log holds after a request with each of these heads.
fn logged(heads: &[&[u8]]) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("access.log");
    let handler = Logged::new(Silent, Some(&path)).expect("the log can be written");
    for head in heads {
        handler.finished(&Exchange {
            head,
            peer: "192.0.2.7:4711".parse().expect("an address"),
            status: 200,
            body_bytes: 5,
            sent_bytes: 105,
            duration: Duration::from_millis(1),
            complete: true,
            cache: None,
            monitoring: false,
        });
    }
    std::fs::read_to_string(&path).expect("the log is text")
}

/// A line without its time, which is the test's.
fn without_time(line: &str) -> String {
    let (before, rest) = line.split_once('[').expect("a line has a time");
    let (time, after) = rest.split_once(']').expect("the time ends");
    let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape.replace(|c: char| c.is_ascii_alphabetic(), "a"), "00/aaa/0000:00:00:00 +0000", "{line}");
    format!("{before}[]{after}")
}

fn expect_line(head: &[u8], expected: &str) {
    let log = logged(&[head]);
    assert_eq!(
        without_time(&log),
        format!("192.0.2.7 - - [] {expected}\n"),
        "for \"{}\"",
        head.escape_ascii()
    );
}

#[test]
fn a_line_is_in_combined_log_format() {
    expect_line(b"GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n", r#""GET /a?b HTTP/1.1" 200 5 "-" "-""#);
    let browser = b"GET / HTTP/1.1\r\nHost: a\r\nReferer: http://a/\r\nUser-Agent: B/1 (c)\r\n\r\n";
    expect_line(browser, r#""GET / HTTP/1.1" 200 5 "http://a/" "B/1 (c)""#);
}

#[test]
fn what_a_client_sends_cannot_forge_a_line() {
    expect_line(b"GET /\" 200 0 HTTP/1.1\r\n\r\n", r#""GET /\" 200 0 HTTP/1.1" 200 5 "-" "-""#);
    expect_line(b"GET /\\\" HTTP/1.1\r\n\r\n", r#""GET /\\\" HTTP/1.1" 200 5 "-" "-""#);
    let agent = b"GET / HTTP/1.1\r\nUser-Agent: \" \x1b[2J \xff \\\r\n\r\n";
    expect_line(b"\x16\x03\x01\n", r#""\x16\x03\x01" 200 5 "-" "-""#);
    let agent_without_escape = agent.iter().copied().filter(|&byte| byte != 0x1b).collect::<Vec<_>>();
    expect_line(&agent_without_escape, r#""GET / HTTP/1.1" 200 5 "-" "\" [2J \xff \\""#);
}

#[test]
fn a_request_that_never_came_is_a_dash() {
    expect_line(b"", r#""-" 200 5 "-" "-""#);
    expect_line(b"GET /hal", r#""GET /hal" 200 5 "-" "-""#);
}

#[test]
fn an_empty_line_before_a_request_does_not_hide_it() {
    expect_line(b"\r\nGET /secret HTTP/1.1\r\nHost: a\r\n\r\n", r#""GET /secret HTTP/1.1" 200 5 "-" "-""#);
}

#[test]
fn without_a_path_nothing_is_written_and_with_one_lines_are_appended() {
    assert!(Logged::new(Silent, None).is_ok());
    let head: &[u8] = b"GET / HTTP/1.1\r\n\r\n";
    assert_eq!(logged(&[head, head, head]).lines().count(), 3);
    let missing = std::path::Path::new("/nonexistent/folder/access.log");
    assert!(
        Logged::new(Silent, Some(missing)).is_err(),
        "a log that cannot be opened is an error at the start"
    );
}

proptest! {
    // Each case writes a file.
    #![proptest_config(Config { cases: 64, ..super::properties() })]

    #[test]
    fn a_response_is_one_line_of_printable_ascii(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let head = [b"GET /".as_slice(), &bytes].concat();
        let log = logged(&[&head]);
        let line = log.strip_suffix('\n').expect("a line ends in LF");
        prop_assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{:?}", line);
        let quotes = line.replace("\\\\", "").replace("\\\"", "").matches('"').count();
        prop_assert_eq!(quotes, 6, "three quoted texts, none of which ends early: {}", line);
    }
}
