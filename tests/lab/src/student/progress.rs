//! What the runner remembers between two calls: how far each task was, and which hints were shown.

use crate::course::{Lab, Task};
use crate::judge::State;
use crate::tree;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The memory, in `target/lab/progress.json`. Losing it costs one more check.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    #[serde(skip)]
    path: PathBuf,
    #[serde(default)]
    labs: BTreeMap<String, Remembered>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Remembered {
    /// Of the files that were checked.
    fingerprint: u64,
    states: BTreeMap<String, State>,
    hints: BTreeMap<String, usize>,
}

impl Progress {
    pub(super) fn load(root: &Path) -> Result<Progress> {
        let path = tree::memory(root)?.join("progress.json");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let remembered: Progress = serde_json::from_str(&text).unwrap_or_default();
        Ok(Progress { path, ..remembered })
    }

    /// How far each task of a lab is; nothing for one that may have changed since it was checked.
    pub(super) fn states<'l>(&self, root: &Path, lab: &'l Lab) -> Result<Vec<(&'l Task, Option<State>)>> {
        let files = tree::student_files(root, lab)?;
        let unwritten = tree::unwritten(lab, &files);
        let remembered = self.labs.get(&lab.part);
        let current = remembered.filter(|remembered| remembered.fingerprint == tree::fingerprint(&files));
        let state = |task: &Task| {
            let untouched_hunt = task.hunt.as_ref().is_some_and(|hunt| {
                files.get(&Path::new("hunts").join(&hunt.file)).is_some_and(|text| text.contains(&hunt.wrong))
            });
            let waits = task.needs.iter().any(|need| unwritten.contains(&need.as_str()));
            if unwritten.contains(&task.id.as_str()) || untouched_hunt || task.holes.is_empty() && waits {
                return Some(State::NotStarted);
            }
            current?.states.get(&task.id).copied()
        };
        Ok(lab.tasks.iter().map(|task| (task, state(task))).collect())
    }

    pub(super) fn remember<'l>(
        &mut self,
        root: &Path,
        lab: &Lab,
        states: impl Iterator<Item = (&'l Task, State)>,
    ) -> Result<()> {
        let files = tree::student_files(root, lab)?;
        let remembered = self.labs.entry(lab.part.clone()).or_default();
        remembered.fingerprint = tree::fingerprint(&files);
        remembered.states = states.map(|(task, state)| (task.id.clone(), state)).collect();
        self.save()
    }

    /// How many hints to show now: one more than the last time.
    pub(super) fn next_hint(&mut self, lab: &Lab, task: &Task) -> Result<usize> {
        let shown = self.labs.entry(lab.part.clone()).or_default().hints.entry(task.id.clone()).or_default();
        *shown = (*shown + 1).min(task.hints.len());
        let shown = *shown;
        self.save()?;
        Ok(shown)
    }

    fn save(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(self).expect("numbers and words");
        fs::write(&self.path, text).with_context(|| format!("cannot write {}", self.path.display()))
    }
}
