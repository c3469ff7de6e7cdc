//! What `cargo lab` knows about each lab: its tasks, their holes, their tests, their hints.
//!
//! It is written down in `tests/labs/<part>.toml`, one file per lab.

use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

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
#[derive(Debug)]
pub struct Lab {
    /// From 1; also the number of the book's chapter.
    pub number: usize,
    /// The part that is written, such as `queue`.
    pub part: String,
    /// Its title in `cargo lab`.
    pub title: String,
    /// The server that runs with this part.
    pub stage: Stage,
    /// Private items of the solution that the exercise does not have: `file: Type::function`.
    pub leave_out: Vec<String>,
    /// The tasks, in the order in which they are best done.
    pub tasks: Vec<Task>,
    /// Further exercises. Not graded.
    pub stretches: Vec<Stretch>,
}

/// A stage of the server.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Its package, such as `stage3-queue`.
    pub package: String,
    /// Its program, such as `stage3`.
    pub binary: String,
}

/// A task of a lab: about a quarter of an hour.
#[derive(Debug)]
pub struct Task {
    /// Such as `3.2`.
    pub id: String,
    /// What it is about, in a few words. With the id it heads a section of the lab's page in the book.
    pub name: String,
    /// What is true when it is done, in a sentence.
    pub goal: String,
    /// Tasks of this lab whose code the tests of this task also run.
    pub needs: Vec<String>,
    /// The functions that the student writes.
    pub holes: Vec<Hole>,
    /// Functions that an earlier task asks for and this one asks to change: `file: Type::function`.
    pub extends: Vec<String>,
    /// The broken part that the student repairs, if the task is a hunt.
    pub hunt: Option<Hunt>,
    /// The tests that decide, in the order in which their promises are taught: `suite`, `model`, `hunt`, `prove` or
    /// `stage`, and a test's path, or a prefix that ends in `::` if the table of sentences does not ask for each test. The
    /// first one that fails is shown.
    pub tests: Vec<String>,
    /// From a nudge to nearly the answer.
    pub hints: Vec<String>,
}

/// A function whose body is the student's.
#[derive(Debug)]
pub struct Hole {
    /// `file: Type::function` or `file: function`, beneath `src/`; a model that the student writes is `prove/file`.
    pub at: String,
    /// The task in words.
    pub todo: String,
}

/// How a broken part differs from the repaired one.
#[derive(Debug)]
pub struct Hunt {
    /// The file beneath `hunts/`.
    pub file: String,
    /// Lines that occur once in the repaired file.
    pub right: String,
    /// What the student finds instead of them.
    pub wrong: String,
}

/// A further exercise.
#[derive(Debug)]
pub struct Stretch {
    /// Its name, in a few words.
    pub name: String,
    /// What to try.
    pub text: String,
}

/// The kind of program that a test is compiled into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `tests/suites`: with real threads and processes, against the public interface.
    Suite,
    /// `tests/models`: every interleaving, with loom.
    Model,
    /// `tests/hunts`.
    Hunt,
    /// `tests/prove`: the student's model, tried on right and broken parts.
    Prove,
    /// `tests/e2e`: against the stage's server, in a process of its own.
    Stage,
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
            let lab = toml::from_str(&text).map_err(Into::into).and_then(Lab::read);
            let lab = lab.with_context(|| format!("{} is not a lab", path.display()))?;
            ensure!(
                (lab.number, lab.part.as_str()) == (number, part),
                "{} names another lab",
                path.display()
            );
            labs.push(lab);
        }
        Ok(Course { root: root.to_owned(), labs })
    }

    /// The lab that `3` or `queue` names.
    ///
    /// # Errors
    /// If there is none.
    pub fn lab(&self, name: &str) -> Result<&Lab> {
        let found = self.labs.iter().find(|lab| lab.number.to_string() == name || lab.part == name);
        found.with_context(|| {
            format!("there is no lab `{name}`: the labs are 1 to {}, or {}", PARTS.len(), PARTS.join(", "))
        })
    }

    /// The lab, or the task of a lab, that `3`, `queue` or `3.2` names.
    ///
    /// # Errors
    /// If there is none.
    pub fn lab_or_task(&self, name: &str) -> Result<(&Lab, Option<&Task>)> {
        if name.contains('.') {
            self.task(name).map(|(lab, task)| (lab, Some(task)))
        } else {
            Ok((self.lab(name)?, None))
        }
    }

    /// The task with this id, and its lab.
    ///
    /// # Errors
    /// If there is none.
    pub fn task(&self, id: &str) -> Result<(&Lab, &Task)> {
        let (lab, _) =
            id.split_once('.').with_context(|| format!("`{id}` is not a task number such as 3.2"))?;
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
}

/// The fields of a table. Each is removed when it is read, so that a field that is left in the end is a mistake.
///
/// Written by hand, because the first `cargo lab` waits for every crate that is used here: serde's derive takes longer
/// to build than all the others together.
struct Fields(Table);

impl Fields {
    fn text(&mut self, name: &str) -> Result<String> {
        match self.0.remove(name) {
            Some(Value::String(text)) => Ok(text),
            _ => bail!("`{name}` should be a text"),
        }
    }

    /// The list with this name; empty if it is missing.
    fn list<T>(&mut self, name: &str, read: impl Fn(Value) -> Result<T>) -> Result<Vec<T>> {
        let values = match self.0.remove(name) {
            None => Vec::new(),
            Some(Value::Array(values)) => values,
            Some(_) => bail!("`{name}` should be a list"),
        };
        values.into_iter().map(|value| read(value).with_context(|| format!("in `{name}`"))).collect()
    }

    fn texts(&mut self, name: &str) -> Result<Vec<String>> {
        self.list(name, |value| value.as_str().map(str::to_owned).context("a text was expected"))
    }

    fn tables<T>(&mut self, name: &str, read: impl Fn(&mut Fields) -> Result<T>) -> Result<Vec<T>> {
        self.list(name, |value| match value {
            Value::Table(table) => whole(table, &read),
            _ => bail!("a table was expected"),
        })
    }
}

/// Reads a table of which nothing may be left over.
fn whole<T>(table: Table, read: impl FnOnce(&mut Fields) -> Result<T>) -> Result<T> {
    let mut fields = Fields(table);
    let value = read(&mut fields)?;
    match fields.0.keys().next() {
        None => Ok(value),
        Some(name) => bail!("nothing is called `{name}` here"),
    }
}

impl Lab {
    fn read(table: Table) -> Result<Lab> {
        whole(table, |lab| {
            let number = lab.0.remove("number").and_then(|number| number.as_integer());
            let stage = lab.0.remove("stage").and_then(|stage| stage.as_table().cloned());
            let read_stage = |stage: &mut Fields| {
                Ok(Stage { package: stage.text("package")?, binary: stage.text("binary")? })
            };
            let read_stretch = |stretch: &mut Fields| {
                Ok(Stretch { name: stretch.text("name")?, text: stretch.text("text")? })
            };
            Ok(Lab {
                number: number.and_then(|number| number.try_into().ok()).context("`number` is missing")?,
                part: lab.text("part")?,
                title: lab.text("title")?,
                stage: whole(stage.context("`stage` is missing")?, read_stage)?,
                leave_out: lab.texts("leave_out")?,
                tasks: lab.tables("task", Task::read)?,
                stretches: lab.tables("stretch", read_stretch)?,
            })
        })
    }

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
    /// The heading of its section in the book, such as `3.2 Three semaphores`.
    pub fn heading(&self) -> String {
        format!("{} {}", self.id, self.name)
    }

    fn read(task: &mut Fields) -> Result<Task> {
        let hole = |hole: &mut Fields| Ok(Hole { at: hole.text("at")?, todo: hole.text("todo")? });
        let hunt = |hunt: &mut Fields| {
            Ok(Hunt { file: hunt.text("file")?, right: hunt.text("right")?, wrong: hunt.text("wrong")? })
        };
        Ok(Task {
            id: task.text("id")?,
            name: task.text("name")?,
            goal: task.text("goal")?,
            needs: task.texts("needs")?,
            holes: task.tables("holes", hole)?,
            extends: task.texts("extends")?,
            hunt: match task.0.remove("hunt") {
                None => None,
                Some(Value::Table(table)) => Some(whole(table, hunt).context("in `hunt`")?),
                Some(_) => bail!("`hunt` should be a table"),
            },
            tests: task.texts("tests")?,
            hints: task.texts("hints")?,
        })
    }

    /// The tests that decide about this task, of those of one kind.
    pub fn decided_by(&self, kind: Kind, test: &str) -> bool {
        self.position_of(kind, test).is_some()
    }

    /// The position of a test among those of this task.
    pub fn position_of(&self, kind: Kind, test: &str) -> Option<usize> {
        self.named().position(|named| is_named(named, (kind, test)))
    }

    /// Whether a test, named as in a lab's file, decides about this task.
    pub fn has_test(&self, name: &str) -> bool {
        name.split_once(' ')
            .is_some_and(|(kind, test)| Kind::named(kind).is_ok_and(|kind| self.decided_by(kind, test)))
    }

    /// The kinds of tests that decide about this task.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.named().map(|(kind, _)| kind)
    }

    /// The tests that decide, by kind and name.
    pub fn named(&self) -> impl Iterator<Item = (Kind, &str)> {
        self.tests.iter().filter_map(|entry| {
            let (kind, test) = entry.split_once(' ')?;
            Some((Kind::named(kind).ok()?, test))
        })
    }
}

/// Whether an entry of a task's tests names this test.
pub fn is_named((of, name): (Kind, &str), (kind, test): (Kind, &str)) -> bool {
    of == kind && (name == test || name.ends_with("::") && test.starts_with(name))
}

impl Hole {
    /// The file of the hole, beneath the exercise's folder, and the function in it.
    ///
    /// # Errors
    /// If [`at`](Self::at) has another form.
    pub fn place(&self) -> Result<(PathBuf, &str)> {
        place(&self.at)
    }
}

/// `file: item`, as in [`Hole::at`]: the file beneath the exercise's folder, and the item.
///
/// # Errors
/// If it has another form.
pub fn place(at: &str) -> Result<(PathBuf, &str)> {
    let (file, item) =
        at.split_once(": ").with_context(|| format!("{at}: this should be `file: function`"))?;
    Ok((beneath(file), item))
}

/// Where a file is in the exercise's folder: beneath `src/`, unless it is one of the models that the student writes.
pub fn beneath(file: &str) -> PathBuf {
    if file.starts_with("prove/") { file.into() } else { Path::new("src").join(file) }
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
            "prove" => Kind::Prove,
            "stage" => Kind::Stage,
            _ => bail!("`{name}` is not a kind of test"),
        })
    }

    /// Its name in a lab's file.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Suite => "suite",
            Kind::Model => "model",
            Kind::Hunt => "hunt",
            Kind::Prove => "prove",
            Kind::Stage => "stage",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course() -> Course {
        Course::load(Path::new("../..")).expect("labs")
    }

    #[test]
    fn a_word_names_a_lab_or_a_task_or_is_refused_in_one_sentence() {
        let course = course();
        let found = |word: &str| {
            let (lab, task) = course.lab_or_task(word).map_err(|error| format!("{error:#}"))?;
            Ok::<_, String>((lab.number, task.map(|task| task.id.as_str())))
        };
        assert_eq!(found("3"), Ok((3, None)));
        assert_eq!(found("queue"), Ok((3, None)));
        assert_eq!(found("3.2"), Ok((3, Some("3.2"))));
        let refused = |word: &str| found(word).expect_err("it names nothing");
        assert_eq!(refused("3.10"), "there is no task 3.10: lab 3 has 3.1 to 3.9");
        for word in ["9", "9.1", "cash", ""] {
            let lab = word.trim_end_matches(".1");
            let expected = format!("there is no lab `{lab}`: the labs are 1 to 6, or request, threads");
            assert!(refused(word).starts_with(&expected), "{}", refused(word));
        }
    }

    #[test]
    fn a_mistake_in_a_labs_file_is_named() {
        let good = "number = 1\npart = 'a'\ntitle = 'A'\nstage = { package = 'a', binary = 'a' }\n";
        let read = |more: &str| {
            let table = toml::from_str(&format!("{good}{more}")).expect("it is TOML");
            Lab::read(table).map_err(|error| format!("{error:#}"))
        };
        assert!(read("").is_ok());
        assert_eq!(read("colour = 'red'").unwrap_err(), "nothing is called `colour` here");
        assert_eq!(read("[[stretch]]\nname = 'a'").unwrap_err(), "in `stretch`: `text` should be a text");
        assert_eq!(read("leave_out = [1]").unwrap_err(), "in `leave_out`: a text was expected");
    }
}
