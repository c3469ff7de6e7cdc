//! Every command that a page shows with its output prints that output.

use book::session::{self, is_as_expected, steps};
use book::{pages, root};
use std::path::Path;
use std::process::Command;

/// Namespaces are what gives each page a network of its own.
fn namespaces_work() -> bool {
    let mut unshare = Command::new("unshare");
    unshare.args(["--net", "--pid", "--mount", "--fork", "--mount-proc"]);
    if !nix::unistd::getuid().is_root() {
        unshare.arg("--map-root-user");
    }
    unshare.arg("true").output().is_ok_and(|output| output.status.success())
}

#[test]
fn every_command_prints_what_its_page_says() {
    if !namespaces_work() {
        return e2e::skip("this machine refuses namespaces, so the book's commands were not run");
    }
    let root = root().expect("a checkout");
    // A page waits for its servers, not for the compiler.
    for what in [
        &["--package", "stage*", "--bins"][..],
        &["--release", "--package", "stage6-prefork", "--bin", "herd"],
        // Else `cargo lab` would say first that it is being built.
        &["--package", "start", "--package", "lab", "--bins"],
    ] {
        let built = Command::new(lab::build::cargo())
            .args(["build", "--quiet"])
            .args(what)
            .current_dir(&root)
            .status();
        assert!(built.expect("cargo runs").success(), "the stages do not compile");
    }
    let only = std::env::var("ONLY").unwrap_or_default();
    let mut complaints = Vec::new();
    let mut run = 0;
    for page in pages::all(&root).expect("pages") {
        let name = page.strip_prefix(&root).expect("a page of the book").display().to_string();
        if !name.contains(&only) {
            continue;
        }
        let text = std::fs::read_to_string(&page).expect("a page");
        run += steps(&pages::blocks(&text)).len();
        match session::check(&root, &page, Path::new(env!("CARGO_BIN_EXE_book"))) {
            Ok(of_page) => complaints.extend(of_page),
            Err(error) => complaints.push(format!("{name}: {error:#}")),
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
    println!("{run} commands");
}

#[test]
fn commands_are_read_with_what_they_should_print() {
    let page = "Text.\n\n```console\n$ echo one\none\n$ printf '%s\\n' \\\n> two\n...\n```\n";
    let steps = steps(&pages::blocks(page));
    let read: Vec<_> = steps.iter().map(|step| (step.line, &*step.command, &*step.expected)).collect();
    assert_eq!(read, [(4, "echo one", "one\n"), (6, "printf '%s\\n' \\\ntwo", "...\n")]);
}

#[test]
fn elisions_stand_for_what_varies_and_for_nothing_else() {
    assert!(is_as_expected("pid 17, up\n", "pid [..], up\n"));
    assert!(!is_as_expected("pid 17, down\n", "pid [..], up\n"));
    assert!(is_as_expected("a\nb\nc\nd\n", "a\n...\nd\n"));
    assert!(!is_as_expected("a\nb\nc\n", "a\n...\nd\n"));
    for printed in ["a\n", "a\nb\n", "a\nb\nc\n"] {
        assert!(is_as_expected(printed, "a\n...\n"), "{printed:?}");
    }
    assert!(is_as_expected("", "...\n"));
    assert!(!is_as_expected("something\n", ""), "a command that should print nothing prints nothing");
}
