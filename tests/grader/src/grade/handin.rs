//! Which of the submitted files are used: those with holes and the modules beneath them, and nothing else.

use super::Submission;
use super::archive::is_packed;
use super::place::is_like;
use super::submission::list;
use lab::course::{Lab, Task};
use lab::refused::{refusal, refusal_of_std};
use lab::tree::Files;
use proc_macro2::{TokenStream, TokenTree};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The sources of one lab: the student's for files with holes, and ours for the rest.
pub(super) struct Chosen {
    pub(super) files: Files,
    /// Which of them are the student's.
    theirs: BTreeSet<PathBuf>,
    /// Whether anything is not as it was handed out.
    pub(super) touched: bool,
    /// For the student: what was not used, and why.
    pub(super) notes: Vec<String>,
}

impl Chosen {
    pub(super) fn of(submission: &Submission, lab: &Lab, shipped: &Files) -> Chosen {
        let with_holes = with_holes(lab);
        let mut chosen =
            Chosen { files: shipped.clone(), theirs: BTreeSet::new(), touched: false, notes: Vec::new() };
        let submitted = submission.parts.get(&lab.part);
        for (path, text) in submitted.into_iter().flatten() {
            let same = shipped.get(path) == Some(text);
            if is_used(path, &with_holes, shipped) {
                chosen.touched |= !same;
                chosen.theirs.insert(path.clone());
                chosen.files.insert(path.clone(), text.clone());
            } else if !same {
                chosen.notes.push(not_used(lab, path, shipped.contains_key(path)));
            }
        }
        chosen
    }

    /// The files as they are compiled: no unsafe code in a module, because our own solution needs none. Without it, code cannot run
    /// before the test, nor search memory for its receipt. The line numbers stay.
    pub(super) fn locked(&self) -> Files {
        let lock = |(path, text): (&PathBuf, &String)| {
            let is_locked = self.theirs.contains(path);
            let lock = if is_locked && path.starts_with("src") { "#![forbid(unsafe_code)] " } else { "" };
            let refusal = || refusal(path, words(text).iter().map(String::as_str));
            let refusal = is_locked.then(|| refusal().or_else(|| refusal_of_std(path, text))).flatten();
            let refusal = refusal.map(|why| format!("compile_error!(\"{why}\"); ")).unwrap_or_default();
            (path.clone(), format!("{lock}{refusal}{text}"))
        };
        self.files.iter().map(lock).collect()
    }
}

/// The names in a file without its lifetimes, as the compiler reads it; all words, if it cannot be read, because then it does not compile.
fn words(text: &str) -> Vec<String> {
    let Ok(tokens) = text.parse::<TokenStream>() else {
        return text.split(|sign: char| !sign.is_alphanumeric() && sign != '_').map(str::to_owned).collect();
    };
    let mut words = Vec::new();
    // Not by recursion, because groups of tokens can be nested as deeply as a student likes.
    let mut unread = vec![tokens];
    while let Some(tokens) = unread.pop() {
        let mut after_quote = false;
        for token in tokens {
            let is_lifetime = std::mem::replace(&mut after_quote, false);
            match token {
                TokenTree::Ident(_) if is_lifetime => {}
                TokenTree::Ident(name) => words.push(name.to_string().trim_start_matches("r#").to_owned()),
                TokenTree::Group(group) => unread.push(group.stream()),
                TokenTree::Punct(sign) => after_quote = sign.as_char() == '\'',
                TokenTree::Literal(_) => {}
            }
        }
    }
    words
}

fn not_used(lab: &Lab, path: &Path, is_shipped: bool) -> String {
    let name = format!("exercises/{}/{}", lab.part, path.display());
    if is_shipped {
        return format!("{name} is changed. It has no holes, so it was taken as it was handed out.");
    }
    format!(
        "{name} was not used, because src/lib.rs, which is ours, does not name it. A module of your own belongs in a \
         folder that is named like a file with holes, and is named there."
    )
}

/// For the student: which files were not handed in although these tasks need them, and what in the submission may be
/// meant as one of these, or as one that is as it was handed out. Otherwise, work that is not recognized would earn
/// nothing without a word.
pub(super) fn missing(
    submission: &Submission,
    lab: &Lab,
    tasks: &[&Task],
    shipped: &Files,
) -> Option<String> {
    let submitted = submission.parts.get(&lab.part);
    let needed: Vec<&str> = tasks.iter().flat_map(|task| lab.needed_by(task)).collect();
    let needed = lab.tasks.iter().filter(|task| needed.contains(&task.id.as_str()));
    let of = |hole: &PathBuf| submitted.and_then(|files| files.get(hole));
    let (as_shipped, absent): (Vec<PathBuf>, Vec<PathBuf>) = written_in(tasks.iter().copied().chain(needed))
        .into_iter()
        .filter(|hole| of(hole).is_none_or(|text| shipped.get(hole) == Some(text)))
        .partition(|hole| of(hole).is_some());
    if absent.is_empty() && as_shipped.is_empty() {
        return None;
    }
    let is_of_one =
        |name: &&String| is_packed(name) || absent.iter().chain(&as_shipped).any(|hole| is_like(name, hole));
    let unused: Vec<String> = submission.unused.iter().filter(is_of_one).cloned().collect();
    let has_double = |hole: &&PathBuf| unused.iter().any(|name| is_like(name, hole));
    let [absent, unchanged] =
        [absent.iter().collect(), as_shipped.iter().filter(has_double).collect::<Vec<_>>()].map(
            |holes: Vec<&PathBuf>| holes.iter().map(|hole| hole.display().to_string()).collect::<Vec<_>>(),
        );
    let (part, mut said) = (&lab.part, Vec::new());
    match &absent[..] {
        _ if submitted.is_none() && unused.is_empty() => {}
        _ if submitted.is_none() => said.push(format!("Nothing of exercises/{part} was handed in.")),
        [] => {}
        [one] => said.push(format!(
            "exercises/{part}/{one} was not handed in, so it was taken as it was handed out."
        )),
        all => said.push(format!(
            "These files of exercises/{part} were not handed in, so they were taken as they were handed out: {}.",
            list(all, ", ")
        )),
    }
    if !unchanged.is_empty() {
        said.push(format!("As handed out in exercises/{part}: {}.", list(&unchanged, ", ")));
    }
    if !unused.is_empty() {
        said.push(format!("In the submission, but not used: {}.", list(&unused, ", ")));
    }
    (!said.is_empty()).then(|| said.join(" "))
}

/// The files of a lab that a student writes in.
pub(super) fn with_holes(lab: &Lab) -> BTreeSet<PathBuf> {
    written_in(&lab.tasks)
}

/// The files that a student writes in for these tasks.
fn written_in<'l>(tasks: impl IntoIterator<Item = &'l Task>) -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::new();
    for task in tasks {
        files.extend(task.holes.iter().filter_map(|hole| Some(hole.place().ok()?.0)));
        files.extend(task.hunt.iter().map(|hunt| Path::new("hunts").join(&hunt.file)));
    }
    files
}

/// Whether a student's file is used: one with holes, or a module of one.
pub(super) fn is_used(path: &Path, with_holes: &BTreeSet<PathBuf>, shipped: &Files) -> bool {
    with_holes.contains(path) || beneath_one_with_holes(path, with_holes, shipped)
}

/// `semaphore/queue_of_waiters.rs` is a module of `semaphore.rs`, if that says so.
fn beneath_one_with_holes(path: &Path, with_holes: &BTreeSet<PathBuf>, shipped: &Files) -> bool {
    let folders = || path.ancestors().skip(1);
    let above = folders().any(|folder| with_holes.contains(&folder.with_extension("rs")));
    // A folder that is named like a file would be in that one's way.
    let is_in_a_file = folders().any(|folder| folder.extension().is_some_and(|ending| ending == "rs"));
    above && !is_in_a_file && path.starts_with("src") && !shipped.contains_key(path)
}

/// The longest name of a submission, in bytes: with a number added, it is still a valid file name.
const LONGEST_NAME: usize = 200;

/// The name of a submission: its file's or folder's, without an archive's ending.
pub(super) fn name(path: &Path) -> String {
    // A link may have the student's name, and its target another one. Only `.` and `..` have no name of their own.
    let whole = if path.file_name().is_some() { Ok(path.to_owned()) } else { path.canonicalize() };
    let whole = whole.unwrap_or_else(|_| path.to_owned());
    let name =
        whole.file_name().map_or_else(|| "unnamed".to_owned(), |name| name.to_string_lossy().into_owned());
    let small = name.to_ascii_lowercase();
    let endings = [".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar", ".zip", ".rs"];
    let ending = endings.into_iter().find(|ending| small.ends_with(ending) && small.len() > ending.len());
    let kept = &name[..name.len() - ending.unwrap_or("").len()];
    let mut kept = without_escapes(kept).replace(['/', '\n', '\t'], "_");
    // It becomes a folder among the reports, where some names are taken, and a name may have at most 255 bytes.
    if let Some((_, "csv" | "xml" | "new")) = kept.to_ascii_lowercase().rsplit_once('.') {
        kept.push('_');
    }
    kept.truncate(kept.floor_char_boundary(LONGEST_NAME));
    // `.`, `..` and nothing are folders, but not of this submission.
    if Path::new(&kept).file_name().is_some() { kept } else { "unnamed".to_owned() }
}

/// A name for each submission. Submissions with the same name get numbers, so that none loses its report.
pub(super) fn names(submissions: &[PathBuf]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for path in submissions {
        let name = name(path);
        let taken = |name: &String| names.contains(name);
        let free = (2..).map(|number| format!("{name}-{number}")).find(|other| !taken(other));
        names.push(if taken(&name) { free.unwrap_or(name) } else { name });
    }
    names
}

/// A text without terminal escape sequences (ECMA-48), and without control characters except line ends and tabs.
pub(super) fn without_escapes(text: &str) -> String {
    let mut clean = String::new();
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '\u{1b}' => match signs.next() {
                // Until the letter that ends it.
                Some('[') => {
                    while signs.next_if(|sign| !('@'..='~').contains(sign)).is_some() {}
                    signs.next();
                }
                // Until a bell or another escape.
                Some(']') => while signs.next_if(|sign| !['\u{7}', '\u{1b}'].contains(sign)).is_some() {},
                _ => {}
            },
            '\n' | '\t' => clean.push(sign),
            // Characters that change the writing direction can make a text look like another one.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            sign if sign.is_control() => {}
            sign => clean.push(sign),
        }
    }
    clean
}

/// A text without the ports that servers had during a run: no server listens there now.
pub(super) fn without_ports(text: &str) -> String {
    const HOST: &str = "127.0.0.1";
    let mut rest = text;
    let mut clean = String::new();
    while let Some(at) = rest.find(HOST) {
        let (before, after) = rest.split_at(at + HOST.len());
        clean.push_str(before);
        let digits = after.chars().skip(1).take_while(char::is_ascii_digit).count();
        rest = after;
        if after.starts_with([':', ' ']) && digits >= 4 {
            clean.push_str(&after[..1]);
            clean.push_str("PORT");
            rest = &after[1 + digits..];
        }
    }
    clean + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use lab::course::Course;
    use lab::tree;
    use std::collections::BTreeMap;

    #[test]
    fn no_module_that_a_student_writes_may_be_unsafe() {
        let course = Course::load(&tree::root().expect("a checkout")).expect("labs");
        for lab in &course.labs {
            let files: Files =
                with_holes(lab).into_iter().map(|path| (path, "// Mine.".to_owned())).collect();
            let parts = BTreeMap::from([(lab.part.clone(), files)]);
            let submission = Submission {
                name: "mine".to_owned(),
                parts,
                notes: Vec::new(),
                refused: BTreeMap::new(),
                unused: Vec::new(),
            };
            let locked = Chosen::of(&submission, lab, &Files::new()).locked();
            for (path, text) in locked.iter().filter(|(path, _)| path.starts_with("src")) {
                let name = path.display();
                assert!(
                    text.starts_with("#![forbid(unsafe_code)] "),
                    "{name} of lab {} begins: {text}",
                    lab.number
                );
            }
        }
    }

    /// The sources of a submission as they are compiled, if every file with holes has this text.
    fn locked(lab: &Lab, text: &str) -> Files {
        let files = with_holes(lab).into_iter().map(|path| (path, text.to_owned())).collect();
        let parts = BTreeMap::from([(lab.part.clone(), files)]);
        let submission = Submission {
            name: "mine".to_owned(),
            parts,
            notes: Vec::new(),
            refused: BTreeMap::new(),
            unused: Vec::new(),
        };
        Chosen::of(&submission, lab, &Files::new()).locked()
    }

    #[test]
    fn no_macro_writes_unsafe_code_or_reads_files_for_a_student() {
        let course = Course::load(&tree::root().expect("a checkout")).expect("labs");
        let texts = [
            "nix::setsockopt_impl!(Peek, level(), libc::ONE, u8, Nothing);",
            "use nix::getsockopt_impl as quiet;",
            "nix::ioctl_read_bad!(#[unsafe(no_mangle)] write, 1, u8);",
            "use core::arch::naked_asm as quiet;",
            "use std::{include as quiet};",
            "r#include /* */ !(\"ours\");",
            "macro_rules! m { ($name:ident) => { $name!(\"ours\"); } }\nm!(include);",
            "const A: &[u8] = br#\"\\\"#; include!(\"ours\"); const B: &str = \"\";",
            "m!('r\"\\\" \"); include!(\"ours\"); const B: &str = \"\";",
            "#![doc = include_str!(\"ours\")]",
            "use std::panic::{self, take_hook as quiet};",
        ];
        for (lab, text) in course.labs.iter().flat_map(|lab| texts.map(|text| (lab, text))) {
            for (path, locked) in locked(lab, text) {
                let name = path.display();
                assert!(locked.contains("compile_error!("), "{name} of lab {} may say: {text}", lab.number);
            }
        }
    }

    #[test]
    fn a_folder_that_is_called_like_a_file_takes_no_files_place() {
        let course = Course::load(&tree::root().expect("a checkout")).expect("labs");
        let lab = course.lab("queue").expect("a lab");
        let used = |path: &str| is_used(Path::new(path), &with_holes(lab), &Files::new());
        assert!(used("src/semaphore/mine.rs") && used("src/semaphore/a/b.rs"));
        assert!(!used("src/semaphore.rs/mine.rs") && !used("src/semaphore/mine.rs/other.rs"));
    }

    #[test]
    fn a_model_remembers_nothing() {
        let course = Course::load(&tree::root().expect("a checkout")).expect("labs");
        let lab = course.lab("queue").expect("a lab");
        let with = |text: &str| {
            let files = Files::from([(PathBuf::from("prove/sleepers.rs"), text.to_owned())]);
            let parts = BTreeMap::from([(lab.part.clone(), files)]);
            let submission = Submission {
                name: "mine".to_owned(),
                parts,
                notes: Vec::new(),
                refused: BTreeMap::new(),
                unused: Vec::new(),
            };
            let shipped = tree::read_rust(&lab.exercise(&course.root)).expect("the exercise");
            Chosen::of(&submission, lab, &shipped).locked()[Path::new("prove/sleepers.rs")].clone()
        };
        for text in [
            "static SEEN: u8 = 0;",
            "thread_local! {}",
            "use nix as quiet;",
            "use std::fs as quiet;",
            "use std::{sync::Arc, net::UdpSocket};",
            "std::env::args();",
            "core /* */ :: net::SocketAddr",
            "use std as quiet;",
            "use ::std::{self as quiet};",
            "use std::*;",
        ] {
            assert!(with(text).contains("can remember"), "{}", with(text));
        }
        let honest = "use std::{sync::Arc, mem};\nfn f(io: &'static str) -> &'static str { \"std::net\" }";
        assert_eq!(with(honest), honest);
    }

    /// What is said of task 3.2 in a folder with these files and the exercise, and whether there is work in it.
    fn said(files: &[(&str, &str)], link: Option<&str>) -> (Vec<String>, bool) {
        let course = Course::load(&tree::root().expect("a checkout")).expect("labs");
        let lab = course.lab("queue").expect("a lab");
        let shipped = tree::read_rust(&lab.exercise(&course.root)).expect("the exercise");
        let folder = tempfile::tempdir().expect("a folder");
        for hole in with_holes(lab) {
            let path = folder.path().join("exercises/queue").join(&hole);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, &shipped[&hole]).expect("a file");
        }
        for (name, text) in files {
            let path = folder.path().join(name);
            match *text {
                "" => std::fs::remove_file(path).expect("a file"),
                text => std::fs::write(path, text).expect("a file"),
            }
        }
        if let Some(name) = link {
            std::os::unix::fs::symlink("elsewhere", folder.path().join(name)).expect("a link");
        }
        let submission = Submission::read(&course, folder.path()).expect("a submission");
        let chosen = Chosen::of(&submission, lab, &shipped);
        let tasks: Vec<&Task> = lab.tasks.iter().filter(|task| task.id == "3.2").collect();
        let missing = missing(&submission, lab, &tasks, &shipped);
        (submission.notes.into_iter().chain(chosen.notes).chain(missing).collect(), chosen.touched)
    }

    const RING: &str = "exercises/queue/src/ring.rs";

    #[test]
    fn work_that_was_not_recognized_is_named() {
        assert_eq!(said(&[], None), (Vec::new(), false));
        let shipped = "As handed out in exercises/queue: src/ring.rs.";
        for unused in ["ring_v2.rs", "ring.rs.txt", "ring.rs.gz", "lab3.7z", "Lab3.RAR"] {
            let (notes, _) = said(&[(unused, "fn mine() {}")], None);
            let begin = if unused.starts_with("ring") { shipped.to_owned() + " " } else { String::new() };
            assert_eq!(notes, [format!("{begin}In the submission, but not used: {unused}.")]);
        }
        let absent = format!("{RING} was not handed in, so it was taken as it was handed out.");
        assert_eq!(said(&[(RING, "")], None), (vec![absent.clone()], false));
        let link = format!("In the submission, but not used: {RING} (a link, and links are not followed).");
        assert_eq!(said(&[(RING, "")], Some(RING)).0, [format!("{absent} {link}")]);
        // Names of other things.
        assert_eq!(said(&[("string.rs", "fn mine() {}"), ("notes.txt", "words")], None).0, [""; 0]);
        // Work that is used is not missed.
        let (notes, touched) = said(&[(RING, "// mine"), ("ring_v2.rs", "fn mine() {}")], None);
        assert!(notes.is_empty() && touched, "{notes:?}");
    }

    #[test]
    fn ends_of_lines_as_on_windows_are_no_change() {
        let exercise = tree::root().expect("a checkout").join("exercises/queue/src");
        let text = |name: &str| std::fs::read_to_string(exercise.join(name)).expect("a file");
        let texts = ["ring.rs", "lib.rs"].map(|name| text(name).replace('\n', "\r\n"));
        let files = [(RING, &*texts[0]), ("exercises/queue/src/lib.rs", &*texts[1])];
        assert_eq!(said(&files, None), (Vec::new(), false));
    }

    #[test]
    fn groups_of_any_depth_are_searched() {
        let deep = format!("{}include{}", "(".repeat(200_000), ")".repeat(200_000));
        assert_eq!(words(&deep), ["include"]);
    }

    #[test]
    fn what_looks_like_such_a_macro_is_not_refused() {
        let course = Course::load(&tree::root().expect("a checkout")).expect("labs");
        let lab = course.lab("queue").expect("a lab");
        for text in [
            "// What to include! And set_hook.\n/** Like ioctl_read. */ fn f() {}",
            "fn f() { Self::includes(\"include!\"); }",
        ] {
            for locked in locked(lab, text).values() {
                assert!(!locked.contains("compile_error!("), "{locked}");
            }
        }
    }

    #[test]
    fn no_port_of_this_machine_gets_into_a_report() {
        let printed = "nc 127.0.0.1 42295\nhttp://127.0.0.1:8080/a, 127.0.0.1, 127.0.0.1 is 127.0.0.1:40";
        let clean = "nc 127.0.0.1 PORT\nhttp://127.0.0.1:PORT/a, 127.0.0.1, 127.0.0.1 is 127.0.0.1:40";
        assert_eq!(without_ports(printed), clean);
    }

    #[test]
    fn two_submissions_with_one_name_keep_both_their_reports() {
        let paths = ["a/alice.zip", "b/alice", "alice-2.tar.gz", "c/alice.ZIP", "bob"].map(PathBuf::from);
        assert_eq!(names(&paths), ["alice", "alice-2", "alice-2-2", "alice-3", "bob"]);
    }

    #[test]
    fn every_name_is_a_folder_of_its_own_among_the_reports() {
        let paths = ["a/..zip", "b/...zip", "\u{202e}.zip", "unnamed.zip", ".hidden.zip"].map(PathBuf::from);
        assert_eq!(names(&paths), ["unnamed", "unnamed-2", "unnamed-3", "unnamed-4", ".hidden"]);
    }
}
