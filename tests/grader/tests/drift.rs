//! Solutions, labs and exercises say the same. Nothing is built for this, so it is not left to `cargo lab prove`.

use grader::cut::{self, Body, holes_at};
use grader::wrong::{self, Edit};
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

/// A student whose mistake is in one task, and who is sent to another, looks for it in the wrong function. The blamed task
/// asks for the function with the mistake, or asks to change it.
#[test]
fn the_task_that_is_blamed_for_a_wrong_submission_holds_its_fault() {
    let course = course();
    let mut complaints = Vec::new();
    for lab in &course.labs {
        let solution = wrong::solution(&course, lab).expect("a solution");
        let bodies = cut::bodies(&solution, lab).expect("the lab's holes");
        for wrong in wrong::all(&course, lab).expect("wrong submissions") {
            // What is in no hole is shared by all tasks, such as a field.
            let hole = |edit: &Edit| {
                holes_at(&solution, &bodies, &[(&edit.file, &edit.old)]).expect("the solution's texts")
            };
            let holes: Vec<&Body<'_>> = wrong.edits.iter().filter_map(hole).flatten().collect();
            let blamed = wrong.fault.as_ref().unwrap_or(&wrong.task);
            let task = lab.tasks.iter().find(|task| task.id == *blamed).expect("a task");
            if !holes.is_empty()
                && !holes.iter().any(|it| it.task.id == *blamed || task.extends.contains(&it.hole.at))
            {
                let holds: Vec<_> =
                    holes.iter().map(|it| format!("{}, {}", it.task.id, it.hole.at)).collect();
                complaints.push(format!(
                    "lab {}, \"{}\": {blamed} is blamed, and {holds:?} hold the fault",
                    lab.number, wrong.name
                ));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn a_task_extends_functions_of_tasks_that_it_needs() {
    for lab in &course().labs {
        for task in &lab.tasks {
            let needed = lab.needed_by(task);
            let earlier = lab.tasks.iter().filter(|other| needed.contains(&other.id.as_str()));
            let holes: Vec<_> = earlier.flat_map(|other| &other.holes).map(|hole| &hole.at).collect();
            for function in &task.extends {
                assert!(
                    holes.contains(&function),
                    "{} extends {function}, which is none of {holes:?}",
                    task.id
                );
            }
        }
    }
}
