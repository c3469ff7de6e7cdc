//! Every sentence of a contract has a wrong submission that breaks it, or a reason why none can.

use grader::sentences::{TABLE, table};
use lab::course::Course;
use lab::tree;
use std::fs;

#[test]
fn every_sentence_is_broken_by_a_wrong_submission_or_says_why_not() {
    let course = Course::load(&tree::root().expect("a checkout")).expect("labs");
    let (fresh, complaints) = table(&course).expect("the parts and their wrong submissions");
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    let kept = fs::read_to_string(course.root.join(TABLE)).expect("the table");
    assert!(kept == fresh, "{TABLE} is not up to date: `cargo lab sentences` writes it");
}

/// The question about a mailbox that is read and emptied in two steps. A model that misses it misses one of the parts that
/// are tried before it, because the notice that comes between the two is the same one.
const ASKED_BEFORE: &str =
    "Which thread of your model leaves it, and which assertion or which sleep shows that it is gone?";

/// What a student is asked whose model misses something. A question that no wrong model has been asked may be the wrong
/// one, or one that cannot be reached.
#[test]
fn every_question_of_prove_it_has_been_asked_of_a_wrong_model() {
    let root = tree::root().expect("a checkout");
    let mut never = Vec::new();
    for part in ["threads", "queue", "cache", "stats", "prefork"] {
        let read = |path: String| fs::read_to_string(root.join(path)).expect("a file of the course");
        let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let verdicts = one_line(&read(format!("tests/submissions/verdicts/{part}.txt")));
        let source = read(format!("tests/prove/src/{part}.rs"));
        let asked: Vec<String> = source
            .split("question: \"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .map(|question| one_line(&question.replace("\\\n", "")))
            .collect();
        assert!(asked.len() >= 5, "{part} asks {asked:?}");
        never.extend(
            asked
                .into_iter()
                .filter(|question| !verdicts.contains(question) && !question.ends_with(ASKED_BEFORE)),
        );
    }
    assert!(never.is_empty(), "no wrong model has been asked:\n{}", never.join("\n"));
}
