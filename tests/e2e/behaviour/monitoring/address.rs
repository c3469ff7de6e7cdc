//! `--monitoring-address`: a separate address for monitoring, or none.

use super::{ONE, number, when_counted};
use crate::PROGRAM;
use crate::overload::NARROW;
use e2e::{
    Client, Ending, Server, Signal, Site, backlog, eventually, halt, is_pending, kill, sleeps, unread,
};
use std::net::{TcpListener, TcpStream};
use verdict::test;

const PATHS: [&str; 7] = [
    "/health",
    "/stats",
    "/metrics",
    "/dashboard",
    "/dashboard/style.css",
    "/dashboard/model.js",
    "/dashboard/draw.js",
];

/// Any port, for monitoring alone.
const APART: [&str; 2] = ["--monitoring-address", "127.0.0.1:0"];

fn start(site: &Site, flags: &[&str]) -> Server {
    PROGRAM.launch().site(site).flags(&APART).flags(flags).start()
}

fn watcher(server: &Server) -> Client {
    Client::connect(server.monitoring_address())
}

#[test]
fn an_address_for_monitoring_has_nothing_else_and_no_other_has_it() {
    let server = start(&Site::new().file("stats", "a file"), &[]);
    let (mut watcher, mut visitor) = (watcher(&server), server.client());
    for path in PATHS {
        let answer = watcher.get(path).expect(200);
        assert_eq!(answer.header("Cache-Control"), Some("no-store"));
        if path != "/stats" {
            visitor.get(path).expect(404);
        }
    }
    assert_eq!(visitor.get("/stats").expect(200).text(), "a file");
    for path in ["/", "/index.html", "/dashboard/", "/health/", "/no/such/file"] {
        watcher.get(path).expect(404);
    }
    assert_eq!(visitor.get("/").expect(200).text(), "home\n");
    watcher.ask("POST", "/stats", &["Content-Length: 0"]).expect(405);
    watcher.ask("POST", "/", &["Content-Length: 0"]).expect(404);
    watcher.ask("BREW", "/", &[]).expect(404);
    watcher.ask("HEAD", "/health", &[]).expect(200);
}

#[test]
fn monitoring_can_be_turned_off() {
    let server = PROGRAM.serve(&Site::new(), &["--monitoring-address", "off"]);
    let mut visitor = server.client();
    for path in PATHS {
        visitor.get(path).expect(404);
    }
    visitor.get("/").expect(200);
    assert_eq!(server.stdout().lines().count(), 1, "it says where it listens, and nothing else");
}

#[test]
fn however_requests_come_in_a_watcher_gets_no_file() {
    let server = start(&Site::new(), &["--hand-off", "always"]);
    let mut watcher = watcher(&server);
    // More than are answered in one turn of the reception.
    let pair = "GET /health HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    watcher.send(pair.repeat(50));
    for _ in 0..50 {
        watcher.response().expect(200);
        watcher.response().expect(404);
    }
    watcher.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n");
    watcher.response().expect(404);
    watcher.send("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    watcher.response().expect(400);
    assert_eq!(watcher.ending(), Ending::Closed, "what came behind a bad request should not be answered");
}

#[test]
fn what_watchers_ask_for_is_counted_apart_whatever_it_is() {
    let server = start(&Site::new(), &ONE);
    let (mut watcher, mut visitor) = (watcher(&server), server.client());
    for path in ["/", "/metrics", "/no/such/file"] {
        watcher.get(path);
    }
    for path in ["/", "/health"] {
        visitor.get(path);
    }
    let total = when_counted(&mut watcher, 2);
    let counted = ["requests", "responses/200", "responses/404"].map(|name| number(&total, name));
    assert_eq!(counted, [2, 1, 1], "the visitor's page, and a /health that it may not see");
    let metrics = watcher.get("/metrics").text();
    let line = metrics.lines().find(|line| line.starts_with("herd_monitoring_requests_total"));
    let asked = line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
    assert!(asked >= Some(4), "the watcher has asked at least four times: {line:?}");
}

#[test]
fn a_watcher_is_answered_while_every_thread_is_busy_and_the_queue_is_full() {
    let server = start(&Site::new(), &[&NARROW[..], &["--hand-off", "always"]].concat());
    let (address, pid) = (server.monitoring_address(), server.serving()[0]);
    let get = |path| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut deepest = 0;
    eventually("a watcher has seen the queue full", || {
        halt(pid);
        let mut visitors: Vec<Client> = (0..60).map(|_| server.client()).collect();
        visitors.iter_mut().for_each(|client| client.send(get("/")));
        let mut watchers: Vec<Client> = (0..10).map(|_| Client::connect(address)).collect();
        watchers.iter_mut().for_each(|client| client.send(get("/stats")));
        kill(pid, Signal::SIGCONT).expect("a process that can go on");
        for watcher in &mut watchers {
            let total = watcher.response().expect(200).json()["total"].take();
            deepest = deepest.max(number(&total, "queue_depth"));
        }
        deepest >= 2
    });
}

#[test]
fn watchers_who_have_connected_are_answered_by_a_server_that_stops() {
    let server = start(&Site::new(), &["--num-workers", "1"]);
    let (address, pid) = (server.monitoring_address(), server.serving()[0]);
    let mut begun = Client::connect(address);
    begun.send("GET /health HTTP/1.1\r\nHost: loc");
    eventually("it is accepted", || backlog(address) == Some(0));
    // While the process that serves is halted, no client is accepted.
    halt(pid);
    // More than are accepted in one turn, so that some are left when it sees the stop.
    let mut waiting: Vec<Client> = (0..100).map(|_| Client::connect(address)).collect();
    waiting.iter_mut().for_each(|client| client.send("GET /health HTTP/1.1\r\nHost: a\r\n\r\n"));
    server.signal(Signal::SIGTERM);
    eventually("it is asked to stop", || is_pending(pid, Signal::SIGTERM));
    kill(pid, Signal::SIGCONT).expect("a process that can go on");
    for client in &mut waiting {
        client.response().expect(200);
    }
    eventually("no more watchers are accepted", || TcpStream::connect(address).is_err());
    begun.send("alhost\r\n\r\n");
    assert_eq!(begun.response().expect(200).header("Connection"), Some("close"));
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn an_address_that_cannot_be_had_now_is_one_sentence_and_exit_code_75() {
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = other.local_addr().expect("an address").to_string();
    for (address, why) in
        [(&*taken, "is in use already"), ("192.0.2.1:0", "is not an address of this machine")]
    {
        let finished = PROGRAM.launch().site(&Site::new()).flags(&["--monitoring-address", address]).run();
        let sentence = format!("{}: --monitoring-address: {address} {why}\n", PROGRAM.name);
        assert_eq!((finished.code, finished.stderr, finished.stdout), (Some(75), sentence, String::new()));
    }
}

#[test]
fn a_server_without_descriptors_leaves_watchers_waiting_and_answers_them_later() {
    let server = PROGRAM
        .launch()
        .site(&Site::new())
        .flags(&APART)
        .flags(&["--num-workers", "1", "--threads-per-worker", "1"])
        .descriptors(40)
        .start();
    let address = server.monitoring_address();
    // Half a request each: none of them is idle, so none is closed to make room.
    let mut half: Vec<Client> = Vec::new();
    let is_full = || server.stderr().contains("left: 1 pauses");
    while !is_full() {
        let mut client = server.client();
        client.send("GET / HTTP/1.1\r\n");
        half.push(client);
        eventually("it is read, or there is no descriptor for it", || {
            unread(server.address()) == 0 || is_full()
        });
    }
    let mut watcher = Client::connect(address);
    watcher.send("GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
    // A report that is not handled would come again and again, and leave no time to sleep.
    let slept = sleeps(server.serving()[0]);
    eventually("it sleeps in between", || sleeps(server.serving()[0]) >= slept + 5);
    drop(half);
    watcher.response().expect(200);
}
