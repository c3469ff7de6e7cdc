//! What happens to one submission, in a process of its own: unpacked, built, run, marked.

mod building;

use super::handin::{self, Chosen};
use super::recipe::{COURSE, OUT};
use super::reference::Reference;
use super::sandbox::{Cell, FOR_TESTS, Limits, Sandbox, Shown, made};
use super::share::Share;
use super::{Grade, Mark, Submission, is_stage};
use crate::points::{Points, PointsTable};
use anyhow::{Context, Result};
use building::{Built, beginning};
use lab::course::{Course, Kind, Lab, Task};
use lab::explain::{compilers_words, explanation};
use lab::judge::{Judged, Manner, Runnable, SERVER, State, judge};
use lab::tree;
use lab::trial::{Outcome, promise};
use lab::unseen::unseen;
use lab::view::View;
use nix::unistd::Uid;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How long one lab of a submission may take, all its steps together. An honest one takes a tenth of it.
const BUDGET: Duration = Duration::from_secs(600);
/// How many end-to-end tests of a submission run at once. They mostly wait.
const SERVERS: usize = 3;
/// How much printed text goes into a report, in bytes.
const LONGEST_TEXT: usize = 16 << 10;

/// How many notes a report has, and how long each may be, in bytes: names of files come from the submission.
const MOST_NOTES: usize = 20;
const LONGEST_NOTE: usize = 2000;

/// The input of the process that judges a submission.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Assignment {
    pub(super) root: PathBuf,
    /// A path, as an `OsString`, because JSON cannot hold a `PathBuf` that is not UTF-8.
    pub(super) submission: OsString,
    pub(super) references: Vec<PathBuf>,
    pub(super) points: PointsTable,
    pub(super) sandbox: Sandbox,
    pub(super) seat: u32,
    /// A folder that no other process uses meanwhile.
    pub(super) folder: PathBuf,
}

impl Assignment {
    /// A text without the folders of the instructor's machine.
    pub(super) fn without_places(&self, text: &str) -> String {
        without(text, &[&self.root, self.root.parent().unwrap_or(&self.root)])
    }
}

/// A text without these folders, in this order.
fn without(text: &str, folders: &[&Path]) -> String {
    folders.iter().fold(text.to_owned(), |text, path| text.replace(&format!("{}/", path.display()), ""))
}

/// Judges a submission.
///
/// # Errors
/// If the grader or its machine fails. A bad submission is no error.
pub(super) fn judge_submission(assignment: &Assignment) -> Result<Grade> {
    let start = Instant::now();
    let path = Path::new(&assignment.submission);
    let name = handin::name(path);
    let took = Duration::ZERO;
    let mut grade = Grade { name, marks: Vec::new(), problem: None, lost: false, notes: Vec::new(), took };
    let course = Course::load(&assignment.root)?;
    match Submission::read(&course, path) {
        Ok(submission) => {
            grade.notes.extend(submission.notes.iter().cloned());
            let references =
                assignment.references.iter().map(|path| read(path)).collect::<Result<Vec<_>>>()?;
            let is_graded = |part: &String| references.iter().any(|reference| reference.part == *part);
            for (part, why) in &submission.refused {
                if is_graded(part) {
                    grade.problem.get_or_insert_with(|| why.clone());
                } else {
                    grade.notes.push(format!("{why}."));
                }
            }
            if grade.problem.is_none() {
                judge_labs(assignment, &course, &submission, references, &mut grade)?;
            }
        }
        Err(error) => grade.problem = Some(format!("{error:#}")),
    }
    // A file system's names and an archive's are as long and as many as a student likes.
    grade.problem = grade.problem.map(|why| beginning_of(why, LONGEST_TEXT));
    let more = grade.notes.len().saturating_sub(MOST_NOTES);
    grade.notes.truncate(MOST_NOTES);
    grade.notes = grade.notes.into_iter().map(|note| beginning_of(note, LONGEST_NOTE)).collect();
    if more > 0 {
        grade.notes.push(format!("{more} more notes were left out."));
    }
    grade.took = start.elapsed();
    Ok(grade)
}

fn read(reference: &Path) -> Result<Reference> {
    let text =
        fs::read_to_string(reference).with_context(|| format!("cannot read {}", reference.display()))?;
    serde_json::from_str(&text).context("a reference is unreadable")
}

fn judge_labs(
    assignment: &Assignment,
    course: &Course,
    submission: &Submission,
    references: Vec<Reference>,
    grade: &mut Grade,
) -> Result<()> {
    let mut of_labs = false;
    for reference in references {
        let lab = course.lab(&reference.part)?;
        of_labs |= submission.parts.contains_key(&lab.part);
        let judging = Judging::new(assignment, submission, reference, lab);
        let marked = judging.marks(grade);
        // What the last test left running would go on after the grader.
        judging.cell(Vec::new(), FOR_TESTS).sweep();
        marked.with_context(|| format!("lab {}", lab.number))?;
    }
    if !of_labs {
        let found: Vec<&str> = submission.parts.keys().map(String::as_str).collect();
        let found = found.join(", ");
        grade.problem = Some(format!("it has nothing of the labs that were graded, only of: {found}"));
    }
    Ok(())
}

struct Judging<'a> {
    assignment: &'a Assignment,
    submission: &'a Submission,
    reference: Reference,
    lab: &'a Lab,
    /// The sources, ours and the student's.
    course: PathBuf,
    /// What is built.
    out: PathBuf,
    door: PathBuf,
    /// The folder that tests run in.
    empty: PathBuf,
    until: Instant,
    /// How long the compiler has run so far.
    building: Mutex<Duration>,
}

impl<'a> Judging<'a> {
    fn new(
        assignment: &'a Assignment,
        submission: &'a Submission,
        reference: Reference,
        lab: &'a Lab,
    ) -> Judging<'a> {
        let folder = assignment.folder.join(&lab.part);
        let [course, out, door, empty] = ["course", "out", "door", "empty"].map(|name| folder.join(name));
        let (until, building) = (Instant::now() + BUDGET, Mutex::new(Duration::ZERO));
        Judging { assignment, submission, reference, lab, course, out, door, empty, until, building }
    }

    fn marks(&self, grade: &mut Grade) -> Result<()> {
        let tasks: Vec<&Task> =
            self.lab.tasks.iter().filter(|task| self.reference.tasks.contains(&task.id)).collect();
        let chosen = Chosen::of(self.submission, self.lab, &self.reference.shipped);
        grade.notes.extend(chosen.notes.iter().cloned());
        grade.notes.extend(handin::missing(self.submission, self.lab, &tasks, &self.reference.shipped));
        if !chosen.touched {
            let handed_in = self.submission.parts.contains_key(&self.lab.part);
            let text =
                if handed_in { "The exercise is as it was handed out." } else { "It was not handed in." };
            grade.marks.extend(tasks.into_iter().map(|task| self.mark(task, 0, text.to_owned())));
            return Ok(());
        }
        self.lay_out(&chosen.locked())?;
        let built = self.build()?;
        self.give_what_is_built(Uid::from_raw(0))?;
        let runnable = self.runnable(&built).without(unseen(self.lab, &chosen.files));
        let mut hung: Vec<&str> = Vec::new();
        for task in tasks {
            // Each test that hangs costs its whole limit, and a task that needs one that hangs would probably hang too.
            let needs_hung = self.lab.needed_by(task).into_iter().find(|id| hung.contains(id));
            if let Some(id) = needs_hung.filter(|_| !is_stage(task)) {
                let text = format!("Not run, because it needs task {id}, and that one hangs.");
                grade.marks.push(self.mark(task, 0, text));
                continue;
            }
            let start = Instant::now();
            let judged = self.judge(task, &runnable)?;
            if judged.outcomes.iter().any(Outcome::hangs) {
                hung.push(&task.id);
            }
            let text = match judged.state {
                State::Done => String::new(),
                State::DoesNotCompile => {
                    let errors = runnable.errors.as_deref().unwrap_or_default();
                    format!(
                        "It does not compile.\n{}",
                        compilers_words(&beginning(errors), Path::new(COURSE))
                    )
                }
                _ if Instant::now() > self.until => {
                    format!("The {} minutes for this lab are used up.", BUDGET.as_secs() / 60)
                }
                State::NotStarted | State::Failing => {
                    explanation(self.lab, &judged, View::default()) + &also_broken(&judged)
                }
            };
            let share = Share::of(&judged, &self.assignment.points);
            let mark = self.mark(task, share.earned(), text + &share.sentence());
            grade.marks.push(Mark { took: start.elapsed(), ..mark });
        }
        if runnable.errors.is_none() && tree::unwritten(self.lab, &chosen.files).is_empty() {
            self.tidiness(&chosen.files, grade)?;
        }
        Ok(())
    }

    fn mark(&self, task: &Task, earned: u32, text: String) -> Mark {
        let Points { points, visible, .. } = self.assignment.points.task[&task.id];
        let text = self.presentable(&text);
        Mark {
            id: task.id.clone(),
            name: task.name.clone(),
            earned,
            points,
            visible,
            text,
            took: Duration::ZERO,
        }
    }

    /// A text for a student: without terminal escapes, without paths and ports of this machine, and not too long.
    fn presentable(&self, text: &str) -> String {
        let text = self.assignment.without_places(text);
        let text = without(&text, &[&self.reference.recipe.toolchain, Path::new(COURSE)]);
        beginning_of(handin::without_ports(&handin::without_escapes(&text)), LONGEST_TEXT)
    }

    fn cell(&self, shown: Vec<Shown>, limits: Limits) -> Cell {
        Cell {
            sandbox: self.assignment.sandbox,
            door: self.door.clone(),
            shown,
            kept: None,
            limits,
            seat: self.assignment.seat,
            closed: false,
        }
    }

    fn runnable(&self, built: &Built) -> Runnable {
        let tests = self
            .reference
            .tests
            .iter()
            .filter_map(|(kind, test)| Some((Kind::named(kind).ok()?, test.clone())));
        let exercise = Shown::named(self.lab.exercise(&self.course), self.lab.exercise(Path::new(COURSE)));
        let cell = self.cell(Vec::new(), FOR_TESTS);
        let mut programs: Vec<(Kind, PathBuf, PathBuf)> = built
            .programs
            .iter()
            .map(|(kind, program)| (*kind, cell.path(&self.inside(program)), cell.path(&exercise)))
            .collect();
        if let (Some(stage), Some(_)) = (&self.reference.stage, &built.server) {
            programs.push((Kind::Stage, stage.program.clone(), stage.folder.clone()));
        }
        let runnable = Runnable::of_programs(tests.collect(), programs, built.errors.clone());
        match &built.server {
            Some(server) => runnable.with_variable(SERVER, &cell.path(&self.inside(server))),
            None => runnable,
        }
    }

    /// A program that was built, and its path in a cell.
    fn inside(&self, program: &Path) -> Shown {
        Shown::named(program, Path::new(OUT).join(program.file_name().unwrap_or_default()))
    }

    /// Runs the trials of a task, each in a cell.
    fn judge<'t>(&self, task: &'t Task, runnable: &Runnable) -> Result<Judged<'t>> {
        let wrap = |command: Command| {
            let cell = self.cell_of(&command);
            cell.command(&command).expect("cells were tried before, and found this program")
        };
        self.cell(Vec::new(), FOR_TESTS).sweep();
        let side_by_side = if is_stage(task) { SERVERS } else { 1 };
        let manner = Manner { all: true, side_by_side, until: Some(self.until), wrap: &wrap };
        let judged = judge(task, runnable, &manner)?;
        judged.outcomes.iter().filter(|outcome| !outcome.passed).try_for_each(|it| made(&it.output))?;
        Ok(judged)
    }

    /// The cell in which a test program runs: it shows the program and its libraries, and for end-to-end tests the
    /// server.
    fn cell_of(&self, test: &Command) -> Cell {
        let folder = Shown::named(self.empty.clone(), self.lab.exercise(Path::new(COURSE)));
        match self.reference.stage.as_ref().filter(|stage| test.get_program() == stage.program) {
            Some(stage) => {
                let mut cell = self.cell(stage.shown.clone(), FOR_TESTS);
                let server = test.get_envs().find(|(name, _)| *name == SERVER).and_then(|(_, path)| path);
                let server = Path::new(server.unwrap_or_default()).file_name().unwrap_or_default();
                cell.shown.push(self.inside(&self.out.join(server)));
                cell
            }
            None => {
                let mut cell = self.cell(self.reference.libraries.clone(), FOR_TESTS);
                let name = Path::new(test.get_program()).file_name().unwrap_or_default();
                cell.shown.extend([self.inside(&self.out.join(name)), folder]);
                cell.closed = true;
                cell
            }
        }
    }
}

/// A text without what is longer than `most` bytes.
fn beginning_of(mut text: String, most: usize) -> String {
    text.truncate(text.floor_char_boundary(most));
    text
}

/// The promises that break besides the one that is explained, for end-to-end tasks, where each counts.
fn also_broken(judged: &Judged<'_>) -> String {
    let failed = judged.outcomes.iter().filter(|outcome| !outcome.passed).skip(1);
    let lines: String = failed.map(|outcome| format!("\n  {}", promise(&outcome.test))).collect();
    if lines.is_empty() || !is_stage(judged.task) {
        String::new()
    } else {
        format!("\nThese break too:\n{lines}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_submission_cannot_fill_its_report_with_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let long = format!("{}/", "x".repeat(200)).repeat(8);
        for copy in 0..100 {
            let below = folder.path().join(format!("{copy}/{long}queue/src"));
            fs::create_dir_all(&below).expect("a folder");
            fs::write(below.join("ring.rs"), format!("// {copy}")).expect("a file");
        }
        let root = tree::root().expect("a checkout");
        let points = crate::points::points(&Course::load(&root).expect("labs")).expect("points");
        let assignment = Assignment {
            root,
            submission: folder.path().into(),
            references: Vec::new(),
            points,
            sandbox: Sandbox::Weak,
            seat: 0,
            folder: PathBuf::new(),
        };
        let grade = judge_submission(&assignment).expect("a grade");
        assert_eq!(grade.notes.len(), MOST_NOTES + 1, "{:#?}", grade.notes);
        assert_eq!(grade.notes.last().map(String::as_str), Some("80 more notes were left out."));
        assert_eq!(grade.notes.iter().map(String::len).max(), Some(LONGEST_NOTE));
    }
}
