//! What was handed in: folders, archives and files, as they come from learning platforms and operating systems.
//!
//! ```text
//!   entries    every Rust file in it, also in an archive in an archive        `archive`
//!   place      which exercise each belongs to, by its path or by its name     `place`
//!   choose     one of several copies
//! ```

use super::archive::{Entry, MOST_UNPACKED, entries};
use super::handin::{self, with_holes};
use super::place::{Place, place};
use crate::cut;
use anyhow::{Result, bail};
use lab::course::Course;
use lab::tree::Files;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How many names a message lists.
const LISTED: usize = 12;

/// A submission: a name, and the sources of each part that it has.
#[derive(Debug)]
pub struct Submission {
    /// The file's or folder's name, without an archive's ending.
    pub name: String,
    /// By part: the files beneath the exercise's folder.
    pub parts: BTreeMap<String, Files>,
    /// For the student: what was not obvious.
    pub notes: Vec<String>,
}

impl Submission {
    /// Reads a folder, an archive, or one file.
    ///
    /// # Errors
    /// If it is none of these, is broken, is too large, or holds nothing of an exercise. Then the message says what was
    /// found and what was looked for.
    pub fn read(course: &Course, path: &Path) -> Result<Submission> {
        Submission::read_within(course, path, MOST_UNPACKED)
    }

    /// The same, if no more than so many bytes come out of its archives.
    ///
    /// # Errors
    /// As [`Submission::read`].
    pub fn read_within(course: &Course, path: &Path, most_unpacked: u64) -> Result<Submission> {
        let mut found = entries(path, most_unpacked)?;
        let mut submission =
            Submission { name: handin::name(path), parts: BTreeMap::new(), notes: Vec::new() };
        submission.notes.append(&mut found.notes);
        let mut copies: BTreeMap<(String, PathBuf), Vec<(Place, Entry)>> = BTreeMap::new();
        let mut others = Vec::new();
        for entry in found.entries {
            match place(course, &entry) {
                Some(place) => {
                    copies.entry((place.part.clone(), place.file.clone())).or_default().push((place, entry));
                }
                None => others.push(entry.path.display().to_string()),
            }
        }
        for ((part, file), mut copies) in copies {
            if copies.iter().any(|(_, copy)| copy.text != copies[0].1.text) {
                let shipped = cut::exercise(&course.root, course.lab(&part)?)?;
                // Nobody means what was handed out. Of two with one name in an archive, the later one was added to it.
                copies.reverse();
                copies.sort_by_key(|(place, entry)| {
                    (shipped.get(&file) == Some(&entry.text), place.rank, place.depth, entry.path.clone())
                });
            }
            let (_, best) = copies.remove(0);
            let differing = copies.iter().filter(|(_, copy)| copy.text != best.text);
            for (_, copy) in differing {
                if copy.path == best.path {
                    let name = best.path.display();
                    submission.notes.push(format!("{name} is there twice; the later one was taken."));
                    continue;
                }
                submission.notes.push(format!(
                    "There are two of exercises/{part}/{}: {} was taken, and {} was not.",
                    file.display(),
                    best.path.display(),
                    copy.path.display()
                ));
            }
            submission.parts.entry(part).or_default().insert(file, best.text);
        }
        if submission.parts.is_empty() {
            bail!(nothing_found(course, &others, &found.others));
        }
        Ok(submission)
    }
}

/// What was found and what was looked for.
fn nothing_found(course: &Course, rust: &[String], others: &[String]) -> String {
    let list = |names: &[String]| {
        let more = names.len().saturating_sub(LISTED);
        let shown = names[..names.len() - more].join(", ");
        if more > 0 { format!("{shown} and {more} more") } else { shown }
    };
    let wanted = course.labs.iter().flat_map(with_holes);
    let wanted: Vec<String> =
        wanted.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect();
    let found = match (rust, others) {
        ([], []) => "it is empty".to_owned(),
        ([], others) => format!("there is no Rust file in it, but {}", list(others)),
        (rust, _) => format!("its Rust files are {}", list(rust)),
    };
    format!(
        "it has no exercise: {found}. Looked for: exercises/<part>/src/, hunts/ and prove/ at any depth, \
         <part>/src/, src/ beside the exercise's Cargo.toml, or files with the names {}",
        wanted.join(", ")
    )
}
