//! Draws an interleaving in lanes that are no wider than the reader's terminal.
//!
//! ```text
//!   side by side                  closer, since each line has         stacked, where there is
//!                                 only one step                       no room for lanes at all
//!   main             other          main    other                       main   lock   a.rs:1
//!   lock   a.rs:1                   lock  a.rs:1                        other  unlock
//!                    unlock                 unlock
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::ops::Range;

use crate::choose::{self, Row};
use crate::record::{Action, Place, Record, Step, Thing};
use crate::source::{self, short};

/// In how many lines a failed interleaving is shown. The rest is folded.
const SHOWN_STEPS: usize = 26;
/// The environment variable that overrides it: a number, or `all`.
const STEPS: &str = "LANES_STEPS";
/// How wide the lanes may be, in columns.
const WIDTH: usize = 80;
/// The environment variable that overrides it.
const WIDTH_VARIABLE: &str = "LANES_WIDTH";
/// How long a step may be, in characters, before it is broken to make lanes fit.
const LONG: usize = 40;
/// The column where the first lane begins: after the numbers.
const FIRST_LANE: usize = 8;

/// The lanes, in as many lines and columns as the environment allows. `panic` is what the thread of the last step did
/// after it, if it panicked.
pub(crate) fn lanes(record: &Record, panic: Option<&str>) -> String {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let is_all = std::env::var(STEPS).is_ok_and(|steps| steps == "all");
    let most = if is_all { usize::MAX } else { number(STEPS).unwrap_or(SHOWN_STEPS) };
    lanes_within(record, panic, most, number(WIDTH_VARIABLE).unwrap_or(WIDTH))
}

fn lanes_within(record: &Record, panic: Option<&str>, most: usize, width: usize) -> String {
    let words = Words::of(record);
    let mut rows: Vec<Line> = choose::rows(record, most).iter().map(|row| words.line(row)).collect();
    if let (Some(panic), Some(last)) = (panic, record.steps.last()) {
        rows.push(Line { number: None, lane: Some(last.lane), text: panic.to_owned(), is_fold: false });
    }
    let names: Vec<&str> = record.lanes.iter().map(|lane| lane.name.as_str()).collect();
    let mut text = match starts(&names, &rows, width) {
        Some(starts) => in_lanes(&names, &rows, &starts, width),
        None => stacked(&names, &rows, width),
    };
    let shown = rows.iter().filter(|row| row.number.is_some()).count();
    if rows.iter().any(|row| row.is_fold) {
        let all = record.steps.len();
        write!(text, "\n\n  ({shown} of {all} steps are shown; {STEPS}=all shows all)").expect(STRING);
    }
    text
}

/// One line of the lanes.
struct Line {
    /// The number of its step.
    number: Option<usize>,
    /// `None` if it stands for steps of several threads.
    lane: Option<usize>,
    text: String,
    is_fold: bool,
}

/// In which column each lane begins, if they fit side by side.
fn starts(names: &[&str], lines: &[Line], width: usize) -> Option<Vec<usize>> {
    let widest = |lane: usize| {
        let texts = lines.iter().filter(|line| line.lane == Some(lane)).map(|line| line.text.len());
        texts.chain([names[lane].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..names.len()).map(widest).collect();
    let apart = widths.iter().scan(FIRST_LANE, |at, width| {
        let start = *at;
        *at += width + 2;
        Some(start)
    });
    let apart: Vec<usize> = apart.collect();
    let last = names.len().saturating_sub(1);
    let fits = |starts: &[usize]| (0..names.len()).all(|lane| starts[lane] + widths[lane] <= width);
    if fits(&apart) {
        return Some(apart);
    }
    // The same distance between all lanes: with no line broken, or else with only very long ones broken.
    [usize::MAX, LONG].into_iter().find_map(|longest| {
        let room = |lane: usize| width.saturating_sub(FIRST_LANE + widths[lane].min(longest)) / lane;
        let stride = (1..names.len()).map(room).min().unwrap_or(0);
        let names_fit = names[..last].iter().all(|name| name.len() + 2 <= stride);
        let first_fits = FIRST_LANE + widths[0].min(longest) <= width;
        (names_fit && first_fits).then(|| (0..names.len()).map(|lane| FIRST_LANE + lane * stride).collect())
    })
}

fn in_lanes(names: &[&str], lines: &[Line], starts: &[usize], width: usize) -> String {
    let mut text = String::from("  step");
    for (name, start) in names.iter().zip(starts) {
        let gap = start.saturating_sub(text.len());
        write!(text, "{:gap$}{name}", "").expect(STRING);
    }
    for line in lines {
        let start = line.lane.map_or(FIRST_LANE, |lane| starts[lane]);
        write_line(&mut text, &number(line), start, &line.text, width);
    }
    text
}

fn stacked(names: &[&str], lines: &[Line], width: usize) -> String {
    let widest = names.iter().map(|name| name.len()).max().unwrap_or(0);
    let start = FIRST_LANE + widest + 2;
    let mut text = String::from("  step  thread");
    for line in lines {
        let (before, start) = match line.lane {
            Some(lane) => (format!("{}{}", number(line), names[lane]), start),
            None => (number(line), FIRST_LANE),
        };
        write_line(&mut text, &before, start, &line.text, width);
    }
    text
}

fn number(line: &Line) -> String {
    line.number.map_or_else(|| " ".repeat(FIRST_LANE), |number| format!("  {number:4}  "))
}

/// Appends a line whose text begins in column `start`; text that is too long continues on the next lines.
fn write_line(text: &mut String, before: &str, start: usize, words: &str, width: usize) {
    for (at, part) in pieces(words, width.saturating_sub(start + 2).max(10)).into_iter().enumerate() {
        let (before, start) = if at == 0 { (before, start) } else { ("", start + 2) };
        write!(text, "\n{before:start$}{}", part.trim()).expect(STRING);
    }
}

/// A text in pieces of this length, broken at spaces where there are any.
fn pieces(text: &str, length: usize) -> Vec<String> {
    if text.chars().count() <= length + 2 {
        return vec![text.to_owned()];
    }
    let mut pieces = vec![String::new()];
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        loop {
            let last = pieces.last_mut().expect("there is one from the start");
            let gap = usize::from(!last.is_empty());
            if last.chars().count() + gap + word.len() <= length {
                last.extend(" ".chars().take(gap).chain(word));
                break;
            }
            if last.is_empty() {
                last.extend(word.drain(..length));
            }
            pieces.push(String::new());
        }
    }
    pieces
}

/// The words for steps.
pub(crate) struct Words<'r> {
    record: &'r Record,
    /// The names of things that could be confused: a line of the source touches several, or several are used in the same
    /// way in one file.
    names: BTreeMap<Thing, String>,
}

impl<'r> Words<'r> {
    pub(crate) fn of(record: &'r Record) -> Words<'r> {
        let inside = record.lanes.iter().filter_map(|lane| lane.inside.as_ref());
        let steps = || record.steps.iter().chain(inside.clone());
        let things: BTreeSet<Thing> = steps().filter_map(|step| step.thing).collect();
        let made = things.into_iter().filter_map(|thing| Some((thing, thing.made(record)?)));
        let (mut names, mut nameless) = (BTreeMap::new(), BTreeSet::new());
        for (thing, place) in made {
            let name = source::name_of_what_is_made_at(place).unwrap_or_else(|| {
                nameless.insert(thing);
                format!("({})", short(place))
            });
            names.insert(thing, name);
        }
        let mut touched: BTreeMap<(&str, u32, &str), BTreeSet<Thing>> = BTreeMap::new();
        for step in steps() {
            if let (Some(thing), Some(place)) = (step.thing, step.place) {
                touched.entry((place.file(), place.line(), "")).or_default().insert(thing);
                let way = match step.action {
                    Action::Did(what) => what.split([' ', ',']).next(),
                    Action::Atomic { operation, .. } if !nameless.contains(&thing) => Some(operation),
                    Action::Atomic { .. } | Action::Named(..) | Action::Note(_) => None,
                };
                if let Some(way) = way {
                    touched.entry((place.file(), 0, way)).or_default().insert(thing);
                }
            }
        }
        // The lock and the condition variable of one semaphore have one name, because they are one thing for its owner.
        let (mut confused, mut alike): (BTreeSet<Thing>, BTreeSet<String>) = Default::default();
        for things in touched.values() {
            let named: BTreeSet<&String> = things.iter().filter_map(|thing| names.get(thing)).collect();
            if named.len() > 1 {
                confused.extend(things);
                alike.extend(named.into_iter().cloned());
            }
        }
        let slept_on = |thing: &Thing| {
            touched.iter().any(|((.., way), things)| *way == "wait" && things.contains(thing))
        };
        names.retain(|thing, name| confused.contains(thing) || alike.contains(name) && slept_on(thing));
        Words { record, names }
    }

    fn line(&self, row: &Row) -> Line {
        match row {
            Row::Step(at) => {
                let step = &self.record.steps[*at];
                let text = match step.place {
                    Some(place) => format!("{}  {}", self.words(step), short(place)),
                    None => self.words(step),
                };
                Line { number: Some(at + 1), lane: Some(step.lane), text, is_fold: false }
            }
            Row::Fold(range) => self.folded(range.clone()),
        }
    }

    /// `(31 steps in counts())`, or `(main: 31 steps in counts(); other: 2 steps)`.
    fn folded(&self, range: Range<usize>) -> Line {
        let steps = &self.record.steps[range];
        let mut lanes: Vec<usize> = Vec::new();
        steps.iter().filter(|step| !choose::says_little(step)).for_each(|step| {
            if !lanes.contains(&step.lane) {
                lanes.push(step.lane);
            }
        });
        let own = |lane: usize| run(steps.iter().filter(move |step| step.lane == lane));
        if let [lane] = lanes[..] {
            return Line { number: None, lane: Some(lane), text: format!("({})", own(lane)), is_fold: true };
        }
        let of_lane = |lane: &usize| format!("{}: {}", self.record.lanes[*lane].name, own(*lane));
        let text = format!("({})", lanes.iter().map(of_lane).collect::<Vec<_>>().join("; "));
        Line { number: None, lane: None, text, is_fold: true }
    }

    /// What a step did, and to which thing.
    pub(crate) fn words(&self, step: &Step) -> String {
        let name = step.thing.and_then(|thing| self.names.get(&thing));
        let name = name.map(|name| format!(" {name}")).unwrap_or_default();
        match &step.action {
            Action::Did(what) => match what.split_once(',') {
                Some((what, rest)) => format!("{what}{name},{rest}"),
                None if *what == "woken" && !name.is_empty() => format!("woken from{name}"),
                None if what.starts_with("woken") => (*what).to_owned(),
                None => format!("{what}{name}"),
            },
            Action::Named(what, whom) => format!("{what} {whom}"),
            Action::Note(text) => format!("\"{text}\""),
            Action::Atomic { operation, given, returned, is_old } => {
                let given = given.map(|value| format!(" {}", number_with_flags(value))).unwrap_or_default();
                let returned =
                    returned.map(|value| format!(" -> {}", number_with_flags(value))).unwrap_or_default();
                let old = if *is_old { ", an old value" } else { "" };
                format!("{operation}{name}{given}{returned}{old}")
            }
        }
    }
}

/// A number that holds one or two flags in its high bits, such as `2^31+1`; any other number as it is.
fn number_with_flags(value: i128) -> String {
    let (flags, rest) = (value & !0xffff, value & 0xffff);
    if value < 1 << 24 || flags.count_ones() > 2 {
        return value.to_string();
    }
    let flags = (0..i128::BITS - 1).rev().filter(|bit| flags >> bit & 1 == 1).map(|bit| format!("2^{bit}"));
    flags.chain((rest > 0).then(|| rest.to_string())).collect::<Vec<_>>().join("+")
}

/// The number of steps, and the functions that they are in.
fn run<'s>(steps: impl IntoIterator<Item = &'s Step>) -> String {
    let mut functions: Vec<String> = Vec::new();
    let mut count = 0;
    for step in steps {
        count += 1;
        if let Some(function) = step.place.and_then(function)
            && !functions.contains(&function)
        {
            functions.push(function);
        }
    }
    let count = if count == 1 { "1 step".to_owned() } else { format!("{count} steps") };
    let named = functions.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    match functions.len() {
        0 => count,
        1..=3 => format!("{count} in {named}"),
        _ => format!("{count} in {named}, ..."),
    }
}

/// The function of the code under test that a place is in; for a test or a model, only that it is one.
fn function(place: Place) -> Option<String> {
    let shown = short(place);
    match shown.split_once('/') {
        Some(("models", _)) => Some("the model".to_owned()),
        Some(_) => Some("the test".to_owned()),
        None => {
            let called = source::function_at(place).map(|name| format!("{name}()"));
            called.or_else(|| Some(shown.split(':').next()?.to_owned()))
        }
    }
}

pub(crate) const STRING: &str = "a string takes whatever is written to it";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_in_a_number_are_told_apart_from_the_rest() {
        for (value, text) in [
            (3, "3"),
            (1 << 30, "2^30"),
            ((1 << 31) + 2, "2^31+2"),
            ((1 << 31) + (1 << 30) + 7, "2^31+2^30+7"),
            (1_000_000_000, "1000000000"),
            (i128::from(u64::MAX), "18446744073709551615"),
            (-1, "-1"),
        ] {
            assert_eq!(number_with_flags(value), text);
        }
    }
}
