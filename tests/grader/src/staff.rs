//! Tests and points that are not in the public repository: `cargo lab grade --staff DIR`.
//!
//! ```text
//!   staff.toml            further tasks, what they are worth, and what other tasks lose for it
//!   suites/<part>.rs      their tests, through the part's public interface
//!   models/<part>.rs      their models
//!   wrong/<part>.toml     mistakes that they must find, as in tests/submissions: see `rehearsal`
//! ```
//!
//! Every mistake in the folder that can be found without building is reported first, in one sentence.

mod checks;

use crate::points::{Points, PointsTable};
use anyhow::{Context, Result, ensure};
use lab::course::Course;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// What is in an instructor's folder.
#[derive(Debug)]
pub struct Staff {
    folder: PathBuf,
    sheet: Sheet,
}

/// `staff.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sheet {
    /// New points for tasks of the course.
    #[serde(default)]
    points: BTreeMap<String, u32>,
    #[serde(default)]
    task: Vec<StaffTask>,
}

/// A further task.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StaffTask {
    id: String,
    name: String,
    #[serde(default)]
    needs: Vec<String>,
    /// `suite NAME` or `model NAME`.
    tests: Vec<String>,
    points: u32,
    /// Whether it is shown before the deadline.
    #[serde(default)]
    visible: bool,
    #[serde(default)]
    free: u32,
}

/// The folders of tests, and what a task calls a test in each.
const SORTS: [(&str, &str); 2] = [("suites", "suite"), ("models", "model")];
/// The folder of wrong submissions.
pub(crate) const WRONG: &str = "wrong";

impl StaffTask {
    fn lab(&self) -> &str {
        lab_of(&self.id)
    }
}

fn lab_of(id: &str) -> &str {
    id.split('.').next().unwrap_or(id)
}

impl Staff {
    /// Reads a folder.
    ///
    /// # Errors
    /// If it does not fit the course: the first thing that is wrong with it, in one sentence.
    pub fn load(course: &Course, folder: &Path) -> Result<Staff> {
        ensure!(folder.is_dir(), "{} is not a folder", folder.display());
        let path = folder.join("staff.toml");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let sheet = parse_toml(&path, &text)?;
        let staff = Staff { folder: folder.canonicalize()?, sheet };
        staff.check_tasks(course).with_context(|| path.display().to_string())?;
        for (sort, word) in SORTS {
            staff.check_files(course, sort, "rs")?;
            for lab in &course.labs {
                staff.check_tests(lab, sort, word)?;
            }
        }
        staff.check_files(course, WRONG, "toml")?;
        Ok(staff)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The ids of its tasks.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.sheet.task.iter().map(|task| task.id.as_str())
    }

    /// The points of all tasks, including this folder's.
    ///
    /// # Errors
    /// If a task does not exist, or if a lab's points do not have the same sum as without the folder.
    pub fn points(&self, public: &PointsTable) -> Result<PointsTable> {
        let mut table = public.clone();
        for (id, points) in &self.sheet.points {
            table.task.get_mut(id).with_context(|| format!("there is no task {id}"))?.points = *points;
        }
        for StaffTask { id, points, visible, free, .. } in &self.sheet.task {
            table.task.insert(id.clone(), Points { points: *points, visible: *visible, free: *free });
        }
        let sums = |table: &PointsTable| {
            table.task.iter().fold(BTreeMap::new(), |mut sums, (id, points)| {
                *sums.entry(lab_of(id).to_owned()).or_insert(0) += points.points;
                sums
            })
        };
        for ((lab, with), (_, without)) in sums(&table).into_iter().zip(sums(public)) {
            ensure!(
                with == without,
                "{}: the points of lab {lab} add up to {with} with these, and to {without} in tests/points.toml: change \
                 those of other tasks under [points]",
                self.folder.join("staff.toml").display()
            );
        }
        Ok(table)
    }

    /// Puts the tasks and their tests into a copy of the course.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn merge_into(&self, course: &mut Course) -> Result<()> {
        let root = course.root.clone();
        for lab in &course.labs {
            for (sort, _) in SORTS {
                let from = self.folder.join(sort).join(&lab.part).with_extension("rs");
                if from.exists() {
                    let tests = root.join("tests").join(sort);
                    fs::create_dir_all(tests.join("staff"))?;
                    fs::copy(&from, tests.join("staff").join(&lab.part).with_extension("rs"))
                        .with_context(|| format!("cannot copy {}", from.display()))?;
                    let module = format!("\n#[path = \"staff/{}.rs\"]\nmod staff;\n", lab.part);
                    append(&tests.join(&lab.part).with_extension("rs"), &module)?;
                }
            }
            let of_lab = |task: &&StaffTask| task.lab() == lab.number.to_string();
            let tasks: String = self.sheet.task.iter().filter(of_lab).map(entry).collect();
            append(&root.join("tests/labs").join(&lab.part).with_extension("toml"), &tasks)?;
        }
        *course = Course::load(&root)?;
        Ok(())
    }

    /// The error of a build; if this folder's files caused it, the first thing that the compiler said about them.
    pub fn blame(&self, error: anyhow::Error) -> anyhow::Error {
        let text = format!("{error:#}");
        let mut said = "";
        for line in text.lines() {
            if line.starts_with("error") {
                said = line;
            }
            let place = line.trim_start().strip_prefix("--> ").and_then(|place| place.split_once("/staff/"));
            if let Some((before, place)) = place.filter(|_| !said.is_empty()) {
                let sort = before.rsplit('/').next().unwrap_or_default();
                let file = self.folder.join(sort).join(place);
                return anyhow::anyhow!("{} does not compile with our own part: {said}", file.display());
            }
        }
        error
    }
}

/// Reads a file of the folder.
///
/// # Errors
/// If it is not what it should be: in one sentence, with the line.
pub(crate) fn parse_toml<T: for<'t> Deserialize<'t>>(path: &Path, text: &str) -> Result<T> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        anyhow::anyhow!("{}, line {line}: {}", path.display(), error.message().replace('\n', "; "))
    })
}

/// A task in the format of `tests/labs`. A string of JSON is one of TOML.
fn entry(task: &StaffTask) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let list = |texts: Vec<String>| texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", ");
    // The tests are in a module of their own.
    let tests = task.tests.iter().map(|test| test.replacen(' ', " staff::", 1)).collect();
    let mut text =
        format!("\n[[task]]\nid = {}\nname = {}\ngoal = \"\"\n", quoted(&task.id), quoted(&task.name));
    writeln!(text, "needs = [{}]\ntests = [{}]", list(task.needs.clone()), list(tests)).expect("a string");
    text
}

fn append(path: &Path, text: &str) -> Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let old = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    fs::write(path, old + text).with_context(|| format!("cannot write {}", path.display()))
}
