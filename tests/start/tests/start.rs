//! What `start` prints, and how it calls cargo. Cargo is a script here that prints its arguments.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tempfile::TempDir;

/// A target folder with `start` in it, and a cargo beside it.
struct Target {
    folder: TempDir,
    /// One test at a time: a file that is open for writing cannot be run (execve(2), ETXTBSY), and a process that
    /// another test starts at that moment would hold it open too.
    _alone: MutexGuard<'static, ()>,
}

static ALONE: Mutex<()> = Mutex::new(());

impl Target {
    /// `build` is what the script does when it is asked to build.
    fn new(build: &str) -> Target {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().expect("a folder");
        let target = Target { folder, _alone: alone };
        for profile in ["debug", "release"] {
            fs::create_dir(target.path(profile)).expect("a folder");
        }
        // A copy and not a link, because the program asks the kernel where it is.
        fs::copy(env!("CARGO_BIN_EXE_start"), target.path("debug/start")).expect("a copy");
        let script = format!("#!/bin/sh\necho \"$@\"\n[ $1 = build ] && {{ {build}; }}\nexit 7\n");
        fs::write(target.path("cargo"), script).expect("a script");
        fs::set_permissions(target.path("cargo"), PermissionsExt::from_mode(0o755)).expect("a program");
        target
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Calls `start`. Returns what it printed itself, how cargo was called, and the exit code.
    fn start(&self, words: &[&str]) -> (String, Vec<String>, Option<i32>) {
        let mut command = Command::new(self.path("debug/start"));
        let Output { status, stdout, stderr } =
            command.args(words).env("CARGO", self.path("cargo")).output().expect("start runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        (text(stderr), text(stdout).lines().map(str::to_owned).collect(), status.code())
    }
}

#[test]
fn the_first_time_a_line_says_what_is_built_and_how_long_it_takes() {
    let target = Target::new("exit 0");
    let (said, calls, code) = target.start(&["lab", "check", "3", "--watch"]);
    assert_eq!(said, "Building the labs' runner: about 15 s the first time.\n");
    let expected =
        ["build --package lab --bin lab --quiet", "run --package lab --bin lab --quiet -- check 3 --watch"];
    assert_eq!(calls, expected);
    assert_eq!(code, Some(7), "the exit code is the program's own");
}

#[test]
fn later_nothing_is_said() {
    let target = Target::new("exit 0");
    fs::write(target.path("release/herd"), "").expect("a file");
    let (said, calls, _) = target.start(&["herd", "--port", "0"]);
    assert_eq!(said, "", "the server is there already");
    assert_eq!(calls, ["run --package stage6-prefork --bin herd --release --quiet -- --port 0"]);
}

#[test]
fn what_cannot_be_built_is_not_run() {
    let target = Target::new("echo 'error: no such syntax' >&2; exit 101");
    let (said, calls, code) = target.start(&["demo"]);
    assert!(said.ends_with("error: no such syntax\n"), "the compiler has the last word:\n{said}");
    assert_eq!(calls, ["build --package demo --bin demo --release --quiet"]);
    assert_eq!(code, Some(101));
}

#[test]
fn a_word_that_is_no_program_is_refused_in_a_sentence() {
    let (said, calls, code) = Target::new("exit 0").start(&["hurd"]);
    assert_eq!(said, "start: there is no `hurd`; call it by its alias, such as cargo lab\n");
    assert!(calls.is_empty() && code == Some(2));
}

/// Every alias of the checkout names a program that `start` knows.
#[test]
fn each_alias_starts_its_program() {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.cargo/config.toml");
    let config = fs::read_to_string(config).expect("the aliases");
    let aliases: Vec<&str> =
        config.lines().filter_map(|line| Some(line.split_once(" = \"run ")?.0)).collect();
    assert_eq!(aliases, ["herd", "lab", "demo", "book"]);
    for alias in aliases {
        let line = format!("{alias} = \"run --quiet --package start -- {alias}\"");
        assert!(config.contains(&line), "missing: {line}");
        let (_, calls, _) = Target::new("exit 0").start(&[alias]);
        assert_eq!(calls.len(), 2, "{alias} is built, and run");
    }
}
