//! The system has no more memory, threads or processes to give.

use super::{PROGRAM, herd};
use e2e::{Denied, Finished, Pid, Signal, Site, eventually, kill};
use nix::libc;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::{fs, io};
use verdict::test;

/// One sentence in the log, and no trace of a panic.
#[track_caller]
fn assert_says(finished: &Finished, sentence: &str) {
    let lines = finished.stderr.lines().filter(|line| line.contains(sentence)).count();
    assert!(lines >= 1, "\"{sentence}\" should be said: {}", finished.stderr);
    assert!(!finished.stderr.contains("panicked"), "nothing should panic: {}", finished.stderr);
    assert_eq!(finished.left_behind, 0, "no process should be left");
}

#[test]
fn without_shared_memory_there_are_no_statistics_and_so_no_server() {
    let finished = PROGRAM.launch().site(&Site::new()).without(Denied::SHARED_MEMORY).run();
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    assert_says(&finished, "cannot map the shared statistics: Cannot allocate memory");
}

#[test]
fn without_threads_no_worker_starts_and_the_herd_says_so() {
    let finished = PROGRAM.launch().site(&Site::new()).without(Denied::THREADS).run();
    assert_eq!(finished.code, Some(3), "{}", finished.stderr);
    assert_says(&finished, "cannot start the threads: Resource temporarily unavailable");
}

#[test]
fn with_any_number_of_descriptors_a_herd_serves_or_says_why_it_cannot() {
    let site = Site::new();
    let served: Vec<bool> = std::thread::scope(|scope| {
        // With fewer than four, the dynamic loader cannot open the C library.
        let tried = (4..20).map(|limit| {
            let launch = PROGRAM.launch().site(&site).flags(&["--num-workers", "1"]).descriptors(limit);
            scope.spawn(move || match launch.try_start() {
                Ok(server) => {
                    server.get("/").expect(200);
                    true
                }
                Err(finished) => {
                    assert!(matches!(finished.code, Some(1..=3)), "with {limit} descriptors: {finished:?}");
                    assert_says(&finished, "Too many open files");
                    false
                }
            })
        });
        let tried: Vec<_> = tried.collect();
        tried
            .into_iter()
            .map(|tried| tried.join().expect("a herd that serves or says why it cannot"))
            .collect()
    });
    assert!(served.contains(&true) && served.contains(&false), "both should be tried: {served:?}");
    assert!(served.is_sorted(), "more descriptors should never be worse: {served:?}");
}

/// Limits a process: `RLIMIT_NPROC` is how many processes and threads its user may have before fork(2) fails with
/// EAGAIN, `RLIMIT_DATA` how much memory it may allocate, in bytes. Sets only the soft limit, so that it can be raised
/// again; and as the same user, because root may lack the privilege for others.
#[track_caller]
pub fn limit(pid: Pid, resource: libc::__rlimit_resource_t, soft: Option<u64>) {
    let owner = fs::metadata(format!("/proc/{pid}")).expect("a process that lives");
    let set = move || {
        let mut limits = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        #[allow(unsafe_code)]
        // SAFETY: both pointers are null or point to limits that live until the calls return.
        let results = unsafe {
            let read = libc::prlimit(pid.as_raw(), resource, std::ptr::null(), &raw mut limits);
            limits.rlim_cur = soft.unwrap_or(limits.rlim_max);
            [read, libc::prlimit(pid.as_raw(), resource, &raw const limits, std::ptr::null_mut())]
        };
        if results == [0, 0] { Ok(()) } else { Err(io::Error::last_os_error()) }
    };
    let mut nothing = Command::new("true");
    nothing.uid(owner.uid()).gid(owner.gid());
    #[allow(unsafe_code)]
    // SAFETY: between fork and exec the closure only makes two system calls, and allocates nothing.
    unsafe {
        nothing.pre_exec(set)
    };
    assert!(nothing.status().expect("a limit that may be set").success());
}

#[test]
fn a_worker_that_can_accept_nobody_leaves_all_the_same() {
    let server = herd(&Site::new(), "1");
    limit(server.workers()[0], libc::RLIMIT_NOFILE, Some(0));
    let mut client = server.client();
    client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    eventually("the worker finds that it cannot accept", || {
        server.stderr().contains("no file descriptor is left")
    });
    server.signal(Signal::SIGTERM);
    assert_eq!(
        server.exit_code(),
        Some(0),
        "a client for whom there is no descriptor should not hold the herd"
    );
}

#[test]
fn when_no_process_can_be_had_the_others_serve_until_one_can() {
    let site = Site::new();
    fs::set_permissions(site.root(), fs::Permissions::from_mode(0o755)).expect("the test owns the folder");
    let is_root = nix::unistd::getuid().is_root();
    // The limit does not hold for root.
    let server = if is_root {
        PROGRAM.serve(&site, &["--user", "nobody", "--num-workers", "2"])
    } else {
        herd(&site, "2")
    };
    let before = server.workers();
    limit(server.pid(), libc::RLIMIT_NPROC, Some(1));
    kill(before[0], Signal::SIGKILL).expect("a process that can be killed");
    eventually("the master finds that it cannot fork", || server.stderr().contains("cannot fork a worker"));
    // Some of these come to the dead worker's socket. The other worker serves them too.
    let mut clients: Vec<_> = (0..20).map(|_| server.client()).collect();
    for client in &mut clients {
        client.get("/").expect(200);
    }
    assert_eq!(server.workers(), before[1..], "nobody could be forked");
    limit(server.pid(), libc::RLIMIT_NPROC, None);
    eventually("the dead worker is replaced", || server.workers().len() == 2);
}
