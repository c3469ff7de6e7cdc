//! A request whose end is uncertain is refused before anything else, and nothing after it is believed (RFC 9112,
//! sections 2.2, 3.2, 5.1 and 6.3).

use crate::PROGRAM;
use e2e::{Ending, Server, Site};
use verdict::test;

/// Sent after every bad request. A server that answers it took bytes of doubtful origin for a request.
const NEXT: &str = "GET /index.html HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn refused(server: &Server, status: u16, promise: &str, request: &str) {
    let mut client = server.client();
    client.send(format!("{request}{NEXT}"));
    let response = client.response();
    assert_eq!(
        response.status,
        status,
        "{promise}: this should get {status}, got {}\ntry: printf '{}' | nc 127.0.0.1 {}",
        response.status,
        request.escape_default(),
        server.address().port()
    );
    assert_eq!(
        response.header("Connection"),
        Some("close"),
        "{promise}: the refusal should end the connection"
    );
    assert_eq!(client.ending(), Ending::Closed, "{promise}: the refusal should arrive whole");
}

#[test]
fn header_fields_that_break_the_grammar_get_400_whatever_is_asked_for() {
    let server = PROGRAM.serve(&Site::new(), &[]);
    let cases = [
        ("a missing Host", ""),
        ("two Hosts", "Host: a\r\nHost: a\r\n"),
        ("a Host that is two words", "Host: a b\r\n"),
        ("a Host with a path", "Host: a/b\r\n"),
        ("a Host with a user", "Host: me@a\r\n"),
        ("a Host whose port is no number", "Host: a:http\r\n"),
        ("a space before the colon", "Host : a\r\n"),
        ("a tab before the colon", "Host: a\r\nX\t: b\r\n"),
        ("a folded field", "Host: a\r\nX: b\r\n folded\r\n"),
        ("a first field that begins with a space", " Host: a\r\n"),
        ("a field without a colon", "Host: a\r\nnothing\r\n"),
        ("a field without a name", "Host: a\r\n: b\r\n"),
        ("a name that is not a token", "Host: a\r\nX(Y): b\r\n"),
        ("a bare CR in a value", "Host: a\r\nX: b\rc\r\n"),
        ("a bare CR before CR LF", "Host: a\r\nX: b\r\r\n"),
        ("a bare LF as line end", "Host: a\nX: b\r\n"),
        ("NUL in a value", "Host: a\r\nX: b\0c\r\n"),
        ("a control byte in a value", "Host: a\r\nX: b\x01c\r\n"),
        ("DEL in a value", "Host: a\r\nX: b\x7fc\r\n"),
        ("a Content-Length with a plus sign", "Host: a\r\nContent-Length: +5\r\n"),
        ("a Content-Length below zero", "Host: a\r\nContent-Length: -1\r\n"),
        ("a hexadecimal Content-Length", "Host: a\r\nContent-Length: 0x5\r\n"),
        ("an empty Content-Length", "Host: a\r\nContent-Length:\r\n"),
        ("a Content-Length with a fraction", "Host: a\r\nContent-Length: 5.0\r\n"),
        ("a Content-Length of two numbers", "Host: a\r\nContent-Length: 5 5\r\n"),
        ("a Content-Length that fits no integer", "Host: a\r\nContent-Length: 99999999999999999999999\r\n"),
        ("two Content-Lengths that differ", "Host: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n"),
        ("a list of Content-Lengths that differ", "Host: a\r\nContent-Length: 5, 6\r\n"),
        (
            "Content-Length and Transfer-Encoding",
            "Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        ),
        (
            "Transfer-Encoding and Content-Length",
            "Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        ),
        ("chunked twice", "Host: a\r\nTransfer-Encoding: chunked, chunked\r\n"),
        ("chunked not last", "Host: a\r\nTransfer-Encoding: chunked, identity\r\n"),
        (
            "two Transfer-Encodings",
            "Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        ),
        ("an empty Transfer-Encoding", "Host: a\r\nTransfer-Encoding:\r\n"),
    ];
    // Five bytes, or the last chunk: a valid body, whichever of two contradicting fields a server believes.
    let body = "0\r\n\r\n";
    for (promise, fields) in cases {
        refused(&server, 400, promise, &format!("GET / HTTP/1.1\r\n{fields}\r\n{body}"));
        refused(&server, 400, promise, &format!("BREW /missing HTTP/1.1\r\n{fields}\r\n{body}"));
    }
}

#[test]
fn transfer_encoding_in_http_1_0_gets_400() {
    let server = PROGRAM.serve(&Site::new(), &[]);
    let request = "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    refused(&server, 400, "HTTP/1.0 has no chunks", request);
}

#[test]
fn an_unknown_transfer_coding_gets_501_and_the_connection_ends() {
    let server = PROGRAM.serve(&Site::new(), &[]);
    for coding in ["gzip", "identity", "chunke"] {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {coding}\r\n\r\n");
        refused(&server, 501, coding, &request);
    }
}

#[test]
fn request_lines_that_break_the_grammar_get_400() {
    let server = PROGRAM.serve(&Site::new(), &[]);
    let cases = [
        ("two spaces after the method", "GET  / HTTP/1.1"),
        ("two spaces before the version", "GET /  HTTP/1.1"),
        ("a space behind the version", "GET / HTTP/1.1 "),
        ("a space before the method", " GET / HTTP/1.1"),
        ("a tab between the words", "GET\t/\tHTTP/1.1"),
        ("no version", "GET /"),
        ("no target", "GET HTTP/1.1"),
        ("a method that is not a token", "GE(T / HTTP/1.1"),
        ("a target with a space", "GET /a b HTTP/1.1"),
        ("a target with a fragment", "GET /#part HTTP/1.1"),
        ("a target with a raw quote", "GET /\" HTTP/1.1"),
        ("a target with a raw letter beyond ASCII", "GET /\u{e4} HTTP/1.1"),
        ("a target with a control byte", "GET /\x01 HTTP/1.1"),
        ("a target that is no path", "GET index.html HTTP/1.1"),
        ("a target of another scheme", "GET ftp://localhost/ HTTP/1.1"),
        ("the version in small letters", "GET / http/1.1"),
        ("a version of three numbers", "GET / HTTP/1.1.1"),
        ("a version of two digits", "GET / HTTP/1.10"),
        ("a version without a point", "GET / HTTP/11"),
        ("the name of another protocol", "GET / HTTPS/1.1"),
        ("a bare CR in the line", "GET /\r HTTP/1.1"),
    ];
    for (promise, line) in cases {
        refused(&server, 400, promise, &format!("{line}\r\nHost: localhost\r\n\r\n"));
    }
}

/// A balancer that is configured for it sends the client's address before the request (proxy-protocol.txt).
#[test]
fn the_proxy_protocol_gets_400_and_is_named() {
    let server = PROGRAM.serve(&Site::new(), &[]);
    let second: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc0\0\x02\x08\x13\x88\0\x50";
    for head in [&b"PROXY TCP4 192.0.2.7 192.0.2.8 5000 80\r\n"[..], second] {
        let mut client = server.client();
        client.send([head, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"].concat());
        let page = client.response().expect(400);
        assert!(page.text().contains("does not speak the PROXY protocol"), "{}", page.text());
    }
}

#[test]
fn other_major_versions_get_505() {
    let server = PROGRAM.serve(&Site::new(), &[]);
    for version in ["HTTP/2.0", "HTTP/3.0", "HTTP/0.9"] {
        refused(&server, 505, version, &format!("GET / {version}\r\nHost: localhost\r\n\r\n"));
    }
}

#[test]
fn chunks_that_break_the_grammar_get_400() {
    let server = PROGRAM.serve(&Site::new(), &[]);
    let cases = [
        ("a size that is no number", "xyz\r\n"),
        ("a size with a prefix", "0x3\r\nabc\r\n0\r\n\r\n"),
        ("a size with a sign", "+3\r\nabc\r\n0\r\n\r\n"),
        ("a size below zero", "-3\r\nabc\r\n0\r\n\r\n"),
        ("a size that fits no integer", "10000000000000003\r\nabc\r\n0\r\n\r\n"),
        ("an empty size", "\r\nabc\r\n0\r\n\r\n"),
        ("a space before the size", " 3\r\nabc\r\n0\r\n\r\n"),
        ("a bare LF behind the size", "3\nabc\r\n0\r\n\r\n"),
        ("a bare CR behind the size", "3\rabc\r\n0\r\n\r\n"),
        ("data longer than their size", "3\r\nabcd\r\n0\r\n\r\n"),
        ("data without a line end", "3\r\nabc0\r\n\r\n"),
        ("a bare LF behind the data", "3\r\nabc\n0\r\n\r\n"),
        ("an extension with a bare LF", "3;x\n=y\r\nabc\r\n0\r\n\r\n"),
        ("a trailer field without a colon", "0\r\nnothing\r\n\r\n"),
    ];
    for (promise, chunks) in cases {
        let head = "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
        refused(&server, 400, promise, &format!("{head}{chunks}"));
    }
}
