//! Stopping: what was accepted is answered, then the program exits with code 0.

use crate::PROGRAM;
use e2e::{
    Client, Ending, Server, Signal, Site, backlog, eventually, halt, ignores, is_pending, kill, pattern,
    unread,
};
use verdict::test;

const STOPS: [Signal; 2] = [Signal::SIGTERM, Signal::SIGINT];

/// Larger than the kernel's buffers between two programs.
const LARGE: usize = 12 << 20;

#[track_caller]
fn exited_well(server: &Server) {
    assert_eq!(server.exit_code(), Some(0), "a server that was asked to stop should exit with code 0");
    // So its port is free too. Connecting would prove nothing, because another test's server may have got the port
    // meanwhile.
    assert_eq!(server.workers(), [], "a server that has stopped should leave no process behind");
}

#[test]
fn a_server_without_clients_stops() {
    for signal in STOPS {
        let server = PROGRAM.serve(&Site::new(), &[]);
        server.signal(signal);
        exited_well(&server);
    }
}

#[test]
fn an_idle_connection_does_not_keep_the_server_from_stopping() {
    for signal in STOPS {
        // If the time limit applied to idle connections, it would hold the server for a day.
        let server = PROGRAM.serve(&Site::new(), &["--timeout-seconds", "86400"]);
        let mut idle = server.client();
        idle.get("/").expect(200);
        server.signal(signal);
        assert_eq!(idle.ending(), Ending::Closed, "an idle connection should be closed, and not reset");
        exited_well(&server);
    }
}

#[test]
fn a_download_in_progress_arrives_whole() {
    for signal in STOPS {
        let content = pattern(LARGE);
        let server = PROGRAM.serve(&Site::new().file("large.bin", &content), &[]);
        let mut client = Client::connect_slowly(server.address(), 128 << 10);
        client.send("GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
        client.head().expect(200);
        server.signal(signal);
        for part in content.chunks(1 << 20) {
            assert!(client.take(part.len()) == part, "a download should go on to its last byte");
        }
        assert_eq!(client.ending(), Ending::Closed, "after its download, the connection should be closed");
        drop(client);
        exited_well(&server);
    }
}

#[test]
fn a_request_that_has_begun_is_answered() {
    let server = PROGRAM.serve(&Site::new(), &[]);
    let mut client = server.client();
    client.send("GET / HTTP/1.1\r\nHost: loc");
    eventually("the server reads the first half", || unread(server.address()) == 0);
    server.signal(Signal::SIGTERM);
    eventually("the server receives the signal", || !is_pending(server.pid(), Signal::SIGTERM));
    client.send("alhost\r\n\r\n");
    assert_eq!(client.response().expect(200).text(), "home\n");
    assert_eq!(client.ending(), Ending::Closed, "the last answer should be followed by a FIN");
    drop(client);
    exited_well(&server);
}

#[test]
fn what_waits_in_the_backlog_is_answered() {
    // More than a server may be willing to accept at once, and fewer than its queue has room for.
    const CLIENTS: u64 = 200;
    for signal in STOPS {
        let server = PROGRAM.serve(&Site::new(), &["--queue-size", "400"]);
        let serving = server.serving();
        // Halted processes accept nothing, so the clients wait in the backlogs.
        serving.iter().copied().for_each(halt);
        let mut clients: Vec<Client> = (0..CLIENTS).map(|_| server.client()).collect();
        for client in &mut clients {
            client.send("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        }
        eventually("the clients wait in the backlog", || backlog(server.address()) == Some(CLIENTS));
        server.signal(signal);
        // A master passes the signal on; a worker receives it only after SIGCONT, with its backlog full.
        for &pid in &serving {
            eventually("the signal waits for each process", || {
                is_pending(pid, Signal::SIGTERM) || is_pending(pid, Signal::SIGINT)
            });
        }
        for &pid in &serving {
            kill(pid, Signal::SIGCONT).expect("a process that can go on");
        }
        for mut client in clients {
            assert_eq!(client.response().expect(200).text(), "home\n");
        }
        exited_well(&server);
    }
}

#[test]
fn signals_without_a_meaning_end_nothing() {
    let server = PROGRAM.serve(&Site::new(), &[]);
    let before = server.processes();
    let meaningless = [
        Signal::SIGUSR2,
        Signal::SIGPIPE,
        Signal::SIGXFSZ,
        Signal::SIGALRM,
        Signal::SIGVTALRM,
        Signal::SIGPROF,
        Signal::SIGIO,
        Signal::SIGPWR,
        Signal::SIGSTKFLT,
        Signal::SIGTTOU,
    ];
    for &pid in &before {
        for signal in meaningless {
            assert!(ignores(pid, signal as u32), "process {pid} should ignore {signal}");
            kill(pid, signal).expect("a process that can be signalled");
        }
        // The C library keeps the first two or three real-time signals for itself (signal(7)).
        assert!((35..=64).all(|signal| ignores(pid, signal)), "process {pid}, real-time signals");
    }
    for _ in 0..20 {
        server.get("/").expect(200);
    }
    assert_eq!(server.processes(), before, "no process should have ended");
}

#[test]
fn a_mistake_in_the_program_is_seen() {
    for signal in [Signal::SIGSEGV, Signal::SIGBUS, Signal::SIGFPE, Signal::SIGILL, Signal::SIGABRT] {
        for launch in [PROGRAM.launch(), PROGRAM.launch().deaf()] {
            let server = launch.site(&Site::new()).start();
            server.signal(signal);
            assert_eq!(server.exit_code(), None, "{signal} should end the program");
        }
    }
}

#[test]
fn a_server_hears_the_signals_that_its_parent_did_not() {
    for signal in STOPS {
        let server = PROGRAM.launch().site(&Site::new()).deaf().start();
        server.get("/").expect(200);
        server.signal(signal);
        exited_well(&server);
    }
}
