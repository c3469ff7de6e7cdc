//! The unit under the real systemd, installed as its own comments say, with all of its lines.

use super::machine::Machine;
use super::{PROGRAM, passes, run, text};
use e2e::{Site, eventually};
use std::fs;
use verdict::test;

/// systemd rates a service's exposure from 0 (it may do nothing) to 10 (everything).
#[test]
fn systemd_takes_the_unit_and_finds_that_it_may_do_little() {
    let folder = tempfile::tempdir().expect("a folder");
    // Replaces the installed program's path by that of the one under test.
    let unit = folder.path().join("herd.service");
    fs::write(&unit, super::replaced(&text("herd.service"), "/usr/local/bin/herd", PROGRAM.path))
        .expect("a file");
    let unit = unit.to_string_lossy();
    if let Some(output) = run("systemd-analyze", &["verify", "--man=no", &unit]) {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let about_it: Vec<&str> = said.lines().filter(|line| line.contains("herd.service")).collect();
        assert!(output.status.success() && about_it.is_empty(), "{about_it:#?}");
        passes("systemd-analyze", &["security", "--offline=yes", "--threshold=20", &unit]);
    }
}

/// Checks that the master is a new process, and that the herd serves.
#[track_caller]
fn is_restarted(machine: &Machine, old: &str) {
    eventually("systemd has started another master", || !["0", old].contains(&&*machine.property("MainPID")));
    machine.becomes("ActiveState", "active");
    machine.must("curl --silent --show-error --fail http://127.0.0.1/");
}

#[test]
fn the_unit_serves_reloads_and_stops() {
    let Some(machine) = Machine::with_herd() else { return };
    // `systemctl start` returns when it serves (Type=notify), so there is no need to wait.
    assert_eq!(machine.property("ActiveState"), "active");
    machine.must("systemctl status --no-pager herd");
    assert_eq!(machine.property("StatusText"), "every worker serves");
    assert_eq!(machine.must("curl --silent --show-error --fail http://127.0.0.1/"), "hello\n");
    machine.must("curl --silent --show-error --fail http://127.0.0.1/metrics | grep herd_worker_up");
    // Too large for the cache, so it is sent by sendfile(2).
    machine.must("head -c 3145728 /dev/urandom >/srv/www/large.bin");
    machine.must("curl --silent --show-error --fail http://127.0.0.1/large.bin | cmp - /srv/www/large.bin");

    // Is it confined? One capability, no way to gain others, and a filter of system calls.
    let master = machine.property("MainPID");
    let status = machine.must(&format!("grep -E '^(Uid|NoNewPrivs|Seccomp|Cap)' /proc/{master}/status"));
    for line in ["CapBnd:\t0000000000000400", "NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(status.contains(line), "{status}");
    }
    // If herd cannot use Landlock, it logs that and runs without. Under the unit, it can use it if it can elsewhere.
    let free = PROGRAM.launch().site(&Site::new()).start();
    let is_without = |log: &str| log.contains("Landlock");
    assert_eq!(is_without(&machine.journal()), is_without(&free.stderr()), "{}", machine.journal());

    let old = machine.processes();
    machine.must("echo ACCESS_LOG=/var/log/herd/access.log >>/etc/herd.conf && systemctl reload herd");
    eventually("every worker is replaced, and the master is not", || {
        let now = machine.processes();
        now.len() == old.len() && now.iter().filter(|pid| old.contains(pid)).eq([&master])
    });
    machine.becomes("StatusText", "every worker serves");
    machine.must("curl --silent --show-error --fail http://127.0.0.1/?logged");
    eventually("the access log has a line", || {
        machine.says("cat /var/log/herd/access.log").contains("?logged")
    });
    machine.must("cat /var/log/herd/access.log");

    machine.must("systemctl stop herd");
    machine.must("systemctl show --property=Result,ExecMainCode,ExecMainStatus herd");
    assert_eq!(
        (machine.property("Result"), machine.property("ExecMainStatus")),
        ("success".into(), "0".into())
    );
    let left = machine.says("cat /proc/[0-9]*/comm");
    assert!(!left.lines().any(|name| name == "herd"), "no process should be left: {left}");
}

#[test]
fn systemd_restarts_a_master_that_stands_still_or_dies() {
    let Some(machine) = Machine::with_herd() else { return };
    let master = machine.property("MainPID");
    machine.must("systemctl kill --kill-whom=main --signal=STOP herd");
    // The workers continue to serve meanwhile.
    machine.must("curl --silent --show-error --fail http://127.0.0.1/");
    is_restarted(&machine, &master);
    let journal = machine.journal();
    assert!(journal.contains("Watchdog timeout (limit 10s)!"), "{journal}");

    let master = machine.property("MainPID");
    machine.must("systemctl kill --kill-whom=main --signal=KILL herd");
    is_restarted(&machine, &master);
    let journal = machine.journal();
    assert!(journal.contains("Main process exited, code=killed, status=9/KILL"), "{journal}");
    assert_eq!(machine.property("NRestarts"), "2");
}

/// Stops the service, changes something, and has systemd start the service again.
#[track_caller]
fn start_after(machine: &Machine, change: &str) {
    machine.must(&format!("systemctl stop herd; systemctl reset-failed herd; {change}"));
    machine.must("systemctl start --no-block herd");
}

#[test]
fn systemd_tries_again_when_something_may_pass_and_not_after_a_wrong_setting() {
    let Some(machine) = Machine::with_herd() else { return };
    let other = "systemd-run --quiet --unit=other --property=Type=notify herd --address 0.0.0.0 --port 80 --document-root /srv/www";
    for (what, change, passes) in [
        ("--port: 0.0.0.0:80 is in use already", other, "systemctl stop other"),
        (
            "--address: 192.0.2.1:80 is not an address of this machine",
            "sed -i s/0.0.0.0/192.0.2.1/ /etc/herd.conf",
            "busybox ip address add 192.0.2.1/32 dev lo",
        ),
        (
            "--document-root: /srv/www cannot be opened: No such file or directory",
            "mv /srv/www /srv/later",
            "mv /srv/later /srv/www",
        ),
    ] {
        start_after(&machine, change);
        // The first change needs more starts than systemd's default limit allows.
        let enough = if change == other { 6 } else { 1 };
        eventually("systemd tries again and again", || {
            machine.property("NRestarts").parse::<u32>().is_ok_and(|restarts| restarts >= enough)
        });
        assert!(machine.journal().contains(what), "{}", machine.journal());
        machine.must(passes);
        machine.becomes("ActiveState", "active");
    }
    for (what, change) in [
        (
            "--document-root: /etc/passwd cannot be opened: Not a directory",
            "sed -i s,/srv/www,/etc/passwd, /etc/herd.conf",
        ),
        ("PORT: \"http\" is not a whole number", "sed -i s/PORT=80/PORT=http/ /etc/herd.conf"),
    ] {
        start_after(&machine, change);
        machine.becomes("ActiveState", "failed");
        assert_eq!(
            (machine.property("ExecMainStatus"), machine.property("NRestarts")),
            ("2".into(), "0".into())
        );
        assert!(machine.journal().contains(what), "{}", machine.journal());
    }
}
