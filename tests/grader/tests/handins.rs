//! Which files of a submission are taken, as learning platforms, operating systems and students pack them.

use grader::grade::Submission;
use lab::course::Course;
use lab::tree;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{Cursor, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::Command;

fn course() -> Course {
    Course::load(&tree::root().expect("a checkout")).expect("labs")
}

/// The text of a file of an exercise as it was handed out.
fn exercise(path: &str) -> String {
    fs::read_to_string(course().root.join("exercises").join(path)).expect("an exercise")
}

/// Files with their paths, in a folder of a student's name.
struct Hand {
    folder: tempfile::TempDir,
}

impl Hand {
    fn new() -> Hand {
        Hand { folder: tempfile::tempdir().expect("a folder") }
    }

    fn folder(&self, name: &str, files: &[(&str, &[u8])]) -> PathBuf {
        let root = self.folder.path().join(name);
        for (path, bytes) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, bytes).expect("a file");
        }
        root
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).expect("a file");
        path
    }
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (path, bytes) in files {
        archive.start_file(*path, zip::write::SimpleFileOptions::default()).expect("an entry");
        archive.write_all(bytes).expect("an entry");
    }
    archive.finish().expect("an archive").into_inner()
}

fn tarred(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, *bytes).expect("an entry");
    }
    archive.into_inner().expect("an archive")
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// What was taken: `queue src/ring.rs` and its text.
fn taken(path: &Path) -> BTreeMap<String, String> {
    let submission =
        Submission::read(&course(), path).unwrap_or_else(|error| panic!("{}: {error:#}", path.display()));
    let parts = submission.parts.into_iter();
    parts
        .flat_map(|(part, files)| {
            files.into_iter().map(move |(file, text)| (format!("{part} {}", file.display()), text))
        })
        .collect()
}

fn names(path: &Path) -> Vec<String> {
    taken(path).into_keys().collect()
}

fn refused(path: &Path) -> String {
    format!("{:#}", Submission::read(&course(), path).expect_err("it is no submission"))
}

fn notes(path: &Path) -> Vec<String> {
    Submission::read(&course(), path).expect("a submission").notes
}

#[test]
fn only_rust_files_of_exercises_are_taken_from_whatever_packs_them() {
    let files: [(&str, &[u8]); 9] = [
        ("work/exercises/queue/src/ring.rs", b"// ring"),
        ("work/exercises/queue/hunts/latch.rs", b"// latch"),
        ("work/exercises/cache/src/deep/er.rs", b"// deep"),
        ("work/exercises/queue/Cargo.toml", b"[package]"),
        ("work/exercises/nonsense/src/lib.rs", b"// nothing"),
        ("work/solutions/stats/src/lib.rs", b"// not theirs"),
        ("work/exercises/queue/saved/1/src/ring.rs", b"// an older one"),
        ("work/tests/suites/queue.rs", b"// a test"),
        ("work/README.md", b"words"),
    ];
    let hand = Hand::new();
    let folder = hand.folder("alice", &files);
    // A link could lead to our solutions.
    let secret = course().root.join("solutions/queue/src/inbox.rs");
    std::os::unix::fs::symlink(secret, folder.join("work/exercises/queue/src/inbox.rs")).expect("a link");
    let tar = tarred(&files);
    let mut packed = vec![
        folder,
        hand.file("alice.zip", &zipped(&files)),
        hand.file("ALICE.ZIP", &zipped(&files)),
        hand.file("alice.tar", &tar),
        hand.file("alice.tar.gz", &gzipped(&tar)),
        hand.file("alice.tgz", &gzipped(&tar)),
        // What a browser on macOS makes of alice.tar.gz, and calls as before.
        hand.file("unpacked.tar.gz", &tar),
    ];
    let plain = hand.file("packed-later.tar", &tar);
    if Command::new("xz").arg(&plain).status().is_ok_and(|status| status.success()) {
        packed.push(plain.with_extension("tar.xz"));
    } else {
        assert!(std::env::var_os("CI_FULL").is_none(), "CI_FULL is set, but there is no xz");
    }
    for path in packed {
        assert_eq!(
            names(&path),
            ["cache src/deep/er.rs", "queue hunts/latch.rs", "queue src/ring.rs"],
            "{path:?}"
        );
    }
}

#[test]
fn an_archive_may_begin_anywhere_in_the_tree() {
    let (hand, ring) = (Hand::new(), exercise("queue/src/ring.rs"));
    let semaphore = exercise("queue/src/semaphore.rs");
    let (ring, semaphore) = (ring.as_bytes(), semaphore.as_bytes());
    for (name, files) in [
        ("in exercises", vec![("queue/src/ring.rs", ring), ("queue/src/semaphore.rs", semaphore)]),
        ("in the exercise", vec![("src/ring.rs", ring), ("src/semaphore.rs", semaphore)]),
        ("flat", vec![("ring.rs", ring), ("semaphore.rs", semaphore)]),
        (
            "GitHub",
            vec![
                ("labs-ada-main/exercises/queue/src/ring.rs", ring),
                ("labs-ada-main/exercises/queue/src/semaphore.rs", semaphore),
            ],
        ),
        (
            "in a folder that is called as a part",
            vec![
                ("threads/src/exercises/queue/src/ring.rs", ring),
                ("threads/src/exercises/queue/src/semaphore.rs", semaphore),
            ],
        ),
        (
            "with whole paths",
            vec![
                ("/home/ada/labs/exercises/queue/src/ring.rs", ring),
                ("../labs/exercises/queue/src/semaphore.rs", semaphore),
            ],
        ),
        (
            "Windows",
            vec![
                ("labs\\exercises\\queue\\src\\ring.rs", ring),
                ("labs\\exercises\\queue\\src\\semaphore.rs", semaphore),
            ],
        ),
        (
            "Canvas",
            vec![
                ("lovelaceada_4711_90210_ring.rs", ring),
                ("lovelaceada_4711_90211_semaphore-1.rs", semaphore),
            ],
        ),
        (
            "macOS",
            vec![
                ("labs/exercises/queue/src/ring.rs", ring),
                ("labs/exercises/queue/src/semaphore.rs", semaphore),
                ("__MACOSX/labs/exercises/queue/src/._ring.rs", b"\0\x05\x16\x07"),
                ("labs/exercises/queue/src/._semaphore.rs", b"\0\x05"),
            ],
        ),
    ] {
        let path = hand.file(&format!("{name}.zip"), &zipped(&files));
        assert_eq!(names(&path), ["queue src/ring.rs", "queue src/semaphore.rs"], "{name}");
    }
}

#[test]
fn links_are_not_followed_and_the_refusal_says_so() {
    let hand = Hand::new();
    let mut tar = tar::Builder::new(Vec::new());
    for kind in [tar::EntryType::Link, tar::EntryType::Symlink] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        tar.append_link(&mut header, RING, "elsewhere.rs").expect("an entry");
    }
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_symlink(RING, "elsewhere.rs", zip::write::SimpleFileOptions::default()).expect("an entry");
    let link = format!("there is no Rust file in it, but {RING} (a link, and links are not followed)");
    for path in [
        hand.file("links.tar", &tar.into_inner().expect("an archive")),
        hand.file("links.zip", &zip.finish().expect("an archive").into_inner()),
    ] {
        assert!(refused(&path).contains(&link), "{}", refused(&path));
    }
}

/// Of the oldest kind, as busybox and old Solaris make them: its headers do not name the format.
#[test]
fn a_tar_archive_without_a_mark_is_read() {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_old();
    header.set_path(RING).expect("a short path");
    header.set_size(7);
    header.set_cksum();
    archive.append(&header, &b"// ring"[..]).expect("an entry");
    let bytes = archive.into_inner().expect("an archive");
    let hand = Hand::new();
    for path in [hand.file("old.tar", &bytes), hand.file("old.tar.gz", &gzipped(&bytes))] {
        assert_eq!(names(&path), ["queue src/ring.rs"]);
    }
}

/// The labs 3 and 5 both have a semaphore.rs.
#[test]
fn of_two_labs_with_files_of_one_name_the_functions_decide() {
    let hand = Hand::new();
    for part in ["queue", "stats"] {
        let text = exercise(&format!("{part}/src/semaphore.rs"));
        let path = hand.folder(part, &[("semaphore.rs", text.as_bytes())]).join("semaphore.rs");
        assert_eq!(names(&path), [format!("{part} src/semaphore.rs")]);
    }
}

/// As Moodle hands out all submissions: a folder for each student, with what the student has uploaded.
#[test]
fn an_archive_in_a_folder_is_unpacked_and_one_in_an_archive_too() {
    let hand = Hand::new();
    let inner = zipped(&[("exercises/queue/src/ring.rs", b"// ring")]);
    let folder = hand.folder("Ada Lovelace_90210_assignsubmission_file_", &[("lab3.zip", &inner)]);
    assert_eq!(names(&folder), ["queue src/ring.rs"]);
    let outer = hand.file("outer.zip", &zipped(&[("lab3.zip", &inner)]));
    assert_eq!(names(&outer), ["queue src/ring.rs"]);
    assert_eq!(
        Submission::read(&course(), &folder).expect("a submission").name,
        "Ada Lovelace_90210_assignsubmission_file_"
    );
}

#[test]
fn of_two_copies_the_one_nearer_to_the_top_is_taken_and_the_report_says_so() {
    let hand = Hand::new();
    let folder = hand.folder(
        "alice",
        &[
            ("labs/exercises/queue/src/ring.rs", b"// mine"),
            ("labs/old/backup/exercises/queue/src/ring.rs", b"// older"),
            ("labs/again/exercises/queue/src/ring.rs", b"// mine"),
        ],
    );
    assert_eq!(taken(&folder)["queue src/ring.rs"], "// mine");
    let notes = notes(&folder);
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("labs/old/backup/exercises/queue/src/ring.rs was not"), "{notes:?}");
}

/// Only the alphabet would choose between them.
#[test]
fn of_two_copies_that_are_equally_near_to_the_top_none_is_guessed() {
    let hand = Hand::new();
    let (backup, last) = ("backup/exercises/queue/src/ring.rs", "final/exercises/queue/src/ring.rs");
    let cache: (&str, &[u8]) = ("exercises/cache/src/clock.rs", b"// another lab");
    let path = hand.folder("both", &[cache, (backup, b"// older"), (last, b"// mine")]);
    let why = format!("{backup} and {last} may both be meant as {RING}: hand in one");
    assert_eq!(refused_lab(&path, "queue"), why);
    let shipped = exercise("queue/src/ring.rs");
    let path = hand.folder("one", &[cache, (backup, shipped.as_bytes()), (last, b"// mine")]);
    assert_eq!(taken(&path)["queue src/ring.rs"], "// mine");
    // Files that are ours are ours in every copy.
    let [one, other] = ["a", "b"].map(|folder| format!("{folder}/exercises/queue/src/lib.rs"));
    let path = hand.folder("ours", &[(&one, b"// one"), (&other, b"// other"), (last, b"// mine")]);
    assert_eq!(taken(&path)["queue src/ring.rs"], "// mine");
}

/// `mod waiters;` in semaphore.rs means `semaphore/waiters.rs`, wherever both are.
#[test]
fn modules_beside_a_file_with_holes_go_with_it() {
    let (hand, text) = (Hand::new(), exercise("queue/src/semaphore.rs").replace("todo!", "mine!"));
    let expected =
        ["queue src/semaphore.rs", "queue src/semaphore/deep/er.rs", "queue src/semaphore/waiters.rs"];
    for (number, (folder, name)) in [
        ("exercises/queue/src/", "semaphore.rs"),
        ("queue/src/", "semaphore.rs"),
        ("src/", "semaphore.rs"),
        ("lab3/src/", "semaphore.rs"),
        ("", "semaphore.rs"),
        ("my work/", "semaphore.rs"),
        ("", "lovelaceada_4711_90210_semaphore-1.rs"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = |name: &str| format!("{folder}{name}");
        let files = [path(name), path("semaphore/waiters.rs"), path("semaphore/deep/er.rs")];
        // Beside nothing, or beside a file that is no exercise's.
        let more = ["elsewhere/semaphore/waiters.rs".to_owned(), "vendor/ring/lib.rs".to_owned()];
        let mut files: Vec<(&str, &[u8])> =
            files.iter().chain(&more).map(|name| (&**name, &b"// a module"[..])).collect();
        files[0].1 = text.as_bytes();
        let path = hand.file(&format!("{number}.zip"), &zipped(&files));
        assert_eq!(names(&path), expected, "beside {folder}{name}");
    }
    let flat: [(&str, &[u8]); 2] = [("semaphore.rs", text.as_bytes()), ("semaphore/waiters.rs", UTF_16)];
    let said = refused_lab(&hand.folder("unreadable", &flat), "queue");
    assert!(said.starts_with("semaphore/waiters.rs cannot be used: it is in UTF-16"), "{said}");
}

/// Rust takes both names, but not both files.
#[test]
fn a_mod_rs_is_taken_as_the_file_with_holes_if_that_was_not_handed_in() {
    let (hand, text) = (Hand::new(), exercise("queue/src/semaphore.rs").replace("todo!", "mine!"));
    let shipped = exercise("queue/src/semaphore.rs");
    for (number, folder) in ["exercises/queue/src/", "src/", ""].into_iter().enumerate() {
        let path = |name: &str| format!("{folder}{name}");
        let (own, module) = (path("semaphore/mod.rs"), path("semaphore/waiters.rs"));
        let hole = path("semaphore.rs");
        let files: [(&str, &[u8]); 3] =
            [(&own, text.as_bytes()), (&module, b"// a module"), (&hole, shipped.as_bytes())];
        let only = hand.file(&format!("{number}.zip"), &zipped(&files[..2]));
        let both = hand.file(&format!("both-{number}.zip"), &zipped(&files));
        for archive in [&only, &both] {
            assert_eq!(names(archive), ["queue src/semaphore.rs", "queue src/semaphore/waiters.rs"]);
            assert_eq!(taken(archive)["queue src/semaphore.rs"], text);
            let note = format!("{own} was taken as exercises/queue/src/semaphore.rs.");
            assert_eq!(notes(archive)[0], note);
        }
    }
    let path =
        hand.folder("work in both", &[(RING, b"// mine"), ("exercises/queue/src/ring/mod.rs", b"// older")]);
    assert_eq!(taken(&path)["queue src/ring.rs"], "// mine");
}

/// Somebody packs the work in the folder of the work, and hands in the folder.
#[test]
fn an_archive_inside_of_exercises_is_found_and_does_not_win_over_the_work_beside_it() {
    let hand = Hand::new();
    let inner = zipped(&[("queue/src/ring.rs", b"// packed"), ("queue/src/inbox.rs", b"// packed")]);
    let both =
        hand.folder("both", &[("exercises/work.zip", &inner), ("exercises/queue/src/ring.rs", b"// mine")]);
    let both = taken(&both);
    assert_eq!(both["queue src/ring.rs"], "// mine");
    assert_eq!(both["queue src/inbox.rs"], "// packed");
    let only =
        hand.folder("only", &[("labs/exercises/queue.zip", &zipped(&[("src/ring.rs", b"// packed")]))]);
    assert_eq!(taken(&only)["queue src/ring.rs"], "// packed");
    let outer = zipped(&[("labs/exercises/exercises.ZIP", &inner)]);
    assert_eq!(names(&hand.file("outer.zip", &outer)), ["queue src/inbox.rs", "queue src/ring.rs"]);
}

/// Editors and file managers leave them; the student worked in the file with the right name.
#[test]
fn backup_copies_beside_the_work_are_not_taken_for_it() {
    let (hand, ring) = (Hand::new(), exercise("queue/src/ring.rs"));
    let mine = format!("{ring}// mine\n");
    let copies = [
        "ring copy.rs",
        "ring - Copy.rs",
        "ring (1).rs",
        "Copy of ring.rs",
        "ring.rs~",
        "ring.rs.bak",
        "#ring.rs#",
        ".ring.rs.swp",
    ];
    for folder in ["exercises/queue/src", "src", ""] {
        let path = |name: &str| format!("{folder}/{name}").trim_start_matches('/').to_owned();
        let files: Vec<(String, &[u8])> = copies
            .iter()
            .map(|name| (path(name), ring.as_bytes()))
            .chain([(path("ring.rs"), mine.as_bytes())])
            .collect();
        let files: Vec<(&str, &[u8])> = files.iter().map(|(name, text)| (name.as_str(), *text)).collect();
        let archive = hand.file(&format!("copies-{}.zip", folder.len()), &zipped(&files));
        assert_eq!(taken(&archive)["queue src/ring.rs"], mine, "in {folder:?}");
    }
    // If only a copy was handed in, it is the work.
    let only = hand.folder("only", &[("ring - Copy.rs", mine.as_bytes())]);
    assert_eq!(taken(&only)["queue src/ring.rs"], mine);
}

/// A folder with an umlaut, from a computer that does not write UTF-8: `M\xfcller`.
#[test]
fn names_in_latin_1_are_no_obstacle() {
    let hand = Hand::new();
    let name = |end: &[u8]| OsString::from_vec([b"M\xfcller".as_slice(), end].concat());
    let folder = hand.folder.path().join(name(b""));
    let deep = folder.join(name(b"s work")).join("exercises/queue/src");
    fs::create_dir_all(&deep).expect("a folder");
    fs::write(deep.join("ring.rs"), "// ring").expect("a file");
    assert_eq!(names(&folder), ["queue src/ring.rs"]);
    assert_eq!(Submission::read(&course(), &folder).expect("a submission").name, "M\u{fffd}ller");
    let mut header = tar::Header::new_gnu();
    let mut archive = tar::Builder::new(Vec::new());
    header.set_size(7);
    header.set_mode(0o644);
    let path = Path::new(&name(b"")).join("exercises/queue/src/ring.rs");
    archive.append_data(&mut header, &path, b"// ring".as_slice()).expect("an entry");
    let tar = archive.into_inner().expect("an archive");
    let path = hand.folder.path().join(name(b".tar.gz"));
    fs::write(&path, gzipped(&tar)).expect("a file");
    assert_eq!(names(&path), ["queue src/ring.rs"]);
    // Of a zip, the name is bytes that some programs write without saying in which encoding.
    let mut zip = zipped(&[("Mxller/exercises/queue/src/ring.rs", b"// ring")]);
    let places: Vec<usize> = (0..zip.len() - 6).filter(|&at| &zip[at..at + 6] == b"Mxller").collect();
    assert_eq!(places.len(), 2, "the entry, and the list of entries");
    places.into_iter().for_each(|at| zip[at + 1] = 0xfc);
    assert_eq!(names(&hand.file("latin.zip", &zip)), ["queue src/ring.rs"]);
}

#[test]
fn what_older_editors_write_is_read() {
    let hand = Hand::new();
    let latin = hand.folder("latin", &[("exercises/queue/src/ring.rs", b"// caf\xe9")]);
    assert_eq!(taken(&latin)["queue src/ring.rs"], "// caf\u{e9}");
    assert!(notes(&latin)[0].contains("read as Latin-1"));
    let marked = hand.folder("marked", &[("exercises/queue/src/ring.rs", b"\xef\xbb\xbf// ring")]);
    assert_eq!(taken(&marked)["queue src/ring.rs"], "// ring");
}

#[test]
fn a_refusal_says_what_was_found_and_what_was_looked_for() {
    let hand = Hand::new();
    assert!(refused(&hand.file("essay.pdf", b"%PDF")).contains("neither a folder nor an archive"));
    for (name, bytes, said) in [
        (
            "lab.tar.bz2",
            &b"BZh91AY&SY"[..],
            "lab.tar.bz2 is packed with bzip2, which cannot be read here; make a zip archive",
        ),
        ("lab.tar.zst", b"\x28\xb5\x2f\xfd", "lab.tar.zst is packed with Zstandard, "),
        ("lab.zip", b"7z\xbc\xaf\x27\x1c", "lab.zip is packed with 7-Zip, "),
        ("lab.rar", b"Rar!\x1a\x07\0", "lab.rar is packed with RAR, "),
        ("lab.bundle", b"# v2 git bundle\n", "lab.bundle is a git bundle, "),
        ("ring.rs.txt", b"// mine", "ring.rs.txt does not end in .rs; hand it in as ring.rs"),
        ("lab.zip", b"", "lab.zip is an empty file; hand it in again"),
        ("ring.rs.gz", &gzipped(&[b'/'; 600]), "there is no tar archive in it; make a zip archive"),
    ] {
        let path = hand.file(name, bytes);
        assert!(refused(&path).starts_with(said), "{}", refused(&path));
    }
    let mut second_broken = tarred(&[("notes.txt", &[b'x'; 512]), ("ring.rs", b"// mine")]);
    second_broken[1024..1536].fill(b'x');
    assert_eq!(refused(&hand.file("second.tar", &second_broken)), "the tar archive is broken");
    let packed = refused(&hand.folder("packed", &[("lab3.7z", b"7z")]));
    assert!(packed.contains("but lab3.7z; archives must be .zip, .tar, .tar.gz or .tar.xz"), "{packed}");
    assert!(refused(&hand.file("broken.zip", b"PK\x03\x04 broken")).contains("zip archive is broken"));
    assert!(refused(&hand.file("broken.tar.gz", &[0x1f, 0x8b, 8])).contains("archive"));
    let wrong = refused(&hand.folder("wrong", &[("notes.txt", b"words"), ("essay.doc", b"words")]));
    assert!(
        wrong.contains("there is no Rust file in it, but essay.doc, notes.txt")
            || wrong.contains("notes.txt, essay.doc"),
        "{wrong}"
    );
    assert!(
        wrong.contains("exercises/<part>/src/") && wrong.contains("names that they have there"),
        "{wrong}"
    );
    assert!(wrong.len() < 250, "a row of a table has {} bytes: {wrong}", wrong.len());
    let other = refused(&hand.folder("other", &[("main.rs", b"fn main() {}")]));
    assert!(other.contains("its Rust files are main.rs"), "{other}");
    let empty = hand.folder("empty", &[("folder/x", b"")]);
    fs::remove_file(empty.join("folder/x")).expect("a file");
    assert!(refused(&empty).contains("it is empty"));
    let long = hand.folder("long", &[("exercises/queue/src/ring.rs", &vec![b' '; (1 << 20) + 1])]);
    assert!(refused(&long).contains("longer than 1 MiB"));
}

const RING: &str = "exercises/queue/src/ring.rs";
/// What some editors on Windows write.
const UTF_16: &[u8] = b"\xff\xfe/\0/\0";

/// The sentence of the one lab that is refused.
fn refused_lab(path: &Path, part: &str) -> String {
    let submission = Submission::read(&course(), path).expect("a submission with another lab in it");
    assert_eq!(Vec::from_iter(submission.refused.keys()), [part]);
    submission.refused[part].clone()
}

#[test]
fn a_file_that_no_lab_needs_may_be_broken() {
    let hand = Hand::new();
    let long = vec![b' '; (1 << 20) + 1];
    let mut cut_off = gzipped(&tarred(&[("notes.txt", &long), ("more.txt", b"words")]));
    cut_off.truncate(cut_off.len() - 20);
    let files: [(&str, &[u8]); 9] = [
        (RING, b"// ring"),
        ("exercises/queue/src/lib.rs", UTF_16),
        ("exercises/queue/src/long.rs", &long),
        ("scratch.rs", UTF_16),
        ("long.rs", &long),
        ("old/ring.rs", UTF_16),
        ("notes.zip", b"PK\x03\x04 broken"),
        ("notes.tar.gz", &cut_off),
        ("notes.tar.xz", b"\xfd7zXZ\0 broken"),
    ];
    for path in [hand.folder("folder", &files), hand.file("packed.zip", &zipped(&files))] {
        assert_eq!(taken(&path), BTreeMap::from([("queue src/ring.rs".to_owned(), "// ring".to_owned())]));
        let notes = notes(&path);
        assert_eq!(notes.len(), 1, "{notes:#?}");
        for part in [
            "Not looked at: ",
            "exercises/queue/src/lib.rs (it is in UTF-16, and Rust is written in UTF-8; save it again in UTF-8)",
            "exercises/queue/src/long.rs (it is longer than 1 MiB)",
            "old/ring.rs (it is in UTF-16",
            "notes.zip (the zip archive is broken",
            "notes.tar.gz (",
            "notes.tar.xz (",
        ] {
            assert!(notes[0].contains(part), "{part} should be in: {}", notes[0]);
        }
    }
    // Sources of others, as `cargo vendor` writes them, are more than a submission may have.
    let vendored: Vec<String> = (0..9).map(|number| format!("vendor/{number}.rs")).collect();
    let mut files: Vec<(&str, &[u8])> = vendored.iter().map(|name| (&**name, &long[1..])).collect();
    files.push((RING, b"// ring"));
    assert_eq!(names(&hand.file("vendored.zip", &zipped(&files))), ["queue src/ring.rs"]);
}

#[test]
fn work_that_cannot_be_read_is_refused_in_one_sentence() {
    let hand = Hand::new();
    let cache: (&str, &[u8]) = ("exercises/cache/src/clock.rs", b"// another lab");
    let with = |name: &str, path: &str, bytes: &[u8]| hand.folder(name, &[cache, (path, bytes)]);
    let utf_16 = "cannot be used: it is in UTF-16, and Rust is written in UTF-8; save it again in UTF-8";
    assert_eq!(refused_lab(&with("utf-16", RING, UTF_16), "queue"), format!("{RING} {utf_16}"));
    assert_eq!(refused_lab(&with("flat", "ring.rs", UTF_16), "queue"), format!("ring.rs {utf_16}"));
    assert_eq!(
        refused_lab(&with("module", "exercises/queue/src/ring/mine.rs", b"\0"), "queue"),
        "exercises/queue/src/ring/mine.rs cannot be used: it is not text in UTF-8"
    );
    let long = vec![b' '; (1 << 20) + 1];
    assert_eq!(
        refused_lab(&with("long", RING, &long), "queue"),
        format!("{RING} cannot be used: it is longer than 1 MiB")
    );
    // As it was handed out, it is not the work.
    let shipped = exercise("queue/src/ring.rs");
    let path = hand.folder("shipped", &[cache, (RING, shipped.as_bytes()), ("ring.rs", UTF_16)]);
    assert_eq!(refused_lab(&path, "queue"), format!("ring.rs {utf_16}"));
    // It is read before the archive turns out to be broken.
    let mut cut_off = gzipped(&tarred(&[(RING, b"// ring"), ("noise", &noise())]));
    cut_off.truncate(cut_off.len() / 2);
    let said = refused_lab(&with("cut off", "lab3.tar.gz", &cut_off), "queue");
    assert!(
        said.starts_with("lab3.tar/exercises/queue/src/ring.rs cannot be used: it was in lab3.tar.gz: "),
        "{said}"
    );
    let said = refused(&hand.folder("alone", &[("lab3.zip", b"PK\x03\x04 broken")]));
    assert!(said.starts_with("it has no exercise: nothing in it can be read; not looked at: lab3.zip (the zip archive is broken"), "{said}");
}

/// Bytes that do not get smaller.
fn noise() -> Vec<u8> {
    std::iter::successors(Some(1_u32), |seed| Some(seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223)))
        .map(|seed| seed.to_be_bytes()[0])
        .take(100_000)
        .collect()
}

#[test]
fn a_zip_archive_that_is_packed_in_a_rare_way_is_told_which_and_what_to_do() {
    let hand = Hand::new();
    for (number, method) in
        [(12, "bzip2"), (14, "LZMA"), (9, "Deflate64"), (93, "Zstandard"), (95, "xz"), (98, "PPMd")]
    {
        let path = hand.file("rare.zip", &with_field(10, 8, number));
        assert_eq!(
            refused(&path),
            format!(
                "{RING} cannot be used: it is compressed with {method}; make the zip archive again, with the usual \
                 method, Deflate"
            )
        );
    }
    let path = hand.file("secret.zip", &with_field(8, 6, 1));
    assert_eq!(
        refused(&path),
        format!("{RING} cannot be used: it is encrypted; make the zip archive again, without a password")
    );
}

/// A zip archive in which a field of two bytes, at these places in the list of entries and in the entry, is another.
fn with_field(in_list: usize, in_entry: usize, value: u8) -> Vec<u8> {
    let mut zip = zipped(&[(RING, b"// ring")]);
    for (magic, at) in [(b"PK\x01\x02", in_list), (b"PK\x03\x04", in_entry)] {
        let start = zip.windows(4).position(|bytes| bytes == magic).expect("a header");
        zip[start + at] = value;
    }
    zip
}

#[test]
fn a_name_in_other_case_is_taken_if_it_is_the_only_one() {
    let hand = Hand::new();
    let text = exercise("queue/src/ring.rs").replace("todo!", "mine!");
    let (text, other) = (text.as_bytes(), b"fn push(mine".as_slice());
    for name in ["exercises/queue/src/Ring.rs", "Ring.RS", "lovelaceada_4711_90210_RING-1.rs"] {
        let path = hand.file("case.zip", &zipped(&[(name, text)]));
        assert_eq!(names(&path), ["queue src/ring.rs"]);
        assert_eq!(
            notes(&path),
            [format!("{name} was taken as {RING}, although upper and lower case differ.")]
        );
    }
    let cased = "exercises/queue/src/Ring.rs";
    let path = hand.file("both.zip", &zipped(&[(cased, other), (RING, text)]));
    assert_eq!(taken(&path)["queue src/ring.rs"].as_bytes(), text);
    assert_eq!(notes(&path), [format!("There are two of {RING}: {RING} was taken, and {cased} was not.")]);
    let path = hand.file("two.zip", &zipped(&[(cased, other), ("exercises/queue/src/RING.rs", text)]));
    assert_eq!(
        refused_lab(&path, "queue"),
        format!(
            "exercises/queue/src/RING.rs and {cased} may both be meant as {RING}: hand in one, with that name"
        )
    );
}

/// A few kilobytes of which much more comes.
#[test]
fn an_archive_is_limited_by_what_comes_out_of_it() {
    let hand = Hand::new();
    let zeros = vec![0; 32 << 20];
    let packed = gzipped(&tarred(&[("zeros", &zeros), ("exercises/queue/src/ring.rs", b"// ring")]));
    assert!(packed.len() < 1 << 20, "it is small: {} bytes", packed.len());
    let path = hand.file("bomb.tar.gz", &packed);
    let within = |most| Submission::read_within(&course(), &path, most).map_err(|error| format!("{error:#}"));
    assert_eq!(within(16 << 20).expect_err("too much"), "more than 16 MiB come out of its archive");
    within(64 << 20).expect("a submission with much else in it");
    // Many in a zip that are called archives: each is unpacked, to look what it is.
    let small = &zeros[..8 << 20];
    let path = hand.file("many.zip", &zipped(&[("1.zip", small), ("2.zip", small), ("3.tar", small)]));
    let within = |most| Submission::read_within(&course(), &path, most).map_err(|error| format!("{error:#}"));
    assert_eq!(within(16 << 20).expect_err("too much"), "more than 16 MiB come out of its archive");
    // The same as one source file, in a zip.
    let path = hand.file("bomb.zip", &zipped(&[("exercises/queue/src/ring.rs", &zeros)]));
    assert!(refused(&path).contains("longer than 1 MiB"));
}

/// If our exercise were cut once for each of them, this would take several minutes.
#[test]
fn many_files_that_cannot_be_read_take_no_longer_than_others() {
    let names: Vec<String> = (0..20_000).map(|number| format!("exercises/queue/src/{number}.rs")).collect();
    let mut files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"\0".as_slice())).collect();
    files.push(("exercises/queue/src/ring.rs", b"// ring"));
    let hand = Hand::new();
    let path = hand.file("many.tar", &tarred(&files));
    let [said] = &notes(&path)[..] else { panic!("one note, not one for each") };
    assert!(said.ends_with("and 19988 more."), "{said}");
}

/// What no file of a checkout can be called, and more modules than there can be, are no failure of the grader.
#[test]
fn names_that_no_file_can_have_are_refused_in_one_sentence() {
    let hand = Hand::new();
    let cache: (&str, &[u8]) = ("exercises/cache/src/clock.rs", b"// another lab");
    let with = |name: &str, bytes: &[u8]| {
        let module = format!("exercises/queue/src/semaphore/{name}.rs");
        hand.file("names.zip", &zipped(&[cache, (&module, bytes)]))
    };
    let long = "its name is longer than names of files can be";
    for (name, why) in [
        ("a".repeat(300), long),
        (["deep/"; 300].concat() + "a", long),
        ("a\0b".to_owned(), "its name has a NUL in it"),
    ] {
        let said = refused_lab(&with(&name, b"// mine"), "queue");
        assert!(said.ends_with(&format!("cannot be used: {why}")), "{said}");
    }
    assert!(
        Submission::read(&course(), &with(&"a".repeat(200), b"// mine")).expect("work").refused.is_empty()
    );
    let said = refused(&with(&"deep/".repeat(1_000), b"// mine"));
    assert_eq!(said, "one of its names has more than 4096 bytes");
    let names: Vec<String> =
        (0..1_001).map(|number| format!("exercises/queue/src/semaphore/{number}.rs")).collect();
    let mut files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"// mine"[..])).collect();
    files.push(cache);
    let said = refused_lab(&hand.file("many.zip", &zipped(&files)), "queue");
    assert_eq!(said, "1001 of its files belong to exercises/queue, and 1000 may");
}

/// A teacher may have linked folders under the names that the platform gave.
#[test]
fn a_link_has_its_own_name_and_a_path_that_ends_in_dots_that_of_its_folder() {
    let hand = Hand::new();
    let stored = hand.folder("0001", &[("exercises/queue/src/ring.rs", b"// ring")]);
    let link = hand.folder.path().join("Ada Lovelace_7_assignsubmission_file_");
    std::os::unix::fs::symlink(&stored, &link).expect("a link");
    let name = |path: &Path| Submission::read(&course(), path).expect("a submission").name;
    assert_eq!(name(&link), "Ada Lovelace_7_assignsubmission_file_");
    assert_eq!([stored.join("."), stored.join("exercises/..")].map(|path| name(&path)), ["0001", "0001"]);
}

/// Each may need a process, so a submission with thousands of them would take long.
#[test]
fn of_many_archives_in_an_archive_the_first_are_unpacked() {
    let hand = Hand::new();
    let with_work_in = |place: usize| {
        let inner = |number| match number == place {
            true => zipped(&[("exercises/queue/src/ring.rs", b"// ring")]),
            false => zipped(&[("notes.txt", b"words")]),
        };
        let archives: Vec<(String, Vec<u8>)> =
            (0..101).map(|number| (format!("{number}.zip"), inner(number))).collect();
        let files: Vec<(&str, &[u8])> =
            archives.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        hand.file("many.zip", &zipped(&files))
    };
    assert_eq!(names(&with_work_in(99)), ["queue src/ring.rs"]);
    let said = refused(&with_work_in(100));
    assert!(said.contains("100.zip (only 100 archives in a submission are unpacked)"), "{said}");
}

/// A submission's folder of reports is beside those of all, and whatever it is called, there must be room for it.
#[test]
fn a_name_cannot_take_the_place_of_a_report() {
    let hand = Hand::new();
    let name = |name: &str| {
        let path = hand.folder(name, &[("exercises/queue/src/ring.rs", b"// ring")]);
        Submission::read(&course(), &path).expect("a submission").name
    };
    for taken in ["grades.csv", "junit.xml", "gradebook.CSV", "grades.new"] {
        assert_eq!(name(taken), format!("{taken}_"));
    }
    assert_eq!(name("=cmd()\n\u{1b}[2Jada\u{202e}"), "=cmd()_ada");
    let longest = name(&"ä".repeat(127));
    assert!(longest.len() <= 200 && longest.starts_with("ää"), "{} bytes of {longest}", longest.len());
}

/// Nobody means to hand in what was handed out, and who adds to an archive means what was added.
#[test]
fn of_two_copies_the_one_with_work_in_it_counts_and_of_one_name_the_later_one() {
    let hand = Hand::new();
    let (shipped, mine) = (exercise("queue/src/ring.rs"), b"// mine".as_slice());
    let ring = PathBuf::from("src/ring.rs");
    let taken =
        |path: &Path| Submission::read(&course(), path).expect("a submission").parts["queue"][&ring].clone();
    let path = hand.file(
        "two.zip",
        &zipped(&[
            ("exercises/queue/src/ring.rs", shipped.as_bytes()),
            ("my/exercises/queue/src/ring.rs", mine),
        ]),
    );
    assert_eq!(taken(&path), "// mine");
    let path = hand.file(
        "flat.zip",
        &zipped(&[("exercises/queue/src/ring.rs", shipped.as_bytes()), ("ring.rs", b"fn push(mine")]),
    );
    assert_eq!(taken(&path), "fn push(mine");
    let name = "exercises/queue/src/ring.rs";
    let path = hand.file("added.tar", &tarred(&[(name, b"// older"), (name, mine)]));
    assert_eq!(taken(&path), "// mine");
    assert_eq!(notes(&path), [format!("{name} is there twice; the later one was taken.")]);
}

#[test]
fn a_folder_for_modules_of_target_rs_is_no_folder_of_cargo() {
    let hand = Hand::new();
    let folder = hand.folder(
        "modules",
        &[
            ("exercises/request/src/target.rs", b"mod dots;"),
            ("exercises/request/src/target/dots.rs", b"// mine"),
            ("exercises/request/target/debug/build.rs", b"// cargo's"),
        ],
    );
    assert_eq!(names(&folder), ["request src/target.rs", "request src/target/dots.rs"]);
}
