//! `cargo lab compare`: the student's part beside ours, in speed and, once it is done, in text.

use super::progress::Progress;
use crate::build::cargo;
use crate::course::{Course, Lab};
use crate::judge::State;
use anyhow::{Result, ensure};
use std::process::Command;

/// Runs the part's benchmark on both, and shows how the files differ if the lab is done.
///
/// # Errors
/// If there is nothing to compare with, or the student's part is not done.
pub fn compare(course: &Course, lab: &Lab) -> Result<()> {
    let part = &lab.part;
    let solution = course.root.join("solutions").join(part);
    ensure!(
        solution.exists(),
        "this copy of the course has no solution of lab {} to compare with",
        lab.number
    );
    let states = Progress::load(&course.root)?.states(&course.root, lab)?;
    let written = states.iter().filter(|(task, _)| !task.holes.is_empty());
    ensure!(
        written.clone().all(|(_, state)| *state == Some(State::Done)),
        "a part is compared when it works: cargo lab check {}",
        lab.number
    );
    for (package, keep) in [(part.clone(), "--save-baseline"), (lab.package(), "--baseline")] {
        println!("\n== {}", if keep == "--baseline" { "yours, compared with ours" } else { "ours" });
        let mut bench = Command::new(cargo());
        bench.args([
            "bench",
            "--quiet",
            "--package",
            &package,
            "--bench",
            part,
            "--",
            keep,
            "ours",
            "--noplot",
        ]);
        ensure!(super::interactive(bench.current_dir(&course.root))?, "the benchmark of {package} failed");
    }
    println!("\n== the differences, ours first");
    let mut diff = Command::new("git");
    diff.args(["--no-pager", "diff", "--no-index", "--stat", "--patch"]);
    diff.arg(format!("solutions/{part}/src")).arg(format!("exercises/{part}/src"));
    // It exits with 1 when there are differences.
    super::interactive(diff.current_dir(&course.root))?;
    Ok(())
}
