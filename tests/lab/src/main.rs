//! `cargo lab`.

use anyhow::Result;
use clap::{Parser, Subcommand};
use lab::course::Course;
use lab::grade::{self, sandbox};
use lab::student::{self, Serve};
use lab::{cut, handout, judge, tree};
use nix::sys::signal::{SigHandler, Signal, signal};
use std::path::PathBuf;
use std::process::ExitCode;

/// The labs of Thundering Herd. Without a command: how far you are, and what to do next.
#[derive(Debug, Parser)]
#[command(name = "cargo lab", bin_name = "cargo lab", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Order>,
}

#[derive(Debug, Subcommand)]
enum Order {
    /// Run a lab's tests, task by task, and explain the first failure
    Check {
        /// The lab, by number or part
        lab: String,
        /// Again after each change
        #[arg(long)]
        watch: bool,
    },
    /// Show the next hint for a task
    Hint {
        /// The task, such as 3.2; or a lab: its first task that is not done
        task: String,
        /// All hints at once
        #[arg(long)]
        all: bool,
    },
    /// Serve pages with your parts
    Run {
        /// The stage, 1 to 6
        stage: usize,
        /// Your parts, by part or lab: queue,cache; or all that the stage uses. The others are ours
        #[arg(long, value_delimiter = ',', default_value = "all")]
        mine: Vec<String>,
        /// Optimized: slower to build, faster to serve
        #[arg(long)]
        release: bool,
        /// Flags for the server, after --
        #[arg(last = true)]
        flags: Vec<String>,
    },
    /// Measure your part beside ours, and show the differences
    Compare {
        /// The lab, by number or part
        lab: String,
    },
    /// Restore files as they were handed out; yours are saved first
    Reset {
        /// The lab, by number or part
        lab: String,
        /// Only this file, such as semaphore.rs
        file: Option<String>,
    },
    /// Write the course for students: no solutions, no history
    Handout {
        /// A new folder
        folder: PathBuf,
        /// Labs whose solutions are handed out, by number or part
        #[arg(long, value_delimiter = ',')]
        solved: Vec<String>,
    },
    /// Grade submissions, each in a sandbox
    Grade {
        /// Folders, or archives (.zip, .tar, .tar.gz), that hold exercises/<part>/src/ at any depth
        #[arg(required = true)]
        submissions: Vec<PathBuf>,
        /// Only these labs or tasks: 3, queue, 3.2
        #[arg(long, value_delimiter = ',')]
        only: Vec<String>,
        /// How many submissions run at the same time [default: one for each processor]
        #[arg(long)]
        jobs: Option<usize>,
        /// Write reports here: CSV and JUnit for all; Markdown, Gradescope and Classroom 50 for each
        #[arg(long)]
        reports: Option<PathBuf>,
    },
    /// Process 1 of a sandbox
    #[command(hide = true)]
    Inside {
        room: PathBuf,
        room_bytes: u64,
        memory: u64,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Cut the exercises from the solutions again, after these were changed
    #[command(hide = true)]
    Cut,
}

fn main() -> ExitCode {
    die_with_the_reader();
    let arguments = Arguments::parse();
    if let Some(Order::Inside { room, room_bytes, memory, command }) = &arguments.command {
        return match sandbox::inside(room, *room_bytes, *memory, command) {
            Ok(code) => ExitCode::from(code),
            Err(error) => {
                eprintln!("cargo lab: the sandbox cannot be made: {error:#}");
                ExitCode::from(2)
            }
        };
    }
    match run(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cargo lab: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether what was asked for is true: a check that finds a failing task says false.
fn run(arguments: Arguments) -> Result<bool> {
    let course = Course::load(&tree::root()?)?;
    match arguments.command {
        None => student::status(&course)?,
        Some(Order::Check { lab, watch: true }) => student::watch(&course, course.lab(&lab)?)?,
        Some(Order::Check { lab, watch: false }) => return student::check(&course, course.lab(&lab)?),
        Some(Order::Hint { task, all }) => {
            let (lab, task) = match course.lab(&task) {
                Ok(lab) => (lab, student::current_task(&course, lab)?),
                Err(_) => course.task(&task)?,
            };
            student::hint(&course, lab, task, all)?;
        }
        Some(Order::Run { stage, mine, release, flags }) => {
            student::serve(&course, &Serve { stage, mine, release, flags })?;
        }
        Some(Order::Compare { lab }) => student::compare(&course, course.lab(&lab)?)?,
        Some(Order::Reset { lab, file }) => student::reset(&course, course.lab(&lab)?, file.as_deref())?,
        Some(Order::Handout { folder, solved }) => handout::handout(&course, &folder, &solved)?,
        Some(Order::Grade { submissions, only, jobs, reports }) => {
            let jobs = jobs.unwrap_or_else(judge::side_by_side);
            grade::grade(&course, &course.points()?, &grade::Order { submissions, only, jobs, reports })?;
        }
        Some(Order::Inside { .. }) => unreachable!("main has done this"),
        Some(Order::Cut) => {
            for lab in &course.labs {
                tree::write(&cut::exercise(&course.root, lab)?, &lab.exercise(&course.root))?;
            }
        }
    }
    Ok(true)
}

/// `cargo lab | head` should end like any other program, not with a panic: Rust ignores SIGPIPE unless told.
fn die_with_the_reader() {
    #[allow(unsafe_code)]
    // SAFETY: nothing runs yet, and the default action needs no handler.
    let restored = unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) };
    restored.expect("SIGPIPE has a default action");
}
