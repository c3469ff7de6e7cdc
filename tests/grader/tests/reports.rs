//! What a grade looks like to those who read it.

use grader::grade::{Grade, Mark, report, roster};
use grader::points::points;
use lab::course::{Course, Kind};
use lab::explain::panics;
use lab::tree;
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

fn course() -> Course {
    Course::load(&tree::root().expect("a checkout")).expect("labs")
}

fn mark(id: &str, earned: u32, points: u32, visible: bool, text: &str) -> Mark {
    let took = Duration::from_millis(1500);
    Mark { id: id.into(), name: format!("Task {id}"), earned, points, visible, text: text.into(), took }
}

fn grade() -> Grade {
    let marks = vec![
        mark("3.1", 8, 8, true, ""),
        mark("3.2", 0, 8, true, "This <breaks> & \"that\"\u{1b}[31m"),
        mark("3.6", 40, 52, false, "a secret test fails"),
    ];
    Grade {
        name: "=alice".into(),
        marks,
        problem: None,
        lost: false,
        notes: Vec::new(),
        took: Duration::from_secs(7),
    }
}

#[test]
fn a_mark_sheet_has_a_line_for_each_submission_and_no_formulas() {
    let broken = Grade {
        name: "bob \"b\"".into(),
        marks: vec![],
        problem: Some("no, exercise".into()),
        lost: false,
        notes: vec![],
        took: Duration::ZERO,
    };
    let sheet = report::csv(&[&grade(), &broken]);
    assert_eq!(
        sheet,
        "submission,earned,points,3.1,3.2,3.6,problem\n\
         \" =alice\",48,68,8,0,40,\"\"\n\
         \"bob \"\"b\"\"\",0,0,,,,\"no, exercise\"\n"
    );
}

#[test]
fn names_of_a_student_are_neither_formulas_nor_markdown() {
    let called = |name: &str| Grade { name: name.into(), ..grade() };
    for name in ["\t=HYPERLINK(1)", "\u{ff1d}1", " @a"] {
        let sheet = report::csv(&[&called(name)]);
        let field = sheet.lines().nth(1).expect("a line");
        assert!(field.starts_with(&format!("\" {}", name.trim_start())), "{field}");
    }
    let image = "<img src=//a> and ![](//b) and \\<img src=//c> and \\![](//d)";
    let grade = Grade { problem: Some(image.into()), notes: vec![image.into()], ..called(image) };
    let text = report::markdown(&grade);
    // A backslash before a sign takes its meaning away (CommonMark), unless another one does that to the backslash.
    let plain = "\\<img src=//a> and !\\[](//b) and \\\\\\<img src=//c> and \\\\!\\[](//d)";
    assert_eq!(text.matches(plain).count(), 3, "{text}");
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
    let text = report::junit(&[&grade()]);
    assert!(
        text.contains("<testsuite name=\"=alice\" tests=\"3\" failures=\"2\" errors=\"0\" time=\"7.0\">"),
        "{text}"
    );
    assert!(text.contains("This &lt;breaks&gt; &amp; &quot;that&quot;[31m</failure>"), "{text}");
    assert!(!text.contains('\u{1b}'), "a control character is no XML");
}

/// xmllint(1) reads it as Jenkins' schema would (`junit-10.xsd` of its xUnit plugin); `junit.rng` says the same, but only
/// for what this grader writes.
#[test]
fn junit_is_what_jenkins_asks_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("junit.xml");
    let mut broken = grade();
    broken.name = "bob.v2".into();
    broken.problem = Some("no exercise\nbut \u{ffff} \u{7} <this>".into());
    fs::write(&file, report::junit(&[&grade(), &broken])).expect("a file");
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/junit.rng");
    let Ok(output) = Command::new("xmllint").args(["--noout", "--relaxng", schema]).arg(&file).output()
    else {
        assert!(std::env::var_os("CI_FULL").is_none(), "CI_FULL is set, but there is no xmllint");
        eprintln!("skipped: there is no xmllint");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The grade of a submission with this name.
fn named(name: &str) -> Grade {
    Grade { name: name.into(), ..grade() }
}

#[test]
fn a_gradebook_comes_back_with_a_column_for_each_lab() {
    let grades = [
        named("lovelaceada_4711_90210_work"),
        named("Grace Hopper_90211_assignsubmission_file_"),
        named("labs-alan"),
        named("nobody"),
        named("smith"),
    ];
    let roster = "\u{feff}Student,ID,SIS Login ID,Section\r\n\"Lovelace, Ada\",4711,ada,\"A \"\"1\"\"\"\r\nGrace Hopper,4712,grace@example.org,A\r\n\
                  Alan Turing,4713,alan,A\nJoan Clarke,4714,joan,A\nsmith,4715,s1,A\nsmith,4716,s2,A\n";
    let book = roster::gradebook(roster, &grades.iter().collect::<Vec<_>>());
    assert_eq!(
        book.text,
        "\u{feff}Student,ID,SIS Login ID,Section,Lab 3\n\"Lovelace, Ada\",4711,ada,\"A \"\"1\"\"\",48\n\
         Grace Hopper,4712,grace@example.org,A,48\nAlan Turing,4713,alan,A,48\nJoan Clarke,4714,joan,A,\n\
         smith,4715,s1,A,\nsmith,4716,s2,A,\n"
    );
    assert_eq!(
        book.warnings,
        ["nobody is nobody's in the roster", "smith may be of 2 persons in the roster; it counts for none"]
    );
}

/// Moodle's grading worksheet, and Canvas's gradebook.
#[test]
fn a_row_is_found_by_a_name_with_quotes_commas_or_umlauts_and_of_two_with_one_name_by_the_number() {
    let grades = [
        named("Anna M\u{fc}ller_90210_assignsubmission_file_"),
        // As macOS writes an umlaut, and the second of that name.
        named("Anna Mu\u{308}ller_90211_assignsubmission_file_"),
        named("Jos\u{e9} \"Pepe\" N\u{fa}\u{f1}ez_90212_assignsubmission_file_"),
        named("Smith, John_90213_assignsubmission_file_"),
    ];
    let roster = "Identifier,\"Full name\",\"Email address\",Grade\n\
                  \"Participant 90210\",\"Anna M\u{fc}ller\",am1@example.org,\n\
                  \"Participant 90211\",\"Anna M\u{fc}ller\",am2@example.org,\n\
                  \"Participant 90212\",\"Jos\u{e9} \"\"Pepe\"\" N\u{fa}\u{f1}ez\",jn@example.org,\n\
                  \"Participant 90213\",\"Smith, John\",js@example.org,\n\
                  \"Participant 90214\",\"John Smith\",js2@example.org,\n";
    let book = roster::gradebook(roster, &grades.iter().collect::<Vec<_>>());
    assert_eq!(book.warnings, [""; 0]);
    assert_eq!(
        book.text,
        "Identifier,Full name,Email address,Grade,Lab 3\n\
         Participant 90210,Anna M\u{fc}ller,am1@example.org,,48\n\
         Participant 90211,Anna M\u{fc}ller,am2@example.org,,48\n\
         Participant 90212,\"Jos\u{e9} \"\"Pepe\"\" N\u{fa}\u{f1}ez\",jn@example.org,,48\n\
         Participant 90213,\"Smith, John\",js@example.org,,48\n\
         Participant 90214,John Smith,js2@example.org,,\n"
    );
    let canvas = "Student,ID,SIS Login ID,Section\n\"M\u{fc}ller, Anna\",4711,anna1,A\n\"M\u{fc}ller, Anna\",4712,anna2,A\n";
    let grades = [named("mlleranna_4712_90210_work"), named("muelleranna_LATE_4711_90211_work")];
    let book = roster::gradebook(canvas, &grades.iter().collect::<Vec<_>>());
    assert_eq!(book.warnings, [""; 0]);
    assert!(book.text.ends_with("4711,anna1,A,48\n\"M\u{fc}ller, Anna\",4712,anna2,A,48\n"), "{}", book.text);
    // Nothing but the name: that is not enough for one of two.
    let book = roster::gradebook(canvas, &[&named("Anna M\u{fc}ller")]);
    assert_eq!(book.warnings, ["Anna M\u{fc}ller may be of 2 persons in the roster; it counts for none"]);
}

#[test]
fn gradescope_gets_its_results() {
    let results = report::gradescope(&grade());
    assert_eq!(results["score"], 48);
    assert_eq!(
        results["tests"][2],
        json!({
            "name": "Task 3.6", "number": "3.6", "score": 40, "max_score": 52, "status": "failed",
            "output": "a secret test fails", "output_format": "text", "visibility": "after_due_date",
        })
    );
    assert_eq!(results["tests"][0]["status"], "passed");
    assert_eq!(results["tests"][0]["visibility"], "visible");
    assert_eq!(results["stdout_visibility"], "hidden");
}

#[test]
fn classroom_50_gets_its_result() {
    let result = report::classroom50(&grade());
    assert_eq!(result["schema"], "classroom50/result/v1");
    // It is the student's to read: nothing of 3.6, which is hidden.
    assert_eq!((&result["score"], &result["max-score"]), (&json!(8), &json!(16)));
    assert_eq!(result["tests"].as_array().expect("a list").len(), 2);
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
        assert!((4..=9).contains(&lab.tasks.len()), "lab {} has {} tasks", lab.number, lab.tasks.len());
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

#[test]
fn the_place_of_a_panic_is_the_shortest_way_to_its_file() {
    let printed = "thread 'x' (7) panicked at exercises/queue/../../tests/suites/queue.rs:12:60:\nno\n";
    assert_eq!(panics(printed)[0].place, "tests/suites/queue.rs:12");
    let printed = "thread 'x' (7) panicked at ../src/./a.rs:3:1:\nno\n";
    assert_eq!(panics(printed)[0].place, "../src/./a.rs:3");
}

/// Rosters as platforms and spreadsheets write them: what a submission of these names brings into the column.
#[test]
fn a_grade_goes_to_its_owner_or_to_nobody() {
    // The roster, names of submissions, what the gradebook must be, how many warnings.
    let cases: [(&str, &[&str], &str, usize); 14] = [
        // A first name is in another one, and a name that is nobody's begins like somebody's.
        (
            "First name,Last name,ID\nAnh,Nguyen,1\nVan Anh,Nguyen,2\nAda,Byron,3\n",
            &["Van Anh Nguyen_200_assignsubmission_file_", "Ada Lovelace_90_assignsubmission_file_"],
            "First name,Last name,ID,Lab 3\nAnh,Nguyen,1,\nVan Anh,Nguyen,2,48\nAda,Byron,3,\n",
            1,
        ),
        // The number of Canvas's submission is another student's, and a section is called as the file.
        (
            "Student,ID,Section\n\"Hopper, Grace\",4712,lab3\n",
            &["lovelaceada_4711_4712_lab3"],
            "Student,ID,Section,Lab 3\n\"Hopper, Grace\",4712,lab3,\n",
            1,
        ),
        (
            "名,姓,学号\n伟,李,2023001\n",
            &["李伟_90_assignsubmission_file_"],
            "名,姓,学号,Lab 3\n伟,李,2023001,48\n",
            0,
        ),
        // German Moodle has no space before the number. It decides between two with one name.
        (
            "ID,Name\nTeilnehmer/in90210,Ada L\nTeilnehmer/in90211,Ada L\n",
            &["Ada L_90211_assignsubmission_file_"],
            "ID,Name,Lab 3\nTeilnehmer/in90210,Ada L,\nTeilnehmer/in90211,Ada L,48\n",
            0,
        ),
        // The decimal sign is a comma there, so what separates is none.
        (
            "\u{feff}Student;ID\nLovelace, Ada;4711\n",
            &["lovelaceada_4711_9_x"],
            "\u{feff}Student;ID;Lab 3\nLovelace, Ada;4711;48\n",
            0,
        ),
        // Excel's first line tells the delimiter. It has no names of columns.
        (
            "\u{feff}sep=;\r\nStudent;Name, first;ID\r\nX;Ada;4711\r\n",
            &["ada_4711_9_x"],
            "\u{feff}sep=;\nStudent;Name, first;ID;Lab 3\nX;Ada;4711;48\n",
            0,
        ),
        (
            "\"SEP=|\"\nStudent|ID\nAda|4711\n",
            &["ada_4711_9_x"],
            "\"SEP=|\"\nStudent|ID|Lab 3\nAda|4711|48\n",
            0,
        ),
        ("Student\tID\nAda\t4711\n", &["ada_4711_9_x"], "Student\tID\tLab 3\nAda\t4711\t48\n", 0),
        // The column is there: as we named it, or as Canvas numbers it.
        (
            "Student,ID,Lab 3 (5512),Final\nAda,4711,,12.5\n",
            &["ada_4711_9_x"],
            "Student,ID,Lab 3 (5512),Final\nAda,4711,48,12.5\n",
            0,
        ),
        // Others begin with the same words.
        (
            "Student,ID,Lab 3 (oral) (5513),Lab 3 (5512)\nAda,4711,9,\n",
            &["ada_4711_9_x"],
            "Student,ID,Lab 3 (oral) (5513),Lab 3 (5512)\nAda,4711,9,48\n",
            0,
        ),
        (
            "Student,ID,Lab 3 (draft),Lab 3 oral,Lab 31\nAda,4711,1,2,3\n",
            &["ada_4711_9_x"],
            "Student,ID,Lab 3 (draft),Lab 3 oral,Lab 31,Lab 3\nAda,4711,1,2,3,48\n",
            0,
        ),
        // What was there stays as it was.
        (
            "Student,ID,Note\nAda,4711,\"-5, late\"\n=cmd|x,4700,+1\nX 5\" Y,4701,\n",
            &["ada_4711_9_x"],
            "Student,ID,Note,Lab 3\nAda,4711,\"-5, late\",48\n=cmd|x,4700,+1,\n\"X 5\"\" Y\",4701,,\n",
            0,
        ),
        ("Ada,4711\nGrace,4712\n", &["ada_4711_9_x"], "Ada,4711,Lab 3\nGrace,4712,\n", 2),
        (
            "Name,Number\nA B,00123\nC D,123\n",
            &["labs-00123"],
            "Name,Number,Lab 3\nA B,00123,48\nC D,123,\n",
            0,
        ),
    ];
    for (given, names, expected, warnings) in cases {
        let grades: Vec<Grade> = names.iter().map(|name| named(name)).collect();
        let book = roster::gradebook(given, &grades.iter().collect::<Vec<_>>());
        assert_eq!(book.text, expected, "{:?}", book.warnings);
        assert_eq!(book.warnings.len(), warnings, "{given}{:?}", book.warnings);
    }
}

/// The same digits may be a participant's number, a number that the university gives, a grade, or a section.
#[test]
fn only_a_column_of_numbers_decides_by_numbers() {
    const NOBODY: &str = "it counts for none";
    // The roster, the name of a submission, the row that it counts for, the warning.
    let cases = [
        (
            "First name,Last name,ID number,Email address,Quiz 1 (Real)\n\
             Ada,Lovelace,s100,ada@x.de,5\nGrace,Hopper,s101,grace@x.de,7\n",
            "Ada Lovelace_7_assignsubmission_file_",
            Some("Ada"),
            "",
        ),
        (
            "ID number,First name,Last name\ns90210,Ada,Lovelace\ns90211,Grace,Hopper\n",
            "Ada Lovelace_90211_assignsubmission_file_",
            Some("s90210"),
            "",
        ),
        // The worksheet says that 7 is Grace.
        (
            "Identifier,Full name,Grade\nParticipant 6,Ada Lovelace,\nParticipant 7,Grace Hopper,\n",
            "Ada Lovelace_7_assignsubmission_file_",
            None,
            NOBODY,
        ),
        (
            "Identifier,Full name,Grade\nParticipant 6,Ada King,7\nParticipant 7,Grace Hopper,\n",
            "Ada Lovelace_7_assignsubmission_file_",
            Some("Participant 7"),
            "only a part of its name fits",
        ),
        // An anonymous assignment.
        (
            "Identifier,Status,Grade\nParticipant 6,,7\nParticipant 7,,\n",
            "Participant_7_assignsubmission_file_",
            Some("Participant 7"),
            "",
        ),
        // Canvas has a column `ID`, and its gradebook has other numbers and grades, too.
        (
            "Student,ID,SIS User ID,Quiz\n\"Lovelace, Ada\",12,95,5\n\"Hopper, Grace\",13,12,12\n",
            "lovelaceada_12_90210_work",
            Some("Lovelace, Ada"),
            "",
        ),
        (
            "Student,ID,SIS User ID\n\"Lovelace, Ada\",12,13\n\"Hopper, Grace\",13,12\n",
            "lovelaceada_13_90210_work",
            None,
            NOBODY,
        ),
        // Short words.
        ("Name,Login,Quiz\nGrace Hopper,hopper,3\n", "final-lab-3", None, "nobody's"),
        ("Name,Login,Section\nGrace Hopper,hopper,A\n", "work-A", None, "nobody's"),
        ("Name,Quiz,Quiz\nGrace Hopper,10,0\n", "work-100", None, "nobody's"),
        ("Name,Section,Quiz\nGrace Hopper,A,12\n", "work-A-12", None, "nobody's"),
        ("名,姓,Quiz\n伟,李,3\n", "lab-李伟", Some("伟"), ""),
    ];
    for (roster, name, row, warning) in cases {
        let book = roster::gradebook(roster, &[&named(name)]);
        let mut got = book.text.lines().filter(|line| line.ends_with(",48"));
        let start = row.map(|row| if row.contains(',') { format!("\"{row}\",") } else { format!("{row},") });
        match (got.next(), start) {
            (None, None) => {}
            (Some(got), Some(start)) => assert!(got.starts_with(&start), "{name}: {}", book.text),
            _ => panic!("{name} should count for {row:?}: {}", book.text),
        }
        match &book.warnings[..] {
            [] => assert_eq!(warning, "", "{name}"),
            [said] => assert!(!warning.is_empty() && said.contains(warning), "{name}: {said}"),
            said => panic!("{name}: {said:?}"),
        }
    }
}

#[test]
fn a_byte_order_mark_stays_and_a_file_that_is_no_roster_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("roster");
    let read = |bytes: &[u8]| {
        fs::write(&file, bytes).expect("a file");
        roster::read(&file).map_err(|error| format!("{error:#}"))
    };
    let table = "Name,ID\nJos\u{e9},7\n";
    let utf_16 = |mark: &str| -> Vec<u16> { format!("{mark}{table}").encode_utf16().collect() };
    let little: Vec<u8> = utf_16("\u{feff}").iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let big: Vec<u8> = utf_16("\u{feff}").iter().flat_map(|unit| unit.to_be_bytes()).collect();
    for bytes in [format!("\u{feff}{table}").as_bytes(), &little, &big] {
        let book = roster::gradebook(&read(bytes).expect("a roster"), &[]);
        assert_eq!(book.text, format!("\u{feff}{table}"));
    }
    for bytes in [table.as_bytes(), b"Name,ID\nJos\xe9,7\n"] {
        assert_eq!(roster::gradebook(&read(bytes).expect("a roster"), &[]).text, table);
    }

    let unmarked: Vec<u8> = utf_16("").iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let page = b"<!DOCTYPE html>\n<html lang=\"en\">\n<title>Log in</title>\n";
    let refused: [(&[u8], &str); 7] = [
        (b"PK\x03\x04\x14\0\x06\0", "is not a CSV file"),
        (&unmarked, "is not a CSV file"),
        (b"", "is empty"),
        (b"\xef\xbb\xbf\r\n", "is empty"),
        (b"Name,ID\n", "needs names of columns in its first line"),
        (b"sep=;\nName;ID\n", "needs names of columns in its first line"),
        (page, "needs names of columns in its first line"),
    ];
    for (bytes, why) in refused {
        let said = read(bytes).expect_err(why);
        assert!(
            said.contains(why) && said.contains("as CSV, in UTF-8") && said.lines().count() == 1,
            "{said}"
        );
    }
}

#[test]
fn only_we_can_read_what_is_among_the_reports() {
    let folder = tempfile::tempdir().expect("a folder");
    let reports = folder.path().join("some/reports");
    report::write(&reports, &named("alice"), 0, &[&named("alice")]).expect("reports");
    let mode = |path: &str| fs::metadata(reports.join(path)).expect(path).permissions().mode() & 0o777;
    assert_eq!(["", "alice"].map(mode), [0o700; 2]);
    let files = ["grades.csv", "junit.xml", "alice/report.md", "alice/results.json", "alice/grade.json"];
    assert_eq!(files.map(mode), [0o600; 5]);
}

/// A login may have a hyphen, and a part of it may be the login of another student.
#[test]
fn a_login_is_not_taken_for_a_shorter_one_in_it() {
    // The roster, names of submissions, what the gradebook must be, the warnings.
    let cases: [(&str, &[&str], &str, &[&str]); 4] = [
        (
            "Name,Login\nAdam Lee,ada-l\nAda King,ada\n",
            &["labs-ada-l", "labs-ada"],
            "Name,Login,Lab 3\nAdam Lee,ada-l,48\nAda King,ada,48\n",
            &[],
        ),
        (
            "Name,Mail\nAda Smith,ada.smith@x\nJo Smith,smith@x\n",
            &["labs-ada.smith"],
            "Name,Mail,Lab 3\nAda Smith,ada.smith@x,48\nJo Smith,smith@x,\n",
            &[],
        ),
        // `bob-x` is nobody's.
        (
            "Name,Login\nBob Ray,bob\n",
            &["labs-bob-x"],
            "Name,Login,Lab 3\nBob Ray,bob,48\n",
            &["labs-bob-x counts for the row of Bob Ray, but only a part of its name fits"],
        ),
        // As GitHub packs a branch.
        ("Name,Login\nBob Ray,bob\n", &["labs-bob-main"], "Name,Login,Lab 3\nBob Ray,bob,48\n", &[]),
    ];
    for (given, names, expected, warnings) in cases {
        let grades: Vec<Grade> = names.iter().map(|name| named(name)).collect();
        let book = roster::gradebook(given, &grades.iter().collect::<Vec<_>>());
        assert_eq!(book.text, expected);
        assert_eq!(book.warnings, warnings);
    }
}

/// Moodle packs what was typed into a field of text beside the file, as a submission of its own.
#[test]
fn what_could_not_be_graded_is_no_zero_and_the_better_one_of_two_counts() {
    let given = "Student,ID\nAda,4711\n";
    let broken =
        Grade { marks: Vec::new(), problem: Some("it is empty".to_owned()), ..named("ada_4711_10_text") };
    let book = roster::gradebook(given, &[&named("ada_4711_9_x"), &broken]);
    assert_eq!(book.text, "Student,ID,Lab 3\nAda,4711,48\n");
    assert_eq!(book.warnings, ["ada_4711_10_text could not be graded, and counts for nobody: it is empty"]);
    // Nothing is put into a cell, and nothing is taken out: the number there may be by hand.
    let filled = "Student,ID,Lab 3\nAda,4711,30\n";
    assert_eq!(roster::gradebook(filled, &[&named("bob_4712_9_x"), &broken]).text, filled);
    let mut worse = named("ada_4711_11_y");
    worse.marks.truncate(1);
    let book = roster::gradebook(given, &[&named("ada_4711_9_x"), &worse]);
    assert_eq!(book.text, "Student,ID,Lab 3\nAda,4711,48\n");
    assert_eq!(book.warnings, ["ada_4711_9_x and ada_4711_11_y are of one person; ada_4711_9_x counts"]);
}
