//! Writes grades: for the instructor, for the student, and for the services that collect grades.

use super::{Grade, Mark};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::fmt::Write;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// A table for the screen, one line for each submission.
pub fn table(grades: &[Grade]) -> String {
    let width = grades.iter().map(|grade| grade.name.len()).max().unwrap_or(0).clamp(10, 40);
    let mut text = format!("{:width$}  points  of    s  first task that is not done\n", "submission");
    for grade in grades {
        let missing = grade.marks.iter().find(|mark| mark.earned < mark.points);
        let why = match (&grade.problem, missing) {
            (Some(problem), _) => problem.lines().next().unwrap_or_default().to_owned(),
            (None, Some(mark)) => format!("{} {}: {}", mark.id, mark.name, gist(&mark.text)),
            (None, None) => String::new(),
        };
        let (earned, points, seconds) = (grade.earned(), grade.points(), grade.took.as_secs());
        writeln!(text, "{:width$}  {earned:6} {points:3} {seconds:4}  {why}", grade.name).expect(STRING);
    }
    text
}

/// The promise that broke, or the first line, at most 70 characters.
fn gist(text: &str) -> String {
    let promise = text.lines().skip_while(|line| !line.contains("This promise breaks")).nth(2);
    let line = promise.or_else(|| text.lines().next()).unwrap_or_default().trim();
    line.chars().take(70).collect()
}

/// The file beside a report from which `--resume` reads the grade.
pub const GRADE: &str = "grade.json";

/// Writes the reports of one submission into a folder of its own: `report.md`, `results.json` (Gradescope) and
/// `result.json` (Classroom 50); and the sheets of all submissions graded so far: `grades.csv` and `junit.xml`.
///
/// # Errors
/// If a file cannot be written. The old ones stay.
pub fn write(folder: &Path, grade: &Grade, sum: u64, all: &[&Grade]) -> Result<()> {
    let put = |name: &Path, text: String| put(&folder.join(name), text);
    let own = Path::new(&grade.name);
    put(&own.join("report.md"), markdown(grade))?;
    put(&own.join("results.json"), pretty(&gradescope(grade)))?;
    put(&own.join("result.json"), pretty(&classroom50(grade)))?;
    write_sheets(folder, all)?;
    // Written last, because a submission with this file counts as done.
    if grade.lost {
        let _ = fs::remove_file(folder.join(own).join(GRADE));
        return Ok(());
    }
    put(&own.join(GRADE), serde_json::to_string(&Kept { sum, grade: Cow::Borrowed(grade) })?)
}

/// A grade, as it is kept for `--resume`.
#[derive(Serialize, Deserialize)]
pub struct Kept<'g> {
    /// The sum of the submission and of how it was judged.
    pub sum: u64,
    /// What it earned.
    pub grade: Cow<'g, Grade>,
}

/// Writes `grades.csv` and `junit.xml` of these and no other grades.
///
/// # Errors
/// If a file cannot be written. The old ones stay.
pub fn write_sheets(folder: &Path, all: &[&Grade]) -> Result<()> {
    put(&folder.join("grades.csv"), csv(all))?;
    put(&folder.join("junit.xml"), junit(all))
}

/// Makes a folder of reports that only we can enter, because other students may have accounts on this machine. The umask
/// cannot do that: submissions must be able to read the other files that we write.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Writes a report that only we can read.
pub(super) fn put(path: &Path, text: String) -> Result<()> {
    make_folder(path.parent().expect("a file is in a folder"))?;
    // A full disk must not leave half a report instead of a whole one.
    let new = path.with_extension("new");
    let ours = File::options().write(true).create(true).truncate(true).mode(0o600).open(&new);
    ours.and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&new, path))
        .inspect_err(|_| drop(fs::remove_file(&new)))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("texts and numbers") + "\n"
}

/// For the student.
pub fn markdown(grade: &Grade) -> String {
    let hidden = grade.marks.iter().any(|mark| !mark.visible);
    let visible: Vec<&Mark> = grade.marks.iter().filter(|mark| mark.visible).collect();
    let (earned, points) =
        visible.iter().fold((0, 0), |sum, mark| (sum.0 + mark.earned, sum.1 + mark.points));
    let mut text = format!("# {}: {earned} of {points} points\n\n", in_markdown(&grade.name));
    if hidden {
        text.push_str("Some tasks are shown after the deadline.\n\n");
    }
    if let Some(problem) = &grade.problem {
        writeln!(text, "It could not be graded: {}\n", in_markdown(problem)).expect(STRING);
    }
    for note in &grade.notes {
        writeln!(text, "- {}", in_markdown(note)).expect(STRING);
    }
    if !grade.notes.is_empty() {
        text.push('\n');
    }
    text.push_str("| task | | points |\n|---|---|---|\n");
    for mark in &visible {
        writeln!(text, "| {} | {} | {} of {} |", mark.id, mark.name, mark.earned, mark.points).expect(STRING);
    }
    for mark in visible.iter().filter(|mark| mark.earned < mark.points && !mark.text.is_empty()) {
        // Otherwise the output of a student's code could end the block.
        let longest = mark.text.split(|sign| sign != '`').map(str::len).max().unwrap_or(0);
        let fence = "`".repeat(longest.max(3) + 1);
        writeln!(text, "\n## {} {}\n\n{fence}text\n{}\n{fence}", mark.id, mark.name, mark.text)
            .expect(STRING);
    }
    text
}

/// A text that names what is in a submission, without tags, links and pictures: a program that shows the report should
/// not ask a server of the student's for them.
fn in_markdown(text: &str) -> String {
    text.replace('\\', "\\\\").replace('<', "\\<").replace('[', "\\[")
}

/// For a mark sheet: one line for each submission, one column for each task.
pub fn csv(grades: &[&Grade]) -> String {
    let mut columns: Vec<&str> = Vec::new();
    for mark in grades.iter().flat_map(|grade| &grade.marks) {
        if !columns.contains(&mark.id.as_str()) {
            columns.push(&mark.id);
        }
    }
    let mut text = format!("submission,earned,points,{},problem\n", columns.join(","));
    for grade in grades {
        write!(text, "{},{},{}", quoted(&grade.name), grade.earned(), grade.points()).expect(STRING);
        for column in &columns {
            let mark = grade.marks.iter().find(|mark| mark.id == *column);
            write!(text, ",{}", mark.map_or_else(String::new, |mark| mark.earned.to_string())).expect(STRING);
        }
        writeln!(text, ",{}", quoted(grade.problem.as_deref().unwrap_or_default())).expect(STRING);
    }
    text
}

/// A field of RFC 4180. A spreadsheet takes a field that begins with one of four characters for a formula, some also
/// with their wide forms or after white space, so these get a space.
pub(super) fn quoted(field: &str) -> String {
    let formula = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];
    let text = field.trim_start();
    let harmless = if text.starts_with(formula) { format!(" {text}") } else { field.to_owned() };
    format!("\"{}\"", harmless.replace('"', "\"\""))
}

/// For CI services: a test suite for each submission, a test case for each task. In the format of Jenkins:
/// `junit-10.xsd` of its xUnit plugin.
pub fn junit(grades: &[&Grade]) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for grade in grades {
        let failures = grade.marks.iter().filter(|mark| mark.earned < mark.points).count();
        let errors = usize::from(grade.problem.is_some());
        let (name, tests, seconds) =
            (escaped(&grade.name), grade.marks.len() + errors, grade.took.as_secs_f64());
        writeln!(
            text,
            "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" time=\"{seconds:.1}\">"
        )
        .expect(STRING);
        // Jenkins takes everything before the last point for a package.
        let class = name.replace('.', "_");
        if let Some(problem) = &grade.problem {
            let (message, problem) = (escaped(problem.lines().next().unwrap_or_default()), escaped(problem));
            writeln!(
                text,
                "    <testcase classname=\"{class}.submission\" name=\"submission\" time=\"{seconds:.1}\"><error type=\"problem\" message=\"{message}\">{problem}</error></testcase>"
            )
            .expect(STRING);
        }
        for mark in &grade.marks {
            let lab = mark.id.split(['.', ' ']).next().unwrap_or_default();
            let name = escaped(&format!("{} {}", mark.id, mark.name));
            let case = format!(
                "    <testcase classname=\"{class}.lab {lab}\" name=\"{name}\" time=\"{:.1}\"",
                mark.took.as_secs_f64()
            );
            if mark.earned == mark.points {
                writeln!(text, "{case}/>").expect(STRING);
            } else {
                let (earned, points, body) = (mark.earned, mark.points, escaped(&mark.text));
                writeln!(
                    text,
                    "{case}><failure type=\"points\" message=\"{earned} of {points} points\">{body}</failure></testcase>"
                )
                .expect(STRING);
            }
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

/// Text for XML 1.0, without control characters except tab and line end.
fn escaped(text: &str) -> String {
    let is_none = |sign: char| sign.is_control() || ['\u{fffe}', '\u{ffff}'].contains(&sign);
    let kept = text.chars().filter(|&sign| !is_none(sign) || sign == '\n' || sign == '\t');
    kept.fold(String::new(), |mut text, sign| {
        match sign {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            sign => text.push(sign),
        }
        text
    })
}

/// Gradescope's `results.json` (its documentation, "Autograder Specifications", output format).
pub fn gradescope(grade: &Grade) -> Value {
    let tests: Vec<Value> = grade
        .marks
        .iter()
        .map(|mark| {
            json!({
                "name": mark.name,
                "number": mark.id,
                "score": mark.earned,
                "max_score": mark.points,
                "status": if mark.earned == mark.points { "passed" } else { "failed" },
                "output": mark.text,
                "output_format": "text",
                "visibility": if mark.visible { "visible" } else { "after_due_date" },
            })
        })
        .collect();
    json!({
        "score": grade.earned(),
        "execution_time": grade.took.as_secs(),
        "output": grade.problem.iter().chain(&grade.notes).cloned().collect::<Vec<_>>().join("\n"),
        "visibility": "visible",
        // What the grader prints is for teachers.
        "stdout_visibility": "hidden",
        "tests": tests,
    })
}

/// Classroom 50's `result.json`, schema `classroom50/result/v1` (its wiki, "Advanced Autograding"). Values that only
/// the service knows come from the environment that it sets. The student can read the file, so results that are hidden
/// until the deadline are not in it.
pub fn classroom50(grade: &Grade) -> Value {
    let known = |name: &str| std::env::var(name).unwrap_or_default();
    let review = std::env::var("REVIEW_URL").unwrap_or_else(|_| known("COMMIT_URL"));
    let visible = || grade.marks.iter().filter(|mark| mark.visible);
    let tests: Vec<Value> = visible()
        .map(|mark| {
            json!({
                "test-name": format!("{} {}", mark.id, mark.name),
                "passed": mark.earned == mark.points,
                "score": mark.earned,
                "max-score": mark.points,
            })
        })
        .collect();
    json!({
        "schema": "classroom50/result/v1",
        "classroom": known("CLASSROOM"),
        "assignment": known("ASSIGNMENT"),
        "submission": known("SUBMISSION_TAG"),
        "commit": known("COMMIT_URL"),
        "release": known("RELEASE_URL"),
        "review": review,
        "datetime": httpdate_utc(),
        "score": visible().map(|mark| mark.earned).sum::<u32>(),
        "max-score": visible().map(|mark| mark.points).sum::<u32>(),
        "tests": tests,
    })
}

/// Now, in ISO 8601, UTC.
fn httpdate_utc() -> String {
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, seconds) = (now / 86_400, now % 86_400);
    let (year, month, day) = civil(days);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// The date that is `days` days after 1970-01-01, by counting (proleptic Gregorian calendar).
fn civil(mut days: u64) -> (u64, u64, u64) {
    let leap = |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    (year, month as u64 + 1, days + 1)
}

const STRING: &str = "a string takes whatever is written to it";
