//! An instructor's folder at work.

use crate::{by_name, course, hand_in, order, solution};
use grader::grade::{Grade, Mark, grade};
use grader::points::points;
use lab::tree;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn example() -> PathBuf {
    course().root.join("tests/grader/staff-example")
}

fn mark<'g>(grade: &'g Grade, id: &str) -> &'g Mark {
    grade.marks.iter().find(|mark| mark.id == id).unwrap_or_else(|| panic!("{} has {id}", grade.name))
}

/// `cargo lab staff` with a folder.
fn rehearse(folder: &Path) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_grader")).arg("staff").arg(folder).output().expect("the grader");
    let text = [stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    (status.code(), text.replace(&folder.display().to_string(), "DIR"))
}

/// The first wrong submission of the example: every public test passes with it.
#[test]
fn what_only_a_staff_test_finds_costs_exactly_the_points_of_its_task() {
    let course = course();
    let folder = tempfile::tempdir().expect("a folder");
    let mut mistaken = solution(&course);
    let ring = mistaken.get_mut(Path::new("src/ring.rs")).expect("a file");
    *ring = ring.replace(
        "(self.oldest + self.length) % self.capacity()",
        "usize::from((self.oldest + self.length) as u16) % self.capacity()",
    );
    let submissions =
        vec![hand_in(folder.path(), "right", &solution(&course)), hand_in(folder.path(), "wrong", &mistaken)];
    let points = points(&course).expect("points for every task");
    let with = |staff| {
        let order = grader::grade::Order { staff, ..order(submissions.clone(), &["3"]) };
        grade(&course, &points, &order).expect("a run over both")
    };
    for grade in &with(None) {
        assert_eq!((grade.earned(), grade.points()), (100, 100), "{}: {:#?}", grade.name, grade.marks);
    }
    let grades = with(Some(example()));
    let (right, wrong) = (by_name(&grades, "right"), by_name(&grades, "wrong"));
    assert_eq!((right.earned(), right.points()), (100, 100), "{:#?}", right.marks);
    assert_eq!((wrong.earned(), wrong.points()), (94, 100), "{:#?}", wrong.marks);
    let lost = mark(wrong, "3.21");
    assert_eq!((lost.earned, lost.points, lost.visible), (0, 6, false), "{lost:#?}");
    let said = lost.text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("items come out in the order in which they went in"), "{}", lost.text);
    assert!(!lost.text.contains("hint"), "there are none: {}", lost.text);
    assert_eq!(mark(wrong, "3.6").points, 42);
    // Nothing of it is left for those who grade without.
    let lab_3 = course.lab("3").expect("a lab");
    assert!(with(None).iter().all(|grade| grade.marks.len() == lab_3.tasks.len()));
}

#[test]
fn a_rehearsal_says_of_each_wrong_submission_whether_it_is_refused() {
    let (code, text) = rehearse(&example());
    for line in [
        "passes       lab 3  our own solution",
        "earns 0      lab 3  the exercise as it is handed out",
        "refused      3.21  a position of sixteen bits",
        "refused      3.22  looking and adding under two locks",
    ] {
        assert!(text.contains(line), "{line} should be there:\n{text}");
    }
    assert_eq!(code, Some(0), "{text}");

    let folder = tempfile::tempdir().expect("a folder");
    tree::copy(&example(), folder.path(), |_| true).expect("a copy");
    let edit = |file: &str, old: &str, new: &str| {
        let path = folder.path().join(file);
        let text = fs::read_to_string(&path).expect("a file");
        assert!(text.contains(old), "{file} says {old}");
        fs::write(path, text.replace(old, new)).expect("a file");
    };
    // A test that tries nothing, and a sentence that nobody is told.
    edit("suites/queue.rs", "    let queue =", "    if SLOTS > 0 {\n        return;\n    }\n    let queue =");
    edit("wrong/queue.toml", "one asks for the bell", "two ask for the bell");
    let (code, text) = rehearse(folder.path());
    for line in [
        "NOT REFUSED  3.21  a position of sixteen bits",
        "EARNS 6      3.21  the exercise",
        "REFUSED, BUT 3.22  looking and adding under two locks: should say",
    ] {
        assert!(text.contains(line), "{line} should be there:\n{text}");
    }
    assert_eq!(code, Some(1), "{text}");

    edit("suites/queue.rs", "use queue::BoundedQueue;", "use queue::BoundedCue;");
    let (code, text) = rehearse(folder.path());
    let error = text.lines().last().unwrap_or_default();
    assert_eq!(
        error,
        "cargo lab: DIR/suites/queue.rs:3:5 does not compile with our own part: error[E0432]: unresolved import `queue::BoundedCue`"
    );
    assert_eq!(code, Some(2), "{text}");
}

/// A mistake in these tests would cost every student points.
#[test]
fn a_folder_that_our_own_solution_does_not_pass_grades_nothing() {
    let course = course();
    let folder = tempfile::tempdir().expect("a folder");
    let staff = folder.path().canonicalize().expect("a folder").join("staff");
    tree::copy(&example(), &staff, |_| true).expect("a copy");
    let submissions = vec![hand_in(folder.path(), "right", &solution(&course))];
    let points = points(&course).expect("points for every task");
    let with = |reports: &str, only: &[&str]| {
        let reports = Some(folder.path().join(reports));
        let order =
            grader::grade::Order { staff: Some(staff.clone()), reports, ..order(submissions.clone(), only) };
        grade(&course, &points, &order)
    };
    let grades = with("good", &["3.21", "3.22"]).expect("the example is good");
    assert_eq!(grades[0].earned(), 10, "{:#?}", grades[0].marks);

    let suite = staff.join("suites/queue.rs");
    let text = fs::read_to_string(&suite).expect("a file");
    assert!(text.contains("(SLOTS).is_err()"), "the queue is full: {text}");
    fs::write(&suite, text.replace("(SLOTS).is_err()", "(SLOTS).is_ok()")).expect("a file");
    let error = with("bad", &["3.21", "3.22"]).expect_err("no queue has room for one more than it has slots");
    let name = staff.display();
    assert_eq!(
        format!("{error:#}"),
        format!(
            "our own solution does not pass task 3.21 of {name}, so nothing was graded: `cargo lab staff {name}` says why"
        )
    );
    assert!(!folder.path().join("bad/grades.csv").exists(), "nothing is graded");
    // Nobody is graded with that task here.
    let grades = with("other", &["3.22"]).expect("the other task is good");
    assert_eq!(grades[0].earned(), 4, "{:#?}", grades[0].marks);
}
