//! The commands of the student.

mod check;
mod compare;
mod progress;
mod reset;
mod serve;

pub use check::{What, check, watch};
pub use compare::{compare, race};
pub use reset::reset;
pub use serve::{Serve, serve};

use crate::course::{Course, Lab, Task};
use crate::explain::indent;
use crate::judge::State;
use anyhow::{Context, Result};
use progress::Progress;
use std::io::IsTerminal;
use std::process::Command;

/// `cargo lab`: all labs and tasks, and what to do next.
///
/// # Errors
/// If an exercise cannot be read.
pub fn status(course: &Course) -> Result<()> {
    let progress = Progress::load(&course.root)?;
    for lab in &course.labs {
        let states = progress.states(&course.root, lab)?;
        let done = states.iter().filter(|(_, state)| *state == Some(State::Done)).count();
        println!(
            "{}  {done} of {} tasks done",
            bold(&format!("Lab {}: {}", lab.number, lab.title)),
            states.len()
        );
        for (task, state) in &states {
            println!("  {}  {:44} {}", task.id, task.name, word(*state));
        }
    }
    println!();
    match progress.next(course)? {
        Some((lab, task)) => {
            println!("{}", wrap(&format!("Next: {} {}. {}", task.id, task.name, task.goal)));
            println!("Read \"{}\" in the book; the files are in exercises/{}/.", task.heading(), lab.part);
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

/// `cargo lab hint 3.2`: the next hint.
///
/// # Errors
/// If the number of hints shown cannot be saved.
pub fn hint(course: &Course, task: &Task, all: bool) -> Result<()> {
    let mut progress = Progress::load(&course.root)?;
    let shown = if all { task.hints.len() } else { progress.next_hint(task)? };
    println!("{}", bold(&task.heading()));
    for (hint, number) in task.hints.iter().zip(1..).take(shown) {
        println!("\nHint {number} of {}:\n{}", task.hints.len(), indent(&wrap(hint)));
    }
    let book = format!("The book: \"{}\".", task.heading());
    if shown < task.hints.len() {
        println!("\n{book}  Another hint: cargo lab hint {}", task.id);
    } else {
        println!("\n{book}  That was the last hint.");
    }
    Ok(())
}

/// The task that `cargo lab hint 3` is about: the one of lab 3 that comes next.
///
/// # Errors
/// If the lab is done.
pub fn current_task<'c>(course: &'c Course, lab: &'c Lab) -> Result<&'c Task> {
    let next = Progress::load(&course.root)?.next_in(&course.root, lab)?;
    next.with_context(|| format!("all tasks of lab {0} are done; name one, such as {0}.1", lab.number))
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

/// Colours only on a terminal, and not against NO_COLOR (no-color.org).
fn paint(code: &str, text: &str) -> String {
    let wanted = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    if wanted { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// How wide the terminal is: according to `COLUMNS`, or to the terminal itself, or else 80 columns.
fn width() -> usize {
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    said.or_else(terminal_width).unwrap_or(80).clamp(40, 400)
}

#[allow(unsafe_code)]
fn terminal_width() -> Option<usize> {
    // SAFETY: `winsize` is a struct of integers, for which all-zero bytes are valid.
    let mut size: libc::winsize = unsafe { std::mem::zeroed() };
    // SAFETY: TIOCGWINSZ (ioctl_tty(2)) writes one `winsize`, and `size` outlives the call.
    let asked = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &mut size) };
    Some(usize::from(size.ws_col)).filter(|width| asked == 0 && *width > 0)
}

/// Breaks a paragraph into lines that fit a terminal.
fn wrap(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is one from the start");
        if !line.is_empty() && line.len() + word.len() > 75 {
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

/// Runs a command to its end, on our terminal. Whether it succeeded.
fn interactive(command: &mut Command) -> Result<bool> {
    Ok(command.status()?.success())
}
