//! A failure, as a person wants to read it: the promise, what happened, where to look.

use crate::course::Kind;
use crate::judge::Judged;
use crate::trial::{Outcome, promise};

/// How many lines of a message are shown.
const SHOWN_LINES: usize = 40;

/// What the first panic of a test process said, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Panic {
    /// The file and line, such as `exercises/queue/src/semaphore.rs:44`.
    pub place: String,
    /// The message.
    pub message: String,
}

/// Finds the panics in what a test has printed.
pub fn panics(output: &str) -> Vec<Panic> {
    let mut found: Vec<Panic> = Vec::new();
    let mut open = false;
    for line in output.lines() {
        if line.starts_with("thread '")
            && let Some((_, place)) = line.split_once(" panicked at ")
        {
            found.push(Panic { place: place_of(place), message: String::new() });
            open = true;
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
        panic.message.truncate(panic.message.trim_end().len());
    }
    found
}

/// `file:line:column:` without the column, and without the way there: `exercises/queue/../../tests/suites/queue.rs` is
/// how the compiler came to the file.
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

/// What happened in a trial that failed, in a few lines.
pub fn what_happened(outcome: &Outcome) -> String {
    let panics = panics(&outcome.output);
    let Some(first) = panics.first() else {
        if outcome.out_of_time {
            return format!(
                "The test did not end within {} s, and its process was ended.",
                outcome.took.as_secs()
            );
        }
        let printed = tail(&outcome.output);
        return format!("The test's process ended before the test did, without a message.{printed}");
    };
    let mut text = shorten(&first.message);
    if !(outcome.kind == Kind::Model && first.message.starts_with("the model")) {
        text.push_str(&format!("\nat {}", first.place));
    }
    text
}

fn tail(output: &str) -> String {
    let lines: Vec<&str> = output.lines().filter(|line| !line.is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(5)..];
    if last.is_empty() { String::new() } else { format!(" The last that it printed:\n{}", last.join("\n")) }
}

fn shorten(message: &str) -> String {
    let lines: Vec<&str> = message.lines().collect();
    if lines.len() <= SHOWN_LINES {
        return message.to_owned();
    }
    format!("{}\n({} lines more)", lines[..SHOWN_LINES].join("\n"), lines.len() - SHOWN_LINES)
}

/// The whole explanation of a task that is not done.
pub fn explanation(judged: &Judged<'_>) -> String {
    let task = judged.task;
    let Some(failure) = judged.first_failure() else { return String::new() };
    let failed = judged.outcomes.iter().filter(|outcome| !outcome.passed).count();
    let others = if failed > 1 { format!("  (the first of {failed} that fail)") } else { String::new() };
    let kind = match failure.kind {
        Kind::Suite => "with real threads",
        Kind::Model => "in every interleaving up to the bound",
        Kind::Hunt => "hunt",
        Kind::Stage => "against the running server",
    };
    format!(
        "Task {} {} is not done yet. This promise breaks{others}:\n\n  {}  ({kind})\n\nWhat happened:\n\n{}\n\n\
         The book: \"{}\".  A hint: cargo lab hint {}",
        task.id,
        task.name,
        promise(&failure.test),
        indent(&what_happened(failure)),
        task.heading(),
        task.id,
    )
}

/// Every line two spaces further in.
pub fn indent(text: &str) -> String {
    text.lines()
        .map(|line| if line.is_empty() { String::new() } else { format!("  {line}") })
        .collect::<Vec<_>>()
        .join("\n")
}
