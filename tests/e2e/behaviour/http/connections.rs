//! How long a connection lives, and how many requests it carries (RFC 9112, section 9).

use crate::PROGRAM;
use e2e::{Ending, Site};
use verdict::test;

const GET: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n";

#[test]
fn a_connection_carries_many_requests() {
    let server = PROGRAM.serve(&Site::new(), &[]);
    let mut client = server.client();
    for _ in 0..100 {
        assert_eq!(client.get("/").expect(200).text(), "home\n");
        client.get("/missing").expect(404);
    }
}

#[test]
fn a_client_that_says_close_gets_its_answer_and_a_close() {
    let server = PROGRAM.serve(&Site::new(), &[]);
    for value in ["close", "Close", "x, close", "close\r\nConnection: keep-alive"] {
        let mut client = server.client();
        client.send(format!("{GET}Connection: {value}\r\n\r\n"));
        let response = client.response().expect(200);
        assert_eq!(response.header("Connection"), Some("close"), "the server should say that it closes");
        assert_eq!(client.ending(), Ending::Closed, "Connection: {value} should end the connection");
    }
}

#[test]
fn an_http_1_0_client_is_served_and_keeps_its_connection_only_if_it_asks() {
    let server = PROGRAM.serve(&Site::new(), &[]);
    for fields in ["", "Host: localhost\r\n", "Connection: close\r\n"] {
        let mut client = server.client();
        client.send(format!("GET / HTTP/1.0\r\n{fields}\r\n"));
        assert_eq!(client.response().expect(200).text(), "home\n");
        assert_eq!(client.ending(), Ending::Closed, "HTTP/1.0 ends a connection after one answer");
    }
    let mut client = server.client();
    for _ in 0..2 {
        client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        let response = client.response().expect(200);
        let connection = response.header("Connection").unwrap_or_default();
        assert!(
            connection.eq_ignore_ascii_case("keep-alive"),
            "an HTTP/1.0 client should be told: {connection:?}"
        );
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let site =
        (0..20).fold(Site::new(), |site, number| site.file(&format!("{number}.txt"), number.to_string()));
    // Answers of very different cost: a server that answers in parallel may send the cheap one first.
    let server = PROGRAM.serve(&site.sparse("large.bin", 3 << 20), &[]);
    let mut client = server.client();
    let request = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let all =
        (0..20).map(|number| request("/large.bin") + &request(&format!("/{number}.txt"))).collect::<String>();
    client.send(all);
    for number in 0..20 {
        assert_eq!(
            client.response().expect(200).body.len(),
            3 << 20,
            "answers should come in order of requests"
        );
        assert_eq!(client.response().expect(200).text(), number.to_string(), "and each should be its own");
    }
}

#[test]
fn nothing_is_answered_behind_a_request_that_closes() {
    let server = PROGRAM.serve(&Site::new(), &[]);
    let mut client = server.client();
    client.send(format!("{GET}\r\n{GET}Connection: close\r\n\r\n{GET}\r\n"));
    client.response().expect(200);
    client.response().expect(200);
    assert_eq!(client.ending(), Ending::Closed, "the third request should go unanswered");
}

#[test]
fn a_client_that_has_finished_sending_still_gets_its_answers() {
    let server = PROGRAM.serve(&Site::new().sparse("large.bin", 3 << 20), &[]);
    let mut client = server.client();
    client.send(format!("{}\r\n{GET}\r\n", GET.replace("/ ", "/large.bin ")));
    client.finish_sending();
    assert_eq!(client.response().expect(200).body.len(), 3 << 20);
    assert_eq!(client.response().expect(200).text(), "home\n");
    assert_eq!(client.ending(), Ending::Closed, "there is nobody left to wait for");
}

#[test]
fn a_client_that_vanishes_disturbs_nobody() {
    let server = PROGRAM.serve(&Site::new().sparse("large.bin", 16 << 20), &[]);
    for request in
        ["", "GET / HT", &format!("{GET}\r\n"), &format!("{}\r\n", GET.replace("/ ", "/large.bin "))]
    {
        for _ in 0..10 {
            server.client().send(request);
        }
    }
    server.get("/").expect(200);
}

#[test]
fn an_empty_line_before_a_request_is_forgiven() {
    let server = PROGRAM.serve(&Site::new(), &[]);
    let mut client = server.client();
    // Old clients send an empty line after a body (RFC 9112, section 2.2).
    client.send(format!("\r\n{GET}\r\n\r\n{GET}\r\n"));
    client.response().expect(200);
    client.response().expect(200);
}

#[test]
fn hundreds_of_requests_in_one_piece_are_all_answered() {
    let server = PROGRAM.serve(&Site::new(), &[]);
    let mut client = server.client();
    // A server that answers a client within a budget per turn must return to it without any further bytes from it.
    client.send(format!("{GET}\r\n").repeat(500));
    for _ in 0..500 {
        assert_eq!(client.response().expect(200).text(), "home\n");
    }
}
