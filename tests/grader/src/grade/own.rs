//! Our own solution, handed in like a student's.

use super::{Order, judged};
use crate::points::PointsTable;
use crate::staff::Staff;
use crate::wrong;
use anyhow::{Context, Result, bail};
use lab::course::{Course, Lab};
use lab::tree::Files;
use std::fs;
use std::path::Path;

/// Tries our own solution, once for all labs that are graded, with the tasks of a folder.
///
/// # Errors
/// If it does not pass, or cannot be judged here.
pub(super) fn passes(course: &Course, points: &PointsTable, staff: &Staff, grading: &Order) -> Result<()> {
    let place = tempfile::tempdir().context("no temporary folder")?;
    let submission = place.path().join("our own solution");
    let mut tasks = Vec::new();
    for lab in &course.labs {
        let number = lab.number.to_string();
        let wanted =
            |id: &str| grading.only.iter().any(|name| *name == lab.part || *name == number || *name == id);
        let of_lab = staff.ids().filter(|id| id.split_once('.').is_some_and(|(of, _)| of == number));
        let before = tasks.len();
        tasks.extend(of_lab.filter(|id| grading.only.is_empty() || wanted(id)).map(str::to_owned));
        if tasks.len() > before {
            write_part(&submission, lab, &wrong::solution(course, lab)?)?;
        }
    }
    if tasks.is_empty() {
        return Ok(());
    }
    let order = Order {
        submissions: vec![submission],
        only: tasks,
        jobs: 1,
        staff: Some(staff.folder().to_owned()),
        on_trial: true,
        weak: grading.weak,
        ..Order::default()
    };
    let folder = staff.folder().display();
    for grade in judged(course, points, &order)? {
        if let Some(problem) = grade.problem {
            bail!("our own solution cannot be judged with the tests of {folder}: {problem}");
        }
        if let Some(mark) = grade.marks.iter().find(|mark| mark.earned < mark.points) {
            bail!(
                "our own solution does not pass task {} of {folder}, so nothing was graded: `cargo lab staff {folder}` \
                 says why",
                mark.id
            );
        }
    }
    Ok(())
}

/// Writes a part into a submission's folder.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn write_part(submission: &Path, lab: &Lab, files: &Files) -> Result<()> {
    for (name, text) in files {
        let path = submission.join("exercises").join(&lab.part).join(name);
        fs::create_dir_all(path.parent().expect("a file is in a folder"))?;
        fs::write(path, text)?;
    }
    Ok(())
}
