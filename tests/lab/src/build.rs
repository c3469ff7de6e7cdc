//! Building tests and servers with cargo, and finding what it built.

use crate::course::{Kind, Lab};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What cargo built, or why it did not.
#[derive(Debug)]
pub enum Built {
    /// The executables, by the name of their target.
    Executables(BTreeMap<String, PathBuf>),
    /// What the compiler said.
    Errors(String),
}

/// A call of cargo that ends in executables.
#[derive(Debug, Clone)]
pub struct Build {
    command: Vec<String>,
    target: PathBuf,
}

impl Build {
    /// The tests of a lab's own package: suite, models and hunts.
    pub fn tests(lab: &Lab, target: &Path) -> Build {
        Build::new(&["test", "--no-run", "--lib", "--test", "*", "--package", &lab.package()], target)
    }

    /// The server of the lab's stage, with these parts of the student.
    pub fn server(package: &str, binary: &str, mine: &[&str], target: &Path) -> Build {
        let features: Vec<String> = mine.iter().map(|part| format!("my-{part}")).collect();
        Build::new(
            &["build", "--package", package, "--bin", binary, "--features", &features.join(",")],
            target,
        )
    }

    /// The end-to-end tests of the lab's stage.
    pub fn stage_tests(lab: &Lab, target: &Path) -> Build {
        Build::new(&["test", "--no-run", "--test", "e2e", "--package", &lab.stage.package], target)
    }

    fn new(arguments: &[&str], target: &Path) -> Build {
        let mut command: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        command.extend(["--message-format", "json-render-diagnostics", "--quiet"].map(str::to_owned));
        Build { command, target: target.to_owned() }
    }

    /// Adds an argument.
    pub fn with(mut self, argument: &str) -> Build {
        self.command.push(argument.to_owned());
        self
    }

    /// The words after `cargo`.
    pub fn arguments(&self) -> &[String] {
        &self.command
    }

    /// The command, to be run in the root of the tree.
    pub fn command(&self, root: &Path) -> Command {
        let mut command = Command::new(cargo());
        command.args(&self.command).current_dir(root).env("CARGO_TARGET_DIR", &self.target);
        // What cargo says of one crate of the tree does not hold for another.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("CARGO_PKG_")
                || name.starts_with("CARGO_MANIFEST_")
                || name.starts_with("CARGO_BIN_")
            {
                command.env_remove(name);
            }
        }
        command.stdin(Stdio::null());
        command
    }

    /// Builds.
    ///
    /// # Errors
    /// If cargo cannot be run. Errors of the compiler are [`Built::Errors`].
    pub fn run(&self, root: &Path) -> Result<Built> {
        let output = self.command(root).output().context("cannot run cargo")?;
        if !output.status.success() {
            return Ok(Built::Errors(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        Ok(Built::Executables(executables(&output.stdout)?))
    }
}

/// The cargo that runs this program, or the one in the path.
pub fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// The executables that cargo's messages name, by the name of their target: `suite`, `hunts`, `queue`, `stage3`.
///
/// # Errors
/// If a line is no message.
pub fn executables(messages: &[u8]) -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    for line in messages.split(|&byte| byte == b'\n').filter(|line| line.starts_with(b"{")) {
        let message: Value = serde_json::from_slice(line).context("cargo says something unreadable")?;
        if let Some(path) = message["executable"].as_str() {
            let name = message["target"]["name"].as_str().unwrap_or_default();
            found.insert(name.to_owned(), PathBuf::from(path));
        }
    }
    if found.is_empty() {
        bail!("cargo built nothing");
    }
    Ok(found)
}

/// Which executable holds the tests of a kind.
pub fn target_of(kind: Kind, lab: &Lab) -> &str {
    match kind {
        Kind::Suite => "suite",
        Kind::Model => &lab.part,
        Kind::Hunt => "hunts",
        Kind::Stage => "e2e",
    }
}
