//! Solutions, labs and exercises say the same. Nothing is built for this, so it is not left to `cargo lab prove`.

use grader::wrong;
use lab::course::Course;
use lab::tree;
use std::fs;

fn course() -> Course {
    Course::load(&tree::root().expect("a checkout")).expect("labs")
}

/// Each exercise in the repository is what is cut from the solution.
#[test]
fn the_exercises_equal_the_solutions_but_for_the_bodies() {
    let course = course();
    assert_eq!(course.labs.len(), 6, "every part has its lab");
    for lab in &course.labs {
        let cut = grader::cut::exercise(&course.root, lab).expect("the exercise");
        let folder = lab.exercise(&course.root);
        let mut shipped = tree::read_rust(&folder).expect("the exercise");
        shipped.retain(|name, _| !name.starts_with("saved"));
        shipped
            .insert("Cargo.toml".into(), fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest"));
        assert!(
            shipped == cut,
            "exercises/{} is not what the solution and its lab say: `cargo lab cut` writes it again",
            lab.part
        );
    }
}

/// A solution that was changed may no longer say what a wrong submission replaces.
#[test]
fn each_wrong_submission_is_still_an_edit_of_the_solution() {
    let course = course();
    let mut complaints = Vec::new();
    for lab in &course.labs {
        for wrong in wrong::all(&course, lab).expect("wrong submissions") {
            if let Err(error) = wrong.files(&course, lab) {
                complaints.push(format!("lab {}, \"{}\": {error:#}", lab.number, wrong.name));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
