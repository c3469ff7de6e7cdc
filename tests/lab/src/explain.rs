//! Explains a failure: the promise, what happened, where to look.

use crate::course::{Kind, Lab, Task};
use crate::judge::Judged;
use crate::trial::{Outcome, promise};
use crate::view::{INDENT, View};
use std::path::Path;

/// How many lines of a message are shown. The lanes of a model are shorter: they show only a choice of steps.
const SHOWN_LINES: usize = 80;

/// What the crate `verdict` prints before the lines that called, if a part or the standard library has panicked. Not
/// imported, because this program is built before the tests and should not wait for `verdict`.
const CALLED_FROM: &str = "called from ";

/// What the first panic of a test process said, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Panic {
    /// The file and line, such as `exercises/queue/src/semaphore.rs:44`.
    pub place: String,
    /// The message.
    pub message: String,
    /// It is proptest's final message, with the smallest input.
    is_smallest: bool,
}

/// Finds the panics in what a test has printed.
pub fn panics(output: &str) -> Vec<Panic> {
    let mut found: Vec<Panic> = Vec::new();
    let mut open = false;
    for line in output.lines() {
        if line.starts_with("thread '")
            && let Some((_, place)) = line.split_once(" panicked at ")
        {
            found.push(Panic { place: place_of(place), message: String::new(), is_smallest: false });
            open = true;
        } else if let Some(place) = line.strip_prefix(CALLED_FROM) {
            // The panic was inside a part or the standard library.
            found.last_mut().into_iter().for_each(|panic| panic.place = place.to_owned());
        } else if line.starts_with("note: run with `RUST_BACKTRACE")
            || line.starts_with("test result:")
            || line == "failures:"
            || line.ends_with("... FAILED")
        {
            open = false;
        } else if let Some(panic) = found.last_mut().filter(|_| open) {
            panic.message.push_str(line);
            panic.message.push('\n');
        }
    }
    for panic in &mut found {
        let lines = panic.message.lines().filter(|line| !is_about_the_search(line));
        let message = lines.collect::<Vec<_>>().join("\n");
        // How proptest begins its message about a failed property, and how it ends it.
        let message = message.trim_end().trim_start_matches("Test failed: ").to_owned();
        panic.message = match message.split_once(".\nminimal failing input: ") {
            Some((before, input)) if before.contains(" at ") => {
                let (said, place) = before.rsplit_once(" at ").unwrap_or_default();
                panic.place = place_of(&format!("{place}:0"));
                format!("{said}\nthe smallest input that fails: {input}")
            }
            _ => message,
        };
        panic.is_smallest = panic.message.contains("\nthe smallest input that fails: ");
    }
    found
}

/// What proptest adds to a failure: how its search went.
fn is_about_the_search(line: &str) -> bool {
    ["successes: ", "local rejects: ", "global rejects: "]
        .iter()
        .any(|word| line.trim_start().starts_with(word))
}

/// `file:line:column:` without the column, and without the `..` of the compiler's paths, as in
/// `exercises/queue/../../tests/suites/queue.rs`.
fn place_of(place: &str) -> String {
    let place = place.trim_end_matches(':');
    let place = place.rsplit_once(':').map_or(place, |(rest, _)| rest);
    let mut folders: Vec<&str> = Vec::new();
    for folder in place.split('/') {
        match folders.last() {
            Some(&last) if folder == ".." && last != ".." => drop(folders.pop()),
            _ => folders.push(folder),
        }
    }
    folders.join("/")
}

/// The compiler's first error, without those that follow from it.
pub fn first_error(errors: &str, root: &Path) -> String {
    let blocks: Vec<&str> = errors.split("\n\n").collect();
    let first = blocks.iter().find(|block| block.contains("error")).copied().unwrap_or(errors);
    compilers_words(first, root)
}

/// The compiler's messages, for a student: without the names of our crates, which provide `Mutex` in a model, and with
/// paths relative to the course.
pub fn compilers_words(errors: &str, root: &Path) -> String {
    const OURS: [&str; 2] = ["lanes", "in_models"];
    const WITHIN: [&str; 5] = ["::sync::atomic::", "::sync::", "::thread::", "::cell::", "::"];
    let root = format!("{}/", root.display());
    let shorter = |line: &str| {
        // A line of the source: its number, and its text.
        let is_code = line.starts_with(|sign: char| sign.is_ascii_digit());
        let mut line = line.replace(&root, "");
        for within in WITHIN.iter().filter(|_| !is_code) {
            OURS.iter().for_each(|ours| line = line.replace(&format!("{ours}{within}"), ""));
        }
        line
    };
    errors.split('\n').map(shorter).collect::<Vec<_>>().join("\n")
}

/// What happened in a trial that failed, in a few lines.
pub fn what_happened(outcome: &Outcome) -> String {
    if outcome.starved() {
        return format!(
            "Your machine is busy. In {} s, the test got only {} s of processor time, and did not come to an end.\n\
             That says nothing about your code. End other programs, and check again.",
            outcome.took.as_secs(),
            outcome.computed.as_secs()
        );
    }
    let panics = panics(&outcome.output);
    // A property fails for several inputs, each smaller than the one before; the last one is the smallest.
    let smallest = panics.iter().find(|panic| panic.is_smallest);
    let Some(first) = smallest.or(panics.first()) else {
        if outcome.out_of_time {
            return format!(
                "The test did not end within {} s, and its process was ended.",
                outcome.took.as_secs()
            );
        }
        let printed = tail(&outcome.output);
        return format!("The test's process ended before the test did, without a message.{printed}");
    };
    // A message of the part's own, which knows nothing of the promise.
    let is_ours = ["not yet implemented", "the model "].iter().any(|begin| first.message.starts_with(begin));
    let of_the_part = first.place.starts_with("exercises/") && !is_ours;
    let panicked = if of_the_part { "the code panicked: " } else { "" };
    let mut text = format!("{panicked}{}", plainly(&first.message));
    let of_a_model = outcome.kind == Kind::Model && first.message.starts_with("the model");
    if !of_a_model && outcome.kind != Kind::Prove {
        text.push_str(&format!("\nat {}", first.place));
    }
    text
}

fn tail(output: &str) -> String {
    let lines: Vec<&str> = output.lines().filter(|line| !line.is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(5)..];
    if last.is_empty() { String::new() } else { format!(" The last that it printed:\n{}", last.join("\n")) }
}

fn shorten(lines: Vec<String>) -> Vec<String> {
    if lines.len() <= SHOWN_LINES {
        return lines;
    }
    // The last lines may be those that broke the promise.
    let (last, hidden) = (SHOWN_LINES / 2, lines.len() - SHOWN_LINES);
    let first = lines.iter().take(SHOWN_LINES - last).cloned();
    let not_shown = [format!("({hidden} lines are not shown)")];
    first.chain(not_shown).chain(lines[lines.len() - last..].iter().cloned()).collect()
}

/// The whole explanation of a task of this lab that is not done.
pub fn explanation(lab: &Lab, judged: &Judged<'_>, view: View) -> String {
    let task = judged.task;
    let Some(failure) = judged.first_failure() else { return String::new() };
    let happened = what_happened(failure);
    let fault = task_at_fault(lab, task, &happened);
    // Either its code is wrong, or what this task has added to it.
    let (of_another, or_this) = if fault.id == task.id {
        (String::new(), String::new())
    } else {
        (format!(" of {} {}", fault.id, fault.name), format!(", or {}", task.id))
    };
    let failed = judged.outcomes.iter().filter(|outcome| !outcome.passed).count();
    let others = if failed > 1 { format!("  (the first of {failed} that fail)") } else { String::new() };
    let kind = match failure.kind {
        Kind::Suite => "",
        Kind::Model => "  (in every interleaving up to the bound)",
        Kind::Hunt => "  (hunt)",
        Kind::Prove => "  (your models)",
        Kind::Stage => "  (against the running server)",
    };
    let head =
        format!("Task {} {} is not done yet. This promise{of_another} breaks{others}:", task.id, task.name);
    let (promise, happened) = match models_words(&happened) {
        Some((promise, rest)) => (promise.to_owned(), rest),
        None => (promise(&failure.test), happened),
    };
    let happened = without_the_last_line(&happened, lab, fault);
    let promise = format!("{promise}{kind}");
    let all_steps = format!("cargo lab check {} --all-steps", task.id);
    let happened = happened.replace("LANES_STEPS=all", &all_steps);
    let mut happened = fit(&happened, view.width - INDENT);
    if !view.whole {
        happened = shorten(happened);
    }
    // A task that a teacher has added is in no book, and has no hints.
    let lanes = if happened.iter().any(|line| line.trim_start().starts_with("step  ")) {
        " and \"Reading a verdict\""
    } else {
        ""
    };
    let book = match fault.hints.first() {
        Some(_) => {
            format!("The book: \"{}\"{lanes}.  A hint: cargo lab hint {}{or_this}", fault.heading(), fault.id)
        }
        None => String::new(),
    };
    format!(
        "{}\n\n{}\n\nWhat happened:\n\n{}\n\n{}",
        fit(&head, view.width).join("\n"),
        indent(&fit(&promise, view.width - INDENT).join("\n")),
        indent(&happened.join("\n")),
        fit(&book, view.width).join("\n"),
    )
}

/// The promise in a model's own words, and the rest of its report.
fn models_words(report: &str) -> Option<(&str, String)> {
    let (head, rest) = report.split_once("\n\n")?;
    let (verdict, promise) = head.strip_prefix("the model ")?.split_once(": ")?;
    let says_it_all = ["failed", "has other outcomes than expected"].contains(&verdict);
    Some((promise, if says_it_all { rest.to_owned() } else { format!("the model {verdict}. {rest}") }))
}

/// What happened, without the place in the book if the last line of the explanation names it, too.
fn without_the_last_line(happened: &str, lab: &Lab, fault: &Task) -> String {
    if fault.hints.is_empty() {
        return happened.to_owned();
    }
    let see = format!("See \"{}\"", fault.heading());
    let happened = happened.replace(&format!("{see}, and "), "See ");
    let happened = happened.replace(&format!(" {see}."), "").replace(&format!("\n{see}."), "");
    happened.replace(&format!(", and lab {}, \"{}\"", lab.number, fault.name), "")
}

/// The message of `assert_eq!` in plain words: on the left is what was found.
fn plainly(message: &str) -> String {
    let Some((before, said)) = message.split_once("assertion `left == right` failed") else {
        return message.trim().to_owned();
    };
    let said = match said.strip_prefix(':') {
        Some(told) => told.trim_start_matches([' ', '\n']).to_owned(),
        None => format!("a value is not the one that was expected{said}"),
    };
    let said = said.replacen("\n  left: ", "\n  found:    ", 1).replacen("\n right: ", "\n  expected: ", 1);
    // Within the report of a model, everything is indented by two more columns.
    let said =
        said.replacen("\n    left: ", "\n    found:    ", 1).replacen("\n   right: ", "\n    expected: ", 1);
    format!("{before}{said}").trim().to_owned()
}

/// The task that a student should look at: the one that the message names, if the tests of `task` have found a mistake
/// in another task's code.
fn task_at_fault<'l>(lab: &'l Lab, task: &'l Task, message: &str) -> &'l Task {
    let is_named = |task: &&Task| {
        [&task.name, &task.heading()].into_iter().any(|name| message.contains(&format!("\"{name}\"")))
    };
    if is_named(&task) { task } else { lab.tasks.iter().find(is_named).unwrap_or(task) }
}

/// The lines of a text, none of them wider than `width`. Broken lines continue two columns further in.
fn fit(text: &str, width: usize) -> Vec<String> {
    text.lines().flat_map(|line| fit_line(line, width)).collect()
}

fn fit_line(line: &str, width: usize) -> Vec<String> {
    let mut rest: Vec<char> = line.chars().collect();
    let inner = rest.iter().take_while(|letter| **letter == ' ').count().min(width / 2) + INDENT;
    let mut lines = Vec::new();
    while rest.len() > width {
        // At a space, unless the word would fill a line by itself.
        let space = rest[..=width].iter().rposition(|letter| *letter == ' ').filter(|&at| at > inner);
        let more = rest.split_off(space.unwrap_or(width));
        lines.push(rest.iter().collect::<String>().trim_end().to_owned());
        let more = more.into_iter().skip_while(|letter| *letter == ' ');
        rest = " ".repeat(inner).chars().chain(more).collect();
    }
    lines.push(rest.into_iter().collect());
    lines
}

/// Indents every line by two spaces.
pub fn indent(text: &str) -> String {
    text.lines()
        .map(|line| if line.is_empty() { String::new() } else { format!("  {line}") })
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiler_speaks_of_no_crate_or_folder_that_a_student_does_not_know() {
        let said = "warning: nothing\n\nerror[E0599]: no method named `lokk` found for struct `lanes::sync::Mutex<T>`\n  \
                    --> /course/exercises/queue/hunts/latch.rs:3:5\n   |\n3  | use lanes::sync::Mutex;\n   |     ^^^ found \
                    `in_models::sync::atomic::AtomicU8`\n\nerror: another";
        assert_eq!(
            first_error(said, Path::new("/course")),
            "error[E0599]: no method named `lokk` found for struct `Mutex<T>`\n  --> exercises/queue/hunts/latch.rs:3:5\n   \
             |\n3  | use lanes::sync::Mutex;\n   |     ^^^ found `AtomicU8`"
        );
    }

    #[test]
    fn a_panic_of_the_part_or_of_the_standard_library_is_at_the_lines_that_called_it() {
        assert_eq!(CALLED_FROM, verdict::CALLED_FROM);
        for file in ["/rustc/1/library/core/src/time.rs", "exercises/prefork/src/a.rs"] {
            let output = format!(
                "thread 'a' (1) panicked at {file}:1:2:\noverflow\nnote: run with `RUST_BACKTRACE=1`\n\
                 called from exercises/prefork/src/a.rs:3, called from tests/suites/prefork.rs:4\n"
            );
            let place = "exercises/prefork/src/a.rs:3, called from tests/suites/prefork.rs:4".to_owned();
            assert_eq!(
                panics(&output),
                [Panic { place, message: "overflow".to_owned(), is_smallest: false }]
            );
        }
    }

    #[test]
    fn a_model_says_its_promise_once() {
        let rest = "in interleaving 3: deadlock";
        let report = format!("the model failed: a ring is heard\n\n{rest}");
        assert_eq!(models_words(&report), Some(("a ring is heard", rest.to_owned())));
        let report = "the model proves nothing: a ring is heard\n\nIt has only one.";
        let told = "the model proves nothing. It has only one.".to_owned();
        assert_eq!(models_words(report), Some(("a ring is heard", told)));
        assert_eq!(models_words("the model: of a test\nfound"), None);
    }

    #[test]
    fn the_place_in_the_book_is_named_once() {
        let root = crate::tree::root().expect("a checkout");
        let course = crate::course::Course::load(&root).expect("labs");
        let lab = &course.labs[0];
        let task = &lab.tasks[0];
        let heading = task.heading();
        for (said, left) in [
            (format!("It is 3. See \"{heading}\".\nfound: 3"), "It is 3.\nfound: 3"),
            (format!("It is 3. See \"{heading}\", and RFC 9112."), "It is 3. See RFC 9112."),
            (
                format!("Where to look: the rule, and lab {}, \"{}\".", lab.number, task.name),
                "Where to look: the rule.",
            ),
            ("It is 3. See \"1.9 Another\".".to_owned(), "It is 3. See \"1.9 Another\"."),
        ] {
            assert_eq!(without_the_last_line(&said, lab, task), left);
        }
    }

    #[test]
    fn two_values_are_named_with_and_without_a_message() {
        for (told, says) in
            [(": \nhow many came", "how many came"), ("", "a value is not the one that was expected")]
        {
            let values = format!("assertion `left == right` failed{told}\n  left: 0\n right: 3");
            assert_eq!(plainly(&values), format!("{says}\n  found:    0\n  expected: 3"));
        }
        let of_a_model = "main panicked\n  assertion `left == right` failed\n    left: 0\n   right: 3";
        let plain =
            "main panicked\n  a value is not the one that was expected\n    found:    0\n    expected: 3";
        assert_eq!(plainly(of_a_model), plain);
    }

    #[test]
    fn a_property_that_fails_says_so_without_the_history_of_the_search() {
        let output = "thread 'a' (1) panicked at a.rs:1:2:\nTest failed: it is 1 at b/../c.rs:5.\nminimal failing input: x = 1\n\
                      \tsuccesses: 0\n\tlocal rejects: 0\n\tglobal rejects: 0\n";
        let panic = &panics(output)[0];
        assert_eq!(
            (&*panic.place, &*panic.message),
            ("c.rs:5", "it is 1\nthe smallest input that fails: x = 1")
        );
    }

    #[test]
    fn no_line_is_wider_than_it_may_be() {
        let text = format!("a short line\n  {}\n{}", "word ".repeat(40), "x".repeat(200));
        for width in [40, 80, 100, 130] {
            let lines = fit(&text, width);
            assert!(lines.iter().all(|line| line.len() <= width), "{width}: {lines:#?}");
            assert_eq!(lines[0], "a short line");
            assert!(lines[1].starts_with("  word") && lines[2].starts_with("    word"), "{lines:#?}");
            let letters = |text: &str| text.split_whitespace().collect::<String>();
            assert_eq!(letters(&lines.join("\n")), letters(&text), "nothing is lost");
        }
    }
}
