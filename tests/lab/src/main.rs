//! `cargo lab`.

use anyhow::{Result, ensure};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use lab::course::Course;
use lab::student::{self, Serve, What};
use lab::{build, tree};
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::ExitCode;

/// The grader's commands, for the list of commands.
const GRADER: [(&str, &str); 7] = [
    ("handout", "For teachers: write the course for students, without solutions and history"),
    ("grade", "For teachers: grade submissions, each in a sandbox"),
    ("gradescope", "For teachers: write the archive of an autograder for Gradescope"),
    ("staff", "For teachers: try a folder of further tests, for an exam"),
    ("prove", "For maintainers: run the tests that prove the graders"),
    ("cut", "For maintainers: cut the exercises from the solutions again"),
    (
        "sentences",
        "For maintainers: list each sentence of a contract with the wrong submissions that break it",
    ),
];

/// The command line. Without clap's derive, which would double the build time of the first `cargo lab`.
fn command_line(root: &Path) -> Command {
    let word = |name, help| Arg::new(name).help(help);
    let flag = |name, help| Arg::new(name).long(name).help(help).action(ArgAction::SetTrue);
    let lab = || word("lab", "The lab, by number or part").required(true);
    let command = |name, about| Command::new(name).about(about);
    let mut all = Command::new("cargo lab")
        .bin_name("cargo lab")
        .version(env!("CARGO_PKG_VERSION"))
        .about("The labs of Thundering Herd. Without a command: your progress, and what to do next.")
        // It would describe the grader's commands without knowing them.
        .disable_help_subcommand(true)
        .subcommand(
            command("check", "Run the tests of a lab or of a task, and explain the first failure")
                .arg(word(
                    "what",
                    "The lab, such as 3, or a task, such as 3.2; without it, the task that comes next",
                ))
                .arg(flag("all", "Run all tasks of the lab instead of stopping at the first failure"))
                .arg(flag(
                    "all-steps",
                    "Show every step of the interleaving that fails, not only those that matter",
                ))
                .arg(flag("watch", "Check again after each change")),
        )
        .subcommand(
            command("hint", "Show the next hint for a task")
                .arg(word("task", "The task, such as 3.2, or a lab, for its next task").required(true))
                .arg(flag("all", "Show all hints at once")),
        )
        .subcommand(
            command("run", "Serve pages with your parts")
                .arg(word("stage", "The stage, 1 to 6").required(true).value_parser(value_parser!(usize)))
                .arg(
                    word("mine", "Your parts, as in queue,cache; the others are ours")
                        .long("mine")
                        .value_delimiter(',')
                        .action(ArgAction::Append)
                        .default_value("all"),
                )
                .arg(flag("release", "Build an optimized server: slower to build, faster to serve"))
                .arg(word("flags", "Flags for the server, after --").num_args(..).last(true)),
        )
        .subcommand(
            command("compare", "Measure your part and ours, and show the differences")
                .arg(lab())
                .arg(flag("diff", "Show only the differences, without measuring")),
        )
        .subcommand(
            command("reset", "Restore files as they were handed out; yours are saved first")
                .arg(lab())
                .arg(word("file", "Only this file, such as semaphore.rs")),
        );
    for (word, about) in GRADER.into_iter().filter(|_| build::has_grader(root)) {
        all = all.subcommand(command(word, about));
    }
    all
}

fn main() -> ExitCode {
    tree::die_with_the_reader();
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cargo lab: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// `false` if a check finds a failing task.
fn run() -> Result<bool> {
    let root = tree::root()?;
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    if words.first().is_some_and(|first| GRADER.iter().any(|(word, _)| first == word)) {
        // With all arguments, so that `cargo lab grade --help` is the grader's own.
        return Err(build::grader(&root)?.args(words).exec().into());
    }
    let matches = command_line(&root).get_matches();
    let course = Course::load(&root)?;
    let Some((command, given)) = matches.subcommand() else {
        student::status(&course)?;
        return Ok(true);
    };
    let word = |name: &str| given.get_one::<String>(name).map_or("", String::as_str);
    let lab = || course.lab(word("lab"));
    match command {
        "check" => {
            let (what, all_steps) = (checked(&course, given)?, given.get_flag("all-steps"));
            if !given.get_flag("watch") {
                return student::check(&course, what, all_steps);
            }
            student::watch(&course, what, all_steps)?;
        }
        "hint" => {
            let task = match course.lab_or_task(word("task"))? {
                (_, Some(task)) => task,
                (lab, None) => student::current_task(&course, lab)?,
            };
            student::hint(&course, task, given.get_flag("all"))?;
        }
        "run" => student::serve(&course, &served(given))?,
        "compare" => student::compare(&course, lab()?, given.get_flag("diff"))?,
        "reset" => {
            student::reset(&course, lab()?, given.get_one::<String>("file").map(String::as_str))?;
        }
        _ => unreachable!("these are all that the command line has"),
    }
    Ok(true)
}

fn checked<'c>(course: &'c Course, given: &ArgMatches) -> Result<What<'c>> {
    let all = given.get_flag("all");
    let what = match given.get_one::<String>("what") {
        None => What::Next,
        Some(name) => match course.lab_or_task(name)? {
            (lab, None) => What::Lab(lab, all),
            (lab, Some(task)) => What::Task(lab, task),
        },
    };
    ensure!(!all || matches!(what, What::Lab(..)), "--all goes with a lab, as in `cargo lab check 3 --all`");
    Ok(what)
}

fn served(given: &ArgMatches) -> Serve {
    let all = |name| given.get_many::<String>(name).unwrap_or_default().cloned().collect();
    let stage = given.get_one("stage").copied().unwrap_or_default();
    Serve { stage, mine: all("mine"), release: given.get_flag("release"), flags: all("flags") }
}
