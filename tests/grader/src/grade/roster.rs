//! Grades in the form in which a gradebook takes them back: the CSV file that Canvas or Moodle has exported, with a
//! column more for each lab.
//!
//! Which row is whose is found by what platforms make of a student's name: `lovelaceada_4711_90210_work` has Canvas's
//! id in it, `Ada Lovelace_90210_assignsubmission_file_` the name, and `labs-ada` the login.

use super::Grade;
use super::report::quoted;
use std::collections::{BTreeMap, BTreeSet};

/// A gradebook with grades in it.
#[derive(Debug, PartialEq, Eq)]
pub struct Gradebook {
    /// The file's text.
    pub text: String,
    /// What a teacher should look at: submissions that are nobody's, or may be of two.
    pub warnings: Vec<String>,
}

/// Adds a column for each lab to a roster.
pub fn gradebook(roster: &str, grades: &[&Grade]) -> Gradebook {
    let mut rows = rows(roster.trim_start_matches('\u{feff}'));
    let header = if rows.is_empty() { Vec::new() } else { rows.remove(0) };
    let mut warnings = Vec::new();
    let mut of_row: BTreeMap<usize, &Grade> = BTreeMap::new();
    for grade in grades {
        let name = &grade.name;
        let mine = rows_of(&rows, name);
        match mine[..] {
            [row] => {
                if let Some(other) = of_row.insert(row, grade) {
                    warnings.push(format!("{} and {name} are of one person; the second counts", other.name));
                }
            }
            [] => warnings.push(format!("{name} is nobody's in the roster")),
            _ => warnings
                .push(format!("{name} may be of {} persons in the roster; it counts for none", mine.len())),
        }
    }
    let labs: BTreeSet<&str> =
        grades.iter().flat_map(|grade| &grade.marks).map(|mark| lab(&mark.id)).collect();
    let mut text = line(header.into_iter().chain(labs.iter().map(|lab| format!("Lab {lab}"))));
    for (number, row) in rows.into_iter().enumerate() {
        let grade = of_row.get(&number);
        let points = |of: &&str| {
            let marks = grade.into_iter().flat_map(|grade| &grade.marks).filter(|mark| lab(&mark.id) == *of);
            let earned: Option<u32> = grade.map(|_| marks.map(|mark| mark.earned).sum());
            earned.map(|earned| earned.to_string()).unwrap_or_default()
        };
        text.push_str(&line(row.into_iter().chain(labs.iter().map(points).collect::<Vec<_>>())));
    }
    Gradebook { text, warnings }
}

/// The lab of a mark such as `3.2` or `3 formatted`.
fn lab(id: &str) -> &str {
    id.split(['.', ' ']).next().unwrap_or(id)
}

/// Only letters and digits, small, and without accents: platforms, archives and file systems write these in several ways,
/// or leave them out.
fn plain(text: &str) -> String {
    const ACCENTS: [(&str, &str); 9] = [
        ("àáâãäåāăą", "a"),
        ("çćč", "c"),
        ("èéêëēęě", "e"),
        ("ìíîïī", "i"),
        ("ñńň", "n"),
        ("òóôõöøō", "o"),
        ("ùúûüūů", "u"),
        ("ýÿ", "y"),
        ("śšş", "s"),
    ];
    let mut plain = String::new();
    // An accent that is a sign of its own, as macOS writes them, is no letter.
    for sign in text.chars().filter(|sign| sign.is_alphanumeric()).flat_map(char::to_lowercase) {
        match ACCENTS.iter().find(|(with, _)| with.contains(sign)) {
            Some((_, without)) => plain.push_str(without),
            None => plain.push(sign),
        }
    }
    plain
}

/// The rows that a submission may belong to. Of two persons with one name, the one whose number is in it, too.
fn rows_of(rows: &[Vec<String>], name: &str) -> Vec<usize> {
    let signs: Vec<usize> = rows.iter().map(|row| signs_of(row, name)).collect();
    let most = signs.iter().max().copied().unwrap_or(0);
    (0..rows.len()).filter(|&row| most > 0 && signs[row] == most).collect()
}

/// How many fields of a row say that a submission is its student's.
fn signs_of(row: &[String], name: &str) -> usize {
    let whole = plain(name);
    let words: Vec<String> = name.split(['_', '-', '.', ' ']).map(plain).collect();
    let start = plain(name.split('_').next().unwrap_or(name));
    let says_so = |field: &&String| {
        let login = field.split('@').next().unwrap_or(field);
        let turned: String = field.split(',').rev().map(plain).collect();
        // Moodle's grading worksheet says `Participant 90210`, and the folder's name 90210.
        let number = field.rsplit(' ').next().filter(|word| word.chars().all(|sign| sign.is_ascii_digit()));
        // A short number could be a grade, and one or two letters a section.
        [plain(login), plain(field), turned, number.unwrap_or_default().to_owned()]
            .iter()
            .any(|key| key.chars().count() >= 3 && (*key == whole || *key == start || words.contains(key)))
    };
    row.iter().filter(says_so).count()
}

/// The records of RFC 4180.
fn rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut inside, mut signs) = (false, text.chars().peekable());
    while let Some(sign) = signs.next() {
        match sign {
            '"' if inside && signs.peek() == Some(&'"') => field.extend(signs.next()),
            '"' => inside = !inside,
            ',' if !inside => row.push(std::mem::take(&mut field)),
            '\r' if !inside => {}
            '\n' if !inside => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            sign => field.push(sign),
        }
    }
    if !field.is_empty() || !row.is_empty() {
        row.push(field);
        rows.push(row);
    }
    rows
}

fn line(fields: impl Iterator<Item = String>) -> String {
    let needs_quotes = |field: &String| field.contains([',', '"', '\n']);
    let fields: Vec<String> =
        fields.map(|field| if needs_quotes(&field) { quoted(&field) } else { field }).collect();
    fields.join(",") + "\n"
}
