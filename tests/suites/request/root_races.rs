//! `DocumentRoot` while the file system changes under it.

use super::root::{DEADLINE, SEE, Site, told};
use super::target::path;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use request::{FindError, Found};
use std::os::unix::fs::{MetadataExt, symlink};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Instant;
use std::{fs, iter, thread};
use verdict::test;

/// How often a race is run.
const ROUNDS: usize = 20_000;

/// Finds `target` again and again, on a separate thread, while the name `/changing` alternates between two existing
/// entries. Every result must be one of `allowed`.
fn find_while_swapping(site: Site, target: &'static str, swapped: [&str; 2], allowed: &'static [&str]) {
    let site = Arc::new(site);
    let swap = || {
        for name in swapped {
            // Replaces with rename(2), so that the name always exists.
            fs::hard_link(site.www(name), site.www("next")).expect("another name for what is there");
            fs::rename(site.www("next"), site.www("changing")).expect("replacing what was there");
        }
    };
    swap();
    let (done, finished) = mpsc::channel();
    let finder = site.clone();
    thread::spawn(move || {
        let path = path(target);
        let found = iter::repeat_with(|| told_with_identity(&finder.root.find(&path)));
        let wrong = found.take(ROUNDS).find(|found| !allowed.contains(&found.as_str()));
        // If the test has given up, nothing receives this.
        let _ = done.send(wrong);
    });
    let deadline = Instant::now() + 3 * DEADLINE;
    let wrong = loop {
        if let Ok(wrong) = finished.try_recv() {
            break wrong;
        }
        assert!(Instant::now() < deadline, "find waits, probably for a FIFO that was a file before. {SEE}");
        swap();
    };
    if let Some(wrong) = wrong {
        let (allowed, [first, second]) = (allowed.join(" or "), swapped);
        panic!(
            "\n/changing was now {first}, now {second}. find of {target} gave {wrong}, not {allowed}. {SEE}"
        );
    }
}

/// What was found, and whether its identity is that of the open file.
fn told_with_identity(found: &Result<Found, FindError>) -> String {
    let Ok(Found::File(open)) = found else { return told(found) };
    let status = open.file.metadata().expect("fstat of an open file");
    if (open.identity.device, open.identity.inode) == (status.dev(), status.ino()) {
        return told(found);
    }
    "a file, but the identity is not that of the open file".to_owned()
}

#[test]
fn an_identity_is_of_the_file_that_is_open() {
    find_while_swapping(
        Site::new(),
        "/changing",
        ["index.html", "folder/inner.txt"],
        &["file: index", "file: inner"],
    );
}

#[test]
fn a_link_that_changes_during_the_look_up_never_leads_outside() {
    let site = Site::new();
    symlink("index.html", site.www("inside")).expect("a link");
    symlink("../secret.txt", site.www("outside")).expect("a link");
    find_while_swapping(site, "/changing", ["inside", "outside"], &["file: index", "NotFound"]);
}

#[test]
fn a_file_that_turns_into_a_fifo_stops_no_thread() {
    find_while_swapping(Site::new(), "/changing", ["index.html", "fifo"], &["file: index", "NotFound"]);
}

#[test]
fn a_rename_elsewhere_makes_no_look_up_fail() {
    // The link contains `..`, and meanwhile a file is renamed: then openat2(2) returns EAGAIN, which means "try again".
    find_while_swapping(Site::new(), "/folder/link-up", ["index.html", "fifo"], &["file: index"]);
}

/// Two names are exchanged in one step, again and again: a file and a folder.
#[test]
fn a_file_that_turns_into_a_folder_is_never_opened_as_one() {
    let site = Arc::new(Site::new());
    let (one, two) = (site.www("index.html"), site.www("folder"));
    let stop = Arc::new(AtomicBool::new(false));
    let swapper = thread::spawn({
        let stop = stop.clone();
        move || {
            while !stop.load(Ordering::Relaxed) {
                renameat2(AT_FDCWD, &one, AT_FDCWD, &two, RenameFlags::RENAME_EXCHANGE)
                    .expect("both are there");
            }
        }
    });
    let look = || told(&site.root.find(&path("/index.html")));
    let is_wrong = |found: &String| !["file: index", "directory", "NotFound"].contains(&found.as_str());
    let wrong = iter::repeat_with(look).take(ROUNDS).find(is_wrong);
    stop.store(true, Ordering::Relaxed);
    swapper.join().expect("it only renames");
    assert_eq!(wrong, None, "left: what was found while a file and a folder changed places. {SEE}");
}
