//! The sentences of the contracts, and what becomes of a submission that breaks one.
//!
//! A student reads the public documentation of a part, and the tables of its lab. Each sentence there is a row of
//! `tests/submissions/SENTENCES.md`: either some wrong submissions break it (`breaks` in `<part>.toml`), or it promises
//! nothing that can be tested, for a reason (`untested.toml`, or its heading). What a test cannot see of a sentence that
//! others break is a reason that begins with "in part". `cargo lab sentences` writes the table.
//!
//! ```text
//!   solutions/<part>/src  --documented-->  sentences  <--breaks--  tests/submissions/<part>.toml
//!   book/src/<lab>/lab.md --tables------->     ^      <--reasons-- tests/submissions/untested.toml
//!                                              |
//!                                              +--> tests/submissions/SENTENCES.md
//! ```

mod documented;

use crate::wrong::{self, Wrong};
use anyhow::{Context, Result};
use documented::Sentence;
use lab::course::{Course, Lab};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

/// Where the table is.
pub const TABLE: &str = "tests/submissions/SENTENCES.md";

/// Paragraphs that begin with one of these words in bold promise nothing of their own, and why.
const HEADINGS: [(&str, &str); 7] = [
    ("States", "says how our solution keeps its promise; another may do it in another way"),
    ("Who calls what", "binds the caller"),
    ("Why", "a reason"),
    ("Orderings", "says how our solution keeps its promise; another may do it in another way"),
    ("What loom checks", "says how it is tested"),
    ("What it cannot", "says how it is tested"),
    ("Safety", "binds the caller"),
];

/// How a reason begins that is no reason for the whole of its sentence.
const IN_PART: &str = "in part: ";

/// A sentence, and the contents of its row.
struct Row<'w> {
    sentence: Sentence,
    wrongs: Vec<&'w Wrong>,
    reason: Option<String>,
}

/// The sentences of a part that promise nothing that can be tested, by reason.
type Reasons = BTreeMap<String, Vec<String>>;

/// The table of all labs as text, and what is wrong with it: sentences without a row's second half, and references to
/// sentences that do not exist.
///
/// # Errors
/// If a file cannot be read.
pub fn table(course: &Course) -> Result<(String, Vec<String>)> {
    let path = course.root.join("tests/submissions/untested.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let untested: BTreeMap<String, Reasons> = toml::from_str(&text).context("untested.toml")?;
    let (mut complaints, mut labs, mut sums) = (Vec::new(), String::new(), String::new());
    for lab in &course.labs {
        let wrongs = wrong::all(course, lab)?;
        let none = Reasons::new();
        let reasons = untested.get(&lab.part).unwrap_or(&none);
        let rows = rows(course, lab, &wrongs, reasons, &mut complaints)?;
        writeln!(sums, "{}", sum(lab, &rows, wrongs.len()))?;
        labs.push_str(&section(lab, &rows)?);
    }
    let table = format!("{HEAD}{sums}{labs}");
    Ok((table, complaints))
}

const HEAD: &str = "# Every sentence of a contract, and what breaks it

Written by `cargo lab sentences`; a test compares. A sentence of the public documentation of a part, or a row of a table
of its lab, is either broken by a wrong submission, which the named task's tests refuse, or it promises nothing that a
test could find broken, and the last column says why. \"In part\" is what is not tested of a sentence that is otherwise
tested. Wrong models of \"Prove it\" break no sentence of the part: they are only counted.

| lab | sentences | with a wrong submission | in part | not to be tested | wrong submissions |
|---|---|---|---|---|---|
";

fn sum(lab: &Lab, rows: &[Row<'_>], wrongs: usize) -> String {
    let (untested, broken): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.wrongs.is_empty());
    let in_part = broken.iter().filter(|row| row.reason.is_some()).count();
    let (all, broken, untested) = (rows.len(), broken.len(), untested.len());
    format!("| {} {} | {all} | {broken} | {in_part} | {untested} | {wrongs} |", lab.number, lab.part)
}

fn section(lab: &Lab, rows: &[Row<'_>]) -> Result<String> {
    let mut text = format!("\n## Lab {}: {}\n\n", lab.number, lab.part);
    text.push_str(
        "| of | sentence | broken by, and refused by | not tested, because it |\n|---|---|---|---|\n",
    );
    for Row { sentence, wrongs, reason } in rows {
        let broken = wrongs.iter().map(|wrong| format!("{}: `{}`", wrong.name, wrong.test));
        let broken = Vec::from_iter(broken).join("; ");
        let words = sentence.text.replace('|', "\\|");
        writeln!(
            text,
            "| `{}` | {words} | {broken} | {} |",
            sentence.item,
            reason.as_deref().unwrap_or_default()
        )?;
    }
    Ok(text)
}

fn rows<'w>(
    course: &Course,
    lab: &Lab,
    wrongs: &'w [Wrong],
    reasons: &Reasons,
    complaints: &mut Vec<String>,
) -> Result<Vec<Row<'w>>> {
    let mut rows: Vec<Row<'w>> = documented::sentences(course, lab)?
        .into_iter()
        .map(|sentence| Row { reason: of_heading(&sentence), wrongs: Vec::new(), sentence })
        .collect();
    let part = &lab.part;
    for wrong in wrongs {
        if wrong.breaks.is_empty() && !wrong.test.starts_with("prove ") {
            complaints.push(format!("{part}, \"{}\" breaks no sentence: what does it break?", wrong.name));
        }
        if lab.tasks.iter().all(|task| task.id != wrong.task || !task.has_test(&wrong.test)) {
            complaints.push(format!("{part}, \"{}\": `{}` is no test of its task", wrong.name, wrong.test));
        }
        for quote in &wrong.breaks {
            match find(&rows, quote)[..] {
                [one] => {
                    rows[one].wrongs.push(wrong);
                    rows[one].reason = None;
                }
                ref found => {
                    let found = found.len();
                    complaints.push(format!("{part}, \"{}\": {found} sentences have `{quote}`", wrong.name));
                }
            }
        }
    }
    // A reason for one sentence takes precedence over a reason for all sentences of an item.
    let quotes = reasons.iter().flat_map(|(reason, quotes)| quotes.iter().map(move |quote| (reason, quote)));
    let (mut wide, narrow): (Vec<_>, Vec<_>) = quotes.partition(|(_, quote)| quote.ends_with('*'));
    wide.sort_by_key(|(_, quote)| std::cmp::Reverse(quote.len()));
    for (reason, quote) in narrow {
        match find(&rows, quote)[..] {
            [one] if rows[one].wrongs.is_empty() != reason.starts_with(IN_PART) => {
                rows[one].reason = Some(reason.clone());
            }
            [one] if rows[one].wrongs.is_empty() => {
                complaints.push(format!("{part}, {reason}: no wrong submission breaks `{quote}`"));
            }
            [_] => complaints.push(format!("{part}, {reason}: a wrong submission breaks `{quote}`")),
            ref found => {
                complaints.push(format!("{part}, {reason}: {} sentences have `{quote}`", found.len()))
            }
        }
    }
    for (reason, quote) in wide {
        let free = |row: &Row<'_>| row.wrongs.is_empty() && row.reason.is_none();
        let found: Vec<usize> = find(&rows, quote).into_iter().filter(|&at| free(&rows[at])).collect();
        if found.is_empty() {
            complaints.push(format!("{part}, {reason}: no sentence is left for `{quote}`"));
        }
        found.into_iter().for_each(|at| rows[at].reason = Some(reason.clone()));
    }
    let lonely = rows.iter().filter(|row| row.wrongs.is_empty() && row.reason.is_none());
    complaints.extend(lonely.map(|Row { sentence, .. }| {
        format!("{part}: no wrong submission, and no reason why: `{}: {}`", sentence.item, sentence.text)
    }));
    Ok(rows)
}

fn of_heading(sentence: &Sentence) -> Option<String> {
    let heading = sentence.heading.as_deref()?;
    HEADINGS.iter().find(|(word, _)| heading.starts_with(word)).map(|(_, reason)| (*reason).to_owned())
}

/// The rows that a quote means: `words of it`, `Item: words of it`, all of an item with `Item: *`, or all of the items that
/// begin so with `Item*`.
fn find(rows: &[Row<'_>], quote: &str) -> Vec<usize> {
    let means = |sentence: &Sentence| match (quote.strip_suffix('*'), quote.split_once(": ")) {
        (_, Some((item, "*"))) => sentence.item == item,
        (Some(items), _) => sentence.item.starts_with(items),
        (None, Some((item, words))) if sentence.item == item => sentence.text.contains(words),
        _ => sentence.text.contains(quote),
    };
    rows.iter().enumerate().filter(|(_, row)| means(&row.sentence)).map(|(at, _)| at).collect()
}
