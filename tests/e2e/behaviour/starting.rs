//! Starting: settings from four sources, and one sentence about any that cannot be used.

use crate::PROGRAM;
use e2e::{Finished, Site};
use std::net::TcpListener;
use verdict::test;

/// Exit code 2, one line on standard error, and nothing else.
#[track_caller]
fn refused(finished: &Finished, setting: &str) {
    refused_with(2, finished, setting);
}

/// This exit code, one line on standard error, and nothing else.
#[track_caller]
fn refused_with(expected: i32, finished: &Finished, setting: &str) {
    let Finished { code, left_behind, stdout, stderr } = finished;
    assert_eq!(
        *code,
        Some(expected),
        "a bad {setting} should end the program with exit code {expected}; it said: {stderr:?}"
    );
    assert_eq!(
        stderr.lines().count(),
        1,
        "a bad {setting} should be explained in one line, not in: {stderr:?}"
    );
    assert!(stderr.contains(setting), "the explanation should name {setting}: {stderr:?}");
    assert_eq!(
        (stdout.as_str(), *left_behind),
        ("", 0),
        "a program that does not start should leave nothing"
    );
}

#[test]
fn a_bad_flag_or_value_is_one_sentence_and_exit_code_2() {
    let site = Site::new();
    let file = site.path("index.html").display().to_string();
    let cases: [(&str, &str); 24] = [
        ("--port", "http"),
        ("--port", "65536"),
        ("--port", "-1"),
        ("--port", ""),
        ("--address", "localhost"),
        ("--address", "300.0.0.1"),
        ("--monitoring-address", "9090"),
        ("--monitoring-address", "localhost:9090"),
        ("--trusted-proxy", "10.0.0.0/33"),
        ("--document-root", ""),
        ("--document-root", &file),
        ("--num-workers", "0"),
        ("--num-workers", "65"),
        ("--num-workers", "many"),
        ("--threads-per-worker", "0"),
        ("--threads-per-worker", "1.5"),
        ("--queue-size", "0"),
        ("--cache-size-mb", "-1"),
        ("--timeout-seconds", "0"),
        ("--hand-off", "sometimes"),
        ("--access-log", "/"),
        ("--config", "/no/such/file"),
        ("--completions", "cmd.exe"),
        ("--prot", "8080"),
    ];
    for (flag, value) in cases {
        refused(&PROGRAM.launch().site(&site).flags(&[flag, value]).run(), flag);
    }
    refused(&PROGRAM.launch().site(&site).flags(&["--port"]).run(), "--port");
    refused(&PROGRAM.launch().site(&site).flags(&["surplus"]).run(), "surplus");
}

#[test]
fn a_bad_variable_is_one_sentence_and_exit_code_2() {
    let site = Site::new();
    let cases = [
        ("HERD_ADDRESS", "localhost"),
        ("HERD_QUEUE_SIZE", "0"),
        ("HERD_CACHE_SIZE_MB", "lots"),
        ("HERD_HAND_OFF", ""),
        ("HERD_THREADS_PER_WORKER", "99999999999999999999"),
        ("HERD_CONFIG", "/no/such/file"),
    ];
    for (name, value) in cases {
        refused(&PROGRAM.launch().site(&site).variable(name, value).run(), name);
    }
}

#[test]
fn a_bad_line_of_the_configuration_is_named_with_its_number() {
    let site = Site::new();
    let cases = [
        ("ADDRESS=here", "ADDRESS"),
        ("PORT", "PORT"),
        ("COLOUR=red", "COLOUR"),
        ("port=80", "port"),
        ("PORT=0\nPORT=1", "PORT"),
        ("QUEUE_SIZE=", "QUEUE_SIZE"),
        ("QUEUE_SIZE=\"5", "QUEUE_SIZE"),
        ("DOCUMENT_ROOT=\0", "control character"),
    ];
    for (line, setting) in cases {
        site.write("../server.conf", format!("# a comment\n\nNUM_WORKERS = 2\n{line}\n"));
        let finished =
            PROGRAM.launch().site(&site).flag("--config", site.outside().join("server.conf")).run();
        refused(&finished, setting);
        let number = 3 + line.lines().count();
        let named = finished.stderr.contains("server.conf") && finished.stderr.contains(&number.to_string());
        assert!(named, "the explanation should name the file and line {number}: {}", finished.stderr);
    }
}

/// The variables that Kubernetes sets in every pod next to a service that is called `herd`.
#[test]
fn a_bad_value_that_another_one_wins_over_is_a_line_in_the_log() {
    let site = Site::new();
    let server = PROGRAM.launch().site(&site).variable("HERD_PORT", "tcp://10.0.0.1:80").start();
    server.get("/").expect(200);
    let warning =
        "HERD_PORT: \"tcp://10.0.0.1:80\" is not a whole number from 0 to 65535; another value overrides it";
    assert!(server.stderr().contains(warning), "{}", server.stderr());
}

#[test]
fn what_may_be_there_a_moment_later_is_one_sentence_and_exit_code_75() {
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = other.local_addr().expect("an address").port().to_string();
    let cases = [
        ("--port", &*port),
        // An address that is reserved for documentation, so no machine has it (RFC 5737).
        ("--address", "192.0.2.1"),
        ("--document-root", "/no/such/folder"),
        ("--access-log", "/no/such/folder/log"),
    ];
    for (flag, value) in cases {
        refused_with(75, &PROGRAM.launch().site(&Site::new()).flags(&[flag, value]).run(), flag);
    }
}

#[test]
fn a_second_server_on_the_same_port_is_refused_and_the_first_goes_on() {
    let first = PROGRAM.serve(&Site::new(), &[]);
    let port = first.address().port().to_string();
    let second = Site::new().file("index.html", "second");
    refused_with(75, &PROGRAM.launch().site(&second).flags(&["--port", &port]).run(), "--port");
    for _ in 0..20 {
        assert_eq!(first.get("/").expect(200).text(), "home\n");
    }
}

#[test]
fn a_flag_wins_over_the_environment_and_the_environment_over_the_file() {
    let [file, variable, flag] =
        ["file", "variable", "flag"].map(|name| Site::new().file("index.html", name));
    file.write(
        "../server.conf",
        format!(" # where\n\nPORT=0\r\nDOCUMENT_ROOT = {}\n", file.root().display()),
    );
    let configured = || PROGRAM.launch().flag("--config", file.outside().join("server.conf"));
    let says = |launch: e2e::Launch| launch.start().get("/").expect(200).text();
    assert_eq!(says(configured()), "file");
    assert_eq!(says(configured().variable("HERD_DOCUMENT_ROOT", variable.root())), "variable");
    let all =
        configured().variable("HERD_DOCUMENT_ROOT", variable.root()).flag("--document-root", flag.root());
    assert_eq!(says(all), "flag");
    let twice = configured().flag("--document-root", file.root()).flag("--document-root", flag.root());
    assert_eq!(says(twice), "flag", "the last flag of a name should count");
    let by_variable = PROGRAM.launch().variable("HERD_CONFIG", file.outside().join("server.conf"));
    assert_eq!(says(by_variable), "file");
}

#[test]
fn an_ipv6_address_is_an_address() {
    if TcpListener::bind("[::1]:0").is_err() {
        return e2e::skip("this machine has no IPv6");
    }
    let server = PROGRAM.serve(&Site::new(), &["--address", "::1"]);
    assert_eq!(server.get("/").expect(200).text(), "home\n");
}

#[test]
fn help_version_and_completions_are_printed_and_nothing_is_served() {
    let help = PROGRAM.launch().flags(&["--help"]).run();
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    for word in ["--document-root", "--queue-size", "HERD_", "Exit codes", "SIGTERM", "[default: 8080]"] {
        assert!(help.stdout.contains(word), "--help should mention {word}");
    }
    let version = PROGRAM.launch().flags(&["--version"]).run();
    assert_eq!((version.code, version.stderr.as_str()), (Some(0), ""));
    assert!(version.stdout.starts_with(&format!("{} ", PROGRAM.name)), "--version said: {}", version.stdout);
    for shell in ["bash", "zsh", "fish"] {
        let completions = PROGRAM.launch().flags(&["--completions", shell]).run();
        assert_eq!((completions.code, completions.stderr.as_str()), (Some(0), ""));
        assert!(completions.stdout.contains("document-root"), "the script for {shell} should know the flags");
    }
}
