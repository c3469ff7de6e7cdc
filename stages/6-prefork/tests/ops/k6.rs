//! The scripts in `tests/load/k6`, shortened, against a herd.

use super::{PROGRAM, run};
use e2e::{Site, pattern};
use std::path::Path;
use verdict::test;

/// Runs a script against a herd with these flags. `None`, and a message, if k6 is not installed.
fn k6(script: &str, flags: &[&str], more: &[&str]) -> Option<(bool, String)> {
    let site = Site::new()
        .file("index.html", pattern(2000))
        .file("style.css", pattern(500))
        .file("large.html", pattern(256 << 10));
    let herd = PROGRAM.launch().site(&site).flags(flags).start();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/load/k6").join(script);
    let (script, address) = (script.to_string_lossy(), format!("HERD=http://{}", herd.address()));
    let arguments = ["run", "--quiet", "--no-usage-report", "--env", &address, "--env", "SECONDS=1"];
    let output = run("k6", &[&arguments[..], more, &[&*script]].concat())?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    Some((output.status.success(), said))
}

#[test]
fn a_load_that_grows_stays_within_its_limits() {
    // The speed of a busy machine says nothing about the script.
    let patient = ["--env", "P95_MILLISECONDS=20000"];
    let Some((passed, said)) = k6("load.js", &[], &patient) else { return };
    assert!(passed, "{said}");
}

#[test]
fn a_storm_is_refused_politely() {
    let full =
        ["--num-workers", "1", "--threads-per-worker", "1", "--queue-size", "2", "--hand-off", "always"];
    let Some((passed, said)) = k6("storm.js", &full, &[]) else { return };
    assert!(passed, "{said}");
}

/// Checks that the scripts can fail at all: no server answers in 0.1 µs, and this one refuses no request.
#[test]
fn what_is_not_kept_is_noticed() {
    let Some((passed, said)) = k6("load.js", &[], &["--env", "P95_MILLISECONDS=0.0001"]) else { return };
    assert!(!passed && said.contains("http_req_duration"), "{said}");
    let Some((passed, said)) = k6("storm.js", &["--hand-off", "when-needed"], &[]) else { return };
    assert!(!passed && said.contains("refused"), "{said}");
}
