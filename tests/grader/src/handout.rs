//! `cargo lab handout`: the course for students, without its answers.
//!
//! ```text
//!   left out       solutions/ of the labs that are not solved, tests/submissions/, the grader, the teacher's pages of the
//!                  book, history; what git does not track
//!   put in         exercises/ as they are cut, and once more in tests/shipped/, for `cargo lab reset`; the rules for
//!                  coding agents, in exercises/ and at the root, which is where a student starts an agent
//!   changed        the workspace and stages/parts: where our part is missing, the student's takes its place; pages of the
//!                  book that name what is left out
//! ```
//!
//! There is no compiled reference to link with. The parts are generic (`BoundedQueue<T>`, `Cache<V>`), so their code is
//! generated where they are used; a library without source would fit only one version of the compiler and of every
//! dependency. If a class is stuck, `--solved` lets it go on: it hands out the source of a lab whose deadline is over.

mod pages;

use crate::cut::{self, replace_once};
use anyhow::{Context, Result, ensure};
use lab::course::{Course, Lab};
use lab::{build, tree};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The pages of the book that only teachers read.
pub const TEACHERS_PAGES: &str = "book/src/teaching";

/// The rules for a coding agent that helps a student.
pub const AGENTS: &str = "exercises/AGENTS.md";

/// Writes the course for students into a new folder. The labs in `solved` come with their solutions.
///
/// # Errors
/// If the folder is not empty, or a file cannot be written.
pub fn handout(course: &Course, folder: &Path, solved: &[String]) -> Result<()> {
    let solved: Vec<&Lab> = solved.iter().map(|name| course.lab(name)).collect::<Result<_>>()?;
    let is_solved = |part: &str| solved.iter().any(|lab| lab.part == part);
    if folder.exists() {
        let mut entries =
            fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
        ensure!(entries.next().is_none(), "{} is not empty; name a new folder", folder.display());
    }
    let wanted = |path: &Path| {
        let part = path.strip_prefix("solutions").ok().and_then(|rest| rest.iter().next());
        let ours = [
            "exercises",
            "tests/submissions",
            // It works only beside solutions.
            "tests/grader",
            "tests/start/tests",
            "tests/autograder",
            "tests/mutants",
            ".cargo/mutants.toml",
            ".ci",
            "CONTRIBUTING.md",
            // Pages that show solutions, and what needs solutions to build.
            "book/src/museum",
            "book/src/questions",
            "book/src/data/museum",
            "book/tool",
            // Questions with the answers that a teacher expects.
            TEACHERS_PAGES,
            // The slides that a teacher presents. The decks are beside the chapters, each called slides.md.
            "book/assets/slides.css",
            "book/assets/slides.js",
        ];
        part.is_none_or(|part| is_solved(&part.to_string_lossy()))
            && !path.ends_with("slides.md")
            && !ours.iter().any(|ours| path.starts_with(ours))
    };
    // Before the new folder is there, which may be in this checkout.
    let published = tree::published(&course.root)?;
    tree::copy_some(&published.files, &course.root, folder, wanted)?;
    for lab in &course.labs {
        let mut exercise = cut::exercise(&course.root, lab)?;
        let solution = Path::new("solutions").join(&lab.part);
        exercise.retain(|name, _| published.files.contains(&solution.join(name)));
        tree::write(&exercise, &lab.exercise(folder))?;
        tree::write(&exercise, &folder.join("tests/shipped").join(&lab.part))?;
    }
    for folder in [folder.join("exercises"), folder.to_owned()] {
        fs::copy(course.root.join(AGENTS), folder.join("AGENTS.md"))
            .with_context(|| format!("cannot copy {AGENTS}"))?;
    }
    let missing: Vec<&str> =
        course.labs.iter().map(|lab| lab.part.as_str()).filter(|part| !is_solved(part)).collect();
    edit(&folder.join("Cargo.toml"), |text| workspace(text, &missing, solved.is_empty()))?;
    edit(&folder.join("stages/parts/Cargo.toml"), |text| parts(text, &missing))?;
    edit(&folder.join(".cargo/config.toml"), aliases)?;
    edit(&folder.join("book/src/SUMMARY.md"), |text| Ok(summary(&text, &folder.join("book/src"))))?;
    for page in tree::files(folder)?.iter().filter(|path| path.starts_with("book/src")) {
        let page = folder.join(page);
        if page.extension().is_some_and(|ending| ending == "md") {
            edit(&page, |text| Ok(pages::for_students(&text, &page, folder, &missing)))?;
        }
    }
    for lab in &course.labs {
        edit(&folder.join("tests/labs").join(format!("{}.toml", lab.part)), without_answers)?;
    }
    fs::copy(course.root.join("tests/grader/handout/README.md"), folder.join("README.md"))?;
    let workflow = folder.join(".github/workflows/labs.yml");
    fs::create_dir_all(workflow.parent().expect("a file is in a folder"))?;
    fs::copy(course.root.join("tests/autograder/github/labs.yml"), workflow)?;
    settle_lock_file(folder)?;
    println!("{} holds the course for students.", folder.display());
    println!("It needs no history of yours: `git init` there makes a new one.");
    if let Some(line) = published.line() {
        println!("{line}");
    }
    Ok(())
}

/// Writes the lock file without the packages that are left out, as the first build would. Otherwise git would report a
/// change.
fn settle_lock_file(folder: &Path) -> Result<()> {
    let mut update: Command = build::clean_cargo();
    update.args(["update", "--workspace", "--offline", "--quiet"]).current_dir(folder);
    let status = update.status().context("cannot run cargo")?;
    ensure!(status.success(), "cargo cannot write Cargo.lock in {}", folder.display());
    Ok(())
}

fn edit(path: &Path, change: impl FnOnce(String) -> Result<String>) -> Result<()> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let changed = change(text).with_context(|| format!("{} is not as expected", path.display()))?;
    fs::write(path, changed).with_context(|| format!("cannot write {}", path.display()))
}

/// Removes our package of each missing part; and `cargo test` leaves out the stages too, because they are not complete
/// before their parts are.
fn workspace(mut text: String, missing: &[&str], no_solutions: bool) -> Result<String> {
    if no_solutions {
        text = replace_once(
            &text,
            "\"stages/*\", \"solutions/*\", \"exercises/*\",",
            "\"stages/*\", \"exercises/*\",",
        )?;
    }
    text = replace_once(
        &text,
        "# All but the exercises, which are the student's and full of holes at first, and the benchmarks and the book, which\n# need more crates to build.\n",
        "",
    )?;
    text = replace_once(&text, ", \"book/tool\",\n", ",\n")?;
    text = replace_once(
        &text,
        "\"tests/grader\", \"tests/lab\", \"tests/lanes\"",
        "\"tests/lab\", \"tests/lanes\"",
    )?;
    text = replace_once(&text, "grader = { path = \"tests/grader\" }\n", "")?;
    let start = text.find("default-members = [").context("no default-members")?;
    let end = start + text[start..].find("]\n").context("default-members do not end")? + 2;
    text.replace_range(start..end, "default-members = [\"tests/lab\"]\n");
    for part in missing {
        text = replace_once(&text, &format!("{part} = {{ path = \"solutions/{part}\" }}\n"), "")?;
    }
    Ok(text)
}

/// Makes the feature of each missing part turn on the student's.
fn parts(mut text: String, missing: &[&str]) -> Result<String> {
    for part in missing {
        text = replace_once(
            &text,
            &format!("\n{part} = [\"dep:{part}\"]\n"),
            &format!("\n{part} = [\"my-{part}\"]\n"),
        )?;
        text = replace_once(&text, &format!("\n{part} = {{ workspace = true, optional = true }}\n"), "\n")?;
        text = text.replace(&format!("\"{part}?/crash-points\", "), "");
    }
    Ok(text)
}

/// Changes the aliases: `cargo herd` first says what is not written yet, and `cargo book` is removed, because students
/// use plain mdBook.
fn aliases(text: String) -> Result<String> {
    let book = "# The book: build, serve, test.\nbook = \"run --quiet --package start -- book\"\n";
    let text = replace_once(&text, book, "")?;
    let herd = "herd = \"run --quiet --package start -- herd\"\n";
    replace_once(&text, herd, "herd = \"run --quiet --package start -- lab run 6 --mine all --release --\"\n")
}

/// Removes entries of pages that are not handed out, and titles without entries.
fn summary(text: &str, pages: &Path) -> String {
    let is_there = |line: &&str| match line.split_once("](") {
        Some((_, page)) => pages.join(page.trim_end_matches(')')).exists(),
        None => true,
    };
    let kept: Vec<&str> = text.lines().filter(is_there).collect();
    let kept = kept.join("\n") + "\n";
    let parts: Vec<&str> = kept.split("\n# ").filter(|part| part.contains("](")).collect();
    parts.join("\n# ")
}

/// Removes the answers of the hunts from a lab's file.
fn without_answers(mut text: String) -> Result<String> {
    const BEGIN: &str = "right = '''\n";
    while let Some(start) = text.find(BEGIN) {
        let end =
            text[start + BEGIN.len()..].find("'''").context("a text does not end")? + start + BEGIN.len() + 3;
        text.replace_range(start..end, "right = \"\"");
    }
    Ok(text)
}
