//! The grader, with submissions of every kind: right, wrong, broken, and hostile.

mod attacks;
mod attempts;
mod compiling;
mod ended;
mod gradescope;
mod hostile;
mod partial;
mod staff;

use attacks::Attack;
use attempts::{Attempt, CLOSED, OPEN};
use grader::cut::{self, replace_once};
use grader::grade::sandbox::has_landlock;
use grader::grade::{Grade, Order, grade, report};
use grader::points::points;
use grader::wrong;
use lab::course::Course;
use lab::tree::{self, Files};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

fn course() -> Course {
    Course::load(&tree::root().expect("a checkout")).expect("labs")
}

fn solution(course: &Course) -> Files {
    tree::read_rust(&course.root.join("solutions/queue")).expect("the solution")
}

/// Says that a test tried nothing, because the machine lacks something. Where `CI_FULL` is set it has everything.
fn skip(reason: &str) {
    assert!(std::env::var_os("CI_FULL").is_none(), "CI_FULL is set, but {reason}");
    eprintln!("skipped: {reason}");
}

/// Writes a submission as a student's folder looks.
fn hand_in(folder: &Path, name: &str, files: &Files) -> PathBuf {
    hand_in_part(folder, name, "queue", files)
}

fn hand_in_part(folder: &Path, name: &str, part: &str, files: &Files) -> PathBuf {
    let root = folder.join(name);
    for (path, text) in files {
        let path = root.join("exercises").join(part).join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    root
}

fn order(submissions: Vec<PathBuf>, only: &[&str]) -> Order {
    Order {
        submissions,
        only: only.iter().map(|&name| name.to_owned()).collect(),
        jobs: 2,
        ..Order::default()
    }
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
    let points = points(&course).expect("points for every task");
    let order = order(submissions, &["3.1", "3.5", "3.7"]);
    let grades = grade(&course, &points, &order).expect("a run over all of them");

    let all = by_name(&grades, "good-first").points();
    for name in ["good-first", "good-last", "brings-a-program"] {
        let grade = by_name(&grades, name);
        assert_eq!((grade.earned(), grade.problem.as_deref()), (all, None), "{name}: {:#?}", grade.marks);
    }
    for (name, _) in hostile.iter().filter(|(name, _)| *name != "brings-a-program") {
        let semaphore =
            by_name(&grades, name).marks.iter().find(|mark| mark.id == "3.1").expect("a mark for 3.1");
        assert!(
            2 * semaphore.earned < semaphore.points,
            "{name} earns less than half for the semaphore that it broke, not {}: {}",
            semaphore.earned,
            semaphore.text
        );
        assert!(!semaphore.text.is_empty(), "{name} is told why");
        if hostile::TOO_LARGE.contains(name) {
            assert!(semaphore.text.contains("MiB of memory, and may use"), "{name}: {}", semaphore.text);
        }
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

/// All that our tests need is there where they judge: the last stage has those of the stages before, too.
#[test]
fn our_own_solutions_earn_every_point() {
    let course = course();
    let folder = tempfile::tempdir().expect("a folder");
    // Two, because each is judged by one job.
    for lab in &course.labs {
        let files = tree::read_rust(&course.root.join("solutions").join(&lab.part)).expect("the solution");
        hand_in_part(folder.path(), if lab.number % 2 == 0 { "even" } else { "odd" }, &lab.part, &files);
    }
    let points = points(&course).expect("points for every task");
    let order = order(["even", "odd"].map(|name| folder.path().join(name)).into(), &[]);
    for grade in grade(&course, &points, &order).expect("a run over both") {
        let lost: Vec<_> = grade.marks.iter().filter(|mark| mark.earned < mark.points).collect();
        assert_eq!(grade.earned(), 300, "{}: {lost:#?}", grade.name);
    }
}

/// The tests would compile with many other types, and a type can be equal to everything. The server does not.
#[test]
fn a_part_that_the_server_does_not_compile_with_earns_only_what_is_not_about_it() {
    let course = course();
    let folder = tempfile::tempdir().expect("a folder");
    let mut files = tree::read_rust(&course.root.join("solutions/request")).expect("the solution");
    let text = files.get_mut(Path::new("src/target.rs")).expect("a file");
    *text = replace_once(text, "pub fn named(", "pub fn called(").expect("a line");
    let submission = hand_in_part(folder.path(), "another-type", "request", &files);
    let points = points(&course).expect("points for every task");
    let grades = grade(&course, &points, &order(vec![submission], &["1"])).expect("a run over it");
    for mark in &grades[0].marks {
        let is_a_hunt = mark.name.starts_with("Hunt");
        assert_eq!(mark.earned, if is_a_hunt { mark.points } else { 0 }, "{}: {}", mark.id, mark.text);
        assert!(is_a_hunt || mark.text.contains("named `named`"), "{}: {}", mark.id, mark.text);
    }
}

/// `M\xfcller`: no text, and still a name.
#[test]
fn a_submission_whose_name_is_not_utf_8_is_graded() {
    let course = course();
    let folder = tempfile::tempdir().expect("a folder");
    let named = folder.path().join(OsStr::from_bytes(b"M\xfcller"));
    fs::rename(hand_in(folder.path(), "any", &solution(&course)), &named).expect("a folder");
    let points = points(&course).expect("points for every task");
    let reports = folder.path().join("reports");
    let order = Order { reports: Some(reports.clone()), ..order(vec![named], &["3.5"]) };
    let grades = grade(&course, &points, &order).expect("a run over it");
    let all = points.task["3.5"].points;
    assert_eq!((grades[0].earned(), grades[0].problem.as_deref()), (all, None), "{:#?}", grades[0].marks);
    assert!(reports.join("M\u{fffd}ller/report.md").exists());
}

/// What works may be untidy. Points for tidiness are optional; here somebody wants them.
#[test]
fn a_file_that_cannot_be_read_costs_only_the_lab_that_it_is_of() {
    let (course, folder) = (course(), tempfile::tempdir().expect("a folder"));
    let solution = solution(&course);
    let (right, broken) =
        (hand_in(folder.path(), "right", &solution), hand_in(folder.path(), "broken", &solution));
    let file = |folder: &Path, name: &str, bytes: &[u8]| {
        let path = folder.join("exercises").join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, bytes).expect("a file");
    };
    file(&right, "cache/src/cache.rs", b"\xff\xfe/\0");
    file(&broken, "queue/src/ring.rs", b"\xff\xfe/\0");
    let points = points(&course).expect("points for every task");
    let grades = grade(&course, &points, &order(vec![right, broken], &["3.1"])).expect("a run over both");
    let right = by_name(&grades, "right");
    assert_eq!((right.earned(), &right.problem), (right.points(), &None), "{:#?}", right.marks);
    let said = "exercises/cache/src/cache.rs cannot be used: it is in UTF-16";
    assert!(right.notes.iter().any(|note| note.starts_with(said)), "{:#?}", right.notes);
    let broken = by_name(&grades, "broken");
    let said = "exercises/queue/src/ring.rs cannot be used: it is in UTF-16";
    assert!(broken.problem.as_ref().is_some_and(|why| why.starts_with(said)), "{broken:#?}");
    assert!(broken.marks.is_empty() && !broken.lost, "{broken:#?}");
}

#[test]
fn points_for_tidiness_are_lost_one_by_one_and_the_reason_is_shown() {
    let course = course();
    let mut points = points(&course).expect("points for every task");
    (points.formatted, points.clippy) = (2, 3);
    let folder = tempfile::tempdir().expect("a folder");
    let with = |name: &str, old: &str, new: &str| {
        let mut files = solution(&course);
        let text = files.get_mut(Path::new("src/semaphore.rs")).expect("a file");
        *text = replace_once(text, old, new).expect("a line of the solution");
        hand_in(folder.path(), name, &files)
    };
    let submissions = vec![
        hand_in(folder.path(), "tidy", &solution(&course)),
        with("crooked", "*self.lock() += 1;", "*self.lock()   += 1;"),
        with("wordy", "*self.lock() += 1;", "*self.lock() += 1;\n        return ();"),
    ];
    let grades = grade(&course, &points, &order(submissions, &["3.1"])).expect("a run over all of them");
    let marks = |name: &str| {
        let marks = &by_name(&grades, name).marks;
        ["3 formatted", "3 clippy"].map(|id| marks.iter().find(|mark| mark.id == id).expect("a mark"))
    };
    for (name, earned) in [("tidy", [2, 3]), ("crooked", [0, 3]), ("wordy", [2, 0])] {
        let marks = marks(name);
        assert_eq!(marks.map(|mark| mark.earned), earned, "{name}: {marks:#?}");
        for mark in marks.iter().filter(|mark| mark.earned == 0) {
            assert!(mark.text.contains("exercises/queue/src/semaphore.rs"), "{name}: {}", mark.text);
        }
    }
}

/// Each attack in all of lab 3, beside an honest solution.
#[test]
fn an_attack_earns_nothing() {
    let course = course();
    let lab = course.lab("queue").expect("a lab");
    let mut shipped = cut::exercise(&course.root, lab).expect("the exercise");
    shipped.remove(Path::new("Cargo.toml"));
    let only = std::env::var("ONLY").unwrap_or_default();
    let wrongs = wrong::all(&course, lab).expect("wrong submissions");
    let lost = wrongs.iter().find(|wrong| wrong.name == "looking and sleeping in two steps").expect("it");
    let lost = lost.files(&course, lab).expect("an edit of the solution");
    let mut attacks = attacks::all(&shipped, &solution(&course), &lost);
    attacks.retain(|attack| attack.name.contains(&only));
    let folder = tempfile::tempdir().expect("a folder");
    let mut submissions: Vec<_> =
        attacks.iter().map(|attack| hand_in(folder.path(), attack.name, &attack.files)).collect();
    submissions.push(hand_in(folder.path(), "honest", &solution(&course)));
    let points = points(&course).expect("points for every task");
    let grades = grade(&course, &points, &order(submissions, &["3"])).expect("a run over all of them");
    let honest = by_name(&grades, "honest");
    assert_eq!(honest.earned(), honest.points(), "{:#?}", honest.marks);
    let mut complaints = Vec::new();
    for Attack { name, at_most, hides, .. } in &attacks {
        let grade = by_name(&grades, name);
        let report = report::markdown(grade);
        if grade.earned() > *at_most {
            complaints
                .push(format!("{name} earns {} points, of at most {at_most}:\n{report}", grade.earned()));
        }
        if !hides.is_empty() && report.contains(hides) {
            complaints.push(format!("the report of {name} says {hides:?}:\n{report}"));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
    for grade in grades.iter().filter(|grade| grade.name == "looks-around") {
        sees_only_itself(grade, &course.root);
    }
    for grade in grades.iter().filter(|grade| grade.name == "writes-over-its-test") {
        let report = report::markdown(grade);
        assert!(report.contains("own memory can be opened: false"), "{report}");
    }
}

/// What code finds that looks around in a test's process: its program, its libraries, and no rights.
fn sees_only_itself(grade: &Grade, root: &Path) {
    let suite = grade.marks.iter().find(|mark| mark.text.contains("FOUND"));
    let suite = suite.unwrap_or_else(|| panic!("a report of what it found, not {}", report::markdown(grade)));
    let text = &suite.text;
    let files =
        text.split("FOUND [").nth(1).and_then(|rest| rest.split(']').next()).expect("a list of files");
    for file in files.split(", ").map(|file| file.trim_matches('"')) {
        let known = ["/lib/", "/lib64/", "/usr/lib/", "/dev/", "/etc/", "/out/"];
        assert!(
            file.is_empty() || known.iter().any(|folder| file.starts_with(folder)),
            "{file} has no business there:\n{text}"
        );
    }
    // Landlock lets nobody look into a folder of which one file is shown.
    let programs = if has_landlock() { 0 } else { 1 };
    assert_eq!(files.matches("/out/").count(), programs, "its program:\n{text}");
    for line in ["CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(text.contains(line), "{line} should be there:\n{text}");
    }
    assert!(!text.contains("Uid:\t0"), "another user:\n{text}");
    // Where no sandbox hides it, a test could replace a program that belongs to its user.
    assert!(text.contains("its program is of user 0"), "it cannot be changed:\n{text}");
    assert!(!text.contains(&root.display().to_string()), "no place of this machine:\n{text}");
}

/// The way is named in the report, with what came of it.
#[test]
fn no_attempt_to_leave_a_cell_succeeds() {
    let course = course();
    let shipped = |part: &str| {
        let mut files = cut::exercise(&course.root, course.lab(part).expect("a lab")).expect("the exercise");
        files.remove(Path::new("Cargo.toml"));
        files
    };
    let all = attempts::all(shipped, &course.root.display().to_string());
    let folder = tempfile::tempdir().expect("a folder");
    let points = points(&course).expect("points for every task");
    let mut complaints = Vec::new();
    for task in ["3.1", "1.5", "3.6"] {
        let some = || all.iter().filter(|attempt| attempt.task == task);
        let submissions = some().map(|it| hand_in_part(folder.path(), it.attempts.name, it.part, &it.files));
        let grades = grade(&course, &points, &order(submissions.collect(), &[task])).expect("a run");
        for Attempt { attempts, .. } in some() {
            let report = report::markdown(by_name(&grades, attempts.name));
            // However its lines are broken.
            let report = report.split_whitespace().collect::<Vec<_>>().join(" ");
            let ways = attempts.ways.iter().map(|(way, _)| way);
            let open: Vec<_> = ways.filter(|way| !report.contains(&format!("{way}: {CLOSED}"))).collect();
            if !open.is_empty() || report.contains(OPEN) {
                complaints.push(format!("{}: {open:?} should be refused:\n{report}", attempts.name));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
}
