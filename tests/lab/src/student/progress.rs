//! What `cargo lab` remembers between two calls: how far each task was, and how many hints were shown.

use crate::code::code;
use crate::course::{Course, Lab, Task};
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

/// The word for each state in the file.
const WORDS: [(State, &str); 4] = [
    (State::Done, "done"),
    (State::Failing, "failing"),
    (State::NotStarted, "not-started"),
    (State::DoesNotCompile, "does-not-compile"),
];

impl Progress {
    pub(super) fn load(root: &Path) -> Result<Progress> {
        Ok(Progress::read(tree::memory(root)?.join("progress")))
    }

    /// Unknown lines are ignored, because they may be from another version.
    fn read(path: PathBuf) -> Progress {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let mut progress = Progress { path, ..Progress::default() };
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
        progress
    }

    /// How far each task of a lab is; `None` for one that may have changed since it was checked.
    pub(super) fn states<'l>(&self, root: &Path, lab: &'l Lab) -> Result<Vec<(&'l Task, Option<State>)>> {
        let files = tree::student_files(root, lab)?;
        let unwritten = tree::unwritten(lab, &files);
        let fingerprint = tree::fingerprint(&files);
        let state = |task: &Task| {
            let untouched_hunt = task.hunt.as_ref().is_some_and(|hunt| {
                let now = files.get(&Path::new("hunts").join(&hunt.file));
                let shipped = tree::shipped_hunt(root, lab, hunt);
                now.zip(shipped)
                    .is_some_and(|(now, shipped)| code(now) == code(&tree::without_anchors(&shipped)))
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

    /// The task of a lab that comes next. A task that was done before the files changed probably still is, so it comes
    /// last.
    pub(super) fn next_in<'l>(&self, root: &Path, lab: &'l Lab) -> Result<Option<&'l Task>> {
        let states = self.states(root, lab)?;
        let was_done =
            |task: &Task| self.states.get(&task.id).is_some_and(|(state, _)| *state == State::Done);
        let open = states.iter().find(|(task, state)| match state {
            None => !was_done(task),
            Some(state) => *state != State::Done,
        });
        let changed = || states.iter().find(|(_, state)| state.is_none());
        Ok(open.or_else(changed).map(|(task, _)| *task))
    }

    /// The task of the whole course that comes next, and its lab.
    pub(super) fn next<'c>(&self, course: &'c Course) -> Result<Option<(&'c Lab, &'c Task)>> {
        for lab in &course.labs {
            if let Some(task) = self.next_in(&course.root, lab)? {
                return Ok(Some((lab, task)));
            }
        }
        Ok(None)
    }

    /// Saves the results of a check. Tasks that it did not judge stay as they were.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::Hunt;

    /// A lab of two tasks, in a checkout with nothing but its exercise: 1.2 is not written yet.
    fn checkout() -> (tempfile::TempDir, Course) {
        let folder = tempfile::tempdir().expect("a folder");
        let put = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        };
        let task = |id: &str| {
            format!(
                "[[task]]\nid = '{id}'\nname = 'n'\ngoal = 'g'\n\
                 holes = [{{ at = 'lib.rs: f', todo = 't' }}]\n"
            )
        };
        let head = "number = 1\npart = 'request'\ntitle = 't'\nstage = { package = 'p', binary = 'b' }\n";
        put("tests/labs/request.toml", &format!("{head}{}{}", task("1.1"), task("1.2")));
        put("exercises/request/src/lib.rs", "fn f() { todo!(\"Lab 1.2: t\") }");
        let course = Course::load(folder.path()).expect("a course");
        (folder, course)
    }

    #[test]
    fn a_task_that_was_done_is_not_next_although_files_have_changed_since() {
        let (folder, course) = checkout();
        let (root, lab) = (folder.path(), &course.labs[0]);
        let fresh = || Progress { path: root.join("progress"), ..Progress::default() };
        let next = |progress: &Progress| {
            progress.next(&course).expect("files").map(|(_, task)| task.id.clone()).unwrap_or_default()
        };
        let mut progress = fresh();
        assert_eq!(next(&progress), "1.1", "nothing was checked yet");
        progress.remember(root, lab, [(&lab.tasks[0], State::Done)].into_iter()).expect("a file");
        assert_eq!(next(&progress), "1.2", "the first is done");
        fs::write(root.join("exercises/request/src/lib.rs"), "fn f() {}").expect("a file");
        assert_eq!(progress.states(root, lab).expect("files")[0].1, None, "it has changed");
        assert_eq!(next(&progress), "1.2", "but the second was never done");
        progress.states.insert("1.2".into(), (State::Done, 0));
        assert_eq!(next(&progress), "1.1", "all were done, and all have changed");
        progress.remember(root, lab, lab.tasks.iter().map(|task| (task, State::Done))).expect("a file");
        assert_eq!(next(&progress), "", "all are done");
    }

    #[test]
    fn a_comment_is_no_change() {
        let (folder, course) = checkout();
        let (root, lab) = (folder.path(), &course.labs[0]);
        let write = |text: &str| fs::write(root.join("exercises/request/src/lib.rs"), text).expect("a file");
        let mut progress = Progress { path: root.join("progress"), ..Progress::default() };
        write("fn f() -> u8 { 1 }");
        progress.remember(root, lab, lab.tasks.iter().map(|task| (task, State::Done))).expect("a file");
        let first = || progress.states(root, lab).expect("files")[0].1;
        write("// Why it is 1.\nfn f() -> u8 {\n    /* not 2 */ 1 }");
        assert_eq!(first(), Some(State::Done), "only a comment was written");
        write("fn f() -> u8 { 2 }");
        assert_eq!(first(), None, "the code was changed");
    }

    #[test]
    fn a_hunt_has_begun_when_a_line_was_added_and_not_when_a_comment_was() {
        let (folder, mut course) = checkout();
        let root = folder.path();
        for (name, text) in [("tests/shipped/request", "fn f() { a(); }"), ("exercises/request", "")] {
            fs::create_dir_all(root.join(name).join("hunts")).expect("a folder");
            fs::write(root.join(name).join("hunts/h.rs"), text).expect("a file");
        }
        let hunt = Hunt { file: "h.rs".into(), right: "a(); b();".into(), wrong: "a();".into() };
        (course.labs[0].tasks[0].hunt, course.labs[0].tasks[0].holes) = (Some(hunt), Vec::new());
        let lab = &course.labs[0];
        let mut progress = Progress { path: root.join("progress"), ..Progress::default() };
        let mut state = |text: &str| {
            fs::write(root.join("exercises/request/hunts/h.rs"), text).expect("a file");
            progress.remember(root, lab, [(&lab.tasks[0], State::Done)].into_iter()).expect("a file");
            progress.states(root, lab).expect("files")[0].1
        };
        assert_eq!(state("// I see.\nfn f() { a(); }"), Some(State::NotStarted));
        assert_eq!(state("fn f() { a(); b(); }"), Some(State::Done));
    }

    #[test]
    fn what_is_remembered_can_be_read_again() {
        let (folder, course) = checkout();
        let path = folder.path().join("progress");
        let mut progress = Progress { path: path.clone(), ..Progress::default() };
        for ((state, _), task) in WORDS.iter().zip(["1.1", "1.2", "1.3", "1.4"]) {
            progress.states.insert(task.to_owned(), (*state, u64::MAX));
        }
        progress.hints.insert("1.1".to_owned(), 2);
        progress.save().expect("a file");
        let mut read = Progress::read(path);
        assert_eq!((&read.states, &read.hints), (&progress.states, &progress.hints));
        // A check of one task leaves what is known of the others.
        let lab = &course.labs[0];
        read.remember(folder.path(), lab, [(&lab.tasks[0], State::Failing)].into_iter()).expect("a file");
        assert_eq!(read.states["1.2"], progress.states["1.2"]);
    }
}
