//! What was handed in: folders, archives and files, as they come from learning platforms and operating systems.
//!
//! ```text
//!   entries    every Rust file in it, also in an archive in an archive        `archive`
//!   place      which exercise each belongs to, by its path or by its name     `place`
//!   choose     one of several copies
//!   adopt      modules beside a file that was taken, wherever that was
//!   refuse     the labs in which a file with holes could not be read
//! ```

use super::archive::{Entry, MOST_UNPACKED, Unread, entries, is_packed};
use super::handin::{self, is_used, with_holes};
use super::place::{Place, candidates, folder_of_modules, is_mod, may_be_module, place};
use crate::cut;
use anyhow::{Result, bail};
use lab::course::Course;
use lab::tree::Files;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The most files that a part can have, with the student's own modules.
const MOST_FILES: usize = 1_000;
/// How many names a message lists.
const LISTED: usize = 12;

/// A submission: a name, and the sources of each part that it has.
#[derive(Debug)]
pub struct Submission {
    /// The file's or folder's name, without an archive's ending.
    pub name: String,
    /// By part: the files beneath the exercise's folder.
    pub parts: BTreeMap<String, Files>,
    /// For the student: decisions that were not obvious.
    pub notes: Vec<String>,
    /// By part: why it cannot be graded. The student's work is in a file that could not be read.
    pub refused: BTreeMap<String, String>,
    /// Files that belong to no exercise, but may be meant as a file with holes, or be an archive with one in it.
    pub unused: Vec<String>,
}

/// The copies of each file of an exercise.
type Copies = BTreeMap<(String, PathBuf), Vec<(Place, Entry)>>;

/// The folders in which modules of the files that were taken may be, and where these are in which part.
type Taken = BTreeMap<PathBuf, (String, PathBuf)>;

/// Exercises as they were handed out. Each is cut once, because that takes longer than reading a thousand files.
struct Shipped<'c> {
    course: &'c Course,
    of: BTreeMap<String, Files>,
}

impl Shipped<'_> {
    fn of(&mut self, part: &str) -> Result<&Files> {
        if !self.of.contains_key(part) {
            self.of.insert(part.to_owned(), cut::exercise(&self.course.root, self.course.lab(part)?)?);
        }
        Ok(&self.of[part])
    }
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

    /// The same, but fails if more than `most_unpacked` bytes come out of its archives.
    ///
    /// # Errors
    /// As [`Submission::read`].
    pub fn read_within(course: &Course, path: &Path, most_unpacked: u64) -> Result<Submission> {
        let mut found = entries(course, path, most_unpacked)?;
        let mut submission = Submission {
            name: handin::name(path),
            parts: BTreeMap::new(),
            notes: Vec::new(),
            refused: BTreeMap::new(),
            unused: Vec::new(),
        };
        submission.notes.append(&mut found.notes);
        let (mut copies, mut modules) = (Copies::new(), Vec::new());
        for entry in std::mem::take(&mut found.entries) {
            match place(course, &entry) {
                Some(place) => {
                    copies.entry((place.part.clone(), place.file.clone())).or_default().push((place, entry));
                }
                None if may_be_module(&found.holes, &entry.path) => modules.push(entry),
                None => found.no_place(&entry.path),
            }
        }
        let mut shipped = Shipped { course, of: BTreeMap::new() };
        let irrelevant = submission.judge_unread(&mut shipped, &copies, &found.unread)?;
        let mut taken = Taken::new();
        for ((part, file), copies) in copies {
            let from = submission.choose(&mut shipped, &part, &file, copies)?;
            if file.starts_with("src") {
                taken.insert(folder_of_modules(&from, &file), (part, file.with_extension("")));
            }
        }
        for module in modules {
            if !submission.adopt(&taken, &module) {
                found.no_place(&module.path);
            }
        }
        for Unread { path, why } in &found.unread {
            if let Some((part, _)) = belongs_to(&taken, path) {
                let why = format!("{} cannot be used: {why}", path.display());
                submission.refused.entry(part).or_insert(why);
            }
        }
        submission.unused = found.unused;
        for (part, files) in &submission.parts {
            let (with_holes, shipped) = (with_holes(course.lab(part)?), shipped.of(part)?);
            let used = files.keys().filter(|file| is_used(file, &with_holes, shipped)).count();
            if used > MOST_FILES {
                let why = format!("{used} of its files belong to exercises/{part}, and {MOST_FILES} may");
                submission.refused.insert(part.clone(), why);
            }
        }
        if submission.parts.is_empty() {
            if let Some(why) = submission.refused.into_values().next() {
                bail!(why);
            }
            bail!(nothing_found(course, &found.rust, &found.others, &irrelevant));
        }
        if !irrelevant.is_empty() {
            submission.notes.push(format!("Not looked at: {}.", list(&irrelevant, "; ")));
        }
        Ok(submission)
    }

    /// Refuses the labs whose work may be in a file that could not be read. What nobody will miss is handed back.
    fn judge_unread(
        &mut self,
        shipped: &mut Shipped<'_>,
        copies: &Copies,
        unread: &[Unread],
    ) -> Result<Vec<String>> {
        let course = shipped.course;
        let mut irrelevant = Vec::new();
        // Once for each place: there may be thousands of copies, and thousands that cannot be read.
        let mut best = BTreeMap::new();
        for ((part, file), copies) in copies {
            let shipped = shipped.of(part)?.get(file);
            let written = copies.iter().filter(|(_, entry)| shipped != Some(&entry.text));
            best.insert((part.clone(), file.clone()), written.map(|(copy, _)| (copy.rank, copy.depth)).min());
        }
        for Unread { path, why } in unread {
            let mut missed = BTreeMap::new();
            let mut is_replaced = false;
            for place in candidates(course, path) {
                let lab = course.lab(&place.part)?;
                let shipped = shipped.of(&place.part)?;
                let other = best.get(&(place.part.clone(), place.file.clone())).copied().flatten();
                is_replaced |= other.is_some_and(|other| other < (place.rank, place.depth));
                if is_used(&place.file, &with_holes(lab), shipped) {
                    missed.insert(place.part, format!("{} cannot be used: {why}", path.display()));
                }
            }
            if is_replaced || missed.is_empty() {
                irrelevant.push(format!("{} ({why})", path.display()));
            } else {
                missed.append(&mut self.refused);
                self.refused = missed;
            }
        }
        Ok(irrelevant)
    }

    /// Takes a module that is beside a file that was taken. `false` if it is beside none.
    fn adopt(&mut self, taken: &Taken, module: &Entry) -> bool {
        let Some((part, file)) = belongs_to(taken, &module.path) else { return false };
        self.parts.entry(part).or_default().insert(file, module.text.clone());
        true
    }

    /// Takes one of several copies of a file, and says where that is.
    fn choose(
        &mut self,
        shipped: &mut Shipped<'_>,
        part: &str,
        file: &Path,
        mut copies: Vec<(Place, Entry)>,
    ) -> Result<PathBuf> {
        let name = format!("exercises/{part}/{}", file.display());
        if copies.iter().any(|(_, copy)| copy.text != copies[0].1.text) {
            let with_holes = with_holes(shipped.course.lab(part)?);
            let shipped = shipped.of(part)?;
            let is_shipped = |entry: &Entry| shipped.get(file) == Some(&entry.text);
            // Nobody means what was handed out. Of two with one name in an archive, the later one was added to it.
            copies.reverse();
            copies.sort_by_key(|(place, entry)| {
                (is_shipped(entry), !place.same_case, place.rank, place.depth, entry.path.clone())
            });
            let (place, best) = &copies[0];
            // Only the alphabet would choose between two that are equally near to the top.
            let is_as_likely = |other: &Place| {
                !place.same_case
                    || (true, place.rank, place.depth) == (other.same_case, other.rank, other.depth)
            };
            let rival = copies.iter().find(|(place, copy)| {
                copy.text != best.text && copy.path != best.path && !is_shipped(copy) && is_as_likely(place)
            });
            let is_used = is_used(file, &with_holes, shipped);
            if let Some((_, rival)) = rival.filter(|_| is_used) {
                let (one, other) = (best.path.display(), rival.path.display());
                let named = if place.same_case { "" } else { ", with that name" };
                let why = format!("{one} and {other} may both be meant as {name}: hand in one{named}");
                self.refused.insert(part.to_owned(), why);
            }
        }
        let (place, best) = copies.remove(0);
        if !place.same_case {
            let path = best.path.display();
            self.notes.push(format!("{path} was taken as {name}, although upper and lower case differ."));
        }
        if is_mod(&best.path) && !is_mod(file) {
            self.notes.push(format!("{} was taken as {name}.", best.path.display()));
        }
        for (_, copy) in copies.iter().filter(|(_, copy)| copy.text != best.text) {
            let (taken, other) = (best.path.display(), copy.path.display());
            self.notes.push(if copy.path == best.path {
                format!("{taken} is there twice; the later one was taken.")
            } else {
                format!("There are two of {name}: {taken} was taken, and {other} was not.")
            });
        }
        self.parts.entry(part.to_owned()).or_default().insert(file.to_owned(), best.text);
        Ok(best.path)
    }
}

/// Which file of which part a module is, if it is beside one that was taken.
fn belongs_to(taken: &Taken, path: &Path) -> Option<(String, PathBuf)> {
    let folder = path.ancestors().skip(1).find(|folder| taken.contains_key(*folder))?;
    let (part, module) = &taken[folder];
    Some((part.clone(), module.join(path.strip_prefix(folder).ok()?)))
}

/// Some of these names.
pub(super) fn list(names: &[String], between: &str) -> String {
    let more = names.len().saturating_sub(LISTED);
    let shown = names[..names.len() - more].join(between);
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

/// What was found and what was looked for.
fn nothing_found(course: &Course, rust: &[String], others: &[String], unread: &[String]) -> String {
    let wanted = course.labs.iter().flat_map(with_holes);
    let wanted: Vec<String> =
        wanted.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect();
    let example = wanted.first().map_or("", String::as_str);
    let mut found = match (rust, others) {
        ([], []) if unread.is_empty() => "it is empty".to_owned(),
        ([], []) => "nothing in it can be read".to_owned(),
        ([], others) => format!("there is no Rust file in it, but {}", list(others, ", ")),
        (rust, _) => format!("its Rust files are {}", list(rust, ", ")),
    };
    if !unread.is_empty() {
        found.push_str(&format!("; not looked at: {}", list(unread, "; ")));
    }
    if others.iter().any(|name| is_packed(name)) {
        found.push_str("; archives must be .zip, .tar, .tar.gz or .tar.xz");
    }
    format!(
        "it has no exercise: {found}. Looked for: exercises/<part>/src/, hunts/ and prove/, at any depth, or files \
         with the names that they have there, such as {example}"
    )
}
