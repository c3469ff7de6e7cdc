//! The logs of several processes: every line is whole, no process waits for a reader, and files can be rotated.

use super::load::{Habit, Load};
use super::stats;
use crate::PROGRAM;
use e2e::{Server, Signal, Site, eventually, kill};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{pipe, write};
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use verdict::test;

const CLIENTS: usize = 8;
const REQUESTS: usize = 100;

/// The name of a client in one of its requests: long, so that a line written in pieces would be noticed.
fn name(client: usize, request: usize) -> String {
    format!("client-{client}-request-{request}-{}-end", "x".repeat(1500 + 37 * client))
}

/// Four workers with eight threads each write to one file.
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
        // A line of the program's log begins with a date, a line of the access log with the client.
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

/// A full pipe, its reading end first, and the number of lines in it.
fn full_pipe() -> (File, OwnedFd, usize) {
    let (reader, writer) = pipe().expect("a pipe");
    let set = |flags| fcntl(&writer, FcntlArg::F_SETFL(flags)).expect("a flag");
    set(OFlag::O_NONBLOCK);
    let line = format!("{}\n", "x".repeat(63));
    let lines = std::iter::repeat_with(|| write(&writer, line.as_bytes())).take_while(Result::is_ok).count();
    // The server gets an ordinary pipe, which blocks.
    set(OFlag::empty());
    (File::from(reader), writer, lines)
}

/// The end of a line that reports a loss.
const WHY: &str = " were dropped, because they could not be written at once";

fn dropped(server: &Server) -> u64 {
    stats(server)["total"]["log_lines_dropped"].as_u64().expect("a number")
}

#[test]
fn a_reader_that_reads_no_log_stops_neither_worker_nor_master() {
    let (reader, writer, full) = full_pipe();
    let site = Site::new();
    let flags = ["--access-log", "/dev/stderr"];
    let server = PROGRAM.launch().site(&site).flags(&flags).error_log(writer).start();
    for _ in 0..100 {
        server.get("/").expect(200);
    }
    eventually("what the workers lose is counted", || dropped(&server) >= 100);
    let metrics = server.get("/metrics").expect(200).text();
    let counted = metrics.lines().any(|line| {
        let number = line.strip_prefix("herd_log_lines_dropped_total ");
        number.and_then(|number| number.parse().ok()) >= Some(100_u64)
    });
    assert!(counted, "{metrics}");

    let workers = server.workers();
    kill(workers[0], Signal::SIGKILL).expect("a worker");
    eventually("the master still replaces the dead", || {
        let now = server.workers();
        now.len() == workers.len() && !now.contains(&workers[0])
    });
    let workers = server.workers();
    server.signal(Signal::SIGHUP);
    eventually("the master still reloads", || {
        let now = server.workers();
        now.len() == workers.len() && now.iter().all(|pid| !workers.contains(pid))
    });

    // The pipe is read again. Then each process reports what it has lost, and so does the master.
    let mut lines = BufReader::new(reader).lines().map(|line| line.expect("text"));
    assert!(lines.by_ref().take(full).all(|line| line == "x".repeat(63)));
    server.signal(Signal::SIGHUP);
    let master = format!(" {} WARN ", server.pid());
    let told = lines.any(|line| {
        assert!(line.starts_with("20") || line.starts_with("127."), "this line is damaged: {line}");
        line.contains(&master) && line.ends_with(WHY) && line.contains(" log lines ")
    });
    assert!(told, "the master should tell what it has lost");
    server.signal(Signal::SIGTERM);
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn a_log_that_nobody_reads_does_not_keep_a_herd_from_starting_and_stopping() {
    let (_reader, writer, _) = full_pipe();
    let server = PROGRAM.launch().site(&Site::new()).error_log(writer).variable("RUST_LOG", "debug").start();
    server.get("/").expect(200);
    server.signal(Signal::SIGTERM);
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn a_log_on_a_socket_is_written_and_never_waited_for() {
    // systemd gives its services a Unix stream socket to journald as standard error.
    let (journal, socket) = UnixStream::pair().expect("two sockets");
    let server = PROGRAM.launch().site(&Site::new()).error_log(socket.into()).variable("RUST_LOG", "debug");
    let server = server.start();
    let before = dropped(&server);
    let mut seen = Vec::new();
    eventually("nothing more goes into the socket", || {
        let workers = server.workers();
        server.signal(Signal::SIGHUP);
        eventually("the herd still reloads", || {
            let now = server.workers();
            now.len() == workers.len() && now.iter().all(|pid| !workers.contains(pid))
        });
        seen.push(dropped(&server));
        seen.len() == 3
    });
    assert!(seen.iter().all(|&now| now == before), "there was room for every line: {seen:?}");
    server.signal(Signal::SIGTERM);
    assert_eq!(server.exit_code(), Some(0));
    let lines: Vec<String> = BufReader::new(journal).lines().map(|line| line.expect("text")).collect();
    assert!(lines.iter().all(|line| line.starts_with("20")), "each line should be whole: {lines:#?}");
}

#[test]
fn rotated_logs_have_every_request() {
    let site = Site::new();
    let [log, old] = ["access.log", "access.log.1"].map(|name| site.outside().join(name));
    let server = PROGRAM.launch().site(&site).flag("--access-log", &log).start();
    let load = Load::begin(&server, &[Habit::Fresh, Habit::Kept, Habit::Fresh]);
    load.go_on_for(100);
    let workers = server.workers();
    fs::rename(&log, &old).expect("a log that can be renamed");
    server.signal(Signal::SIGUSR1);
    eventually("every worker is replaced", || {
        let now = server.workers();
        now.len() == workers.len() && now.iter().all(|pid| !workers.contains(pid))
    });
    let lines = |path: &Path| fs::read_to_string(path).expect("a log").lines().count() as u64;
    let before = lines(&old);
    load.go_on_for(100);
    let answered = load.answered();
    assert_eq!(load.end(), [""; 0], "no request should be lost");
    server.signal(Signal::SIGTERM);
    assert_eq!(server.exit_code(), Some(0));
    assert_eq!(lines(&old), before, "nothing more goes into the old log");
    assert!(lines(&log) >= 100, "new requests go into the new log");
    assert!(lines(&old) + lines(&log) >= answered, "every request should be in one of the logs");
}

#[test]
fn a_log_that_cannot_be_opened_again_stays_the_one_it_was() {
    let site = Site::new().file("../logs/access.log", "");
    let (folder, elsewhere) = (site.outside().join("logs"), site.outside().join("elsewhere"));
    let server = PROGRAM.launch().site(&site).flag("--access-log", folder.join("access.log")).start();
    let workers = server.workers();
    fs::rename(&folder, &elsewhere).expect("a folder that can be renamed");
    server.signal(Signal::SIGUSR1);
    eventually("the log says why", || {
        server.stderr().contains("the logs are not opened again: --access-log:")
    });
    server.get("/").expect(200);
    assert_eq!(server.workers(), workers);
    eventually("the line is in the old log", || {
        fs::read_to_string(elsewhere.join("access.log")).is_ok_and(|text| text.lines().count() == 1)
    });
}
