//! `cargo lab compare`: the student's part beside ours, once it is done: in speed and in text.
//!
//! A machine is never quiet, so the two programs run in turn: ours, theirs, ours, theirs. A disturbance in a round
//! affects both, and the spread of the rounds shows how much a difference means.

use super::progress::Progress;
use crate::build::Build;
use crate::course::{Course, Lab};
use crate::judge::State;
use crate::tree;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How often each of the two is measured. Odd, so that there is a middle.
const ROUNDS: usize = 5;

/// How long one benchmark of one round is warmed up and measured, in seconds.
const WARM_UP: &str = "0.1";
const MEASURE: &str = "0.4";

/// Runs the part's benchmark on both, and shows how the files differ; or, with `only_text`, shows only that.
///
/// # Errors
/// If there is nothing to compare with, or the student's part is not done.
pub fn compare(course: &Course, lab: &Lab, only_text: bool) -> Result<()> {
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
    if !only_text {
        let ours = build(course, lab, false)?;
        let theirs = build(course, lab, true)?;
        let folder = tree::memory(&course.root)?.join("compare");
        let table = race(&ours, &theirs, &folder)?;
        println!("\n{table}");
    }
    println!("the differences, ours first:");
    let mut diff = Command::new("git");
    diff.args(["--no-pager", "diff", "--no-index", "--stat", "--patch"]);
    diff.arg(format!("solutions/{part}/src")).arg(format!("exercises/{part}/src"));
    // It exits with 1 when there are differences.
    if super::interactive(diff.current_dir(&course.root))? {
        println!("none");
    }
    Ok(())
}

/// Runs two programs made with criterion in turn, and returns a table of their times. `folder` is for what they write.
///
/// # Errors
/// If one of them fails, or writes nothing that can be read.
pub fn race(ours: &Path, theirs: &Path, folder: &Path) -> Result<String> {
    let mut times = Times::new();
    for round in 1..=ROUNDS {
        println!("round {round} of {ROUNDS} ...");
        for (side, program) in [ours, theirs].into_iter().enumerate() {
            for (name, nanoseconds) in measure(program, folder)? {
                times.entry(name).or_default()[side].push(nanoseconds);
            }
        }
    }
    Ok(table(&times))
}

/// For each row of a benchmark, the nanoseconds in each round, ours and theirs.
type Times = BTreeMap<String, [Vec<f64>; 2]>;

fn build(course: &Course, lab: &Lab, mine: bool) -> Result<PathBuf> {
    let (whose, name) = if mine { ("your", "mine") } else { ("our", "ours") };
    let line =
        format!("Building the benchmark of {whose} {}, optimized: about a minute the first time.", lab.part);
    let build = Build::bench(&lab.part, mine, &tree::target(&course.root));
    let built = build.run_and_say(&course.root, &format!("bench-{}-{name}", lab.part), &line)?;
    let program = built.bench(&lab.part).map(Path::to_owned);
    program.with_context(|| {
        let folder = if mine { "exercises" } else { "solutions" };
        let errors = built.errors.unwrap_or_default();
        format!("the benchmark of {folder}/{} does not compile\n{errors}", lab.part)
    })
}

/// Runs a benchmark once: the median time of each of its rows, in nanoseconds.
fn measure(program: &Path, folder: &Path) -> Result<BTreeMap<String, f64>> {
    let _ = fs::remove_dir_all(folder);
    let mut bench = Command::new(program);
    bench.args(["--bench", "--noplot", "--quiet", "--sample-size", "10"]);
    bench.args(["--warm-up-time", WARM_UP, "--measurement-time", MEASURE]);
    bench.env("CRITERION_HOME", folder).stdout(Stdio::null()).stderr(Stdio::piped());
    let output = bench.output().context("cannot run a benchmark")?;
    if !output.status.success() {
        bail!("a benchmark failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let mut medians = BTreeMap::new();
    collect(folder, &mut medians)?;
    Ok(medians)
}

/// Reads what criterion has written: for each row a folder with its name and its estimates.
fn collect(folder: &Path, medians: &mut BTreeMap<String, f64>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.ends_with("new") {
            let read = |name: &str| -> Result<Value> {
                serde_json::from_slice(&fs::read(path.join(name))?).context("criterion wrote no JSON")
            };
            let (row, estimates) = (read("benchmark.json")?, read("estimates.json")?);
            let name = row["full_id"].as_str().context("a row without a name")?;
            let median = estimates["median"]["point_estimate"].as_f64().context("a row without a median")?;
            medians.insert(name.to_owned(), median);
        } else if path.is_dir() {
            collect(&path, medians)?;
        }
    }
    Ok(())
}

/// One line for each row: the medians and their ratio, and the lowest and the highest ratio within a round.
fn table(times: &Times) -> String {
    let mut text =
        format!("{:40} {:>10} {:>10}   {}\n", "", "ours", "yours", "yours / ours (within a round)");
    for (name, [ours, theirs]) in times {
        let ratios: Vec<f64> = theirs.iter().zip(ours).map(|(theirs, ours)| theirs / ours).collect();
        let (low, _, high) = spread(&ratios);
        let (ours, theirs) = (spread(ours).1, spread(theirs).1);
        let (middle, ours, theirs) = (theirs / ours, time(ours), time(theirs));
        text += &format!("{name:40} {ours:>10} {theirs:>10}   {middle:.2} ({low:.2} to {high:.2})\n");
    }
    if times.keys().any(|name| name.contains("control")) {
        text += "\nA control is the standard library's on both sides: how far its ratio is from 1.00 is chance.\n";
    }
    text + "\nA ratio whose rounds lie on both sides of 1.00 is no difference.\n"
}

/// The least, the middle and the greatest.
fn spread(values: &[f64]) -> (f64, f64, f64) {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    match values[..] {
        [] => (f64::NAN, f64::NAN, f64::NAN),
        _ => (values[0], values[values.len() / 2], values[values.len() - 1]),
    }
}

fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        below if below < 1e3 => format!("{below:.1} ns"),
        below if below < 1e6 => format!("{:.2} us", below / 1e3),
        _ => format!("{:.2} ms", nanoseconds / 1e6),
    }
}
