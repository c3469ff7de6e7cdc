//! Points for a task that is not done: never for nothing.

use crate::{by_name, course, hand_in, hand_in_part, order, solution};
use grader::cut::{self, replace_once};
use grader::grade::{Mark, grade, report};
use grader::points::points;
use std::path::Path;

/// The task whose tests talk to a server.
const SERVES: &str = "Serve with it";

/// How many of a task's tests pass, by the report.
fn passed(mark: &Mark) -> Option<u32> {
    mark.text.lines().find_map(|line| line.split_once(" of its ")?.0.trim().parse().ok())
}

/// The least that compiles and does not end the server, for each hole, by the beginning of its text.
const NOTHING: [(&str, &str, &str, &str); 40] = [
    ("request", "head.rs", "Lab 1.1: find", "Err(HeadError::Malformed(\"no\"))"),
    ("request", "stop.rs", "Lab 1.5: raise", "true"),
    ("request", "stop.rs", "Lab 1.5: return", "false"),
    ("threads", "limit.rs", "Lab 2.2: take", "Permit { shared: self.shared.clone() }"),
    ("threads", "limit.rs", "Lab 2.1: take", "Some(Permit { shared: self.shared.clone() })"),
    ("threads", "limit.rs", "Lab 2.4: sleep", "()"),
    ("threads", "limit.rs", "Lab 2.1: say", "0"),
    ("threads", "limit.rs", "Lab 2.1: give", "()"),
    ("queue", "semaphore.rs", "Lab 3.1: take a permit;", "()"),
    ("queue", "semaphore.rs", "Lab 3.1: take a permit if", "true"),
    ("queue", "semaphore.rs", "Lab 3.1: give", "()"),
    ("queue", "ring.rs", "Lab 3.2: put", "()"),
    ("queue", "ring.rs", "Lab 3.2: take", "None"),
    ("queue", "bounded_queue.rs", "Lab 3.2: wait for an empty", "Ok(())"),
    ("queue", "bounded_queue.rs", "Lab 3.3: push", "Err(Refused::Full(item))"),
    (
        "queue",
        "bounded_queue.rs",
        "Lab 3.2: wait for a filled",
        "{ while !self.state.with(|it| it.shut_down) { std::thread::yield_now() } None }",
    ),
    ("queue", "bounded_queue.rs", "Lab 3.4: refuse", "self.state.with(|it| it.shut_down = true)"),
    ("queue", "inbox.rs", "Lab 3.5: add", "true"),
    ("queue", "inbox.rs", "Lab 3.5: move", "taken.append(&mut self.lock())"),
    ("cache", "cache.rs", "Lab 4.1: find a value", "None"),
    (
        "cache",
        "cache.rs",
        "Lab 4.1: find the value",
        "Ok((Arc::new(load()?), Lookup::Miss(Change::default())))",
    ),
    ("cache", "cache.rs", "Lab 4.5: take", "Change::default()"),
    ("cache", "cache.rs", "Lab 4.4: put", "Change::default()"),
    ("cache", "cache.rs", "Lab 4.4: if", "()"),
    ("cache", "shelf.rs", "Lab 4.1: find", "None"),
    ("cache", "shelf.rs", "Lab 4.1: put", "Change::default()"),
    ("cache", "shelf.rs", "Lab 4.1: take", "Change::default()"),
    ("cache", "shelf.rs", "Lab 4.5: say", "false"),
    ("cache", "shelf.rs", "Lab 4.2: find", "None"),
    ("cache", "flight.rs", "Lab 4.4: note", "()"),
    ("cache", "flight.rs", "Lab 4.4: sleep", "None"),
    ("stats", "semaphore.rs", "Lab 5.4: if", "()"),
    (
        "stats",
        "semaphore.rs",
        "Lab 5.3: take",
        "Some(Acquired { guard: SemaphoreGuard(self), owner_died: false })",
    ),
    ("stats", "semaphore.rs", "Lab 5.3: free", "()"),
    ("stats", "histogram.rs", "Lab 5.1: count", "()"),
    ("stats", "histogram.rs", "Lab 5.1: read", "HistogramSnapshot::default()"),
    ("stats", "responses.rs", "Lab 5.1: read the status", "[0; STATUSES]"),
    ("stats", "responses.rs", "Lab 5.1:", "()"),
    ("stats", "seat.rs", "Lab 5.2:", "()"),
    ("stats", "scrape.rs", "Lab 5.5:", "{ let _ = read_totals(); Some(Interval::default()) }"),
];

/// A server with a part that does nothing still serves pages, so many of its tests pass. They earn nothing.
#[test]
fn a_part_that_does_nothing_earns_next_to_nothing_from_its_server() {
    let course = course();
    let folder = tempfile::tempdir().expect("a folder");
    for lab in course.labs.iter().filter(|lab| NOTHING.iter().any(|(part, ..)| *part == lab.part)) {
        let mut files = cut::exercise(&course.root, lab).expect("the exercise");
        for (path, text) in &mut files {
            for (_, _, hole, body) in NOTHING
                .iter()
                .filter(|(part, file, ..)| *part == lab.part && *path == Path::new("src").join(file))
            {
                while let Some(at) = text.find(&format!("\"{hole}")) {
                    let start = text[..at].rfind("todo!(").expect("a hole");
                    let end = at + text[at + 1..].find('"').expect("its end") + 2;
                    let end = end + text[end..].find(')').expect("its end") + 1;
                    text.replace_range(start..end, body);
                }
            }
        }
        hand_in_part(folder.path(), "nothing", &lab.part, &files);
    }
    let points = points(&course).expect("points for every task");
    let tasks = ["1.6", "2.5", "3.6", "4.6", "5.6"];
    let grades =
        grade(&course, &points, &order(vec![folder.path().join("nothing")], &tasks)).expect("a run over it");
    for mark in &grades[0].marks {
        let (passed, free) = (passed(mark).expect("how many tests pass"), points.task[&mark.id].free);
        assert!(passed > 0, "it serves nothing at all, so nothing was tried: {}", mark.text);
        // Which of two clients comes first is a matter of luck.
        assert!(passed <= free + 1, "{passed} tests pass, and the table says {free}: {}", mark.text);
    }
}

/// Each exercise as it is handed out, but for a comment: what is not touched at all is not even judged.
#[test]
fn an_unwritten_exercise_earns_nothing_and_the_table_knows_which_of_its_tests_pass() {
    let course = course();
    let folder = tempfile::tempdir().expect("a folder");
    for lab in &course.labs {
        let mut files = cut::exercise(&course.root, lab).expect("the exercise");
        files.values_mut().for_each(|text| text.push_str("\n// Begun.\n"));
        hand_in_part(folder.path(), "begun", &lab.part, &files);
    }
    let points = points(&course).expect("points for every task");
    let grades =
        grade(&course, &points, &order(vec![folder.path().join("begun")], &[])).expect("a run over it");
    let mut complaints = Vec::new();
    for mark in &grades[0].marks {
        let free = points.task[&mark.id].free;
        let passed = passed(mark);
        // More of a server's tests pass with a part that does nothing: see below.
        let serves = mark.name == SERVES;
        if mark.earned > 0 || passed.is_none_or(|passed| if serves { passed > free } else { passed != free })
        {
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
