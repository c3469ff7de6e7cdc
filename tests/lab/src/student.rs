//! The commands of the student.

mod compare;
mod progress;
mod reset;
mod serve;

pub use compare::{compare, race};
pub use reset::reset;
pub use serve::{Serve, serve};

use crate::course::{Course, Kind, Lab, Task};
use crate::explain::{explanation, indent};
use crate::judge::{self, Judged, Manner, Runnable, State};
use crate::tree;
use anyhow::{Result, ensure};
use progress::Progress;
use std::io::{IsTerminal, Write};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// `cargo lab`: all labs and tasks, and what to do next.
///
/// # Errors
/// If an exercise cannot be read.
pub fn status(course: &Course) -> Result<()> {
    let progress = Progress::load(&course.root)?;
    let mut next: Option<(&Lab, &Task)> = None;
    for lab in &course.labs {
        let states = progress.states(&course.root, lab)?;
        let done = states.iter().filter(|(_, state)| *state == Some(State::Done)).count();
        println!(
            "{}  {done} of {} tasks done",
            bold(&format!("Lab {}: {}", lab.number, lab.title)),
            states.len()
        );
        for (task, state) in &states {
            println!("  {}  {:48} {}", task.id, task.name, word(*state));
        }
        let unfinished = states.iter().find(|(_, state)| *state != Some(State::Done));
        next = next.or(unfinished.map(|(task, _)| (lab, *task)));
    }
    println!();
    match next {
        Some((lab, task)) => {
            println!("Next: {} {}. {}", task.id, task.name, task.goal);
            println!(
                "Read chapter {}, \"{}\"; the files are in exercises/{}/.",
                lab.number, task.book, lab.part
            );
            println!("Then: cargo lab check {}", lab.number);
        }
        None => {
            println!("All labs are done. For those who want more:");
            for lab in &course.labs {
                for stretch in &lab.stretches {
                    println!("\n  Lab {}: {}\n{}", lab.number, stretch.name, indent(&wrap(&stretch.text)));
                }
            }
        }
    }
    Ok(())
}

/// `cargo lab check 3`: runs a lab, task by task, and explains the first failure. Whether all is done.
///
/// # Errors
/// If cargo or a test cannot be run.
pub fn check(course: &Course, lab: &Lab) -> Result<bool> {
    let target = tree::target(&course.root);
    let start = Instant::now();
    println!("{}", bold(&format!("Lab {}: {}", lab.number, lab.title)));
    if !target.exists() {
        println!("{}", dim("  (the first check builds all that the tests need; that takes a few minutes)"));
    }
    let mut progress = Progress::load(&course.root)?;
    let mut runnable = judge::build_part(&course.root, lab, &target)?;
    if let Some(errors) = &runnable.errors {
        println!("\nexercises/{} does not compile. The first error:\n\n{}", lab.part, first_error(errors));
        progress.remember(&course.root, lab, lab.tasks.iter().map(|task| (task, State::DoesNotCompile)))?;
        return Ok(false);
    }
    let missing = serve::missing_beside(course, lab)?;
    let mut judged: Vec<Judged<'_>> = Vec::new();
    let mut explained = false;
    for task in &lab.tasks {
        let needs_server = task.kinds().any(|kind| kind == Kind::Stage);
        let can_serve = needs_server && missing.is_none() && needed_are_done(task, &judged);
        if can_serve {
            judge::build_stage(&course.root, lab, &target, &mut runnable)?;
        }
        let result = if needs_server && !can_serve {
            Judged { task, state: State::NotStarted, trials: 0, outcomes: Vec::new() }
        } else {
            judge::judge(task, &runnable, &Manner::plain())?
        };
        println!("  {}  {:48} {}", task.id, task.name, word(Some(result.state)));
        if result.state == State::DoesNotCompile && !explained {
            explain_server(lab, &runnable);
            explained = true;
        }
        judged.push(result);
    }
    println!("{}", dim(&format!("  ({:.1} s)", start.elapsed().as_secs_f64())));
    progress.remember(&course.root, lab, judged.iter().map(|judged| (judged.task, judged.state)))?;
    let Some(first) = judged.iter().find(|judged| judged.state != State::Done) else {
        println!(
            "\nAll of lab {} is done. Serve with it: cargo lab run {} --mine {}",
            lab.number, lab.number, lab.part
        );
        println!("Compare it with ours: cargo lab compare {}", lab.number);
        return Ok(true);
    };
    match missing {
        Some(missing) if first.task.kinds().any(|kind| kind == Kind::Stage) => {
            println!("\n{} runs {} with what you wrote. But {missing}.", first.task.id, lab.stage.binary);
        }
        _ if !explained => println!("\n{}", first_steps(lab, first)),
        _ => {}
    }
    Ok(false)
}

/// `cargo lab check 3 --watch`: again after each change, until somebody ends it.
///
/// # Errors
/// If a check cannot be run.
pub fn watch(course: &Course, lab: &Lab) -> Result<()> {
    loop {
        let seen = tree::fingerprint(&tree::student_files(&course.root, lab)?);
        // Clears the screen, so that the newest verdict is what one sees.
        print!("\x1b[2J\x1b[H");
        check(course, lab)?;
        println!("\n{}", dim("(waiting for a file to change; Ctrl-C ends this)"));
        std::io::stdout().flush()?;
        // A file that is just being written may be gone for a moment.
        while tree::student_files(&course.root, lab).map_or(seen, |files| tree::fingerprint(&files)) == seen {
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// `cargo lab hint 3.2`: the next hint.
///
/// # Errors
/// If what was shown cannot be remembered.
pub fn hint(course: &Course, lab: &Lab, task: &Task, all: bool) -> Result<()> {
    let mut progress = Progress::load(&course.root)?;
    let shown = if all { task.hints.len() } else { progress.next_hint(task)? };
    println!("{}", bold(&format!("{} {}", task.id, task.name)));
    for (hint, number) in task.hints.iter().zip(1..).take(shown) {
        println!("\nHint {number} of {}:\n{}", task.hints.len(), indent(&wrap(hint)));
    }
    let book = format!("The book: chapter {}, \"{}\".", lab.number, task.book);
    if shown < task.hints.len() {
        println!("\n{book}  Another hint: cargo lab hint {}", task.id);
    } else {
        println!("\n{book}  That was the last hint.");
    }
    Ok(())
}

/// The task that `3` means to somebody who wants a hint: the first of lab 3 that is not done.
///
/// # Errors
/// If the lab is done.
pub fn current_task<'c>(course: &'c Course, lab: &'c Lab) -> Result<&'c Task> {
    let states = Progress::load(&course.root)?.states(&course.root, lab)?;
    let current = states.into_iter().find(|(_, state)| *state != Some(State::Done));
    ensure!(
        current.is_some(),
        "all tasks of lab {} are done; name one, such as {}.1",
        lab.number,
        lab.number
    );
    Ok(current.expect("it was just looked at").0)
}

fn needed_are_done(task: &Task, judged: &[Judged<'_>]) -> bool {
    let done = |id: &str| judged.iter().any(|judged| judged.task.id == id && judged.state == State::Done);
    task.needs.iter().all(|id| done(id))
}

fn first_steps(lab: &Lab, judged: &Judged<'_>) -> String {
    let task = judged.task;
    if judged.state != State::NotStarted || task.holes.is_empty() {
        return explanation(lab, judged);
    }
    let todos: Vec<String> = task
        .holes
        .iter()
        .map(|hole| {
            let (file, function) = hole.at.split_once(": ").unwrap_or((&hole.at, ""));
            format!("  {:32} {function}: {}", format!("exercises/{}/src/{file}", lab.part), hole.todo)
        })
        .collect();
    format!(
        "Next is {} {}. {}\n\n{}\n\nThe book: chapter {}, \"{}\".  A hint: cargo lab hint {}",
        task.id,
        task.name,
        task.goal,
        todos.join("\n"),
        lab.number,
        task.book,
        task.id
    )
}

fn explain_server(lab: &Lab, runnable: &Runnable) {
    let errors = runnable.errors.as_deref().unwrap_or_default();
    println!("\nYour part compiles, but {} does not compile with it. The first error:\n", lab.stage.binary);
    println!("{}", first_error(errors));
}

/// The compiler's first error, without those that follow from it.
fn first_error(errors: &str) -> String {
    let blocks: Vec<&str> = errors.split("\n\n").collect();
    let first = blocks.iter().find(|block| block.contains("error")).copied().unwrap_or(errors);
    first.to_owned()
}

fn word(state: Option<State>) -> String {
    match state {
        Some(State::Done) => paint("32", "done"),
        Some(State::Failing) => paint("31", "failing"),
        Some(State::NotStarted) => "not started".to_owned(),
        Some(State::DoesNotCompile) => paint("31", "does not compile"),
        None => "changed since the last check".to_owned(),
    }
}

fn bold(text: &str) -> String {
    paint("1", text)
}

fn dim(text: &str) -> String {
    paint("2", text)
}

/// Colours are for people (no-color.org).
fn paint(code: &str, text: &str) -> String {
    let wanted = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    if wanted { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// Breaks a paragraph into lines that fit a terminal.
fn wrap(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is one from the start");
        if !line.is_empty() && line.len() + word.len() > 78 {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}

/// Runs a command to its end, with our terminal.
fn interactive(command: &mut Command) -> Result<bool> {
    Ok(command.status()?.success())
}
