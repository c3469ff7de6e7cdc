//! Points for a task that is not done: never for nothing.

use crate::{by_name, course, hand_in, order, solution};
use grader::cut::{self, replace_once};
use grader::grade::{grade, report};
use grader::points::points;
use std::fs;
use std::path::Path;

/// Each exercise as it is handed out, but for a comment: what is not touched at all is not even judged.
#[test]
fn an_unwritten_exercise_earns_nothing_and_the_table_knows_which_of_its_tests_pass() {
    let course = course();
    let folder = tempfile::tempdir().expect("a folder");
    for lab in &course.labs {
        for (path, text) in cut::exercise(&course.root, lab).expect("the exercise") {
            let path = folder.path().join("exercises").join(&lab.part).join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text + "\n// Begun.\n").expect("a file");
        }
    }
    let points = points(&course).expect("points for every task");
    let grades = grade(&course, &points, &order(vec![folder.path().to_owned()], &[])).expect("a run over it");
    let mut complaints = Vec::new();
    for mark in &grades[0].marks {
        let free = points.task[&mark.id].free;
        let passed = mark.text.lines().find_map(|line| line.split_once(" of its ")?.0.trim().parse().ok());
        if (mark.earned, passed) != (0, Some(free)) {
            let id = &mark.id;
            complaints.push(format!(
                "{id} earns {}; {passed:?} tests pass, and the table says {free}",
                mark.earned
            ));
        }
    }
    assert_eq!(grades[0].problem, None);
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// A semaphore whose `release` is right, and whose `try_acquire` is too generous.
#[test]
fn a_task_with_one_mistake_earns_less_than_half_and_the_report_says_why() {
    let course = course();
    let folder = tempfile::tempdir().expect("a folder");
    let mut files = solution(&course);
    let semaphore = files.get_mut(Path::new("src/semaphore.rs")).expect("a file");
    *semaphore = replace_once(semaphore, "while *permits == 0", "if *permits == 0").expect("a loop");
    let submission = hand_in(folder.path(), "if for while", &files);
    let points = points(&course).expect("points for every task");
    let grades = grade(&course, &points, &order(vec![submission], &["3.1"])).expect("a run over it");
    let grade = by_name(&grades, "if for while");
    let mark = &grade.marks[0];
    assert!(mark.earned > 0 && 2 * mark.earned < mark.points, "{mark:#?}");
    let report = report::markdown(grade);
    let rule = format!("So this is {} of {} points.", mark.earned, mark.points);
    assert!(report.contains(&rule) && report.contains("% of its points"), "{report}");
}
