//! From tests to tasks: which are done, which fail, and why.

use crate::build::{Build, Built};
use crate::course::{Kind, Lab, Stage, Task, is_named};
use crate::tree;
use crate::trial::{self, Outcome, Trial};
use crate::unseen::{Unseen, unseen};
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

/// The environment variable that tells an end-to-end test which server to run.
pub const SERVER: &str = "SERVER_UNDER_TEST";

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// All its tests pass.
    Done,
    /// A test fails.
    Failing,
    /// A test reached a `todo!`.
    NotStarted,
    /// The part or its server does not compile.
    DoesNotCompile,
}

/// The result of judging a task.
#[derive(Debug, Clone)]
pub struct Judged<'l> {
    /// The task.
    pub task: &'l Task,
    /// How far it is.
    pub state: State,
    /// How many trials decide about it.
    pub trials: usize,
    /// The trials that were run, in order.
    pub outcomes: Vec<Outcome>,
}

impl Judged<'_> {
    /// The first trial that failed.
    pub fn first_failure(&self) -> Option<&Outcome> {
        self.outcomes.iter().find(|outcome| !outcome.passed)
    }
}

/// The programs of a lab that were built, and which tests there are.
#[derive(Debug, Clone)]
pub struct Runnable {
    tests: Vec<(Kind, String)>,
    programs: BTreeMap<Kind, Program>,
    /// What the compiler said, if a program is missing.
    pub errors: Option<String>,
    /// Tests that would prove nothing.
    unseen: Vec<Unseen>,
}

#[derive(Debug, Clone)]
struct Program {
    executable: PathBuf,
    folder: PathBuf,
    variables: Vec<(String, OsString)>,
}

/// How many tests run at once: one per processor, but at most 8.
pub fn side_by_side() -> usize {
    thread::available_parallelism().map_or(1, |count| count.get().min(8))
}

impl Runnable {
    /// The tests of a part.
    ///
    /// # Errors
    /// If a program does not say which tests it has.
    pub fn of_part(lab: &Lab, folder: &Path, built: Built) -> Result<Runnable> {
        let mut runnable = Runnable::of_programs(Vec::new(), [], built.errors.clone());
        for kind in [Kind::Model, Kind::Suite, Kind::Hunt, Kind::Prove] {
            if let Some(executable) = built.tests(kind, lab) {
                runnable.tests.extend(trial::list(executable)?.into_iter().map(|test| (kind, test)));
                let program =
                    Program { executable: executable.into(), folder: folder.into(), variables: Vec::new() };
                runnable.programs.insert(kind, program);
            }
        }
        Ok(runnable)
    }

    /// Programs with a list of their tests from elsewhere, because the programs themselves cannot be believed. Each has
    /// the folder that it runs in.
    pub fn of_programs(
        tests: Vec<(Kind, String)>,
        programs: impl IntoIterator<Item = (Kind, PathBuf, PathBuf)>,
        errors: Option<String>,
    ) -> Runnable {
        let program =
            |(kind, executable, folder)| (kind, Program { executable, folder, variables: Vec::new() });
        Runnable { tests, programs: programs.into_iter().map(program).collect(), errors, unseen: Vec::new() }
    }

    /// The same, but tests that would prove nothing fail: see [`unseen`](crate::unseen).
    pub fn without(self, unseen: Vec<Unseen>) -> Runnable {
        Runnable { unseen, ..self }
    }

    /// All tests, by the kind of program that they are in.
    pub fn tests(&self) -> &[(Kind, String)] {
        &self.tests
    }

    /// Adds end-to-end tests, which are ours, and the server that they run.
    ///
    /// # Errors
    /// If the program does not list its tests.
    pub fn add_stage(&mut self, executable: &Path, server: &Path, folder: &Path) -> Result<()> {
        self.tests.extend(trial::list(executable)?.into_iter().map(|test| (Kind::Stage, test)));
        let variables = vec![(SERVER.to_owned(), OsString::from(server))];
        self.programs
            .insert(Kind::Stage, Program { executable: executable.into(), folder: folder.into(), variables });
        Ok(())
    }

    /// The same tests, each with one more environment variable.
    pub fn with_variable(mut self, name: &str, value: &Path) -> Runnable {
        for program in self.programs.values_mut() {
            program.variables.push((name.to_owned(), value.into()));
        }
        self
    }

    /// Whether the programs of a task's tests are all there.
    fn compiles(&self, task: &Task) -> bool {
        task.kinds().all(|kind| self.programs.contains_key(&kind))
    }

    /// The trials that decide about a task, in the order of its list: that in which their promises are taught.
    fn trials(&self, task: &Task) -> Vec<Trial> {
        let position = |(kind, test): &(Kind, String)| task.position_of(*kind, short_name(*kind, test));
        let mut decisive: Vec<_> = self.tests.iter().filter(|test| position(test).is_some()).collect();
        decisive.sort_by_key(|test| position(test));
        let trial = |(kind, test): &(Kind, String)| {
            let Program { executable, folder, variables } = self.programs.get(kind)?.clone();
            let refused = self.unseen.iter().find_map(|unseen| unseen.failure_of(*kind, test));
            Some(Trial { kind: *kind, executable, test: test.clone(), folder, variables, refused })
        };
        decisive.into_iter().filter_map(trial).collect()
    }

    /// All trials of these tasks, in one process per program. Much quicker than one per trial, but it only shows that
    /// everything passes: a failure may hide others, and the program's own word cannot be believed.
    pub fn together<'l>(&self, tasks: impl Iterator<Item = &'l Task>) -> Vec<Command> {
        let mut programs: BTreeMap<PathBuf, Command> = BTreeMap::new();
        for trial in tasks.flat_map(|task| self.trials(task)) {
            let Trial { executable, test, folder, variables, .. } = trial;
            let command = programs.entry(executable).or_insert_with_key(|executable| {
                let mut command = Command::new(executable);
                // Loom maps a stack for each thread of each interleaving. Two models in one process would mostly wait
                // for each other's mappings.
                command.args(["--test-threads=1", "--exact"]).current_dir(folder).envs(variables);
                command
            });
            command.arg(test);
        }
        programs.into_values().collect()
    }

    /// Every test that does not belong to exactly one task of the lab, and every test of a task that does not exist.
    /// End-to-end tests may belong to none, and so may a part's own unit tests.
    pub fn orphans<'r>(&'r self, lab: &'r Lab) -> Vec<&'r str> {
        let orphan = |(kind, test): &&(Kind, String)| {
            let parts_own = *kind == Kind::Model && !test.starts_with(MODELS);
            let decided = lab.tasks.iter().filter(|task| task.decided_by(*kind, short_name(*kind, test)));
            *kind != Kind::Stage && !parts_own && decided.count() != 1
        };
        let exists =
            |named| self.tests.iter().any(|(kind, test)| is_named(named, (*kind, short_name(*kind, test))));
        let listed = lab.tasks.iter().flat_map(Task::named);
        let unknown = listed.filter(|named| self.programs.contains_key(&named.0) && !exists(*named));
        let orphans = self.tests.iter().filter(orphan).map(|(_, test)| test.as_str());
        orphans.chain(unknown.map(|(_, name)| name)).collect()
    }
}

/// The module of a part in which its models are.
const MODELS: &str = "models::";

impl Outcome {
    /// The test's name as a lab's file has it, with its kind.
    pub fn name(&self) -> String {
        format!("{} {}", self.kind.name(), short_name(self.kind, &self.test))
    }
}

/// A test's name as a lab's file has it.
fn short_name(kind: Kind, test: &str) -> &str {
    match kind {
        Kind::Model => test.strip_prefix(MODELS).unwrap_or("a test of the part's own"),
        _ => test,
    }
}

/// How to run the trials of a task.
pub struct Manner<'w> {
    /// Run every trial, but begin none after one that hangs. If `false`, the first failure ends the run: later trials
    /// are not begun, and those already running are killed, because only the first failure is explained.
    pub all: bool,
    /// How many at a time.
    pub side_by_side: usize,
    /// When all trials are ended, finished or not.
    pub until: Option<Instant>,
    /// Puts another program around a test, such as a sandbox.
    pub wrap: &'w (dyn Fn(Command) -> Command + Sync),
}

impl Manner<'_> {
    /// Without anything around it, and only until the first failure.
    pub fn plain() -> Manner<'static> {
        Manner { all: false, side_by_side: side_by_side(), until: None, wrap: &|command| command }
    }

    /// Without anything around it, to the end.
    pub fn thorough() -> Manner<'static> {
        Manner { all: true, ..Manner::plain() }
    }
}

/// Runs the trials of a task.
///
/// # Errors
/// If a process cannot be started.
pub fn judge<'l>(task: &'l Task, runnable: &Runnable, manner: &Manner<'_>) -> Result<Judged<'l>> {
    if !runnable.compiles(task) {
        return Ok(Judged { task, state: State::DoesNotCompile, trials: 0, outcomes: Vec::new() });
    }
    let trials = runnable.trials(task);
    let mut outcomes = run_all(&trials, manner)?;
    if !manner.all
        && let Some(failure) = outcomes.iter().position(|outcome| !outcome.passed)
    {
        // Which of the later ones had ended by then is chance.
        outcomes.truncate(failure + 1);
    }
    let state = match outcomes.iter().find(|outcome| !outcome.passed) {
        None if outcomes.len() < trials.len() || trials.is_empty() => State::Failing,
        None => State::Done,
        Some(_) if outcomes.iter().any(comes_to_a_todo) => State::NotStarted,
        Some(_) => State::Failing,
    };
    Ok(Judged { task, state, trials: trials.len(), outcomes })
}

/// Whether a trial failed at a `todo!` of a lab.
pub fn comes_to_a_todo(outcome: &Outcome) -> bool {
    !outcome.passed && outcome.output.contains(trial::TODO)
}

fn run_all(trials: &[Trial], manner: &Manner<'_>) -> Result<Vec<Outcome>> {
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
    let done: Mutex<BTreeMap<usize, Result<Outcome>>> = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..manner.side_by_side {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(trial) = trials.get(number) else { return };
                    if failed.load(Ordering::Relaxed) < number {
                        return;
                    }
                    // Trials before the first failure continue: one of them may fail too, and would then be the first.
                    let over = || manner.until.is_some_and(|until| Instant::now() > until);
                    let needless = || over() || !manner.all && failed.load(Ordering::Relaxed) < number;
                    let outcome = trial.run(manner.wrap, needless);
                    let passed = outcome.as_ref().is_ok_and(|outcome| outcome.passed);
                    // If one test hangs, the next ones probably do too, and each costs its whole limit.
                    let hangs = outcome.as_ref().is_ok_and(Outcome::hangs);
                    if !passed && (!manner.all || hangs) {
                        failed.fetch_min(number, Ordering::Relaxed);
                    }
                    if outcome.is_ok() && !passed && needless() && !over() {
                        return;
                    }
                    done.lock().expect("no thread panics while it holds this").insert(number, outcome);
                }
            });
        }
    });
    done.into_inner().expect("nobody panicked with it").into_values().collect()
}

/// Builds the tests of a lab and lists them; or only the programs that the tests of one task are in, which is quicker.
///
/// # Errors
/// If cargo cannot be run.
pub fn build_part(root: &Path, lab: &Lab, only: Option<&Task>, target: &Path) -> Result<Runnable> {
    let line = format!("Building the tests of lab {}: up to half a minute the first time.", lab.number);
    let build = match only {
        Some(task) => Build::tests_of(lab, task.kinds().collect::<BTreeSet<_>>(), target),
        None => Build::tests(lab, target),
    };
    let built = build.run_and_say(root, &lab.part, &line)?;
    let exercise = lab.exercise(root);
    let unseen = unseen(lab, &tree::read_rust(&exercise)?);
    Ok(Runnable::of_part(lab, &exercise, built)?.without(unseen))
}

/// Builds the lab's server with the student's part, and the tests of its stage, and adds them.
///
/// # Errors
/// If cargo cannot be run, or our own tests do not compile.
pub fn build_stage(root: &Path, lab: &Lab, target: &Path, runnable: &mut Runnable) -> Result<()> {
    let Stage { package, binary } = &lab.stage;
    let line = format!("Building {binary} and its end-to-end tests: about a minute the first time.");
    let tests = Build::stage_tests(lab, target).run_and_say(root, package, &line)?;
    let test = tests.tests(Kind::Stage, lab).context("the end-to-end tests do not compile")?;
    let built = Build::server(package, binary, &[&lab.part], target).run(root)?;
    let Some(fresh) = built.server(binary) else {
        runnable.errors = built.errors;
        return Ok(());
    };
    // The next build with other parts overwrites cargo's own copy.
    let server = tree::memory(root)?.join(binary);
    let _ = std::fs::remove_file(&server);
    std::fs::copy(fresh, &server).context("cannot copy the server")?;
    runnable.add_stage(test, &server, &root.join("tests/e2e"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs two trials side by side, each of them a shell script. They meet at a FIFO named `pipe` in this folder.
    fn outcomes(scripts: [&'static str; 2]) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let made = Command::new("mkfifo").arg(folder.path().join("pipe")).status().expect("mkfifo runs");
        assert!(made.success(), "a pipe with a name");
        let trial = |script: &str| Trial {
            kind: Kind::Suite,
            executable: "sh".into(),
            test: script.to_owned(),
            folder: folder.path().to_owned(),
            variables: Vec::new(),
            refused: None,
        };
        let wrap = |test: Command| {
            let script = test.get_args().nth(1).expect("--exact and a name").to_owned();
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(script).current_dir(folder.path());
            shell
        };
        let manner = Manner { all: false, side_by_side: 2, until: None, wrap: &wrap };
        let outcomes = run_all(&scripts.map(trial), &manner).expect("shells run");
        outcomes.into_iter().map(|outcome| outcome.output).collect()
    }

    #[test]
    fn a_trial_that_runs_beside_the_first_failure_is_ended_because_nobody_needs_it() {
        let hangs = "echo second; echo > pipe; exec sleep 1000";
        assert_eq!(outcomes(["read line < pipe; echo first; exit 1", hangs]), ["first\n"]);
    }

    #[test]
    fn a_trial_before_a_failure_goes_on_because_it_may_fail_first() {
        let fails = "echo second; echo $$ > pipe; exit 1";
        let goes_on = "read other < pipe; while kill -0 $other; do :; done 2> /dev/null; echo first; exit 1";
        // Whether the second one is shown too depends on which of them is noticed first.
        assert_eq!(outcomes([goes_on, fails])[0], "first\n");
    }
}
