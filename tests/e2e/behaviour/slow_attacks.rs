//! slowhttptest, the tool that attackers use: many clients that send or read as slowly as possible.

use crate::PROGRAM;
use e2e::{Site, pattern, skip};
use std::process::Command;
use verdict::test;

/// Attacks a herd with 300 clients for five seconds. The tool requests the page in between, and reports whether it
/// came.
#[track_caller]
fn is_available_throughout(mode: &[&str]) {
    let site = Site::new().file("large.bin", pattern(12 << 20));
    let server = PROGRAM.serve(&site, &["--timeout-seconds", "2"]);
    let target = format!("http://{}/large.bin", server.address());
    let attack = Command::new("slowhttptest")
        .args(mode)
        .args(["-c", "300", "-r", "150", "-i", "1", "-l", "5", "-p", "10", "-u", &target])
        .output();
    let Ok(attack) = attack else { return skip("slowhttptest is not installed") };
    let said = String::from_utf8_lossy(&attack.stdout);
    let verdicts: Vec<&str> = said.lines().filter(|line| line.contains("service available")).collect();
    assert!(
        !verdicts.is_empty() && verdicts.iter().all(|verdict| verdict.contains("YES")),
        "the page should be served during the attack {mode:?}: {said}"
    );
    server.get("/").expect(200);
}

#[test]
fn heads_that_never_end_leave_the_service_available() {
    is_available_throughout(&["-H"]);
}

#[test]
fn bodies_that_never_end_leave_the_service_available() {
    is_available_throughout(&["-B"]);
}

#[test]
fn ranges_by_the_hundred_leave_the_service_available() {
    is_available_throughout(&["-R"]);
}

#[test]
fn clients_that_hardly_read_leave_the_service_available() {
    is_available_throughout(&["-X"]);
}
