//! `access_log`: one line for each response, whatever the client has sent.

use http::handler::{Exchange, Handler};
use http::request::Request;
use http::response::{Body, Response};
use program::access_log::Logged;
use proptest::prelude::*;
use proptest::test_runner::Config;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::time::Duration;
use tempfile::NamedTempFile;

/// Answers nothing; only the log is tested.
struct Silent;

impl Handler for Silent {
    fn respond(&self, _request: &Request<'_>) -> Response {
        Response::new(204, Body::None)
    }
}

/// Tells a log of a request with this head.
fn tell(log: &Logged<Silent>, head: &[u8]) {
    log.finished(&Exchange {
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

/// What a log holds after a request with this head.
fn logged(head: &[u8]) -> String {
    let file = NamedTempFile::new().expect("a temporary file");
    tell(&Logged::new(Silent, Some(file.path())).expect("the log can be written"), head);
    std::fs::read_to_string(file.path()).expect("the log is text")
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
    let log = logged(head);
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

/// The address in the line about a request with this head, by a peer whose address is 192.0.2.7.
fn address(trusted: &str, head: &[u8]) -> String {
    let file = NamedTempFile::new().expect("a temporary file");
    let log = Logged::new(Silent, Some(file.path())).expect("the log can be written");
    tell(&log.trusting(&trusted.parse().expect("a list of proxies")), head);
    let line = std::fs::read_to_string(file.path()).expect("the log is text");
    line.split(' ').next().expect("a line begins with an address").to_owned()
}

#[test]
fn a_line_is_about_the_client_of_a_proxy_that_is_trusted() {
    let head =
        b"GET / HTTP/1.1\r\nX-Forwarded-For: 1.2.3.4\r\nHost: a\r\nx-forwarded-for: 2001:DB8::7\r\n\r\n";
    assert_eq!(address("192.0.2.0/24", head), "2001:db8::7");
    assert_eq!(address("198.51.100.7", head), "192.0.2.7", "whoever is no proxy is not believed");
    assert!(logged(head).starts_with("192.0.2.7 "), "nobody is believed by default");
    for junk in [&b"unknown"[..], b"1.2.3.4\xff", b"1.2.3.4:80", b"\"1.2.3.4\" 200", &[b'9'; 1 << 20]] {
        let head = [b"GET / HTTP/1.1\r\nX-Forwarded-For: ", junk, b"\r\n\r\n"].concat();
        assert_eq!(address("192.0.2.7", &head), "192.0.2.7", "{}", junk[..20.min(junk.len())].escape_ascii());
    }
    assert_eq!(address("192.0.2.7", b"GET / HTTP/1.1\r\nX-Forwarded-For: 1.2.3.4\r\n"), "192.0.2.7");
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
fn two_writers_of_one_log_overwrite_neither_each_other_nor_what_was_there() {
    let file = NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), "yesterday\n").expect("the test owns the file");
    let open = || Logged::new(Silent, Some(file.path())).expect("the log can be written");
    let (one, other) = (open(), open());
    for log in [&one, &other, &one] {
        tell(log, b"GET / HTTP/1.1\r\n\r\n");
    }
    let log = std::fs::read_to_string(file.path()).expect("the log is text");
    assert!(
        log.starts_with("yesterday\n") && log.lines().count() == 4,
        "three lines behind the old one: {log}"
    );
}

#[test]
fn a_log_that_cannot_be_opened_is_an_error_at_the_start() {
    assert!(Logged::new(Silent, None).is_ok(), "no log is wanted");
    assert!(Logged::new(Silent, Some("/nonexistent/access.log".as_ref())).is_err());
}

proptest! {
    // Each case writes a file.
    #![proptest_config(Config { cases: 64, ..super::properties() })]

    #[test]
    fn a_response_is_one_line_of_printable_ascii(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let head = [b"GET /".as_slice(), &bytes].concat();
        let log = logged(&head);
        let line = log.strip_suffix('\n').expect("a line ends in LF");
        prop_assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{:?}", line);
        let quotes = line.replace("\\\\", "").replace("\\\"", "").matches('"').count();
        prop_assert_eq!(quotes, 6, "three quoted texts, none of which ends early: {}", line);
    }
}

#[verdict::test]
fn a_request_with_long_fields_has_a_line_in_a_pipe_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
    let log = Logged::new(Silent, Some(&path)).expect("a FIFO is a log");
    let long = "\u{e9}".repeat(2000);
    let head = format!("GET /{} HTTP/1.1\r\nReferer: {long}\r\nUser-Agent: {long}\r\n\r\n", "y".repeat(2000));
    let mut reader = BufReader::new(File::open(&path).expect("a reader"));
    tell(&log, head.as_bytes());
    tell(&log, b"GET / HTTP/1.1\r\n\r\n");
    let lines: Vec<String> = reader.by_ref().lines().take(2).map(|line| line.expect("a line")).collect();
    assert!(lines[0].len() < 4096 && lines[0].contains("GET /yyy"), "{}", lines[0]);
    assert_eq!(lines[0].matches("...\"").count(), 3, "what was left out should be seen: {}", lines[0]);
    assert!(lines[1].contains("\"GET / HTTP/1.1\" 200 5 \"-\" \"-\""), "{}", lines[1]);
}
