//! Stage 1's lesson: one thread, so one client at a time, and a silent client makes all others wait.

use crate::PROGRAM;
use e2e::{Ending, Site, backlog, eventually};
use verdict::test;

#[test]
fn a_silent_client_makes_everybody_wait_until_it_leaves() {
    let server = PROGRAM.serve(&Site::new(), &[]);
    let mut silent = server.client();
    eventually("the silent client is accepted", || backlog(server.address()) == Some(0));
    let mut second = server.client();
    second.send("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    // A server with a second thread would answer the second client during one of these.
    for _ in 0..100 {
        silent.get("/").expect(200);
    }
    assert!(
        second.has_heard_nothing(),
        "with one thread, the second client should wait until the first has left"
    );
    assert_eq!(backlog(server.address()), Some(1), "the second client should wait in the backlog");
    drop(silent);
    assert_eq!(second.response().expect(200).text(), "home\n");
}

#[test]
fn a_silent_client_is_sent_away_when_its_time_is_up() {
    let server = PROGRAM.serve(&Site::new(), &["--timeout-seconds", "1"]);
    let mut silent = server.client();
    let mut second = server.client();
    assert_eq!(second.get("/").expect(200).text(), "home\n");
    assert_eq!(
        silent.ending(),
        Ending::Closed,
        "the second is served, so the first should have been sent away"
    );
}
