//! What a student does, in a copy of the course as it is handed out.

use grader::grade::alone_in;
use grader::{cut, handout};
use lab::course::Course;
use lab::{student, tree};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

static COURSE: LazyLock<Course> =
    LazyLock::new(|| Course::load(&tree::root().expect("a checkout")).expect("labs"));

/// One copy for all tests, one after the other: they write the same files.
static COPY: LazyLock<Mutex<Copy>> = LazyLock::new(|| Mutex::new(Copy::new()));

struct Copy {
    root: PathBuf,
    target: PathBuf,
    /// A grader at work in the same checkout must not take our servers for a student's.
    _lock: File,
}

impl Copy {
    fn new() -> Copy {
        let folder = tree::memory(&COURSE.root).expect("a folder").join("student");
        let root = folder.join("labs");
        let _ = fs::remove_dir_all(&root);
        handout::handout(&COURSE, &root, &[]).expect("a copy for students");
        // Shared with the grader, so that what both need from elsewhere is built once.
        let shared = folder.with_file_name("grade");
        let lock = alone_in(&shared).expect("a lock");
        Copy { root, target: shared.join("target"), _lock: lock }
    }

    /// As it was handed out, with nothing remembered.
    fn fresh() -> MutexGuard<'static, Copy> {
        let copy = COPY.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = fs::remove_file(copy.target.join("lab/progress"));
        for lab in &COURSE.labs {
            let exercise = cut::exercise(&COURSE.root, lab).expect("an exercise");
            tree::write(&exercise, &lab.exercise(&copy.root)).expect("files");
            let _ = fs::remove_dir_all(lab.exercise(&copy.root).join("saved"));
        }
        copy
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(lab::build::cargo());
        command.arg("lab").args(words).current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        command
    }

    fn lab(&self, words: &[&str]) -> Output {
        self.command(words).output().expect("cargo runs")
    }

    /// The screen of a command that ends with this code.
    #[track_caller]
    fn screen(&self, words: &[&str], code: i32) -> String {
        let output = self.lab(words);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let screen = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "cargo lab {}:\n{screen}", words.join(" "));
        screen
    }

    /// Writes a part as our solution has it.
    fn solve(&self, part: &str) {
        let solution = tree::read_rust(&COURSE.root.join("solutions").join(part)).expect("a solution");
        for (path, text) in solution {
            fs::write(self.root.join("exercises").join(part).join(path), text).expect("a file");
        }
    }

    /// Saves a file as an editor does, so that it is never seen half written.
    fn save(&self, file: &str, text: &str) {
        let new = self.root.join("saved by an editor");
        fs::write(&new, text).expect("a file");
        fs::rename(new, self.root.join(file)).expect("a file");
    }

    fn change(&self, file: &str, old: &str, new: &str) {
        let path = self.root.join(file);
        let text = fs::read_to_string(&path).expect("a file");
        fs::write(path, cut::replace_once(&text, old, new).expect("a text to replace")).expect("a file");
    }
}

#[track_caller]
fn shows(screen: &str, expected: &[&str]) {
    for text in expected {
        assert!(screen.contains(text), "this should be on the screen: {text}\n\n{screen}");
    }
}

#[test]
fn the_copy_for_students_holds_no_answers() {
    let copy = Copy::fresh();
    assert!(!copy.root.join("solutions").exists() && !copy.root.join("tests/submissions").exists());
    let files = tree::files(&copy.root).expect("files");
    let texts: Vec<(PathBuf, String)> = files
        .iter()
        .filter_map(|path| Some((path.clone(), fs::read_to_string(copy.root.join(path)).ok()?)))
        .collect();
    for lab in &COURSE.labs {
        for answer in cut::answers(&COURSE.root, lab).expect("answers") {
            let found = texts.iter().find(|(_, text)| answer.len() > 60 && text.contains(&answer));
            assert!(found.is_none(), "{} holds this answer: {answer}", found.expect("one").0.display());
        }
        for hunt in lab.tasks.iter().filter_map(|task| task.hunt.as_ref()) {
            let found = texts.iter().find(|(_, text)| text.contains(&hunt.right));
            assert!(found.is_none(), "{} holds the repair of {}", found.expect("one").0.display(), hunt.file);
        }
    }
}

#[test]
fn the_copy_for_students_holds_no_teachers_page() {
    let copy = Copy::fresh();
    let pages = tree::files(&COURSE.root).expect("files");
    let pages: Vec<_> = pages.iter().filter(|path| path.starts_with(handout::TEACHERS_PAGES)).collect();
    assert!(pages.iter().any(|page| page.ends_with("oral.md")), "teachers have pages: {pages:?}");
    let copied = tree::files(&copy.root).expect("files");
    for page in pages {
        let text = fs::read(COURSE.root.join(page)).expect("a page");
        let found =
            copied.iter().find(|copied| fs::read(copy.root.join(copied)).is_ok_and(|copied| copied == text));
        assert_eq!(found, None, "students have {}", page.display());
    }
    let summary = fs::read_to_string(copy.root.join("book/src/SUMMARY.md")).expect("a summary");
    assert!(!summary.contains("teach"), "the book of students names a teacher's page:\n{summary}");
}

/// An agent looks for its rules in the folder in which it is started, and in that of the files that it changes.
#[test]
fn coding_agents_find_their_rules_wherever_they_are_started() {
    let copy = Copy::fresh();
    let rules = fs::read_to_string(COURSE.root.join(handout::AGENTS)).expect("the rules");
    for (root, name) in [(&copy.root, "AGENTS.md"), (&copy.root, handout::AGENTS)] {
        assert_eq!(fs::read_to_string(root.join(name)).ok().as_ref(), Some(&rules), "{name} in a hand-out");
    }
    for lab in &COURSE.labs {
        let exercise = cut::exercise(&COURSE.root, lab).expect("an exercise");
        tree::write(&exercise, &lab.exercise(&copy.root)).expect("files");
    }
    let kept = fs::read_to_string(copy.root.join(handout::AGENTS)).ok();
    assert_eq!(kept.as_ref(), Some(&rules), "`cargo lab cut` keeps the rules");
}

/// What the rules forbid to open is named as it is called.
#[test]
fn the_rules_for_agents_name_what_there_is() {
    let rules = fs::read_to_string(COURSE.root.join(handout::AGENTS)).expect("the rules");
    let forbidden = rules.split_once("**Never open").expect("what is forbidden").1;
    let forbidden = forbidden.split_once("## ").expect("the next section").0;
    let folders: Vec<&str> = forbidden.split('`').skip(1).step_by(2).collect();
    for answers in [
        "solutions/",
        "tests/submissions/",
        "tests/labs/",
        "tests/prove/",
        "book/src/museum/",
        "book/src/teaching/",
    ] {
        assert!(folders.contains(&answers), "the rules do not forbid {answers}: {folders:?}");
    }
    for folder in folders {
        assert!(COURSE.root.join(folder).is_dir(), "there is no folder {folder}");
    }
}

#[test]
fn a_student_sees_what_to_do_next() {
    let copy = Copy::fresh();
    let screen = copy.screen(&[], 0);
    shows(&screen, &["Lab 1: ", "Lab 6: ", "0 of ", "not started", "Next: 1.1 ", "Then: cargo lab check 1"]);
    let begun = screen.lines().find(|line| line.starts_with("  ") && !line.ends_with("not started"));
    assert_eq!(begun, None, "nothing is begun yet:\n{screen}");
    shows(
        &copy.screen(&["check", "3"], 1),
        &["Next is 3.1 ", "exercises/queue/src/semaphore.rs", "cargo lab hint 3.1"],
    );
    shows(&copy.screen(&["check", "9"], 2), &["there is no lab `9`"]);
    shows(&copy.screen(&["hint", "3.99"], 2), &["there is no task 3.99"]);
}

#[test]
fn a_server_is_not_started_with_a_part_that_is_not_written() {
    let copy = Copy::fresh();
    shows(&copy.screen(&["run", "3"], 2), &["your `request` is not written yet", "cargo lab check 1"]);
    copy.solve("request");
    shows(
        &copy.screen(&["run", "3", "--mine", "queue"], 2),
        &["your `queue` is not written yet", "cargo lab check 3"],
    );
    shows(&copy.screen(&["run", "1", "--mine", "cache"], 2), &["stage 1 does not use the part `cache`"]);
    shows(&copy.screen(&["run", "7"], 2), &["there is no stage 7"]);
}

#[test]
fn a_lab_whose_server_needs_another_one_first_says_so() {
    let copy = Copy::fresh();
    copy.solve("threads");
    shows(
        &copy.screen(&["check", "2"], 1),
        &["2.5 runs stage2 with what you wrote. But your `request` is not written yet", "cargo lab check 1"],
    );
}

#[test]
fn a_mistake_is_shown_with_its_interleaving_and_the_task_is_done_when_it_is_repaired() {
    let copy = Copy::fresh();
    let semaphore = fs::read_to_string(COURSE.root.join("solutions/queue/src/semaphore.rs")).expect("a file");
    fs::write(copy.root.join("exercises/queue/src/semaphore.rs"), semaphore).expect("a file");
    copy.change("exercises/queue/src/semaphore.rs", "while *permits == 0", "if *permits == 0");
    let screen = copy.screen(&["check", "3"], 1);
    shows(&screen, &["3.1  The semaphore", "failing", "This promise breaks", "no permit is given out twice"]);
    shows(
        &screen,
        &["in interleaving", "step  main", "wait, asleep  semaphore.rs:", "The book: \"3.1 The semaphore\""],
    );
    copy.change(
        "exercises/queue/src/semaphore.rs",
        "if *permits == 0 {\n            permits",
        "while *permits == 0 {\n            permits",
    );
    let screen = copy.screen(&["check", "3"], 1);
    let first = screen.lines().find(|line| line.contains("3.1")).expect("a line for 3.1");
    assert!(first.ends_with("done"), "the task is done:\n{screen}");
    shows(&screen, &["Next is 3.2 "]);
    shows(&copy.screen(&[], 0), &["1 of "]);
    // A change that was not checked makes what is remembered old.
    copy.change(
        "exercises/queue/src/semaphore.rs",
        "while *permits == 0 {\n            permits",
        "if *permits == 0 {\n            permits",
    );
    shows(&copy.screen(&[], 0), &["changed since the last check"]);
}

#[test]
fn a_long_interleaving_is_folded_unless_every_step_is_asked_for_and_fits_the_terminal() {
    let copy = Copy::fresh();
    copy.solve("queue");
    let queue = "exercises/queue/src/bounded_queue.rs";
    copy.change(
        queue,
        "return self.push_with_permit(item).map_err(Refused::ShutDown);",
        "return if self.state.with(|state| state.shut_down) { Err(Refused::ShutDown(item)) }
            else { self.push_with_permit(item).map_err(Refused::ShutDown) };",
    );
    let numbers = |screen: &str| -> Vec<usize> {
        let lanes = screen.lines().skip_while(|line| !line.starts_with("    step  "));
        lanes.filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect()
    };
    let screen = copy.screen(&["check", "3.4"], 1);
    let shown = numbers(&screen);
    shows(
        &screen,
        &["steps are shown; cargo lab check 3.4 --all-steps shows all)", "lock empty_slots  semaphore.rs:"],
    );
    let screen = copy.screen(&["check", "3.4", "--all-steps"], 1);
    let all = numbers(&screen);
    assert_eq!(all, (1..=all.len()).collect::<Vec<_>>(), "every step is shown:\n{screen}");
    assert!(shown.len() < all.len() && shown.last() == all.last(), "some were folded: {shown:?}");
    for width in [80, 100, 130] {
        let mut check = copy.command(&["check", "3.4", "--all-steps"]);
        let output = check.env("COLUMNS", width.to_string()).output().expect("cargo runs");
        let screen = String::from_utf8_lossy(&output.stdout).into_owned();
        let wide = screen.lines().find(|line| line.chars().count() > width);
        assert_eq!(wide, None, "a terminal of {width} columns:\n{screen}");
    }
}

/// The line of a task on the screen of a check.
#[track_caller]
fn line<'s>(screen: &'s str, task: &str) -> &'s str {
    let line = screen.lines().find(|line| line.trim_start().starts_with(&format!("{task}  ")));
    line.unwrap_or_else(|| panic!("there should be a line for {task}:\n{screen}"))
}

#[test]
fn a_check_stops_at_the_first_task_that_is_not_done_unless_all_are_asked_for() {
    let copy = Copy::fresh();
    copy.solve("queue");
    copy.change("exercises/queue/src/semaphore.rs", "while *permits == 0", "if *permits == 0");
    let screen = copy.screen(&["check", "3"], 1);
    assert!(line(&screen, "3.1").ends_with("failing"), "{screen}");
    assert!(line(&screen, "3.2").ends_with("later") && line(&screen, "3.8").ends_with("later"), "{screen}");
    shows(&screen, &["cargo lab check 3 --all"]);
    let screen = copy.screen(&["check", "3", "--all"], 1);
    assert!(line(&screen, "3.8").ends_with("done"), "a hunt needs nothing of the queue:\n{screen}");
    assert!(!screen.contains("later"), "every task is looked at:\n{screen}");
}

#[test]
fn a_check_of_one_task_looks_at_no_other_and_says_what_it_needs() {
    let copy = Copy::fresh();
    copy.solve("queue");
    let screen = copy.screen(&["check", "3.5"], 0);
    assert!(line(&screen, "3.5").ends_with("done") && !screen.contains("\n  3.1  "), "{screen}");
    copy.change("exercises/queue/src/semaphore.rs", "self.released.notify_one();", "");
    let screen = copy.screen(&["check", "3.1"], 1);
    assert!(line(&screen, "3.1").ends_with("failing") && !screen.contains("\n  3.2  "), "{screen}");
    // 3.2 sleeps forever because of it, but the mistake is in 3.1, and so that is shown.
    let screen = copy.screen(&["check", "3.2"], 1);
    shows(&screen, &["(for 3.2)", "3.2 needs 3.1, which is not done. So that comes first."]);
    shows(&copy.screen(&["check", "3.10"], 2), &["there is no task 3.10: lab 3 has 3.1 to 3.9"]);
}

#[test]
fn a_check_of_nothing_in_particular_takes_the_task_that_comes_next() {
    let copy = Copy::fresh();
    shows(&copy.screen(&["check"], 1), &["Task 1.1 Reading a head comes next.", "Next is 1.1 "]);
    copy.solve("request");
    shows(&copy.screen(&["check"], 0), &["Task 1.1 ", "1.1 is done. Next is 1.2 "]);
    shows(&copy.screen(&["check"], 0), &["Task 1.2 ", "1.2 is done. Next is 1.3 "]);
}

/// A check that watches: what it prints up to the line that says it waits, again and again. Ended with the test.
struct Watch {
    cargo: Child,
    screen: BufReader<ChildStdout>,
}

impl Watch {
    fn begin(copy: &Copy, words: &[&str]) -> Watch {
        let mut command = copy.command(words);
        // A group of its own: cargo has started the runner by exec, but the runner starts tests.
        let mut cargo = command.process_group(0).stdout(Stdio::piped()).spawn().expect("cargo runs");
        let screen = BufReader::new(cargo.stdout.take().expect("it was asked for"));
        Watch { cargo, screen }
    }

    fn next_screen(&mut self) -> String {
        let mut screen = String::new();
        while !screen.contains("(waiting for a file to change") {
            let read = self.screen.read_line(&mut screen).expect("text");
            assert!(read > 0, "it should wait for a change, and ended:\n{screen}");
        }
        screen
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let group = Pid::from_raw(self.cargo.id().cast_signed());
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.cargo.wait();
    }
}

#[test]
fn watching_checks_again_after_a_change_and_goes_on_to_the_task_that_is_next_then() {
    let copy = Copy::fresh();
    let mut one = Watch::begin(&copy, &["check", "1.2", "--watch"]);
    shows(&one.next_screen(), &["1.2 needs 1.1, which is not done"]);
    let mut lab = Watch::begin(&copy, &["check", "1", "--all", "--watch"]);
    shows(&lab.next_screen(), &["Next is 1.1 "]);
    let mut next = Watch::begin(&copy, &["check", "--watch"]);
    shows(&next.next_screen(), &["Task 1.1 Reading a head comes next.", "Next is 1.1 "]);
    drop((one, lab));
    let head = fs::read_to_string(COURSE.root.join("solutions/request/src/head.rs")).expect("a file");
    copy.save("exercises/request/src/head.rs", &head);
    shows(&next.next_screen(), &["Task 1.1 ", "1.1 is done. Next is 1.2 "]);
    copy.save("exercises/request/src/head.rs", &(head + "// Saved again.\n"));
    shows(&next.next_screen(), &["Task 1.2 ", "1.2 is done. Next is 1.3 "]);
}

#[test]
fn the_first_build_of_a_lab_is_announced_and_later_ones_are_not() {
    let copy = Copy::fresh();
    copy.solve("queue");
    let _ = fs::remove_dir_all(copy.target.join("lab/built"));
    let said = || String::from_utf8(copy.lab(&["check", "3.5"]).stderr).expect("text");
    // The runner itself is announced too, if it was never built.
    copy.screen(&[], 0);
    let first = said();
    assert!(
        first.starts_with("Building the tests of lab 3: ") && first.ends_with("the first time.\n"),
        "{first}"
    );
    assert_eq!(said(), "", "they are built");
}

#[test]
fn a_hang_is_reported_with_where_each_thread_sleeps() {
    let copy = Copy::fresh();
    copy.solve("queue");
    // No model puts a hundred items into the inbox, so only the tests with real threads can find this.
    let hang =
        "while items.len() > 99 {\n            std::thread::park();\n        }\n        items.push(item);";
    copy.change("exercises/queue/src/inbox.rs", "items.push(item);", hang);
    let screen = copy.screen(&["check", "3"], 1);
    shows(
        &screen,
        &["3.5  The inbox", "the reception was expected to come back", "where each thread was then:"],
    );
    shows(&screen, &["a thread of the pool sleeps at exercises/queue/src/inbox.rs:"]);
}

#[test]
fn what_does_not_compile_is_shown_by_the_compiler() {
    let copy = Copy::fresh();
    copy.change("exercises/queue/src/ring.rs", "oldest: usize,", "oldest usize,");
    shows(
        &copy.screen(&["check", "3"], 1),
        &["exercises/queue does not compile. The first error:", "ring.rs:"],
    );
    copy.change("exercises/queue/src/ring.rs", "oldest usize,", "oldest: usize, // include_str!()");
    copy.change(
        "exercises/queue/src/semaphore.rs",
        "permits: Mutex<usize>,",
        "permits: Mutex<usize>, include: (),",
    );
    let why = "exercises/queue/src/semaphore.rs cannot be graded: `include` reads other files, which this lab does not";
    shows(&copy.screen(&["check", "3"], 1), &[why]);
    copy.change(
        "exercises/queue/src/semaphore.rs",
        "permits: Mutex<usize>, include: (),",
        "permits: Mutex<usize>,",
    );
    copy.change(
        "exercises/queue/hunts/latch.rs",
        "self.opened.notify_one()",
        "self.opened.notify_everyone()",
    );
    let screen = copy.screen(&["check", "3.7"], 1);
    shows(&screen, &["for struct `Condvar`", "--> exercises/queue/hunts/latch.rs:"]);
    assert!(!screen.contains("lanes"), "a crate that no student knows:\n{screen}");
}

#[test]
fn a_students_model_is_asked_about_the_broken_part_that_it_lets_through() {
    let copy = Copy::fresh();
    shows(&copy.screen(&["check", "3.9"], 1), &["exercises/queue/prove/sleepers.rs", "cargo lab hint 3.9"]);
    copy.solve("queue");
    let file = "exercises/queue/prove/sleepers.rs";
    let assertion = "    assert_eq!(items, [1, 2], \"each item comes out once\");\n";
    copy.change(file, assertion, "");
    let screen = copy.screen(&["check", "3.9"], 1);
    shows(&screen, &["hands out\n  an old item passes your model", "It finds 3 of 4 broken ones"]);
    assert!(screen.lines().all(|line| line.chars().count() <= 80), "it fits 80 columns:\n{screen}");
    copy.change(file, "    items.sort();\n", &format!("    items.sort();\n{assertion}"));
    shows(&copy.screen(&["check", "3.9"], 0), &["3.9 is done"]);
}

#[test]
fn hints_come_one_by_one() {
    let copy = Copy::fresh();
    let first = copy.screen(&["hint", "3.1"], 0);
    shows(&first, &["Hint 1 of 3", "Another hint: cargo lab hint 3.1"]);
    assert!(!first.contains("Hint 2 of 3"), "one hint at a time:\n{first}");
    shows(&copy.screen(&["hint", "3.1"], 0), &["Hint 1 of 3", "Hint 2 of 3"]);
    shows(&copy.screen(&["hint", "3.1"], 0), &["Hint 3 of 3", "That was the last hint."]);
    shows(&copy.screen(&["hint", "3"], 0), &["3.1 The semaphore"]);
    shows(&copy.screen(&["hint", "3.2", "--all"], 0), &["Hint 3 of 3"]);
}

#[test]
fn reset_restores_a_file_and_keeps_the_students() {
    let copy = Copy::fresh();
    let file = copy.root.join("exercises/queue/src/inbox.rs");
    let shipped = fs::read_to_string(&file).expect("a file");
    fs::write(&file, "mine").expect("a file");
    let screen = copy.screen(&["reset", "3", "inbox.rs"], 0);
    assert_eq!(fs::read_to_string(&file).expect("a file"), shipped, "the file is as it was handed out");
    let kept = screen.lines().find_map(|line| line.trim().strip_prefix("yours is now ")).expect("a name");
    assert_eq!(fs::read_to_string(copy.root.join(kept)).expect("a file"), "mine", "{kept}");
    shows(&copy.screen(&["reset", "3"], 0), &["nothing to restore"]);
    shows(&copy.screen(&["reset", "3", "nothing.rs"], 2), &["lab 3 has no file nothing.rs"]);
}

#[test]
fn only_what_works_is_compared_and_only_with_a_solution() {
    let copy = Copy::fresh();
    shows(&copy.screen(&["compare", "3"], 2), &["no solution of lab 3 to compare with"]);
    fs::create_dir_all(copy.root.join("solutions/queue")).expect("a folder");
    let screen = copy.screen(&["compare", "3"], 2);
    fs::remove_dir_all(copy.root.join("solutions")).expect("a folder");
    shows(&screen, &["a part is compared when it works: cargo lab check 3"]);
}

/// Two programs that write what criterion writes: one takes 200 ns, and the other 300 ns, but 100 ns the first time.
#[test]
fn speed_is_compared_in_turn_and_shown_with_its_spread() {
    // Alone, because a process that is forked while a script is being written keeps it from being run.
    let _alone = Copy::fresh();
    let folder = tempfile::tempdir().expect("a folder");
    let script = |name: &str, nanoseconds: &str| {
        let path = folder.path().join(name);
        let text = format!(
            r#"#!/bin/sh
            echo {name} >> "$0.runs"
            row="$CRITERION_HOME/group/row/new"
            mkdir -p "$row"
            echo '{{"full_id":"group/row"}}' > "$row/benchmark.json"
            echo '{{"median":{{"point_estimate":'{nanoseconds}'}}}}' > "$row/estimates.json"
            "#
        );
        fs::write(&path, text).expect("a script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a script that can run");
        path
    };
    let ours = script("ours", "200");
    let theirs = script("theirs", "$([ $(wc -l < $0.runs) = 1 ] && echo 100 || echo 300)");
    let table = student::race(&ours, &theirs, &folder.path().join("criterion")).expect("a table");
    shows(&table, &["group/row", "200.0 ns", "300.0 ns", "1.50 (0.50 to 1.50)"]);
    let failing = folder.path().join("failing");
    fs::write(&failing, "#!/bin/sh\necho out of luck >&2; exit 1\n").expect("a script");
    fs::set_permissions(&failing, fs::Permissions::from_mode(0o755)).expect("a script that can run");
    let error = student::race(&ours, &failing, &folder.path().join("criterion")).expect_err("it fails");
    shows(&format!("{error:#}"), &["a benchmark failed", "out of luck"]);
}

/// A student's repository shows what the student has changed, and nothing else.
#[test]
fn git_sees_nothing_of_what_the_tools_write() {
    let copy = Copy::fresh();
    let git = |words: &[&str]| {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org"])
            .args(words)
            .current_dir(&copy.root);
        let output = git.output().expect("git runs");
        assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    git(&["init", "--quiet"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "as it was handed out"]);
    let file = copy.root.join("exercises/queue/src/inbox.rs");
    fs::write(&file, "mine").expect("a file");
    copy.screen(&["check", "3"], 1);
    copy.screen(&["hint", "3.5"], 0);
    copy.screen(&["reset", "3", "inbox.rs"], 0);
    copy.solve("queue");
    copy.screen(&["check", "3.5"], 0);
    // Where they write if nobody names another place.
    for built in [
        "target/debug/lab",
        "book/build/index.html",
        "tests/browser/node_modules/x",
        "exercises/queue/saved/1",
    ] {
        git(&["check-ignore", built]);
    }
    let changed = git(&["status", "--porcelain"]);
    fs::remove_dir_all(copy.root.join(".git")).expect("our own repository");
    let others: Vec<&str> = changed.lines().filter(|line| !line.starts_with(" M exercises/queue/")).collect();
    assert!(others.is_empty(), "git sees {others:?}");
}

/// Who has written everything serves pages with it: the last task of lab 3 runs the server.
#[test]
fn a_lab_that_is_written_is_done_to_its_last_task() {
    let copy = Copy::fresh();
    copy.solve("request");
    copy.solve("queue");
    let screen = copy.screen(&["check", "3"], 0);
    shows(&screen, &["All of lab 3 is done", "cargo lab run 3 --mine queue"]);
    assert!(!Path::new(&copy.root).join("solutions").exists());
}
