//! Grades in a form that a gradebook can import: the CSV file that Canvas or Moodle has exported, with one more column
//! for each lab.
//!
//! A submission's row is found by what platforms make of the student's name: `lovelaceada_4711_90210_work` has Canvas's
//! id in it, `Ada Lovelace_90210_assignsubmission_file_` the name, and `labs-ada` the login.

use super::Grade;
use anyhow::{Context, Result, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::Path;

/// The byte order mark. Excel writes it, and takes UTF-8 without it for the old encoding of the country.
const MARK: char = '\u{feff}';

/// A gradebook with grades in it.
#[derive(Debug, PartialEq, Eq)]
pub struct Gradebook {
    /// The file's text.
    pub text: String,
    /// What a teacher should check: submissions that fit no row, or more than one.
    pub warnings: Vec<String>,
}

/// Reads a roster, with its byte order mark if it has one.
///
/// # Errors
/// If the file cannot be read, or is not a table in text. Then the gradebook could not be written after all the grading.
pub fn read(path: &Path) -> Result<String> {
    let file = path.display();
    let text = text(fs::read(path).with_context(|| format!("cannot read {file}"))?);
    let again = "export the gradebook again as CSV, in UTF-8";
    ensure!(!text.trim_start_matches(MARK).trim().is_empty(), "the roster {file} is empty: {again}");
    // No text has a NUL, but workbooks have, and so has UTF-16 that is taken for something else.
    ensure!(!text.contains('\0'), "the roster {file} is not a CSV file: {again}");
    let Table { header, rows, .. } = Table::of(&text);
    ensure!(
        header.len() > 1 && rows.iter().any(|row| row.len() > 1),
        "the roster {file} needs names of columns in its first line, and a row for each student: {again}"
    );
    Ok(text)
}

/// The text of a file that a spreadsheet has written: in UTF-8, in UTF-16 with a mark at its beginning, or in Latin-1.
fn text(bytes: Vec<u8>) -> String {
    let units = |unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.as_chunks().0.iter().map(|&two| unit(two)).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes[..] {
        [0xff, 0xfe, ..] => units(u16::from_le_bytes),
        [0xfe, 0xff, ..] => units(u16::from_be_bytes),
        _ => String::from_utf8(bytes)
            .unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect()),
    }
}

/// Adds a column for each lab to a roster, or fills the existing one.
pub fn gradebook(roster: &str, grades: &[&Grade]) -> Gradebook {
    let Table { before, delimiter, mut header, mut rows } = Table::of(roster);
    let mut warnings = Vec::new();
    let mut of_row: BTreeMap<usize, &Grade> = BTreeMap::new();
    for grade in grades {
        let name = &grade.name;
        let owner = Owner::of(name);
        let column = owner.number_column(&header, &rows);
        if !matches!(owner, Owner::Words(_)) && owner.signs_in(&header, column) > 0 {
            warnings
                .push(format!("{name} is of the first line, but that must hold the names of the columns"));
        }
        if let Some(problem) = &grade.problem {
            warnings.push(format!("{name} could not be graded, and counts for nobody: {problem}"));
            continue;
        }
        let mine = rows_of(&rows, &owner, column);
        match mine[..] {
            [row] => {
                if !owner.fits_to_its_end(&rows[row]) {
                    let of = &rows[row][0];
                    warnings
                        .push(format!("{name} counts for the row of {of}, but only a part of its name fits"));
                }
                if let Some(other) = of_row.insert(row, grade) {
                    let better = if other.earned() > grade.earned() { other } else { grade };
                    of_row.insert(row, better);
                    let other = &other.name;
                    warnings.push(format!("{other} and {name} are of one person; {} counts", better.name));
                }
            }
            [] => warnings.push(format!("{name} is nobody's in the roster")),
            _ => warnings
                .push(format!("{name} may be of {} persons in the roster; it counts for none", mine.len())),
        }
    }
    let labs: BTreeSet<&str> =
        grades.iter().flat_map(|grade| &grade.marks).map(|mark| lab(&mark.id)).collect();
    for of in labs {
        // Canvas adds its own number to an assignment's name, and imports the column by that.
        let title = format!("Lab {of}");
        let is_numbered = |rest: &str| {
            rest.strip_prefix(" (").and_then(|rest| rest.strip_suffix(')')).is_some_and(is_number)
        };
        let is_its = |column: &String| {
            column.strip_prefix(&title).is_some_and(|rest| rest.is_empty() || is_numbered(rest))
        };
        let column = header.iter().position(is_its).unwrap_or(header.len());
        if column == header.len() {
            header.push(title);
        }
        for (number, row) in rows.iter_mut().enumerate() {
            row.resize(row.len().max(header.len()), String::new());
            if let Some(grade) = of_row.get(&number) {
                let marks = grade.marks.iter().filter(|mark| lab(&mark.id) == of);
                row[column] = marks.map(|mark| mark.earned).sum::<u32>().to_string();
            }
        }
    }
    let lines = [header].into_iter().chain(rows).map(|row| line(&row, delimiter));
    Gradebook { text: before + &lines.collect::<String>(), warnings }
}

/// The lab of a mark such as `3.2` or `3 formatted`.
fn lab(id: &str) -> &str {
    id.split(['.', ' ']).next().unwrap_or(id)
}

/// Only letters and digits, in lower case and without accents: platforms, archives and file systems write accents in
/// several ways, or leave them out.
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
    // An accent that is a character of its own, as macOS writes it, is not a letter, so it is dropped.
    for sign in text.chars().filter(|sign| sign.is_alphanumeric()).flat_map(char::to_lowercase) {
        match ACCENTS.iter().find(|(with, _)| with.contains(sign)) {
            Some((_, without)) => plain.push_str(without),
            None => plain.push(sign),
        }
    }
    plain
}

/// What a submission's name says about its student.
enum Owner {
    /// Moodle: the full name, and the number of the participant.
    Moodle(String, String),
    /// Canvas: the family name and the first name in one word, and the student's number. A second number is the
    /// submission's.
    Canvas(String, String),
    /// Words. One may be a login or a number, and so may several that are next to each other, such as `ada-l`. For each
    /// such text: which words it is made of.
    Words(BTreeMap<String, Range<usize>>),
}

impl Owner {
    fn of(name: &str) -> Owner {
        let mut parts: Vec<&str> = name.split('_').collect();
        if let [who, number, "assignsubmission", ..] = parts[..] {
            return Owner::Moodle(plain(who), number.to_owned());
        }
        parts.retain(|part| !part.eq_ignore_ascii_case("late"));
        if let [who, number, of_submission, _, ..] = parts[..]
            && is_number(number)
            && is_number(of_submission)
        {
            return Owner::Canvas(plain(who), number.to_owned());
        }
        let words = name.split(['_', '-', '.', ' ']).map(plain).filter(|word| !word.is_empty());
        let words: Vec<String> = words.collect();
        let runs = (0..words.len()).flat_map(|from| (from + 1..=words.len()).map(move |to| from..to));
        Owner::Words(runs.map(|run| (words[run.clone()].concat(), run)).collect())
    }

    /// The column that holds the numbers which this platform writes into names of submissions. In any other column, the
    /// same digits are a grade, or a number that the university has given to another student.
    fn number_column(&self, header: &[String], rows: &[Vec<String>]) -> Option<usize> {
        let titled = |wanted: &str| header.iter().position(|title| title.trim().eq_ignore_ascii_case(wanted));
        match self {
            Owner::Moodle(..) => titled("Identifier").or_else(|| begins_with_participants(rows).then_some(0)),
            // `SIS User ID` and `SIS Login ID` are the university's.
            Owner::Canvas(..) => titled("ID"),
            Owner::Words(_) => None,
        }
    }

    /// How many signs in a row point to this student. The number counts as much as the name: if each is in another row,
    /// one of them is wrong.
    fn signs_in(&self, row: &[String], column: Option<usize>) -> usize {
        match self {
            Owner::Moodle(who, number) | Owner::Canvas(who, number) => {
                let field = column.and_then(|column| row.get(column));
                let has_number = field.is_some_and(|field| before_number(field).1 == number);
                usize::from(has_number) + usize::from(names_in(row).contains(who))
            }
            Owner::Words(_) => self.fitting(row).len(),
        }
    }

    /// The words that fit a field of a row, or a full name in it, one after the other.
    fn fitting(&self, row: &[String]) -> Vec<Range<usize>> {
        let Owner::Words(runs) = self else { return Vec::new() };
        // A short number could be a grade, and one or two letters a section. Two Chinese characters, which have three
        // bytes each, are a full name.
        let is_telling = |key: &&String| key.chars().count() >= 3 || key.len() >= 6;
        let longest = |keys: &[String]| {
            let runs = keys.iter().filter(is_telling).filter_map(|key| runs.get(key));
            runs.max_by_key(|run| run.len()).cloned()
        };
        let keys = |field: &String| [plain(field.split('@').next().unwrap_or(field)), plain(field)];
        row.iter().filter_map(|field| longest(&keys(field))).chain(longest(&names_in(row))).collect()
    }

    /// Whether the last word fits a row. The first ones may be the name of a repository, as in `labs-ada`, and GitHub
    /// packs a branch of it as `labs-ada-main`. Moodle's names are as in its rosters. In an anonymous assignment, all of
    /// them are `Participant`. Canvas leaves out some letters, so there the number is enough.
    fn fits_to_its_end(&self, row: &[String]) -> bool {
        let runs = match self {
            Owner::Words(runs) => runs,
            Owner::Moodle(who, number) => {
                let anonymous = format!("{who}{number}");
                return names_in(row).contains(who) || row.iter().any(|field| plain(field) == anonymous);
            }
            Owner::Canvas(..) => return true,
        };
        let words =
            runs.iter().filter(|(word, run)| run.len() == 1 && !["main", "master"].contains(&word.as_str()));
        let end = words.map(|(_, run)| run.end).max();
        self.fitting(row).iter().map(|run| run.end).max() >= end
    }
}

/// Everything in a row that may be the full name: a field, as it is or with its halves swapped at a comma, or two
/// neighboring fields with letters in either order.
fn names_in(row: &[String]) -> Vec<String> {
    let turned = |field: &String| field.split(',').rev().map(plain).collect::<String>();
    let alone = row.iter().flat_map(|field| [plain(field), turned(field)]);
    let has_letters = |two: &&[String]| two.iter().all(|field| field.contains(char::is_alphabetic));
    let pairs = row.windows(2).filter(has_letters).flat_map(|two| {
        [&[&two[0], &two[1]], &[&two[1], &two[0]]].map(|it| it.map(|name| plain(name)).concat())
    });
    alone.chain(pairs).filter(|name| !name.is_empty()).collect()
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|sign| sign.is_ascii_digit())
}

/// A field's beginning, and the number at its end, as in `Participant 7`.
fn before_number(field: &str) -> (&str, &str) {
    let field = field.trim();
    field.split_at(field.trim_end_matches(|sign: char| sign.is_ascii_digit()).len())
}

/// Whether the first column is that of Moodle's participants. Its title, and the word before the number, depend on the
/// language (`Teilnehmer/in7`). But the word is the same in all rows, and longer than the one or two letters that a
/// university may put before its own numbers.
fn begins_with_participants(rows: &[Vec<String>]) -> bool {
    let mut fields = rows.iter().map(|row| before_number(&row[0])).filter(|field| *field != ("", ""));
    fields.next().is_some_and(|(word, number)| {
        word.trim().chars().count() >= 3 && is_number(number) && fields.all(|(other, _)| other == word)
    })
}

/// The rows that a submission may belong to. Of two students with one name, the one whose number matches too. And words
/// that fit a row do not count if more words fit another one: `labs-ada-l` is of `ada-l`, and not of `ada`.
fn rows_of(rows: &[Vec<String>], owner: &Owner, column: Option<usize>) -> Vec<usize> {
    let fitting: BTreeSet<(usize, usize)> =
        rows.iter().flat_map(|row| owner.fitting(row)).map(|run| (run.start, run.end)).collect();
    let is_part_of_more = |run: &Range<usize>| {
        let mut wider = fitting.iter().filter(|(start, end)| end - start > run.len());
        wider.any(|(start, end)| *start <= run.start && run.end <= *end)
    };
    let signs = |row: &Vec<String>| match owner {
        Owner::Words(_) => owner.fitting(row).iter().filter(|run| !is_part_of_more(run)).count(),
        _ => owner.signs_in(row, column),
    };
    let signs: Vec<usize> = rows.iter().map(signs).collect();
    let most = signs.iter().max().copied().unwrap_or(0);
    (0..rows.len()).filter(|&row| most > 0 && signs[row] == most).collect()
}

/// The contents of a roster.
struct Table {
    /// The byte order mark, and the line that tells Excel the delimiter: the file begins with these, if it has them.
    before: String,
    delimiter: char,
    /// The names of the columns.
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn of(text: &str) -> Table {
        let unmarked = text.trim_start_matches(MARK);
        let mut before = if unmarked.len() < text.len() { MARK.to_string() } else { String::new() };
        let (first, rest) = unmarked.split_once('\n').unwrap_or((unmarked, ""));
        let first = first.trim_end_matches('\r');
        let (delimiter, table) = match told(first) {
            Some(delimiter) => {
                before.extend([first, "\n"]);
                (delimiter, rest)
            }
            None => (delimiter(unmarked), unmarked),
        };
        let mut rows = rows(table, delimiter);
        let header = if rows.is_empty() { Vec::new() } else { rows.remove(0) };
        Table { before, delimiter, header, rows }
    }
}

/// The delimiter in Excel's first line, such as `sep=;`.
fn told(line: &str) -> Option<char> {
    let (key, delimiter) = line.trim_matches('"').split_at_checked(4)?;
    let mut signs = delimiter.chars();
    signs.next().filter(|_| key.eq_ignore_ascii_case("sep=") && signs.next().is_none())
}

/// The delimiter of the fields: a comma (RFC 4180), a semicolon (in countries with a decimal comma), or a tab.
fn delimiter(text: &str) -> char {
    let header = text.lines().next().unwrap_or_default();
    let count = |sign: &char| (header.matches(*sign).count(), *sign == ',');
    [',', ';', '\t'].into_iter().max_by_key(count).unwrap_or(',')
}

/// The records of RFC 4180. A quotation mark that is not at the beginning of a field is a part of it.
fn rows(text: &str, delimiter: char) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut inside, mut signs) = (false, text.chars().peekable());
    while let Some(sign) = signs.next() {
        match sign {
            '"' if inside && signs.peek() == Some(&'"') => field.extend(signs.next()),
            '"' if inside => inside = false,
            '"' if field.is_empty() => inside = true,
            '\r' if !inside => {}
            '\n' if !inside => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            sign if !inside && sign == delimiter => row.push(std::mem::take(&mut field)),
            sign => field.push(sign),
        }
    }
    if !field.is_empty() || !row.is_empty() {
        row.push(field);
        rows.push(row);
    }
    rows
}

/// A record. The gradebook's own contents are written as they were read, even if a spreadsheet would take them for a
/// formula.
fn line(fields: &[String], delimiter: char) -> String {
    let field = |field: &String| {
        let needs_quotes = field.contains([delimiter, '"', '\n']);
        if needs_quotes { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.clone() }
    };
    fields.iter().map(field).collect::<Vec<_>>().join(&delimiter.to_string()) + "\n"
}
