//! `cargo lab grade`: many submissions, each judged by a process of its own, in a sandbox.
//!
//! ```text
//!   own          our own solution, which must pass the tests of an instructor's folder first
//!   reference    our solution, built once: which tests there are, and how the compiler is called
//!   ward         a process for each submission; if it crashes or hangs, it loses that one
//!     submission   folders and archives -> sources of exercises (archive, reading, place)
//!     handin       of these, the files with holes; all others are ours
//!     judging      builds them, runs the tests, gives marks
//!         building   ... with the calls of the compiler (recipe), which were found out before (kitchen)
//!       sandbox      the one place that starts a compiler on a student's code, or the code itself
//!   report       a table, Markdown, CSV, JUnit, Gradescope, Classroom 50
//! ```
//!
//! A verdict does not trust three things: what a submission prints, its exit code, and its list of tests. A test has
//! passed when its receipt has come back (see the crate `verdict`).

mod archive;
mod handin;
mod judging;
mod kitchen;
mod own;
mod place;
mod pristine;
mod progress;
pub mod recipe;
mod reference;
pub mod report;
pub mod roster;
pub mod sandbox;
pub mod share;
mod submission;
mod unchanged;
pub mod ward;

pub(crate) use own::write_part;
pub use pristine::{Pristine, alone_in};
pub use submission::Submission;

use crate::points::PointsTable;
use crate::staff::Staff;
use anyhow::{Context, Result, ensure};
use judging::Assignment;
use lab::course::{Course, Kind, Task};
use lab::tree;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::{Mode, umask};
use progress::Progress;
use reference::{chosen, reference};
use sandbox::{Sandbox, Seat, must_be_hidden, open_to_all};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use unchanged::Sums;

/// What to grade, and how.
#[derive(Debug, Default)]
pub struct Order {
    /// Folders and archives.
    pub submissions: Vec<PathBuf>,
    /// Only these labs or tasks; everything if empty.
    pub only: Vec<String>,
    /// How many submissions run at the same time.
    pub jobs: usize,
    /// Where the reports go.
    pub reports: Option<PathBuf>,
    /// A gradebook's file. A copy of it with the grades goes to the reports.
    pub roster: Option<PathBuf>,
    /// Submissions that have a report there are not judged again.
    pub resume: bool,
    /// An instructor's folder, with further tests and points.
    pub staff: Option<PathBuf>,
    /// The folder's tests are on trial themselves, so our own solution need not pass them first.
    pub on_trial: bool,
    /// A machine that refuses namespaces will do.
    pub weak: bool,
}

/// What a submission earned.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Grade {
    /// The submission's name.
    pub name: String,
    /// One entry for each task of each lab that was graded, and for the optional ones.
    pub marks: Vec<Mark>,
    /// Why it could not be graded, or not completely.
    pub problem: Option<String>,
    /// Whether that is the fault of the grader or its machine. If so, `--resume` judges it again.
    pub lost: bool,
    /// Remarks on which of the files were used, if that is not obvious.
    pub notes: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

/// What one task earned.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Mark {
    /// Such as `3.2`, or `3 formatted`.
    pub id: String,
    /// The task's name.
    pub name: String,
    /// The points earned.
    pub earned: u32,
    /// The points that the task is worth.
    pub points: u32,
    /// Whether the student may see it before the deadline.
    pub visible: bool,
    /// For the student: what happened, if points are missing.
    pub text: String,
    /// How long its tests took.
    pub took: Duration,
}

impl Grade {
    /// The points earned in all.
    pub fn earned(&self) -> u32 {
        self.marks.iter().map(|mark| mark.earned).sum()
    }

    /// The points that all tasks are worth.
    pub fn points(&self) -> u32 {
        self.marks.iter().map(|mark| mark.points).sum()
    }
}

/// Grades everything, and prints a table. Each grade is written as soon as it is known.
///
/// # Errors
/// If our own parts cannot be built, or a report cannot be written. A submission that cannot be graded is no error:
/// it costs only itself.
pub fn grade(course: &Course, points: &PointsTable, order: &Order) -> Result<Vec<Grade>> {
    // Read before hours of judging, in case it is the wrong file.
    let roster = order.roster.as_deref().map(roster::read).transpose()?;
    let grades = judged(course, points, order)?;
    // All files first, because the reader of the table may close the pipe before its end.
    let mut said = report::table(&grades);
    if let Some(folder) = &order.reports {
        report::write_sheets(folder, &grades.iter().collect::<Vec<_>>())?;
        if let Some(roster) = &roster {
            let book = roster::gradebook(roster, &grades.iter().collect::<Vec<_>>());
            for warning in &book.warnings {
                eprintln!("cargo lab: {warning}");
            }
            report::put(&folder.join("gradebook.csv"), book.text)?;
        }
        said.push_str(&format!("Reports are in {}\n", folder.display()));
    }
    std::io::stdout().write_all(said.as_bytes()).context("cannot print the table")?;
    Ok(grades)
}

/// Grades everything, and writes each grade as soon as it is known.
///
/// # Errors
/// As [`grade`].
pub fn judged(course: &Course, public: &PointsTable, order: &Order) -> Result<Vec<Grade>> {
    let staff = order.staff.as_ref().map(|folder| Staff::load(course, folder)).transpose()?;
    let points = staff.as_ref().map_or_else(|| Ok(public.clone()), |staff| staff.points(public))?;
    let sandbox = Sandbox::find(order.weak)?;
    if let Some(warning) = sandbox.warning() {
        eprintln!("cargo lab: {warning}");
    }
    // The users that run submissions must be able to read what we copy and build.
    umask(Mode::from_bits_truncate(0o022));
    enough_descriptors()?;
    order.submissions.iter().try_for_each(|path| can_be_read(path))?;
    let names = handin::names(&order.submissions);
    if let Some(reports) = &order.reports {
        keep_apart(reports, &order.submissions)?;
        keep_rows(reports, &names, order.resume)?;
    }
    let ours = [Some(&course.root), order.staff.as_ref(), order.reports.as_ref()];
    let toolchain = kitchen::toolchain(&course.root)?;
    let hidden = |path: &PathBuf| must_be_hidden(path, &toolchain);
    ours.into_iter().flatten().chain(&order.submissions).try_for_each(hidden)?;
    let sums = Sums::new(&course.root, order)?;
    let mut grades = if order.resume { graded(order, &names, &sums)? } else { BTreeMap::new() };
    let progress = Progress::new(order.submissions.len(), grades.len());
    if grades.len() < order.submissions.len() {
        let work = work_folder(&course.root)?;
        hidden(&work)?;
        if let Some(staff) = staff.as_ref().filter(|_| !order.on_trial) {
            try_our_own(course, public, staff, order, &sums, &work)?;
        }
        let mut tree = Pristine::prepare(course, &work)?;
        if let Some(staff) = &staff {
            staff.merge_into(&mut tree.course)?;
        }
        let chosen = chosen(&tree.course, &order.only)?;
        progress.say("building our own parts");
        sandbox::settle(&work)?;
        let mut references = Vec::new();
        for (lab, tasks) in chosen {
            let path = work.join("reference").join(format!("{}.json", lab.part));
            let reference = reference(&tree, lab, &tasks, &work).map_err(|error| match &staff {
                Some(staff) => staff.blame(error),
                None => error,
            })?;
            if sandbox == Sandbox::Weak {
                others_can_run(&reference.recipe.toolchain)?;
            }
            let text = serde_json::to_string(&reference)?;
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            references.push(path);
        }
        close(&work)?;
        let assign = |number: usize, seat: u32| Assignment {
            root: tree.course.root.clone(),
            submission: order.submissions[number].clone().into(),
            references: references.clone(),
            points: points.clone(),
            sandbox,
            seat,
            folder: ward::folder(&work, seat),
        };
        let jobs = sandbox.at_once(order.jobs);
        judge_all(order, jobs, &names, &sums, &progress, &assign, &mut grades)?;
    }
    progress.end();
    Ok(grades.into_values().collect())
}

/// Our own solution must pass the tests of an instructor's folder: a mistake in them would cost all students points. That
/// is tried once, until something changes.
fn try_our_own(
    course: &Course,
    public: &PointsTable,
    staff: &Staff,
    order: &Order,
    sums: &Sums,
    work: &Path,
) -> Result<()> {
    let (sum, tried) = (sums.how().to_string(), work.join("tried"));
    if fs::read_to_string(&tried).is_ok_and(|old| old == sum) {
        return Ok(());
    }
    eprintln!("cargo lab: trying the tests of {} with our own solution", staff.folder().display());
    own::passes(course, public, staff, order)?;
    fs::write(&tried, sum).with_context(|| format!("cannot write {}", tried.display()))
}

/// Judges all submissions that have no grade yet, several at a time.
fn judge_all(
    order: &Order,
    jobs: usize,
    names: &[String],
    sums: &Sums,
    progress: &Progress,
    assign: &(dyn Fn(usize, u32) -> Assignment + Sync),
    grades: &mut BTreeMap<usize, Grade>,
) -> Result<()> {
    let waiting: Vec<usize> =
        (0..order.submissions.len()).filter(|number| !grades.contains_key(number)).collect();
    // If there are fewer seats than jobs, or another grader has some of them, fewer run at a time.
    let mut seats = vec![Seat::take()?];
    seats.extend((1..jobs).map_while(|_| Seat::take().ok()));
    let next = AtomicUsize::new(0);
    let (done, failed) = (Mutex::new(grades), Mutex::new(None));
    thread::scope(|scope| {
        for seat in &seats {
            let (next, done, failed, waiting) = (&next, &done, &failed, &waiting);
            scope.spawn(move || {
                while let Some(&number) = waiting.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let assignment = assign(number, seat.number());
                    // Taken before the submission is read, so that `--resume` judges it again if it changes meanwhile.
                    let sum = sums.of(&order.submissions[number]);
                    let mut grade = ward::judge_apart(&assignment);
                    grade.name.clone_from(&names[number]);
                    // Without a file system of its own, it leaves files behind.
                    ward::remove(&assignment.folder);
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    done.insert(number, grade);
                    let written = order.reports.as_ref().map_or(Ok(()), |folder| {
                        let all: Vec<&Grade> = done.values().collect();
                        report::write(folder, &done[&number], sum, &all)
                    });
                    match written {
                        Ok(()) => progress.done(&done[&number]),
                        Err(error) => {
                            // A grade that cannot be written would be lost, so it does not count, and no further
                            // submission is judged.
                            done.remove(&number);
                            next.store(waiting.len(), Ordering::Relaxed);
                            failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                        }
                    }
                }
            });
        }
    });
    let (done, all) = (done.into_inner().unwrap_or_else(PoisonError::into_inner).len(), names.len());
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    let stopped =
        format!("grading has stopped: {done} of {all} are graded, and --resume continues with the others");
    failed.map_or(Ok(()), |error| Err(error.context(stopped)))
}

/// The grades of an earlier run that still hold.
fn graded(order: &Order, names: &[String], sums: &Sums) -> Result<BTreeMap<usize, Grade>> {
    let folder = order.reports.as_ref();
    ensure!(folder.is_some(), "--resume needs --reports, where the grades of an earlier run are");
    let read = |(number, name): (usize, &String)| {
        let text = fs::read_to_string(folder?.join(name).join(report::GRADE)).ok()?;
        let kept: report::Kept = serde_json::from_str(&text).ok()?;
        (kept.sum == sums.of(&order.submissions[number])).then(|| (number, kept.grade.into_owned()))
    };
    Ok(names.iter().enumerate().filter_map(read).collect())
}

/// A wrong path is a mistake in the command line, and not a submission without points. And a process that opens a named
/// pipe waits until another one writes into it.
fn can_be_read(submission: &Path) -> Result<()> {
    let path = submission.display();
    let meta = fs::metadata(submission).with_context(|| format!("cannot read the submission {path}"))?;
    ensure!(meta.is_file() || meta.is_dir(), "the submission {path} is neither a file nor a folder");
    Ok(())
}

/// The sheets are written anew in each run, so they lose the rows of submissions that only an earlier run had. To keep
/// these rows would be wrong, too: they may be of another lab, or of a submission that has been renamed since.
fn keep_rows(reports: &Path, names: &[String], resume: bool) -> Result<()> {
    let has_grade = |entry: &fs::DirEntry| entry.path().join(report::GRADE).exists();
    let graded = fs::read_dir(reports)?.flatten().filter(has_grade);
    let mut others: Vec<String> =
        graded.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    others.retain(|name| !names.contains(name));
    others.sort();
    let Some(first) = others.first() else { return Ok(()) };
    let more = if others.len() > 1 { format!(" and {} more", others.len() - 1) } else { String::new() };
    let reports = reports.display();
    ensure!(
        resume,
        "{reports} has the reports of an earlier run, and grades.csv would lose {first}{more}: name all submissions, \
         with --resume so that only new ones are judged, or choose another folder for the reports"
    );
    eprintln!(
        "cargo lab: {reports} also has the reports of {first}{more}; grades.csv leaves out what is not in this run"
    );
    Ok(())
}

/// Students control the contents of a submission, so nothing in one may be taken for a report of ours.
fn keep_apart(reports: &Path, submissions: &[PathBuf]) -> Result<()> {
    report::make_folder(reports).with_context(|| format!("cannot make {}", reports.display()))?;
    let reports = reports.canonicalize()?;
    for submission in submissions {
        let path = submission.canonicalize().unwrap_or_else(|_| submission.clone());
        ensure!(
            !path.starts_with(&reports) && !reports.starts_with(&path),
            "the reports go to {}, and {} is a submission: reports and submissions need folders of their own",
            reports.display(),
            submission.display()
        );
    }
    Ok(())
}

/// The end-to-end tests have hundreds of clients.
fn enough_descriptors() -> Result<()> {
    const ENOUGH: u64 = 1024;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    ensure!(
        hard >= ENOUGH,
        "a test of a server opens up to {ENOUGH} files, and only {hard} are allowed here (ulimit -n)"
    );
    setrlimit(Resource::RLIMIT_NOFILE, soft.max(ENOUGH), hard)?;
    Ok(())
}

fn is_stage(task: &Task) -> bool {
    task.kinds().any(|kind| kind == Kind::Stage)
}

/// Closes everything that no submission needs to all users but ours. Namespaces hide it too; this is for machines
/// without them.
fn close(work: &Path) -> Result<()> {
    open_to_all(&work.join("target"), 0o700)?;
    open_to_all(&work.join("tree/solutions"), 0o700)?;
    open_to_all(&work.join("tree/tests/submissions"), 0o700)?;
    for of_staff in ["tree/tests/suites/staff", "tree/tests/models/staff"].map(|path| work.join(path)) {
        if of_staff.exists() {
            open_to_all(&of_staff, 0o700)?;
        }
    }
    for part in fs::read_dir(work.join("reference"))?.flatten() {
        // The programs of our own solution; the end-to-end tests are beside its server.
        for folder in [part.path(), part.path().join("stage")] {
            for file in fs::read_dir(folder).into_iter().flatten().flatten() {
                let is_e2e = file.file_name() == "e2e-test";
                if file.file_type()?.is_file() && !is_e2e {
                    open_to_all(&file.path(), 0o700)?;
                }
            }
        }
    }
    Ok(())
}

/// Without namespaces, a submission's user must be able to reach the compiler's folder.
fn others_can_run(toolchain: &Path) -> Result<()> {
    ensure!(
        !nix::unistd::getuid().is_root() || is_open(toolchain),
        "with --weak, the compiler must be where all users can run it, and {} is not: install it with \
         RUSTUP_HOME=/opt/rustup",
        toolchain.display()
    );
    Ok(())
}

/// Whether every user may enter all folders of a path.
fn is_open(path: &Path) -> bool {
    let open = |path: &Path| fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o1 == 0o1);
    path.canonicalize().is_ok_and(|path| path.ancestors().all(open))
}

/// A folder for the work that the users of a weak sandbox can reach.
///
/// # Errors
/// If it cannot be made.
pub fn work_folder(root: &Path) -> Result<PathBuf> {
    let usual = tree::memory(root)?.join("grade");
    fs::create_dir_all(&usual)?;
    if !nix::unistd::getuid().is_root() || is_open(&usual) {
        return Ok(usual);
    }
    let elsewhere = PathBuf::from("/var/tmp/thundering-herd-grade");
    fs::create_dir_all(&elsewhere)?;
    // Any user may make a folder there, and we run programs from this one.
    let meta = fs::symlink_metadata(&elsewhere)?;
    ensure!(
        meta.is_dir() && meta.uid() == 0 && meta.mode() & 0o022 == 0,
        "{} belongs to another user: remove it",
        elsewhere.display()
    );
    Ok(elsewhere)
}
