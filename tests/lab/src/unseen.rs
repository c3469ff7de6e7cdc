//! What no model sees: the locks and atomics of std itself, if a part uses them instead of those that its models
//! replace. A part that sleeps on a seen lock and keeps its state behind an unseen one is tried in too few
//! interleavings.

use crate::code::{code_without_literals, words};
use crate::course::{Kind, Lab};
use crate::tree::Files;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What else could hold the state of a hunt, which nothing but its models tries: all threads of a model are one thread
/// of the system, and the counts of an `Arc` are no steps.
const NOT_IN_HUNTS: [&str; 5] = ["thread_local", "strong_count", "weak_count", "OnceLock", "LazyLock"];
/// Names that say nothing about when threads meet, or that are the same in models.
const SEEN: [&str; 14] = [
    "Arc",
    "Weak",
    "PoisonError",
    "LockResult",
    "TryLockError",
    "TryLockResult",
    "OnceLock",
    "LazyLock",
    "Ordering",
    "Relaxed",
    "Acquire",
    "Release",
    "AcqRel",
    "SeqCst",
];

/// Tests that prove nothing, because code under test uses what no model sees.
#[derive(Debug, Clone)]
pub struct Unseen {
    kind: Kind,
    /// The prefix of the tests' names.
    tests: String,
    /// What is used, and what to use instead.
    sentence: String,
}

impl Unseen {
    /// If this concerns a test: what a process that fails with it would print.
    pub(crate) fn failure_of(&self, kind: Kind, test: &str) -> Option<String> {
        let concerns = kind == self.kind && test.starts_with(&self.tests);
        concerns.then(|| format!("\nthread 'main' panicked at {}\n", self.sentence))
    }
}

/// Where a lab's files use what no model sees. A student who wants to hide a lock can; this is for students who
/// imported the wrong one by mistake.
pub fn unseen(lab: &Lab, files: &Files) -> Vec<Unseen> {
    let part = &lab.part;
    let holes = lab.tasks.iter().flat_map(|task| &task.holes);
    let with_holes: BTreeSet<PathBuf> = holes.filter_map(|hole| Some(hole.place().ok()?.0)).collect();
    // The student's own modules are beneath a file with holes.
    let is_theirs =
        |path: &Path| path.ancestors().any(|above| with_holes.contains(&above.with_extension("rs")));
    let in_file = |(path, text): (&PathBuf, &String)| {
        let (kind, tests) = if path.starts_with("hunts") {
            (Kind::Hunt, format!("{}::", path.file_stem()?.to_string_lossy()))
        } else if path.starts_with("src") && is_theirs(path) {
            (Kind::Model, String::new())
        } else {
            return None;
        };
        let file = path.display();
        let is_hunt = kind == Kind::Hunt;
        let hides = words(text).find(|word| is_hunt && NOT_IN_HUNTS.contains(word)).map(str::to_owned);
        let name = hides.or_else(|| first_unseen(text, is_hunt))?;
        let sentence = format!(
            "exercises/{part}/{file}:1:1:\nno model sees `{name}` of `std`, which {file} uses; `use crate::sync` instead"
        );
        Some(Unseen { kind, tests, sentence })
    };
    files.iter().filter_map(in_file).collect()
}

/// The first name of `std::sync` or `core::sync` in a source that no model sees; in a hunt, also of `std::cell`.
fn first_unseen(text: &str, is_hunt: bool) -> Option<String> {
    let code = without_unit_tests(&code_without_literals(text));
    let paths = paths_of_std(&code);
    let of_sync = paths.iter().filter(|path| path[0] == "sync" || is_hunt && path[0] == "cell");
    let is_name = |word: &&&str| !["sync", "atomic", "cell"].contains(word);
    let mut names = of_sync.filter_map(|path| path.iter().find(is_name).or(path.last()));
    names.find(|name| !SEEN.contains(name)).map(|name| (*name).to_owned())
}

/// The paths beneath `std` and `core` that a code without literals names, each without its first word. `as` is one under
/// another name.
pub(crate) fn paths_of_std(code: &str) -> Vec<Vec<&str>> {
    let mut paths = Vec::new();
    for root in ["std", "core"] {
        let mut at = 0;
        while let Some(next) = code[at..].find(root) {
            let begins = !code[..at + next].ends_with(is_word);
            at += next + root.len();
            let rest = code[at..].trim_start();
            if let Some(below) = rest.strip_prefix("::").filter(|_| begins) {
                at = code.len() - leaves(below, &[], DEEPEST, &mut paths).len();
            } else if begins && rest.starts_with("as ") {
                paths.push(vec!["as"]);
            }
        }
    }
    paths
}

/// A code without the items that only the student's own tests have.
fn without_unit_tests(code: &str) -> String {
    let (mut kept, mut rest) = (String::new(), code);
    while let Some(at) = ["#[cfg(test)]", "#[test]"].iter().filter_map(|begins| rest.find(begins)).min() {
        let (before, item) = rest.split_at(at);
        kept.push_str(before);
        let mut depth = 0_usize;
        let ends = |(at, sign): (usize, char)| {
            match sign {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                // It has no braces, or is a module in another file.
                ';' => return (depth == 0).then_some(at + 1),
                _ => return None,
            }
            (depth == 0).then_some(at + 1)
        };
        rest = &item[item.char_indices().find_map(ends).unwrap_or(item.len())..];
    }
    kept + rest
}

fn is_word(sign: char) -> bool {
    sign.is_alphanumeric() || sign == '_'
}

/// How many levels of a path or tree are searched. Nothing in `std` is as deep.
const DEEPEST: usize = 16;

/// Adds every path of a `use` tree, or the one path of an expression, to `paths`. Returns the text after it, which is
/// empty if there are more levels than `deepest`: each takes a call, and a student may have written any number of them.
fn leaves<'t>(tree: &'t str, above: &[&'t str], deepest: usize, paths: &mut Vec<Vec<&'t str>>) -> &'t str {
    let Some(deepest) = deepest.checked_sub(1) else { return "" };
    let tree = tree.trim_start();
    if let Some(mut branches) = tree.strip_prefix('{') {
        loop {
            // Skips an `as` name.
            branches =
                leaves(branches, above, deepest, paths).trim_start_matches(|sign| !",};".contains(sign));
            match branches.strip_prefix(',') {
                Some(others) => branches = others,
                None => return branches.strip_prefix('}').unwrap_or(branches),
            }
        }
    }
    let (word, rest) = tree.split_at(tree.find(|sign| !is_word(sign) && sign != '*').unwrap_or(tree.len()));
    let path = [above, &[word]].concat();
    if let Some(below) = rest.trim_start().strip_prefix("::") {
        return leaves(below, &path, deepest, paths);
    }
    if !word.is_empty() {
        paths.push(path);
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::Course;

    #[test]
    fn locks_of_std_are_found_however_they_are_named() {
        for (text, expected) in [
            ("use std::sync::{Arc, Mutex};", "Mutex"),
            ("use std::sync::{Arc, atomic::{AtomicU32, Ordering}};", "AtomicU32"),
            ("use std::{fmt, sync::{\n    Condvar as Bell,\n}};", "Condvar"),
            ("use std::sync;", "sync"),
            ("use core::sync::atomic;", "atomic"),
            ("fn new() { let lock = ::std::sync::RwLock::new(1); }", "RwLock"),
            ("use std::sync::*;", "*"),
            ("use std::sync::{self, Arc};", "self"),
            ("#[cfg(test)]\nmod tests { fn f() {} }\nuse std::sync::Barrier;", "Barrier"),
            ("#[cfg(test)]\nmod tests;\nuse std::sync::Barrier;", "Barrier"),
        ] {
            assert_eq!(first_unseen(text, false).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn nothing_else_is_found() {
        for text in [
            "use crate::sync::{Condvar, Mutex};",
            "use crate::{sync::Mutex, other};\nuse std::sync::{Arc, PoisonError,};",
            "let shared = std::sync::Arc::new(1); // not a std::sync::Mutex",
            "use std::sync::atomic::Ordering::{self, Relaxed};",
            "use std::{collections::BTreeMap, sync::Weak};\nuse crate::sync::atomic::AtomicU32;",
            "static TABLE: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(Vec::new);",
            "const WHY: &str = \"std::sync::Mutex\"; const ALSO: &str = r#\"use std::sync::Mutex;\"#;",
            "#[cfg(test)]\nmod tests { fn f() { if true { use std::sync::Barrier; } } }\nfn g() {}",
            "#[cfg(test)] #[allow(dead_code)] pub mod tests { use std::sync::Barrier; }\nfn g() {}",
            "#[test] fn f() { std::sync::Barrier::new(1); }\n#[cfg(test)] use std::sync::Barrier;",
        ] {
            assert_eq!(first_unseen(text, false), None, "{text}");
        }
    }

    /// With a call for each level, the first two overflow the stack; read to its end each time, the third takes minutes.
    #[test]
    fn no_text_takes_long_or_ends_the_program() {
        for text in [
            format!("use std::{}", "{".repeat(300_000)),
            format!("const X: () = std{};", "::a".repeat(100_000)),
            "use std::{a ".repeat(80_000),
        ] {
            assert_eq!(first_unseen(&text, true), None);
        }
    }

    #[test]
    fn a_hunt_concerns_its_own_tests_and_a_source_all_models() {
        let course = Course::load(&crate::tree::root().expect("a checkout")).expect("labs");
        let lab = course.lab("queue").expect("a lab");
        let lock = "use std::sync::Mutex;".to_owned();
        let of = |path: &str| unseen(lab, &Files::from([(PathBuf::from(path), lock.clone())]));
        let [hunt] = &of("hunts/seats.rs")[..] else { panic!("one of them") };
        let told = |failure: Option<String>| failure.is_some_and(|text| text.contains("`use crate::sync`"));
        assert!(told(hunt.failure_of(Kind::Hunt, "seats::sold")));
        assert!(hunt.failure_of(Kind::Hunt, "latch::opens").is_none());
        let [source] = &of("src/ring.rs")[..] else { panic!("one of them") };
        assert!(told(source.failure_of(Kind::Model, "models::any")));
        assert!(source.failure_of(Kind::Suite, "any").is_none());
        assert_eq!(of("src/ring/mine.rs").len(), 1, "a module of the student's own");
        for (text, name) in [
            ("thread_local! { }", "`thread_local`"),
            ("use std::sync::OnceLock;", "`OnceLock`"),
            ("fn f() { Arc::strong_count(&a); }", "`strong_count`"),
            ("use std::cell::{Cell, UnsafeCell};", "`Cell`"),
        ] {
            let files = |path: &str| Files::from([(PathBuf::from(path), text.to_owned())]);
            let [hunt] = &unseen(lab, &files("hunts/seats.rs"))[..] else { panic!("one of {text}") };
            assert!(
                hunt.failure_of(Kind::Hunt, "seats::sold").is_some_and(|told| told.contains(name)),
                "{text}"
            );
            assert!(unseen(lab, &files("src/ring.rs")).is_empty(), "{text}");
        }
        for ours in ["src/lib.rs", "src/cell.rs", "prove/sleepers.rs"] {
            assert!(of(ours).is_empty(), "{ours}");
        }
    }
}
