//! One place starts what a student wrote, and the compiler on it: `Cell::command`, and process 1 of the cell that it
//! makes.

use lab::tree;
use std::collections::BTreeMap;
use std::fs;

/// Every place in the grader that starts a process, by file: how many, and of what.
const KNOWN: [(&str, usize, &str); 13] = [
    ("archive.rs", 1, "xz, on an archive"),
    ("building.rs", 1, "the compiler on a submission, as `Cell::command` made it"),
    ("handout.rs", 1, "cargo, on a hand-out's lock file"),
    ("inside.rs", 1, "the step in a cell, after it gave up its rights"),
    ("kitchen.rs", 1, "the compiler, for its folder"),
    ("machine.rs", 2, "ldd, on our own program, and cp, on it"),
    ("main.rs", 1, "cargo, on our own tests"),
    ("pristine.rs", 3, "cargo, on our own solution"),
    ("recipe.rs", 1, "the compiler for cargo, on our own solution"),
    ("reference.rs", 1, "our own end-to-end tests, for their list"),
    ("rights.rs", 1, "true(1), in a test of the filter"),
    ("sandbox.rs", 1, "kill"),
    (
        "ward.rs",
        4,
        "this program; once a shell, for a trial of the cell; and rm, on what a submission left behind",
    ),
];

#[test]
fn every_place_that_starts_a_process_is_known() {
    let source = tree::root().expect("a checkout").join("tests/grader/src");
    let starts =
        [".spawn()", ".output()", ".status()", ".exec()", "supervise_build(&", "trial::list(", ".run(&self"];
    let mut found = BTreeMap::new();
    for path in tree::rust_files(&source).expect("our sources") {
        let text = fs::read_to_string(&path).expect("a source");
        let count: usize = starts.iter().map(|start| text.matches(start).count()).sum();
        if count > 0 {
            found.insert(path.file_name().expect("a name").to_string_lossy().into_owned(), count);
        }
    }
    let known: BTreeMap<String, usize> =
        KNOWN.into_iter().map(|(file, count, _)| (file.to_owned(), count)).collect();
    assert_eq!(
        found, known,
        "left: the places that start a process. A student's program may be started by `Cell::command` only"
    );
}

/// Tests of a submission are started by the crate `lab`, through `Manner::wrap`.
#[test]
fn every_trial_of_a_submission_is_wrapped_into_a_cell() {
    let source = tree::root().expect("a checkout").join("tests/grader/src");
    for path in tree::rust_files(&source).expect("our sources") {
        let text = fs::read_to_string(&path).expect("a source");
        let manners = text.matches("Manner {").count() + text.matches("Manner::").count();
        let wrapped = text.matches("wrap: &wrap }").count();
        assert_eq!(manners, wrapped, "{}: a manner of running tests without a cell", path.display());
        if wrapped > 0 {
            let wrap = text.split("let wrap = ").nth(1).and_then(|rest| rest.split("};").next());
            assert!(wrap.is_some_and(|wrap| wrap.contains("cell.command(&command)")), "{}", path.display());
        }
    }
}
