//! How a submission is built: with the calls of the compiler that built our own solution, and nothing else.
//!
//! Cargo builds our solution in the place of the exercise, once, and every call of the compiler is noted (this program
//! is cargo's `RUSTC_WRAPPER`). For a submission, the calls from its crate upwards are made again, each in a cell:
//!
//! ```text
//!   found in the cell    the toolchain; sources of the crates from the part upwards; the libraries below them, compiled
//!   not there            cargo, its registry, manifests, any solution, what was built for others
//! ```
//!
//! So what is not a hole is ours by construction, and a macro or a path in a student's file leads nowhere.

use super::sandbox::Shown;
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

/// Set by the grader when it is cargo's wrapper around the compiler.
pub const NOTE: &str = "GRADER_NOTES_CALLS";

/// A call of the compiler. In its words and variables, `{course}`, `{below}` and `{out}` stand for folders.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Call {
    /// The crate, such as `suite`.
    pub name: String,
    /// What comes of it, without a folder.
    pub output: String,
    /// Its words.
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

/// As which folders a cell knows them.
pub const COURSE: &str = "/course";
/// The libraries below the part.
pub const BELOW: &str = "/below";
/// What is built from the submission.
pub const OUT: &str = "/out";

/// Becomes the compiler that cargo asked for, and writes down the call beside what comes of it.
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

/// The word behind another one.
fn value<'w>(words: &'w [String], name: &str) -> Option<&'w str> {
    let at = words.iter().position(|word| word == name)?;
    words.get(at + 1).map(String::as_str)
}

/// What cargo adds to the names of files, so that two builds of one crate lie side by side.
fn extra(words: &[String]) -> &str {
    words.iter().find_map(|word| word.strip_prefix("extra-filename=")).unwrap_or("")
}

/// What cargo said that it had built, or found built.
#[derive(Debug, Default)]
pub(super) struct Artifacts(Vec<Value>);

impl Artifacts {
    pub(super) fn add(&mut self, messages: &[u8]) {
        let lines = messages.split(|&byte| byte == b'\n').filter(|line| line.starts_with(b"{"));
        let read = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
        self.0.extend(read.filter(|message| message["reason"] == "compiler-artifact"));
    }

    /// The files of all of them.
    fn files(&self) -> BTreeSet<PathBuf> {
        let files = self.0.iter().filter_map(|artifact| artifact["filenames"].as_array()).flatten();
        files.filter_map(Value::as_str).map(PathBuf::from).collect()
    }
}

/// What the recipe of a lab is made from.
pub(super) struct Kitchen<'p> {
    /// The root of our copy of the course.
    pub(super) root: &'p Path,
    /// Where cargo built.
    pub(super) target: &'p Path,
    pub(super) part: &'p str,
    /// An empty folder of this lab's.
    pub(super) folder: &'p Path,
}

impl Kitchen<'_> {
    fn deps(&self) -> PathBuf {
        self.target.join("debug/deps")
    }

    /// The recipe, or `None` if a call was not noted, because its crate was built before somebody noted any.
    pub(super) fn recipe(&self, artifacts: &Artifacts) -> Result<Option<Recipe>> {
        let files = artifacts.files();
        let Some(noted) = self.noted(artifacts)? else { return Ok(None) };
        let exercise = format!("exercises/{}/", self.part);
        let again = from_the_part_upwards(noted, &exercise);
        ensure!(!again.is_empty(), "cargo has built nothing of the exercise");
        let outputs: BTreeSet<&str> = again.iter().map(|call| call.output.as_str()).collect();
        let (course, below) = (self.folder.join("course"), self.folder.join("below"));
        for folder in [&course, &below] {
            let _ = fs::remove_dir_all(folder);
            fs::create_dir_all(folder)?;
        }
        self.lay_out_sources(&again, &course)?;
        fs::copy(self.root.join("rustfmt.toml"), course.join("rustfmt.toml"))
            .context("cannot copy rustfmt.toml")?;
        self.lay_out_libraries(&files, &outputs, &below)?;
        let calls = again.iter().map(|call| self.general(call, &outputs)).collect();
        Ok(Some(Recipe { toolchain: toolchain(self.root)?, calls, course, below }))
    }

    /// The calls that our own crates among these come from.
    fn noted(&self, artifacts: &Artifacts) -> Result<Option<Vec<Call>>> {
        let mut noted: BTreeMap<String, Call> = BTreeMap::new();
        let ours = |artifact: &&Value| {
            artifact["target"]["src_path"].as_str().is_some_and(|path| Path::new(path).starts_with(self.root))
        };
        for artifact in artifacts.0.iter().filter(ours) {
            let files = artifact["filenames"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let Some(note) = files.filter_map(|file| self.note_of(Path::new(file))).next() else { continue };
            let Ok(text) = fs::read_to_string(&note) else { return Ok(None) };
            let call: Call = serde_json::from_str(&text).context("a note of a call is unreadable")?;
            noted.insert(call.output.clone(), call);
        }
        Ok(Some(noted.into_values().collect()))
    }

    /// Where the call is noted that a file comes from.
    fn note_of(&self, file: &Path) -> Option<PathBuf> {
        let stem = file.file_stem()?.to_string_lossy().into_owned();
        if file.parent()? == self.deps() {
            let stem = if file.extension().is_some() { stem.trim_start_matches("lib") } else { &stem };
            return Some(self.deps().join(format!("{stem}.call")));
        }
        // Cargo gives a program a second name without what tells it from others.
        let number = fs::metadata(file).ok()?.ino();
        let same = |path: &PathBuf| {
            path.extension().is_none() && fs::metadata(path).is_ok_and(|meta| meta.ino() == number)
        };
        let deps = fs::read_dir(self.deps()).ok()?.flatten().map(|entry| entry.path());
        deps.filter(|_| file.extension().is_none()).find(same).map(|own| own.with_extension("call"))
    }

    /// Copies the sources that the compiler read for these calls, but not the student's.
    fn lay_out_sources(&self, calls: &[Call], course: &Path) -> Result<()> {
        let exercise = Path::new("exercises").join(self.part);
        fs::create_dir_all(course.join(&exercise))?;
        for call in calls {
            let list = self.deps().join(format!("{}.d", call.output));
            let text =
                fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
            let sources = text.lines().filter_map(|line| line.strip_suffix(':'));
            for source in sources.map(|source| source.replace("\\ ", " ")) {
                let source = plain(&self.root.join(source));
                let Ok(name) = source.strip_prefix(self.root) else { continue };
                if source.is_file() && !name.starts_with(&exercise) {
                    let to = course.join(name);
                    fs::create_dir_all(to.parent().context("a file is in a folder")?)?;
                    fs::copy(&source, &to).with_context(|| format!("cannot copy {}", source.display()))?;
                }
            }
        }
        Ok(())
    }

    /// Copies the compiled libraries that these calls are not about, but not our own solution.
    fn lay_out_libraries(
        &self,
        files: &BTreeSet<PathBuf>,
        again: &BTreeSet<&str>,
        below: &Path,
    ) -> Result<()> {
        for file in
            files.iter().filter(|file| file.extension().is_some() && file.parent() == Some(&self.deps()))
        {
            let stem = file.file_stem().context("a file has a name")?.to_string_lossy().into_owned();
            let stem = stem.trim_start_matches("lib");
            let solution = stem.strip_prefix(self.part).is_some_and(|rest| rest.starts_with('-'));
            if !solution && !again.contains(stem) {
                let to = below.join(file.file_name().context("a file has a name")?);
                fs::copy(file, &to).with_context(|| format!("cannot copy {}", file.display()))?;
            }
        }
        Ok(())
    }

    /// The call with folders that each cell fills in, and without what only cargo needs.
    fn general(&self, call: &Call, again: &BTreeSet<&str>) -> Call {
        let deps = self.deps().display().to_string();
        let root = self.root.display().to_string();
        let mut words: Vec<String> = Vec::new();
        let mut given = call.words.iter().peekable();
        while let Some(word) = given.next() {
            let next = given.peek().map_or("", |next| next.as_str());
            match (word.as_str(), next) {
                ("-C", next) if next.starts_with("incremental=") => drop(given.next()),
                // Our own part, beside the student's: nothing uses it.
                ("--extern", next)
                    if next.starts_with(&format!("{}=", self.part)) && call.name == "parts" =>
                {
                    let _ = given.next();
                }
                ("--cfg", next) if next == format!("feature=\"{}\"", self.part) && call.name == "parts" => {
                    let _ = given.next();
                }
                (word, _) if word.starts_with("--error-format") || word.starts_with("--json") => {}
                (word, _) if word.starts_with("--emit") => {
                    words.push(format!("--emit={}", if call.is_library() { "metadata,link" } else { "link" }))
                }
                ("-L", next) if next == format!("dependency={deps}") => {
                    given.next();
                    words.extend(["-L", "dependency={below}", "-L", "dependency={out}"].map(str::to_owned));
                }
                ("--out-dir", _) => {
                    given.next();
                    words.extend(["--out-dir", "{out}"].map(str::to_owned));
                }
                _ => words.push(word.clone()),
            }
        }
        for word in &mut words {
            if let Some((name, path)) = word.split_once(&format!("={deps}/")) {
                let stem = Path::new(path).file_stem().unwrap_or_default().to_string_lossy();
                let stem = stem.trim_start_matches("lib");
                *word = format!("{name}={}/{path}", if again.contains(stem) { "{out}" } else { "{below}" });
            }
            *word = word.replace(&root, "{course}");
        }
        words.extend(["--error-format=human", "--color=never", "--allow=warnings"].map(str::to_owned));
        let target = self.target.display().to_string();
        let variable = |(name, value): (&String, &String)| {
            (name.clone(), value.replace(&root, "{course}").replace(&target, "{out}"))
        };
        let own = |(name, _): &(&String, &String)| {
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_", "CARGO_PRIMARY_"]
                .iter()
                .any(|start| name.starts_with(start))
        };
        Call { words, variables: call.variables.iter().filter(own).map(variable).collect(), ..call.clone() }
    }
}

impl Call {
    fn is_library(&self) -> bool {
        !self.is_test() && value(&self.words, "--crate-type") == Some("lib")
    }

    /// Whether tests come of it.
    pub(super) fn is_test(&self) -> bool {
        self.words.iter().any(|word| word == "--test")
    }

    /// The calls whose libraries it is linked with, by what comes of them.
    pub(super) fn needs(&self) -> impl Iterator<Item = String> {
        let paths =
            self.words.iter().filter_map(|word| word.split_once('=').map(|(_, path)| Path::new(path)));
        paths
            .filter_map(|path| Some(path.file_stem()?.to_string_lossy().trim_start_matches("lib").to_owned()))
    }
}

/// Of these calls, those that compile the exercise, and those that need what comes of it; each after what it needs.
fn from_the_part_upwards(mut calls: Vec<Call>, exercise: &str) -> Vec<Call> {
    let mut found: Vec<Call> = Vec::new();
    let own = |call: &Call| {
        let manifest = call.variables.get("CARGO_MANIFEST_DIR").map_or("", String::as_str);
        format!("{manifest}/").ends_with(exercise)
    };
    let mut wanted: BTreeSet<String> =
        calls.iter().filter(|call| own(call)).map(|call| call.output.clone()).collect();
    loop {
        let more = calls.iter().filter(|call| call.needs().any(|needed| wanted.contains(&needed)));
        let more: Vec<String> =
            more.map(|call| call.output.clone()).filter(|output| !wanted.contains(output)).collect();
        if more.is_empty() {
            break;
        }
        wanted.extend(more);
    }
    calls.retain(|call| wanted.contains(&call.output));
    while !calls.is_empty() {
        let waits = |call: &Call| call.needs().any(|needed| calls.iter().any(|other| other.output == needed));
        let Some(next) = calls.iter().position(|call| !waits(call)) else { break };
        found.push(calls.remove(next));
    }
    found
}

/// The path without `..`, as it is written.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// The folder of the compiler that builds the course.
fn toolchain(root: &Path) -> Result<PathBuf> {
    let output = Command::new("rustc").args(["--print", "sysroot"]).current_dir(root).output();
    let output = output.context("cannot run rustc")?;
    let text = String::from_utf8(output.stdout).context("the toolchain's path is not UTF-8")?;
    Ok(text.trim().into())
}

impl Recipe {
    /// The step that a call is, with these folders.
    pub(super) fn step(&self, call: &Call, program: &str, folders: &Folders) -> Command {
        let fill = |text: &String| folders.fill(text);
        let mut command = Command::new(self.toolchain.join("bin").join(program));
        command.args(call.words.iter().map(fill)).current_dir(&folders.course);
        command.envs(call.variables.iter().map(|(name, value)| (name.clone(), fill(value))));
        command
    }

    /// What a compiler's cell shows beside the submission.
    pub(super) fn shown(&self) -> Vec<Shown> {
        let mut shown = super::sandbox::system();
        shown.push(Shown::here(&self.toolchain));
        shown.push(Shown::named(&self.below, BELOW));
        shown
    }
}

/// Where a cell has the three folders.
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

/// The step that says whether a part's sources are formatted.
pub(super) fn rustfmt(recipe: &Recipe, part: &str, folders: &Folders) -> Command {
    let mut command = Command::new(recipe.toolchain.join("bin/rustfmt"));
    let library = folders.course.join("exercises").join(part).join("src/lib.rs");
    command.args(["--check", "--edition", "2024", "--color", "never", "--config-path"]);
    command.arg(folders.course.join("rustfmt.toml")).arg(library).current_dir(&folders.course);
    command
}

/// The step that says what clippy finds in a part.
pub(super) fn clippy(recipe: &Recipe, library: &Call, folders: &Folders) -> Command {
    let mut call = library.clone();
    call.words.retain(|word| word != "--allow=warnings" && !word.starts_with("--emit"));
    call.words.insert(0, "rustc".to_owned());
    call.words.extend(["--emit=metadata", "--deny=warnings"].map(str::to_owned));
    recipe.step(&call, "clippy-driver", folders)
}
