//! What the processes have given up.

use super::{PROGRAM, herd};
use e2e::{Pid, Server, Signal, Site, eventually, kill, skip};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use verdict::test;

/// A line of /proc/PID/status.
#[track_caller]
fn status(pid: Pid, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process that lives");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.expect("a line of this name").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn all_processes(server: &Server) -> Vec<Pid> {
    server.workers().into_iter().chain([server.pid()]).collect()
}

#[test]
fn nobody_in_the_herd_can_gain_privileges() {
    let server = herd(&Site::new(), "2");
    for pid in all_processes(&server) {
        assert_eq!(status(pid, "NoNewPrivs"), "1", "process {pid} of the herd");
    }
}

#[test]
fn a_herd_that_root_has_started_belongs_to_the_user_and_so_do_later_workers() {
    if !nix::unistd::getuid().is_root() {
        return skip("only root can start a server that changes its user");
    }
    let site = Site::new();
    fs::set_permissions(site.root(), fs::Permissions::from_mode(0o755)).expect("the test owns the folder");
    let server = PROGRAM.serve(&site, &["--user", "nobody", "--num-workers", "2"]);
    let check = || {
        for pid in all_processes(&server) {
            let owner = fs::metadata(format!("/proc/{pid}")).expect("a process that lives").uid();
            assert_ne!(owner, 0, "process {pid} of the herd belongs to root");
            let ids = |name: &str| status(pid, name).split(' ').map(str::to_owned).collect::<Vec<_>>();
            for name in ["Uid", "Gid"] {
                let ids = ids(name);
                assert!(
                    ids[0] != "0" && ids.iter().all(|id| *id == ids[0]),
                    "{name} of process {pid}: {ids:?}"
                );
            }
            assert_eq!(status(pid, "CapPrm"), "0000000000000000", "process {pid} has no capability left");
        }
    };
    check();
    server.get("/").expect(200);
    let dead = server.workers()[0];
    kill(dead, Signal::SIGKILL).expect("a worker to kill");
    eventually("a successor comes", || server.workers().len() == 2 && !server.workers().contains(&dead));
    check();
    server.get("/").expect(200);
}

#[test]
fn a_user_that_one_cannot_become_is_one_sentence_and_exit_code_2() {
    let finished = PROGRAM.launch().site(&Site::new()).flags(&["--user", "no-such-user"]).run();
    assert_eq!(finished.code, Some(2));
    assert_eq!(finished.stderr, "herd: --user: cannot become no-such-user: there is no such user\n");
}

#[test]
fn a_confined_worker_serves_logs_and_finds_what_is_new() {
    for landlock in ["on", "off"] {
        let site = Site::new();
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("access.log");
        let log_name = log.to_str().expect("a plain name");
        let flags = ["--landlock", landlock, "--access-log", log_name, "--num-workers", "1"];
        let server = PROGRAM.serve(&site, &flags);
        server.get("/").expect(200);
        site.write("later.txt", b"later");
        assert_eq!(server.get("/later.txt").expect(200).text(), "later", "--landlock {landlock}");
        eventually("the log tells of both", || {
            fs::read_to_string(&log).unwrap_or_default().lines().count() == 2
        });
    }
}
