//! `--monitoring-address` and a herd: one socket that belongs to no slot, so that no worker is missed.

use crate::PROGRAM;
use e2e::{Client, Pid, Server, Signal, Site, eventually, halt, kill, skip};
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use verdict::test;

fn start(site: &Site, flags: &[&str]) -> Server {
    PROGRAM.launch().site(site).flags(&["--monitoring-address", "127.0.0.1:0"]).flags(flags).start()
}

/// Many clients ask at the same time, each on a connection of its own, and all are answered.
#[track_caller]
fn watchers_are_answered(address: SocketAddr) {
    let mut watchers: Vec<Client> = (0..40).map(|_| Client::connect(address)).collect();
    for watcher in &mut watchers {
        watcher.get("/health").expect(200);
        watcher.get("/").expect(404);
    }
}

#[test]
fn watchers_are_answered_while_a_worker_is_stopped_and_while_a_slot_is_empty() {
    let server = start(&Site::new(), &[]);
    let address = server.monitoring_address();
    let [stopped, survivor] = server.workers()[..] else { panic!("there are two workers") };
    halt(stopped);
    watchers_are_answered(address);
    kill(stopped, Signal::SIGKILL).expect("a process that can be killed");
    let mut deaths = 1;
    eventually("watchers are answered while nobody serves the slot", || {
        watchers_are_answered(address);
        let other = server.serving().into_iter().find(|&pid| pid != survivor);
        if let Some(victim) = other {
            kill(victim, Signal::SIGKILL).expect("a process that can be killed");
            deaths += 1;
        }
        // Each time the next worker comes later.
        deaths >= 5 && other.is_none()
    });
}

/// Each worker in turn answers for all, while the others are halted.
#[test]
fn each_worker_answers_watchers_for_all() {
    let server = start(&Site::new(), &["--num-workers", "3"]);
    let address = server.monitoring_address();
    let workers = server.workers();
    for &one in &workers {
        let others: Vec<Pid> = workers.iter().copied().filter(|&pid| pid != one).collect();
        others.iter().for_each(|&pid| halt(pid));
        let mut watcher = Client::connect(address);
        let stats = watcher.get("/stats").expect(200).json();
        assert_eq!(stats["workers"].as_array().map(Vec::len), Some(3), "{stats}");
        others.iter().for_each(|&pid| kill(pid, Signal::SIGCONT).expect("a process that can go on"));
    }
}

#[test]
fn a_reload_leaves_monitoring_where_it_is_and_says_so() {
    let site = Site::new();
    let configuration = site.outside().join("server.conf");
    site.write("../server.conf", "MONITORING_ADDRESS=127.0.0.1:0\n");
    let server = PROGRAM.launch().site(&site).flag("--config", &configuration).start();
    let address = server.monitoring_address();
    for (number, line) in ["MONITORING_ADDRESS=off", "MONITORING_ADDRESS=127.0.0.1:1", ""].iter().enumerate()
    {
        let old = server.workers();
        site.write("../server.conf", line);
        server.signal(Signal::SIGHUP);
        eventually("every worker is replaced", || {
            let now = server.workers();
            now.len() == old.len() && now.iter().all(|pid| !old.contains(pid))
        });
        watchers_are_answered(address);
        server.get("/health").expect(404);
        server.get("/").expect(200);
        let warnings = server.stderr().matches("a change of the monitoring address takes effect").count();
        assert_eq!(warnings, number + 1, "{}", server.stderr());
    }
}

#[test]
fn no_watcher_is_lost_while_workers_are_replaced() {
    let server = start(&Site::new(), &[]);
    let address = server.monitoring_address();
    for _ in 0..3 {
        let old = server.workers();
        server.signal(Signal::SIGHUP);
        eventually("every worker is replaced, and watchers are answered meanwhile", || {
            Client::connect(address).get("/health").expect(200);
            let now = server.workers();
            now.len() == old.len() && now.iter().all(|pid| !old.contains(pid))
        });
    }
    server.get("/stats").expect(404);
    assert!(!server.stderr().contains("ERROR"), "{}", server.stderr());
}

#[test]
fn a_stopped_worker_does_not_keep_the_port_for_monitoring_open_when_the_herd_stops() {
    let server = start(&Site::new(), &["--num-workers", "3"]);
    let address = server.monitoring_address();
    let stopped = server.workers()[1];
    halt(stopped);
    server.signal(Signal::SIGTERM);
    eventually("the port refuses watchers", || TcpStream::connect(address).is_err());
    assert!(server.processes().contains(&stopped), "the worker should still be stopped");
}

#[test]
fn when_the_master_is_killed_the_port_for_monitoring_is_free_too() {
    let server = start(&Site::new(), &[]);
    let address = server.monitoring_address();
    kill(server.pid(), Signal::SIGKILL).expect("a process that can be killed");
    eventually("nobody is left", || server.workers().is_empty());
    assert!(TcpStream::connect(address).is_err());
    assert!(!server.stderr().contains("ERROR"), "{}", server.stderr());
}

/// The socket is bound by root, before the process becomes another user.
#[test]
fn a_port_for_monitoring_may_need_privileges_that_are_given_up_later() {
    if !nix::unistd::getuid().is_root() {
        return skip("only root can bind a low port and change its user");
    }
    let site = Site::new();
    fs::set_permissions(site.root(), fs::Permissions::from_mode(0o755)).expect("the test owns the folder");
    // An address that no other test uses, so that the port is free.
    let flags = ["--monitoring-address", "127.79.0.1:79", "--user", "nobody"];
    let server = PROGRAM.serve(&site, &flags);
    let address = server.monitoring_address();
    assert_eq!(address.to_string(), "127.79.0.1:79");
    watchers_are_answered(address);
    let old = server.workers();
    kill(old[0], Signal::SIGKILL).expect("a process that can be killed");
    eventually("a later worker serves", || {
        server.serving().len() == 2 && !server.workers().contains(&old[0])
    });
    watchers_are_answered(address);
}
