//! The bug museum: each mistake is made again, and what the models say of it is written down.
//!
//! ```text
//!   tests/submissions/<part>.toml        the mistakes, as edits of the solutions
//!   book/src/data/museum/<slug>.rs       the function with the mistake
//!   book/src/data/museum/<slug>.diff     what repairs it
//!   book/src/data/museum/<slug>.txt      the verdict
//!   book/src/data/museum/<slug>.json     the verdict's interleaving, for the figure that replays it
//!   book/src/data/museum/verdicts.json   every exhibit in one word
//! ```
//!
//! Loom walks the interleavings of a model in the same order every time, so the records are the same every time.

use anyhow::{Context, Result, ensure};
use grader::cut::function_around;
use grader::grade::Pristine;
use grader::wrong::{self, Wrong};
use lab::course::{Course, Kind, Lab};
use lab::explain::{panics, what_happened};
use lab::judge::{Manner, judge};
use lab::tree::{self, Files};
use lab::view::{LANES_STEPS, LANES_WIDTH, View};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What is shown: the name of its page and files, the part, the name of the mistake, and words from the name of the test
/// whose verdict is shown, where the first one is not the clearest.
pub const EXHIBITS: [(&str, &str, &str, &str); 16] = [
    ("prefix-check", "request", "a prefix check in place of the kernel", "a_link_is_followed_only_inside"),
    ("bell-before-flag", "request", "the bell before the flag", ""),
    ("if-for-while", "threads", "if for while", ""),
    ("one-condition-variable", "threads", "one condition variable for both", "an_acquirer_and_a_drainer"),
    ("lost-wake-up", "queue", "looking and sleeping in two steps", ""),
    ("mutex-before-slot", "queue", "the mutex before the slot", ""),
    ("announced-too-early", "queue", "announced before it is there", ""),
    ("bell-not-passed-on", "queue", "a bell that is not passed on", "shutdown_wakes_two_sleeping"),
    ("stranded-in-the-inbox", "queue", "asking and putting under two locks", "nothing_is_stranded"),
    ("load-for-each-miss", "cache", "no second look", "one_of_the_threads_that_miss"),
    ("removed-by-key", "cache", "removing by the key alone", ""),
    ("load-add-store", "stats", "load, add, store", "no_response_is_lost"),
    ("holder-died", "stats", "a settle that wakes nobody", "a_holder_killed_anywhere"),
    ("half-an-interval", "stats", "an interval made of two halves", ""),
    ("signal-lost", "prefork", "take reads, then clears", ""),
    ("one-socket", "prefork", "one socket, handed out several times", ""),
];

/// A verdict of a model, for the figure `replay`.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Replay {
    name: String,
    promise: String,
    cause: String,
    threads: Vec<String>,
    /// How many steps came before those that are here.
    omitted: usize,
    steps: Vec<Step>,
    stuck: Vec<Stuck>,
    files: BTreeMap<String, String>,
}

/// A step of a thread.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Step {
    step: usize,
    thread: usize,
    action: String,
    place: Option<String>,
}

/// A call that a thread never comes back from.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Stuck {
    thread: usize,
    inside: String,
    place: String,
}

/// One exhibit in one word.
#[derive(Debug, Serialize)]
struct Verdict {
    exhibit: &'static str,
    part: &'static str,
    name: &'static str,
    task: String,
    verdict: &'static str,
}

/// The records of all exhibits, by the name of their file.
pub type Records = BTreeMap<String, String>;

/// Makes every mistake again, and writes down what is said of it.
///
/// # Errors
/// If a mistake is not found, or a file cannot be written.
pub fn record(root: &Path) -> Result<()> {
    let folder = folder(root);
    fs::create_dir_all(&folder)?;
    for (name, text) in records(root)? {
        fs::write(folder.join(&name), text).with_context(|| format!("cannot write {name}"))?;
    }
    Ok(())
}

/// Where the records are.
pub fn folder(root: &Path) -> PathBuf {
    root.join("book/src/data/museum")
}

/// Makes every mistake again, and says what should be written down of it.
///
/// # Errors
/// If a mistake is not found, or is not refused.
pub fn records(root: &Path) -> Result<Records> {
    let course = Course::load(root)?;
    // Shared with the grader, so that nothing is built twice.
    let tree = Pristine::prepare(&course, &tree::memory(root)?.join("grade"))?;
    let mut records = Records::new();
    let mut verdicts = Vec::new();
    for (slug, part, name, test) in EXHIBITS {
        let lab = course.lab(part)?;
        let wrongs = wrong::all(&course, lab)?;
        let wrong =
            wrongs.iter().find(|wrong| wrong.name == name).with_context(|| format!("no mistake `{name}`"))?;
        let exhibit = Exhibit { course: &course, lab, wrong, files: wrong.files(&course, lab)? };
        let (said, whole) = exhibit.verdict(&tree, test).with_context(|| format!("{part}, {name}"))?;
        println!("{slug}: {}", word(&said));
        records.insert(format!("{slug}.rs"), exhibit.functions()?);
        records.insert(format!("{slug}.diff"), exhibit.repair()?);
        records.insert(format!("{slug}.txt"), said.trim_end().to_owned() + "\n");
        if let Some(replay) = exhibit.replay(&whole)? {
            records.insert(format!("{slug}.json"), serde_json::to_string_pretty(&replay)? + "\n");
        }
        verdicts.push(Verdict { exhibit: slug, part, name, task: wrong.task.clone(), verdict: word(&said) });
    }
    records.insert("verdicts.json".to_owned(), serde_json::to_string_pretty(&verdicts)? + "\n");
    Ok(records)
}

/// What kind of verdict it is.
fn word(said: &str) -> &'static str {
    match said {
        _ if said.contains("deadlock, no thread can go on") => "deadlock",
        _ if said.contains("a thread loops without end") => "livelock",
        _ if said.starts_with("the model has other outcomes") => "outcome",
        _ if said.starts_with("the model failed") => "panic",
        _ => "test",
    }
}

struct Exhibit<'c> {
    course: &'c Course,
    lab: &'c Lab,
    wrong: &'c Wrong,
    files: Files,
}

impl Exhibit<'_> {
    /// What the first test that fails says, a model if one does: as students see it, and with every step in a lane of its
    /// own.
    fn verdict(&self, tree: &Pristine, test: &str) -> Result<(String, String)> {
        tree.submit(self.lab, &self.files)?;
        let keep = tempfile::tempdir()?;
        let runnable = tree.build_kinds(self.lab, [Kind::Model, Kind::Suite, Kind::Hunt], keep.path())?;
        ensure!(runnable.errors.is_none(), "it does not compile: {}", runnable.errors.unwrap_or_default());
        let task = self.lab.tasks.iter().find(|task| task.id == self.wrong.task).context("no such task")?;
        let told = |width: usize, steps: Option<&str>| -> Result<String> {
            let mut runnable = runnable.clone().with_variable(LANES_WIDTH, width.to_string().as_ref());
            if let Some(steps) = steps {
                runnable = runnable.with_variable(LANES_STEPS, steps.as_ref());
            }
            let judged = judge(task, &runnable, &Manner::thorough())?;
            let mut failures =
                judged.outcomes.iter().filter(|outcome| !outcome.passed && outcome.test.contains(test));
            let model = failures.clone().find(|outcome| outcome.kind == Kind::Model);
            let failure = model.or_else(|| failures.next()).context("nothing fails")?;
            let message = panics(&failure.output).into_iter().next().map(|panic| panic.message);
            Ok(message
                .filter(|message| message.starts_with("the model"))
                .unwrap_or_else(|| what_happened(failure)))
        };
        Ok((told(View::default().lanes_width(), None)?, told(1000, Some("all"))?))
    }

    /// The functions that the mistake is in, as they are with it.
    fn functions(&self) -> Result<String> {
        let solution = wrong::solution(self.course, self.lab)?;
        let mut shown = Vec::new();
        for edit in &self.wrong.edits {
            let path = Path::new("src").join(&edit.file);
            let at = solution[&path].find(&edit.old).context("an edit of what is not there")?;
            let right = function_around(&solution[&path], at + indent(&edit.old))?;
            // The function keeps its first line, so that is where it is found again.
            let signature = right.lines().next().context("a function without a line")?;
            let begins = self.files[&path].find(signature).context("a function that is gone")?;
            let body = begins + self.files[&path][begins..].find('{').context("a function without a body")?;
            let whole = format!("// {}\n{}", edit.file, function_around(&self.files[&path], body)?);
            if !shown.contains(&whole) {
                shown.push(whole);
            }
        }
        Ok(shown.join("\n"))
    }

    /// From the mistake to the solution.
    fn repair(&self) -> Result<String> {
        let mut text = String::new();
        for edit in &self.wrong.edits {
            let lines = |sign: char, lines: &str| -> String {
                lines.lines().filter(|line| !line.is_empty()).map(|line| format!("{sign} {line}\n")).collect()
            };
            text += &format!("// {}\n{}{}", edit.file, lines('-', &edit.new), lines('+', &edit.old));
        }
        Ok(text)
    }

    /// The interleaving in a verdict, if it shows one.
    fn replay(&self, said: &str) -> Result<Option<Replay>> {
        let Some(lanes) = said.find("\n  step  ") else { return Ok(None) };
        let (before, lanes) = (&said[..lanes], &said[lanes + 1..]);
        let (promise, cause) = before.split_once("\n\n").context("a verdict without a cause")?;
        let mut lines = lanes.lines();
        let header = lines.next().context("lanes without a header")?;
        let columns = columns(header);
        let thread_at = |at: usize| columns.iter().position(|(start, _)| *start == at);
        let mut omitted = 0;
        let mut steps = Vec::new();
        for line in lines {
            if let Some(number) = line.trim().strip_prefix('(') {
                omitted =
                    number.split(' ').next().unwrap_or_default().parse().context("a number of steps")?;
                continue;
            }
            let (number, cell) = line.split_at_checked(6).with_context(|| format!("no step: {line}"))?;
            let at = 6 + cell.len() - cell.trim_start().len();
            let (action, place) = action_and_place(cell.trim());
            // The panic at the end is no step; the replay knows it from the cause.
            if number.trim().is_empty() {
                continue;
            }
            steps.push(Step {
                step: number.trim().parse().with_context(|| format!("no step: {line}"))?,
                thread: thread_at(at).with_context(|| format!("no lane begins there: {line}"))?,
                action: action.to_owned(),
                place: place.map(str::to_owned),
            });
        }
        let threads: Vec<String> = columns.iter().map(|(_, name)| name.clone()).collect();
        let mut stuck = Vec::new();
        for line in cause.lines() {
            if let Some((name, call)) = line.split_once("  is in ")
                && let Some(thread) = threads.iter().position(|thread| thread == name.trim())
                && let (inside, Some(place)) = action_and_place(call.trim())
            {
                stuck.push(Stuck { thread, inside: inside.to_owned(), place: place.to_owned() });
            }
        }
        let mut replay = Replay {
            name: self.wrong.name.clone(),
            promise: promise.trim_start_matches("the model failed: ").to_owned(),
            cause: cause.trim().to_owned(),
            threads,
            omitted,
            steps,
            stuck,
            files: BTreeMap::new(),
        };
        self.add_files(&mut replay)?;
        Ok(Some(replay))
    }

    /// The files in which the steps are. The lanes name files without their folders, and models as `models/name.rs`.
    fn add_files(&self, replay: &mut Replay) -> Result<()> {
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        for (path, text) in &self.files {
            files.insert(path.strip_prefix("src").unwrap_or(path).display().to_string(), text.clone());
        }
        let models = self.course.root.join("tests/models");
        for path in tree::rust_files(&models)? {
            let name = path.strip_prefix(&models)?;
            if name.starts_with(&self.lab.part) || name == Path::new(&self.lab.part).with_extension("rs") {
                let name = path.file_name().context("a file without a name")?;
                files.insert(format!("models/{}", name.display()), fs::read_to_string(&path)?);
            }
        }
        let places = replay.steps.iter().filter_map(|step| step.place.as_ref());
        for place in places.chain(replay.stuck.iter().map(|stuck| &stuck.place)) {
            let (name, _) = place.rsplit_once(':').context("a place without a line")?;
            if !replay.files.contains_key(name) {
                let text = files.remove(name).with_context(|| format!("no file {name}"))?;
                replay.files.insert(name.to_owned(), text);
            }
        }
        Ok(())
    }
}

/// How far a text is from its first character that is no space.
fn indent(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

/// Where each lane of a header begins, and its name. Names may hold single spaces.
fn columns(header: &str) -> Vec<(usize, String)> {
    let mut columns = Vec::new();
    let mut at = "  step".len();
    while let Some(name) = header.get(at..).filter(|rest| !rest.trim().is_empty()) {
        at += name.len() - name.trim_start().len();
        let name = header[at..].split("  ").next().unwrap_or_default();
        columns.push((at, name.to_owned()));
        at += name.len();
    }
    columns
}

/// `lock  semaphore.rs:44` in its two halves.
fn action_and_place(cell: &str) -> (&str, Option<&str>) {
    let is_place = |place: &str| {
        place
            .rsplit_once(':')
            .is_some_and(|(file, line)| file.ends_with(".rs") && line.parse::<u32>().is_ok())
    };
    match cell.rsplit_once("  ") {
        Some((action, place)) if is_place(place) => (action.trim(), Some(place)),
        _ => (cell, None),
    }
}
