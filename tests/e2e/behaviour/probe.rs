//! 132 requests that a public project collected to tell good HTTP/1.1 servers from others
//! (`tests/e2e/probe/`).

use crate::PROGRAM;
use e2e::{Site, skip};
use std::process::Command;
use verdict::test;

#[test]
fn no_case_that_must_pass_fails_and_at_least_122_of_132_pass() {
    let probe = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/e2e/probe/probe.py");
    let server = PROGRAM.serve(&Site::new(), &[]);
    let (host, port) = (server.address().ip().to_string(), server.address().port().to_string());
    let Ok(output) = Command::new("python3").args([probe, &host, &port]).output() else {
        return skip("python3 is not installed");
    };
    let says = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    let last = says.lines().last().unwrap_or_default();
    let count = |what: &str| -> Option<u32> {
        let words: Vec<&str> = last.split([' ', ',']).collect();
        words.windows(2).find(|pair| pair[1] == what)?[0].parse().ok()
    };
    assert_eq!(count("cases:"), Some(132), "the probe should judge all its cases:\n{says}");
    assert!(output.status.success(), "no case that RFC 9112 calls a MUST should fail:\n{says}");
    assert!(count("pass") >= Some(122), "at least 122 cases should pass:\n{says}");
}
