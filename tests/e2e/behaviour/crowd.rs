//! Stage 3's lesson: a client that makes the server wait costs a connection, not a thread.

use crate::PROGRAM;
use e2e::{Client, Ending, Site, backlog, eventually, pattern, settled, threads, unread};
use verdict::test;

/// The queue is long, because at the end the whole crowd sends at once, and no client must be refused.
const TWO_THREADS: [&str; 6] = ["--num-workers", "1", "--threads-per-worker", "2", "--queue-size", "1000"];

#[test]
fn two_threads_serve_others_while_300_clients_are_silent_or_half_way() {
    let server = PROGRAM.serve(&Site::new(), &TWO_THREADS);
    let mut crowd: Vec<Client> = (0..300).map(|_| server.client()).collect();
    for (number, client) in crowd.iter_mut().enumerate() {
        // Silent, silent after an answer, half a head, half a body.
        match number % 4 {
            0 => {}
            1 => drop(client.get("/").expect(200)),
            2 => client.send("GET / HTTP/1.1\r\nHost: loc"),
            _ => client.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf"),
        }
    }
    eventually("all are accepted", || backlog(server.address()) == Some(0));
    eventually("what they sent is read", || unread(server.address()) == 0);
    for _ in 0..50 {
        assert_eq!(server.get("/").expect(200).text(), "home\n");
    }
    let count = threads(server.serving()[0]);
    assert!(
        count <= 4,
        "two threads should serve, and one or two wait, whatever the crowd; there are {count}"
    );
    for (number, client) in crowd.iter_mut().enumerate() {
        match number % 4 {
            2 => client.send("alhost\r\n\r\n"),
            3 => client.send("a body"),
            _ => client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        }
    }
    for (number, client) in crowd.iter_mut().enumerate() {
        client.response().expect(if number % 4 == 3 { 204 } else { 200 });
    }
}

#[test]
fn two_threads_serve_others_while_20_clients_read_nothing() {
    let content = pattern(12 << 20);
    let server = PROGRAM.serve(&Site::new().file("large.bin", &content), &TWO_THREADS);
    let mut slow: Vec<Client> =
        (0..20).map(|_| Client::connect_slowly(server.address(), 128 << 10)).collect();
    for client in &mut slow {
        client.send("GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    for client in &mut slow {
        client.head().expect(200);
    }
    for _ in 0..50 {
        assert_eq!(server.get("/").expect(200).text(), "home\n");
    }
    for mut client in slow.into_iter().take(3) {
        assert!(
            client.take(content.len()) == content,
            "a download that was left waiting should go on when it is read"
        );
    }
}

#[test]
fn when_descriptors_run_out_the_oldest_idle_clients_make_room() {
    let server = PROGRAM.launch().site(&Site::new()).flags(&TWO_THREADS).descriptors(40).start();
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..50 {
        // The file of the page needs a descriptor too, so this client may have to ask again.
        eventually("another client is served", || {
            let mut client = server.client();
            let served = client.get("/").status == 200;
            if served {
                clients.push(client);
            }
            served
        });
        // A client is idle when the thread that answered it has given it back.
        settled(server.serving()[0]);
    }
    assert_eq!(
        clients[0].ending(),
        Ending::Closed,
        "the first client was idle longest, so it should be closed"
    );
    assert_eq!(clients[49].get("/").expect(200).text(), "home\n", "the last client should still be there");
}
