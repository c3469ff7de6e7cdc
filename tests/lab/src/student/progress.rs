//! What the runner remembers between two calls: how far each task was, and which hints were shown.

use crate::course::{Lab, Task};
use crate::judge::State;
use crate::tree;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The memory, in `target/lab/progress`. Losing it costs one more check.
///
/// ```text
///   3.1 done 9182736455463728190        how far it was, and the fingerprint of the files that were checked
///   3.1 hints 2                         how many hints were shown
/// ```
#[derive(Debug, Default)]
pub struct Progress {
    path: PathBuf,
    states: BTreeMap<String, (State, u64)>,
    hints: BTreeMap<String, usize>,
}

/// What a state is called in the file.
const WORDS: [(State, &str); 4] = [
    (State::Done, "done"),
    (State::Failing, "failing"),
    (State::NotStarted, "not-started"),
    (State::DoesNotCompile, "does-not-compile"),
];

impl Progress {
    pub(super) fn load(root: &Path) -> Result<Progress> {
        let mut progress = Progress { path: tree::memory(root)?.join("progress"), ..Progress::default() };
        let text = fs::read_to_string(&progress.path).unwrap_or_default();
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let [task, word, number] = words[..] else { continue };
            let state = WORDS.iter().find(|(_, name)| *name == word).map(|(state, _)| *state);
            if let (Some(state), Ok(fingerprint)) = (state, number.parse()) {
                progress.states.insert(task.to_owned(), (state, fingerprint));
            } else if let ("hints", Ok(shown)) = (word, number.parse()) {
                progress.hints.insert(task.to_owned(), shown);
            }
        }
        Ok(progress)
    }

    /// How far each task of a lab is; nothing for one that may have changed since it was checked.
    pub(super) fn states<'l>(&self, root: &Path, lab: &'l Lab) -> Result<Vec<(&'l Task, Option<State>)>> {
        let files = tree::student_files(root, lab)?;
        let unwritten = tree::unwritten(lab, &files);
        let fingerprint = tree::fingerprint(&files);
        let state = |task: &Task| {
            let untouched_hunt = task.hunt.as_ref().is_some_and(|hunt| {
                files.get(&Path::new("hunts").join(&hunt.file)).is_some_and(|text| text.contains(&hunt.wrong))
            });
            let waits = task.needs.iter().any(|need| unwritten.contains(&need.as_str()));
            if unwritten.contains(&task.id.as_str()) || untouched_hunt || task.holes.is_empty() && waits {
                return Some(State::NotStarted);
            }
            let (state, checked) = self.states.get(&task.id)?;
            (*checked == fingerprint).then_some(*state)
        };
        Ok(lab.tasks.iter().map(|task| (task, state(task))).collect())
    }

    /// Keeps what a check has found. Tasks that it did not look at stay as they were.
    pub(super) fn remember<'l>(
        &mut self,
        root: &Path,
        lab: &Lab,
        states: impl Iterator<Item = (&'l Task, State)>,
    ) -> Result<()> {
        let fingerprint = tree::fingerprint(&tree::student_files(root, lab)?);
        self.states.extend(states.map(|(task, state)| (task.id.clone(), (state, fingerprint))));
        self.save()
    }

    /// How many hints to show now: one more than the last time.
    pub(super) fn next_hint(&mut self, task: &Task) -> Result<usize> {
        let shown = self.hints.entry(task.id.clone()).or_default();
        *shown = (*shown + 1).min(task.hints.len());
        let shown = *shown;
        self.save()?;
        Ok(shown)
    }

    fn save(&self) -> Result<()> {
        let mut text = String::new();
        for (task, (state, fingerprint)) in &self.states {
            let word = WORDS.iter().find(|(known, _)| known == state).map_or("", |(_, word)| word);
            text += &format!("{task} {word} {fingerprint}\n");
        }
        for (task, shown) in &self.hints {
            text += &format!("{task} hints {shown}\n");
        }
        fs::write(&self.path, text).with_context(|| format!("cannot write {}", self.path.display()))
    }
}
