//! From tests to tasks: which are done, which fail, and why.

use crate::build::{Build, Built, target_of};
use crate::course::{Kind, Lab, Stage, Task};
use crate::trial::{self, Outcome, Trial};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The environment variable by which an end-to-end test is told which server to run.
pub const SERVER: &str = "SERVER_UNDER_TEST";

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Every test of it passes.
    Done,
    /// A test fails.
    Failing,
    /// A test came to a `todo!`.
    NotStarted,
    /// The part or its server does not compile.
    DoesNotCompile,
}

/// What became of a task.
#[derive(Debug, Clone)]
pub struct Judged<'l> {
    /// The task.
    pub task: &'l Task,
    /// How far it is.
    pub state: State,
    /// Its trials, those that were run, in order.
    pub outcomes: Vec<Outcome>,
}

impl Judged<'_> {
    /// The first trial that failed.
    pub fn first_failure(&self) -> Option<&Outcome> {
        self.outcomes.iter().find(|outcome| !outcome.passed)
    }
}

/// Everything of a lab that can be run.
#[derive(Debug)]
pub struct Runnable {
    /// The trials of the part's own tests, and of its server once [`Runnable::add_stage`] has added them.
    trials: Vec<Trial>,
    /// What the compiler said of the server, if it did not build.
    pub server_errors: Option<String>,
}

/// How many tests run at once: as many as there are processors, but never so many that they starve.
pub fn side_by_side() -> usize {
    thread::available_parallelism().map_or(1, |count| count.get().min(8))
}

impl Runnable {
    /// Lists the tests of a part in its executables. Models come first: what they find, they show step by step.
    ///
    /// # Errors
    /// If an executable is missing, or does not say which tests it has.
    pub fn of_part(lab: &Lab, folder: &Path, executables: &BTreeMap<String, PathBuf>) -> Result<Runnable> {
        let mut trials = Vec::new();
        for kind in [Kind::Model, Kind::Suite, Kind::Hunt] {
            let name = target_of(kind, lab);
            let executable =
                executables.get(name).with_context(|| format!("cargo did not build `{name}`"))?;
            for test in trial::list(executable)? {
                trials.push(Trial {
                    kind,
                    executable: executable.clone(),
                    test,
                    folder: folder.to_owned(),
                    variables: Vec::new(),
                });
            }
        }
        Ok(Runnable { trials, server_errors: None })
    }

    /// Adds the end-to-end tests, which run this server.
    ///
    /// # Errors
    /// If the executable does not say which tests it has.
    pub fn add_stage(&mut self, executable: &Path, server: &Path, folder: &Path) -> Result<()> {
        for test in trial::list(executable)? {
            self.trials.push(Trial {
                kind: Kind::Stage,
                executable: executable.to_owned(),
                test,
                folder: folder.to_owned(),
                variables: vec![(SERVER.to_owned(), OsString::from(server))],
            });
        }
        Ok(())
    }

    /// The trials that decide about a task, in the order of the task's file.
    pub fn trials<'s>(&'s self, task: &'s Task) -> impl Iterator<Item = &'s Trial> {
        self.trials.iter().filter(|trial| task.decided_by(trial.kind, short_name(trial)))
    }

    /// Every test that does not belong to exactly one task of the lab. End-to-end tests may belong to none, and so
    /// may tests that a part has of itself.
    pub fn orphans<'s>(&'s self, lab: &'s Lab) -> impl Iterator<Item = &'s Trial> {
        let parts_own = |trial: &Trial| trial.kind == Kind::Model && !trial.test.starts_with(MODELS);
        let judged = self.trials.iter().filter(move |trial| trial.kind != Kind::Stage && !parts_own(trial));
        judged.filter(|trial| {
            let decides = |task: &&Task| task.decided_by(trial.kind, short_name(trial));
            lab.tasks.iter().filter(decides).count() != 1
        })
    }
}

/// The module of a part in which its models are.
const MODELS: &str = "models::";

fn short_name(trial: &Trial) -> &str {
    match trial.kind {
        Kind::Model => trial.test.strip_prefix(MODELS).unwrap_or("a test of the part's own"),
        _ => &trial.test,
    }
}

/// Runs the trials of a task, several side by side. With `all`, every one; else no more are begun after one has
/// failed.
///
/// # Errors
/// If a process cannot be started.
pub fn judge<'l>(
    task: &'l Task,
    runnable: &Runnable,
    all: bool,
    wrap: &(dyn Fn(Command) -> Command + Sync),
) -> Result<Judged<'l>> {
    if task.kinds().any(|kind| kind == Kind::Stage) && runnable.server_errors.is_some() {
        return Ok(Judged { task, state: State::DoesNotCompile, outcomes: Vec::new() });
    }
    let trials: Vec<&Trial> = runnable.trials(task).collect();
    let outcomes = run_all(&trials, all, wrap)?;
    let state = match outcomes.iter().find(|outcome| !outcome.passed) {
        None if outcomes.is_empty() => State::Failing,
        None => State::Done,
        Some(_) if outcomes.iter().any(comes_to_a_todo) => State::NotStarted,
        Some(_) => State::Failing,
    };
    Ok(Judged { task, state, outcomes })
}

/// Whether a trial failed at a `todo!` of a lab.
pub fn comes_to_a_todo(outcome: &Outcome) -> bool {
    !outcome.passed && outcome.output.contains(trial::TODO)
}

fn run_all(trials: &[&Trial], all: bool, wrap: &(dyn Fn(Command) -> Command + Sync)) -> Result<Vec<Outcome>> {
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
    let done: Mutex<BTreeMap<usize, Result<Outcome>>> = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..side_by_side() {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(trial) = trials.get(number) else { return };
                    if !all && failed.load(Ordering::Relaxed) < number {
                        return;
                    }
                    let outcome = trial.run(wrap);
                    if !outcome.as_ref().is_ok_and(|outcome| outcome.passed) {
                        failed.fetch_min(number, Ordering::Relaxed);
                    }
                    done.lock().expect("nobody panics with it").insert(number, outcome);
                }
            });
        }
    });
    done.into_inner().expect("nobody panicked with it").into_values().collect()
}

/// Builds the tests of a lab and lists them. `Err` holds what the compiler said.
///
/// # Errors
/// If cargo cannot be run.
pub fn build_part(root: &Path, lab: &Lab, target: &Path) -> Result<std::result::Result<Runnable, String>> {
    match Build::tests(lab, target).run(root)? {
        Built::Errors(errors) => Ok(Err(errors)),
        Built::Executables(executables) => Ok(Ok(Runnable::of_part(lab, &lab.exercise(root), &executables)?)),
    }
}

/// Builds the lab's server with the student's part, and the tests of its stage, and adds them.
///
/// # Errors
/// If cargo cannot be run, or our own tests do not compile.
pub fn build_stage(root: &Path, lab: &Lab, target: &Path, runnable: &mut Runnable) -> Result<()> {
    let tests = match Build::stage_tests(lab, target).run(root)? {
        Built::Executables(executables) => executables,
        Built::Errors(errors) => anyhow::bail!("the end-to-end tests do not compile:\n{errors}"),
    };
    let Stage { package, binary } = &lab.stage;
    match Build::server(package, binary, &[&lab.part], target).run(root)? {
        Built::Errors(errors) => runnable.server_errors = Some(errors),
        Built::Executables(built) => {
            // The next build with other parts writes over cargo's own copy.
            let server = target.join("lab").join(binary);
            std::fs::create_dir_all(target.join("lab"))?;
            let fresh = built.get(binary).with_context(|| format!("cargo did not build `{binary}`"))?;
            let _ = std::fs::remove_file(&server);
            std::fs::copy(fresh, &server).context("cannot copy the server")?;
            let test = tests.get("e2e").context("cargo did not build the end-to-end tests")?;
            runnable.add_stage(test, &server, &root.join("tests/e2e"))?;
        }
    }
    Ok(())
}
