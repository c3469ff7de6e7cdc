//! A full queue: what cannot be served soon is refused at once, politely, and the refusal arrives.

use crate::PROGRAM;
use e2e::{Client, Ending, Server, Signal, Site, eventually, kill};

/// One thread, and a queue for two.
pub const NARROW: [&str; 6] = ["--num-workers", "1", "--threads-per-worker", "1", "--queue-size", "2"];

fn start() -> Server {
    PROGRAM.launch().site(&Site::new()).flags(&NARROW).flags(&["--hand-off", "always"]).start()
}

/// Sends 60 requests while the server is halted, so that it finds them all at once. Returns how many it refused.
#[track_caller]
fn burst(server: &Server) -> u64 {
    let pid = server.serving()[0];
    kill(pid, Signal::SIGSTOP).expect("a process that can be halted");
    let mut clients: Vec<Client> = (0..60).map(|_| server.client()).collect();
    for client in &mut clients {
        client.send(request("/"));
    }
    kill(pid, Signal::SIGCONT).expect("a process that can go on");
    clients.into_iter().map(|client| u64::from(answer(client))).sum()
}

#[test]
fn when_the_queue_is_full_clients_get_503_whole() {
    let server = start();
    let mut refused = 0;
    eventually("some of 60 requests at once find the queue of two full", || {
        refused += burst(&server);
        refused > 0
    });
    for _ in 0..20 {
        server.get("/").expect(200);
    }
}

#[test]
fn refusals_are_logged_once_per_hundred() {
    let server = start();
    let mut refused = 0;
    eventually("250 requests are refused because the queue is full", || {
        refused += burst(&server);
        refused >= 250
    });
    let log = server.stderr();
    let lines = log.lines().filter(|line| line.contains("refused")).count() as u64;
    assert_eq!(lines, refused.div_ceil(100), "{refused} refusals should make one line for each 100: {log}");
}

/// A GET for a page of the site, and much behind it that the server will not read.
pub fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n{}", "x".repeat(30_000))
}

/// Reads the answer to [`request`]: the page, or a refusal. Either arrives whole. `true` for a refusal.
#[track_caller]
pub fn answer(mut client: Client) -> bool {
    let response = client.response();
    let refused = response.status == 503;
    if refused {
        assert_eq!(
            response.header("Retry-After"),
            Some("1"),
            "a refused client should be told when to come back"
        );
        assert_eq!(response.header("Connection"), Some("close"), "a refused client should not stay");
        assert!(!response.body.is_empty(), "a refusal should say why");
    } else {
        assert_eq!(response.expect(200).text(), "home\n", "what is not refused should be answered well");
    }
    assert_eq!(
        client.ending(),
        Ending::Closed,
        "the answer should be followed by a FIN, not overtaken by a reset"
    );
    refused
}
