//! Which steps of a long interleaving are shown: those that explain how it ended.
//!
//! ```text
//!   1. the last step of each thread, and the last three of all
//!   2. a thread falls asleep, is woken, or wakes another; it reads an old value; its exchange fails for nothing; a remark
//!      of the model
//!   3. two threads touch the same thing, one after the other, and the order matters
//!   4. one thread stops and another goes on
//!   5. two threads add to the same number, one after the other
//!   6. the last step of each thread at each place in the source, unless it loads what no thread changes
//! ```
//!
//! Within a kind, the later step comes first. The rest is folded, and of many times that a thread is woken for nothing, all
//! but the first and the last.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::record::{Action, Record, Step};

/// A line of the lanes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Row {
    /// One step, an index into [`Record::steps`].
    Step(usize),
    /// Steps that are not shown one by one.
    Fold(Range<usize>),
}

/// The lines that show an interleaving, at most `most` of them.
pub(crate) fn rows(record: &Record, most: usize) -> Vec<Row> {
    if record.steps.len() <= most {
        return (0..record.steps.len()).map(Row::Step).collect();
    }
    let mut shown = BTreeSet::new();
    let mut rows = fold(record, &shown);
    for step in by_importance(record) {
        shown.insert(step);
        let more = fold(record, &shown);
        if more.len() > most {
            shown.remove(&step);
        } else {
            rows = more;
        }
    }
    rows
}

/// The steps that are worth showing, the most important one first.
fn by_importance(record: &Record) -> Vec<usize> {
    let steps = &record.steps;
    let all = 0..steps.len();
    let is_last =
        |at: usize| !steps[at + 1..].iter().any(|step| step.lane == steps[at].lane && !says_little(step));
    let lasts = all.clone().filter(|&at| at + 3 >= steps.len() || !says_little(&steps[at]) && is_last(at));
    let told = all.clone().filter(|&at| tells(&steps[at].action));
    let told = told.filter(|&at| !is_woken_again(steps, at));
    let (conflicts, additions) = conflicts(steps);
    let later_first = |kind: Vec<usize>| kind.into_iter().rev();
    later_first(lasts.collect())
        .chain(later_first(told.collect()))
        .chain(later_first(conflicts.into_iter().collect()))
        .chain(later_first(handovers(steps)))
        .chain(later_first(additions.into_iter().collect()))
        .chain(later_first(last_visits(steps)))
        .collect()
}

/// Pairs of steps that touch one thing from two threads in a row, unless both only read it. Returned separately: pairs
/// that both only add, because their order seldom matters.
fn conflicts(steps: &[Step]) -> (BTreeSet<usize>, BTreeSet<usize>) {
    let mut latest: BTreeMap<_, usize> = BTreeMap::new();
    let (mut found, mut additions) = (BTreeSet::new(), BTreeSet::new());
    for (at, step) in steps.iter().enumerate() {
        let Some(thing) = step.thing.filter(|_| !gives_back(step)) else { continue };
        if let Some(before) = latest.insert(thing, at)
            && steps[before].lane != step.lane
            && !(is_without_effect(step) && is_without_effect(&steps[before]))
        {
            let both_add = adds(step) && adds(&steps[before]);
            if both_add { &mut additions } else { &mut found }.extend([before, at]);
        }
    }
    (found, additions)
}

/// The last step of each thread before another one continues, and the first step of that one.
fn handovers(steps: &[Step]) -> Vec<usize> {
    let telling: Vec<usize> = (0..steps.len()).filter(|&at| !says_little(&steps[at])).collect();
    let mut found = BTreeSet::new();
    for pair in telling.windows(2).filter(|pair| steps[pair[0]].lane != steps[pair[1]].lane) {
        found.extend(pair);
    }
    found.into_iter().collect()
}

/// The last step of each thread at each place, so that a loop has one. A load of what no thread changes tells nothing.
fn last_visits(steps: &[Step]) -> Vec<usize> {
    let place = |step: &Step| step.place.map(|place| (place.file(), place.line()));
    let changed: BTreeSet<_> =
        steps.iter().filter(|step| !is_without_effect(step)).filter_map(|step| step.thing).collect();
    let tells =
        |step: &Step| !is_without_effect(step) || step.thing.is_none_or(|thing| changed.contains(&thing));
    let telling = steps.iter().enumerate().filter(|(_, step)| !says_little(step) && tells(step));
    let last: BTreeMap<_, usize> = telling.map(|(at, step)| ((step.lane, place(step)), at)).collect();
    let mut found: Vec<usize> = last.into_values().collect();
    found.sort_unstable();
    found
}

fn adds(step: &Step) -> bool {
    matches!(&step.action, Action::Atomic { operation: "fetch_add" | "fetch_sub", .. })
}

/// A thread falls asleep or is woken, and has been woken for nothing before, and is again afterwards.
fn is_woken_again(steps: &[Step], at: usize) -> bool {
    let for_nothing =
        |step: &Step| step.lane == steps[at].lane && matches!(step.action, Action::Did("woken for nothing"));
    matches!(steps[at].action, Action::Did(what) if what.starts_with("wait") || what.starts_with("woken"))
        && steps[..at].iter().any(for_nothing)
        && steps[at + 1..].iter().any(for_nothing)
}

/// A thread falls asleep, is woken, wakes another, reads an old value, or tries an exchange that fails for nothing; or the
/// model makes a remark.
fn tells(action: &Action) -> bool {
    match action {
        Action::Did(what) => {
            what.starts_with("wait")
                || what.starts_with("woken")
                || matches!(*what, "notify_one" | "notify_all")
        }
        Action::Atomic { operation, is_old, .. } => *is_old || operation.ends_with("for nothing"),
        Action::Note(_) => true,
        Action::Named(..) => false,
    }
}

/// The step has changed nothing.
fn is_without_effect(step: &Step) -> bool {
    match &step.action {
        Action::Did(what) => what.starts_with("read") || what.ends_with("nobody sleeps"),
        Action::Atomic { operation, .. } => matches!(*operation, "load" | "failed compare_exchange"),
        _ => false,
    }
}

fn gives_back(step: &Step) -> bool {
    matches!(step.action, Action::Did(what) if what.ends_with("unlock"))
}

fn is_start(step: &Step) -> bool {
    matches!(step.action, Action::Did("start"))
}

fn is_end(step: &Step) -> bool {
    matches!(step.action, Action::Did("end"))
}

/// It gives a lock back, or a thread begins or ends: the steps before and after say as much.
pub(crate) fn says_little(step: &Step) -> bool {
    gives_back(step) || is_start(step) || is_end(step) || matches!(step.action, Action::Named(..))
}

/// The shown steps, each gap between them as one line, unless it says little.
fn fold(record: &Record, shown: &BTreeSet<usize>) -> Vec<Row> {
    let steps = &record.steps;
    let mut rows = Vec::new();
    let mut at = 0;
    while at < steps.len() {
        let end = shown.range(at..).next().copied().unwrap_or(steps.len());
        let hidden = at..end;
        match hidden.len() {
            _ if steps[hidden.clone()].iter().all(says_little) => {}
            1 => rows.push(Row::Step(at)),
            _ => rows.push(Row::Fold(hidden)),
        }
        if end < steps.len() {
            rows.push(Row::Step(end));
        }
        at = end + 1;
    }
    rows
}
