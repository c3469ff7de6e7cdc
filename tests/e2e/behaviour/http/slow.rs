//! Clients that send or read slowly, and files that change while they are sent: the right bytes, or the end of the
//! connection, and never a wrong frame.

use crate::PROGRAM;
use e2e::{Client, Ending, Lost, Site, accepted, eventually, pattern, unread};
use std::fs::File;
use verdict::test;

/// Larger than the kernel's buffers between two programs.
const LARGE: usize = 12 << 20;

#[test]
fn a_request_may_come_byte_by_byte() {
    let server = PROGRAM.serve(&Site::new(), &[]);
    let mut client = server.client();
    for byte in b"GET /index.html HTTP/1.1\r\nHost: localhost\r\nX: y\r\n\r\n" {
        client.send([*byte]);
        // Each byte must be read alone, or this would test nothing.
        eventually("the server reads the byte", || unread(server.address()) == 0);
    }
    assert_eq!(client.response().expect(200).text(), "home\n");
}

#[test]
fn a_client_that_reads_slowly_gets_every_byte() {
    let content = pattern(LARGE);
    let server = PROGRAM.serve(&Site::new().file("large.bin", &content), &[]);
    let mut client = Client::connect_slowly(server.address(), 128 << 10);
    client
        .send("GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(client.head().expect(200).content_length(), Some(LARGE));
    let mut position = 0;
    while position < LARGE {
        let piece = client.take(10_000.min(LARGE - position));
        let expected = &content[position..position + piece.len()];
        assert!(
            !piece.is_empty() && piece == expected,
            "the bytes from {position} on should be those of the file"
        );
        position += piece.len();
    }
    assert_eq!(client.response().expect(200).text(), "home\n", "the next answer should follow the last byte");
}

#[test]
fn a_file_that_shrinks_while_it_is_sent_ends_the_connection() {
    let content = pattern(LARGE);
    let site = Site::new().file("large.bin", &content);
    let server = PROGRAM.serve(&site, &[]);
    let mut client = Client::connect_slowly(server.address(), 128 << 10);
    client
        .send("GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.head().expect(200);
    let begun = client.take(1000);
    File::options()
        .write(true)
        .open(site.path("large.bin"))
        .and_then(|file| file.set_len(0))
        .expect("a shorter file");
    let received = [begun, client.take(2 * LARGE)].concat();
    assert!(
        received.len() < LARGE,
        "the file has no more bytes, so the server cannot have sent {}",
        received.len()
    );
    // A second head in here would be the answer to the second request, which the client would take for bytes of the
    // file.
    assert!(
        content.starts_with(&received),
        "the {} bytes that came should be those of the file",
        received.len()
    );
    assert!(matches!(client.ending(), Ending::Closed | Ending::Reset));
    server.get("/").expect(200);
}

#[test]
fn a_file_that_grows_while_it_is_sent_is_sent_at_the_length_that_was_promised() {
    let content = pattern(LARGE);
    let site = Site::new().file("large.bin", &content);
    let server = PROGRAM.serve(&site, &[]);
    let mut client = Client::connect_slowly(server.address(), 128 << 10);
    client
        .send("GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(client.head().expect(200).content_length(), Some(LARGE));
    File::options()
        .write(true)
        .open(site.path("large.bin"))
        .and_then(|file| file.set_len(2 * LARGE as u64))
        .expect("more");
    assert!(client.take(LARGE) == content, "the body should be the bytes that were promised");
    assert_eq!(client.response().expect(200).text(), "home\n", "the next answer should follow them");
}

#[test]
fn a_file_that_is_replaced_while_it_is_sent_arrives_as_it_was() {
    let (old, new) = (pattern(LARGE), vec![b'n'; LARGE]);
    let site = Site::new().file("large.bin", &old);
    let server = PROGRAM.serve(&site, &[]);
    let mut client = Client::connect_slowly(server.address(), 128 << 10);
    client.send("GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.head().expect(200);
    site.replace("large.bin", &new);
    assert!(client.take(LARGE) == old, "one response should not mix two files");
    assert!(client.get("/large.bin").expect(200).body == new, "the next should be the new file");
}

#[test]
fn a_client_that_reads_nothing_is_sent_away_however_long_the_response() {
    let site = Site::new().file("large.bin", pattern(LARGE));
    let server = PROGRAM.serve(&site, &["--timeout-seconds", "1"]);
    let mut client = Client::connect_slowly(server.address(), 128 << 10);
    client.send("GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let is_held = || server.serving().into_iter().any(|pid| !accepted(server.address(), pid).is_empty());
    eventually("the server accepts the connection", is_held);
    // At 4 KiB per second this file would take 51 minutes.
    eventually("the server closes the connection", || !is_held());
    let lost = client.try_response().expect_err("a response that nobody has read");
    assert!(
        matches!(lost, Lost::Ended(Ending::Reset, 1..)),
        "the kernel should not keep the rest for a client that does not read: {lost}"
    );
    server.get("/").expect(200);
}
