//! What leaves a teacher's checkout: the course, and nothing else that is in the folder.

use grader::{gradescope, handout};
use lab::course::Course;
use lab::tree;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

/// The course in a repository of its own, with files beside it that git does not track.
fn checkout(root: &Path) -> Course {
    let ours = tree::root().expect("a checkout");
    let files = tree::published(&ours).expect("files").files;
    tree::copy_some(&files, &ours, root, |_| true).expect("a copy");
    for words in [&["init", "--quiet"][..], &["add", "."]] {
        let status = Command::new("git").args(words).current_dir(root).status().expect("git runs");
        assert!(status.success(), "git {words:?}");
    }
    for private in PRIVATE {
        let path = root.join(private);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, "// private").expect("a file");
    }
    fs::write(root.join("LICENSE-MIT"), "changed").expect("a file");
    Course::load(root).expect("labs")
}

const PRIVATE: [&str; 7] = [
    "exam/4/staff.rs",
    "grades.csv",
    "reports/ada/report.md",
    "results/ada/report.md",
    "solutions/queue/src/draft.rs",
    "submissions/ada/ring.rs",
    "tests/exam.rs",
];

/// Whether nothing in a folder says that it is private.
fn assert_no_private(root: &Path) {
    for path in tree::files(root).expect("files") {
        let text = fs::read(root.join(&path)).expect("a file");
        assert_ne!(text, b"// private", "{} was given away", path.display());
    }
    assert_eq!(fs::read_to_string(root.join("LICENSE-MIT")).expect("a file"), "changed");
}

#[test]
fn students_get_only_what_git_tracks() {
    let folder = tempfile::tempdir().expect("a folder");
    let course = checkout(&folder.path().join("course"));
    let copy = folder.path().join("labs");
    handout::handout(&course, &copy, &["queue".to_owned()]).expect("a copy for students");
    assert_no_private(&copy);
}

#[test]
fn gradescope_gets_only_what_git_tracks() {
    let folder = tempfile::tempdir().expect("a folder");
    let course = checkout(&folder.path().join("course"));
    let archive = course.root.join("lab3.zip");
    gradescope::write(&course, &archive, &[], None).expect("an archive");
    let unpacked = folder.path().join("unpacked");
    let mut archive = zip::ZipArchive::new(File::open(archive).expect("the archive")).expect("an archive");
    archive.extract(&unpacked).expect("it can be unpacked");
    assert_no_private(&unpacked.join("course"));
    assert!(!unpacked.join("course/lab3.zip").exists(), "the archive is in itself");
}
