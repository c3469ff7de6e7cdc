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

use crate::draw::{STRING, Words, lanes};
use crate::record::Record;
use crate::source::{file_and_line, short};

/// How many threads loom can follow, the model's main thread included.
pub(crate) const MAX_THREADS: usize = 5;
/// How many points at which threads can be switched one interleaving may have. Far more than any model here
/// needs, so reaching it means that a thread spins.
pub(crate) const MAX_BRANCHES: usize = 1_000;

/// What is said of a thread that loops without end, unless the model says more.
pub(crate) const IF_IT_LOOPS: &str = "code that waits should sleep until what it waits for has changed, not ask again and \
                                   again, and no two threads should wake each other without end; only a model may ask, \
                                   with yield_now in every turn";

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

/// The report of an interleaving that has panicked or deadlocked.
pub(crate) fn broken(promise: &str, record: &Record, panic: &Panic, if_it_loops: &str) -> String {
    format!("the model failed: {promise}\n\n{}", failure(record, panic, if_it_loops))
}

/// The interleaving that has panicked or deadlocked: its number, the cause, and its steps.
pub(crate) fn failure(record: &Record, panic: &Panic, if_it_loops: &str) -> String {
    let (cause, end) = match cause(record, panic, if_it_loops) {
        Some(cause) => (cause, None),
        None => (panicked(record, panic), Some(format!("panics  {}", panic.place).trim_end().to_owned())),
    };
    format!("in interleaving {}: {cause}\n\n{}", record.interleavings, lanes(record, end.as_deref()))
}

/// The report of a model that had nothing to explore.
pub(crate) fn vacuous(promise: &str) -> String {
    format!(
        "the model proves nothing: {promise}\n\n\
         It has only one interleaving: its threads never touch the same lock, condition variable or atomic,\n\
         or one of them loads and then stores the same atomic (of which loom skips interleavings: use one\n\
         read-modify-write such as fetch_add or swap)."
    )
}

/// The report of a model in which every interleaving passed, but an expected outcome is missing, or an unexpected one
/// was seen.
pub(crate) fn wrong_outcomes(promise: &str, expected: &BTreeSet<String>, record: &Record) -> String {
    let walked = match record.interleavings {
        1 => "in the only interleaving, because no thread touches what another one changes:".to_owned(),
        many => format!("none of the {many} interleavings failed, but of what came of them:"),
    };
    let mut text = format!("the model has other outcomes than expected: {promise}\n\n{walked}\n");
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

/// What loom says with its own panics; `None` if the code under test has panicked.
fn cause(record: &Record, panic: &Panic, if_it_loops: &str) -> Option<String> {
    if panic.message.starts_with("deadlock;") {
        return Some(format!("deadlock, no thread can go on\n{}", stuck_threads(record)));
    }
    if panic.message.contains("exceeded maximum number of branches") {
        return Some(format!("more than {MAX_BRANCHES} steps: a thread loops without end\n({if_it_loops})"));
    }
    if panic.message.contains("threads.len() < self.max") {
        return Some(format!(
            "more than {MAX_THREADS} threads, the main one included; loom cannot follow more"
        ));
    }
    let race = panic.message.strip_prefix("Causality violation: ")?;
    Some(format!("a data race\n  {}", race_in_words(&with_names(race, record))))
}

fn panicked(record: &Record, panic: &Panic) -> String {
    // Only one thread runs at a time, so the thread that took the last step has panicked.
    let name = record.steps.last().map_or("main", |step| &record.lanes[step.lane].name);
    format!(
        "{name} panicked at {}\n  {}",
        panic.place,
        with_names(&panic.message, record).replace('\n', "\n  ")
    )
}

/// What loom says of accesses that race: in plain words, with their places as the lanes show them.
fn race_in_words(race: &str) -> String {
    let accesses = race.lines().filter_map(|line| {
        let (access, place) = line.trim().split_once(" @ ")?;
        let (place, _column) = place.rsplit_once(':')?;
        let (file, line) = place.rsplit_once(':')?;
        let access = access.replace(" one:", ":").replace(" two:", ":");
        Some(format!("\n    {access}  {}", file_and_line(file, line.parse().ok()?)))
    });
    let accesses: String = accesses.collect();
    format!("two threads use the same plain memory, and nothing orders one after the other{accesses}")
}

/// Replaces loom's `thread #1` by the name of the thread's lane.
fn with_names(message: &str, record: &Record) -> String {
    let numbered = record.lanes.iter().enumerate();
    numbered.fold(message.to_owned(), |text, (number, lane)| {
        text.replace(&format!("thread #{number} "), &format!("{} ", lane.name))
    })
}

fn stuck_threads(record: &Record) -> String {
    let width = record.lanes.iter().map(|lane| lane.name.len()).max().unwrap_or(0);
    let (mut text, words) = (String::new(), Words::of(record));
    for lane in &record.lanes {
        if let Some(call) = &lane.inside {
            let place = call.place.map(short).unwrap_or_default();
            writeln!(text, "  {:width$}  is in {:20}  {place}", lane.name, words.words(call)).expect(STRING);
        }
    }
    text.truncate(text.trim_end().len());
    text
}
