//! Signals that have a meaning only for a herd.

use super::{herd, stats};
use crate::PROGRAM;
use e2e::{Pid, Server, Signal, Site, eventually, kill};
use verdict::test;

#[track_caller]
fn are_replaced(server: &Server, old: &[Pid]) {
    eventually("every worker is replaced", || {
        let now = server.workers();
        now.len() == old.len() && now.iter().all(|pid| !old.contains(pid))
    });
}

#[test]
fn a_worker_ignores_what_is_for_its_master() {
    let server = herd(&Site::new(), "2");
    let workers = server.workers();
    for &pid in &workers {
        for signal in [Signal::SIGUSR1, Signal::SIGHUP, Signal::SIGINT] {
            kill(pid, signal).expect("a worker");
        }
    }
    for _ in 0..20 {
        server.get("/").expect(200);
    }
    assert_eq!(server.workers(), workers);
    // The master reacts to it, and its new workers ignore it as the old ones did.
    server.signal(Signal::SIGUSR1);
    are_replaced(&server, &workers);
    let workers = server.workers();
    workers.iter().for_each(|&pid| kill(pid, Signal::SIGUSR1).expect("a worker"));
    for _ in 0..20 {
        server.get("/").expect(200);
    }
    assert_eq!(server.workers(), workers);
}

#[test]
fn new_logs_do_not_mean_new_settings() {
    let site = Site::new();
    site.write("../server.conf", "QUEUE_SIZE=10\n");
    let server = PROGRAM.launch().site(&site).flag("--config", site.outside().join("server.conf")).start();
    let workers = server.workers();
    // The file is half edited when the logs are rotated.
    site.write("../server.conf", "QUEUE_SIZE=1");
    server.signal(Signal::SIGUSR1);
    are_replaced(&server, &workers);
    assert_eq!(stats(&server)["capacity"]["queue_size"], 10);
}

#[test]
fn a_herd_hears_the_signals_that_its_parent_did_not() {
    let server = PROGRAM.launch().site(&Site::new()).deaf().start();
    for signal in [Signal::SIGHUP, Signal::SIGUSR1] {
        let workers = server.workers();
        server.signal(signal);
        are_replaced(&server, &workers);
    }
    let workers = server.workers();
    kill(workers[0], Signal::SIGKILL).expect("a worker");
    eventually("the dead worker is reaped and replaced", || stats(&server)["total"]["restarts"] == 1);
    server.signal(Signal::SIGQUIT);
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn a_worker_that_a_fault_ends_is_replaced_and_the_log_says_which() {
    for signal in [Signal::SIGSEGV, Signal::SIGTRAP, Signal::SIGXCPU, Signal::SIGSYS] {
        let server = herd(&Site::new(), "2");
        kill(server.workers()[0], signal).expect("a worker");
        eventually("the log names the signal", || {
            server.stderr().contains(&format!("signal {}", signal as i32))
        });
        eventually("the dead worker is replaced", || stats(&server)["total"]["restarts"] == 1);
    }
}
