//! How large a request may be, and how its sender learns that it is too large.

use crate::PROGRAM;
use e2e::{Ending, Server, Site, eventually};
use verdict::test;

/// Sends all of `request` before it reads anything. The refusal must arrive whole although much of what was sent is
/// never read: a server that closes at once resets the connection, and the reset overtakes the answer (RFC 9112,
/// section 9.6).
#[track_caller]
fn refused(server: &Server, status: u16, request: &[u8]) {
    let mut client = server.client();
    client.send(request);
    let response = client.response().expect(status);
    assert_eq!(response.header("Connection"), Some("close"), "the connection should end with the refusal");
    assert_eq!(client.ending(), Ending::Closed, "the refusal should be followed by a FIN, not by a reset");
}

fn head(line: &str, fields: &str) -> Vec<u8> {
    format!("{line}\r\nHost: localhost\r\n{fields}\r\n").into_bytes()
}

#[test]
fn a_request_line_of_8000_bytes_is_read_and_a_longer_one_gets_414() {
    let server = PROGRAM.serve(&Site::new(), &[]);
    let line = |length: usize| format!("GET /{} HTTP/1.1", "a".repeat(length - "GET / HTTP/1.1".len()));
    server.client().get(&format!("/?{}", "a".repeat(8000 - "GET /? HTTP/1.1".len()))).expect(200);
    refused(&server, 414, &head(&line(9_000), ""));
    refused(&server, 414, &head(&line(100_000), ""));
}

#[test]
fn header_fields_beyond_the_limit_get_431() {
    let server = PROGRAM.serve(&Site::new(), &[]);
    let many =
        |count: usize| (0..count).map(|number| format!("X-{number}: {number}\r\n")).collect::<String>();
    let mut client = server.client();
    client.send(head("GET / HTTP/1.1", &many(80)));
    client.response().expect(200);
    drop(client);
    refused(&server, 431, &head("GET / HTTP/1.1", &many(200)));
    refused(&server, 431, &head("GET / HTTP/1.1", &format!("X: {}\r\n", "a".repeat(100_000))));
}

#[test]
fn a_body_beyond_the_limit_gets_413_and_the_client_receives_it() {
    let server = PROGRAM.serve(&Site::new(), &[]);
    let body = vec![b'a'; 5 << 20];
    let known =
        [head("POST / HTTP/1.1", &format!("Content-Length: {}\r\n", body.len())), body.clone()].concat();
    refused(&server, 413, &known);
    let size = format!("{:x}\r\n", body.len()).into_bytes();
    refused(&server, 413, &[head("POST / HTTP/1.1", "Transfer-Encoding: chunked\r\n"), size, body].concat());
}

#[test]
fn a_body_within_the_limit_is_taken() {
    let server = PROGRAM.serve(&Site::new(), &[]);
    let mut client = server.client();
    client.send(head("POST / HTTP/1.1", &format!("Content-Length: {}\r\n", 1 << 20)));
    client.send(vec![b'a'; 1 << 20]);
    client.response().expect(204);
    client.get("/").expect(200);
}

#[test]
fn a_bad_request_with_much_behind_it_is_answered_and_the_client_receives_it() {
    let server = PROGRAM.serve(&Site::new(), &[]);
    let request = [b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n".to_vec(), vec![b'a'; 1 << 20]].concat();
    refused(&server, 400, &request);
}

#[test]
fn a_client_that_would_wait_is_refused_before_it_sends_a_body() {
    let server = PROGRAM.serve(&Site::new(), &[]);
    let cases = [
        (413, "Content-Length: 2000000\r\nExpect: 100-continue\r\n"),
        (411, "Expect: 100-continue\r\n"),
        (417, "Content-Length: 4\r\nExpect: a-miracle\r\n"),
    ];
    for (status, fields) in cases {
        refused(&server, status, &head("POST / HTTP/1.1", fields));
    }
}

#[test]
fn half_a_request_gets_408_and_silence_gets_nothing_when_the_time_is_up() {
    let server = PROGRAM.serve(&Site::new(), &["--timeout-seconds", "1"]);
    let halves =
        ["GET / HTTP/1.1\r\nHos", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf"];
    for half in halves {
        refused(&server, 408, half.as_bytes());
    }
    assert_eq!(
        server.client().ending(),
        Ending::Closed,
        "a client that sends nothing should be sent nothing"
    );
    let mut client = server.client();
    client.get("/").expect(200);
    assert_eq!(client.ending(), Ending::Closed, "an idle connection should end without another word");
}

#[test]
fn a_byte_now_and_then_buys_no_time() {
    let server = PROGRAM.serve(&Site::new(), &["--timeout-seconds", "1"]);
    let begun = [
        "GET / HTTP/1.1\r\nHost: localhost\r\nX: ",
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n",
    ];
    for begun in begun {
        let mut client = server.client();
        client.send(begun);
        eventually("the server's patience ends although bytes keep coming", || {
            if client.has_heard_nothing() {
                client.send("x");
            }
            !client.has_heard_nothing()
        });
        client.response().expect(408);
    }
}
