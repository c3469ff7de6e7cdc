//! The end of a herd.

use super::herd;
use crate::PROGRAM;
use e2e::{Client, Ending, Server, Signal, Site, eventually, killpg, pattern};
use verdict::test;

/// A client whose download has begun and that reads no further.
fn begun(server: &Server) -> Client {
    let mut client = Client::connect_slowly(server.address(), 128 << 10);
    client.send("GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.head().expect(200);
    client
}

#[test]
fn ten_slow_downloads_are_finished_before_the_herd_exits() {
    let content = pattern(12 << 20);
    let server = herd(&Site::new().file("large.bin", &content), "2");
    let mut clients: Vec<Client> = (0..10).map(|_| begun(&server)).collect();
    server.signal(Signal::SIGTERM);
    eventually("no more clients are accepted", || server.refuses_connections());
    for part in content.chunks(1 << 20) {
        for client in &mut clients {
            assert!(client.take(part.len()) == part, "a download should go on to its last byte");
        }
    }
    drop(clients);
    assert_eq!(server.exit_code(), Some(0), "a herd that was asked to stop should exit with code 0");
    assert_eq!(server.workers(), [], "no process should be left");
}

#[test]
fn a_worker_that_leaves_first_takes_nobody_along() {
    let content = pattern(6 << 20);
    // Which worker is first, and what the others are doing then, differs each time.
    for _ in 0..10 {
        let server = herd(&Site::new().file("large.bin", &content), "4");
        let mut clients: Vec<Client> = (0..4).map(|_| begun(&server)).collect();
        server.signal(Signal::SIGTERM);
        for client in &mut clients {
            assert!(client.take(content.len()) == content, "a download should go on to its last byte");
        }
        drop(clients);
        assert_eq!(server.exit_code(), Some(0));
        let says = server.stderr();
        assert!(!says.contains("ERROR"), "nothing should go wrong: {says}");
    }
}

#[test]
fn a_second_signal_stops_the_herd_at_once() {
    for (first, second) in [(Signal::SIGTERM, Signal::SIGTERM), (Signal::SIGTERM, Signal::SIGINT)] {
        let site = Site::new().sparse("large.bin", 64 << 20);
        // The client does not read, and the time limit is a day: without the second signal this would not end.
        let server = PROGRAM.serve(&site, &["--timeout-seconds", "86400"]);
        let _client = begun(&server);
        server.signal(first);
        eventually("no more clients are accepted", || server.refuses_connections());
        assert!(!server.workers().is_empty(), "after one signal, a download should still hold its worker");
        server.signal(second);
        assert_eq!(server.exit_code(), Some(0));
        assert_eq!(server.workers(), [], "no process should be left");
    }
}

#[test]
fn the_grace_period_ends() {
    let site = Site::new().sparse("large.bin", 64 << 20);
    // The time limit of the client is not what ends this.
    let server = PROGRAM.serve(&site, &["--timeout-seconds", "86400", "--drain-seconds", "1"]);
    let _client = begun(&server);
    server.signal(Signal::SIGTERM);
    assert_eq!(server.exit_code(), Some(0), "a client that does not read should not hold the herd for ever");
    assert_eq!(server.workers(), [], "no process should be left");
}

#[test]
fn sigquit_does_not_wait_for_anybody() {
    let site = Site::new().sparse("large.bin", 64 << 20);
    let server = PROGRAM.serve(&site, &["--timeout-seconds", "86400"]);
    let _client = begun(&server);
    server.signal(Signal::SIGQUIT);
    assert_eq!(server.exit_code(), Some(0));
    assert_eq!(server.workers(), [], "no process should be left");
}

#[test]
fn a_signal_to_the_whole_group_as_from_a_terminal_is_one_stop() {
    let content = pattern(12 << 20);
    let server = herd(&Site::new().file("large.bin", &content), "2");
    let mut client = begun(&server);
    // Control-C goes to master and workers alike.
    killpg(server.pid(), Signal::SIGINT).expect("a group that can be signalled");
    assert!(client.take(content.len()) == content, "the download should go on to its last byte");
    drop(client);
    assert_eq!(server.exit_code(), Some(0));
}

/// They have connected, so the herd must tell them, although no worker has seen them: the kernel keeps a silent client
/// for a second before it can be accepted.
#[test]
fn who_has_only_connected_is_told_and_not_reset() {
    for whom in ["the master", "all, as from a terminal"] {
        let server = herd(&Site::new(), "2");
        let mut clients: Vec<Client> = (0..8).map(|_| server.client()).collect();
        match whom {
            "the master" => server.signal(Signal::SIGTERM),
            _ => killpg(server.pid(), Signal::SIGINT).expect("a group that can be signalled"),
        }
        for client in &mut clients {
            assert_eq!(
                client.ending(),
                Ending::Closed,
                "a stop of {whom} should end with a FIN for everybody"
            );
        }
        assert_eq!(server.exit_code(), Some(0));
    }
}
