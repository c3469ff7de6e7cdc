//! The graders, graded: submissions that are known to be wrong, and others that are right in another way.
//!
//! `tests/submissions/<part>.toml` lists mistakes that students really make, each as a small edit of the solution,
//! with the task that must fail and the sentence that the student must be shown. What the student sees of each, from the
//! first line to the last, is in `tests/submissions/verdicts/<part>.txt`, for people to read through:
//! `VERDICTS=write cargo lab prove wrong_submissions` writes these files again.
//! `tests/submissions/<part>/<name>/` are whole solutions, written another way, that must pass.

use grader::cut::{self, Body};
use grader::grade::Pristine;
use grader::wrong::{self, Wrong};
use lab::course::{Course, Kind, Lab, PARTS, Task};
use lab::explain::{explanation, what_happened};
use lab::judge::{Judged, Manner, Runnable, SERVER, State, judge};
use lab::tree::{self, Files};
use lab::unseen::unseen;
use lab::view::{LANES_STEPS, LANES_WIDTH, View};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

#[path = "submissions/std_calls.rs"]
mod std_calls;

static COURSE: LazyLock<Course> = LazyLock::new(|| {
    let course = Course::load(&tree::root().expect("a checkout")).expect("labs");
    assert_eq!(course.labs.len(), 6, "every part has its lab");
    course
});

/// Builds happen in one tree, the grader's, one after the other; tests run beside them.
static TREE: LazyLock<Mutex<Pristine>> = LazyLock::new(|| {
    let folder = tree::memory(&COURSE.root).expect("a folder").join("grade");
    Mutex::new(Pristine::prepare(&COURSE, &folder).expect("a copy of the course"))
});

fn tree() -> MutexGuard<'static, Pristine> {
    TREE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The solution of a lab, as if it were submitted.
fn solution(lab: &Lab) -> Files {
    let files = wrong::solution(&COURSE, lab).expect("a solution");
    assert!(files.keys().all(|path| ["src", "hunts", "prove"].iter().any(|of| path.starts_with(of))));
    files
}

/// The tests that a part has of its own.
fn own_kinds(lab: &Lab) -> Vec<Kind> {
    let kinds: BTreeSet<Kind> = lab.tasks.iter().flat_map(Task::kinds).collect();
    kinds.into_iter().filter(|kind| *kind != Kind::Stage).collect()
}

/// Builds the part's own tests of these kinds, with these files in the place of the exercise, and refuses what
/// `cargo lab` and the grader refuse.
fn build(lab: &Lab, files: &Files, kinds: &[Kind], keep: &Path) -> Runnable {
    compile(lab, files, kinds, keep).without(unseen(lab, files))
}

/// The same, and refuses nothing.
fn compile(lab: &Lab, files: &Files, kinds: &[Kind], keep: &Path) -> Runnable {
    let tree = tree();
    tree.submit(lab, files).expect("files in the tree");
    let built = tree.build_kinds(lab, kinds.iter().copied(), keep).expect("cargo runs");
    assert!(built.errors.is_none(), "it does not compile:\n{}", built.errors.unwrap_or_default());
    built
}

fn is_stage(task: &Task) -> bool {
    task.kinds().any(|kind| kind == Kind::Stage)
}

/// How many wrong submissions of a lab are judged at the same time: many of them hang, and wait for nothing but the limit.
const AT_ONCE: usize = 3;

fn reject_wrong_submissions(part: &str) {
    let lab = COURSE.lab(part).expect("a lab");
    let wrongs = wrong::all(&COURSE, lab).expect("wrong submissions");
    assert!(
        wrongs.len() >= 8,
        "lab {} has {} wrong submissions, and should have 8",
        lab.number,
        wrongs.len()
    );
    let only = std::env::var("ONLY").unwrap_or_default();
    let left = Mutex::new(wrongs.iter().enumerate().filter(|(_, wrong)| wrong.name.contains(&only)));
    let next = || left.lock().expect("no thread panics while it holds this").next();
    let judge = || -> Vec<_> {
        std::iter::from_fn(next).map(|(number, wrong)| (number, verdict(lab, wrong))).collect()
    };
    let mut verdicts = thread::scope(|scope| {
        let judges: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(judge)).collect();
        judges.into_iter().flat_map(|judge| judge.join().expect("a judge")).collect::<Vec<_>>()
    });
    verdicts.sort_by_key(|(number, _)| *number);
    let (seen, complaints): (Vec<_>, Vec<_>) =
        verdicts.into_iter().map(|(number, verdict)| (&wrongs[number], verdict)).partition(|it| it.1.is_ok());
    let mut complaints: Vec<String> =
        complaints.into_iter().filter_map(|(_, verdict)| verdict.err()).collect();
    let seen = seen.into_iter().filter_map(|(wrong, verdict)| Some((wrong, verdict.ok()?)));
    complaints.extend(compare_verdicts(part, seen.collect(), only.is_empty()));
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
}

/// A verdict without the numbers that the kernel has chosen this time.
fn without_ports(verdict: &str) -> String {
    let mut parts = verdict.split("127.0.0.1:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let digits = part.chars().take_while(char::is_ascii_digit).count();
        text + "127.0.0.1:" + &"#".repeat(digits) + &part[digits..]
    })
}

/// The verdicts that are not as they are written down; or writes them all down.
fn compare_verdicts(part: &str, seen: Vec<(&Wrong, String)>, are_all: bool) -> Vec<String> {
    const RULE: &str = "================================================================================";
    let path = COURSE.root.join(format!("tests/submissions/verdicts/{part}.txt"));
    let blocks: Vec<(String, String)> = seen
        .into_iter()
        .map(|(wrong, verdict)| {
            let head = format!("{RULE}\n{}: {}\n", wrong.name, wrong.mistake);
            (head.clone(), format!("{head}\n{}\n\n", without_ports(&verdict)))
        })
        .collect();
    let known = fs::read_to_string(&path).unwrap_or_default();
    if std::env::var("VERDICTS").is_ok_and(|verdicts| verdicts == "write") {
        assert!(are_all, "VERDICTS=write writes all verdicts of a part, so it does not go with ONLY");
        fs::write(&path, blocks.into_iter().map(|(_, block)| block).collect::<String>()).expect("a file");
        return Vec::new();
    }
    let differs = |(head, block): &(String, String)| {
        let known = known.find(head.as_str()).map_or("", |at| &known[at..]);
        let known = known.find("\n\n====").map_or(known, |end| &known[..end + 2]);
        (known != block).then(|| {
            format!(
                "{} has another verdict, so read this one through, and then \
                 `VERDICTS=write cargo lab prove {part}::wrong`:\n{block}\nIt was:\n{known}",
                path.display()
            )
        })
    };
    blocks.iter().filter_map(differs).collect()
}

/// What the student of a wrong submission sees; or what the suites do wrong about it.
fn verdict(lab: &Lab, wrong: &Wrong) -> Result<String, String> {
    let says = |what: String| Err(format!("lab {}, \"{}\": {what}", lab.number, wrong.name));
    let files = match wrong.files(&COURSE, lab) {
        Ok(files) => files,
        Err(error) => return says(error.to_string()),
    };
    // A mistake within a hole concerns only tasks whose tests come to that hole.
    let places: Vec<(&str, &str)> = wrong.edits.iter().map(|edit| (&*edit.file, &*edit.old)).collect();
    let bodies = cut::bodies(&solution(lab), lab).expect("the lab's holes");
    let within = cut::holes_at(&solution(lab), &bodies, &places).expect("the solution's texts");
    let concerns = |task: &Task| {
        let reached = |body: &&Body<'_>| reach(lab)[&task.id].contains(&body.task.id);
        within.as_ref().is_none_or(|within| within.iter().any(reached))
    };
    let innocent = |task: &&Task| {
        let needs = lab.needed_by(task);
        !is_stage(task) && task.id != wrong.task && !needs.contains(&&*wrong.task) && concerns(task)
    };
    let concerned = lab.tasks.iter().filter(|task| task.id == wrong.task || innocent(task));
    let kinds: BTreeSet<Kind> = concerned.flat_map(Task::kinds).filter(|kind| *kind != Kind::Stage).collect();
    let keep = tempfile::tempdir().expect("a folder");
    let runnable = build(lab, &files, &Vec::from_iter(kinds), keep.path());
    let runnable = with_sources(runnable, lab, &files, keep.path());
    // Nearly always all of them pass. Who does not is found out one by one.
    let innocents_pass = pass_together(&runnable, lab.tasks.iter().filter(innocent));
    let mut seen = String::new();
    for task in lab.tasks.iter().filter(|task| !is_stage(task)) {
        if task.id == wrong.task {
            let judged = judge(task, &runnable, &Manner::plain()).expect("trials run");
            let shown = explanation(lab, &judged, View::default());
            if judged.state != State::Failing {
                return says(format!("task {} should fail, and is {:?}", task.id, judged.state));
            }
            let refused_by = judged.first_failure().map(|outcome| outcome.name()).unwrap_or_default();
            if !unwrapped(&shown).contains(&unwrapped(&wrong.says)) {
                return says(format!(
                    "task {} should say `{}`, and says, by `{refused_by}`:\n{shown}",
                    task.id, wrong.says
                ));
            }
            if refused_by != wrong.test {
                return says(format!("`{}` should refuse it, and `{refused_by}` does", wrong.test));
            }
            let fault = wrong.fault.as_ref().unwrap_or(&wrong.task);
            if let Some(blames) = points_elsewhere(lab, fault, &shown) {
                return says(format!("the fault is in task {fault}, but {blames}:\n{shown}"));
            }
            if let Some(wide) = too_wide(lab, &judged, &runnable) {
                return says(format!("a line is too wide: {wide}"));
            }
            seen = shown;
        } else if innocent(&task) && !innocents_pass {
            let judged = judge(task, &runnable, &Manner::thorough()).expect("trials run");
            if judged.state != State::Done {
                let why = judged.first_failure().map(what_happened).unwrap_or_default();
                return says(format!("task {} does not need {}, but fails:\n{why}", task.id, wrong.task));
            }
        }
    }
    Ok(seen)
}

/// What an explanation says of where the fault is, if that is wrong: the heading and the hint must be those of the task that
/// holds it, and no other section may be named.
fn points_elsewhere(lab: &Lab, fault: &str, shown: &str) -> Option<String> {
    let shown = unwrapped(shown).replace("\" and \"Reading a verdict\".", "\".");
    let task = lab.tasks.iter().find(|task| task.id == fault)?;
    let last = format!("The book: \"{}\". A hint: cargo lab hint {}", task.heading(), task.id);
    let is_last = |task: &Task| shown.ends_with(&format!("{last}, or {}", task.id));
    if !shown.ends_with(&last) && !lab.tasks.iter().any(is_last) {
        return Some(format!("it does not end with `{last}`"));
    }
    let mut others = lab.tasks.iter().filter(|other| other.id != task.id);
    let other = others.find(|other| {
        [&other.name, &other.heading()].into_iter().any(|name| shown.contains(&format!("\"{name}\"")))
    })?;
    Some(format!("it names \"{}\"", other.heading()))
}

/// A text without its line breaks.
fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The same tests, which find the sources that they are built from: meanwhile the tree has those of the next submission.
fn with_sources(runnable: Runnable, lab: &Lab, files: &Files, keep: &Path) -> Runnable {
    let sources = keep.join("sources");
    tree::write(files, &lab.exercise(&sources)).expect("files");
    symlink(COURSE.root.join("tests"), sources.join("tests")).expect("a link");
    runnable.with_variable("LANES_SOURCES", &sources)
}

/// A line of a verdict that does not fit a terminal; of a model, as it is shown in terminals of several widths.
fn too_wide(lab: &Lab, judged: &Judged<'_>, runnable: &Runnable) -> Option<String> {
    let is_model = judged.first_failure().is_some_and(|failure| failure.kind == Kind::Model);
    let shown = explanation(lab, judged, View { whole: true, ..View::default() });
    if let Some(line) = shown.lines().find(|line| line.chars().count() > 80) {
        return Some(format!("80 columns: {line}"));
    }
    for (width, steps) in [(80, "all"), (100, "24"), (130, "24")].into_iter().filter(|_| is_model) {
        let view = View { width, whole: true };
        let told = runnable.clone().with_variable(LANES_WIDTH, view.lanes_width().to_string().as_ref());
        let told = told.with_variable(LANES_STEPS, steps.as_ref());
        let again = judge(judged.task, &told, &Manner::plain()).expect("trials run");
        let shown = explanation(lab, &again, view);
        if let Some(line) = shown.lines().find(|line| line.chars().count() > width) {
            return Some(format!("{width} columns, {steps} steps: {line}"));
        }
    }
    None
}

/// Whether all tests of these tasks pass, if those of a program run in one process.
fn pass_together<'l>(runnable: &Runnable, tasks: impl Iterator<Item = &'l Task>) -> bool {
    runnable.together(tasks).into_iter().all(|mut command| {
        let output = command.output().expect("a test program can be started");
        output.status.success()
    })
}

/// The other correct solutions of a lab: the folder's name, and the files.
fn variants(lab: &Lab) -> Vec<(String, Files)> {
    let folder = COURSE.root.join("tests/submissions").join(&lab.part);
    let mut folders: Vec<PathBuf> =
        fs::read_dir(folder).expect("variants").map(|entry| entry.expect("a folder").path()).collect();
    folders.sort();
    let files = |folder: &PathBuf| {
        let mut files = solution(lab);
        for (name, text) in tree::read_rust(folder).expect("a variant") {
            files.insert(Path::new("src").join(name), text);
        }
        files
    };
    folders
        .iter()
        .map(|folder| (folder.file_name().expect("a name").to_string_lossy().into_owned(), files(folder)))
        .collect()
}

fn accept_other_solutions(part: &str) {
    let lab = COURSE.lab(part).expect("a lab");
    let variants = variants(lab);
    assert!(
        variants.len() >= 3,
        "lab {} has {} other solutions, and should have 3",
        lab.number,
        variants.len()
    );
    for (name, files) in variants {
        let keep = tempfile::tempdir().expect("a folder");
        let runnable = build(lab, &files, &own_kinds(lab), keep.path());
        let orphans = runnable.orphans(lab);
        assert!(orphans.is_empty(), "each test belongs to one task, but not these: {orphans:?}");
        for task in lab.tasks.iter().filter(|task| !is_stage(task)) {
            let judged = judge(task, &runnable, &Manner::thorough()).expect("trials run");
            let why = judged.first_failure().map(what_happened).unwrap_or_default();
            assert_eq!(judged.state, State::Done, "lab {part}, {name}: task {} should pass\n{why}", task.id);
        }
    }
}

/// What the tests of each task reach of our solution: the tasks whose holes they come to, by the task that they decide.
type Reach = BTreeMap<String, BTreeSet<String>>;

/// Runs all tests on our own solution, which must pass them, and notes what they reach. Once for each lab.
fn reach(lab: &Lab) -> &'static Reach {
    static REACHES: [OnceLock<Reach>; PARTS.len()] = [const { OnceLock::new() }; PARTS.len()];
    REACHES[lab.number - 1].get_or_init(|| {
        let telling = cut::telling(&solution(lab), lab).expect("holes");
        let keep = tempfile::tempdir().expect("a folder");
        // What tells which hole was reached has a lock of its own.
        let runnable = compile(lab, &telling, &own_kinds(lab), keep.path());
        let mut reach = Reach::new();
        for task in lab.tasks.iter().filter(|task| !is_stage(task)) {
            let told = keep.path().join(&task.id);
            fs::write(&told, "").expect("a file");
            // Some tests go on as a user who may do nothing.
            for (path, mode) in [(keep.path(), 0o755), (&told, 0o666)] {
                fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("our own file");
            }
            let runnable = runnable.clone().with_variable(cut::REACHED, &told);
            let judged = judge(task, &runnable, &Manner::thorough()).expect("trials run");
            let why = judged.first_failure().map(what_happened).unwrap_or_default();
            let part = &lab.part;
            assert_eq!(judged.state, State::Done, "lab {part}, ours: task {} should pass\n{why}", task.id);
            let told = fs::read_to_string(&told).expect("the file");
            reach.insert(task.id.clone(), told.lines().map(str::to_owned).collect());
        }
        reach
    })
}

fn tests_reach_what_they_decide(part: &str) {
    let lab = COURSE.lab(part).expect("a lab");
    for task in lab.tasks.iter().filter(|task| !task.holes.is_empty()) {
        let reached = &reach(lab)[&task.id];
        assert!(reached.contains(&task.id), "no test of task {} reaches what it asks for", task.id);
    }
}

/// The exercise as it is handed out: each task fails, and those with holes say which task it is.
fn fail_as_shipped(part: &str) {
    let lab = COURSE.lab(part).expect("a lab");
    let shipped = grader::cut::exercise(&COURSE.root, lab).expect("the exercise");
    let keep = tempfile::tempdir().expect("a folder");
    let mut runnable = build(lab, &shipped, &own_kinds(lab), keep.path());
    {
        let tree = tree();
        tree.submit(lab, &shipped).expect("files in the tree");
        let built = tree.build_server(lab, &[part], keep.path()).expect("cargo runs");
        let server =
            built.server(&lab.stage.binary).expect("a part with holes compiles, and so does its server");
        let tests = tree.build_stage_tests(lab, keep.path()).expect("end-to-end tests");
        runnable.add_stage(&tests, server, &COURSE.root.join("tests/e2e")).expect("a list of tests");
    }
    for task in &lab.tasks {
        let judged = judge(task, &runnable, &Manner::plain()).expect("trials run");
        let why = judged.first_failure().map(what_happened).unwrap_or_default();
        let expected = match judged.state {
            State::NotStarted => task.hunt.is_none(),
            // A server tells its own log which task it came to, and its tests how it behaved.
            State::Failing => task.hunt.is_some() || is_stage(task),
            State::Done | State::DoesNotCompile => false,
        };
        assert!(expected, "task {} of the exercise as shipped is {:?}\n{why}", task.id, judged.state);
    }
}

/// Three herds, each of parts that somebody else wrote, pass all that the herd is tested for; and so do three servers
/// of stage 2, for the part that the herd does not have. It mostly waits, and its name makes it begin before the others.
#[test]
fn any_mix_of_correct_parts_makes_a_server() {
    for round in 0..3 {
        for (part, used) in [("threads", &["request", "threads"][..]), ("prefork", &PARTS_OF_THE_HERD[..])] {
            let lab = COURSE.lab(part).expect("a lab");
            let keep = tempfile::tempdir().expect("a folder");
            let (server, tests) = {
                let tree = tree();
                for part in used {
                    let lab = COURSE.lab(part).expect("a lab");
                    tree.submit(lab, &variants(lab)[round].1).expect("files in the tree");
                }
                let built = tree.build_server(lab, used, keep.path()).expect("cargo runs");
                let server = built.server(&lab.stage.binary).unwrap_or_else(|| panic!("{:?}", built.errors));
                (server.to_owned(), tree.build_stage_tests(lab, keep.path()).expect("end-to-end tests"))
            };
            // Nothing of a submission is in this program, so it may be believed.
            let mut command = Command::new(tests);
            command.env(SERVER, server).current_dir(COURSE.root.join("tests/e2e"));
            // A browser and slowhttptest look at what no part decides.
            command.args(["--skip", "dashboard::", "--skip", "slow_attacks::"]);
            let output = command.output().expect("the end-to-end tests run");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "stage of lab {part}, variants {round}:\n{text}");
        }
    }
}

/// Functions of repaired hunts that do nothing, do not look again when they wake, or are right for two threads only, and
/// what the student must be shown then.
const LAZY: [(&str, &str, &str, &str, &str); 32] = [
    (
        "stats",
        "lights.rs",
        "Room::leave",
        "{ self.turned_off.store(1, Ordering::Relaxed) }",
        "two of three have left",
    ),
    (
        "threads",
        "meeting.rs",
        "Meeting::meet",
        "{
            let mut state = self.state.lock().unwrap();
            state.here += 1;
            if state.here == self.members {
                state.here = 0;
                state.held += 1;
                self.complete.notify_all();
                return;
            }
            while state.held == 0 { state = self.complete.wait(state).unwrap(); }
        }",
        "one of two left meeting 2, and the other had not come",
    ),
    (
        "cache",
        "kitchen.rs",
        "Kitchen::order",
        "{
            let mut dish = self.dish.lock().unwrap();
            if dish.is_none() { *dish = Some(cook()); }
            42
        }",
        "each guest gets the dish that was cooked, and no other",
    ),
    (
        "cache",
        "accounts.rs",
        "Accounts::transfer",
        "{
            let turns = from == 1;
            let (first, second) = if turns { (to, from) } else { (from, to) };
            let mut first = self.balances[first].lock().unwrap();
            let mut second = self.balances[second].lock().unwrap();
            let (source, target) = if turns { (&mut second, &mut first) } else { (&mut first, &mut second) };
            if **source < amount { return false; }
            **source -= amount;
            **target += amount;
            true
        }",
        "transfers with the last of three end",
    ),
    (
        "prefork",
        "board.rs",
        "Board::newer",
        "{
            let mut posted = self.posted.lock().unwrap();
            while posted.number == *known { posted = self.changed.wait(posted).unwrap(); }
            *known = u64::from(posted.settings);
            posted.settings
        }",
        "`known` becomes the number of the settings that were returned",
    ),
    (
        "request",
        "news.rs",
        "News::read",
        "{ self.printed.load(Ordering::Relaxed).then_some(7) }",
        "9 was printed",
    ),
    (
        "cache",
        "accounts.rs",
        "Accounts::transfer",
        "{
            let mut source = self.balances[from].lock().unwrap();
            if *source < amount { return false; }
            *source -= amount;
            drop(source);
            *self.balances[to].lock().unwrap() += amount;
            true
        }",
        "3 had left the first account, and were in neither",
    ),
    (
        "threads",
        "doorbell.rs",
        "Doorbell::wait",
        "{
            let mut rings = self.rings.lock().unwrap();
            if *rings == 0 { rings = self.rung.wait(rings).unwrap(); }
            *rings = rings.saturating_sub(1);
        }",
        "the host came to the door, and the bell had not been rung",
    ),
    (
        "threads",
        "doorbell.rs",
        "Doorbell::wait",
        "{
            let mut rings = self.rings.lock().unwrap();
            if *rings == 0 { rings = self.rung.wait(rings).unwrap(); }
            if *rings == 0 { rings = self.rung.wait(rings).unwrap(); }
            *rings = rings.saturating_sub(1);
        }",
        "the host came to the door, and the bell had not been rung",
    ),
    (
        "threads",
        "meeting.rs",
        "Meeting::meet",
        "{
            let mut state = self.state.lock().unwrap();
            let before = state.held;
            state.here += 1;
            if state.here == self.members {
                state.here = 0;
                state.held += 1;
                self.complete.notify_all();
            } else if state.held == before {
                drop(self.complete.wait(state).unwrap());
            }
        }",
        "one of two left the meeting, and the other had not come",
    ),
    (
        "queue",
        "latch.rs",
        "Latch::wait",
        "{
            let missing = self.missing.lock().unwrap();
            if *missing > 0 { drop(self.opened.wait(missing).unwrap()); }
        }",
        "a thread came through the latch, and not all had arrived",
    ),
    (
        "stats",
        "roll_call.rs",
        "RollCall::wait_for_all",
        "{
            let missing = self.missing.lock().unwrap();
            if *missing > 0 { drop(self.answered.wait(missing).unwrap()); }
        }",
        "the teacher went on, and not all had answered",
    ),
    (
        "prefork",
        "board.rs",
        "Board::newer",
        "{
            let mut posted = self.posted.lock().unwrap();
            if posted.number == *known { posted = self.changed.wait(posted).unwrap(); }
            *known = posted.number;
            posted.settings
        }",
        "settings come in the order in which they were posted",
    ),
    (
        "threads",
        "doorbell.rs",
        "Doorbell::wait",
        "{ drop(self.rings.lock()) }",
        "the host came to the door, and the bell had not been rung",
    ),
    ("threads", "meeting.rs", "Meeting::meet", "{}", "one of two left meeting 1, and the other had not come"),
    ("threads", "meeting.rs", "Meeting::held", "{ 1 }", "two members have met twice"),
    ("queue", "latch.rs", "Latch::wait", "{}", "a thread came through the latch, and not all had arrived"),
    ("queue", "seats.rs", "Seats::sell", "{ true }", "there was one seat, and both counters have sold it"),
    ("cache", "kitchen.rs", "Kitchen::order", "{ cook() }", "the dish was cooked twice"),
    (
        "stats",
        "roll_call.rs",
        "RollCall::wait_for_all",
        "{}",
        "the teacher went on, and not all had answered",
    ),
    ("stats", "lights.rs", "Room::turned_off", "{ 1 }", "how often the light was turned off"),
    ("prefork", "board.rs", "Board::newer", "{ *known = 2; 20 }", "settings"),
    (
        "threads",
        "meeting.rs",
        "Meeting::meet",
        "{
            let mut state = self.state.lock().unwrap();
            let before = state.held;
            state.here += 1;
            if state.here == self.members {
                state.here = 0;
                state.held += 1;
                self.complete.notify_one();
            } else {
                while state.held == before { state = self.complete.wait(state).unwrap(); }
            }
        }",
        "three can meet",
    ),
    (
        "threads",
        "doorbell.rs",
        "Doorbell::ring",
        "{
            let mut rings = self.rings.lock().unwrap();
            *rings += 1;
            if *rings == 1 { self.rung.notify_one(); }
        }",
        "two rings wake two hosts",
    ),
    (
        "threads",
        "meeting.rs",
        "Meeting::meet",
        "{
            let mut state = self.state.lock().unwrap();
            state.here += 1;
            if state.here == self.members {
                state.here = 0;
                state.held += 1;
                self.complete.notify_one();
                self.complete.notify_one();
                return;
            }
            let before = state.held;
            while state.held == before { state = self.complete.wait(state).unwrap(); }
        }",
        "three wait, and the fourth wakes them",
    ),
    (
        "queue",
        "latch.rs",
        "Latch::arrive",
        "{
            let mut missing = self.missing.lock().unwrap();
            *missing -= 1;
            if *missing == 0 {
                self.opened.notify_one();
                self.opened.notify_one();
            }
        }",
        "three that wait at the latch get through",
    ),
    (
        "queue",
        "seats.rs",
        "Seats::sell",
        "{
            let mut free = self.free.lock().unwrap();
            *free = free.wrapping_sub(1);
            *free != usize::MAX
        }",
        "there were two seats, and four customers",
    ),
    (
        "queue",
        "seats.rs",
        "Seats::sell",
        "{
            let mut free = self.free.lock().unwrap();
            if *free == 0 { return false; }
            *free = 0;
            true
        }",
        "there were two seats, and four customers",
    ),
    (
        "cache",
        "accounts.rs",
        "Accounts::transfer",
        "{
            *self.balances[to].lock().unwrap() += amount;
            let enough = {
                let mut source = self.balances[from].lock().unwrap();
                let enough = *source >= amount;
                if enough { *source -= amount; }
                enough
            };
            if !enough { *self.balances[to].lock().unwrap() -= amount; }
            enough
        }",
        "nothing is given that was not taken",
    ),
    (
        "request",
        "list.rs",
        "split_list",
        r#"{
            let mut values = Vec::new();
            let (mut start, mut quoted, mut escaped) = (0, false, false);
            for (at, character) in field.chars().enumerate() {
                match character {
                    _ if escaped => escaped = false,
                    '\\' if quoted => escaped = true,
                    '"' => quoted = !quoted,
                    ',' if !quoted => { values.push(&field[start..at]); start = at + 1; }
                    _ => {}
                }
            }
            values.push(&field[start..]);
            values.into_iter().map(str::trim).filter(|value| !value.is_empty()).collect()
        }"#,
        r#""é, b", c"#,
    ),
    (
        "request",
        "list.rs",
        "split_list",
        r#"{
            let mut values = Vec::new();
            let (mut start, mut quoted, mut escaped) = (0, false, false);
            for (at, character) in field.char_indices() {
                match character {
                    _ if escaped => escaped = false,
                    '\\' if quoted => escaped = true,
                    '"' if quoted || field[start..at].trim().is_empty() || field[start..at].ends_with('/') => quoted = !quoted,
                    ',' if !quoted => { values.push(&field[start..at]); start = at + 1; }
                    _ => {}
                }
            }
            values.push(&field[start..]);
            values.into_iter().map(str::trim).filter(|value| !value.is_empty()).collect()
        }"#,
        "no-cache=",
    ),
    (
        "request",
        "news.rs",
        "News::read",
        r#"{
            if !self.printed.swap(false, Ordering::AcqRel) {
                return None;
            }
            #[allow(unsafe_code)]
            Some(self.text.with(|news| unsafe { *news }))
        }"#,
        "is read once more",
    ),
];

#[test]
fn a_hunt_whose_function_does_too_little_is_not_repaired() {
    let mut complaints = Vec::new();
    for (part, file, function, body, says) in LAZY {
        let lab = COURSE.lab(part).expect("a lab");
        let mut files = solution(lab);
        let text = files.get_mut(&Path::new("hunts").join(file)).expect("a hunt");
        *text = cut::with_body(text, function, body).expect("a function of it");
        let keep = tempfile::tempdir().expect("a folder");
        let runnable = build(lab, &files, &[Kind::Hunt], keep.path());
        let of_file = |task: &&Task| task.hunt.as_ref().is_some_and(|hunt| hunt.file == file);
        let task = lab.tasks.iter().find(of_file).expect("a task for the file");
        let judged = judge(task, &runnable, &Manner::plain()).expect("trials run");
        let shown = explanation(lab, &judged, View::default());
        // However its lines are broken.
        let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        if judged.state != State::Failing || !words.contains(says) {
            complaints.push(format!(
                "{function} {body} should be told `{says}`, and is {:?}:\n{shown}",
                judged.state
            ));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
}

const PARTS_OF_THE_HERD: [&str; 5] = ["request", "queue", "cache", "stats", "prefork"];

macro_rules! labs {
    ($($part:ident),*) => { $(
        mod $part {
            #[test]
            fn wrong_submissions_are_rejected_with_the_right_sentence() {
                super::reject_wrong_submissions(stringify!($part));
            }

            #[test]
            fn our_solution_is_accepted_and_each_tasks_tests_reach_what_it_asks_for() {
                super::tests_reach_what_they_decide(stringify!($part));
            }

            #[test]
            fn other_correct_solutions_are_accepted() {
                super::accept_other_solutions(stringify!($part));
            }

            #[test]
            fn the_exercise_fails_every_task_as_shipped() {
                super::fail_as_shipped(stringify!($part));
            }
        }
    )* };
}

labs!(request, threads, queue, cache, stats, prefork);
