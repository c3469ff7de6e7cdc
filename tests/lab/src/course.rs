//! What the runner knows about each lab: its tasks, their holes, their tests, their hints.
//!
//! It is written down in `tests/labs/<part>.toml`, one file per lab. Points are in `tests/points.toml`.

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The parts in the order of their labs: lab 1 is the first.
pub const PARTS: [&str; 6] = ["request", "threads", "queue", "cache", "stats", "prefork"];

/// All labs of a checkout.
#[derive(Debug)]
pub struct Course {
    /// The root of the workspace.
    pub root: PathBuf,
    /// The labs, the first one first.
    pub labs: Vec<Lab>,
}

/// A lab, as its file describes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lab {
    /// From 1; also the number of the book's chapter.
    pub number: usize,
    /// The part that is written, such as `queue`.
    pub part: String,
    /// What `cargo lab` calls it.
    pub title: String,
    /// The server that runs with this part.
    pub stage: Stage,
    /// Private items of the solution that the exercise lacks altogether: `file: Type::function`.
    #[serde(default)]
    pub leave_out: Vec<String>,
    /// The tasks, in the order in which they are best done.
    #[serde(rename = "task")]
    pub tasks: Vec<Task>,
    /// For those who want more. Not graded.
    #[serde(default, rename = "stretch")]
    pub stretches: Vec<Stretch>,
}

/// A stage of the server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Its package, such as `stage3-queue`.
    pub package: String,
    /// Its program, such as `stage3`.
    pub binary: String,
}

/// A task of a lab: about a quarter of an hour.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Such as `3.2`.
    pub id: String,
    /// What it is about, in a few words.
    pub name: String,
    /// What is true when it is done, in a sentence.
    pub goal: String,
    /// The section of the lab's chapter that explains it.
    pub book: String,
    /// Tasks of this lab whose code the tests of this one also run through.
    pub needs: Vec<String>,
    /// The functions that the student writes.
    #[serde(default)]
    pub holes: Vec<Hole>,
    /// The broken part that the student repairs, if the task is a hunt.
    pub hunt: Option<Hunt>,
    /// Which tests decide: `suite`, `model`, `hunt` or `stage`, and a test's path or a prefix that ends in `::`.
    pub tests: Vec<String>,
    /// From a nudge to nearly the answer.
    pub hints: Vec<String>,
}

/// A function whose body is the student's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hole {
    /// `file: Type::function` or `file: function`, beneath `src/`.
    pub at: String,
    /// The task in words.
    pub todo: String,
}

/// How a broken part differs from the repaired one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hunt {
    /// The file beneath `hunts/`.
    pub file: String,
    /// Lines that occur once in the repaired file.
    pub right: String,
    /// What the student finds in their place.
    pub wrong: String,
}

/// A task beyond the lab.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stretch {
    /// In a few words.
    pub name: String,
    /// What to try.
    pub text: String,
}

/// Where a test is compiled into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `tests/suites`: with real threads and processes, against the public interface.
    Suite,
    /// `tests/models`: every interleaving, with loom.
    Model,
    /// `tests/hunts`.
    Hunt,
    /// `tests/e2e`: against the stage's server, in a process of its own.
    Stage,
}

/// Points of one task, from `tests/points.toml`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Points {
    /// How many.
    pub points: u32,
    /// Whether the student may see the result before the deadline.
    #[serde(default = "yes")]
    pub visible: bool,
}

fn yes() -> bool {
    true
}

/// What everything is worth.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointsTable {
    /// By task, such as `3.2`.
    pub task: BTreeMap<String, Points>,
    /// For a lab whose files are formatted as `cargo fmt` does it. 0: not looked at.
    pub formatted: u32,
    /// For a lab in which clippy finds nothing. 0: not looked at.
    pub clippy: u32,
}

impl Course {
    /// Reads the labs of the checkout at `root`.
    ///
    /// # Errors
    /// If a file is missing or does not hold what it should.
    pub fn load(root: &Path) -> Result<Course> {
        let mut labs = Vec::new();
        for (part, number) in PARTS.into_iter().zip(1..) {
            let path = root.join("tests/labs").join(format!("{part}.toml"));
            let Ok(text) = fs::read_to_string(&path) else { continue };
            let lab: Lab =
                toml::from_str(&text).with_context(|| format!("{} is not a lab", path.display()))?;
            ensure!(
                (lab.number, lab.part.as_str()) == (number, part),
                "{} names another lab",
                path.display()
            );
            labs.push(lab);
        }
        Ok(Course { root: root.to_owned(), labs })
    }

    /// The lab that somebody means by `3` or `queue`.
    ///
    /// # Errors
    /// If there is none.
    pub fn lab(&self, name: &str) -> Result<&Lab> {
        let found = self.labs.iter().find(|lab| lab.number.to_string() == name || lab.part == name);
        found.with_context(|| {
            format!(
                "there is no lab `{name}`: they are 1 to {}, or by part {}",
                PARTS.len(),
                PARTS.join(", ")
            )
        })
    }

    /// The task with this id, and its lab.
    ///
    /// # Errors
    /// If there is none.
    pub fn task(&self, id: &str) -> Result<(&Lab, &Task)> {
        let (lab, _) =
            id.split_once('.').with_context(|| format!("`{id}` is not a task: those look like 3.2"))?;
        let lab = self.lab(lab)?;
        let task = lab.tasks.iter().find(|task| task.id == id);
        let last = lab.tasks.last().map_or("", |task| task.id.as_str());
        Ok((
            lab,
            task.with_context(|| {
                format!("there is no task {id}: lab {} has {}.1 to {last}", lab.number, lab.number)
            })?,
        ))
    }

    /// What the tasks are worth.
    ///
    /// # Errors
    /// If `tests/points.toml` is not a table of points for exactly the tasks that there are.
    pub fn points(&self) -> Result<PointsTable> {
        let path = self.root.join("tests/points.toml");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let table: PointsTable =
            toml::from_str(&text).context("tests/points.toml is not a table of points")?;
        let tasks = self.labs.iter().flat_map(|lab| &lab.tasks);
        for task in tasks.clone() {
            ensure!(
                table.task.contains_key(&task.id),
                "tests/points.toml has no points for task {}",
                task.id
            );
        }
        for id in table.task.keys() {
            ensure!(
                tasks.clone().any(|task| task.id == *id),
                "tests/points.toml has points for {id}, which is no task"
            );
        }
        Ok(table)
    }
}

impl Lab {
    /// The folder of the student's part.
    pub fn exercise(&self, root: &Path) -> PathBuf {
        root.join("exercises").join(&self.part)
    }

    /// The ids of all tasks that a task needs, directly or not.
    pub fn needed_by<'l>(&'l self, task: &'l Task) -> Vec<&'l str> {
        let mut needed: Vec<&str> = task.needs.iter().map(String::as_str).collect();
        let mut at = 0;
        while let Some(id) = needed.get(at).copied() {
            let more = self.tasks.iter().filter(|task| task.id == id).flat_map(|task| &task.needs);
            for id in more {
                if !needed.contains(&id.as_str()) {
                    needed.push(id);
                }
            }
            at += 1;
        }
        needed
    }

    /// The package of the student's part.
    pub fn package(&self) -> String {
        format!("my-{}", self.part)
    }
}

impl Task {
    /// The tests that decide about this task, of those of one kind.
    pub fn decided_by(&self, kind: Kind, test: &str) -> bool {
        self.patterns().any(|(k, pattern)| {
            k == kind && (pattern == test || pattern.ends_with("::") && test.starts_with(pattern))
        })
    }

    /// The kinds of tests that decide about this task.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.patterns().map(|(kind, _)| kind)
    }

    fn patterns(&self) -> impl Iterator<Item = (Kind, &str)> {
        self.tests.iter().filter_map(|entry| {
            let (kind, pattern) = entry.split_once(' ')?;
            Some((Kind::named(kind).ok()?, pattern))
        })
    }
}

impl Kind {
    /// The kind with this name in a lab's file.
    ///
    /// # Errors
    /// If there is none.
    pub fn named(name: &str) -> Result<Kind> {
        Ok(match name {
            "suite" => Kind::Suite,
            "model" => Kind::Model,
            "hunt" => Kind::Hunt,
            "stage" => Kind::Stage,
            _ => bail!("`{name}` is no kind of test"),
        })
    }
}
