//! The code on the pages is compiled somewhere, and the sections that the labs name exist.

use book::{pages, root};
use lab::course::Course;
use std::fs;
use std::path::Path;

/// Calls a closure with each page's path in the repository, its folder and its text.
fn for_each_page(mut look: impl FnMut(&str, &Path, &str)) {
    let root = root().expect("a checkout");
    for page in pages::all(&root).expect("pages") {
        let name = page.strip_prefix(&root).expect("a page of the book").display().to_string();
        let text = fs::read_to_string(&page).expect("a page");
        look(&name, page.parent().expect("a page is in a folder"), &text);
    }
}

/// The path and the anchor of an `{{#include}}`.
fn include(line: &str) -> Option<(&str, Option<&str>)> {
    let inside = line.trim().strip_prefix("{{#include ")?.strip_suffix("}}")?;
    Some(inside.split_once(':').map_or((inside, None), |(path, anchor)| (path, Some(anchor))))
}

#[test]
fn every_block_says_what_it_is_and_rust_is_compiled() {
    let mut complaints = Vec::new();
    for_each_page(|name, _, text| {
        for block in pages::blocks(text) {
            let place = format!("{name}:{}", block.line);
            match &*block.kind {
                "" | "indented" => complaints.push(format!("{place}: a block without a language")),
                "rust" => {}
                "rust,ignore" => {
                    let lines = block.text.lines().filter(|line| !line.is_empty());
                    if !lines.clone().all(|line| include(line).is_some()) {
                        complaints.push(format!("{place}: Rust that is neither included nor a doc test"));
                    }
                }
                other if other.starts_with("rust") => {
                    complaints.push(format!(
                        "{place}: `{other}`; say `rust`, or include a file with `rust,ignore`"
                    ));
                }
                _ => {}
            }
        }
    });
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn every_include_names_lines_that_are_there() {
    let mut complaints = Vec::new();
    let mut includes = 0;
    for_each_page(|name, folder, text| {
        for (number, line) in text.lines().enumerate() {
            let Some((path, anchor)) = include(line) else { continue };
            includes += 1;
            let place = format!("{name}:{}", number + 1);
            let Ok(included) = fs::read_to_string(folder.join(path)) else {
                complaints.push(format!("{place}: there is no file {path}"));
                continue;
            };
            if let Some(anchor) = anchor {
                let at = |mark: String| included.lines().position(|line| line.trim() == mark);
                match (at(format!("// ANCHOR: {anchor}")), at(format!("// ANCHOR_END: {anchor}"))) {
                    (Some(start), Some(end)) if start + 1 < end => {}
                    _ => complaints.push(format!("{place}: {path} has no lines {anchor}")),
                }
            }
        }
    });
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert!(includes > 50, "only {includes} includes were found; is the book somewhere else?");
}

/// The columns of a code block on a screen that is 1,280 pixels wide; `book.css` makes them.
const COLUMNS: usize = 104;

/// Code and commands that scroll sideways are not read. Only output may be wider: a verdict is a table with a column for
/// each thread, and must not be broken.
#[test]
fn no_line_of_code_is_wider_than_its_column() {
    let mut complaints = Vec::new();
    for_each_page(|name, folder, text| {
        for block in pages::blocks(text).into_iter().filter(|block| block.kind != "text") {
            let is_output = |line: &str| block.kind == "console" && !line.starts_with(['$', '>']);
            for (number, line) in block.text.lines().enumerate().filter(|(_, line)| !is_output(line)) {
                let shown = include(line).map_or_else(|| line.to_owned(), |named| included(folder, named));
                let wide = shown.lines().filter(|line| line.chars().count() > COLUMNS);
                complaints.extend(wide.map(|line| format!("{name}:{}: {line}", block.line + number)));
            }
        }
    });
    assert!(complaints.is_empty(), "wider than {COLUMNS} columns:\n{}", complaints.join("\n"));
}

/// What an `{{#include}}` shows.
fn included(folder: &Path, (path, anchor): (&str, Option<&str>)) -> String {
    let text = fs::read_to_string(folder.join(path)).expect("a file that can be included");
    let Some(anchor) = anchor else { return text };
    let from = text.lines().skip_while(|line| line.trim() != format!("// ANCHOR: {anchor}"));
    let shown = from.take_while(|line| line.trim() != format!("// ANCHOR_END: {anchor}"));
    shown.collect::<Vec<_>>().join("\n")
}

/// An anchor that no page includes is a leftover.
#[test]
fn every_anchor_is_shown_on_a_page() {
    let mut shown = std::collections::HashSet::new();
    for_each_page(|_, folder, text| {
        for (path, anchor) in text.lines().filter_map(include) {
            if let (Ok(path), Some(anchor)) = (folder.join(path).canonicalize(), anchor) {
                shown.insert((path, anchor.to_owned()));
            }
        }
    });
    let root = root().expect("a checkout").canonicalize().expect("a path");
    let mut leftovers = Vec::new();
    for folder in ["stages", "solutions", "tests", "book/tool"] {
        for path in lab::tree::rust_files(&root.join(folder)).expect("sources") {
            let text = fs::read_to_string(&path).expect("a source");
            let marks = text.lines().filter_map(|line| line.trim().strip_prefix("// ANCHOR: "));
            let unused = marks.filter(|anchor| !shown.contains(&(path.clone(), (*anchor).to_owned())));
            leftovers.extend(unused.map(|anchor| format!("{}: {anchor}", path.display())));
        }
    }
    assert!(leftovers.is_empty(), "{}", leftovers.join("\n"));
}

/// Pages that a student has before the labs do not give their answers away.
#[test]
fn no_chapter_shows_a_solution() {
    let mut complaints = Vec::new();
    for_each_page(|name, _, text| {
        if !name.starts_with("book/src/museum/") && !name.starts_with("book/src/questions/") {
            let shown = text.lines().filter_map(include).map(|(path, _)| path);
            let ours = shown.filter(|path| path.contains("solutions/") || path.contains("data/museum/"));
            complaints.extend(ours.map(|path| format!("{name} shows {path}")));
        }
    });
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Words that the course coins, or uses in a sense of its own, on its pages and in the documentation of its crates.
const OUR_WORDS: &str = "back off, backlog, bell, board, closing bell, cover, crash point, door, drain, \
    edge-triggered, exhibit, flight, hand off, herd, hole, hunt, inbox, lanes, linger, loom, mailbox, median, model, \
    p99, part, permit, pool, post, preemption, reap, reception, ring, roll, seat, settle, shed, shelf, slot, stage, \
    stamp, stuck, suite, supervisor, trial, turn, verdict";

#[test]
fn the_glossary_has_each_of_our_words_in_the_order_of_the_alphabet() {
    let page = root().expect("a checkout").join("book/src/reference/glossary.md");
    let text = fs::read_to_string(page).expect("the glossary");
    let entries = text.lines().filter_map(|line| line.strip_prefix("**")?.split_once("**"));
    let words: Vec<_> = entries.map(|(word, _)| word.to_lowercase()).collect();
    let missing: Vec<_> =
        OUR_WORDS.split(", ").filter(|word| !words.iter().any(|entry| entry == word)).collect();
    assert!(missing.is_empty(), "the glossary does not say what these are: {}", missing.join(", "));
    let misplaced = words.windows(2).find(|pair| pair[0] >= pair[1]);
    assert!(misplaced.is_none(), "these two are not in the order of the alphabet: {misplaced:?}");
}

/// `cargo lab` and the verdicts send a student to the section that has a task's number and name as its heading.
#[test]
fn every_task_heads_a_section_of_its_lab_and_verdicts_name_no_other() {
    let root = root().expect("a checkout");
    let course = Course::load(&root).expect("the labs");
    for lab in &course.labs {
        let page = pages::all(&root).expect("pages").into_iter().find(|page| {
            page.ends_with("lab.md")
                && page.parent().is_some_and(|folder| {
                    folder
                        .file_name()
                        .is_some_and(|name| name.to_string_lossy().starts_with(&format!("{}-", lab.number)))
                })
        });
        let text = fs::read_to_string(page.expect("each lab has its page")).expect("a page");
        for task in &lab.tasks {
            let heading = format!("## {}", task.heading());
            assert!(text.lines().any(|line| line == heading), "`{heading}` is missing in its lab");
        }
        for suite in verdicts(&root.join("tests/suites")) {
            let named = suite.split("See \\\"").skip(1).filter_map(|rest| rest.split_once("\\\""));
            for (section, _) in named.filter(|(name, _)| name.starts_with(&format!("{}.", lab.number))) {
                let exists = lab.tasks.iter().any(|task| task.heading() == section);
                assert!(exists, "a verdict names \"{section}\", which is the heading of no task");
            }
        }
    }
}

/// The text of each file in a folder and below.
fn verdicts(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let texts = entries.map(|path| {
        if path.is_dir() { verdicts(&path) } else { vec![fs::read_to_string(path).expect("a file in UTF-8")] }
    });
    texts.flatten().collect()
}

/// The doc tests of this crate are those of the pages: each page with Rust of its own is one of them.
#[test]
fn every_page_with_rust_of_its_own_is_tested() {
    let tested = include_str!("../src/pages_tested.rs");
    for_each_page(|name, _, text| {
        let own = pages::blocks(text).iter().any(|block| block.kind == "rust");
        let path = name.trim_start_matches("book/src/");
        assert_eq!(
            own,
            tested.contains(&format!("\"{path}\"")),
            "{name} has Rust of its own: {own}; see pages_tested.rs"
        );
    });
}
