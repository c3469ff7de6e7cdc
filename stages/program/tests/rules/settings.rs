//! `cli`, `settings` and `sources`: which source wins, and what is said of a value that cannot be used.

use program::cli::{Start, parse};
use program::settings::{HandOff, KEYS, MAX_WORKERS, Monitoring, Settings};
use program::settings_file;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What a command line and an environment come to.
pub fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Start, String> {
    let arguments = std::iter::once("stage1").chain(arguments.iter().copied()).map(OsString::from);
    let variable =
        |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
    parse("stage1", "about", arguments, variable, settings_file::read).map_err(|error| error.to_string())
}

/// The same, for a command line that must serve.
pub fn settings(arguments: &[&str], environment: &[(&str, &str)]) -> Settings {
    match start(arguments, environment) {
        Ok(Start::Serve(settings)) => settings,
        other => panic!("{arguments:?} with {environment:?} should serve, but it is {other:?}"),
    }
}

/// The sentence that a command line is refused with.
pub fn complaint(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    match start(arguments, environment) {
        Err(sentence) => sentence,
        Ok(start) => panic!("{arguments:?} with {environment:?} should be refused, but it is {start:?}"),
    }
}

/// For each key: two values that differ from the default and from each other.
const VALUES: [(&str, &str, &str); 19] = [
    ("ADDRESS", "127.0.0.2", "::1"),
    ("PORT", "0", "65535"),
    ("MONITORING_ADDRESS", "127.0.0.1:0", "[::1]:9090"),
    ("DOCUMENT_ROOT", "/a", "b"),
    ("DOT_FILES", "off", "on"),
    ("PRECOMPRESSED", "off", "on"),
    ("MAX_AGE", "0", "31536000"),
    ("NUM_WORKERS", "63", "64"),
    ("THREADS_PER_WORKER", "1", "1024"),
    ("QUEUE_SIZE", "1", "65536"),
    ("QUEUE_DELAY_MS", "0", "86400000"),
    ("CACHE_SIZE_MB", "0", "1048576"),
    ("TIMEOUT_SECONDS", "1", "86400"),
    ("DRAIN_SECONDS", "1", "86400"),
    ("ACCESS_LOG", "a.log", "b.log"),
    ("TRUSTED_PROXY", "10.0.0.1/32", "fd00::/8,10.0.0.0/8"),
    ("HAND_OFF", "always", "when-needed"),
    ("USER", "nobody", "www-data"),
    ("LANDLOCK", "off", "on"),
];

fn flag(key: &str) -> String {
    format!("--{}", key.to_lowercase().replace('_', "-"))
}

/// The value of a setting, spelled as it came in.
fn spelled(settings: &Settings, key: &str) -> String {
    match key {
        "ADDRESS" => settings.address.to_string(),
        "PORT" => settings.port.to_string(),
        "MONITORING_ADDRESS" => match settings.monitoring {
            Monitoring::Public => "with the files".to_owned(),
            Monitoring::Address(address) => address.to_string(),
            Monitoring::Off => "off".to_owned(),
        },
        "DOCUMENT_ROOT" => settings.document_root.display().to_string(),
        "DOT_FILES" => if settings.dot_files { "on" } else { "off" }.to_owned(),
        "PRECOMPRESSED" => if settings.precompressed { "on" } else { "off" }.to_owned(),
        "MAX_AGE" => settings.max_age.map_or_else(String::new, |seconds| seconds.to_string()),
        "NUM_WORKERS" => settings.num_workers.to_string(),
        "THREADS_PER_WORKER" => settings.threads_per_worker.to_string(),
        "QUEUE_SIZE" => settings.queue_size.to_string(),
        "QUEUE_DELAY_MS" => settings.queue_delay.as_millis().to_string(),
        "CACHE_SIZE_MB" => settings.cache_size_mb.to_string(),
        "TIMEOUT_SECONDS" => settings.timeout.as_secs().to_string(),
        "DRAIN_SECONDS" => settings.drain.map_or_else(String::new, |limit| limit.as_secs().to_string()),
        "ACCESS_LOG" => {
            settings.access_log.as_ref().map_or_else(String::new, |path| path.display().to_string())
        }
        "TRUSTED_PROXY" => settings.trusted_proxies.to_string(),
        "HAND_OFF" if settings.hand_off == HandOff::Always => "always".to_owned(),
        "HAND_OFF" => "when-needed".to_owned(),
        "USER" => settings.user.clone().unwrap_or_default(),
        "LANDLOCK" => if settings.landlock { "on" } else { "off" }.to_owned(),
        other => panic!("the test does not know the setting {other}"),
    }
}

#[test]
fn what_nobody_sets_has_its_documented_default() {
    let defaults = settings(&[], &[]);
    assert_eq!(defaults.address, IpAddr::from([127, 0, 0, 1]), "nobody is served whom nobody has invited");
    assert_eq!(defaults.socket_address().to_string(), "127.0.0.1:8080");
    assert_eq!(defaults.document_root, PathBuf::from("www"));
    assert!((1..=MAX_WORKERS).contains(&defaults.num_workers), "one per core: {}", defaults.num_workers);
    assert_eq!((defaults.threads_per_worker, defaults.queue_size, defaults.cache_size_mb), (8, 100, 50));
    let times = (defaults.timeout, defaults.queue_delay);
    assert_eq!(times, (Duration::from_secs(30), Duration::from_millis(200)));
    assert_eq!((defaults.drain, defaults.access_log, defaults.hand_off), (None, None, HandOff::WhenNeeded));
    assert_eq!((defaults.user, defaults.landlock), (None, true));
    assert_eq!(defaults.monitoring, Monitoring::Public);
    assert_eq!(settings(&["--monitoring-address", "off"], &[]).monitoring, Monitoring::Off);
    assert_eq!(defaults.trusted_proxies.to_string(), "", "no client is believed");
    assert_eq!((defaults.dot_files, defaults.precompressed, defaults.max_age), (false, false, None));
}

#[test]
fn the_default_root_comes_from_how_the_program_was_started() {
    let environment = [("HERD_DEFAULT_ROOT", "/site")];
    assert_eq!(settings(&[], &environment).document_root, PathBuf::from("/site"));
    assert_eq!(settings(&["--document-root", "/mine"], &environment).document_root, PathBuf::from("/mine"));
}

#[test]
fn every_setting_can_be_given_in_every_way_and_the_stronger_wins() {
    assert_eq!(BTreeSet::from(VALUES.map(|(key, ..)| key)), BTreeSet::from(KEYS), "a setting without a test");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("server.conf");
    let file_name = file.to_str().expect("a temporary folder has a plain name");
    for (key, weak, strong) in VALUES {
        let (flag, variable) = (flag(key), format!("HERD_{key}"));
        let from_flag = settings(&[&flag, strong], &[]);
        assert_eq!(spelled(&from_flag, key), strong, "{flag} {strong}");
        let from_environment = settings(&[], &[(&variable, strong)]);
        assert_eq!(from_environment, from_flag, "{variable}={strong} means what {flag} {strong} means");

        let flag_over_environment = settings(&[&flag, strong], &[(&variable, weak)]);
        assert_eq!(flag_over_environment, from_flag, "{flag} wins over {variable}");

        std::fs::write(&file, format!("{key}={weak}\n")).expect("a file");
        let config = ["--config", file_name];
        assert_eq!(spelled(&settings(&config, &[]), key), weak, "{key}={weak} in a file");
        assert_eq!(settings(&config, &[(&variable, strong)]), from_flag, "{variable} wins over the file");
        let both = settings(&[config[0], config[1], &flag, strong], &[(&variable, weak)]);
        assert_eq!(both, from_flag, "{flag} wins over everything");
    }
}

#[test]
fn a_value_that_cannot_be_used_is_refused_in_one_sentence() {
    let cases = [
        ("ADDRESS", "localhost", "\"localhost\" is not an IP address"),
        ("PORT", "65536", "\"65536\" is not a whole number from 0 to 65535"),
        ("PORT", "-1", "\"-1\" is not a whole number from 0 to 65535"),
        ("PORT", "", "\"\" is not a whole number from 0 to 65535"),
        ("PORT", "+80", "\"+80\" is not a whole number from 0 to 65535"),
        ("PORT", "80a", "\"80a\" is not a whole number from 0 to 65535"),
        ("MONITORING_ADDRESS", "", "\"\" is not ADDRESS:PORT or \"off\""),
        ("MONITORING_ADDRESS", "9090", "\"9090\" is not ADDRESS:PORT or \"off\""),
        ("MONITORING_ADDRESS", "::1:9090", "\"::1:9090\" is not ADDRESS:PORT or \"off\""),
        ("MONITORING_ADDRESS", "localhost:90", "\"localhost:90\" is not ADDRESS:PORT or \"off\""),
        ("MONITORING_ADDRESS", "OFF", "\"OFF\" is not ADDRESS:PORT or \"off\""),
        ("DOCUMENT_ROOT", "", "\"\" is not a path"),
        ("DOT_FILES", "yes", "\"yes\" is not \"on\" or \"off\""),
        ("MAX_AGE", "31536001", "\"31536001\" is not a whole number from 0 to 31536000"),
        ("NUM_WORKERS", "0", "\"0\" is not a whole number from 1 to 64"),
        ("NUM_WORKERS", "65", "\"65\" is not a whole number from 1 to 64"),
        ("THREADS_PER_WORKER", "0", "\"0\" is not a whole number from 1 to 1024"),
        ("THREADS_PER_WORKER", "1025", "\"1025\" is not a whole number from 1 to 1024"),
        ("QUEUE_SIZE", "0", "\"0\" is not a whole number from 1 to 65536"),
        ("QUEUE_SIZE", "65537", "\"65537\" is not a whole number from 1 to 65536"),
        ("QUEUE_DELAY_MS", "86400001", "\"86400001\" is not a whole number from 0 to 86400000"),
        ("CACHE_SIZE_MB", "1048577", "\"1048577\" is not a whole number from 0 to 1048576"),
        ("CACHE_SIZE_MB", "1.5", "\"1.5\" is not a whole number from 0 to 1048576"),
        ("TIMEOUT_SECONDS", "0", "\"0\" is not a whole number from 1 to 86400"),
        ("TIMEOUT_SECONDS", "86401", "\"86401\" is not a whole number from 1 to 86400"),
        ("DRAIN_SECONDS", "0", "\"0\" is not a whole number from 1 to 86400"),
        ("ACCESS_LOG", "", "\"\" is not a path"),
        ("TRUSTED_PROXY", "", "\"\" is not an address, ADDRESS/BITS, or several with commas"),
        (
            "TRUSTED_PROXY",
            "10.0.0.1,10.0.0.0/33",
            "\"10.0.0.1,10.0.0.0/33\" is not an address, ADDRESS/BITS, or several with commas",
        ),
        ("HAND_OFF", "never", "\"never\" is not \"always\" or \"when-needed\""),
    ];
    for (key, value, sentence) in cases {
        let (flag, variable) = (flag(key), format!("HERD_{key}"));
        assert_eq!(complaint(&[&flag, value], &[]), format!("{flag}: {sentence}"));
        assert_eq!(complaint(&[], &[(&variable, value)]), format!("{variable}: {sentence}"));
    }
}

#[test]
fn a_value_that_a_flag_overrides_may_be_anything() {
    assert_eq!(settings(&["--port", "80"], &[("HERD_PORT", "tcp://10.0.0.1:80")]).port, 80);
    let sentence = complaint(&["--port", "eighty"], &[("HERD_PORT", "81")]);
    assert_eq!(
        sentence, "--port: \"eighty\" is not a whole number from 0 to 65535",
        "but not the other way round"
    );
}

#[test]
fn a_flag_given_twice_means_the_last_one() {
    assert_eq!(settings(&["--port", "1", "--port=2"], &[]).port, 2, "so that an alias can be overridden");
}

#[test]
fn a_command_line_that_makes_no_sense_is_refused_in_one_sentence() {
    for arguments in [&["--prot", "80"][..], &["80"], &["--port"], &["--completions", "no-shell"]] {
        let sentence = complaint(arguments, &[]);
        assert!(!sentence.contains('\n') && sentence.ends_with("(see --help)"), "{arguments:?}: {sentence}");
    }
}

#[test]
fn help_version_and_completions_are_printed_whatever_else_is_wrong() {
    for (arguments, holds) in
        [(["--help", "--port=x"], "--queue-size"), (["--version", "--port=x"], "stage1")]
    {
        match start(&arguments, &[("HERD_PORT", "x")]) {
            Ok(Start::Print(text)) => {
                assert!(text.contains(holds), "{arguments:?} should mention {holds}: {text}")
            }
            other => panic!("{arguments:?} should print, but it is {other:?}"),
        }
    }
    for shell in ["bash", "zsh", "fish"] {
        match start(&["--completions", shell], &[]) {
            Ok(Start::Print(script)) => assert!(script.contains("queue-size"), "{shell}: {script}"),
            other => panic!("--completions {shell} should print, but it is {other:?}"),
        }
    }
}

#[test]
fn the_help_names_every_setting_with_its_real_default() {
    let Ok(Start::Print(help)) = start(&["--help"], &[]) else { panic!("--help should print") };
    let defaults = settings(&[], &[]);
    // Long explanations are wrapped, so lines mean nothing.
    let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for key in KEYS {
        let (_, rest) = words.split_once(&format!("{} <", flag(key))).expect("--help explains every setting");
        let explained = rest.split(" --").next().unwrap_or(rest);
        // Some defaults are explained in words, and there is no log and no other user by default.
        if !["MAX_AGE", "NUM_WORKERS", "DRAIN_SECONDS", "ACCESS_LOG", "TRUSTED_PROXY", "USER"].contains(&key)
        {
            let default = format!("[default: {}]", spelled(&defaults, key));
            assert!(explained.contains(&default), "{} should say {default}: {explained}", flag(key));
        }
    }
}
