//! `cargo lab run`: a stage's server with the student's parts.

use crate::build::clean_cargo;
use crate::course::{Course, Lab};
use crate::tree;
use anyhow::{Result, bail, ensure};
use std::io::IsTerminal;
use std::os::unix::process::CommandExt;

/// What to run.
#[derive(Debug)]
pub struct Serve {
    /// The stage, 1 to 6.
    pub stage: usize,
    /// The student's parts by name or number, or `all`.
    pub mine: Vec<String>,
    /// Optimized.
    pub release: bool,
    /// For the server.
    pub flags: Vec<String>,
}

/// Runs the server in place of this program. It returns only if that fails.
///
/// # Errors
/// If a part is not written yet, or is not one that the stage uses.
pub fn serve(course: &Course, serve: &Serve) -> Result<()> {
    let Some(stage) = course.labs.iter().find(|lab| lab.number == serve.stage).map(|lab| &lab.stage) else {
        bail!("there is no stage {}: they are 1 to 6", serve.stage);
    };
    let used = used_by(serve.stage);
    let mut mine: Vec<&str> = if serve.mine.iter().any(|name| name == "all") {
        used.to_vec()
    } else {
        let parts = serve.mine.iter().map(|name| Ok(course.lab(name)?.part.as_str()));
        parts.collect::<Result<_>>()?
    };
    for part in used.iter().copied().filter(|part| theirs_only(course, part)) {
        if !mine.contains(&part) {
            mine.push(part);
        }
    }
    for part in &mine {
        ensure!(
            used.contains(part),
            "stage {} does not use the part `{part}`; it uses {}",
            serve.stage,
            used.join(", ")
        );
        if let Some(missing) = unwritten(course, part)? {
            bail!("{missing}{}", instead(course, serve, used)?);
        }
    }
    let profile = if serve.release { "release" } else { "debug" };
    let built = tree::target(&course.root).join(profile).join(&stage.binary).exists();
    let mut command = clean_cargo();
    command.args(["run", "--package", &stage.package, "--bin", &stage.binary]);
    if !built {
        eprintln!("Building {}: about a minute the first time.", stage.binary);
    }
    // The first time, cargo shows its own progress on a terminal.
    if built || !std::io::stderr().is_terminal() {
        command.arg("--quiet");
    }
    if !mine.is_empty() {
        let features: Vec<String> = mine.iter().map(|part| format!("my-{part}")).collect();
        command.args(["--features", &features.join(",")]);
    }
    if serve.release {
        command.arg("--release");
    }
    command.arg("--").args(&serve.flags).current_dir(&course.root);
    println!(
        "{} with {}",
        stage.binary,
        if mine.is_empty() { "our parts only".to_owned() } else { format!("your {}", mine.join(", ")) }
    );
    Err(command.exec().into())
}

/// What to type if not all parts were meant: those that are written, with ours in the place of the others.
fn instead(course: &Course, serve: &Serve, used: &[&str]) -> Result<String> {
    let mut written = Vec::new();
    for &part in used {
        match unwritten(course, part)? {
            None => written.push(part),
            Some(_) if theirs_only(course, part) => return Ok(String::new()),
            Some(_) => {}
        }
    }
    let asked_for_all = serve.mine.iter().any(|name| name == "all");
    Ok(match written[..] {
        [] => String::new(),
        _ if !asked_for_all => String::new(),
        _ => format!(
            ".\nOr serve with what you have, and our parts for the rest: `cargo lab run {} --mine {}`",
            serve.stage,
            written.join(",")
        ),
    })
}

/// What keeps a lab's stage from being built: another part, of which there is no solution here, and that is not written.
///
/// # Errors
/// If the student's files cannot be read.
pub fn missing_beside(course: &Course, lab: &Lab) -> Result<Option<String>> {
    let others = used_by(lab.number).iter().filter(|part| **part != lab.part && theirs_only(course, part));
    for part in others {
        if let Some(missing) = unwritten(course, part)? {
            return Ok(Some(missing));
        }
    }
    Ok(None)
}

/// A copy for students has no parts of ours: there, theirs are all there is.
fn theirs_only(course: &Course, part: &str) -> bool {
    !course.root.join("solutions").join(part).exists()
}

/// That a student's part is not written yet, and what to do about it.
fn unwritten(course: &Course, part: &str) -> Result<Option<String>> {
    let lab = course.lab(part)?;
    let unwritten = tree::unwritten(lab, &tree::student_files(&course.root, lab)?);
    let sentence = format!(
        "your `{part}` is not written yet: {} of lab {} still say `todo!`. Go on with `cargo lab check {}`",
        unwritten.join(", "),
        lab.number,
        lab.number
    );
    Ok((!unwritten.is_empty()).then_some(sentence))
}

/// The parts that a stage is made of. From stage 3 on, the pool takes the place of a thread per connection.
fn used_by(stage: usize) -> &'static [&'static str] {
    match stage {
        1 => &["request"],
        2 => &["request", "threads"],
        3 => &["request", "queue"],
        4 => &["request", "queue", "cache"],
        5 => &["request", "queue", "cache", "stats"],
        _ => &["request", "queue", "cache", "stats", "prefork"],
    }
}
