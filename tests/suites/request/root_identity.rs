//! `FileIdentity`: which file this is and in which state, from the disk and from memory.

use super::root::{DEADLINE, SEE, Site, told};
use super::target::path;
use crate::watched::sleeps_in;
use nix::unistd::gettid;
use request::{DocumentRoot, FileIdentity, Found, RequestPath};
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Instant, SystemTime};
use verdict::test;

#[test]
fn an_identity_is_what_the_file_system_says() {
    let site = Site::new();
    let inner =
        File::options().write(true).open(site.www("folder/inner.txt")).expect("the test owns the file");
    // So that the two times differ.
    inner.set_modified(SystemTime::UNIX_EPOCH).expect("the test owns the file");
    let file = inner.metadata().expect("fstat of an open file");
    for target in ["/folder/inner.txt", "/link-inside"] {
        let found = site.open(target).identity;
        let fields = [
            ("device", found.device == file.dev()),
            ("inode", found.inode == file.ino()),
            ("size", found.size == file.len()),
            ("modified", found.modified == (file.mtime(), file.mtime_nsec())),
            ("changed", found.changed == (file.ctime(), file.ctime_nsec())),
        ];
        for (field, is_right) in fields {
            assert!(
                is_right,
                "the identity of {target}, which is folder/inner.txt: `{field}` is not what fstat(2) says. {SEE}"
            );
        }
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
    let (known, found) = with_a_newcomer(|root, target| {
        (root.identify_from_memory(target).map(|_| "an identity"), root.find(target))
    });
    assert_eq!(
        known, None,
        "identify_from_memory of the status file of a thread that has just begun, in /proc, which no process has looked up \
         yet: a look-up that may wait for the disk is not from memory. {SEE}"
    );
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

#[test]
fn a_file_that_only_its_owner_may_read_is_identified_for_its_owner() {
    let site = Site::new();
    fs::set_permissions(site.www("index.html"), Permissions::from_mode(0o600)).expect("the test owns it");
    let found = site.open("/index.html").identity;
    let identity = site.identity_from_memory("/index.html");
    assert_eq!(identity, found, "identify_from_memory and find disagree on a file with the mode 600. {SEE}");
}

/// A few sleeps may come from tools such as sanitizers, but not one for each look.
#[test]
fn a_look_from_memory_never_sleeps() {
    const LOOKS: u64 = 20;
    let sleeps = with_a_newcomer(|root, target| {
        sleeps_in(|| {
            for _ in 0..LOOKS {
                root.identify_from_memory(target);
            }
        })
    });
    assert!(
        sleeps < LOOKS / 2,
        "identify_from_memory of a file that no process has looked up yet, {LOOKS} times: the thread slept {sleeps} \
         times. It is for threads that must not block, so it must return None at once. {SEE}"
    );
}

/// Looks at a file that no process has looked up yet. A thread has files in /proc, and the kernel creates their inodes when
/// they are looked up.
fn with_a_newcomer<T>(look: impl FnOnce(&DocumentRoot, &RequestPath<'_>) -> T) -> T {
    let root = DocumentRoot::open(Path::new("/proc/self/task")).expect("every process has threads");
    let (tell, told) = mpsc::channel();
    let newcomer = thread::spawn(move || {
        tell.send(gettid()).expect("the test waits");
        thread::park();
    });
    let name = format!("/{}/status", told.recv().expect("the thread tells"));
    let seen = look(&root, &path(&name));
    newcomer.thread().unpark();
    newcomer.join().expect("it only sleeps");
    seen
}
