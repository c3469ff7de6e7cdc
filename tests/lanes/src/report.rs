//! Turns the record of a model into text.
//!
//! ```text
//! the model failed: <promise>
//!
//! in interleaving <number>: <cause>
//!
//!   step  main        producer       consumer
//!      1  <action>    <file>:<line>
//! ```

use std::collections::BTreeSet;
use std::fmt::Write;
use std::panic::PanicHookInfo;

use crate::record::{Action, Place, Record, Step};

/// How many threads loom can follow, the model's main thread included.
pub(crate) const MAX_THREADS: usize = 5;
/// How many points at which threads can be switched one interleaving may have. Far more than any model here
/// needs, so reaching it means that a thread spins.
pub(crate) const MAX_BRANCHES: usize = 1_000;
/// How many steps of a failed interleaving are shown, counted from its end.
const SHOWN_STEPS: usize = 20;
/// The environment variable that says how many instead.
const STEPS: &str = "LANES_STEPS";

/// What a panic said.
pub(crate) struct Panic {
    message: String,
    /// ` at` a line of the model or of the code under test; empty if loom itself has panicked.
    place: String,
}

impl Panic {
    pub(crate) fn new(info: &PanicHookInfo<'_>) -> Panic {
        let message = info.payload_as_str().unwrap_or("a panic without a message").trim().to_owned();
        let place =
            info.location().map(|place| file_and_line(place.file(), place.line())).unwrap_or_default();
        Panic { message, place }
    }
}

/// One line for a model that kept its promise.
pub(crate) fn kept(promise: &str, record: &Record) -> String {
    let mut text = format!("model: {promise}: {} interleavings", record.interleavings);
    if !record.outcomes.is_empty() {
        let outcomes: Vec<_> = record
            .outcomes
            .iter()
            .map(|(name, outcome)| format!("{name} ({})", outcome.interleavings))
            .collect();
        write!(text, ", outcomes: {}", outcomes.join(", ")).expect(STRING);
    }
    text
}

/// What is said when an interleaving has panicked or deadlocked.
pub(crate) fn broken(promise: &str, record: &Record, panic: &Panic) -> String {
    let cause = cause(record, panic);
    format!(
        "the model failed: {promise}\n\nin interleaving {}: {cause}\n\n{}",
        record.interleavings,
        lanes(record)
    )
}

/// What is said when there was nothing to explore.
pub(crate) fn vacuous(promise: &str) -> String {
    format!(
        "the model proves nothing: {promise}\n\n\
         It has only one interleaving: its threads never touch the same lock, condition variable or atomic,\n\
         or one of them loads and then stores the same atomic (of which loom skips interleavings: use one\n\
         read-modify-write such as fetch_add or swap)."
    )
}

/// What is said when every interleaving went well, but not all that can happen did, or something else did.
pub(crate) fn wrong_outcomes(promise: &str, expected: &BTreeSet<String>, record: &Record) -> String {
    let mut text = format!(
        "the model has other outcomes than expected: {promise}\n\nin {} interleavings:\n",
        record.interleavings
    );
    for name in expected.iter().filter(|&name| !record.outcomes.contains_key(name)) {
        writeln!(text, "  never seen, but it must be possible:   {name}").expect(STRING);
    }
    for (name, outcome) in &record.outcomes {
        let verdict = if expected.contains(name) { "as expected" } else { "but it must never happen" };
        writeln!(text, "  seen in {}, {verdict}:   {name}", outcome.interleavings).expect(STRING);
    }
    text.truncate(text.trim_end().len());
    text
}

const STRING: &str = "a string takes whatever is written to it";

fn cause(record: &Record, panic: &Panic) -> String {
    if panic.message.starts_with("deadlock;") {
        return format!("deadlock, no thread can go on\n{}", stuck_threads(record));
    }
    if panic.message.contains("exceeded maximum number of branches") {
        return format!(
            "more than {MAX_BRANCHES} steps, a thread goes round in circles\n\
             (sleep instead of asking again; a loop that is meant to ask again calls yield_now in every turn)"
        );
    }
    if panic.message.contains("threads.len() < self.max") {
        return format!("more than {MAX_THREADS} threads, the main one included; loom cannot follow more");
    }
    // Only one thread runs at a time, so who took the last step is who panicked.
    let name = record.steps.last().map_or("main", |step| &record.lanes[step.lane].name);
    format!(
        "{name} panicked at {}\n  {}",
        panic.place,
        with_names(&panic.message, record).replace('\n', "\n  ")
    )
}

/// Loom speaks of `thread #1` where it tells which threads have raced.
fn with_names(message: &str, record: &Record) -> String {
    let numbered = record.lanes.iter().enumerate();
    numbered.fold(message.to_owned(), |text, (number, lane)| {
        text.replace(&format!("thread #{number} "), &format!("{} ", lane.name))
    })
}

fn stuck_threads(record: &Record) -> String {
    let width = record.lanes.iter().map(|lane| lane.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for lane in &record.lanes {
        if let Some((action, place)) = &lane.inside {
            let action = words(action);
            writeln!(text, "  {:width$}  is in {action:20}  {}", lane.name, short(place)).expect(STRING);
        }
    }
    text.truncate(text.trim_end().len());
    text
}

/// The last steps, one column for each thread.
fn lanes(record: &Record) -> String {
    let wanted = std::env::var(STEPS).ok().and_then(|steps| steps.parse().ok()).unwrap_or(SHOWN_STEPS);
    let omitted = record.steps.len().saturating_sub(wanted);
    let shown = &record.steps[omitted..];
    let width = column_widths(record, shown);

    let mut text = String::from("  step");
    for (lane, width) in record.lanes.iter().zip(&width) {
        write!(text, "  {:width$}", lane.name).expect(STRING);
    }
    text.truncate(text.trim_end().len());
    if omitted > 0 {
        write!(text, "\n  ({omitted} earlier steps are not shown)").expect(STRING);
    }
    for (number, step) in (omitted + 1..).zip(shown) {
        let indent: usize = width[..step.lane].iter().map(|width| width + 2).sum();
        write!(text, "\n  {number:4}  {:indent$}{}", "", cell(step)).expect(STRING);
    }
    text
}

fn column_widths(record: &Record, shown: &[Step]) -> Vec<usize> {
    let mut width: Vec<usize> = record.lanes.iter().map(|lane| lane.name.len()).collect();
    for step in shown {
        width[step.lane] = width[step.lane].max(cell(step).len());
    }
    width
}

fn cell(step: &Step) -> String {
    match &step.place {
        Some(place) => format!("{}  {}", words(&step.action), short(place)),
        None => words(&step.action),
    }
}

fn words(action: &Action) -> String {
    match action {
        Action::Did(what) => (*what).to_owned(),
        Action::Named(what, whom) => format!("{what} {whom}"),
        Action::Note(text) => format!("\"{text}\""),
        Action::Atomic { operation, given, returned } => {
            let given = given.map(|value| format!(" {value}")).unwrap_or_default();
            let returned = returned.map(|value| format!(" -> {value}")).unwrap_or_default();
            format!("{operation}{given}{returned}")
        }
    }
}

fn short(place: Place) -> String {
    file_and_line(place.file(), place.line())
}

/// The file's name without its folders: the lanes are wide enough as they are. Only what tests a part keeps a folder,
/// since a model and the code that it is of often have files of one name.
fn file_and_line(file: &str, line: u32) -> String {
    let name = file.rsplit('/').next().unwrap_or(file);
    let folder = ["models/", "hunts/"].into_iter().find(|folder| file.contains(&format!("tests/{folder}")));
    format!("{}{name}:{line}", folder.unwrap_or_default())
}
