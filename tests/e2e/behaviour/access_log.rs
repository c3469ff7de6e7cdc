//! The access log, in Combined Log Format: a line for each request, whatever the client sends.

use crate::PROGRAM;
use e2e::{Client, Server, Site, eventually, settled, skip};
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::thread;
use verdict::test;

fn start(site: &Site) -> (Server, PathBuf) {
    let log = site.outside().join("access.log");
    (PROGRAM.launch().site(site).flag("--access-log", &log).start(), log)
}

/// Waits for `count` lines, because a line is written only when the last byte of an answer is sent.
#[track_caller]
fn lines(log: &PathBuf, count: usize) -> Vec<String> {
    let read =
        || String::from_utf8(std::fs::read(log).expect("an access log")).expect("an access log in ASCII");
    eventually(&format!("the access log has {count} lines"), || read().lines().count() >= count);
    read().lines().map(str::to_owned).collect()
}

/// The line without its time, which must look like `[10/Oct/2000:13:55:36 +0000]`.
#[track_caller]
fn without_time(line: &str) -> String {
    let (before, rest) = line.split_once('[').expect("a time in brackets");
    let (time, after) = rest.split_once("] ").expect("the end of the time");
    let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    let expected = format!("99/{}/9999:99:99:99 +9999", time.get(3..6).unwrap_or_default());
    assert!(
        shape == expected && time.ends_with("+0000"),
        "{time} should look like 10/Oct/2000:13:55:36 +0000"
    );
    format!("{before}{after}")
}

#[test]
fn each_request_is_one_line() {
    let site = Site::new().file("large.bin", vec![0; 3 << 20]);
    let (server, log) = start(&site);
    let mut client = server.client();
    client.ask("GET", "/?q=1", &["Referer: http://localhost/", "User-Agent: test/1.0 (a b)"]).expect(200);
    client.ask("HEAD", "/large.bin", &[]).expect(200);
    client.get("/large.bin").expect(200);
    client.ask("GET", "/large.bin", &["Range: bytes=0-9"]).expect(206);
    client.ask("BREW", "/pot", &[]).expect(501);
    client.send("GET / HTTP/1.1\r\n\r\n");
    let bad = client.response().expect(400).body.len();
    let expected = [
        "127.0.0.1 - - \"GET /?q=1 HTTP/1.1\" 200 5 \"http://localhost/\" \"test/1.0 (a b)\"",
        "127.0.0.1 - - \"HEAD /large.bin HTTP/1.1\" 200 0 \"-\" \"-\"",
        "127.0.0.1 - - \"GET /large.bin HTTP/1.1\" 200 3145728 \"-\" \"-\"",
        "127.0.0.1 - - \"GET /large.bin HTTP/1.1\" 206 10 \"-\" \"-\"",
        "127.0.0.1 - - \"BREW /pot HTTP/1.1\" 501 ",
        &format!("127.0.0.1 - - \"GET / HTTP/1.1\" 400 {bad} \"-\" \"-\""),
    ];
    let lines = lines(&log, expected.len());
    assert_eq!(lines.len(), expected.len(), "there should be a line for each request: {lines:#?}");
    for (line, expected) in lines.iter().zip(expected) {
        let line = without_time(line);
        assert!(line.starts_with(expected), "this line should be\n{expected}\nand is\n{line}");
    }
}

#[test]
fn the_client_of_a_trusted_proxy_is_named_and_whatever_else_is_in_the_field_is_not() {
    let site = Site::new();
    let log = site.outside().join("access.log");
    let start = |trusted: &str| {
        PROGRAM.launch().site(&site).flag("--access-log", &log).flags(&["--trusted-proxy", trusted]).start()
    };
    let proxy = start("127.0.0.0/8");
    let long = format!("X-Forwarded-For: {}", "1".repeat(7000));
    let fields: [(&[&str], &str); 5] = [
        (&["X-Forwarded-For: 1.2.3.4, 198.51.100.7", "X-Forwarded-For: 127.0.0.2"], "198.51.100.7"),
        (&["X-Forwarded-For: 2001:db8::7"], "2001:db8::7"),
        (&["X-Forwarded-For: \" 200 0\n1.2.3.4"], "127.0.0.1"),
        (&[&long], "127.0.0.1"),
        (&[], "127.0.0.1"),
    ];
    for (number, (fields, expected)) in fields.into_iter().enumerate() {
        let fields = [&["Connection: close"], fields].concat();
        proxy.client().ask("GET", "/", &fields);
        let line = lines(&log, number + 1).pop().expect("a line");
        assert!(
            line.starts_with(&format!("{expected} - - [")),
            "{fields:.100?} should be {expected}: {line}"
        );
    }
    drop(proxy);
    let other = start("192.0.2.1");
    other.client().ask("GET", "/", &["X-Forwarded-For: 198.51.100.7"]).expect(200);
    let line = lines(&log, 6).pop().expect("a line");
    assert!(line.starts_with("127.0.0.1 - - ["), "a client that is no proxy is not believed: {line}");
}

#[test]
fn a_client_of_a_socket_for_both_families_is_logged_under_its_own_address() {
    if TcpListener::bind("[::]:0").is_err() {
        return skip("there is no IPv6");
    }
    let site = Site::new();
    let log = site.outside().join("access.log");
    let server = PROGRAM.launch().site(&site).flag("--access-log", &log).flags(&["--address", "::"]).start();
    let four = SocketAddr::from((Ipv4Addr::LOCALHOST, server.address().port()));
    Client::connect(four).ask("GET", "/", &["Connection: close"]).expect(200);
    assert!(lines(&log, 1)[0].starts_with("127.0.0.1 - - ["), "not ::ffff:127.0.0.1: {:?}", lines(&log, 1));
}

#[test]
fn no_client_can_forge_a_line_or_end_a_quotation() {
    let site = Site::new();
    let (server, log) = start(&site);
    server.client().ask("GET", "/", &["User-Agent: \" 200 0 \"-\" \"x\\", "Connection: close"]).expect(200);
    server.client().ask("GET", "/", &["User-Agent: \u{e9}\t\u{1f411}", "Connection: close"]).expect(200);
    let mut client = server.client();
    client.send(b"GET /\x1b[31m\xff\" HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.response().expect(400);
    // A query may hold a quotation mark, and is answered.
    server.client().ask("GET", "/?\"-\\\u{e9}", &["Connection: close"]).expect(200);
    let lines = lines(&log, 4);
    assert_eq!(lines.len(), 4, "four requests are four lines: {lines:#?}");
    for line in &lines {
        assert!(
            line.bytes().all(|byte| matches!(byte, b' '..=b'~')),
            "a line should be plain ASCII: {line:?}"
        );
        // Quotes that are not escaped come in pairs around three fields.
        let plain = line.replace("\\\\", "").replace("\\\"", "");
        assert_eq!(plain.matches('"').count(), 6, "a client's quotes should be escaped: {line}");
    }
}

#[test]
fn the_log_is_appended_to() {
    let site = Site::new();
    for count in 1..=2 {
        let (server, log) = start(&site);
        server.get("/").expect(200);
        lines(&log, count);
    }
}

/// Asks for the page once for each number, each time under another long name. Returns the names.
fn ask(server: &Server, names: std::ops::Range<usize>) -> HashSet<String> {
    let name = |number| format!("client-{number}-{}-end", "x".repeat(1000));
    names
        .map(|number| {
            let name = name(number);
            let field = format!("User-Agent: {name}");
            server.client().ask("GET", "/", &[&field, "Connection: close"]).expect(200);
            name
        })
        .collect()
}

/// The name in a line, which must be whole.
#[track_caller]
fn name_in(line: &str) -> String {
    let line = without_time(line);
    let name = line.strip_prefix("127.0.0.1 - - \"GET / HTTP/1.1\" 200 5 \"-\" \"");
    let name = name.and_then(|rest| rest.strip_suffix('"'));
    name.unwrap_or_else(|| panic!("this is no whole line: {line}")).to_owned()
}

#[test]
fn a_dash_is_standard_output() {
    let server = PROGRAM.launch().site(&Site::new()).flags(&["--access-log", "-"]).start();
    let names = ask(&server, 0..3);
    eventually("the lines follow the announcement", || server.stdout().lines().count() == 4);
    assert_eq!(server.stdout().lines().skip(1).map(name_in).collect::<HashSet<_>>(), names);
}

#[test]
fn a_file_that_may_not_grow_has_whole_lines_and_goes_on_when_it_can() {
    let site = Site::new();
    let log = site.outside().join("access.log");
    let server = PROGRAM.launch().site(&site).file_size(20_000).flag("--access-log", &log).start();
    let serving = server.serving();
    let mut names = ask(&server, 0..100);
    // A line is written when the last byte of an answer is sent.
    serving.iter().for_each(|&pid| settled(pid));
    let text = || std::fs::read_to_string(&log).expect("an access log");
    let full = text();
    assert!(full.len() > 17_000 && full.ends_with('\n'), "the log should be full of whole lines");
    full.lines().for_each(|line| assert!(names.remove(&name_in(line)), "a line comes twice: {line}"));
    // As `logrotate` does with `copytruncate`.
    OpenOptions::new().write(true).truncate(true).open(&log).expect("a log that can be emptied");
    let mut names = ask(&server, 100..110);
    eventually("the new requests are in the log", || text().lines().count() == names.len());
    text().lines().for_each(|line| assert!(names.remove(&name_in(line)), "a line comes twice: {line}"));
    assert_eq!(server.serving(), serving, "no process should die of it");
    eventually("the loss is told", || {
        server.stderr().contains(" lines of the access log were dropped, because")
    });
}

#[test]
fn a_file_that_is_full_has_whole_lines_however_many_write() {
    let site = Site::new();
    let log = site.outside().join("access.log");
    drop(overfilled(&site, &log));
    is_full_of_whole_lines(&std::fs::read_to_string(&log).expect("an access log"));
}

/// Standard output is a file here, with one position for all processes.
#[test]
fn standard_output_that_is_a_full_file_has_whole_lines_however_many_write() {
    let server = overfilled(&Site::new(), Path::new("-"));
    let text = server.stdout();
    is_full_of_whole_lines(text.split_once('\n').expect("the announcement").1);
}

/// A server whose log is full. Many processes at once begin lines that no longer fit, and take them back.
fn overfilled(site: &Site, log: &Path) -> Server {
    let server = PROGRAM.launch().site(site).file_size(20_000).flag("--access-log", log).start();
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let mut client = server.client();
                (0..200).for_each(|_| drop(client.ask("GET", "/", &["User-Agent: r0"]).expect(200)));
            });
        }
    });
    server.serving().iter().for_each(|&pid| settled(pid));
    server
}

#[track_caller]
fn is_full_of_whole_lines(log: &str) {
    assert!(log.len() > 17_000 && log.ends_with('\n'), "the log should be full of whole lines");
    log.lines().for_each(|line| assert_eq!(name_in(line), "r0"));
}

#[test]
fn a_fifo_needs_no_reader_and_its_reader_may_come_and_go() {
    let site = Site::new().fifo("../access.log");
    // One process, because each reports only its own losses.
    let (server, log) = start(&site);
    let read = |names: HashSet<String>| {
        let lines = BufReader::new(File::open(&log).expect("a reader")).lines().take(names.len());
        let read: HashSet<String> = lines.map(|line| name_in(&line.expect("a line"))).collect();
        assert_eq!(read, names, "each line should come, and whole");
    };
    for first in [0, 10] {
        read(ask(&server, first..first + 10));
    }
    // More than a pipe holds, without a reader: the server continues, and lines that do not fit are lost.
    let names = ask(&server, 20..220);
    let mut reader = BufReader::new(File::open(&log).expect("a reader")).lines();
    let mut next = || name_in(&reader.next().expect("a line").expect("a line"));
    let held: HashSet<String> = (0..40).map(|_| next()).collect();
    assert!(held.len() == 40 && held.is_subset(&names), "what fitted should come, and whole");
    let late = ask(&server, 220..240);
    eventually("late lines come, and whole", || {
        let name = next();
        assert!(names.contains(&name) || late.contains(&name), "this line is damaged: {name}");
        late.contains(&name)
    });
    eventually("the loss is told", || {
        server.stderr().contains(" lines of the access log were dropped, because")
    });
}

/// The kernel sends SIGXFSZ to a process that writes beyond the limit, and by default that ends it.
#[test]
fn a_log_that_is_as_long_as_it_may_be_ends_nothing() {
    let site = Site::new();
    let log = site.outside().join("access.log");
    let full = format!("{}\n", "x".repeat(19_999));
    std::fs::write(&log, &full).expect("a log");
    let server = PROGRAM.launch().site(&site).file_size(20_000).flag("--access-log", &log).start();
    let serving = server.serving();
    ask(&server, 0..20);
    serving.iter().for_each(|&pid| settled(pid));
    assert_eq!(server.serving(), serving, "no process should die of it");
    assert!(std::fs::read_to_string(&log).expect("a log") == full, "nothing should be written");
}
