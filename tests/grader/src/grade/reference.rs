//! Which tests there are, asked of our own solution.

use super::{Pristine, is_stage};
use crate::cut;
use anyhow::{Context, Result, ensure};
use lab::course::{Course, Lab, Task};
use lab::judge::Runnable;
use lab::tree::{self, Files};
use std::path::{Path, PathBuf};

/// What is the same for all submissions of one lab.
pub(super) struct Reference<'c> {
    pub(super) lab: &'c Lab,
    /// Those that are graded.
    pub(super) tasks: Vec<&'c Task>,
    pub(super) shipped: Files,
    /// Of our own solution: which tests there are.
    pub(super) tests: Runnable,
    /// The end-to-end tests, if a task wants them. Nothing of a student is in them.
    pub(super) stage_tests: Option<PathBuf>,
}

/// The labs, and of each the tasks, that somebody means by a list of both.
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

/// Builds the solution in the place of the exercise, and the end-to-end tests.
pub(super) fn reference<'c>(
    tree: &Pristine,
    lab: &'c Lab,
    tasks: Vec<&'c Task>,
    work: &Path,
) -> Result<Reference<'c>> {
    let root = &tree.course.root;
    let mut shipped = cut::exercise(root, lab)?;
    shipped.remove(Path::new("Cargo.toml"));
    let solution = tree::read_rust(&root.join("solutions").join(&lab.part)).with_context(|| {
        format!("grading needs our solution of lab {}, and this copy has none", lab.number)
    })?;
    let keep = work.join("reference").join(&lab.part);
    tree.submit(lab, &solution)?;
    // These builds also fetch what the later ones need: the sandbox has no network.
    let tests = tree.build_part(lab, &keep, None)?;
    ensure!(tests.errors.is_none(), "our own part does not compile:\n{}", tests.errors.unwrap_or_default());
    let mut stage_tests = None;
    if tasks.iter().any(|task| is_stage(task)) {
        let server = tree.build_server(lab, &[&lab.part], &keep, None)?;
        ensure!(
            server.errors.is_none(),
            "our own server does not compile:\n{}",
            server.errors.unwrap_or_default()
        );
        stage_tests = Some(tree.build_stage_tests(lab, &keep)?);
    }
    Ok(Reference { lab, tasks, shipped, tests, stage_tests })
}
