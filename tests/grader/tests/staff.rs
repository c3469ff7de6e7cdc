//! An instructor's folder that does not fit the course is refused in one sentence, before anything is built.

use grader::points::points;
use grader::staff::Staff;
use lab::course::Course;
use lab::tree;
use std::fs;
use std::path::{Path, PathBuf};

fn course() -> Course {
    Course::load(&tree::root().expect("a checkout")).expect("labs")
}

fn example() -> PathBuf {
    course().root.join("tests/grader/staff-example")
}

/// A copy of the example.
fn copy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    tree::copy(&example(), folder.path(), |_| true).expect("a copy of the example");
    folder
}

fn edit(folder: &Path, file: &str, old: &str, new: &str) {
    let path = folder.join(file);
    let text = fs::read_to_string(&path).expect("a file");
    assert!(text.contains(old), "{file} says {old}");
    fs::write(path, text.replace(old, new)).expect("a file");
}

/// What is said of a folder; the folder itself is called `DIR`.
fn said(folder: &Path) -> String {
    let course = course();
    let public = points(&course).expect("points");
    let result = Staff::load(&course, folder).and_then(|staff| staff.points(&public));
    let text = result.map_or_else(|error| format!("{error:#}"), |_| "it is good".to_owned());
    text.replace(&folder.display().to_string(), "DIR")
}

#[test]
fn the_example_is_good_and_takes_its_points_from_other_tasks() {
    let course = course();
    let public = points(&course).expect("points");
    let staff = Staff::load(&course, &example()).expect("the example");
    assert_eq!(Vec::from_iter(staff.ids()), ["3.21", "3.22"]);
    let table = staff.points(&public).expect("points that add up");
    let worth = |id: &str| (table.task[id].points, table.task[id].visible);
    assert_eq!((worth("3.6"), worth("3.21"), worth("3.22")), ((42, true), (6, false), (4, true)));
    assert_eq!(table.task["4.6"].points, public.task["4.6"].points);
}

#[test]
fn each_mistake_in_a_folder_is_one_sentence() {
    const SHEET: &str = "staff.toml";
    const SUITE: &str = "suites/queue.rs";
    let edits = [
        (
            SHEET,
            "points = 6",
            "points = 7",
            "DIR/staff.toml: the points of lab 3 add up to 101 with these, and to 100 in tests/points.toml: change those of other tasks under [points]",
        ),
        (
            SHEET,
            "\"3.6\" = 42",
            "\"3.66\" = 42",
            "DIR/staff.toml: there is no task 3.66: lab 3 has 3.1 to 3.9",
        ),
        (
            SHEET,
            "\"3.6\" = 42",
            "\"3.21\" = 42",
            "DIR/staff.toml: task 3.21 has points of its own and in [points]",
        ),
        (SHEET, "\"3.5\"]", "\"3.55\"]", "DIR/staff.toml: there is no task 3.55: lab 3 has 3.1 to 3.9"),
        (
            SHEET,
            "id = \"3.21\"",
            "id = \"3.8\"",
            "DIR/staff.toml: the course has a task 3.8: take a number that is free",
        ),
        (SHEET, "id = \"3.21\"", "id = \"3.22\"", "DIR/staff.toml: there are two tasks 3.22"),
        (SHEET, "id = \"3.21\"", "id = \"queue\"", "DIR/staff.toml: `queue` is not an id like 3.21"),
        (
            SHEET,
            "id = \"3.21\"",
            "id = \"7.9\"",
            "DIR/staff.toml: task 7.9: there is no lab `7`: the labs are 1 to 6, or request, threads, queue, cache, stats, prefork",
        ),
        (
            SHEET,
            "points = 6",
            "points = 6\nfree = 1",
            "DIR/staff.toml: task 3.21: `free` leaves none of its tests, of which it has 1",
        ),
        (SHEET, "points = 6", "points = six", "DIR/staff.toml, line 15: "),
        (
            SHEET,
            "points = 6",
            "points = 6\nhidden = true",
            "DIR/staff.toml, line 16: unknown field `hidden`, expected one of ",
        ),
        (
            SHEET,
            "suite a_queue",
            "stage a_queue",
            "DIR/staff.toml: task 3.21: `stage a_queue_of_100_000_slots_takes_100_000_items` should be `suite NAME` or `model NAME`",
        ),
        (
            SHEET,
            "suite a_queue_of_100_000",
            "suite a_queue_of_2",
            "DIR/suites/queue.rs has no test a_queue_of_2_slots_takes_100_000_items, which task 3.21 names",
        ),
        (
            SHEET,
            "model of_three_puts_one_must_ring",
            "suite another",
            "DIR/suites/queue.rs has no test another, which task 3.22 names",
        ),
        (
            SUITE,
            "#[test]",
            "#[test]\nfn more() {}\n\n#[test]",
            "DIR/suites/queue.rs: no task names the test more",
        ),
        (
            SUITE,
            "use verdict::test;",
            "",
            "DIR/suites/queue.rs does not say `use verdict::test;`, so no test in it can give its receipt",
        ),
        (SUITE, "let queue = ", "let queue == ", "DIR/suites/queue.rs, line 9: expected "),
    ];
    for (file, old, new, expected) in edits {
        let folder = copy();
        edit(folder.path(), file, old, new);
        let said = said(folder.path());
        assert!(
            said.starts_with(expected),
            "{old} -> {new} should be told\n  {expected}\nand is told\n  {said}"
        );
        assert!(!said.contains('\n'), "one sentence: {said}");
    }
}

#[test]
fn a_file_that_is_missing_or_too_much_is_named() {
    let folder = copy();
    fs::remove_file(folder.path().join("models/queue.rs")).expect("a file");
    assert_eq!(
        said(folder.path()),
        "DIR/models/queue.rs is missing: task 3.22 names the test of_three_puts_one_must_ring in it"
    );
    let folder = copy();
    fs::rename(folder.path().join("wrong/queue.toml"), folder.path().join("wrong/cue.toml")).expect("a file");
    assert_eq!(
        said(folder.path()),
        "DIR/wrong/cue.toml belongs to no lab: files are named as the parts are, such as wrong/queue.toml"
    );
    let folder = copy();
    fs::remove_file(folder.path().join("staff.toml")).expect("a file");
    assert_eq!(said(folder.path()), "cannot read DIR/staff.toml: No such file or directory (os error 2)");
    let folder = copy();
    fs::write(folder.path().join("staff.toml"), "").expect("a file");
    assert_eq!(said(folder.path()), "DIR/staff.toml: there is no [[task]] in it");
    assert_eq!(said(&folder.path().join("nothing")), "DIR is not a folder");
}
