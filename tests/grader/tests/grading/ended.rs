//! A grader that is ended: nothing goes on, and nothing is lost.

use crate::{course, hand_in, hostile, skip, solution};
use grader::grade::work_folder;
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::slice;
use std::thread;
use std::time::{Duration, Instant};

/// Other graders may have to end first.
const PATIENCE: Duration = Duration::from_secs(1200);

fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "after {PATIENCE:?} still not: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn grader(submissions: &[PathBuf], reports: &Path, more: &[&str]) -> Command {
    // What a shell without job control starts in the background ignores SIGINT, and so does all that it starts.
    let mut command = Command::new("env");
    command
        .args(["--default-signal=INT", env!("CARGO_BIN_EXE_grader"), "grade"])
        .args(submissions)
        .args(["--only", "3.1", "--jobs", "1", "--reports"])
        .arg(reports);
    command.args(more).stdin(Stdio::null());
    command
}

/// Whether a mark sheet says that a submission has all points that there are.
fn has_all(sheet: &str, name: &str) -> bool {
    let row = sheet.lines().find_map(|line| line.strip_prefix(&format!("\"{name}\",")));
    let mut numbers = row.into_iter().flat_map(|row| row.split(','));
    let earned = numbers.next();
    earned.is_some() && earned != Some("0") && earned == numbers.next()
}

/// The processes beneath one, with their own names.
fn beneath(ancestor: u32) -> BTreeSet<u32> {
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .expect("proc(5)")
        .flatten()
        .filter_map(|entry| {
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            let parent = stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()?;
            Some((entry.file_name().to_str()?.parse().ok()?, parent))
        })
        .collect();
    let mut found = BTreeSet::from([ancestor]);
    while let Some((child, _)) =
        parents.iter().find(|(child, parent)| found.contains(parent) && !found.contains(child))
    {
        found.insert(*child);
    }
    found.remove(&ancestor);
    found
}

/// Whether a program of a student's runs beneath the grader.
fn runs_a_test(grader: &Child) -> bool {
    beneath(grader.id()).iter().any(|pid| {
        let path = format!("/proc/{pid}");
        let words = fs::read(format!("{path}/cmdline")).unwrap_or_default();
        words.starts_with(b"/out/") && fs::metadata(&path).is_ok_and(|meta| meta.uid() >= 61_000)
    })
}

#[test]
fn a_grader_that_is_ended_leaves_nothing_running_and_another_one_goes_on() {
    let course = course();
    let solution = solution(&course);
    let folder = tempfile::tempdir().expect("a folder");
    let (_, spins) =
        hostile::armed(&solution).into_iter().find(|(name, _)| *name == "spins").expect("one that spins");
    let submissions = [hand_in(folder.path(), "first", &solution), hand_in(folder.path(), "second", &spins)];
    let reports = folder.path().join("reports");
    let first = reports.join("first/grade.json");
    for signal in [Signal::SIGINT, Signal::SIGKILL] {
        let mut grader =
            grader(&submissions, &reports, &["--resume"]).stderr(Stdio::null()).spawn().expect("the grader");
        wait_for("the first is graded, and the second runs", || first.exists() && runs_a_test(&grader));
        let before = beneath(grader.id());
        kill(Pid::from_raw(grader.id().cast_signed()), signal).expect("it runs");
        grader.wait().expect("it has ended");
        wait_for("all that it had started has ended", || {
            before.iter().all(|pid| !Path::new(&format!("/proc/{pid}")).exists())
        });
    }
    let written = fs::metadata(&first).expect("a grade").mtime_nsec();
    hand_in(folder.path(), "second", &solution);
    let Output { status, stdout, stderr } =
        grader(&submissions, &reports, &["--resume"]).output().expect("the grader");
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    assert_eq!(fs::metadata(&first).expect("a grade").mtime_nsec(), written, "what is graded stays graded");
    let table = String::from_utf8_lossy(&stdout);
    let sheet = fs::read_to_string(reports.join("grades.csv")).expect("a mark sheet");
    assert!(has_all(&sheet, "first") && has_all(&sheet, "second"), "{sheet}\n{table}");
}

/// A teacher updates the course while a grader waits for its turn: it goes on with what it was.
#[test]
fn a_grader_whose_file_is_replaced_while_it_waits_grades_all_the_same() {
    let course = course();
    let folder = tempfile::tempdir().expect("a folder");
    let submission = hand_in(folder.path(), "alice", &solution(&course));
    let reports = folder.path().join("reports");
    let copy = folder.path().join("grader");
    // By another process, because no program can be started while a process has it open for writing, and another test
    // may fork at any time.
    let copied = Command::new("cp").args([Path::new(env!("CARGO_BIN_EXE_grader")), &copy]).status();
    assert!(copied.expect("cp(1)").success());
    let work = work_folder(&course.root).expect("a folder");
    let lock = File::create(work.join("lock")).expect("a lock file");
    lock.lock().expect("our turn");
    let usual = grader(&[submission], &reports, &[]);
    let words: Vec<_> = usual.get_args().skip(2).collect();
    let mut grader = Command::new(&copy).args(words).stderr(Stdio::piped()).spawn().expect("the grader");
    let mut said = BufReader::new(grader.stderr.take().expect("a pipe"));
    let mut line = String::new();
    while said.read_line(&mut line).expect("lines") > 0 && !line.contains("waiting for another") {}
    assert!(line.contains("waiting for another"), "{line}");
    fs::remove_file(&copy).expect("our own file");
    drop(lock);
    said.read_to_string(&mut line).expect("the rest");
    assert!(grader.wait().expect("it ends").success(), "{line}");
    let sheet = fs::read_to_string(reports.join("grades.csv")).expect("a mark sheet");
    assert!(has_all(&sheet, "alice"), "{sheet}\n{line}");
}

/// A process that judges is killed, as the kernel does if memory runs out; and all under a umask that opens nothing to
/// others.
#[test]
fn what_the_grader_loses_is_no_zero_and_what_has_changed_is_judged_again() {
    let course = course();
    let folder = tempfile::tempdir().expect("a folder");
    let submission = hand_in(folder.path(), "alice", &solution(&course));
    let reports = folder.path().join("reports");
    let grade = reports.join("alice/grade.json");
    // In the place of unshare(1), for the first submission.
    let killer = folder.path().join("bin/unshare");
    fs::create_dir(killer.parent().expect("a folder")).expect("a folder");
    let script = format!(
        "#!/bin/sh\ncase $GRADER_ASSIGNMENT in '{{'*) if mkdir {}/killed; then kill -9 $$; fi; esac\nPATH=${{PATH#*:}}\nexec unshare \"$@\"",
        folder.path().display()
    );
    fs::write(&killer, script).expect("a script");
    fs::set_permissions(&killer, fs::Permissions::from_mode(0o755)).expect("a program");
    let path = std::env::var("PATH").expect("a path");
    let run = |more: &[&str]| {
        let grader = grader(std::slice::from_ref(&submission), &reports, more);
        let mut command = Command::new("sh");
        command
            .args(["-c", "umask 077; exec \"$0\" \"$@\""])
            .arg(grader.get_program())
            .args(grader.get_args());
        command.env("PATH", format!("{}:{path}", killer.parent().expect("a folder").display()));
        let output = command.stdin(Stdio::null()).output().expect("a shell");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), errors, fs::read_to_string(reports.join("grades.csv")).unwrap_or_default())
    };

    let (code, errors, sheet) = run(&[]);
    if errors.contains("--weak") {
        return skip("no process that judges can be made here");
    }
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains("1 of 1 could not be judged here"), "{errors}");
    assert!(sheet.contains("the grader's process for this submission failed"), "{sheet}");
    assert!(!grade.exists(), "it is not graded");

    let (code, errors, sheet) = run(&["--resume"]);
    assert_eq!(code, Some(0), "{errors}");
    assert!(has_all(&sheet, "alice"), "{sheet}{errors}");
    let written = || fs::metadata(&grade).expect("a grade").mtime_nsec();
    let first = written();
    fs::remove_file(reports.join("grades.csv")).expect("a sheet");
    let (_, errors, sheet) = run(&["--resume"]);
    assert_eq!(written(), first, "nothing has changed, so nothing is judged: {errors}");
    assert!(has_all(&sheet, "alice"), "the sheet is written again: {sheet}");

    fs::write(submission.join("exercises/queue/src/semaphore.rs"), "// Not written.").expect("a file");
    let (_, errors, sheet) = run(&["--resume"]);
    assert!(sheet.contains("\"alice\",0,"), "the submission has changed: {sheet}{errors}");
}

/// Whoever may write a submission could write reports into it.
#[test]
fn reports_and_submissions_have_folders_of_their_own() {
    let course = course();
    let folder = tempfile::tempdir().expect("a folder");
    let submission = hand_in(folder.path(), "mallory", &solution(&course));
    for reports in [folder.path().to_owned(), submission.join("reports"), submission.clone()] {
        let output = grader(std::slice::from_ref(&submission), &reports, &["--resume"]).output();
        let output = output.expect("the grader");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("reports and submissions need folders of their own"), "{text}");
    }
}

/// A mistake in the command line must not cost hours of grading.
#[test]
fn a_wrong_path_or_roster_is_refused_before_anything_is_judged() {
    let course = course();
    let folder = tempfile::tempdir().expect("a folder");
    let submission = hand_in(folder.path(), "alice", &solution(&course));
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("a file");
        path.display().to_string()
    };
    let (absent, pipe) = (folder.path().join("nomatch/*"), folder.path().join("pipe"));
    mkfifo(&pipe, Mode::S_IRWXU).expect("a pipe");
    let (workbook, empty) = (file("roster.xlsx", b"PK\x03\x04\0\0"), file("roster.csv", b""));
    let no_roster = folder.path().join("no.csv").display().to_string();
    let reports = folder.path().join("reports");
    let cases: [(&[PathBuf], &[&str], &str); 5] = [
        (&[submission.clone(), absent], &[], "cannot read the submission DIR/nomatch/*: No such file"),
        (&[submission.clone(), pipe], &[], "the submission DIR/pipe is neither a file nor a folder"),
        (
            slice::from_ref(&submission),
            &["--roster", &workbook],
            "the roster DIR/roster.xlsx is not a CSV file",
        ),
        (slice::from_ref(&submission), &["--roster", &empty], "the roster DIR/roster.csv is empty"),
        (slice::from_ref(&submission), &["--roster", &no_roster], "cannot read DIR/no.csv: No such file"),
    ];
    for (submissions, more, expected) in cases {
        let output = grader(submissions, &reports, more).output().expect("the grader");
        let text =
            String::from_utf8_lossy(&output.stderr).replace(&folder.path().display().to_string(), "DIR");
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(expected) && text.lines().count() == 1, "{text}");
        assert!(!reports.exists(), "nothing was judged");
    }
}

/// Late work, for example. The sheets of the second run would not have the rows of the first.
#[test]
fn reports_of_other_submissions_are_not_forgotten_without_a_word() {
    let course = course();
    let folder = tempfile::tempdir().expect("a folder");
    let reports = folder.path().join("reports");
    let run = |names: &[&str], more: &[&str]| {
        let submissions: Vec<PathBuf> =
            names.iter().map(|name| hand_in(folder.path(), name, &solution(&course))).collect();
        let output = grader(&submissions, &reports, more).output().expect("the grader");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), errors, fs::read_to_string(reports.join("grades.csv")).expect("a mark sheet"))
    };
    let (code, errors, first) = run(&["early"], &[]);
    assert_eq!(code, Some(0), "{errors}");

    let (code, errors, sheet) = run(&["late"], &[]);
    assert_eq!((code, &sheet), (Some(2), &first), "{errors}");
    assert!(errors.contains("grades.csv would lose early: name all submissions, with --resume"), "{errors}");

    let (code, errors, sheet) = run(&["early", "late"], &["--resume"]);
    assert_eq!(code, Some(0), "{errors}");
    assert!(has_all(&sheet, "early") && has_all(&sheet, "late"), "{sheet}{errors}");

    // A submission that was renamed in the meantime.
    fs::rename(folder.path().join("late"), folder.path().join("ada")).expect("a folder");
    let (code, errors, sheet) = run(&["early", "ada"], &["--resume"]);
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.contains("also has the reports of late; grades.csv leaves out"), "{errors}");
    assert!(has_all(&sheet, "early") && has_all(&sheet, "ada") && !sheet.contains("late"), "{sheet}");
}

#[test]
fn a_list_may_have_spaces() {
    let mut grader = Command::new(env!("CARGO_BIN_EXE_grader"));
    let folder = tempfile::tempdir().expect("a folder");
    grader.arg("gradescope").arg(folder.path().join("lab3.zip")).args(["--only", " 3, queue , 99"]);
    let errors = String::from_utf8_lossy(&grader.output().expect("the grader").stderr).into_owned();
    assert!(errors.contains("no lab or task `99`"), "{errors}");
}

/// Root in a container, mostly.
#[test]
fn without_the_right_to_make_namespaces_it_refuses_unless_told_otherwise() {
    let course = course();
    let folder = tempfile::tempdir().expect("a folder");
    let submission = hand_in(folder.path(), "honest", &solution(&course));
    let reports = folder.path().join("reports");
    let confined = |more: &[&str]| {
        let grader = grader(std::slice::from_ref(&submission), &reports, more);
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set=-sys_admin", "--inh-caps=-sys_admin", "--"]);
        command.arg(grader.get_program()).args(grader.get_args());
        command.output().expect("setpriv runs")
    };
    let refused = confined(&[]);
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{text}");
    assert!(text.contains("--weak") && text.contains("CAP_SYS_ADMIN"), "{text}");
    assert!(!reports.exists(), "nothing was judged");
    let weak = confined(&["--weak"]);
    let text = String::from_utf8_lossy(&weak.stderr).into_owned();
    if text.contains("RUSTUP_HOME=/opt/rustup") {
        assert_eq!(weak.status.code(), Some(2), "{text}");
        eprintln!("skipped: other users cannot run the compiler here");
        return;
    }
    assert!(weak.status.success(), "{text}");
    assert!(text.contains("one at a time"), "{text}");
    let sheet = fs::read_to_string(reports.join("grades.csv")).expect("a mark sheet");
    assert!(has_all(&sheet, "honest"), "{sheet}\n{text}");
}

/// Without other users to give to submissions (subuid(5)), they would run as the one who grades.
#[test]
fn another_user_than_root_is_refused_if_it_has_no_users_to_give_away() {
    if !nix::unistd::getuid().is_root() {
        return skip("only root can become another user");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let reports = folder.path().join("reports");
    let grader = grader(&[folder.path().join("never-read")], &reports, &[]);
    let as_another = |program: &OsStr| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=12345", "--regid=12345", "--clear-groups", "--"]).arg(program);
        command
    };
    let readable = as_another(OsStr::new("test")).args(["-x", env!("CARGO_BIN_EXE_grader")]).status();
    if !readable.expect("setpriv runs").success() {
        eprintln!("skipped: other users cannot read this checkout");
        return;
    }
    let output = as_another(grader.get_program()).args(grader.get_args()).output().expect("setpriv runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("newuidmap (package uidmap)") && text.contains("--weak"), "{text}");
}

/// The reports go to a file system that has room for one of three submissions, and later for all.
#[test]
fn a_full_disk_stops_the_grader_in_one_sentence_and_resume_goes_on() {
    let course = course();
    let folder = tempfile::tempdir().expect("a folder");
    let names = ["first", "second", "third"];
    let submissions = names.map(|name| hand_in(folder.path(), name, &solution(&course)));
    let reports = folder.path().join("reports");
    fs::create_dir(&reports).expect("a folder");
    // In one mount namespace, because the file system vanishes with it.
    let script = r#"mount -t tmpfs -o size=36k reports "$0" || exit 99
        "$@"; echo "code $?"; ls "$0"/*/grade.json; ls "$0"/*.new "$0"/*/*.new
        mount -o remount,size=1m "$0"; "$@" --resume; echo "code $?"; cat "$0/grades.csv""#;
    let grader = grader(&submissions, &reports, &[]);
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", script])
        .arg(&reports)
        .arg(grader.get_program())
        .args(grader.get_args());
    let output = command.stdin(Stdio::null()).output().expect("unshare(1)");
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.code() == Some(99) || errors.starts_with("unshare:") {
        return skip("no file system can be mounted here");
    }
    let (before, after) =
        said.split_once("code 2\n").unwrap_or_else(|| panic!("it says that it failed: {said}{errors}"));
    assert!(before.is_empty(), "no table before all is graded: {before}");
    let told: Vec<&str> = errors.lines().filter(|line| line.contains("No space left")).collect();
    assert!(
        matches!(told[..], [line] if line.contains("1 of 3 are graded, and --resume continues")),
        "{errors}"
    );
    assert_eq!(after.matches("/first/grade.json\n").count(), 1, "what was written is kept: {after}");
    assert!(!after.contains(".new\n"), "half of a file is no file: {after}");
    assert!(
        errors.contains("2 of 3  second") && !errors.contains("3 of 3  first"),
        "only the others: {errors}"
    );
    assert!(after.contains("code 0\n"), "{said}{errors}");
    for name in names {
        assert!(has_all(after, name), "{after}{errors}");
    }
}
