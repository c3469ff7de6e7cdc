//! The grader, with submissions of every kind: right, wrong, broken, and hostile.

mod hostile;

use lab::course::Course;
use lab::cut::Files;
use lab::grade::{Grade, Order, grade};
use lab::tree;
use std::fs;
use std::path::{Path, PathBuf};

fn course() -> Course {
    Course::load(&tree::root().expect("a checkout")).expect("labs")
}

fn solution(course: &Course) -> Files {
    tree::read_rust(&course.root.join("solutions/queue")).expect("the solution")
}

/// Writes a submission as a student's folder looks.
fn hand_in(folder: &Path, name: &str, files: &Files) -> PathBuf {
    let root = folder.join(name);
    for (path, text) in files {
        let path = root.join("exercises/queue").join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    root
}

fn order(submissions: Vec<PathBuf>, only: &[&str]) -> Order {
    Order { submissions, only: only.iter().map(|&name| name.to_owned()).collect(), jobs: 2, reports: None }
}

fn by_name<'g>(grades: &'g [Grade], name: &str) -> &'g Grade {
    grades.iter().find(|grade| grade.name == name).unwrap_or_else(|| panic!("{name} has a grade"))
}

/// All in one run: what one does must not reach the others.
#[test]
fn a_hostile_submission_costs_only_itself() {
    let course = course();
    let solution = solution(&course);
    let folder = tempfile::tempdir().expect("a folder");
    let mut submissions = vec![hand_in(folder.path(), "good-first", &solution)];
    let hostile: Vec<(&str, Files)> =
        hostile::armed(&solution).into_iter().chain(hostile::others(&solution)).collect();
    submissions.extend(hostile.iter().map(|(name, files)| hand_in(folder.path(), name, files)));
    submissions.push(hand_in(folder.path(), "good-last", &solution));
    let before = fs::read_to_string(course.root.join("tests/suites/queue/semaphore.rs")).expect("a test");

    // The semaphore, which the weapons are in, and what does not need it.
    let grades = grade(&course, &order(submissions, &["3.1", "3.5", "3.7"])).expect("a run over all of them");

    let all = by_name(&grades, "good-first").points();
    for name in ["good-first", "good-last", "brings-a-program"] {
        let grade = by_name(&grades, name);
        assert_eq!((grade.earned(), grade.problem.as_deref()), (all, None), "{name}: {:#?}", grade.marks);
    }
    for (name, _) in hostile.iter().filter(|(name, _)| *name != "brings-a-program") {
        let semaphore =
            by_name(&grades, name).marks.iter().find(|mark| mark.id == "3.1").expect("a mark for 3.1");
        assert_eq!(
            semaphore.earned, 0,
            "{name} earns nothing for the semaphore that it broke: {}",
            semaphore.text
        );
        assert!(!semaphore.text.is_empty(), "{name} is told why");
    }
    // Who breaks the semaphore still has an inbox.
    for (name, _) in hostile::armed(&solution) {
        let inbox =
            by_name(&grades, name).marks.iter().find(|mark| mark.id == "3.5").expect("a mark for 3.5");
        assert_eq!(
            inbox.earned, inbox.points,
            "{name} loses nothing for what it did not touch: {}",
            inbox.text
        );
    }
    let after = fs::read_to_string(course.root.join("tests/suites/queue/semaphore.rs")).expect("a test");
    assert!(before == after, "a submission has changed a test");
}
