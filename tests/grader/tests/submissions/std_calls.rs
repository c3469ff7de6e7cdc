//! What a student reads who calls something of std that the models do not have, or that does not exist at all: the rule
//! that forbids it, in the words of the lab, and no name of ours.

use super::{COURSE, solution, tree};
use lab::course::Kind;
use std::path::Path;

/// A call of std that a rule forbids, and how the rule begins: `tests/lanes/tests/std/refused.txt`.
fn refused() -> Vec<(String, String)> {
    let list =
        std::fs::read_to_string(COURSE.root.join("tests/lanes/tests/std/refused.txt")).expect("a list");
    let row = |line: &str| {
        let mut columns = line.split(" | ").skip(1).map(str::to_owned);
        (columns.next().expect("a call"), columns.next().expect("a rule"))
    };
    list.lines().map(row).collect()
}

/// What the compiler says of a part whose student has written these statements into it.
fn errors(part: &str, statements: &[&str]) -> String {
    let lab = COURSE.lab(part).expect("a lab");
    let mut files = solution(lab);
    let functions: String =
        statements.iter().enumerate().map(|(at, call)| format!("fn call_{at}() {{ {call}; }}\n")).collect();
    let threads = if part == "stats" { "in_models" } else { "std_in_models" };
    let library = files.get_mut(Path::new("src/lib.rs")).expect("a library");
    library.push_str(&format!(
        "#[cfg(test)]\nmod calls {{\nuse crate::sync;\nuse crate::{threads}::thread;\n\
         const SECOND: std::time::Duration = std::time::Duration::from_secs(1);\n{functions}}}\n"
    ));
    let keep = tempfile::tempdir().expect("a folder");
    let tree = tree();
    tree.submit(lab, &files).expect("files in the tree");
    let built = tree.build_kinds(lab, [Kind::Model], keep.path()).expect("cargo runs");
    built.errors.expect("it does not compile")
}

/// A student never reads how we made the models.
fn names_nothing_of_ours(part: &str, errors: &str) {
    for name in ["lanes::", "model_side::", "loom::"] {
        let line = errors.lines().find(|line| line.contains(name));
        assert!(line.is_none(), "lab {part} shows `{name}`: {}\n{errors}", line.unwrap_or_default());
    }
}

#[test]
fn a_call_that_a_rule_forbids_is_refused_with_the_rule() {
    for part in SORTS {
        let refused = refused();
        let calls: Vec<&str> = refused.iter().map(|(call, _)| call.as_str()).collect();
        // In memory that processes share, no lock of one process has a place.
        let (calls, rules): (Vec<&str>, Vec<&str>) = if part == "stats" {
            let locks = ["Mutex::new(1)", "RwLock::new(1)", "Condvar::new()"]
                .map(|lock| format!("drop(sync::{lock})"));
            let locks: Vec<&'static str> = locks.into_iter().map(|lock| &*lock.leak()).collect();
            let of_atomics = refused.iter().filter(|(call, _)| call.contains("atomic"));
            let (calls, rules): (Vec<&str>, Vec<&str>) =
                of_atomics.map(|(call, rule)| (call.as_str(), rule.as_str())).unzip();
            let all = "`Mutex`, `RwLock` and `Condvar` are not for this lab";
            ([locks, calls].concat(), [vec![all; 3], rules].concat())
        } else {
            (calls, refused.iter().map(|(_, rule)| rule.as_str()).collect())
        };
        let errors = errors(part, &calls);
        names_nothing_of_ours(part, &errors);
        for (at, (call, rule)) in calls.iter().zip(&rules).enumerate() {
            let shown =
                errors.split("\n\n").any(|error| error.contains(rule) && error.contains(&format!("{call};")));
            assert!(shown, "lab {part}: call {at}, `{call}`, is not refused with `{rule}`:\n{errors}");
        }
    }
}

#[test]
fn a_call_that_does_not_exist_is_told_without_a_name_of_ours() {
    for part in SORTS {
        let mut calls = vec![
            "sync::atomic::AtomicU32::new(1).look()",
            "let number: u32 = sync::atomic::AtomicU64::new(1)",
            "sync::atomic::AtomicBool::look()",
            "sync::atomic::AtomicU32::new(\"text\")",
            "static WORD: sync::atomic::AtomicU32 = sync::atomic::AtomicU32::new(1)",
        ];
        if part != "stats" {
            calls.extend([
                "sync::Mutex::new(1).look()",
                "let number: u32 = sync::Mutex::new(1)",
                "let number: u32 = sync::Mutex::new(1).lock()",
                "sync::Condvar::new().wait(3)",
                "sync::RwLock::new(1).lock()",
                "static LOCK: sync::Mutex<u32> = sync::Mutex::new(1)",
            ]);
        }
        names_nothing_of_ours(part, &errors(part, &calls));
    }
}

/// One part with locks and a cell, one with locks and atomics, and the one whose atomics are of processes that die.
const SORTS: [&str; 3] = ["queue", "cache", "stats"];
