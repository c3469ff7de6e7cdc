//! Building tests and servers with cargo, and finding what it built.

use crate::course::{Kind, Lab};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What cargo built. A program that does not compile is missing; the others are there.
#[derive(Debug, Default)]
pub struct Built {
    /// The executables, by kind of target and name.
    programs: BTreeMap<(String, String), PathBuf>,
    /// What the compiler said, if a program is missing.
    pub errors: Option<String>,
}

impl Built {
    /// The tests of a kind, if they compile.
    pub fn tests(&self, kind: Kind, lab: &Lab) -> Option<&Path> {
        let (sort, name) = match kind {
            Kind::Suite => ("test", "suite"),
            Kind::Model => ("lib", lab.part.as_str()),
            Kind::Hunt => ("test", "hunts"),
            Kind::Prove => ("test", "prove"),
            Kind::Stage => ("test", "e2e"),
        };
        self.program(sort, name)
    }

    /// The server with this name, if it compiles.
    pub fn server(&self, binary: &str) -> Option<&Path> {
        self.program("bin", binary)
    }

    /// The benchmark of a part, if it compiles.
    pub fn bench(&self, part: &str) -> Option<&Path> {
        self.program("bench", part)
    }

    fn program(&self, sort: &str, name: &str) -> Option<&Path> {
        self.programs.get(&(sort.to_owned(), name.to_owned())).map(PathBuf::as_path)
    }
}

/// A call of cargo that ends in executables.
#[derive(Debug, Clone)]
pub struct Build {
    command: Vec<String>,
    target: PathBuf,
}

impl Build {
    /// The tests of a lab's own package: suite, models, hunts, and the tests of the student's models.
    pub fn tests(lab: &Lab, target: &Path) -> Build {
        Build::new(&["build", "--tests", "--keep-going", "--package", &lab.package()], target)
    }

    /// Only the lab's tests of these kinds.
    pub fn tests_of(lab: &Lab, kinds: impl IntoIterator<Item = Kind>, target: &Path) -> Build {
        let package = lab.package();
        let mut words = vec!["test", "--no-run", "--package", &package];
        for kind in kinds {
            words.extend_from_slice(match kind {
                Kind::Suite => &["--test", "suite"],
                Kind::Model => &["--lib"],
                Kind::Hunt => &["--test", "hunts"],
                Kind::Prove => &["--test", "prove"],
                Kind::Stage => &[],
            });
        }
        Build::new(&words, target)
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
        Build::new(&["build", "--test", "e2e", "--package", &lab.stage.package], target)
    }

    /// A part's benchmark, with our part or with the student's.
    pub fn bench(part: &str, mine: bool, target: &Path) -> Build {
        let feature = if mine { format!("my-{part}") } else { String::new() };
        Build::new(
            &["bench", "--no-run", "--package", "benches", "--bench", part, "--features", &feature],
            target,
        )
    }

    fn new(arguments: &[&str], target: &Path) -> Build {
        let command = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Build { command, target: target.to_owned() }
    }

    /// Without a network, and with the versions of the lock file.
    pub fn offline(mut self) -> Build {
        self.command.extend(["--offline", "--locked"].map(str::to_owned));
        self
    }

    /// The command, to be run in the root of the tree.
    pub fn command(&self, root: &Path) -> Command {
        self.with(&["--quiet", "--message-format", "json-render-diagnostics"], root)
    }

    fn with(&self, more: &[&str], root: &Path) -> Command {
        let mut command = clean_cargo();
        command.args(&self.command).args(more).current_dir(root).env("CARGO_TARGET_DIR", &self.target);
        command.stdin(Stdio::null());
        command
    }

    /// Builds.
    ///
    /// # Errors
    /// If cargo cannot be run. What the compiler finds is in [`Built::errors`].
    pub fn run(&self, root: &Path) -> Result<Built> {
        let output = self.command(root).output().context("cannot run cargo")?;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        Built::from_messages(&output.stdout, output.status.success(), errors)
    }

    /// Builds, and prints `line` before the first build, which takes a while. On a terminal, cargo's progress bar shows
    /// as well. `name` tells this build from others in the same folder.
    ///
    /// # Errors
    /// If cargo cannot be run. What the compiler finds is in [`Built::errors`].
    pub fn run_and_say(&self, root: &Path, name: &str, line: &str) -> Result<Built> {
        let folder = self.target.join("lab/built");
        let mark = folder.join(name);
        if !mark.exists() {
            eprintln!("{line}");
            if std::io::stderr().is_terminal() {
                // This run is only for its progress bar: cargo repeats the compiler's messages in the run below.
                let mut shown = self.with(&["--message-format", "json"], root);
                shown.stdout(Stdio::null()).status().context("cannot run cargo")?;
            }
        }
        let built = self.run(root)?;
        if built.errors.is_none() {
            fs::create_dir_all(&folder)
                .and_then(|()| fs::write(&mark, ""))
                .context("cannot remember a build")?;
        }
        Ok(built)
    }
}

impl Built {
    /// Reads what cargo wrote with `--message-format json-render-diagnostics`.
    ///
    /// # Errors
    /// If a line is no message.
    pub fn from_messages(messages: &[u8], succeeded: bool, errors: String) -> Result<Built> {
        let mut built = Built::default();
        for line in messages.split(|&byte| byte == b'\n').filter(|line| line.starts_with(b"{")) {
            let message: Value = serde_json::from_slice(line).context("cargo says something unreadable")?;
            if let Some(path) = message["executable"].as_str() {
                let target = &message["target"];
                let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                built.programs.insert((word(&target["kind"][0]), word(&target["name"])), path.into());
            }
        }
        built.errors = (!succeeded).then_some(errors);
        Ok(built)
    }

    /// Copies the executables to a folder, where the next build does not overwrite them.
    ///
    /// # Errors
    /// If one cannot be copied.
    pub fn kept_in(mut self, folder: &Path) -> Result<Built> {
        for ((sort, name), path) in &mut self.programs {
            let copy = folder.join(format!("{name}-{sort}"));
            // Removed and not overwritten, because it may be running. And copied by another process: a child that
            // another thread forks in the meantime would inherit the open file, and a file that is open for writing
            // cannot be run (execve(2), ETXTBSY).
            let _ = std::fs::remove_file(&copy);
            let status = Command::new("cp").arg("--").arg(&*path).arg(&copy).status();
            ensure!(status.is_ok_and(|status| status.success()), "cannot copy {}", path.display());
            *path = copy;
        }
        Ok(self)
    }
}

/// A call of cargo without the variables that an outer cargo has set for the crate that it runs.
pub fn clean_cargo() -> Command {
    let mut command = Command::new(cargo());
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"].iter().any(|of| name.starts_with(of)) {
            command.env_remove(name);
        }
    }
    command
}

/// The cargo that runs this program, or the one in the path.
pub fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// The grader, which only teachers need: a command that builds and runs it. The first time this prints a line, because
/// the screen would otherwise stay empty for a while.
///
/// # Errors
/// In a copy for students, which has no grader.
pub fn grader(root: &Path) -> Result<Command> {
    ensure!(has_grader(root), "this is for teachers: a copy of the course for students has no grader");
    let built = std::env::current_exe().is_ok_and(|own| own.with_file_name("grader").exists());
    if !built {
        eprintln!("Building the grader: about half a minute the first time.");
    }
    let mut command = clean_cargo();
    command.args(["run", "--manifest-path"]).arg(root.join("Cargo.toml"));
    // The first time, cargo shows its own progress on a terminal.
    if built || !std::io::stderr().is_terminal() {
        command.arg("--quiet");
    }
    command.args(["--package", "grader", "--bin", "grader", "--"]);
    Ok(command)
}

/// Whether this copy of the course can grade.
pub fn has_grader(root: &Path) -> bool {
    root.join("tests/grader").exists()
}
