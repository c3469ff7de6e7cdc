//! One place starts what a student wrote, and the compiler on it.

use lab::tree;
use std::collections::BTreeMap;
use std::fs;

/// Every place in the grader that starts a process, by file: how many, and of what.
const KNOWN: [(&str, usize, &str); 8] = [
    ("archive.rs", 1, "xz, on an archive"),
    ("judging.rs", 1, "what `Cell::command` made"),
    ("main.rs", 1, "cargo, on our own tests"),
    ("pristine.rs", 3, "cargo, on our own solution"),
    ("recipe.rs", 2, "the compiler for cargo, and for its folder"),
    ("reference.rs", 1, "our own end-to-end tests, for their list"),
    ("sandbox.rs", 3, "the step in a cell; ldd on our own program; kill"),
    ("ward.rs", 3, "this program; and once a shell, for a trial of the cell"),
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
