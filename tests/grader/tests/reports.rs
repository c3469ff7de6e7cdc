//! What a grade looks like to those who read it, and which files of a submission are taken.

use grader::grade::{Grade, Mark, Submission, check_sources, report};
use grader::points::points;
use lab::course::{Course, Kind};
use lab::explain::panics;
use lab::tree::{self, Files};
use serde_json::json;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn course() -> Course {
    Course::load(&tree::root().expect("a checkout")).expect("labs")
}

fn mark(id: &str, earned: u32, points: u32, visible: bool, text: &str) -> Mark {
    Mark { id: id.into(), name: format!("Task {id}"), earned, points, visible, text: text.into() }
}

fn grade() -> Grade {
    let marks = vec![
        mark("3.1", 8, 8, true, ""),
        mark("3.2", 0, 8, true, "This <breaks> & \"that\"\u{1b}[31m"),
        mark("3.6", 40, 52, false, "a secret test fails"),
    ];
    Grade { name: "=alice".into(), marks, problem: None, took: Duration::from_secs(7) }
}

#[test]
fn a_mark_sheet_has_a_line_for_each_submission_and_no_formulas() {
    let broken = Grade {
        name: "bob \"b\"".into(),
        marks: vec![],
        problem: Some("no, exercise".into()),
        took: Duration::ZERO,
    };
    let sheet = report::csv(&[grade(), broken]);
    assert_eq!(
        sheet,
        "submission,earned,points,3.1,3.2,3.6,problem\n\
         \" =alice\",48,68,8,0,40,\"\"\n\
         \"bob \"\"b\"\"\",0,0,,,,\"no, exercise\"\n"
    );
}

#[test]
fn a_student_reads_what_is_visible() {
    let text = report::markdown(&grade());
    assert!(text.starts_with("# =alice: 8 of 16 points\n"), "{text}");
    assert!(text.contains("Some tasks are shown after the deadline."), "{text}");
    assert!(text.contains("| 3.2 | Task 3.2 | 0 of 8 |") && text.contains("## 3.2 Task 3.2"), "{text}");
    assert!(!text.contains("secret") && !text.contains("3.6"), "a hidden task is hidden:\n{text}");
}

#[test]
fn junit_is_xml_whatever_a_submission_prints() {
    let text = report::junit(&[grade()]);
    assert!(
        text.contains("<testsuite name=\"=alice\" tests=\"3\" failures=\"2\" errors=\"0\" time=\"7.0\">"),
        "{text}"
    );
    assert!(text.contains("This &lt;breaks&gt; &amp; &quot;that&quot;[31m</failure>"), "{text}");
    assert!(!text.contains('\u{1b}'), "a control character is no XML");
}

#[test]
fn gradescope_gets_its_results() {
    let results = report::gradescope(&grade());
    assert_eq!(results["score"], 48);
    assert_eq!(
        results["tests"][2],
        json!({
            "name": "Task 3.6", "number": "3.6", "score": 40, "max_score": 52, "status": "failed",
            "output": "a secret test fails", "visibility": "after_due_date",
        })
    );
    assert_eq!(results["tests"][0]["status"], "passed");
}

#[test]
fn classroom_50_gets_its_result() {
    let result = report::classroom50(&grade());
    assert_eq!(result["schema"], "classroom50/result/v1");
    assert_eq!((&result["score"], &result["max-score"]), (&json!(48), &json!(68)));
    assert_eq!(
        result["tests"][1],
        json!({ "test-name": "3.2 Task 3.2", "passed": false, "score": 0, "max-score": 8 })
    );
    let when = result["datetime"].as_str().expect("a time");
    let shape: String = when.chars().map(|sign| if sign.is_ascii_digit() { '0' } else { sign }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00Z", "{when}");
}

#[test]
fn every_lab_has_a_hundred_points_and_more_than_half_for_serving() {
    let course = course();
    let points = points(&course).expect("points for every task");
    for lab in &course.labs {
        let worth = |serving: bool| -> u32 {
            let tasks =
                lab.tasks.iter().filter(|task| task.kinds().all(|kind| kind == Kind::Stage) == serving);
            tasks.map(|task| points.task[&task.id].points).sum()
        };
        assert_eq!(worth(true) + worth(false), 100, "points of lab {}", lab.number);
        assert!(worth(true) > 50, "lab {} gives {} points for serving", lab.number, worth(true));
        assert!((4..=8).contains(&lab.tasks.len()), "lab {} has {} tasks", lab.number, lab.tasks.len());
        assert!(
            lab.tasks.iter().all(|task| task.hints.len() >= 2),
            "each task of lab {} has hints",
            lab.number
        );
        let hunts = lab.tasks.iter().filter(|task| task.hunt.is_some()).count();
        assert!(hunts >= 2, "lab {} has {hunts} hunts", lab.number);
        assert!(!lab.stretches.is_empty(), "lab {} has something for those who want more", lab.number);
    }
}

/// What a student's folder may hold: sources of two parts, and much that is not asked for.
const ENTRIES: [&str; 8] = [
    "work/exercises/queue/src/ring.rs",
    "work/exercises/queue/hunts/latch.rs",
    "work/exercises/cache/src/deep/er.rs",
    "work/exercises/queue/Cargo.toml",
    "work/exercises/queue/build.rs",
    "work/exercises/nonsense/src/lib.rs",
    "work/tests/suites/queue.rs",
    "work/README.md",
];

fn expect_taken(submission: &Submission) {
    let parts: Vec<&str> = submission.parts.keys().map(String::as_str).collect();
    assert_eq!(parts, ["cache", "queue"]);
    let queue: Vec<_> = submission.parts["queue"].keys().map(|path| path.display().to_string()).collect();
    assert_eq!(queue, ["hunts/latch.rs", "src/ring.rs"], "sources of the exercise, and nothing else");
    assert_eq!(
        submission.parts["cache"][Path::new("src/deep/er.rs")],
        "// work/exercises/cache/src/deep/er.rs"
    );
}

#[test]
fn a_submission_is_a_folder_or_an_archive_and_only_sources_are_taken() {
    let course = course();
    let folder = tempfile::tempdir().expect("a folder");
    let student = folder.path().join("alice");
    for entry in ENTRIES {
        let path = student.join(entry);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, format!("// {entry}")).expect("a file");
    }
    // A link could lead to our solutions.
    let secret = course.root.join("solutions/queue/src/inbox.rs");
    std::os::unix::fs::symlink(secret, student.join("work/exercises/queue/src/inbox.rs")).expect("a link");
    let from_folder = Submission::read(&course, &student).expect("a folder is a submission");
    assert_eq!(from_folder.name, "alice");
    expect_taken(&from_folder);

    let packed = folder.path().join("bob.tar.gz");
    let encoder =
        flate2::write::GzEncoder::new(File::create(&packed).expect("a file"), flate2::Compression::fast());
    let mut archive = tar::Builder::new(encoder);
    archive.follow_symlinks(false);
    archive.append_dir_all(".", &student).expect("an archive");
    archive.into_inner().expect("an archive").finish().expect("an archive");
    let from_tar = Submission::read(&course, &packed).expect("an archive is a submission");
    assert_eq!(from_tar.name, "bob");
    expect_taken(&from_tar);

    let zipped = folder.path().join("carol.zip");
    let mut archive = zip::ZipWriter::new(File::create(&zipped).expect("a file"));
    for entry in ENTRIES.iter().chain(&["../../exercises/queue/src/escaped.rs"]) {
        archive.start_file(*entry, zip::write::SimpleFileOptions::default()).expect("an entry");
        archive.write_all(format!("// {entry}").as_bytes()).expect("an entry");
    }
    archive.finish().expect("an archive");
    let from_zip = Submission::read(&course, &zipped).expect("an archive is a submission");
    assert_eq!(from_zip.name, "carol");
    expect_taken(&from_zip);
}

#[test]
fn what_is_no_submission_is_refused_in_a_sentence() {
    let course = course();
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, bytes: &[u8]| {
        fs::write(folder.path().join(name), bytes).expect("a file");
        folder.path().join(name)
    };
    let refused =
        |path: PathBuf| format!("{:#}", Submission::read(&course, &path).expect_err("it is no submission"));
    assert!(refused(put("essay.pdf", b"%PDF")).contains("neither a folder nor an archive"));
    assert!(refused(put("broken.zip", b"no zip")).contains("no zip archive"));
    assert!(refused(put("broken.tar.gz", b"no gzip")).contains("archive"));
    assert!(refused(folder.path().to_owned()).contains("has no exercise"));
    let huge = folder.path().join("huge/exercises/queue/src");
    fs::create_dir_all(&huge).expect("a folder");
    fs::write(huge.join("ring.rs"), vec![b' '; (1 << 20) + 1]).expect("a file");
    assert!(refused(folder.path().join("huge")).contains("longer than 1 MiB"));
    fs::write(huge.join("ring.rs"), [0xff, 0xfe]).expect("a file");
    assert!(refused(folder.path().join("huge")).contains("is not text"));
}

#[test]
fn sources_that_read_other_files_are_not_compiled() {
    let course = course();
    let lab = course.lab("queue").expect("a lab");
    let check =
        |text: &str| check_sources(lab, &Files::from([(PathBuf::from("src/lib.rs"), text.to_owned())]));
    for text in [
        "const OURS: &str = include_str!(\"../../../solutions/queue/src/ring.rs\");",
        "#[path = \"../../../solutions/queue/src/ring.rs\"]\nmod ring;",
        "#[cfg_attr(not(test), path = \"/etc/passwd\")]\nmod ring;",
        "#![doc = include_str!(\"/etc/passwd\")]",
        "use core::include as harmless;",
        "core::arch::global_asm!(\".incbin \\\"/etc/passwd\\\"\");",
        "macro_rules! m { () => { include_bytes!(\"/etc/passwd\") } }",
        "#[path = \"../../../tests/models/../../solutions/queue/src/ring.rs\"]\nmod models;",
    ] {
        let error = check(text).expect_err(text).to_string();
        assert!(error.contains("is not allowed in a submission"), "{error}");
    }
    for text in [
        "#[cfg(test)]\n#[path = \"../../../tests/models/queue.rs\"]\nmod models;",
        "// include_str! is not used here",
        "const WORDS: &str = \"#[path = x] include!\";",
        "fn f(path: &str) -> bool { let mut path = path; path = \"a\"; path.is_empty() }",
    ] {
        check(text).unwrap_or_else(|error| panic!("{text} is allowed: {error}"));
    }
}

#[test]
fn the_place_of_a_panic_is_the_shortest_way_to_its_file() {
    let printed = "thread 'x' (7) panicked at exercises/queue/../../tests/suites/queue.rs:12:60:\nno\n";
    assert_eq!(panics(printed)[0].place, "tests/suites/queue.rs:12");
    let printed = "thread 'x' (7) panicked at ../src/./a.rs:3:1:\nno\n";
    assert_eq!(panics(printed)[0].place, "../src/./a.rs:3");
}
