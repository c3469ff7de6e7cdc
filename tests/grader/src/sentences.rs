//! The sentences of the contracts, and what becomes of a submission that breaks one.
//!
//! A student reads the public documentation of a part, the goals of its tasks, and the page of its lab. Each sentence
//! there is a row of `tests/submissions/SENTENCES.md` (of a lab's page those that say "must", and the rows of some tables).
//! Either a wrong submission breaks it and no other sentence (`breaks` in `<part>.toml`), or it promises nothing that can be
//! tested, for a reason (`untested.toml`, or its heading). What a test cannot see of a sentence that others break is a reason
//! that begins with "in part"; a sentence that says again what another says has that one's wrong submissions. And a
//! suite or a model demands nothing that no sentence promises: each of its tests refuses a wrong submission, or
//! `promised.toml` names the sentences that it tests. `cargo lab sentences` writes the table.
//!
//! ```text
//!   solutions/<part>/src  --documented-->             <--breaks--  tests/submissions/<part>.toml
//!   tests/labs/<part>.toml --goals----->   sentences  <--reasons-- tests/submissions/untested.toml
//!   book/src/<lab>/lab.md --"must"----->       ^      <--tests---- tests/submissions/promised.toml
//!                                              |
//!                                              +--> tests/submissions/SENTENCES.md
//! ```

mod documented;

use crate::staff::parse_toml;
use crate::wrong::{self, Wrong};
use anyhow::{Context, Result};
use documented::Sentence;
use lab::course::{Course, Lab};
use std::collections::{BTreeMap, BTreeSet};
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

/// How a reason begins that quotes a sentence which says the same, or more exactly what this one sums up.
const AGAIN: &str = "says again: ";

/// A sentence, and the contents of its row.
struct Row<'w> {
    sentence: Sentence,
    wrongs: Vec<&'w Wrong>,
    /// The tests that refuse no wrong submission, but test this sentence.
    tests: Vec<&'w str>,
    reason: Option<String>,
}

impl Row<'_> {
    fn says_again(&self) -> bool {
        self.reason.as_ref().is_some_and(|reason| reason.starts_with(AGAIN))
    }
}

/// Quotes of sentences, by the reason why no test can tell, or by the test that does.
type Quotes = BTreeMap<String, Vec<String>>;

/// The table of all labs as text, and what is wrong with it: sentences without a row's second half, and references to
/// sentences that do not exist.
///
/// # Errors
/// If a file cannot be read.
pub fn table(course: &Course) -> Result<(String, Vec<String>)> {
    let [untested, promised] = ["untested", "promised"].map(|name| quotes(course, name));
    let (untested, promised) = (untested?, promised?);
    let (mut complaints, mut labs, mut sums) = (Vec::new(), String::new(), String::new());
    for lab in &course.labs {
        let wrongs = wrong::all(course, lab)?;
        let none = Quotes::new();
        let of = |quotes| BTreeMap::get(quotes, &lab.part).unwrap_or(&none);
        let rows = rows(course, lab, &wrongs, of(&untested), of(&promised), &mut complaints)?;
        writeln!(sums, "{}", sum(lab, &rows, wrongs.len()))?;
        labs.push_str(&section(lab, &rows)?);
    }
    let table = format!("{HEAD}{sums}{labs}");
    Ok((table, complaints))
}

/// The quotes in one of the two lists, by part.
fn quotes(course: &Course, name: &str) -> Result<BTreeMap<String, Quotes>> {
    let path = course.root.join(format!("tests/submissions/{name}.toml"));
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    parse_toml(&path, &text)
}

const HEAD: &str = "# Every sentence of a contract, and what breaks it

Written by `cargo lab sentences`; a test compares. A sentence of the public documentation of a part, the goal of a task,
or a sentence of its lab that says \"must\" is either broken by a wrong submission, which the named test refuses; or it
says again what another sentence says; or it promises nothing that a test could find broken, and the last column says
why. \"In part\" is what is not tested of a sentence that is otherwise tested. Each sentence that does not say another one
again is broken alone by a wrong submission. Wrong models of \"Prove it\" break no sentence of the part: they are only
counted.

| lab | sentences | with a wrong submission | in part | said again | not to be tested | wrong submissions | further tests |
|---|---|---|---|---|---|---|---|
";

fn sum(lab: &Lab, rows: &[Row<'_>], wrongs: usize) -> String {
    let count = |of: &dyn Fn(&Row<'_>) -> bool| rows.iter().filter(|row| of(row)).count();
    let broken = count(&|row| !row.wrongs.is_empty() && !row.says_again());
    let in_part = count(&|row| row.reason.as_ref().is_some_and(|reason| reason.starts_with(IN_PART)));
    let again = count(&|row| row.says_again());
    let untested = rows.len() - broken - again;
    let (all, lab, part) = (rows.len(), lab.number, &lab.part);
    let tests: BTreeSet<&str> = rows.iter().flat_map(|row| row.tests.iter().copied()).collect();
    let tests = tests.len();
    format!("| {lab} {part} | {all} | {broken} | {in_part} | {again} | {untested} | {wrongs} | {tests} |")
}

fn section(lab: &Lab, rows: &[Row<'_>]) -> Result<String> {
    let mut text = format!("\n## Lab {}: {}\n\n", lab.number, lab.part);
    text.push_str(
        "| of | sentence | broken by, and refused by | also tested by | not tested, because it |\n",
    );
    text.push_str("|---|---|---|---|---|\n");
    for Row { sentence, wrongs, tests, reason } in rows {
        let broken = wrongs.iter().map(|wrong| format!("{}: `{}`", wrong.name, wrong.test));
        let tests = tests.iter().map(|test| format!("`{test}`"));
        let [broken, tests] = [Vec::from_iter(broken).join("; "), Vec::from_iter(tests).join("; ")];
        let words = sentence.text.replace('|', "\\|");
        let reason = reason.as_deref().unwrap_or_default().replace('|', "\\|");
        writeln!(text, "| `{}` | {words} | {broken} | {tests} | {reason} |", sentence.item)?;
    }
    Ok(text)
}

fn rows<'w>(
    course: &Course,
    lab: &Lab,
    wrongs: &'w [Wrong],
    reasons: &Quotes,
    promised: &'w Quotes,
    complaints: &mut Vec<String>,
) -> Result<Vec<Row<'w>>> {
    let mut rows: Vec<Row<'w>> = documented::sentences(course, lab)?
        .into_iter()
        .map(|sentence| Row {
            reason: of_heading(&sentence),
            wrongs: Vec::new(),
            tests: Vec::new(),
            sentence,
        })
        .collect();
    let mut complain = |what: String| complaints.push(format!("{}, {what}", lab.part));
    for wrong in wrongs {
        if wrong.breaks.is_empty() && !wrong.test.starts_with("prove ") {
            complain(format!("\"{}\" breaks no sentence: what does it break?", wrong.name));
        }
        if lab.tasks.iter().all(|task| task.id != wrong.task || !task.has_test(&wrong.test)) {
            complain(format!("\"{}\": `{}` is no test of its task", wrong.name, wrong.test));
        }
        for quote in &wrong.breaks {
            match find(&rows, quote)[..] {
                [one] => {
                    rows[one].wrongs.push(wrong);
                    rows[one].reason = None;
                }
                ref found => {
                    complain(format!("\"{}\": {} sentences have `{quote}`", wrong.name, found.len()));
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
            [one]
                if reason.starts_with(AGAIN)
                    || rows[one].wrongs.is_empty() != reason.starts_with(IN_PART) =>
            {
                rows[one].reason = Some(reason.clone());
            }
            [one] if rows[one].wrongs.is_empty() => {
                complain(format!("{reason}: no wrong submission breaks `{quote}`"));
            }
            [_] => complain(format!("{reason}: a wrong submission breaks `{quote}`")),
            ref found => complain(format!("{reason}: {} sentences have `{quote}`", found.len())),
        }
    }
    for (reason, quote) in wide {
        let free = |row: &Row<'_>| row.wrongs.is_empty() && row.reason.is_none();
        let found: Vec<usize> = find(&rows, quote).into_iter().filter(|&at| free(&rows[at])).collect();
        if found.is_empty() {
            complain(format!("{reason}: no sentence is left for `{quote}`"));
        }
        found.into_iter().for_each(|at| rows[at].reason = Some(reason.clone()));
    }
    let mut tested = Vec::new();
    for (test, quotes) in promised {
        for quote in quotes {
            match find(&rows, quote)[..] {
                [one] => tested.push((one, test.as_str())),
                ref found => complain(format!("`{test}`: {} sentences have `{quote}`", found.len())),
            }
        }
    }
    tested.into_iter().for_each(|(row, test)| rows[row].tests.push(test));
    unpromised(lab, wrongs, promised).into_iter().for_each(&mut complain);
    unbroken(&rows).into_iter().for_each(complain);
    Ok(rows)
}

/// What is wrong with the list of tests that refuse no wrong submission.
fn unpromised(lab: &Lab, wrongs: &[Wrong], promised: &Quotes) -> Vec<String> {
    let refuse: BTreeSet<&str> = wrongs.iter().map(|wrong| wrong.test.as_str()).collect();
    let tests = lab.tasks.iter().flat_map(|task| &task.tests);
    let tests = tests.filter(|test| ["suite ", "model "].iter().any(|kind| test.starts_with(kind)));
    let tests: BTreeSet<&str> = tests.map(String::as_str).filter(|test| !refuse.contains(test)).collect();
    let listed: BTreeSet<&str> = promised.keys().map(String::as_str).collect();
    let missing = tests.difference(&listed).map(|test| {
        format!("`{test}` refuses no wrong submission: which sentence of the contract does it test?")
    });
    let surplus =
        listed.difference(&tests).map(|test| format!("`{test}` is no test, or refuses a wrong submission"));
    missing.chain(surplus).collect()
}

/// What is wrong with the sentences that no wrong submission breaks alone.
fn unbroken(rows: &[Row<'_>]) -> Vec<String> {
    let mut complaints = Vec::new();
    let own = |row: &Row<'_>, wrong: &Wrong| {
        wrong.breaks.iter().flat_map(|quote| find(rows, quote)).all(|at| {
            rows[at].says_again() || std::ptr::eq(&raw const rows[at].sentence, &raw const row.sentence)
        })
    };
    for row in rows {
        let name = format!("`{}: {}`", row.sentence.item, row.sentence.text);
        match row.reason.as_ref() {
            None if row.wrongs.is_empty() => {
                complaints.push(format!("no wrong submission, and no reason why: {name}"));
            }
            Some(reason) if row.says_again() => {
                let found = find(rows, reason.trim_start_matches(AGAIN));
                if found.len() != 1 || rows[found[0]].says_again() || rows[found[0]].wrongs.is_empty() {
                    complaints.push(format!("no sentence, or none that is broken, is quoted by `{reason}`"));
                }
            }
            _ if !row.wrongs.is_empty() && !row.wrongs.iter().any(|wrong| own(row, wrong)) => {
                complaints.push(format!("no wrong submission breaks it alone: {name}"));
            }
            _ => {}
        }
    }
    complaints
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
