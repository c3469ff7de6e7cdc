//! `cargo lab handout`, `grade`, `gradescope`, `staff`, `prove`, `cut` and `sentences`. `cargo lab` starts this program
//! for these commands.

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use grader::grade::{self, recipe, sandbox, ward};
use grader::points::points;
use grader::{cut, gradescope, handout, rehearsal, sentences};
use lab::course::Course;
use lab::{build, judge, tree};
use std::convert::Infallible;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The labs of Thundering Herd, for teachers
#[derive(Debug, Parser)]
#[command(name = "cargo lab", bin_name = "cargo lab", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Order,
}

#[derive(Debug, Subcommand)]
enum Order {
    /// Write the course for students: no solutions, no history
    Handout {
        /// A new folder
        folder: PathBuf,
        /// Labs whose solutions are handed out, by number or part
        #[arg(long, value_delimiter = ',', value_parser = trimmed)]
        solved: Vec<String>,
    },
    /// Grade submissions, each in a sandbox
    Grade {
        /// Folders, archives (.zip, .tar, .tar.gz, .tar.xz), or files, as they come from the students
        #[arg(required = true)]
        submissions: Vec<PathBuf>,
        /// Only these labs or tasks: 3, queue, 3.2
        #[arg(long, value_delimiter = ',', value_parser = trimmed)]
        only: Vec<String>,
        /// How many submissions run at the same time [default: three for every two processors, because each waits a lot]
        #[arg(long)]
        jobs: Option<usize>,
        /// Write reports here: CSV and JUnit for all; Markdown, Gradescope and Classroom 50 for each
        #[arg(long)]
        reports: Option<PathBuf>,
        /// A gradebook that Canvas or Moodle has exported (CSV): reports/gradebook.csv is the same with the points in it
        #[arg(long, requires = "reports")]
        roster: Option<PathBuf>,
        /// Go on where an earlier run was ended: what has a report there is not judged again
        #[arg(long, requires = "reports")]
        resume: bool,
        /// A folder of yours with further tests and points
        #[arg(long)]
        staff: Option<PathBuf>,
        /// Grade even where the machine refuses a sandbox. Submissions can use the network and, where the kernel has no
        /// Landlock, read and change what their user can
        #[arg(long)]
        weak: bool,
    },
    /// Try a folder of further tests: they must pass with our solution and refuse each wrong submission in the folder
    Staff {
        /// The folder
        folder: PathBuf,
        /// As for `grade`
        #[arg(long)]
        weak: bool,
    },
    /// Write the archive that Gradescope makes an autograder of. It holds the solutions
    Gradescope {
        /// A new file, such as lab3.zip
        archive: PathBuf,
        /// Only these labs or tasks: 3, queue, 3.2
        #[arg(long, value_delimiter = ',', value_parser = trimmed)]
        only: Vec<String>,
        /// A folder of yours with further tests and points
        #[arg(long)]
        staff: Option<PathBuf>,
    },
    /// Prove the graders: with wrong, correct and hostile submissions, hand-outs, and the show from end to end
    Prove {
        /// For `cargo test`, such as a part of a test's name, or `-- one other`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<OsString>,
    },
    /// Cut the exercises from the solutions again, after these were changed
    Cut {
        /// Only this lab, by number or part
        lab: Option<String>,
        /// Write it into this folder instead of exercises/<part>
        #[arg(long, requires = "lab")]
        into: Option<PathBuf>,
    },
    /// Write tests/submissions/SENTENCES.md: each sentence of a contract, and the wrong submissions that break it
    Sentences,
    /// Process 1 of a cell
    #[command(hide = true)]
    Inside {
        folder: PathBuf,
        #[arg(last = true)]
        command: Vec<String>,
    },
    /// The process that judges one submission
    #[command(hide = true)]
    Judge,
}

/// An entry of a list such as `3, 4`.
fn trimmed(entry: &str) -> Result<String, Infallible> {
    Ok(entry.trim().to_owned())
}

fn main() -> ExitCode {
    tree::die_with_the_reader();
    let result = match std::env::var_os(recipe::NOTE) {
        Some(_) => recipe::note_and_run(std::env::args_os().skip(1).collect()).map(|()| ExitCode::SUCCESS),
        None => run(Arguments::parse().command),
    };
    result.unwrap_or_else(|error| {
        eprintln!("cargo lab: {error:#}");
        ExitCode::from(2)
    })
}

fn run(order: Order) -> Result<ExitCode> {
    match &order {
        Order::Inside { folder, command } => {
            let code = sandbox::inside(folder, command);
            return code.map(ExitCode::from).context(sandbox::NOT_MADE);
        }
        Order::Judge => return ward::judge().map(|()| ExitCode::SUCCESS),
        _ => {}
    }
    let course = Course::load(&tree::root()?)?;
    match order {
        Order::Handout { folder, solved } => handout::handout(&course, &folder, &solved)?,
        Order::Grade { submissions, only, jobs, reports, roster, resume, staff, weak } => {
            let jobs = jobs.unwrap_or_else(|| judge::side_by_side() * 3 / 2);
            let order = grade::Order {
                submissions,
                only,
                jobs,
                reports,
                roster,
                resume,
                staff,
                weak,
                on_trial: false,
            };
            let grades = grade::grade(&course, &points(&course)?, &order)?;
            let lost = grades.iter().filter(|grade| grade.lost).count();
            if lost > 0 {
                eprintln!(
                    "cargo lab: {lost} of {} could not be judged here, and that is not their fault; --resume tries them again",
                    grades.len()
                );
                return Ok(ExitCode::FAILURE);
            }
        }
        Order::Gradescope { archive, only, staff } => {
            gradescope::write(&course, &archive, &only, staff.as_deref())?;
        }
        Order::Staff { folder, weak } => {
            let good = rehearsal::rehearse(&course, &points(&course)?, &folder, weak)?;
            return Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Order::Prove { words } => return Err(prove(&course.root).args(words).exec().into()),
        Order::Cut { lab: Some(lab), into } => {
            let lab = course.lab(&lab)?;
            let folder = into.unwrap_or_else(|| lab.exercise(&course.root));
            tree::write(&cut::exercise(&course.root, lab)?, &folder)?;
        }
        Order::Cut { lab: None, .. } => {
            for lab in &course.labs {
                tree::write(&cut::exercise(&course.root, lab)?, &lab.exercise(&course.root))?;
            }
        }
        Order::Sentences => {
            let (table, complaints) = sentences::table(&course)?;
            std::fs::write(course.root.join(sentences::TABLE), table)?;
            complaints.iter().for_each(|complaint| eprintln!("{complaint}"));
            if !complaints.is_empty() {
                return Ok(ExitCode::FAILURE);
            }
        }
        Order::Inside { .. } | Order::Judge => unreachable!("done above"),
    }
    Ok(ExitCode::SUCCESS)
}

/// The tests that `cargo test` leaves out (`test = false` in their manifests), because they build all labs many times.
const PROOF: [&str; 4] = ["grading", "student", "submissions", "show"];

/// A call of cargo that runs them.
fn prove(root: &Path) -> Command {
    let mut command = build::clean_cargo();
    // For all default members, as in `cargo test`: with fewer packages, libraries would have fewer features, and would
    // be built again.
    command.arg("test").current_dir(root);
    for test in PROOF {
        command.args(["--test", test]);
    }
    // They compute more than they wait, unlike the tests of the servers, for which `.cargo/config.toml` sets a higher
    // number.
    command.env("RUST_TEST_THREADS", judge::side_by_side().to_string());
    command
}
