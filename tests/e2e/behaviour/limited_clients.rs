//! Stage 2's lesson: a silent client costs one thread, and when all threads are taken the others wait in the
//! backlog.

use crate::PROGRAM;
use e2e::{Client, Signal, Site, backlog, eventually, threads};
use verdict::test;

const FOUR: [&str; 2] = ["--threads-per-worker", "4"];

#[test]
fn as_many_silent_clients_as_there_are_threads_less_one_disturb_nobody() {
    let server = PROGRAM.serve(&Site::new(), &FOUR);
    let silent: Vec<Client> = (0..3).map(|_| server.client()).collect();
    eventually("they are accepted", || backlog(server.address()) == Some(0));
    for _ in 0..100 {
        assert_eq!(server.get("/").expect(200).text(), "home\n");
    }
    assert!(silent.iter().all(Client::has_heard_nothing), "clients that say nothing should be left alone");
}

#[test]
fn clients_are_served_at_the_same_time() {
    let server = PROGRAM.serve(&Site::new(), &FOUR);
    let mut clients: Vec<Client> = (0..4).map(|_| server.client()).collect();
    // Each gets an answer while all others keep their connections; a server with one thread never gets past
    // the first.
    for _ in 0..10 {
        for client in &mut clients {
            client.get("/").expect(200);
        }
    }
}

#[test]
fn at_the_limit_clients_wait_in_the_backlog_until_one_leaves() {
    let server = PROGRAM.serve(&Site::new(), &FOUR);
    let mut clients: Vec<Client> = (0..4).map(|_| server.client()).collect();
    for client in &mut clients {
        client.get("/").expect(200);
    }
    let mut waiting: Vec<Client> = (0..2).map(|_| server.client()).collect();
    for client in &mut waiting {
        client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    // ANCHOR: wait_in_the_backlog
    // A server that went beyond its limit would have answered them by now.
    for _ in 0..100 {
        clients[0].get("/").expect(200);
    }
    assert_eq!(
        backlog(server.address()),
        Some(2),
        "with 4 threads, the fifth and sixth client should not be accepted"
    );
    assert!(
        threads(server.pid()) <= 5,
        "4 threads and the one that accepts: there are {}",
        threads(server.pid())
    );
    assert!(waiting.iter().all(Client::has_heard_nothing), "they should wait");
    for mut client in waiting {
        drop(clients.pop());
        assert_eq!(
            client.response().expect(200).text(),
            "home\n",
            "a thread that is free should take one who waits"
        );
    }
    // ANCHOR_END: wait_in_the_backlog
}

#[test]
// ANCHOR: stop_at_the_limit
fn a_stop_at_the_limit_still_answers_those_who_wait() {
    let server = PROGRAM.serve(&Site::new(), &FOUR);
    let mut clients: Vec<Client> = (0..4).map(|_| server.client()).collect();
    for client in &mut clients {
        client.get("/").expect(200);
    }
    let mut waiting = server.client();
    waiting.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    server.signal(Signal::SIGTERM);
    assert_eq!(
        waiting.response().expect(200).text(),
        "home\n",
        "the end of an idle connection should make room"
    );
    assert_eq!(server.exit_code(), Some(0));
}
// ANCHOR_END: stop_at_the_limit
