//! A tree of our own in which a submission is built: everything in it is ours but the student's sources.

use super::sandbox::{FOR_BUILDS, Sandbox, Whose};
use anyhow::{Context, Result};
use lab::build::{Build, Built};
use lab::course::{Course, Kind, Lab};
use lab::judge::Runnable;
use lab::tree::{self, Files};
use lab::trial::supervise_build;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the compiler may take for one submission. It takes seconds, unless somebody wants it to take longer.
const BUILD_LIMIT: Duration = Duration::from_secs(300);

/// Waits until nobody else builds in a folder of the grader, and keeps others out until the file is dropped.
///
/// # Errors
/// If there can be no lock.
pub fn alone_in(folder: &Path) -> Result<File> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let lock = File::create(folder.join("lock")).context("cannot make a lock file")?;
    lock.lock().context("cannot lock the folder")?;
    Ok(lock)
}

/// A copy of the course, and the folder in which it is built.
#[derive(Debug)]
pub struct Pristine {
    /// The copy.
    pub course: Course,
    /// What cargo builds.
    pub target: PathBuf,
    /// Locked while this lives: a second grader in the same folder waits for its turn.
    _lock: File,
}

impl Pristine {
    /// Copies the course into `folder/tree`, or brings the copy there up to date. What was built stays.
    ///
    /// # Errors
    /// If a file cannot be read or written.
    pub fn prepare(course: &Course, folder: &Path) -> Result<Pristine> {
        let (root, target) = (folder.join("tree"), folder.join("target"));
        let lock = alone_in(folder)?;
        fs::create_dir_all(&root).with_context(|| format!("cannot make {}", root.display()))?;
        let files = tree::files(&course.root)?;
        for old in tree::files(&root)?.iter().filter(|old| !files.contains(old)) {
            fs::remove_file(root.join(old))?;
        }
        for path in &files {
            let (from, to) = (course.root.join(path), root.join(path));
            if fs::read(&from)? != fs::read(&to).unwrap_or_default() || !to.exists() {
                fs::create_dir_all(to.parent().expect("a file is in a folder"))?;
                fs::copy(&from, &to).with_context(|| format!("cannot write {}", to.display()))?;
            }
        }
        Ok(Pristine { course: Course::load(&root)?, target, _lock: lock })
    }

    /// Puts a student's sources in the place of the exercise. The manifest stays ours.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn submit(&self, lab: &Lab, files: &Files) -> Result<()> {
        let folder = lab.exercise(&self.course.root);
        let manifest =
            fs::read_to_string(folder.join("Cargo.toml")).context("the exercise has no manifest")?;
        let mut files = files.clone();
        files.insert("Cargo.toml".into(), manifest);
        tree::write(&files, &folder)
    }

    /// Builds the tests of the part that was submitted.
    ///
    /// The executables are copied to `keep`, so that the next submission cannot be taken for this one.
    ///
    /// # Errors
    /// If cargo cannot be run.
    pub fn build_part(&self, lab: &Lab, keep: &Path, sandbox: Option<Sandbox>) -> Result<Runnable> {
        let built = self.build(Build::tests(lab, &self.target), keep, sandbox)?;
        Runnable::of_part(lab, &lab.exercise(&self.course.root), built)
    }

    /// The same, but only the tests of these kinds, and in no sandbox.
    ///
    /// # Errors
    /// If cargo cannot be run.
    pub fn build_kinds(
        &self,
        lab: &Lab,
        kinds: impl IntoIterator<Item = Kind>,
        keep: &Path,
    ) -> Result<Runnable> {
        let built = self.build(Build::tests_of(lab, kinds, &self.target), keep, None)?;
        Runnable::of_part(lab, &lab.exercise(&self.course.root), built)
    }

    /// Builds a stage's server with these of the submitted parts, and keeps it.
    ///
    /// # Errors
    /// If cargo cannot be run.
    pub fn build_server(
        &self,
        lab: &Lab,
        mine: &[&str],
        keep: &Path,
        sandbox: Option<Sandbox>,
    ) -> Result<Built> {
        self.build(Build::server(&lab.stage.package, &lab.stage.binary, mine, &self.target), keep, sandbox)
    }

    /// Builds the end-to-end tests of a stage and keeps them. Nothing of a student is in them.
    ///
    /// # Errors
    /// If they cannot be built.
    pub fn build_stage_tests(&self, lab: &Lab, keep: &Path) -> Result<PathBuf> {
        // Cargo builds our server along with its tests; a student's server of the same name may be kept beside it.
        let built = self.build(Build::stage_tests(lab, &self.target), &keep.join("stage"), None)?;
        let tests = built.tests(Kind::Stage, lab).map(Path::to_owned);
        tests.with_context(|| {
            built.errors.unwrap_or_else(|| "cargo did not build the end-to-end tests".to_owned())
        })
    }

    fn build(&self, build: Build, keep: &Path, sandbox: Option<Sandbox>) -> Result<Built> {
        fs::create_dir_all(keep)?;
        let built = match sandbox {
            None => build.run(&self.course.root)?,
            Some(sandbox) => {
                let command = build.offline().command(&self.course.root);
                let mut command = sandbox.wrap(command, &self.target, FOR_BUILDS, Whose::Ours)?;
                let (succeeded, messages, errors) = supervise_build(&mut command, BUILD_LIMIT)?;
                Built::from_messages(&messages, succeeded, errors)?
            }
        };
        built.kept_in(keep)
    }
}
