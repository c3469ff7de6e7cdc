//! Wrong submissions: mistakes that students make, each as a small edit of the solution.
//!
//! `tests/submissions/<part>.toml` lists them, with the task that must fail and the sentence that the student must be
//! shown. The tests of this crate make each of them; the bug museum of the book shows some.

use crate::cut::replace_once;
use crate::staff::parse_toml;
use anyhow::{Context, Result};
use lab::course::{Course, Lab, beneath};
use lab::tree::{self, Files};
use serde::Deserialize;
use std::fs;
use std::path::Path;

/// A mistake.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wrong {
    /// What it is called.
    pub name: String,
    /// What the student thought.
    pub mistake: String,
    /// The sentences of the part's contract that it breaks, each quoted with enough words to be unique: `never for a
    /// slot`, or `BoundedQueue::len: How many items`. A model of "Prove it" breaks none.
    #[serde(default)]
    pub breaks: Vec<String>,
    /// The task that must fail.
    pub task: String,
    /// The task that contains the fault, if another task's tests find it. The student must see its heading and hint.
    pub fault: Option<String>,
    /// The test that refuses it, as the labs' files name tests: `model semaphore::a_release_wakes_a_sleeper`.
    #[serde(default)]
    pub test: String,
    /// What the student must be shown.
    pub says: String,
    /// How it differs from the solution.
    pub edits: Vec<Edit>,
}

/// A text that is replaced.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// The file, beneath `src`, or `prove/` and its name.
    pub file: String,
    /// What the solution says there, once.
    pub old: String,
    /// What the student says.
    pub new: String,
}

/// The wrong submissions of a lab.
///
/// # Errors
/// If their list cannot be read.
pub fn all(course: &Course, lab: &Lab) -> Result<Vec<Wrong>> {
    read(&course.root.join("tests/submissions").join(format!("{}.toml", lab.part)))
}

/// The wrong submissions that a file lists.
///
/// # Errors
/// If it cannot be read.
pub fn read(path: &Path) -> Result<Vec<Wrong>> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct List {
        wrong: Vec<Wrong>,
    }
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let list: List = parse_toml(path, &text)?;
    Ok(list.wrong)
}

/// The solution of a lab, as if it were submitted.
///
/// # Errors
/// If it cannot be read.
pub fn solution(course: &Course, lab: &Lab) -> Result<Files> {
    tree::read_rust(&course.root.join("solutions").join(&lab.part))
}

impl Wrong {
    /// The solution with this mistake in it.
    ///
    /// # Errors
    /// If the solution does not contain the text to replace exactly once.
    pub fn files(&self, course: &Course, lab: &Lab) -> Result<Files> {
        let mut files = solution(course, lab)?;
        for Edit { file, old, new } in &self.edits {
            let text = files.get_mut(&beneath(file)).with_context(|| format!("there is no {file}"))?;
            *text = replace_once(text, old, new)?;
        }
        Ok(files)
    }
}
