//! The protocol of sd_notify(3), with a socket of the test as the service manager.

use crate::PROGRAM;
use e2e::{PATIENCE, Server, Signal, Site, eventually, kill};
use std::io::Write;
use std::os::unix::net::UnixDatagram;
use tempfile::{NamedTempFile, TempDir};
use verdict::test;

/// A service manager, as far as a service can tell.
struct Manager {
    socket: UnixDatagram,
    folder: TempDir,
}

impl Manager {
    fn new() -> Manager {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = UnixDatagram::bind(folder.path().join("notify")).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a limit");
        Manager { socket, folder }
    }

    fn start(&self, flags: &[&str]) -> Server {
        let socket = self.folder.path().join("notify");
        PROGRAM.launch().site(&Site::new()).flags(flags).variable("NOTIFY_SOCKET", socket).start()
    }

    /// The next message, line by line.
    fn hears(&self) -> Vec<String> {
        let mut message = [0; 4096];
        let length = self.socket.recv(&mut message).expect("a message");
        String::from_utf8_lossy(&message[..length]).lines().map(str::to_owned).collect()
    }

    #[track_caller]
    fn hears_ready(&self) -> String {
        let message = self.hears();
        assert_eq!(message[0], "READY=1", "{message:?}");
        message[1].clone()
    }

    #[track_caller]
    fn hears_reloading(&self) {
        let message = self.hears();
        assert_eq!(message[0], "RELOADING=1", "{message:?}");
        let since = message[1].strip_prefix("MONOTONIC_USEC=").and_then(|time| time.parse::<u64>().ok());
        assert!(since.is_some_and(|since| since > 0), "sd_notify(3) wants the time beside it: {message:?}");
    }

    #[track_caller]
    fn hears_nothing(&self) {
        self.socket.set_nonblocking(true).expect("a mode");
        assert!(self.socket.recv(&mut [0; 4096]).is_err(), "nothing should have been said");
        self.socket.set_nonblocking(false).expect("a mode");
    }
}

#[test]
fn a_watchdog_hears_from_the_master() {
    let manager = Manager::new();
    let socket = manager.folder.path().join("notify");
    let launch = PROGRAM.launch().site(&Site::new()).variable("NOTIFY_SOCKET", socket);
    let _server = launch.variable("WATCHDOG_USEC", "1000000").start();
    let mut beats = 0;
    while beats < 3 {
        beats += manager.hears().iter().filter(|line| *line == "WATCHDOG=1").count();
    }
}

#[test]
fn a_manager_that_has_stopped_reading_stops_nobody() {
    let manager = Manager::new();
    let socket = manager.folder.path().join("notify");
    let sender = UnixDatagram::unbound().expect("a socket");
    sender.set_nonblocking(true).expect("a mode");
    while sender.send_to(b"X=1", &socket).is_ok() {}
    let server = manager.start(&["--num-workers", "2"]);
    let dead = server.workers()[0];
    kill(dead, Signal::SIGKILL).expect("a process that can be killed");
    eventually("the dead worker is replaced", || {
        let now = server.workers();
        now.len() == 2 && !now.contains(&dead)
    });
    server.signal(Signal::SIGTERM);
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn the_herd_is_ready_when_every_worker_serves() {
    let manager = Manager::new();
    let server = manager.start(&["--num-workers", "3"]);
    // Every message sent before the first line of output has arrived by now.
    assert_eq!(manager.hears_ready(), "STATUS=every worker serves");
    let stats = server.get("/stats").expect(200).json();
    let pids: Vec<u64> = (0..3).map(|slot| stats["workers"][slot]["pid"].as_u64().unwrap_or(0)).collect();
    assert!(pids.iter().all(|&pid| pid > 0), "each slot should have a worker: {pids:?}");
    manager.hears_nothing();
}

#[test]
fn a_reload_begins_and_ends() {
    let manager = Manager::new();
    let server = manager.start(&[]);
    manager.hears_ready();
    let old = server.workers();
    server.signal(Signal::SIGHUP);
    manager.hears_reloading();
    assert_eq!(manager.hears_ready(), "STATUS=every worker serves");
    eventually("the old workers leave", || server.workers().iter().all(|pid| !old.contains(pid)));
    manager.hears_nothing();
}

#[test]
fn a_reload_that_is_refused_ends_as_well() {
    let manager = Manager::new();
    let mut file = NamedTempFile::new().expect("a file");
    file.write_all(b"QUEUE_SIZE=100\n").expect("a file");
    let server = manager.start(&["--config", &file.path().to_string_lossy()]);
    manager.hears_ready();
    file.write_all(b"QUEUE_SIZE=none\n").expect("a file");
    let old = server.workers();
    server.signal(Signal::SIGHUP);
    manager.hears_reloading();
    let status = manager.hears_ready();
    assert!(status.contains("settings from before"), "{status}");
    assert_eq!(server.workers(), old);
}

#[test]
fn a_stop_is_announced_before_it_is_done() {
    let manager = Manager::new();
    let server = manager.start(&[]);
    manager.hears_ready();
    server.signal(Signal::SIGTERM);
    assert_eq!(manager.hears()[0], "STOPPING=1");
    assert_eq!(server.exit_code(), Some(0));
    manager.hears_nothing();
}

#[test]
fn a_manager_that_is_gone_is_one_line_in_the_log() {
    let manager = Manager::new();
    std::fs::remove_file(manager.folder.path().join("notify")).expect("a socket");
    let server = manager.start(&[]);
    server.get("/stats").expect(200);
    eventually("the log says so", || server.stderr().contains("cannot tell the service manager"));
}
