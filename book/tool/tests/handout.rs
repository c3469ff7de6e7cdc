//! What students get, walked through: its book has no answers and no dead link, and every command that a page names is
//! one that they have.

use book::{pages, root};
use lab::course::Course;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// One hand-out for all tests. They only read it.
static HANDOUT: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("handout");
    let _ = fs::remove_dir_all(&folder);
    let course = Course::load(&root().expect("a checkout")).expect("the labs");
    grader::handout::handout(&course, &folder, &[]).expect("a handout");
    let book = mdbook_driver::MDBook::load(folder.join("book")).expect("a book");
    book.build().expect("it can be built");
    folder
});

/// All Markdown in it, with its path.
fn markdown() -> Vec<(String, String)> {
    let files = lab::tree::files(&HANDOUT).expect("files");
    let pages = files.iter().filter(|path| path.extension().is_some_and(|ending| ending == "md"));
    let text = |path: &PathBuf| fs::read_to_string(HANDOUT.join(path)).expect("a page");
    pages.map(|path| (path.display().to_string(), text(path))).collect()
}

#[test]
fn the_book_of_a_handout_has_no_answers() {
    let built = HANDOUT.join("book/build");
    assert!(built.join("1-single/lab.html").exists());
    for answers in ["museum", "questions", "teaching"] {
        assert!(!built.join(answers).exists(), "students have {answers}");
    }
    let pages = pages::all(&HANDOUT).expect("pages");
    let decks: Vec<_> = pages.iter().filter(|page| page.ends_with("slides.md")).collect();
    assert!(decks.is_empty(), "what a teacher presents is handed out: {decks:?}");
}

/// Of the book as it is built, and of the pages beside it.
#[test]
fn no_link_of_a_handout_leads_nowhere() {
    let mut lychee = Command::new("lychee");
    lychee.args(["--offline", "--include-fragments", "--no-progress"]);
    for repeated in ["print.html", "toc.html", "404.html"] {
        lychee.args(["--exclude-path", repeated]);
    }
    lychee.args(["book/build/**/*.html", "README.md", "AGENTS.md", "exercises/AGENTS.md"]);
    let output = match lychee.current_dir(&*HANDOUT).output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return e2e::skip("lychee is not installed");
        }
        Err(error) => panic!("lychee cannot be started: {error}"),
    };
    let said = [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat();
    assert!(output.status.success(), "{said}");
}

/// The commands that a page names: in its blocks and between backticks, each without what a shell does with it.
fn commands(text: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices("cargo ") {
        let before = &text[text[..at].rfind('\n').map_or(0, |end| end + 1)..at];
        let begins = before.ends_with('`')
            || before.ends_with("$ ")
            || before.trim().is_empty()
            || before.ends_with("; ");
        let end = text[at..]
            .find(['`', '\n', '#', '|', '&', '>', ';', ')', '\\'])
            .map_or(text.len(), |end| at + end);
        if begins {
            found.insert(text[at..end].trim());
        }
    }
    found
}

/// Cargo's own commands that pages may name, and what `cargo install` would bring.
const OF_CARGO: [&str; 10] =
    ["bench", "build", "clippy", "doc", "fmt", "install", "run", "test", "tree", "update"];
/// The words of `cargo lab` in a hand-out.
const OF_LAB: [&str; 5] = ["check", "compare", "hint", "reset", "run"];

/// What there is to name: by package, its targets with their kinds.
type Packages = BTreeMap<String, BTreeSet<(String, String)>>;

fn packages() -> Packages {
    let mut cargo = Command::new(lab::build::cargo());
    cargo.args(["metadata", "--no-deps", "--format-version", "1", "--offline"]).current_dir(&*HANDOUT);
    let output = cargo.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let all: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let targets = |package: &Value| {
        let targets = package["targets"].as_array().into_iter().flatten();
        targets.map(|target| (word(&target["kind"][0]), word(&target["name"]))).collect()
    };
    let packages = all["packages"].as_array().expect("packages").iter();
    packages.map(|package| (word(&package["name"]), targets(package))).collect()
}

fn aliases() -> Vec<String> {
    let text = fs::read_to_string(HANDOUT.join(".cargo/config.toml")).expect("the aliases");
    let table: toml::Table = toml::from_str(&text).expect("TOML");
    table["alias"].as_table().expect("aliases").keys().cloned().collect()
}

/// Why a command fails in a hand-out, if it does.
fn complaint(command: &str, packages: &Packages, aliases: &[String]) -> Option<String> {
    // What is behind ` -- ` is for the program.
    let command = command.split(" -- ").next().unwrap_or(command);
    let words: Vec<&str> = command.split_whitespace().skip(1).filter(|word| !word.starts_with('+')).collect();
    let first = *words.first()?;
    let is_word = |word: &&str| word.chars().all(|sign| sign.is_ascii_lowercase());
    if first == "lab" {
        let word = words.get(1).filter(|word| is_word(word) && !word.is_empty());
        return word
            .filter(|word| !OF_LAB.contains(*word))
            .map(|word| format!("students have no `cargo lab {word}`"));
    }
    if !OF_CARGO.contains(&first) && !aliases.iter().any(|alias| alias == first) {
        return Some(format!("there is no `cargo {first}`"));
    }
    let mut package: Option<&str> = None;
    for pair in words.windows(2) {
        let (flag, name) = (pair[0], pair[1]);
        match flag {
            "-p" | "--package" if name.contains(['<', '.']) => return None,
            "-p" | "--package" if !packages.contains_key(name) => {
                return Some(format!("there is no package {name}"));
            }
            "-p" | "--package" => package = Some(name),
            "--test" | "--bin" | "--bench" | "--example" => {
                let of = packages.iter().filter(|(of, _)| package.is_none_or(|package| package == **of));
                let target = (flag[2..].to_owned(), name.to_owned());
                if !of.flat_map(|(_, targets)| targets).any(|there| *there == target) {
                    return Some(format!("there is no {flag} {name}"));
                }
            }
            _ => {}
        }
    }
    None
}

#[test]
fn every_command_that_a_page_names_is_one_that_students_have() {
    let (packages, aliases) = (packages(), aliases());
    assert!(aliases.contains(&"herd".to_owned()) && packages.contains_key("my-queue"));
    // Each alias starts `start`, which knows the package for each word.
    assert!(packages.contains_key("start") && packages.contains_key("lab") && packages.contains_key("demo"));
    let mut complaints = Vec::new();
    let mut count = 0;
    for (page, text) in markdown() {
        for command in commands(&text) {
            count += 1;
            let why = complaint(command, &packages, &aliases);
            complaints.extend(why.map(|why| format!("{page}: `{command}`: {why}")));
        }
    }
    assert!(count > 100, "pages name {count} commands");
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// The checker itself: what it must find.
#[test]
fn a_command_that_students_do_not_have_is_found() {
    let (packages, aliases) = (packages(), aliases());
    let told = |command| complaint(command, &packages, &aliases).unwrap_or_default();
    assert_eq!(told("cargo test -q -p queue --lib a"), "there is no package queue");
    assert_eq!(told("cargo test -p my-queue --test nothing"), "there is no --test nothing");
    assert_eq!(told("cargo lab grade submissions/*"), "students have no `cargo lab grade`");
    assert_eq!(told("cargo book serve"), "there is no `cargo book`");
    for good in [
        "cargo lab",
        "cargo lab 3",
        "cargo lab check 3",
        "cargo herd --port 1",
        "cargo test -p my-queue --test suite",
    ] {
        assert_eq!(told(good), "", "{good}");
    }
    assert_eq!(
        Vec::from_iter(commands("`cargo a b`, and\n$ cargo c | head\ncargo d # e\nthe cargo ship\n")),
        ["cargo a b", "cargo c", "cargo d"]
    );
}
