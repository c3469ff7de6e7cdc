//! Checks of an instructor's folder that need no build.

use super::{SORTS, Staff};
use anyhow::{Context, Result, bail, ensure};
use lab::course::{Course, Lab};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

impl Staff {
    /// Checks the tasks, and everything that they name.
    pub(super) fn check_tasks(&self, course: &Course) -> Result<()> {
        ensure!(!self.sheet.task.is_empty(), "there is no [[task]] in it");
        let mut ids: BTreeSet<&str> = BTreeSet::new();
        for task in &self.sheet.task {
            let id = &task.id;
            let (lab, _) = id.split_once('.').with_context(|| format!("`{id}` is not an id like 3.21"))?;
            let lab = course.lab(lab).with_context(|| format!("task {id}"))?;
            let number = format!("{}.", lab.number);
            ensure!(id.starts_with(&number), "`{id}` is not an id like {number}21");
            ensure!(course.task(id).is_err(), "the course has a task {id}: take a number that is free");
            ensure!(ids.insert(id), "there are two tasks {id}");
            ensure!(!task.tests.is_empty(), "task {id} has no tests");
            let tests = task.tests.len();
            ensure!(
                (task.free as usize) < tests,
                "task {id}: `free` leaves none of its tests, of which it has {tests}"
            );
            for test in &task.tests {
                let known = SORTS.iter().any(|(_, word)| test.starts_with(&format!("{word} ")));
                ensure!(known, "task {id}: `{test}` should be `suite NAME` or `model NAME`");
            }
        }
        let named = self.sheet.task.iter().flat_map(|task| &task.needs).chain(self.sheet.points.keys());
        for id in named.filter(|id| !ids.contains(id.as_str())) {
            course.task(id)?;
        }
        let twice = self.sheet.points.keys().find(|id| ids.contains(id.as_str()));
        ensure!(
            twice.is_none(),
            "task {} has points of its own and in [points]",
            twice.map_or("", String::as_str)
        );
        Ok(())
    }

    /// Checks that every file belongs to a lab.
    pub(super) fn check_files(&self, course: &Course, sort: &str, ending: &str) -> Result<()> {
        for entry in fs::read_dir(self.folder.join(sort)).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let known = course.labs.iter().any(|lab| name == format!("{}.{ending}", lab.part));
            ensure!(
                known,
                "{} belongs to no lab: files are named as the parts are, such as {sort}/queue.{ending}",
                entry.path().display()
            );
        }
        Ok(())
    }

    /// Checks that each test that a task names exists, and that each test belongs to one task.
    pub(super) fn check_tests(&self, lab: &Lab, sort: &str, word: &str) -> Result<()> {
        let path = self.folder.join(sort).join(&lab.part).with_extension("rs");
        let mut named: BTreeMap<&str, &str> = BTreeMap::new();
        for task in self.sheet.task.iter().filter(|task| task.lab() == lab.number.to_string()) {
            let tests = task.tests.iter().filter_map(|test| test.strip_prefix(word)?.strip_prefix(' '));
            for test in tests {
                let other = named.insert(test, &task.id);
                ensure!(other.is_none(), "{test} of {} is named twice in staff.toml", path.display());
            }
        }
        if !path.exists() {
            let first = named.first_key_value();
            ensure!(
                first.is_none(),
                "{} is missing: task {} names the test {} in it",
                path.display(),
                first.map_or("", |(_, id)| id),
                first.map_or("", |(test, _)| test)
            );
            return Ok(());
        }
        let there = tests_in(&path)?;
        for (test, id) in &named {
            ensure!(there.contains(*test), "{} has no test {test}, which task {id} names", path.display());
        }
        for test in there {
            ensure!(named.contains_key(test.as_str()), "{}: no task names the test {test}", path.display());
        }
        Ok(())
    }
}

/// The names of a file's tests.
fn tests_in(path: &Path) -> Result<BTreeSet<String>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file = match syn::parse_file(&text) {
        Ok(file) => file,
        Err(error) => bail!("{}, line {}: {error}", path.display(), error.span().start().line),
    };
    ensure!(
        text.contains("use verdict::test;"),
        "{} does not say `use verdict::test;`, so no test in it can give its receipt",
        path.display()
    );
    let is_test =
        |function: &syn::ItemFn| function.attrs.iter().any(|attribute| attribute.path().is_ident("test"));
    let name = |item: &syn::Item| match item {
        syn::Item::Fn(function) if is_test(function) => Some(function.sig.ident.to_string()),
        _ => None,
    };
    Ok(file.items.iter().filter_map(name).collect())
}
