//! The generator against servers that do one thing each.

use super::{Clients, Found, Load, Pace};
use e2e::eventually;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A server that gives each connection, with its number, to a function.
fn server(serve: impl Fn(usize, TcpStream) + Send + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for (number, connection) in listener.incoming().flatten().enumerate() {
            let serve = serve.clone();
            thread::spawn(move || serve(number, connection));
        }
    });
    address
}

/// Reads a request. `false` at the end of the connection.
fn request(connection: &mut BufReader<TcpStream>) -> bool {
    let mut line = String::new();
    loop {
        line.clear();
        match connection.read_line(&mut line) {
            Ok(0) | Err(_) => return false,
            Ok(_) if line == "\r\n" => return true,
            Ok(_) => {}
        }
    }
}

/// Answers every request of a connection in the same way.
fn answer_all(connection: TcpStream, answer: &str) {
    answer_in_turn(connection, &[answer]);
}

/// Answers the requests of a connection with these, in turn.
fn answer_in_turn(connection: TcpStream, answers: &[&str]) {
    let mut connection = BufReader::new(connection);
    for answer in answers.iter().cycle() {
        if !request(&mut connection) || connection.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn load(server: SocketAddr, clients: usize, keep_alive: bool, pace: Pace) -> Load {
    Load { server, path: "/", clients, keep_alive, pace }
}

fn until(clients: Clients, answers: u64) -> Found {
    eventually("clients get answers", || clients.answers() >= answers);
    clients.finish()
}

#[test]
fn answers_are_counted_by_status() {
    let refuses = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
    // In turn on each connection: one of the two clients may have got all the answers before the other got its first.
    let address = server(move |_, stream| answer_in_turn(stream, &[OK, refuses]));
    let found = until(load(address, 2, true, Pace::Closed).begin(), 200);
    assert!(found.with(200) > 0 && found.with(503) > 0, "{:?}", found.answered);
    assert_eq!(found.answers(), found.with(200) + found.with(503));
    for (&status, &count) in &found.answered {
        assert_eq!(found.latency[&status].len(), count, "each answer has its time");
    }
    assert_eq!((found.lost, found.asked_again), (0, 0));
}

#[test]
fn connections_are_kept_or_not() {
    for (keep_alive, most) in [(true, 1), (false, usize::MAX)] {
        let (sender, connections) = std::sync::mpsc::channel();
        let address = server(move |number, stream| {
            sender.send(number).expect("the test counts");
            answer_all(stream, OK);
        });
        let answers = until(load(address, 1, keep_alive, Pace::Closed).begin(), 20).answers();
        let opened = connections.try_iter().count();
        assert_eq!(opened as u64, answers.min(most as u64), "keep-alive: {keep_alive}");
    }
}

/// With one client and a pause of 300 ms, at 1000 requests per second: 300 of them were due in the pause.
#[test]
fn an_open_loop_counts_a_pause_for_every_request_that_was_due_in_it() {
    let address = server(|_, stream| {
        let mut connection = BufReader::new(stream);
        if request(&mut connection) {
            thread::sleep(Duration::from_millis(300));
            let _ = connection.get_mut().write_all(OK.as_bytes());
        }
        let rest = connection.into_inner();
        answer_all(rest, OK);
    });
    let found = until(load(address, 1, true, Pace::Open(1000.0)).begin(), 400);
    let late = found.latency[&200].count_between(100_000, u64::MAX);
    assert!(
        late >= 150,
        "{late} of {} took 100 ms or more, and about 200 were due so early",
        found.answers()
    );
}

#[test]
fn an_open_loop_does_not_ask_faster_than_it_should() {
    let address = server(|_, stream| answer_all(stream, OK));
    let found = until(load(address, 3, true, Pace::Open(200.0)).begin(), 60);
    assert!(found.rate() <= 220.0, "{} per second", found.rate());
}

#[test]
fn a_kept_connection_that_ends_is_no_failure() {
    let address = server(|_, stream| {
        let mut connection = BufReader::new(stream);
        if request(&mut connection) {
            let _ = connection.get_mut().write_all(OK.as_bytes());
        }
    });
    let found = until(load(address, 2, true, Pace::Closed).begin(), 20);
    assert_eq!(found.lost, 0);
    assert!(found.asked_again >= 18, "{}", found.asked_again);
}

#[test]
fn a_server_that_says_close_is_not_asked_again_on_that_connection() {
    let address = server(|_, stream| {
        let mut connection = BufReader::new(stream);
        if request(&mut connection) {
            let last = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
            let _ = connection.get_mut().write_all(last.as_bytes());
        }
    });
    let found = until(load(address, 2, true, Pace::Closed).begin(), 20);
    assert_eq!((found.lost, found.asked_again), (0, 0));
}

#[test]
fn half_an_answer_no_answer_and_nobody_there_are_losses() {
    let half = |_, stream| {
        let mut connection = BufReader::new(stream);
        request(&mut connection);
        let _ = connection.get_mut().write_all(&OK.as_bytes()[..OK.len() - 1]);
    };
    let silent_end = |_, stream| {
        request(&mut BufReader::new(stream));
    };
    let no_http = |_, stream| answer_all(stream, "SSH-2.0\r\n\r\n");
    let too_much = |_, stream| answer_all(stream, &format!("{OK}ok"));
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("an address");
    for address in [server(half), server(silent_end), server(no_http), server(too_much), nobody] {
        let clients = load(address, 1, true, Pace::Open(100.0)).begin();
        eventually("a request is lost", || clients.lost() > 0);
        let found = clients.finish();
        assert_eq!(found.answers(), 0, "{address}");
        assert!(found.lost > 0, "{address}");
    }
}
