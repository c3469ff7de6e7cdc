//! `cargo lab grade`: many submissions, each in a sandbox.
//!
//! ```text
//!   submission   folders and archives -> sources of exercises
//!   pristine     a tree of ours, with a submission's sources in the place of the exercise
//!   sandbox      where the compiler works on them, and where they run
//!   report       a table, Markdown, CSV, JUnit, Gradescope, Classroom 50
//! ```
//!
//! Three things a verdict does not trust: what a submission prints, its exit code, and its idea of which tests there
//! are. A test has passed when its receipt has come back (see the crate `verdict`), and the list of tests comes from
//! our own solution.

mod pristine;
mod progress;
mod reference;
pub mod report;
pub mod sandbox;
mod submission;

pub use pristine::{Pristine, alone_in};
pub use submission::{Submission, check_sources, complete, touches};

use crate::points::{Points, PointsTable};
use anyhow::{Context, Result};
use lab::course::{Course, Kind, Lab, Task};
use lab::explain::explanation;
use lab::judge::{Judged, Manner, Runnable, State, judge};
use lab::tree::{self, Files};
use lab::trial::{Outcome, supervise_build};
use progress::Progress;
use reference::{Reference, chosen, reference};
use sandbox::{FOR_BUILDS, FOR_TESTS, Sandbox, Whose};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What to grade, and how.
#[derive(Debug)]
pub struct Order {
    /// Folders and archives.
    pub submissions: Vec<PathBuf>,
    /// Only these labs or tasks; everything if empty.
    pub only: Vec<String>,
    /// How many submissions run at the same time.
    pub jobs: usize,
    /// Where the reports go.
    pub reports: Option<PathBuf>,
}

/// What a submission earned.
#[derive(Debug)]
pub struct Grade {
    /// The submission's name.
    pub name: String,
    /// One entry for each task of each lab that was graded, and for the optional ones.
    pub marks: Vec<Mark>,
    /// Why nothing of it could be graded.
    pub problem: Option<String>,
    /// How long it took.
    pub took: Duration,
}

/// What one task earned.
#[derive(Debug)]
pub struct Mark {
    /// Such as `3.2`, or `3 formatted`.
    pub id: String,
    /// The task's name.
    pub name: String,
    /// The points earned.
    pub earned: u32,
    /// The points that there were.
    pub points: u32,
    /// Whether the student may see it before the deadline.
    pub visible: bool,
    /// For the student: what happened, if anything is missing.
    pub text: String,
}

impl Grade {
    /// The points earned in all.
    pub fn earned(&self) -> u32 {
        self.marks.iter().map(|mark| mark.earned).sum()
    }

    /// The points that there were in all.
    pub fn points(&self) -> u32 {
        self.marks.iter().map(|mark| mark.points).sum()
    }
}

struct Grader<'c> {
    course: &'c Course,
    references: Vec<Reference<'c>>,
    /// Submissions are built one after the other, in one tree; they run side by side.
    tree: Mutex<Pristine>,
    sandbox: Sandbox,
    work: PathBuf,
}

/// Grades everything, and prints a table.
///
/// # Errors
/// If our own parts cannot be built, or a report cannot be written. A submission that cannot be graded is no error:
/// it costs only itself.
pub fn grade(course: &Course, points: &PointsTable, order: &Order) -> Result<Vec<Grade>> {
    let sandbox = Sandbox::find();
    if let Some(warning) = sandbox.warning() {
        eprintln!("cargo lab: {warning}");
    }
    let work = work_folder(&course.root, sandbox)?;
    let chosen = chosen(course, &order.only)?;
    let progress = Progress::new(order.submissions.len());
    progress.say("building our own parts");
    let tree = Pristine::prepare(course, &work)?;
    let references =
        chosen.into_iter().map(|(lab, tasks)| reference(&tree, lab, tasks, &work)).collect::<Result<_>>()?;
    let grader = Grader { course, references, tree: Mutex::new(tree), sandbox, work };

    let next = AtomicUsize::new(0);
    let grades: Mutex<BTreeMap<usize, Grade>> = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for job in 0..order.jobs.max(1) {
            let (next, grades, grader, progress) = (&next, &grades, &grader, &progress);
            let job = u32::try_from(job).unwrap_or(u32::MAX);
            scope.spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(path) = order.submissions.get(number) else { return };
                    let grade = grader.grade(path, points, job);
                    progress.done(&grade);
                    grades.lock().unwrap_or_else(PoisonError::into_inner).insert(number, grade);
                }
            });
        }
    });
    progress.end();
    let grades: Vec<Grade> =
        grades.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect();
    print!("{}", report::table(&grades));
    if let Some(folder) = &order.reports {
        report::write(folder, &grades)?;
        println!("Reports are in {}", folder.display());
    }
    Ok(grades)
}

fn is_stage(task: &Task) -> bool {
    task.kinds().any(|kind| kind == Kind::Stage)
}

impl Grader<'_> {
    fn grade(&self, path: &Path, points: &PointsTable, job: u32) -> Grade {
        let start = Instant::now();
        let name = path
            .file_name()
            .map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
        let mut grade = Grade { name, marks: Vec::new(), problem: None, took: Duration::ZERO };
        match Submission::read(self.course, path) {
            Err(error) => grade.problem = Some(format!("{error:#}")),
            Ok(submission) => {
                grade.name.clone_from(&submission.name);
                for reference in &self.references {
                    match self.grade_lab(&submission, reference, points, job) {
                        Ok(marks) => grade.marks.extend(marks),
                        Err(error) => {
                            grade.problem = Some(format!("lab {}: {error:#}", reference.lab.number))
                        }
                    }
                }
            }
        }
        grade.took = start.elapsed();
        grade
    }

    /// Grades one lab of one submission.
    fn grade_lab(
        &self,
        submission: &Submission,
        reference: &Reference<'_>,
        points: &PointsTable,
        job: u32,
    ) -> Result<Vec<Mark>> {
        let lab = reference.lab;
        let mark = |task: &Task, share: (usize, usize), text: String| {
            let Points { points, visible } = points.task[&task.id];
            let earned = if share.1 == 0 { 0 } else { points * share.0 as u32 / share.1 as u32 };
            Mark { id: task.id.clone(), name: task.name.clone(), earned, points, visible, text }
        };
        let nothing = |text: &str| -> Vec<Mark> {
            reference.tasks.iter().map(|task| mark(task, (0, 1), text.to_owned())).collect()
        };
        if !touches(submission, lab, &reference.shipped) {
            return Ok(nothing("The exercise is as it was handed out."));
        }
        let files = complete(&reference.shipped, &submission.parts[&lab.part]);
        if let Err(error) = check_sources(lab, &files) {
            return Ok(nothing(&format!("{error:#}")));
        }
        let keep = tempfile::Builder::new().prefix("submission-").tempdir_in(&self.work)?;
        let runnable = self.build(reference, &files, keep.path())?;
        let room = keep.path().join("room");
        fs::create_dir(&room)?;
        // A sandbox's own user must get to the room and to the programs.
        open_to_all(keep.path())?;
        let wrap = |command: Command| {
            self.sandbox
                .wrap(command, &room, FOR_TESTS, Whose::Submitted(job))
                .expect("the sandbox was tried before, and found this program")
        };
        let mut marks = Vec::new();
        let mut hung: Vec<&str> = Vec::new();
        for &task in &reference.tasks {
            // Each test that hangs costs its whole limit; what needs a task that hangs would most likely hang too.
            let needs_hung = lab.needed_by(task).into_iter().find(|id| hung.contains(id));
            if let Some(id) = needs_hung.filter(|_| !is_stage(task)) {
                marks.push(mark(
                    task,
                    (0, 1),
                    format!("Not run, because it needs task {id}, and that one hangs."),
                ));
                continue;
            }
            let judged = judge(task, &runnable, &Manner { all: true, side_by_side: 1, wrap: &wrap })?;
            if judged.outcomes.iter().any(Outcome::hangs) {
                hung.push(&task.id);
            }
            let text = match judged.state {
                State::Done => String::new(),
                State::DoesNotCompile => {
                    let errors = runnable.errors.as_deref().unwrap_or_default();
                    format!("It does not compile.\n{}", beginning(errors))
                }
                State::NotStarted | State::Failing => explanation(lab, &judged),
            };
            marks.push(mark(task, share(&judged), text));
        }
        if runnable.errors.is_none() && tree::unwritten(lab, &files).is_empty() {
            marks.extend(self.tidiness(lab, points, &files)?);
        }
        Ok(marks)
    }

    /// Everything that happens in the one tree, while no other submission is in it.
    fn build(&self, reference: &Reference<'_>, files: &Files, keep: &Path) -> Result<Runnable> {
        let lab = reference.lab;
        let tree = self.tree.lock().unwrap_or_else(PoisonError::into_inner);
        tree.submit(lab, files)?;
        let mut runnable = tree.build_part(lab, keep, Some(self.sandbox))?.with_tests_of(&reference.tests);
        let Some(stage_tests) = &reference.stage_tests else { return Ok(runnable) };
        let built = tree.build_server(lab, &[&lab.part], keep, Some(self.sandbox))?;
        match built.server(&lab.stage.binary) {
            Some(server) => runnable.add_stage(stage_tests, server, &tree.course.root.join("tests/e2e"))?,
            None => runnable.errors = runnable.errors.or(built.errors),
        }
        Ok(runnable)
    }

    /// The optional points for a lab that is done: formatted as `cargo fmt` does it, and nothing found by clippy.
    fn tidiness(&self, lab: &Lab, points: &PointsTable, files: &Files) -> Result<Vec<Mark>> {
        let mut marks = Vec::new();
        let tree = self.tree.lock().unwrap_or_else(PoisonError::into_inner);
        let root = &tree.course.root;
        let mut mark = |what: &str, points: u32, mut command: Command| -> Result<()> {
            if points > 0 {
                command.current_dir(root).env("CARGO_TARGET_DIR", &tree.target);
                let mut command = self.sandbox.wrap(command, &tree.target, FOR_BUILDS, Whose::Ours)?;
                let (clean, printed, errors) = supervise_build(&mut command, Duration::from_secs(300))?;
                // rustfmt shows what it would change on standard output, clippy what it finds on standard error.
                let found = String::from_utf8_lossy(&printed).into_owned() + &errors;
                let found = found.replace(&format!("{}/", root.display()), "");
                let (id, name) = (format!("{} {what}", lab.number), format!("Lab {}: {what}", lab.number));
                let text = if clean { String::new() } else { beginning(&found) };
                let earned = if clean { points } else { 0 };
                marks.push(Mark { id, name, earned, points, visible: true, text });
            }
            Ok(())
        };
        tree.submit(lab, files)?;
        let package = lab.package();
        let cargo = |words: &[&str]| {
            let mut command = Command::new(lab::build::cargo());
            command.args(words);
            command
        };
        let fmt = ["fmt", "--check", "--package", &package, "--", "--color", "never"];
        mark("formatted", points.formatted, cargo(&fmt))?;
        let clippy =
            ["clippy", "--quiet", "--offline", "--locked", "--package", &package, "--", "-D", "warnings"];
        mark("clippy", points.clippy, cargo(&clippy))?;
        Ok(marks)
    }
}

/// How much of a task's points is earned. A promise that is mostly kept is not kept, so it is all or nothing; but an
/// end-to-end task is a row of promises, and each counts.
fn share(judged: &Judged<'_>) -> (usize, usize) {
    let passed = judged.outcomes.iter().filter(|outcome| outcome.passed).count();
    if judged.task.kinds().all(|kind| kind == Kind::Stage) {
        (passed, judged.trials)
    } else {
        (usize::from(judged.state == State::Done), 1)
    }
}

/// As much of the compiler's words as somebody reads.
fn beginning(text: &str) -> String {
    text.lines().take(40).collect::<Vec<_>>().join("\n")
}

/// Lets every user read a folder, as a sandbox's own user must.
fn open_to_all(folder: &Path) -> Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
        .context("cannot open a folder to the sandbox")
}

/// A folder for the work, such that a sandbox's own user gets there.
fn work_folder(root: &Path, sandbox: Sandbox) -> Result<PathBuf> {
    let usual = tree::memory(root)?.join("grade");
    fs::create_dir_all(&usual)?;
    let open = |path: &Path| fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o1 == 0o1);
    if sandbox != Sandbox::AsRoot || usual.canonicalize()?.ancestors().all(open) {
        return Ok(usual);
    }
    let elsewhere = PathBuf::from("/var/tmp/thundering-herd-grade");
    fs::create_dir_all(&elsewhere)?;
    Ok(elsewhere)
}
