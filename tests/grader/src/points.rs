//! What each task is worth, from `tests/points.toml`.

use anyhow::{Context, Result, ensure};
use lab::course::Course;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;

/// Points of one task, from `tests/points.toml`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Points {
    /// How many.
    pub points: u32,
    /// Whether the student may see the result before the deadline.
    #[serde(default = "yes")]
    pub visible: bool,
    /// How many of its tests pass on the exercise as it is handed out, and so earn nothing.
    #[serde(default)]
    pub free: u32,
}

fn yes() -> bool {
    true
}

/// What everything is worth.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointsTable {
    /// By task, such as `3.2`.
    pub task: BTreeMap<String, Points>,
    /// How much of its points a task's passing tests earn while it is not done, in percent. 0: all or nothing.
    pub partly: u32,
    /// Points for a lab whose files are formatted as by `cargo fmt`. 0: not checked.
    pub formatted: u32,
    /// Points for a lab in which clippy finds nothing. 0: not checked.
    pub clippy: u32,
}

/// What the tasks are worth.
///
/// # Errors
/// If `tests/points.toml` is not a table of points for exactly the tasks that there are.
pub fn points(course: &Course) -> Result<PointsTable> {
    let path = course.root.join("tests/points.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let table: PointsTable = toml::from_str(&text).context("tests/points.toml is not a table of points")?;
    ensure!(
        table.partly <= 100,
        "tests/points.toml: partly is {}, and cannot be more than 100",
        table.partly
    );
    let tasks = course.labs.iter().flat_map(|lab| &lab.tasks);
    for task in tasks.clone() {
        ensure!(table.task.contains_key(&task.id), "tests/points.toml has no points for task {}", task.id);
    }
    for id in table.task.keys() {
        ensure!(
            tasks.clone().any(|task| task.id == *id),
            "tests/points.toml has points for {id}, which is no task"
        );
    }
    Ok(table)
}
