//! `http::framing` and `http::request::wants_keep_alive`: where a request ends, and whether another may follow
//! (RFC 9112, sections 3.2, 6 and 9.3; RFC 9110, section 10.1.1).

use super::{head, head_text};
use http::framing::{Framing, MAX_BODY, announced};
use http::request::wants_keep_alive;
use parts::request::Version;

const HOST: &str = "Host: example.org";

/// The framing of a request with these lines, and whether it waits for `100 Continue`; or the status of the refusal.
fn judged(version: &str, lines: &[&str]) -> Result<(Framing, bool), u16> {
    match announced(&head(&head_text("POST", version, lines))) {
        Ok(announced) => Ok((announced.framing, announced.expects_continue)),
        Err(refusal) => Err(refusal.status),
    }
}

fn expect(version: &str, lines: &[&str], expected: Result<(Framing, bool), u16>) {
    assert_eq!(judged(version, lines), expected, "{version} with the lines {lines:?}");
}

#[test]
fn a_length_or_chunks_say_where_the_body_ends() {
    let cases: [(&str, Framing); 8] = [
        ("X: no body", Framing::None),
        ("Content-Length: 0", Framing::None),
        ("Content-Length: 5", Framing::Length(5)),
        ("content-length:\t5 ", Framing::Length(5)),
        ("Content-Length: 18446744073709551615", Framing::Length(u64::MAX)),
        ("Transfer-Encoding: chunked", Framing::Chunked),
        ("transfer-encoding: Chunked", Framing::Chunked),
        ("Content-Type: text/plain", Framing::None),
    ];
    for (line, framing) in cases {
        expect("HTTP/1.1", &[HOST, line], Ok((framing, false)));
    }
}

#[test]
fn a_length_that_could_be_read_in_two_ways_is_refused() {
    let values =
        ["", "+5", "-5", "5,5", "5, 5", "5 5", "0x5", "5.0", "05", "5a", "\u{661}", "18446744073709551616"];
    for value in values {
        expect("HTTP/1.1", &[HOST, &format!("Content-Length: {value}")], Err(400));
    }
    expect("HTTP/1.1", &[HOST, "Content-Length: 5", "Content-Length: 5"], Err(400));
    expect("HTTP/1.1", &[HOST, "Content-Length: 5", "content-length: 6"], Err(400));
}

#[test]
fn a_length_beside_chunks_is_refused() {
    expect("HTTP/1.1", &[HOST, "Content-Length: 5", "Transfer-Encoding: chunked"], Err(400));
    expect("HTTP/1.1", &[HOST, "Transfer-Encoding: chunked", "Content-Length: 5"], Err(400));
    expect("HTTP/1.1", &[HOST, "Transfer-Encoding: chunked", "Content-Length: 0"], Err(400));
    expect("HTTP/1.1", &[HOST, "Content-Length: 5", "Transfer-Encoding: gzip"], Err(400));
}

#[test]
fn a_body_that_is_chunked_but_not_last_and_once_has_no_end() {
    // RFC 9112, section 6.3, item 4: "the server MUST respond with the 400 (Bad Request) status code".
    for value in
        ["chunked, gzip", "chunked, chunked", "\"chunked\"", "", ",", ", chunked", "chunked,", "chunked;a=b"]
    {
        expect("HTTP/1.1", &[HOST, &format!("Transfer-Encoding: {value}")], Err(400));
    }
    expect("HTTP/1.1", &[HOST, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], Err(400));
}

#[test]
fn a_coding_that_is_unknown_is_not_implemented() {
    // Two rules meet: section 6.1 asks for 501, section 6.3 for 400. Like nginx and Apache, the more telling one.
    for value in ["gzip", "identity", "xchunked", "chunkedx"] {
        expect("HTTP/1.1", &[HOST, &format!("Transfer-Encoding: {value}")], Err(501));
    }
}

#[test]
fn a_coding_beneath_the_chunks_is_not_implemented() {
    // The end is known, the coding is not: RFC 9112, section 6.1, asks for 501.
    expect("HTTP/1.1", &[HOST, "Transfer-Encoding: gzip, chunked"], Err(501));
}

#[test]
fn http_1_0_knows_no_transfer_encoding() {
    expect("HTTP/1.0", &["Transfer-Encoding: chunked"], Err(400));
    expect("HTTP/1.0", &["Transfer-Encoding: gzip"], Err(400));
    expect("HTTP/1.0", &["Content-Length: 5"], Ok((Framing::Length(5), false)));
}

#[test]
fn there_is_exactly_one_host_and_it_is_a_host() {
    expect("HTTP/1.1", &[], Err(400));
    expect("HTTP/1.0", &[], Ok((Framing::None, false)));
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        expect(version, &[HOST, HOST], Err(400));
        expect(version, &[HOST, "host: other.example"], Err(400));
    }
    for good in
        ["a", "a.b", "127.0.0.1:8080", "[::1]", "[::1]:8080", "a:", "xn--bcher-kva.example", "a_b", "a%20b"]
    {
        expect("HTTP/1.1", &[&format!("Host: {good}")], Ok((Framing::None, false)));
    }
    for bad in [
        "", ":80", "a b", "a,b", "a/b", "a@b", "a:b", "a:80:81", "[::1", "[::1]80", "[]", "a?b", "a#b",
        "a\"b",
    ] {
        expect("HTTP/1.1", &[&format!("Host: {bad}")], Err(400));
    }
}

#[test]
fn a_client_that_waits_for_100_is_told_to_go_on() {
    let waits = "Expect: 100-continue";
    expect("HTTP/1.1", &[HOST, waits, "Content-Length: 5"], Ok((Framing::Length(5), true)));
    expect("HTTP/1.1", &[HOST, "expect: 100-Continue", "Content-Length: 5"], Ok((Framing::Length(5), true)));
    expect("HTTP/1.1", &[HOST, waits, "Transfer-Encoding: chunked"], Ok((Framing::Chunked, true)));
    expect("HTTP/1.1", &[HOST, waits, "Content-Length: 0"], Ok((Framing::None, false)));
    expect("HTTP/1.1", &[HOST, "Expect: 200-ok", "Content-Length: 5"], Err(417));
    expect("HTTP/1.0", &[waits, "Content-Length: 5"], Ok((Framing::Length(5), false)));
}

#[test]
fn a_client_that_waits_is_refused_before_it_sends_too_much() {
    let announce = |length: u64| format!("Content-Length: {length}");
    let (most, too_much) = (announce(MAX_BODY), announce(MAX_BODY + 1));
    expect("HTTP/1.1", &[HOST, "Expect: 100-continue", &most], Ok((Framing::Length(MAX_BODY), true)));
    expect("HTTP/1.1", &[HOST, "Expect: 100-continue", &too_much], Err(413));
    expect("HTTP/1.1", &[HOST, &too_much], Ok((Framing::Length(MAX_BODY + 1), false)));
}

#[test]
fn a_connection_lives_on_unless_one_side_says_otherwise() {
    let cases = [
        ("HTTP/1.1", "X: nothing", true),
        ("HTTP/1.1", "Connection: close", false),
        ("HTTP/1.1", "connection: Close", false),
        ("HTTP/1.1", "Connection: x, close ,y", false),
        ("HTTP/1.1", "Connection: closed", true),
        ("HTTP/1.1", "Connection: keep-alive, close", false),
        ("HTTP/1.0", "X: nothing", false),
        ("HTTP/1.0", "Connection: keep-alive", true),
        ("HTTP/1.0", "Connection: Keep-Alive", true),
        ("HTTP/1.0", "Connection: close, keep-alive", false),
        ("HTTP/1.0", "Connection: keep-alive-please", false),
    ];
    for (version, line, expected) in cases {
        let text = head_text("GET", version, &[HOST, line]);
        assert_eq!(wants_keep_alive(&head(&text)), expected, "{version} with {line:?}");
    }
    let twice = head_text("GET", "HTTP/1.1", &[HOST, "Connection: x", "Connection: close"]);
    assert_eq!(head(&twice).version, Version::Http11);
    assert!(!wants_keep_alive(&head(&twice)), "two Connection fields are one list (RFC 9110, section 5.3)");
}
