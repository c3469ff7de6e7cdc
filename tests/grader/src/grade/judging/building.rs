//! How a submission is built, and what the tools of the toolchain say about it.

use super::Judging;
use crate::grade::recipe::{self, BELOW, COURSE, Call, Folders, OUT};
use crate::grade::sandbox::{Cell, FOR_BUILDS, Sandbox, Shown, made, open_to_all};
use crate::grade::{Grade, Mark};
use anyhow::{Context, Result};
use lab::course::Kind;
use lab::tree::{self, Files};
use lab::trial::supervise_build;
use nix::unistd::{Uid, chown, getuid};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::lchown;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// How much of a lab's time the compiler may take, all calls together.
const BUILD_BUDGET: Duration = Duration::from_secs(150);

/// The result of a build.
pub(super) struct Built {
    pub(super) programs: Vec<(Kind, PathBuf)>,
    pub(super) server: Option<PathBuf>,
    pub(super) errors: Option<String>,
}

impl Judging<'_> {
    /// Writes our sources and the student's into a folder.
    pub(super) fn lay_out(&self, files: &Files) -> Result<()> {
        let recipe = &self.reference.recipe;
        tree::copy(&recipe.course, &self.course, |_| true).context("cannot copy the sources")?;
        let exercise = self.lab.exercise(&self.course);
        fs::create_dir_all(&exercise)?;
        tree::write(files, &exercise)?;
        for folder in [&self.out, &self.door, &self.empty] {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let user = self.cell(Vec::new(), FOR_BUILDS).user();
        self.give_what_is_built(user)?;
        if getuid().is_root() {
            open_to_all(&self.out, 0o755)?;
            // Without namespaces, the door is the cell's temporary folder.
            if self.assignment.sandbox == Sandbox::Weak {
                chown(&self.door, Some(user), None).context("cannot give a folder to a cell's user")?;
            }
        }
        Ok(())
    }

    /// Makes a user the owner of what is built, if we are root: the compiler's user, and then root, because without
    /// namespaces and Landlock a test could replace the programs of the tests after it.
    pub(super) fn give_what_is_built(&self, user: Uid) -> Result<()> {
        if getuid().is_root() {
            let built = fs::read_dir(&self.out)?.flatten().map(|file| file.path());
            built
                .chain([self.out.clone()])
                .try_for_each(|path| lchown(path, Some(user.as_raw()), None))
                .context("cannot give what is built to a user")?;
        }
        Ok(())
    }

    /// The cell in which the compiler works.
    fn workshop(&self) -> (Cell, Folders) {
        let recipe = &self.reference.recipe;
        let [course, out] =
            [(&self.course, COURSE), (&self.out, OUT)].map(|(at, name)| Shown::named(at, name));
        let mut cell = self.cell(recipe.shown(), FOR_BUILDS);
        cell.shown.push(course.clone());
        cell.kept = Some(out.clone());
        let below = Shown::named(&recipe.below, BELOW);
        let folders = Folders { course: cell.path(&course), below: cell.path(&below), out: cell.path(&out) };
        (cell, folders)
    }

    /// Makes the calls of the compiler, one after the other. A call that needs a failed one is not made.
    pub(super) fn build(&self) -> Result<Built> {
        let mut built = Built { programs: Vec::new(), server: None, errors: None };
        let mut failed: BTreeSet<&str> = BTreeSet::new();
        let tasks = self.lab.tasks.iter().filter(|task| self.reference.tasks.contains(&task.id));
        let wanted: BTreeSet<Kind> = tasks.flat_map(|task| task.kinds()).collect();
        let is_wanted = |call: &&Call| match self.kind(call) {
            Some(kind) => wanted.contains(&kind),
            None => true,
        };
        let mut calls: Vec<&Call> = self.reference.recipe.calls.iter().filter(is_wanted).collect();
        // If the part does not compile, its models do not either: they are the same files.
        calls.sort_by_key(|call| call.is_test());
        for call in calls {
            let missing = call.needs().any(|needed| failed.contains(needed.as_str()))
                || self.kind(call) == Some(Kind::Model) && !failed.is_empty();
            let errors: Option<String> = if missing { Some(String::new()) } else { self.compile(call)? };
            if let Some(errors) = errors {
                failed.insert(&call.output);
                built.errors.get_or_insert_default().push_str(&errors);
                continue;
            }
            let program = self.out.join(&call.output);
            match self.kind(call) {
                Some(Kind::Stage) if call.name == self.lab.stage.binary => built.server = Some(program),
                Some(Kind::Stage) | None => {}
                Some(kind) => built.programs.push((kind, program)),
            }
        }
        if wanted.contains(&Kind::Stage) && built.server.is_none() {
            // Only the server's build shows that functions still return the types that they should: a type of the
            // student's own could be equal to everything that a test compares it with.
            built.programs.retain(|(kind, _)| !matches!(kind, Kind::Suite | Kind::Model));
        }
        Ok(built)
    }

    /// The kind of tests that a call is for; `None` if it is for all of them.
    fn kind(&self, call: &Call) -> Option<Kind> {
        match call.name.as_str() {
            "suite" => Some(Kind::Suite),
            "hunts" => Some(Kind::Hunt),
            "prove" => Some(Kind::Prove),
            _ if call.is_test() => Some(Kind::Model),
            name if name == self.lab.part => None,
            _ => Some(Kind::Stage),
        }
    }

    /// Makes one call. Returns what the compiler said, if it failed.
    fn compile(&self, call: &Call) -> Result<Option<String>> {
        let (cell, folders) = self.workshop();
        let mut step = self.reference.recipe.step(call, "rustc", &folders);
        // Hunts and models are included in a file of ours, where they cannot have the attribute that `Chosen::locked`
        // adds.
        let hunts = self.reference.shipped.iter().filter(|(path, _)| path.starts_with("hunts"));
        if call.name == "prove"
            || call.name == "hunts" && !hunts.map(|(_, text)| text).any(|text| text.contains("unsafe "))
        {
            step.arg("--forbid=unsafe_code");
        }
        let (succeeded, _, said) = self.compiler(&cell, &step)?;
        Ok((!succeeded).then_some(said))
    }

    /// Runs a compiler, or a tool like it, for as long as there is time.
    fn compiler(&self, cell: &Cell, step: &Command) -> Result<(bool, Vec<u8>, String)> {
        let mut building = self.building.lock().expect("no thread panics while it holds this");
        let left = BUILD_BUDGET.saturating_sub(*building);
        if left.is_zero() {
            let seconds = BUILD_BUDGET.as_secs();
            return Ok((false, Vec::new(), format!("error: the compiler has used up its {seconds} s\n")));
        }
        let start = Instant::now();
        let run = || supervise_build(&mut cell.command(step)?, left);
        let silent = |(clean, printed, said): &(bool, Vec<u8>, String)| {
            !clean && printed.is_empty() && said.trim().is_empty()
        };
        let mut ended = run()?;
        if silent(&ended) {
            // It was killed, perhaps because the machine ran out of memory, which need not be the student's mistake. So
            // it runs again.
            ended = run()?;
        }
        if silent(&ended) {
            ended.2 = "error: the compiler was killed, twice, and did not say anything\n".into();
        }
        cell.sweep();
        *building += start.elapsed();
        made(&ended.2)?;
        Ok(ended)
    }

    /// The optional points for a lab that is done: formatted as by `cargo fmt`, and without findings of clippy.
    pub(super) fn tidiness(&self, files: &Files, grade: &mut Grade) -> Result<()> {
        let points = &self.assignment.points;
        if points.formatted == 0 && points.clippy == 0 {
            return Ok(());
        }
        let exercise = self.lab.exercise(&self.course);
        tree::write(files, &exercise)?;
        let (cell, folders) = self.workshop();
        self.give_what_is_built(cell.user())?;
        let recipe = &self.reference.recipe;
        let library = recipe.calls.iter().find(|call| call.name == self.lab.part && !call.is_test());
        let library = library.context("the recipe has no call for the part")?;
        let mut add = |what: &str, points: u32, step: &Command| -> Result<()> {
            let start = Instant::now();
            let (clean, printed, errors) = self.compiler(&cell, step)?;
            // rustfmt shows what it would change on standard output, clippy what it finds on standard error.
            let found = String::from_utf8_lossy(&printed).into_owned() + &errors;
            let number = self.lab.number;
            let (id, name) = (format!("{number} {what}"), format!("Lab {number}: {what}"));
            let text = if clean { String::new() } else { self.presentable(&beginning(&found)) };
            let earned = if clean { points } else { 0 };
            grade.marks.push(Mark { id, name, earned, points, visible: true, text, took: start.elapsed() });
            Ok(())
        };
        if points.formatted > 0 {
            add("formatted", points.formatted, &recipe::rustfmt(recipe, &self.lab.part, &folders))?;
        }
        if points.clippy > 0 {
            add("clippy", points.clippy, &recipe::clippy(recipe, library, &folders))?;
        }
        Ok(())
    }
}

/// The first 40 lines of a text.
pub(super) fn beginning(text: &str) -> String {
    text.lines().take(40).collect::<Vec<_>>().join("\n")
}
