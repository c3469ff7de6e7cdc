//! Request bodies are read and thrown away, and never taken for the next request (RFC 9112, section 6).

use crate::PROGRAM;
use e2e::{Client, Ending, Site, eventually, unread};
use verdict::test;

/// A body that would be answered with 404 if it were a request.
const TRAP: &str = "GET /trap HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// The request that follows.
const NEXT: &str = "GET /next.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

fn site() -> Site {
    Site::new().file("next.txt", "next")
}

/// The server must send an answer with status `first`, the answer to NEXT, and nothing more.
#[track_caller]
fn answered_and_next(client: &mut Client, first: u16) {
    client.response().expect(first);
    assert_eq!(
        client.response().expect(200).text(),
        "next",
        "the request behind the body should be answered"
    );
    assert_eq!(client.ending(), Ending::Closed, "there should be two answers, not more");
}

#[test]
fn a_body_of_known_length_is_not_the_next_request() {
    let server = PROGRAM.serve(&site(), &[]);
    for (line, status) in
        [("POST / HTTP/1.1", 204), ("GET /index.html HTTP/1.1", 200), ("PUT /x HTTP/1.1", 405)]
    {
        let mut client = server.client();
        client
            .send(format!("{line}\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{TRAP}{NEXT}", TRAP.len()));
        answered_and_next(&mut client, status);
    }
}

#[test]
fn a_chunked_body_is_not_the_next_request() {
    let server = PROGRAM.serve(&site(), &[]);
    let size = TRAP.len();
    let bodies = [
        format!("{size:x}\r\n{TRAP}\r\n0\r\n\r\n"),
        format!("{size:X};name=value;flag\r\n{TRAP}\r\n000\r\nTrailer: field\r\n\r\n"),
        format!("1\r\na\r\n{size:x}\r\n{TRAP}\r\n2\r\n\r\n\r\n0\r\n\r\n"),
    ];
    for body in bodies {
        let mut client = server.client();
        client.send(format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n{body}{NEXT}"
        ));
        answered_and_next(&mut client, 204);
    }
}

#[test]
fn a_body_that_comes_byte_by_byte_is_read_to_its_end() {
    let server = PROGRAM.serve(&site(), &[]);
    let mut client = server.client();
    client.send("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: CHUNKED\r\n\r\n");
    for byte in b"3;x=\"y\"\r\nabc\r\n0\r\nT: t\r\n\r\n" {
        client.send([*byte]);
        eventually("the server reads the byte", || unread(server.address()) == 0);
    }
    client.send(NEXT);
    answered_and_next(&mut client, 204);
}

#[test]
fn a_client_that_waits_is_told_to_continue() {
    let server = PROGRAM.serve(&site(), &[]);
    let mut client = server.client();
    client.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    client.response().expect(100);
    client.send(format!("body{NEXT}"));
    answered_and_next(&mut client, 204);
}

#[test]
fn an_http_1_0_client_is_not_told_to_continue() {
    let server = PROGRAM.serve(&site(), &[]);
    let mut client = server.client();
    client.send("POST / HTTP/1.0\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    eventually("the head is read", || unread(server.address()) == 0);
    client.send("body");
    client.response().expect(204);
    assert_eq!(client.ending(), Ending::Closed, "one answer should come, and no interim one");
}

#[test]
fn a_bad_chunk_is_refused_however_the_reads_of_the_server_cut_it() {
    let server = PROGRAM.serve(&site(), &[]);
    // The chunk promises two bytes more than come before its line end. A server that forgets how much of the chunk it
    // has read when a read ends there may take that line end for the one after the data, and take the following bytes
    // for a request.
    for read_size in [512, 1024, 2048, 4096, 8192, 16384, 32768] {
        let heads = "GET /next.txt HTTP/1.1\r\nHost: localhost\r\n\r\n\
                     POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
        let data = read_size - heads.len() - "0000\r\n".len();
        let mut client = server.client();
        client.send(format!("{heads}{:04x}\r\n{}\r\n0\r\n\r\n{TRAP}", data + 2, "a".repeat(data)));
        client.response().expect(200);
        client.response().expect(400);
        assert_eq!(client.ending(), Ending::Closed, "nothing behind a bad chunk should be believed");
    }
}
