//! A tree of our own in which a submission is built: everything in it is ours but the student's sources.

use crate::build::{Build, Built};
use crate::course::{Course, Lab};
use crate::cut::Files;
use crate::judge::Runnable;
use crate::tree;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// A copy of the course, and the folder in which it is built.
#[derive(Debug)]
pub struct Pristine {
    /// The copy.
    pub course: Course,
    /// What cargo builds.
    pub target: PathBuf,
}

impl Pristine {
    /// Copies the course into `folder/tree`, or brings the copy there up to date. What was built stays.
    ///
    /// # Errors
    /// If a file cannot be read or written.
    pub fn prepare(course: &Course, folder: &Path) -> Result<Pristine> {
        let (root, target) = (folder.join("tree"), folder.join("target"));
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
        Ok(Pristine { course: Course::load(&root)?, target })
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

    /// Builds the tests of the part that was submitted. `Err` holds what the compiler said.
    ///
    /// The executables are moved to `keep`, so that the next submission cannot be taken for this one, nor this one
    /// for the one before if it does not compile.
    ///
    /// # Errors
    /// If cargo cannot be run.
    pub fn build_part(&self, lab: &Lab, keep: &Path) -> Result<std::result::Result<Runnable, String>> {
        let executables = match Build::tests(lab, &self.target).run(&self.course.root)? {
            Built::Errors(errors) => return Ok(Err(errors)),
            Built::Executables(executables) => executables,
        };
        fs::create_dir_all(keep)?;
        let kept = executables.into_iter().map(|(name, path)| {
            let copy = keep.join(&name);
            fs::copy(&path, &copy).with_context(|| format!("cannot copy {}", path.display()))?;
            Ok((name, copy))
        });
        let kept = kept.collect::<Result<_>>()?;
        Ok(Ok(Runnable::of_part(lab, &lab.exercise(&self.course.root), &kept)?))
    }

    /// Builds a stage's server with these of the submitted parts, and keeps it. `Err` holds what the compiler said.
    ///
    /// # Errors
    /// If cargo cannot be run.
    pub fn build_server(
        &self,
        lab: &Lab,
        mine: &[&str],
        keep: &Path,
    ) -> Result<std::result::Result<PathBuf, String>> {
        let binary = &lab.stage.binary;
        match Build::server(&lab.stage.package, binary, mine, &self.target).run(&self.course.root)? {
            Built::Errors(errors) => Ok(Err(errors)),
            Built::Executables(built) => {
                let server = keep.join(binary);
                fs::create_dir_all(keep)?;
                fs::copy(built.get(binary).context("cargo did not build the server")?, &server)?;
                Ok(Ok(server))
            }
        }
    }

    /// Builds the end-to-end tests of a stage and keeps them. Nothing of a student is in them.
    ///
    /// # Errors
    /// If they cannot be built.
    pub fn build_stage_tests(&self, lab: &Lab, keep: &Path) -> Result<PathBuf> {
        match Build::stage_tests(lab, &self.target).run(&self.course.root)? {
            Built::Errors(errors) => bail!("the end-to-end tests do not compile:\n{errors}"),
            Built::Executables(built) => {
                let tests = keep.join(format!("{}-tests", lab.stage.binary));
                fs::create_dir_all(keep)?;
                fs::copy(built.get("e2e").context("cargo did not build the end-to-end tests")?, &tests)?;
                Ok(tests)
            }
        }
    }
}
