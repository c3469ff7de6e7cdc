//! What is the same for all submissions of a lab, found out with our own solution: which tests there are, and how to
//! build a submission.

use super::recipe::Recipe;
use super::sandbox::{Shown, libraries};
use super::{Pristine, is_stage};
use crate::cut;
use anyhow::{Context, Result};
use lab::course::{Course, Kind, Lab, Task};
use lab::tree::{self, Files};
use lab::trial;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// What the process that judges a submission needs to know about a lab.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Reference {
    pub(super) part: String,
    /// The tasks that are graded, by id.
    pub(super) tasks: Vec<String>,
    /// The exercise as it is handed out, without its manifest.
    pub(super) shipped: Files,
    /// The tests of our own solution, each with the name of its kind.
    pub(super) tests: Vec<(String, String)>,
    pub(super) recipe: Recipe,
    /// What a test program needs to run.
    pub(super) libraries: Vec<Shown>,
    /// The end-to-end tests, if a task needs them. They contain no student's code.
    pub(super) stage: Option<StageTests>,
}

/// The end-to-end tests.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StageTests {
    pub(super) program: PathBuf,
    /// Where they run.
    pub(super) folder: PathBuf,
    /// What they read.
    pub(super) shown: Vec<Shown>,
}

/// The labs that a list of labs and tasks names, each with its chosen tasks; all if the list is empty.
pub(super) fn chosen<'c>(course: &'c Course, only: &[String]) -> Result<Vec<(&'c Lab, Vec<&'c Task>)>> {
    for name in only {
        course.lab(name).map(drop).or_else(|_| course.task(name).map(drop))?;
    }
    let wanted = |lab: &Lab, task: &Task| {
        only.is_empty()
            || only
                .iter()
                .any(|name| *name == lab.part || *name == lab.number.to_string() || *name == task.id)
    };
    let of = |lab: &'c Lab| (lab, lab.tasks.iter().filter(|task| wanted(lab, task)).collect::<Vec<_>>());
    Ok(course.labs.iter().map(of).filter(|(_, tasks)| !tasks.is_empty()).collect())
}

/// Builds the solution instead of the exercise, and the end-to-end tests. No student's code runs.
pub(super) fn reference(tree: &Pristine, lab: &Lab, tasks: &[&Task], work: &Path) -> Result<Reference> {
    let root = &tree.course.root;
    let mut shipped = cut::exercise(root, lab)?;
    shipped.remove(Path::new("Cargo.toml"));
    let solution = tree::read_rust(&root.join("solutions").join(&lab.part)).with_context(|| {
        format!("grading needs our solution of lab {}, and this copy has none", lab.number)
    })?;
    let keep = work.join("reference").join(&lab.part);
    fs::create_dir_all(&keep).with_context(|| format!("cannot make {}", keep.display()))?;
    tree.submit(lab, &solution)?;
    let (runnable, recipe) = tree.build_reference(lab, &keep)?;
    let mut tests: Vec<(String, String)> =
        runnable.tests().iter().map(|(kind, test)| (kind.name().to_owned(), test.clone())).collect();
    let etc = etc(work)?;
    let mut shown: Vec<Shown> = libraries(&keep.join("suite-test"))?.into_iter().map(real).collect();
    shown.extend(etc.iter().cloned());
    let mut stage = None;
    if tasks.iter().any(|task| is_stage(task)) {
        let program = tree.build_stage_tests(lab, &keep)?;
        let found = trial::list(&program)?;
        tests.extend(found.into_iter().map(|test| (Kind::Stage.name().to_owned(), test)));
        let folder = root.join("tests/e2e");
        // They name the files that they read by where they were compiled.
        let mut shown = super::sandbox::system();
        shown.extend(etc);
        let read = [&folder, &root.join("book/src/running"), &root.join("tests/browser"), &program];
        shown.extend(read.into_iter().filter(|path| path.exists()).map(Shown::here));
        stage = Some(StageTests { program, folder, shown });
    }
    let tasks = tasks.iter().map(|task| task.id.clone()).collect();
    Ok(Reference { part: lab.part.clone(), tasks, shipped, tests, recipe, libraries: shown, stage })
}

/// A library under the name that programs use for it, with the links of its path resolved.
fn real(path: PathBuf) -> Shown {
    Shown { at: path.canonicalize().unwrap_or_else(|_| path.clone()), inside: path }
}

/// The files that name hosts and users, without this machine's own entries.
fn etc(work: &Path) -> Result<Vec<Shown>> {
    let folder = work.join("etc");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let files = [
        ("hosts", "127.0.0.1 localhost\n::1 localhost\n"),
        ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
        ("passwd", "root:x:0:0:::/usr/sbin/nologin\nnobody:x:65534:65534:::/usr/sbin/nologin\n"),
        ("group", "root:x:0:\nnogroup:x:65534:\n"),
    ];
    let put = |(name, text): (&str, &str)| -> Result<Shown> {
        fs::write(folder.join(name), text).with_context(|| format!("cannot write {name}"))?;
        Ok(Shown::named(folder.join(name), Path::new("/etc").join(name)))
    };
    files.into_iter().map(put).collect()
}
