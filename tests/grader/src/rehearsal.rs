//! `cargo lab staff DIR`: whether the tests of an instructor's folder find what they are for.
//!
//! These are graded like any submission: our solution, which must pass; the exercise as it is handed out, which must
//! earn nothing; and each wrong submission of the folder, whose task must fail with the sentence in the list.

use crate::cut;
use crate::grade::{self, Grade, Mark, Order};
use crate::points::PointsTable;
use crate::staff::{Staff, WRONG};
use crate::wrong::{self, Wrong};
use anyhow::{Context, Result, ensure};
use lab::course::{Course, Lab};
use lab::tree::Files;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One submission of the rehearsal.
struct Player<'c> {
    lab: &'c Lab,
    part: Part,
    path: PathBuf,
}

enum Part {
    Solution,
    Unwritten,
    Wrong(Wrong),
}

/// Tries a folder, and prints a line for each submission. Returns whether each one got the right verdict.
///
/// # Errors
/// If the folder does not fit the course, or nothing can be graded here.
pub fn rehearse(course: &Course, points: &PointsTable, folder: &Path, weak: bool) -> Result<bool> {
    let staff = Staff::load(course, folder)?;
    let place = tempfile::tempdir().context("no temporary folder")?;
    let players = players(course, &staff, place.path())?;
    let mut tasks: BTreeSet<String> = staff.ids().map(str::to_owned).collect();
    for player in &players {
        if let Part::Wrong(wrong) = &player.part {
            tasks.insert(wrong.task.clone());
        }
    }
    let order = Order {
        submissions: players.iter().map(|player| player.path.clone()).collect(),
        only: tasks.into_iter().collect(),
        jobs: lab::judge::side_by_side(),
        staff: Some(folder.to_owned()),
        on_trial: true,
        weak,
        ..Order::default()
    };
    let grades = grade::judged(course, points, &order)?;
    let mut good = true;
    for (player, grade) in players.iter().zip(&grades) {
        let (as_expected, line) = verdict(player, grade, &staff);
        good &= as_expected;
        println!("{line}");
    }
    Ok(good)
}

/// Writes the submissions.
fn players<'c>(course: &'c Course, staff: &Staff, place: &Path) -> Result<Vec<Player<'c>>> {
    let mut players = Vec::new();
    let mut add = |lab: &'c Lab, part: Part, files: &Files| -> Result<()> {
        let path = place.join(players.len().to_string());
        grade::write_part(&path, lab, files)?;
        players.push(Player { lab, part, path });
        Ok(())
    };
    for lab in &course.labs {
        let number = format!("{}.", lab.number);
        let list = staff.folder().join(WRONG).join(&lab.part).with_extension("toml");
        let wrongs = if list.exists() { wrong::read(&list)? } else { Vec::new() };
        if wrongs.is_empty() && !staff.ids().any(|id| id.starts_with(&number)) {
            continue;
        }
        add(lab, Part::Solution, &wrong::solution(course, lab)?)?;
        add(lab, Part::Unwritten, &begun(course, lab)?)?;
        for wrong in wrongs {
            let known = staff.ids().any(|id| id == wrong.task) || course.task(&wrong.task).is_ok();
            let says = || format!("{}, \"{}\"", list.display(), wrong.name);
            ensure!(known, "{}: there is no task {}", says(), wrong.task);
            let files = wrong.files(course, lab).with_context(says)?;
            add(lab, Part::Wrong(wrong), &files)?;
        }
    }
    Ok(players)
}

/// The exercise as it is handed out, with a comment added, because an untouched exercise is not judged.
fn begun(course: &Course, lab: &Lab) -> Result<Files> {
    let mut files = cut::exercise(&course.root, lab)?;
    for text in files.values_mut() {
        text.push_str("// Begun.\n");
    }
    Ok(files)
}

/// Whether a submission got the right verdict, and a line about it.
fn verdict(player: &Player<'_>, grade: &Grade, staff: &Staff) -> (bool, String) {
    let lab = player.lab.number;
    let full = |mark: &Mark| mark.earned == mark.points;
    // It was handed in for this lab only.
    let of_lab = |mark: &&Mark| mark.id.split_once('.').is_some_and(|(of, _)| of == lab.to_string());
    if let Some(problem) = &grade.problem {
        return (false, format!("NOT JUDGED   lab {lab}  {problem}"));
    }
    match &player.part {
        Part::Solution => match grade.marks.iter().filter(of_lab).find(|mark| !full(mark)) {
            None => (true, format!("passes       lab {lab}  our own solution")),
            Some(mark) => {
                (false, format!("NOT PASSED   {}  our own solution:\n{}", mark.id, indented(&mark.text)))
            }
        },
        Part::Unwritten => {
            let paid = |mark: &&Mark| mark.earned > 0 && staff.ids().any(|id| id == mark.id);
            match grade.marks.iter().find(paid) {
                None => (true, format!("earns 0      lab {lab}  the exercise as it is handed out")),
                Some(Mark { id, earned, .. }) => (
                    false,
                    format!(
                        "EARNS {earned}      {id}  the exercise as it is handed out: some of the tests pass on it, so say \
                         `free = NUMBER`, or test more"
                    ),
                ),
            }
        }
        Part::Wrong(Wrong { name, task, says, .. }) => {
            match grade.marks.iter().find(|mark| mark.id == *task) {
                Some(mark) if full(mark) => (false, format!("NOT REFUSED  {task}  {name}")),
                Some(mark) if !words(&mark.text).contains(&words(says)) => (
                    false,
                    format!(
                        "REFUSED, BUT {task}  {name}: should say `{says}`, and says:\n{}",
                        indented(&mark.text)
                    ),
                ),
                Some(_) => (true, format!("refused      {task}  {name}")),
                None => (false, format!("NOT JUDGED   {task}  {name}")),
            }
        }
    }
}

/// A text without its line ends, because a report breaks long lines.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn indented(text: &str) -> String {
    text.trim_matches('\n').lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}
