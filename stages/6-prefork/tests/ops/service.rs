//! The unit for systemd: what it says of itself, and whether a herd can do its work with the system calls that it allows.

use super::{PROGRAM, ops, passes, run, text};
use e2e::{Program, Server, Signal, Site, eventually, pattern};
use std::fs;
use verdict::test;

/// What a service may do is rated from 0 (nothing) to 10 (everything).
#[test]
fn systemd_takes_the_unit_and_finds_that_it_may_do_little() {
    let folder = tempfile::tempdir().expect("a folder");
    // The program lies where an installed one would, as far as the unit can tell.
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

#[test]
fn a_herd_needs_no_system_call_that_the_unit_denies() {
    let has_seccomp =
        run("/usr/bin/python3", &["-c", "import seccomp"]).is_some_and(|output| output.status.success());
    if !has_seccomp || run("systemd-analyze", &["syscall-filter", "@default"]).is_none() {
        return e2e::skip("python3-seccomp or systemd-analyze is not installed");
    }
    let site = Site::new().file("index.html", "hello\n").file("large.bin", pattern(3 << 20));
    let log = site.outside().join("access.log");
    let start = |program: Program, before: &[&str]| -> Server {
        program.launch().flags(before).site(&site).flag("--access-log", &log).start()
    };
    let free = start(PROGRAM, &[]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ops/filter.py");
    let filtered = start(
        Program { name: "herd", path: script },
        &[&ops("herd.service").to_string_lossy(), PROGRAM.path],
    );
    for _ in 0..2 {
        filtered.get("/").expect(200);
        assert_eq!(filtered.get("/large.bin").expect(200).body.len(), 3 << 20);
        filtered.get("/metrics").expect(200);
        let old = filtered.workers();
        filtered.signal(Signal::SIGHUP);
        eventually("every worker is replaced", || {
            let now = filtered.workers();
            now.len() == old.len() && now.iter().all(|pid| !old.contains(pid))
        });
    }
    // What it cannot do it does without, and says so.
    let without = |server: &Server| server.stderr().contains("Landlock");
    assert_eq!(without(&filtered), without(&free), "{}", filtered.stderr());
    filtered.signal(Signal::SIGTERM);
    assert_eq!(filtered.exit_code(), Some(0), "{}", filtered.stderr());
    assert!(fs::read_to_string(&log).expect("a log").contains("GET /large.bin"));
}
