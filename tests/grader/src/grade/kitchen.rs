//! Makes a recipe from what cargo built of our own solution, and from how it called the compiler.

use super::recipe::{Call, Recipe};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

/// The artifacts that cargo reported as built or up to date.
#[derive(Debug, Default)]
pub(super) struct Artifacts(Vec<Value>);

impl Artifacts {
    pub(super) fn add(&mut self, messages: &[u8]) {
        let lines = messages.split(|&byte| byte == b'\n').filter(|line| line.starts_with(b"{"));
        let read = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
        self.0.extend(read.filter(|message| message["reason"] == "compiler-artifact"));
    }

    /// The files of all artifacts.
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
    /// An empty folder for this lab.
    pub(super) folder: &'p Path,
}

impl Kitchen<'_> {
    fn deps(&self) -> PathBuf {
        self.target.join("debug/deps")
    }

    /// The recipe, or `None` if a call was not noted, because its crate was built by a cargo that did not note calls.
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

    /// The calls that built our own crates among the artifacts; `None` if one was not noted.
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

    /// The note of the call that built a file.
    fn note_of(&self, file: &Path) -> Option<PathBuf> {
        let stem = file.file_stem()?.to_string_lossy().into_owned();
        if file.parent()? == self.deps() {
            let stem = if file.extension().is_some() { stem.trim_start_matches("lib") } else { &stem };
            return Some(self.deps().join(format!("{stem}.call")));
        }
        // Cargo gives a program a second name without the hash, as a hard link.
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

    /// Copies the compiled libraries that these calls do not build, but not our own solution.
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

    /// The call with placeholders for folders, which each cell fills in, and without what only cargo needs.
    fn general(&self, call: &Call, again: &BTreeSet<&str>) -> Call {
        let deps = self.deps().display().to_string();
        let root = self.root.display().to_string();
        let mut words: Vec<String> = Vec::new();
        let mut given = call.words.iter().peekable();
        while let Some(word) = given.next() {
            let next = given.peek().map_or("", |next| next.as_str());
            match (word.as_str(), next) {
                // Submissions are not debugged here.
                ("-C", next) if next.starts_with("incremental=") || next.starts_with("debuginfo=") => {
                    let _ = given.next();
                }
                // Our own part, which nothing uses beside the student's.
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
        // One unit, because the other processors have submissions of their own.
        words.extend(
            ["-Ccodegen-units=1", "--error-format=human", "--color=never", "--allow=warnings"]
                .map(str::to_owned),
        );
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

/// The calls that compile the exercise, and those that need their results; each after the calls that it needs.
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

/// The path with `.` and `..` removed textually.
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
pub(super) fn toolchain(root: &Path) -> Result<PathBuf> {
    let output = Command::new("rustc").args(["--print", "sysroot"]).current_dir(root).output();
    let output = output.context("cannot run rustc")?;
    let text = String::from_utf8(output.stdout).context("the toolchain's path is not UTF-8")?;
    Ok(text.trim().into())
}
