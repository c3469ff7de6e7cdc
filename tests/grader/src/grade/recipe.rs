//! How a submission is built: with the calls of the compiler that built our own solution, and nothing else.
//!
//! Cargo builds our solution instead of the exercise, once, and every call of the compiler is noted (this program is
//! cargo's `RUSTC_WRAPPER`). For a submission, the calls from its crate upwards are made again, each in a cell:
//!
//! ```text
//!   found in the cell    the toolchain; sources of the crates from the part upwards; the libraries below them, compiled
//!   not there            cargo, its registry, manifests, any solution, what was built for others
//! ```
//!
//! So everything but the holes is ours by construction, and a macro or a path in a student's file finds nothing else.

use super::sandbox::Shown;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Set by the grader when it is cargo's wrapper around the compiler.
pub const NOTE: &str = "GRADER_NOTES_CALLS";

/// A call of the compiler. In its arguments and variables, `{course}`, `{below}` and `{out}` stand for folders.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Call {
    /// The crate, such as `suite`.
    pub name: String,
    /// The name of its result, without a folder.
    pub output: String,
    /// Its arguments.
    pub words: Vec<String>,
    /// The variables that cargo sets.
    pub variables: BTreeMap<String, String>,
}

/// What one lab's submissions are built with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recipe {
    /// The toolchain.
    pub toolchain: PathBuf,
    /// The calls, in an order in which each finds what it needs.
    pub calls: Vec<Call>,
    /// A folder with the sources that are not the student's.
    pub course: PathBuf,
    /// A folder with the compiled libraries below the part.
    pub below: PathBuf,
}

/// The path of the sources in a cell.
pub const COURSE: &str = "/course";
/// The libraries below the part.
pub const BELOW: &str = "/below";
/// What is built from the submission.
pub const OUT: &str = "/out";

/// Writes the call to a file beside its result, and then becomes the compiler that cargo asked for.
///
/// # Errors
/// If there is no such compiler.
pub fn note_and_run(words: Vec<OsString>) -> Result<()> {
    let (compiler, words) = words.split_first().context("cargo names the compiler")?;
    let texts: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    if let (Some(folder), Some(name)) = (value(&texts, "--out-dir"), value(&texts, "--crate-name")) {
        let of_cargo = |name: &str| name.starts_with("CARGO_") || name == "OUT_DIR";
        let variables = std::env::vars().filter(|(name, _)| of_cargo(name)).collect();
        let output = format!("{name}{}", extra(&texts));
        let call = Call { name: name.to_owned(), output: output.clone(), words: texts.clone(), variables };
        let note = Path::new(folder).join(output).with_extension("call");
        fs::create_dir_all(folder)?;
        fs::write(note, serde_json::to_string(&call)?)?;
    }
    Err(Command::new(compiler).args(words).exec()).context("cannot run the compiler")
}

/// The argument after another one.
pub(super) fn value<'w>(words: &'w [String], name: &str) -> Option<&'w str> {
    let at = words.iter().position(|word| word == name)?;
    words.get(at + 1).map(String::as_str)
}

/// The suffix that cargo adds to file names, so that two builds of one crate can be side by side.
fn extra(words: &[String]) -> &str {
    words.iter().find_map(|word| word.strip_prefix("extra-filename=")).unwrap_or("")
}

impl Call {
    pub(super) fn is_library(&self) -> bool {
        !self.is_test() && value(&self.words, "--crate-type") == Some("lib")
    }

    /// Whether it builds tests.
    pub(super) fn is_test(&self) -> bool {
        self.words.iter().any(|word| word == "--test")
    }

    /// The calls whose libraries it is linked with, by the names of their results.
    pub(super) fn needs(&self) -> impl Iterator<Item = String> {
        let paths =
            self.words.iter().filter_map(|word| word.split_once('=').map(|(_, path)| Path::new(path)));
        paths
            .filter_map(|path| Some(path.file_stem()?.to_string_lossy().trim_start_matches("lib").to_owned()))
    }
}

impl Recipe {
    /// The command of a call, with these folders filled in.
    pub(super) fn step(&self, call: &Call, program: &str, folders: &Folders) -> Command {
        let fill = |text: &String| folders.fill(text);
        let mut command = Command::new(self.toolchain.join("bin").join(program));
        command.args(call.words.iter().map(fill)).current_dir(&folders.course);
        command.envs(call.variables.iter().map(|(name, value)| (name.clone(), fill(value))));
        command
    }

    /// What a compiler's cell shows besides the submission.
    pub(super) fn shown(&self) -> Vec<Shown> {
        let mut shown = super::sandbox::system();
        shown.push(Shown::here(&self.toolchain));
        shown.push(Shown::named(&self.below, BELOW));
        shown
    }
}

/// The paths of the three folders in a cell.
pub(super) struct Folders {
    pub(super) course: PathBuf,
    pub(super) below: PathBuf,
    pub(super) out: PathBuf,
}

impl Folders {
    fn fill(&self, text: &str) -> String {
        let path = |path: &Path| path.display().to_string();
        text.replace("{course}", &path(&self.course))
            .replace("{below}", &path(&self.below))
            .replace("{out}", &path(&self.out))
    }
}

/// The command that checks whether a part's sources are formatted.
pub(super) fn rustfmt(recipe: &Recipe, part: &str, folders: &Folders) -> Command {
    let mut command = Command::new(recipe.toolchain.join("bin/rustfmt"));
    let library = folders.course.join("exercises").join(part).join("src/lib.rs");
    command.args(["--check", "--edition", "2024", "--color", "never", "--config-path"]);
    command.arg(folders.course.join("rustfmt.toml")).arg(library).current_dir(&folders.course);
    command
}

/// The command that runs clippy on a part.
pub(super) fn clippy(recipe: &Recipe, library: &Call, folders: &Folders) -> Command {
    let mut call = library.clone();
    call.words.retain(|word| word != "--allow=warnings" && !word.starts_with("--emit"));
    call.words.insert(0, "rustc".to_owned());
    call.words.extend(["--emit=metadata", "--deny=warnings"].map(str::to_owned));
    recipe.step(&call, "clippy-driver", folders)
}
