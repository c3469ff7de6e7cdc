//! What a reader meets: figures that work, pages that open, links that lead somewhere, words that are spelled right.

use book::root;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs a program. `None`, with one line that says so, if it is not installed.
fn run(program: &str, arguments: &[&str], folder: &Path) -> Option<Output> {
    let output = Command::new(program).args(arguments).current_dir(folder).output();
    if let Err(error) = &output
        && error.kind() == std::io::ErrorKind::NotFound
    {
        e2e::skip(&format!("{program} is not installed"));
        return None;
    }
    Some(output.expect("a program that is there can be started"))
}

#[track_caller]
fn expect_success(output: &Output) {
    let said = [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat();
    assert!(output.status.success(), "{said}");
}

/// The book as HTML, in a folder of its own.
fn built(name: &str) -> PathBuf {
    let root = root().expect("a checkout");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let output = run(env!("CARGO_BIN_EXE_book"), &["build", "--to", &folder.display().to_string()], &root);
    expect_success(&output.expect("our own program"));
    folder
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

#[test]
fn the_models_of_the_figures_do_what_they_should() {
    let names = |folder: PathBuf, end: &str| -> BTreeSet<String> {
        let entries =
            std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
        entries.map(|name| name.to_string_lossy().trim_end_matches(end).to_owned()).collect()
    };
    let tested = names(here().join("figures"), ".test.mjs");
    let figures = names(root().expect("a checkout").join("book/src/figures"), "");
    assert_eq!(tested, figures, "every figure has its tests");
    // A list, because `node --test` with a folder means something else in each version.
    let tests: Vec<String> = tested.iter().map(|name| format!("figures/{name}.test.mjs")).collect();
    let mut arguments = vec!["--test"];
    arguments.extend(tests.iter().map(String::as_str));
    if let Some(output) = run("node", &arguments, &here()) {
        expect_success(&output);
    }
}

#[test]
fn every_page_and_figure_works_in_a_browser() {
    let folder = built("browser").display().to_string();
    if let Some(output) = e2e::browse(&["pages.mjs", &folder]) {
        expect_success(&output);
        print!("{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn no_link_leads_nowhere() {
    let folder = built("links");
    book::slides::build(&root().expect("a checkout"), &folder.join("slides")).expect("the decks");
    let pages = format!("{}/**/*.html", folder.display());
    // The page of all pages has the others' links, relative to folders that it is not in.
    let arguments = [
        "--offline",
        "--include-fragments",
        "--no-progress",
        "--exclude-path",
        "print.html",
        "--exclude-path",
        "toc.html",
        // Its links begin at the root of a web site.
        "--exclude-path",
        "404.html",
        &pages,
    ];
    if let Some(output) = run("lychee", &arguments, &folder) {
        expect_success(&output);
        print!("{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn no_word_is_spelled_wrong() {
    let root = root().expect("a checkout");
    if let Some(output) = run("typos", &["--config", "book/typos.toml", "book", "README.md"], &root) {
        expect_success(&output);
    }
}
