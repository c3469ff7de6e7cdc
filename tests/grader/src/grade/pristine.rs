//! A copy of the course in which our own solutions are built instead of the exercises.

use super::kitchen::{Artifacts, Kitchen};
use super::recipe::{NOTE, Recipe};
use super::sandbox::{open_to_all, program};
use anyhow::{Context, Result, bail, ensure};
use lab::build::{Build, Built};
use lab::course::{Course, Kind, Lab};
use lab::judge::Runnable;
use lab::tree::{self, Files};
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Waits until no other grader builds in a folder, and locks it until the file is dropped.
///
/// # Errors
/// If the folder or its lock file cannot be made, or locking fails.
pub fn alone_in(folder: &Path) -> Result<File> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let lock = File::create(folder.join("lock")).context("cannot make a lock file")?;
    if lock.try_lock().is_err() {
        eprintln!("cargo lab: waiting for another `cargo lab` that uses {}", folder.display());
        lock.lock().context("cannot lock the folder")?;
    }
    Ok(lock)
}

/// A copy of the course, and the folder in which it is built.
#[derive(Debug)]
pub struct Pristine {
    /// The copy.
    pub course: Course,
    /// The folder that cargo builds into.
    pub target: PathBuf,
    /// Locked while this lives: a second grader in the same folder waits for its turn.
    _lock: File,
}

impl Pristine {
    /// Copies the course into `folder/tree`, or brings the copy there up to date. Keeps what was built.
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
                // A checkout may be readable only by its owner, but the users that run submissions read this copy.
                let mode = fs::metadata(&to)?.permissions().mode();
                open_to_all(&to, 0o644 | mode & 0o100 | (mode & 0o100) >> 3 | (mode & 0o100) >> 6)?;
            }
        }
        Ok(Pristine { course: Course::load(&root)?, target, _lock: lock })
    }

    /// Replaces the exercise by a student's sources. The manifest stays ours.
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

    /// Builds a lab's tests and its server with the solution instead of the exercise, keeps them, and finds out how to
    /// build a submission. The solution must be the last that was [submitted](Self::submit).
    ///
    /// # Errors
    /// If our own part does not compile.
    pub fn build_reference(&self, lab: &Lab, keep: &Path) -> Result<(Runnable, Recipe)> {
        let tests = Build::tests(lab, &self.target);
        let server = Build::server(&lab.stage.package, &lab.stage.binary, &[&lab.part], &self.target);
        let kitchen =
            Kitchen { root: &self.course.root, target: &self.target, part: &lab.part, folder: keep };
        for attempt in 0..2 {
            let mut artifacts = Artifacts::default();
            let built = self.build_and_note(&tests, &mut artifacts)?;
            self.build_and_note(&server, &mut artifacts)?;
            if let Some(recipe) = kitchen.recipe(&artifacts)? {
                let built = built.kept_in(keep)?;
                return Ok((Runnable::of_part(lab, &lab.exercise(&self.course.root), built)?, recipe));
            }
            ensure!(attempt == 0, "cargo does not tell how it calls the compiler");
            // Built by a cargo that did not note calls, so everything is built once more.
            let mut clean = lab::build::clean_cargo();
            clean.args(["clean", "--quiet", "--workspace"]).current_dir(&self.course.root);
            let cleaned = clean.env("CARGO_TARGET_DIR", &self.target).status();
            ensure!(
                cleaned.is_ok_and(|status| status.success()),
                "cargo cannot clean {}",
                self.target.display()
            );
        }
        bail!("cargo does not tell how it calls the compiler")
    }

    fn build_and_note(&self, build: &Build, artifacts: &mut Artifacts) -> Result<Built> {
        let mut command = build.command(&self.course.root);
        let output = command.env("RUSTC_WRAPPER", program()?).env(NOTE, "1").output();
        let output = output.context("cannot run cargo")?;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "our own part does not compile:\n{errors}");
        artifacts.add(&output.stdout);
        Built::from_messages(&output.stdout, true, errors)
    }

    /// Builds the tests of these kinds with the submitted part, which must be ours, because no sandbox is used.
    ///
    /// The executables are copied to `keep`, so that the next submission cannot be taken for this one.
    ///
    /// # Errors
    /// If cargo cannot be run.
    pub fn build_kinds(
        &self,
        lab: &Lab,
        kinds: impl IntoIterator<Item = Kind>,
        keep: &Path,
    ) -> Result<Runnable> {
        let built = self.build(Build::tests_of(lab, kinds, &self.target), keep)?;
        Runnable::of_part(lab, &lab.exercise(&self.course.root), built)
    }

    /// Builds a stage's server with the submitted parts in `mine`, and keeps it.
    ///
    /// # Errors
    /// If cargo cannot be run.
    pub fn build_server(&self, lab: &Lab, mine: &[&str], keep: &Path) -> Result<Built> {
        self.build(Build::server(&lab.stage.package, &lab.stage.binary, mine, &self.target), keep)
    }

    /// Builds the end-to-end tests of a stage and keeps them. They contain no student's code.
    ///
    /// # Errors
    /// If they cannot be built.
    pub fn build_stage_tests(&self, lab: &Lab, keep: &Path) -> Result<PathBuf> {
        // Cargo builds our server along with its tests; a student's server of the same name may be kept beside it.
        let built = self.build(Build::stage_tests(lab, &self.target), &keep.join("stage"))?;
        let tests = built.tests(Kind::Stage, lab).map(Path::to_owned);
        tests.with_context(|| {
            built.errors.unwrap_or_else(|| "cargo did not build the end-to-end tests".to_owned())
        })
    }

    fn build(&self, build: Build, keep: &Path) -> Result<Built> {
        fs::create_dir_all(keep)?;
        build.run(&self.course.root)?.kept_in(keep)
    }
}
