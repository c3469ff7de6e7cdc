//! `DocumentRoot`: files beneath the root are found, and nothing else is.

use super::target::path;
use crate::watched::start;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::Mode;
use nix::unistd::{Uid, mkfifo, setfsuid};
use request::{DocumentRoot, FindError, Found, OpenFile};
use std::fs::{self, File, Permissions};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use verdict::test;

/// Where a student finds the rules.
pub const SEE: &str = "See \"1.4 Beneath the root\", and openat2(2).";

/// How long a test waits for an event before it fails.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// A document root with every kind of entry that could lead out of one.
///
/// ```text
///   www/                the root
///     index.html  folder/inner.txt  fifo  socket
///     links that stay inside, that leave, that circle, that point at nothing
///   www-private/secret.txt   a neighbour whose name begins like the root's
///   secret.txt
/// ```
pub struct Site {
    pub base: TempDir,
    pub root: DocumentRoot,
}

impl Site {
    pub fn new() -> Site {
        let base = tempfile::tempdir().expect("a temporary folder");
        let www = base.path().join("www");
        let make = || -> std::io::Result<()> {
            fs::create_dir_all(www.join("folder"))?;
            fs::create_dir(base.path().join("www-private"))?;
            fs::write(www.join("index.html"), "index")?;
            fs::write(www.join("folder/inner.txt"), "inner")?;
            fs::write(base.path().join("secret.txt"), "secret")?;
            fs::write(base.path().join("www-private/secret.txt"), "secret")?;
            symlink("folder/inner.txt", www.join("link-inside"))?;
            symlink("folder", www.join("link-to-folder"))?;
            symlink("../index.html", www.join("folder/link-up"))?;
            symlink("../secret.txt", www.join("link-outside"))?;
            symlink("../www-private", www.join("link-to-neighbour"))?;
            symlink("../www/index.html", www.join("link-out-and-in"))?;
            symlink(www.join("index.html"), www.join("link-absolute"))?;
            symlink("/proc/self/root", www.join("link-to-everything"))?;
            symlink("circle", www.join("circle"))?;
            symlink("nothing", www.join("link-to-nothing"))
        };
        make().expect("the test's files");
        mkfifo(&www.join("fifo"), Mode::from_bits_truncate(0o644)).expect("a FIFO");
        drop(UnixListener::bind(www.join("socket")).expect("a socket"));
        let root = DocumentRoot::open(&www).expect("the root can be opened");
        Site { base, root }
    }

    pub fn www(&self, name: &str) -> std::path::PathBuf {
        self.base.path().join("www").join(name)
    }

    /// Finds what must be a file.
    #[track_caller]
    pub fn open(&self, target: &str) -> OpenFile {
        match self.root.find(&path(target)) {
            Ok(Found::File(open)) => open,
            other => panic!("find of the target {target:?} should be a file, but it is {other:?}. {SEE}"),
        }
    }
}

/// What was found, in a few words, with the contents if it is a file.
pub fn told(found: &Result<Found, FindError>) -> String {
    match found {
        Ok(Found::File(open)) => format!("file: {}", contents(&open.file)),
        Ok(Found::Directory) => "directory".to_owned(),
        Err(error) => format!("{error:?}"),
    }
}

fn contents(file: &File) -> String {
    let is_regular = file.metadata().expect("fstat of an open file").is_file();
    let mut bytes = [0; 64];
    match file.read_at(&mut bytes, 0) {
        Ok(count) if is_regular => String::from_utf8_lossy(&bytes[..count]).into_owned(),
        Ok(_) => "(it was opened, and is no regular file)".to_owned(),
        Err(_) if !is_regular => {
            "(it was opened, and is no regular file: a FIFO, a socket or a device)".to_owned()
        }
        Err(error) => format!("(it was opened, but not for reading: {error})"),
    }
}

#[track_caller]
fn expect_all(site: &Site, cases: &[(&str, &str)]) {
    for (target, expected) in cases {
        let found = told(&site.root.find(&path(target)));
        assert_eq!(found, *expected, "\nfind of the target {target:?}. {SEE}");
    }
}

#[test]
fn files_and_directories_beneath_the_root_are_found() {
    let cases = [
        ("/index.html", "file: index"),
        ("/folder/inner.txt", "file: inner"),
        ("/folder/../index.html", "file: index"),
        ("/", "directory"),
        ("/folder", "directory"),
        ("/folder/", "directory"),
        ("/nothing", "NotFound"),
        ("/nothing/at/all", "NotFound"),
        ("/index.html/", "NotFound"),
        ("/index.html/more", "NotFound"),
    ];
    expect_all(&Site::new(), &cases);
}

#[test]
fn a_link_is_followed_only_inside() {
    let cases = [
        ("/link-inside", "file: inner"),
        ("/link-to-folder", "directory"),
        ("/link-to-folder/inner.txt", "file: inner"),
        ("/folder/link-up", "file: index"),
        ("/link-outside", "NotFound"),
        ("/link-to-neighbour", "NotFound"),
        ("/link-to-neighbour/secret.txt", "NotFound"),
        ("/link-out-and-in", "NotFound"),
        ("/link-absolute", "NotFound"),
        ("/link-to-everything/etc/passwd", "NotFound"),
        ("/circle", "NotFound"),
        ("/link-to-nothing", "NotFound"),
    ];
    expect_all(&Site::new(), &cases);
}

#[test]
fn the_root_confines_even_a_path_that_no_target_can_spell() {
    let site = Site::new();
    let absolute = site.www("index.html");
    let absolute = absolute.to_str().expect("a temporary folder has a plain name");
    let ways_out =
        ["../secret.txt", "../www-private/secret.txt", "folder/../../secret.txt", "../www/index.html", ".."];
    for name in ways_out.into_iter().chain([absolute, "/etc/passwd", "/"]) {
        // `join` takes the server's own names as they are, so it can make paths that `Target::parse` refuses.
        let found = told(&site.root.find(&path("/").join(name)));
        assert_eq!(
            found, "NotFound",
            "\nfind of the path {name:?}: the check belongs to the look-up itself. {SEE}"
        );
    }
}

#[test]
fn what_is_no_file_is_not_opened() {
    let (done, answer) = mpsc::channel();
    // A separate thread, because a wrong open(2) of a FIFO never returns.
    thread::spawn(move || {
        let site = Site::new();
        for name in ["/fifo", "/socket", "/fifo/"] {
            done.send((name, told(&site.root.find(&path(name))))).expect("the test listens");
        }
    });
    for _ in 0..3 {
        let (name, found) = answer.recv_timeout(DEADLINE).unwrap_or_else(|_| {
            panic!(
                "find has not returned in {DEADLINE:?}: does it open a FIFO that no process writes to? {SEE}"
            )
        });
        assert_eq!(found, "NotFound", "\nfind of the target {name:?}. {SEE}");
    }
}

/// The open of a FIFO wakes the process that waits for its other end, even with O_NONBLOCK.
#[test]
fn a_look_at_a_fifo_does_not_wake_its_writer() {
    let site = Site::new();
    let fifo = site.www("fifo");
    let writer = start("a process that waits for a reader of a FIFO", {
        let fifo = fifo.clone();
        move || File::options().write(true).open(fifo).is_ok()
    });
    writer.wait_until_asleep();
    assert_eq!(told(&site.root.find(&path("/fifo"))), "NotFound", "\nfind of a FIFO. {SEE}");
    writer.wait_until_asleep();
    // More than once, because a rename by another process may disturb a look-up from memory.
    for _ in 0..3 {
        assert_eq!(site.root.identify_from_memory(&path("/fifo")), None, "a FIFO has no identity. {SEE}");
    }
    writer.wait_until_asleep();
    let _reader = File::options().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(fifo);
    assert!(writer.finish());
}

#[test]
fn a_name_that_is_too_long_is_not_found() {
    let too_long =
        ["/".to_owned() + &"a".repeat(256), "/a".repeat(4000), "/folder/".repeat(10) + &"a".repeat(300)];
    for target in too_long {
        let found = told(&Site::new().root.find(&path(&target)));
        assert_eq!(
            found,
            "NotFound",
            "\na target of {} bytes is the client's mistake, not the disk's. {SEE}",
            target.len()
        );
    }
}

#[test]
fn a_file_that_may_not_be_read_is_forbidden() {
    let site = Site::new();
    fs::set_permissions(site.www("index.html"), Permissions::from_mode(0o000))
        .expect("the test owns the file");
    fs::set_permissions(site.www("folder"), Permissions::from_mode(0o000)).expect("the test owns the folder");
    let found = thread::scope(|scope| {
        let find = || {
            // Root may read everything, so only this thread gives that up (setfsuid(2)). For other users, this does
            // nothing.
            setfsuid(Uid::from_raw(65534));
            ["/index.html", "/folder/inner.txt"].map(|target| told(&site.root.find(&path(target))))
        };
        scope.spawn(find).join().expect("find does not panic")
    });
    fs::set_permissions(site.www("folder"), Permissions::from_mode(0o755))
        .expect("so that it can be removed");
    assert_eq!(
        found,
        ["Forbidden", "Forbidden"],
        "\na file, and a folder, that this user may not read. {SEE}"
    );
}

#[test]
fn a_folder_that_may_be_entered_but_not_listed_can_be_served() {
    let site = Site::new();
    let www = site.www("");
    fs::set_permissions(&www, Permissions::from_mode(0o111)).expect("the test owns the folder");
    let found = thread::scope(|scope| {
        let find = || {
            // Root may list everything, so only this thread gives that up (setfsuid(2)). For other users, this does
            // nothing.
            setfsuid(Uid::from_raw(65534));
            DocumentRoot::open(&www).map(|root| told(&root.find(&path("/index.html"))))
        };
        scope.spawn(find).join().expect("neither open nor find panics")
    });
    fs::set_permissions(&www, Permissions::from_mode(0o755)).expect("so that it can be removed");
    let found =
        found.unwrap_or_else(|error| panic!("O_PATH needs no right to list a folder: {error}. {SEE}"));
    assert_eq!(found, "file: index", "\na file in a folder that may be entered but not listed. {SEE}");
}

#[test]
fn a_folder_that_may_be_entered_but_not_listed_is_found_as_a_directory() {
    let site = Site::new();
    fs::set_permissions(site.www("folder"), Permissions::from_mode(0o711)).expect("the test owns it");
    let found = thread::scope(|scope| {
        let find = || {
            // As above.
            setfsuid(Uid::from_raw(65534));
            told(&site.root.find(&path("/folder")))
        };
        scope.spawn(find).join().expect("find does not panic")
    });
    assert_eq!(found, "directory", "\na folder is found, and not opened. {SEE}");
}

#[test]
fn running_out_of_descriptors_is_told_apart_from_a_missing_file() {
    const ALONE: &str = "TEST_IS_ALONE_IN_ITS_PROCESS";
    if std::env::var_os(ALONE).is_none() {
        // The limit is per process, so this test runs itself again in a separate process.
        let name = "root::running_out_of_descriptors_is_told_apart_from_a_missing_file";
        let this = std::env::current_exe().expect("the path of this test program");
        let mut alone = Command::new(this);
        alone.args(["--exact", name]).env(ALONE, "1");
        let (output, passed) = verdict::vouched(&mut alone).expect("a process");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(passed, "in a process of its own:\n{said}");
        return;
    }
    let site = Site::new();
    let path = path("/index.html");
    setrlimit(Resource::RLIMIT_NOFILE, 40, 40).expect("a limit may always be lowered");
    let mut open = Vec::new();
    while let Ok(file) = File::open(site.www("index.html")) {
        open.push(file);
    }
    let found = told(&site.root.find(&path));
    open.pop();
    let with_one_left = told(&site.root.find(&path));
    drop(open);
    assert_eq!(found, "OutOfDescriptors", "\nfind with no descriptor left. {SEE}");
    // Whether one descriptor is enough is not specified, but the file must not be reported as missing.
    assert!(
        ["OutOfDescriptors", "file: index"].contains(&&*with_one_left),
        "with one left: {with_one_left}. {SEE}"
    );
}

/// Takes a lease on a file: other opens wait until it is given back, or until 45 seconds after the kernel has asked for
/// it (fcntl(2)). `false` if the file system has no leases.
fn lease(file: &File) -> bool {
    /// Sets the signal that asks for the lease (fcntl(2)); libc has no name for this command.
    const F_SETSIG: libc::c_int = 10;
    let set = |what: libc::c_int, value: libc::c_int| {
        #[allow(unsafe_code)]
        // SAFETY: these two commands of fcntl(2) take a number and touch no memory of ours.
        unsafe {
            libc::fcntl(file.as_raw_fd(), what, value)
        }
    };
    // SIGIO, the default, would end this process; SIGURG is ignored.
    let take = || set(F_SETSIG, libc::SIGURG) == 0 && set(libc::F_SETLEASE, libc::F_WRLCK) == 0;
    let by = Instant::now() + DEADLINE;
    loop {
        let taken = take();
        // A child that another test forks has all our descriptors until its exec, also the one through which this file
        // was written; meanwhile the lease is not granted.
        if taken || Errno::last() != Errno::EAGAIN || Instant::now() > by {
            return taken;
        }
        thread::yield_now();
    }
}

#[test]
fn a_file_with_a_lease_is_busy_and_stops_no_thread_for_long() {
    let site = Site::new();
    let held = File::options().read(true).write(true).open(site.www("index.html")).expect("the test's file");
    if !lease(&held) {
        return;
    }
    let (done, answer) = mpsc::channel();
    let give_back = thread::spawn(move || {
        done.send(told(&site.root.find(&path("/index.html")))).expect("the test listens");
        // Once the lease is given back, the file can be opened again.
        drop(held);
        told(&site.root.find(&path("/index.html")))
    });
    let found = answer.recv_timeout(DEADLINE).unwrap_or_else(|_| {
        panic!(
            "find has not returned in {DEADLINE:?}: without O_NONBLOCK, open(2) waits for the lease. {SEE}"
        )
    });
    assert_eq!(found, "Busy", "\nfind of a file on which another process has a lease. {SEE}");
    assert_eq!(give_back.join().expect("find does not panic"), "file: index", "\nafter the lease. {SEE}");
}

#[test]
fn a_root_must_be_a_directory() {
    let site = Site::new();
    assert!(DocumentRoot::open(&site.www("index.html")).is_err(), "a file is no document root. {SEE}");
    assert!(DocumentRoot::open(&site.www("nothing")).is_err(), "nothing is no document root. {SEE}");
    assert!(DocumentRoot::open(&site.www("folder")).is_ok(), "a directory is one. {SEE}");
}

#[test]
fn a_root_stays_the_folder_that_was_opened() {
    let site = Site::new();
    fs::rename(site.base.path().join("www"), site.base.path().join("moved")).expect("renaming a folder");
    let found = told(&site.root.find(&path("/index.html")));
    assert_eq!(found, "file: index", "\na root is an open folder, not a name that is looked up again. {SEE}");
}

#[test]
fn a_root_can_be_handed_over_and_knows_that_it_was_deleted() {
    let site = Site::new();
    let descriptor = site.root.as_fd().try_clone_to_owned().expect("a descriptor");
    let root = DocumentRoot::from_descriptor(descriptor);
    let found = told(&root.find(&path("/index.html")));
    assert_eq!(found, "file: index", "\na root that was handed over is the same folder. {SEE}");
    assert!(!root.is_deleted(), "a folder that is there was not deleted. {SEE}");
    fs::remove_dir_all(site.base.path().join("www")).expect("a folder to delete");
    assert!(root.is_deleted(), "the folder was deleted. {SEE}");
    assert_eq!(told(&root.find(&path("/index.html"))), "NotFound", "\nin a folder that was deleted. {SEE}");
}
