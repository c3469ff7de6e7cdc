//! `DocumentRoot`: files beneath the root are found, and nothing else is.

use super::target::path;
use crate::watched::start;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::Mode;
use nix::unistd::{Uid, mkfifo, setfsuid};
use request::{DocumentRoot, FileIdentity, FindError, Found, OpenFile};
use std::fs::{self, File, Permissions};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
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
    served: PathBuf,
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
        Site { base, root, served: www }
    }

    /// The root /dev, with a file beneath it in a folder, whose name is returned, too. A device cannot be made in any
    /// other folder. `None` if there is no folder for files in /dev.
    pub fn of_devices() -> Option<(Site, String)> {
        let made = Site::beneath_devices();
        assert!(
            made.is_some() || std::env::var_os("CI_FULL").is_none(),
            "CI_FULL is set, but /dev/shm holds no file"
        );
        made
    }

    fn beneath_devices() -> Option<(Site, String)> {
        let base = tempfile::tempdir_in("/dev/shm").ok()?;
        fs::write(base.path().join("file"), "of a test").ok()?;
        let folder = base.path().strip_prefix("/dev").ok()?.to_str()?.to_owned();
        let root = DocumentRoot::open(Path::new("/dev")).ok()?;
        // It may be somewhere else, behind a link.
        let is_there = base.path().canonicalize().ok()? == base.path();
        is_there.then(|| (Site { base, root, served: PathBuf::from("/dev") }, folder))
    }

    pub fn www(&self, name: &str) -> PathBuf {
        self.served.join(name)
    }

    /// Finds what must be a file.
    #[track_caller]
    pub fn open(&self, target: &str) -> OpenFile {
        match self.root.find(&path(target)) {
            Ok(Found::File(open)) => open,
            other => panic!("find of the target {target:?} should be a file, but it is {other:?}. {SEE}"),
        }
    }

    /// Identifies from memory what must be a file, and was found just now.
    #[track_caller]
    pub fn identity_from_memory(&self, target: &str) -> FileIdentity {
        let deadline = Instant::now() + DEADLINE;
        // One `None` is not a mistake: a rename by another process may disturb the look-up, and a link that was not
        // followed since its last change needs a new access time. So it is looked up again.
        loop {
            if let Some(identity) = self.root.identify_from_memory(&path(target)) {
                return identity;
            }
            assert!(
                Instant::now() < deadline,
                "identify_from_memory of {target} returns None again and again. It must return the identity: find has just \
                 opened this file, so the kernel knows it from memory. {SEE}"
            );
            thread::yield_now();
            self.open(target);
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
    let status = file.metadata().expect("fstat of an open file");
    if status.is_dir() {
        return "(it was opened, and is a folder)".to_owned();
    }
    let is_regular = status.is_file();
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
fn a_file_with_two_names_has_both() {
    let site = Site::new();
    // A link of this kind (link(2)) leads nowhere: it is one more name of the file.
    fs::hard_link(site.www("index.html"), site.www("again.html")).expect("a second name");
    for target in ["/again.html", "/index.html"] {
        let found = told(&site.root.find(&path(target)));
        assert_eq!(found, "file: index", "\nfind of {target:?}, one of two names of a file. {SEE}");
        site.identity_from_memory(target);
    }
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
    for name in ["/fifo", "/socket", "/fifo/"] {
        let (_, found) = answer.recv_timeout(DEADLINE).unwrap_or_else(|_| {
            panic!(
                "find of the target {name:?} has not returned in {DEADLINE:?}: does it open a FIFO that no process writes \
                 to? Find out what the name means with O_PATH first. {SEE}"
            )
        });
        assert_eq!(found, "NotFound", "\nfind of the target {name:?}. {SEE}");
    }
}

#[test]
fn a_device_is_no_file() {
    let root = DocumentRoot::open(Path::new("/dev")).expect("every Linux has /dev");
    // A block device's mode has a bit in common with a directory's. Not every machine shows one, nor does a sandbox.
    let all = fs::read_dir("/dev").into_iter().flatten().flatten();
    let block = all.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_block_device())).take(1);
    let block = block.map(|entry| format!("/{}", entry.file_name().display()));
    for target in ["/null", "/zero"].map(str::to_owned).into_iter().chain(block) {
        let target = target.as_str();
        let found = told(&root.find(&path(target)));
        assert_eq!(found, "NotFound", "\nfind of {target:?} in the root /dev: it is a device. {SEE}");
        let identity = root.identify_from_memory(&path(target)).map(|_| "an identity");
        assert_eq!(identity, None, "\nidentify_from_memory of {target:?} in the root /dev: a device. {SEE}");
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
    writer.stays_asleep("find has opened this FIFO, and it must only look");
    // More than once, because a rename by another process may disturb a look-up from memory.
    for _ in 0..3 {
        assert_eq!(site.root.identify_from_memory(&path("/fifo")), None, "a FIFO has no identity. {SEE}");
    }
    writer.stays_asleep("identify_from_memory has opened this FIFO, and it must only look");
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
fn a_file_that_only_its_owner_may_read_is_found_by_its_owner() {
    let site = Site::new();
    for mode in [0o400, 0o600, 0o700] {
        fs::set_permissions(site.www("index.html"), Permissions::from_mode(mode)).expect("the test owns it");
        let found = told(&site.root.find(&path("/index.html")));
        assert_eq!(found, "file: index", "\nfind of a file with the mode {mode:03o}, by its owner. {SEE}");
    }
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
    let folder = site.www("folder");
    fs::set_permissions(&folder, Permissions::from_mode(0o111)).expect("the test owns it");
    let found = thread::scope(|scope| {
        let find = || {
            // As above.
            setfsuid(Uid::from_raw(65534));
            ["/folder", "/folder/"].map(|target| told(&site.root.find(&path(target))))
        };
        scope.spawn(find).join().expect("find does not panic")
    });
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).expect("so that it can be removed");
    assert_eq!(
        found,
        ["directory", "directory"],
        "\nfind of \"/folder\" and of \"/folder/\": a folder is found, and not opened. {SEE}"
    );
}

#[test]
fn running_out_of_descriptors_is_told_apart_from_a_missing_file() {
    // The limit is per process.
    if !is_alone("root::running_out_of_descriptors_is_told_apart_from_a_missing_file") {
        return;
    }
    let site = Site::new();
    let path = path("/index.html");
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    let limit = |soft| setrlimit(Resource::RLIMIT_NOFILE, soft, most).expect("not above the hard limit");
    limit(40);
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

/// A command of fcntl(2) that has to do with leases. The result is -1 if it fails.
fn lease_command(file: &File, command: libc::c_int, value: libc::c_int) -> libc::c_int {
    #[allow(unsafe_code)]
    // SAFETY: the commands take a number, which one of them ignores, and touch no memory of ours.
    unsafe {
        libc::fcntl(file.as_raw_fd(), command, value)
    }
}

/// Takes a lease on a file: other opens wait until it is given back, or until 45 seconds after the kernel has asked for
/// it (fcntl(2)). `false` if the file system has no leases.
fn lease(file: &File) -> bool {
    /// Sets the signal that asks for the lease (fcntl(2)); libc has no name for this command.
    const F_SETSIG: libc::c_int = 10;
    let set = |command, value| lease_command(file, command, value);
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

/// The open of a file on which another process has a lease makes the kernel ask for the lease.
#[test]
fn an_identity_from_memory_opens_no_file() {
    let site = Site::new();
    let held = File::options().read(true).write(true).open(site.www("index.html")).expect("the test's file");
    let identity = site.open("/index.html").identity;
    if !lease(&held) {
        return;
    }
    let deadline = Instant::now() + DEADLINE;
    // One `None` is not a mistake: a rename by another process may disturb the look-up.
    let found = loop {
        let found = site.root.identify_from_memory(&path("/index.html"));
        let asked_for = lease_command(&held, libc::F_GETLEASE, 0) != libc::F_WRLCK;
        assert!(
            !asked_for,
            "\nidentify_from_memory of a file on which another process has a lease: it opened the file, and the kernel \
             has asked for the lease. Look the name up with O_PATH only. {SEE}"
        );
        if found.is_some() || Instant::now() > deadline {
            break found;
        }
        thread::yield_now();
    };
    assert_eq!(found, Some(identity), "\nthe identity of a file on which another process has a lease. {SEE}");
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

/// Whether this process runs nothing but the test of that name. If not, the test has been run in a process of its own.
pub fn is_alone(name: &str) -> bool {
    is_alone_or(name, || ())
}

/// The same. `died` is called if that process has ended without a panic.
pub fn is_alone_or(name: &str, died: impl FnOnce()) -> bool {
    const ALONE: &str = "TEST_IS_ALONE_IN_ITS_PROCESS";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let this = std::env::current_exe().expect("the path of this test program");
    let mut alone = Command::new(this);
    alone.args(["--exact", name, "--nocapture"]).env(ALONE, "1");
    let (output, passed) = verdict::vouched(&mut alone).expect("a process");
    // A failure in that process comes first, as if it were here.
    let said = String::from_utf8_lossy(&output.stderr);
    eprint!("{said}");
    if !passed && !said.contains(" panicked at ") {
        died();
    }
    assert!(passed, "{name}, in a process of its own:\n{}", String::from_utf8_lossy(&output.stdout));
    false
}

#[test]
fn a_file_is_found_whatever_its_name_is() {
    let site = Site::new();
    fs::create_dir(site.www(".folder")).expect("a folder");
    for (name, target) in [
        (".hidden", "/.hidden"),
        (".folder/file", "/.folder/file"),
        ("..a", "/..a"),
        (" ", "/%20"),
        ("%20", "/%2520"),
        ("%2e%2e", "/%252e%252e"),
        ("a?b", "/a%3fb"),
        ("\u{e9}", "/%c3%a9"),
    ] {
        fs::write(site.www(name), name).expect("a file of that name");
        let found = told(&site.root.find(&path(target)));
        assert_eq!(
            found,
            format!("file: {name}"),
            "\nfind of the path {name:?}, which is the name of a file. It is decoded already, and every name is as good \
             as another. {SEE}"
        );
    }
}

#[test]
fn a_file_of_another_file_system_beneath_the_root_is_found() {
    let root = DocumentRoot::open(Path::new("/")).expect("every Linux has this folder");
    let found = told(&root.find(&path("/proc/version")));
    assert!(
        found.starts_with("file: Linux"),
        "find of \"/proc/version\" in the root \"/\": another file system is mounted at /proc, and its files are \
         beneath the root, too. It should be a file, but it is: {found}. {SEE}"
    );
}
