//! `FileIdentity`: which file this is and in which state, from the disk and from memory.

use super::root::{DEADLINE, SEE, Site, told};
use super::target::path;
use nix::unistd::gettid;
use request::{DocumentRoot, FileIdentity, Found};
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;
use verdict::test;

#[test]
fn an_identity_is_what_the_file_system_says() {
    let site = Site::new();
    let file = fs::metadata(site.www("folder/inner.txt")).expect("the file is there");
    let expected = FileIdentity {
        device: file.dev(),
        inode: file.ino(),
        size: file.len(),
        modified: (file.mtime(), file.mtime_nsec()),
        changed: (file.ctime(), file.ctime_nsec()),
    };
    for target in ["/folder/inner.txt", "/link-inside"] {
        assert_eq!(site.open(target).identity, expected, "\n{target} is folder/inner.txt; stat(2). {SEE}");
    }
}

#[test]
fn every_change_of_a_file_changes_its_identity() {
    let site = Site::new();
    let first = site.open("/index.html");
    assert_eq!(
        site.open("/index.html").identity,
        first.identity,
        "an unchanged file keeps its identity. {SEE}"
    );
    assert_eq!(
        FileIdentity::of(&first.file).expect("an open file"),
        first.identity,
        "of() agrees with find(). {SEE}"
    );

    fs::write(site.www("index.html"), "longer than before").expect("writing");
    assert_ne!(site.open("/index.html").identity, first.identity, "the length has changed. {SEE}");

    fs::write(site.www("copy"), "index").expect("writing");
    fs::rename(site.www("copy"), site.www("index.html")).expect("replacing");
    assert_ne!(
        site.open("/index.html").identity,
        first.identity,
        "it is another file with the same bytes. {SEE}"
    );
}

#[test]
fn setting_back_the_time_of_modification_does_not_hide_a_change() {
    let site = Site::new();
    let first = site.open("/index.html");
    let modified =
        first.file.metadata().and_then(|file| file.modified()).expect("every Linux file has a time");
    let deadline = Instant::now() + DEADLINE;
    loop {
        let file = File::options().write(true).open(site.www("index.html")).expect("the test owns the file");
        file.write_all_at(b"other", 0).expect("writing as many bytes as before");
        file.set_modified(modified).expect("the test owns the file");
        if site.open("/index.html").identity != first.identity {
            return;
        }
        // The kernel's clock for file times may tick only every few milliseconds.
        assert!(
            Instant::now() < deadline,
            "other bytes, same length and time of modification: the identity must differ all the same, by the time \
             of the last change of the inode, which nobody can set. {SEE}"
        );
        thread::yield_now();
    }
}

#[test]
fn what_the_kernel_has_not_looked_up_yet_is_not_known_from_memory() {
    // A thread has files in /proc, and the kernel creates their inodes when they are looked up.
    let root = DocumentRoot::open(Path::new("/proc/self/task")).expect("every process has threads");
    let (tell, told) = mpsc::channel();
    let newcomer = thread::spawn(move || {
        tell.send(gettid()).expect("the test waits");
        thread::park();
    });
    let name = format!("/{}/status", told.recv().expect("the thread tells"));
    let target = path(&name);
    let known = root.identify_from_memory(&target);
    let found = root.find(&target);
    newcomer.thread().unpark();
    newcomer.join().expect("it only sleeps");
    assert_eq!(known, None, "a look-up that may wait for the disk is not from memory. {SEE}");
    assert!(matches!(found, Ok(Found::File(_))), "looked up in earnest, it is there. {SEE}");
}

#[test]
fn a_file_is_identified_from_memory_as_it_is_found() {
    let site = Site::new();
    fs::write(site.www("empty"), "").expect("an empty file");
    for target in ["/index.html", "/folder/inner.txt", "/link-inside", "/empty"] {
        let found = site.open(target).identity;
        let identity = site.identity_from_memory(target);
        assert_eq!(identity, found, "identify_from_memory and find disagree on {target}. {SEE}");
    }
}

#[test]
fn what_find_would_not_open_has_no_identity() {
    let site = Site::new();
    let targets = [
        "/",
        "/folder",
        "/fifo",
        "/socket",
        "/nothing",
        "/link-outside",
        "/link-absolute",
        "/index.html/x",
        "/index.html/",
    ];
    for target in targets {
        let found = told(&site.root.find(&path(target)));
        let identity = site.root.identify_from_memory(&path(target)).map(|_| "an identity");
        assert_eq!(identity, None, "{target}: find says {found}, so there is nothing to identify. {SEE}");
    }
}
