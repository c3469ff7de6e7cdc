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
    /// Build an optimized server.
    pub release: bool,
    /// Flags for the server.
    pub flags: Vec<String>,
}

/// Replaces this process by the server. It returns only if that fails.
///
/// # Errors
/// If a part is not written yet, or is not one that the stage uses.
pub fn serve(course: &Course, serve: &Serve) -> Result<()> {
    let Some(stage) = course.labs.iter().find(|lab| lab.number == serve.stage).map(|lab| &lab.stage) else {
        bail!("there is no stage {}: the stages are 1 to 6", serve.stage);
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

/// What to type if not all parts were meant: the written ones, with ours for the rest.
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

/// What keeps a lab's stage from being built: another part that is not written, and that has no solution here.
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

/// Whether only the student's part exists, as in a copy for students, which has no solutions.
fn theirs_only(course: &Course, part: &str) -> bool {
    !course.root.join("solutions").join(part).exists()
}

/// The sentence that a student's part is not written yet, and what to do about it; `None` if it is.
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

/// The parts that a stage is made of. From stage 3 on, the pool replaces a thread per connection, so `threads` is not
/// used.
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A checkout of labs 1 and 3, with our parts, in which the student has written only the first.
    fn checkout() -> (tempfile::TempDir, Course) {
        let folder = tempfile::tempdir().expect("a folder");
        for (part, number, text) in
            [("request", 1, "fn f() {}"), ("queue", 3, "fn f() { todo!(\"Lab 3.1: t\") }")]
        {
            let put = |name: String, text: &str| {
                let path = folder.path().join(name);
                fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
                fs::write(path, text).expect("a file");
            };
            let lab = format!(
                "number = {number}\npart = '{part}'\ntitle = 't'\nstage = {{ package = 'p', binary = 'b' }}\n\
                 [[task]]\nid = '{number}.1'\nname = 'n'\ngoal = 'g'\nholes = [{{ at = 'lib.rs: f', todo = 't' }}]\n"
            );
            put(format!("tests/labs/{part}.toml"), &lab);
            put(format!("exercises/{part}/src/lib.rs"), text);
            put(format!("solutions/{part}/src/lib.rs"), "fn f() {}");
        }
        let course = Course::load(folder.path()).expect("a course");
        (folder, course)
    }

    fn refusal(course: &Course, mine: &str) -> String {
        let order = Serve { stage: 3, mine: vec![mine.to_owned()], release: false, flags: Vec::new() };
        serve(course, &order).expect_err("the queue is not written").to_string()
    }

    #[test]
    fn who_names_no_parts_is_told_what_to_type_for_those_that_are_written() {
        let (folder, course) = checkout();
        let told = refusal(&course, "all");
        assert!(told.contains("`cargo lab run 3 --mine request`"), "{told}");
        let told = refusal(&course, "queue");
        assert!(!told.contains("--mine"), "it was asked for by name: {told}");
        fs::remove_dir_all(folder.path().join("solutions")).expect("a folder");
        let told = refusal(&course, "all");
        assert!(!told.contains("--mine"), "without our parts there is nothing to serve with: {told}");
    }
}
