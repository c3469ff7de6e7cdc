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
