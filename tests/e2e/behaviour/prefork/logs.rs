//! Four workers with eight threads each write to one file: every line is whole.

use crate::PROGRAM;
use e2e::{Signal, Site};
use std::collections::HashSet;
use std::thread;
use verdict::test;

const CLIENTS: usize = 8;
const REQUESTS: usize = 100;

/// What a client calls itself in one of its requests: long, so that a line written in pieces would be seen.
fn name(client: usize, request: usize) -> String {
    format!("client-{client}-request-{request}-{}-end", "x".repeat(1500 + 37 * client))
}

#[test]
fn lines_of_many_threads_and_processes_never_mix() {
    // Standard error is a file here, and /dev/stderr is the same one: everything goes into it.
    let flags = [
        "--num-workers",
        "4",
        "--threads-per-worker",
        "8",
        "--hand-off",
        "always",
        "--access-log",
        "/dev/stderr",
    ];
    let server = PROGRAM.launch().site(&Site::new()).flags(&flags).variable("RUST_LOG", "debug").start();
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let server = &server;
            scope.spawn(move || {
                for request in 0..REQUESTS {
                    let field = format!("User-Agent: {}", name(client, request));
                    server.client().ask("GET", "/", &[&field]).expect(200);
                }
            });
        }
    });
    server.signal(Signal::SIGTERM);
    assert_eq!(server.exit_code(), Some(0));
    let mut awaited: HashSet<String> =
        (0..CLIENTS).flat_map(|client| (0..REQUESTS).map(move |request| name(client, request))).collect();
    for line in server.stderr().lines() {
        // The log of the program begins with a date, that of the requests with the client.
        if line.starts_with("20") {
            assert!(
                !line.contains("127.0.0.1 - - ") && !line.contains("client-"),
                "this line is of two: {line}"
            );
            continue;
        }
        let named = line.strip_prefix("127.0.0.1 - - [").and_then(|rest| rest.strip_suffix('"'));
        let agent = named.and_then(|rest| rest.split_once("] \"GET / HTTP/1.1\" 200 5 \"-\" \""));
        let agent = agent.unwrap_or_else(|| panic!("this is no whole line of the access log: {line}")).1;
        assert!(awaited.remove(agent), "this line is damaged, or comes twice: {line}");
    }
    assert!(awaited.is_empty(), "every request should have a line, and {} have none", awaited.len());
}
