//! SIGHUP: new workers with the settings read again, and no request lost.

use super::load::{Habit, Load};
use super::{herd, of_each, stats};
use crate::PROGRAM;
use e2e::{Client, Pid, Server, Signal, Site, eventually, halt, pattern};
use std::time::{Duration, Instant};
use verdict::test;

/// Asks for a reload and waits until every worker is another one.
#[track_caller]
fn reload(server: &Server, old: &[Pid]) {
    server.signal(Signal::SIGHUP);
    eventually("every worker is replaced", || {
        let now = server.workers();
        now.len() == old.len() && now.iter().all(|pid| !old.contains(pid))
    });
}

#[test]
fn under_load_every_worker_is_replaced_without_one_failed_request() {
    let server = herd(&Site::new(), "2");
    let load = Load::begin(&server, &[Habit::Fresh, Habit::Kept, Habit::Fresh, Habit::Kept]);
    for _ in 0..3 {
        load.go_on_for(100);
        reload(&server, &server.workers());
    }
    load.go_on_for(100);
    let answered = load.answered();
    let failures = load.end();
    assert!(failures.is_empty(), "no request should be lost, and {} were: {failures:#?}", failures.len());
    eventually("the counters of those who left are kept", || {
        stats(&server)["total"]["requests"].as_u64() >= Some(answered)
    });
    assert_eq!(of_each(&stats(&server), "restarts"), [0, 0], "a worker that was replaced has not died");
}

#[test]
fn a_download_goes_on_in_the_old_worker_while_new_ones_serve() {
    let content = pattern(12 << 20);
    let server = herd(&Site::new().file("large.bin", &content), "2");
    let old = server.workers();
    let mut client = Client::connect_slowly(server.address(), 128 << 10);
    client.send("GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.head().expect(200);
    server.signal(Signal::SIGHUP);
    eventually("there are two new workers, and the one that still sends", || {
        let now = server.workers();
        now.len() == 3 && now.iter().filter(|pid| !old.contains(pid)).count() == 2
    });
    for _ in 0..20 {
        server.get("/").expect(200);
    }
    assert!(client.take(content.len()) == content, "the download should go on to its last byte");
    drop(client);
    eventually("the old worker leaves", || server.workers().len() == 2);
}

/// A download that outlasts every time limit, from a worker that is replaced meanwhile. Returns its client, and the
/// server.
fn outlasting_download(flags: &[&str]) -> (Client, Server) {
    let server = PROGRAM.serve(&Site::new().sparse("large.bin", 48 << 20), flags);
    let mut client = Client::connect_slowly(server.address(), 128 << 10);
    client.send("GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.head().expect(200);
    server.signal(Signal::SIGHUP);
    eventually("a new worker serves", || server.stderr().contains("all workers are replaced"));
    (client, server)
}

#[test]
fn a_download_that_moves_is_not_cut_by_a_reload_however_long_it_takes() {
    let (mut client, server) = outlasting_download(&["--num-workers", "1", "--timeout-seconds", "2"]);
    let began = Instant::now();
    // More than twice the time limit. The client takes bytes all the time, but too few to finish the file.
    let mut taken = 0;
    while began.elapsed() < Duration::from_secs(5) {
        while taken < began.elapsed().as_millis() * (8 << 10) {
            taken += 1 << 10;
            client.take(1 << 10);
        }
        server.get("/").expect(200);
    }
    assert_eq!(server.workers().len(), 2, "the old worker should still send");
    drop(client);
    eventually("the old worker leaves with its last client", || server.workers().len() == 1);
}

#[test]
fn a_worker_that_hangs_while_it_leaves_is_ended() {
    let flags = ["--num-workers", "1", "--timeout-seconds", "2"];
    let server = PROGRAM.serve(&Site::new().sparse("large.bin", 64 << 20), &flags);
    let old = server.workers()[0];
    let mut client = Client::connect_slowly(server.address(), 128 << 10);
    client.send("GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.head().expect(200);
    // Halted before it can leave, so it does not receive the request to.
    halt(old);
    server.signal(Signal::SIGHUP);
    eventually("it is replaced", || server.stderr().contains("all workers are replaced"));
    eventually("it is ended", || !server.workers().contains(&old));
    server.get("/").expect(200);
}

#[test]
fn who_wants_a_bound_for_those_who_leave_sets_one() {
    let flags = ["--num-workers", "1", "--drain-seconds", "1"];
    let (mut client, server) = outlasting_download(&flags);
    eventually("the old worker is ended although its client takes its bytes", || {
        // Its last bytes are still in the socket.
        client.take(64 << 10);
        server.workers().len() == 1
    });
    assert!(server.stderr().contains("did not leave in time"), "the log should say so");
}

#[test]
fn the_settings_are_read_again() {
    let [old, new] = ["old", "new"].map(|text| Site::new().file("index.html", text));
    let configuration =
        |site: &Site| format!("DOCUMENT_ROOT={}\nTHREADS_PER_WORKER=1\n", site.root().display());
    old.write("../server.conf", configuration(&old));
    let flags = ["--port", "0", "--num-workers", "2"];
    let server = PROGRAM.launch().flag("--config", old.outside().join("server.conf")).flags(&flags).start();
    assert_eq!(server.get("/").expect(200).text(), "old");
    let workers = server.workers();
    old.write("../server.conf", configuration(&new));
    assert_eq!(server.get("/").expect(200).text(), "old", "the file counts when it is asked to");
    reload(&server, &workers);
    for _ in 0..20 {
        assert_eq!(server.get("/").expect(200).text(), "new");
    }
}

#[test]
fn the_number_of_workers_stays_and_each_has_a_log() {
    let site = Site::new();
    let (settings, log) = (site.outside().join("server.conf"), site.outside().join("access.log"));
    let configuration = |workers| {
        format!(
            "DOCUMENT_ROOT={}\nNUM_WORKERS={workers}\nACCESS_LOG={}\n",
            site.root().display(),
            log.display()
        )
    };
    site.write("../server.conf", configuration(2));
    let server = PROGRAM.launch().flag("--config", settings).flags(&["--port", "0"]).start();
    let workers = server.workers();
    site.write("../server.conf", configuration(1));
    reload(&server, &workers);
    let asked = 40;
    for _ in 0..asked {
        server.get("/").expect(200);
    }
    let lines = || std::fs::read_to_string(&log).expect("an access log").lines().count();
    eventually("each request has a line, whichever worker answered", || lines() == asked);
}

#[test]
fn a_configuration_that_cannot_be_used_changes_nothing_and_is_one_line_in_the_log() {
    let site = Site::new();
    site.write("../server.conf", "QUEUE_SIZE=10\n");
    let server = PROGRAM.launch().site(&site).flag("--config", site.outside().join("server.conf")).start();
    let workers = server.workers();
    let before = server.stderr().lines().count();
    let mistakes: [&[u8]; 4] =
        [b"QUEUE_SIZE=none", b"DOCUMENT_ROOT", b"ACCESS_LOG=/no/such/folder/log", b"\n# caf\xe9"];
    for (number, line) in mistakes.iter().enumerate() {
        site.write("../server.conf", line);
        server.signal(Signal::SIGHUP);
        eventually("the log says why nothing is reloaded", || {
            server.stderr().lines().count() > before + number
        });
    }
    let says = server.stderr();
    let new: Vec<&str> = says.lines().skip(before).collect();
    assert_eq!(new.len(), 4, "each mistake should be one line: {new:#?}");
    for (name, line) in ["QUEUE_SIZE", "DOCUMENT_ROOT", "access-log", "line 2 is not UTF-8"].iter().zip(new) {
        assert!(line.contains(name), "the log should name {name}: {line}");
    }
    for _ in 0..20 {
        server.get("/").expect(200);
    }
    assert_eq!(server.workers(), workers, "the workers should be those from before");
    site.write("../server.conf", "QUEUE_SIZE=20\n");
    reload(&server, &workers);
}

#[test]
fn two_reloads_in_a_row_end_with_new_workers() {
    let server = herd(&Site::new(), "2");
    let old = server.workers();
    server.signal(Signal::SIGHUP);
    reload(&server, &old);
    for _ in 0..20 {
        server.get("/").expect(200);
    }
    server.signal(Signal::SIGTERM);
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn a_stop_during_a_reload_stops() {
    let server = herd(&Site::new(), "2");
    server.signal(Signal::SIGHUP);
    server.signal(Signal::SIGTERM);
    assert_eq!(server.exit_code(), Some(0));
    assert_eq!(server.workers(), [], "no worker should be left");
}
