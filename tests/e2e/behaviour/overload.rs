//! A full queue: requests that cannot be served soon are refused at once, politely, and the refusal arrives.

use crate::PROGRAM;
use e2e::{Client, Ending, Response, Server, Signal, Site, eventually, halt, kill};
use verdict::test;

/// One thread, and a queue for two.
pub const NARROW: [&str; 6] = ["--num-workers", "1", "--threads-per-worker", "1", "--queue-size", "2"];

/// Sends a GET for each of these paths while the server is halted, so that it finds them all at once: far more than one
/// thread and a queue for two can take. Each is followed by bytes that the server does not read when it refuses, and
/// the refusal must still arrive whole.
// ANCHOR: burst
#[track_caller]
pub fn burst(server: &Server, paths: &[&str]) -> Vec<Response> {
    let pid = server.serving()[0];
    halt(pid);
    let clients: Vec<Client> = paths.iter().map(|path| asking(server, path)).collect();
    kill(pid, Signal::SIGCONT).expect("a process that can go on");
    clients.into_iter().map(answer).collect()
}
// ANCHOR_END: burst

fn asking(server: &Server, path: &str) -> Client {
    let behind = "x".repeat(30_000);
    let mut client = server.client();
    client.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n{behind}"));
    client
}

#[track_caller]
fn answer(mut client: Client) -> Response {
    let response = client.response();
    if response.status == 503 {
        assert_eq!(
            response.header("Retry-After"),
            Some("1"),
            "a refused client should be told when to come back"
        );
        assert_eq!(response.header("Connection"), Some("close"), "a refused client should not stay");
        assert!(!response.body.is_empty(), "a refusal should say why");
        let promise = "a refusal should be followed by a FIN, not overtaken by a reset";
        assert_eq!(client.ending(), Ending::Closed, "{promise}");
    }
    response
}

/// How many were refused.
pub fn refused(responses: &[Response]) -> u64 {
    responses.iter().filter(|response| response.status == 503).count() as u64
}

fn start() -> Server {
    PROGRAM.launch().site(&Site::new()).flags(&NARROW).flags(&["--hand-off", "always"]).start()
}

#[test]
fn when_the_queue_is_full_clients_get_503_whole() {
    let server = start();
    eventually("some of 60 requests at once find the queue of two full", || {
        let responses = burst(&server, &["/"; 60]);
        let served =
            responses.iter().filter(|response| response.status == 200 && response.text() == "home\n").count();
        assert_eq!(served as u64 + refused(&responses), 60, "each should get the page, or a refusal");
        assert!(served >= 2, "what fits into the queue should be served");
        refused(&responses) > 0
    });
    for _ in 0..20 {
        server.get("/").expect(200);
    }
}

#[test]
fn the_log_gets_a_line_whenever_refusals_have_doubled() {
    let server = start();
    let mut count = 0;
    eventually("250 requests are refused because the queue is full", || {
        count += refused(&burst(&server, &["/"; 60]));
        count >= 250
    });
    let log = server.stderr();
    let lines = log.lines().filter(|line| line.contains("refused")).count() as u64;
    assert_eq!(
        lines,
        u64::from(count.ilog2()) + 1,
        "{count} refusals should make a line at 1, 2, 4, 8 ...: {log}"
    );
}
