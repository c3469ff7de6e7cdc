//! The types of the models have what their namesakes in std have, and do with it what these do.
//!
//! The same calls are compiled, and made, with std's types and with ours. Which calls there are is in std/1.95.txt, a list
//! of all stable methods of std; where Rust's documentation is installed, the list is compared with it. What a rule of the
//! labs forbids is in std/refused.txt, with the words of the rule; that a student reads them is for the graders' tests.

use lanes::Model;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

#[allow(clippy::all, deprecated)]
mod in_std {
    use std::{sync, thread};
    include!("std/calls.rs");
    mod atomics {
        use std::sync;
        include!("std/atomics.rs");
    }
    pub use atomics::all_atomics;
}

#[allow(clippy::all)]
mod in_models {
    use lanes::{sync, thread};
    include!("std/calls.rs");
    mod atomics {
        use lanes::sync;
        include!("std/atomics.rs");
    }
    pub use atomics::all_atomics;
}

const CALLS: [&str; 2] = [include_str!("std/calls.rs"), include_str!("std/atomics.rs")];
const ALL: &str = include_str!("std/1.95.txt");
const REFUSED: &str = include_str!("std/refused.txt");

/// Types that nobody can make.
const WHOLLY_REFUSED: [&str; 5] =
    ["sync::Barrier", "sync::Once", "sync::OnceLock", "sync::LazyLock", "sync::atomic::AtomicPtr"];

#[test]
fn std_does_what_the_calls_say() {
    in_std::all_atomics();
    in_std::all_locks();
    in_std::all_threads();
}

#[test]
fn the_models_types_do_the_same() {
    Model::new("locks are std's").check(|_| in_models::all_locks());
    Model::new("threads are std's").check(|_| in_models::all_threads());
    Model::new("atomics are std's").check(|_| {
        use lanes::sync::{Mutex, atomic::Ordering::SeqCst};
        // Two threads that meet: without, a model proves nothing.
        let met = std::sync::Arc::new(Mutex::new(lanes::sync::atomic::AtomicBool::new(false)));
        let other = met.clone();
        let meeting = lanes::thread::spawn(move || other.lock().unwrap().swap(true, SeqCst));
        met.lock().unwrap().swap(true, SeqCst);
        meeting.join().unwrap();
        in_models::all_atomics();
    });
}

#[test]
fn what_get_mut_sets_is_seen_by_threads_that_start_later() {
    use lanes::sync::atomic::{AtomicU32, Ordering::Relaxed};
    Model::new("a value set before sharing is shared").outcomes(&["8, then 9"]).check(|run| {
        let mut atomic = AtomicU32::new(1);
        atomic.store(7, Relaxed);
        *atomic.get_mut() += 1;
        let shared = std::sync::Arc::new(atomic);
        let other = shared.clone();
        let adding = lanes::thread::spawn(move || other.fetch_add(1, Relaxed));
        assert!(matches!(shared.load(Relaxed), 8 | 9));
        assert_eq!(adding.join().unwrap(), 8);
        let atomic = std::sync::Arc::into_inner(shared).unwrap();
        assert_eq!(atomic.into_inner(), 9);
        run.outcome("8, then 9");
    });
}

/// Each line of the list is called, or refused, and each refused call is one of the list.
#[test]
fn every_stable_method_of_std_is_called_or_refused() {
    let refused: BTreeSet<&str> = REFUSED.lines().filter_map(|line| line.split(" | ").next()).collect();
    let called = |item: &str| {
        let name = item.rsplit("::").next().unwrap_or(item);
        let words = [format!(".{name}("), format!("::{name}"), format!(" {name} "), format!("{name}(")];
        CALLS.iter().any(|calls| words.iter().any(|word| calls.contains(word)))
    };
    let neither: Vec<&str> = ALL
        .lines()
        .filter(|item| !item.starts_with('#') && !called(item) && !refused.contains(item))
        .collect();
    assert!(neither.is_empty(), "neither called nor refused: {neither:?}");
    let unknown: Vec<_> = refused.iter().filter(|item| !ALL.lines().any(|line| line == **item)).collect();
    assert!(unknown.is_empty(), "std has no such methods: {unknown:?}");
}

/// The documentation of the toolchain lists what std has today. A new Rust may add to the list.
#[test]
fn the_list_is_that_of_stds_documentation() {
    let output = Command::new("rustc").args(["--print", "sysroot"]).output().expect("rustc runs");
    let folder =
        PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()).join("share/doc/rust/html/std");
    if !folder.is_dir() {
        assert!(std::env::var_os("CI_FULL").is_none(), "CI_FULL is set, but rust-docs is not installed");
        println!("skipped: rust-docs is not installed");
        return;
    }
    let listed: BTreeSet<String> =
        ALL.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
    let mut documented = BTreeSet::new();
    for kind in [
        "sync::Mutex",
        "sync::RwLock",
        "sync::RwLockWriteGuard",
        "sync::Condvar",
        "sync::Barrier",
        "sync::Once",
        "sync::OnceLock",
        "sync::LazyLock",
        "sync::atomic::AtomicBool",
        "sync::atomic::AtomicU32",
        "sync::atomic::AtomicPtr",
        "thread::Builder",
        "thread::JoinHandle",
        "thread::Thread",
    ] {
        let path = kind.replace("::", "/");
        let (module, name) = path.rsplit_once('/').expect("a path");
        let page =
            std::fs::read_to_string(folder.join(module).join(format!("struct.{name}.html"))).expect(kind);
        let whole = WHOLLY_REFUSED.contains(&kind);
        let methods = stable_methods(&page).filter(|&method| !whole || method == "new");
        documented.extend(methods.map(|method| format!("{kind}::{method}")));
    }
    let of_types: BTreeSet<String> =
        listed.iter().filter(|item| item.matches(char::is_uppercase).count() > 0).cloned().collect();
    assert_eq!(of_types, documented, "std/1.95.txt, and what Rust's documentation says");
}

/// The methods that a page of rustdoc has of a type itself, without unstable and deprecated ones.
fn stable_methods(page: &str) -> impl Iterator<Item = &str> {
    let own = page.split("id=\"trait-implementations\"").next().unwrap_or(page);
    own.split("<section id=\"").skip(1).filter_map(|section| {
        let (id, rest) = section.split_once('"')?;
        let name = id.strip_prefix("method.").or_else(|| id.strip_prefix("associatedfunction."))?;
        let before_text = rest.split("docblock").next().unwrap_or(rest);
        let old = before_text.contains("stab unstable") || before_text.contains("stab deprecated");
        (rest.starts_with(" class=\"method\"") && (!old || name == "fetch_update")).then_some(name)
    })
}
