//! The folders of a checkout: which files it has, and copies of it.

use anyhow::{Context, Result, ensure};
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::code::code;
use crate::course::{Hunt, Lab};

/// The files of an exercise, by their path in its folder.
pub type Files = BTreeMap<PathBuf, String>;

/// The root of the checkout that cargo runs this program in, or else of the one that the current folder is in.
///
/// Where the program was compiled says nothing: who copies a checkout may copy what was built in it, and cargo does not
/// build that again.
///
/// # Errors
/// If it is run outside of a checkout.
pub fn root() -> Result<PathBuf> {
    let current = std::env::current_dir().context("there is no current folder")?;
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    package.as_deref().and_then(root_above).or_else(|| root_above(&current)).with_context(|| {
        format!("{} is not inside a copy of the course: run `cargo lab` in one", current.display())
    })
}

/// The root of the checkout that a folder is in.
fn root_above(folder: &Path) -> Option<PathBuf> {
    let folder = folder.canonicalize().ok()?;
    folder.ancestors().find(|above| above.join("tests/labs").is_dir()).map(Path::to_owned)
}

/// The folder in which `cargo lab` keeps its own files; made if it is missing.
///
/// # Errors
/// If it cannot be made.
pub fn memory(root: &Path) -> Result<PathBuf> {
    let folder = target(root).join("lab");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// Whether git reports that nothing in a folder was changed since the last commit. `false` without git.
pub fn is_as_committed(root: &Path, folder: &Path) -> bool {
    let mut diff = Command::new("git");
    diff.args(["diff", "--quiet", "HEAD", "--"]).arg(folder).current_dir(root);
    root.join(".git").exists() && diff.output().is_ok_and(|output| output.status.success())
}

/// Where cargo puts what it builds.
pub fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

/// What is built and tested: all files that git knows or would add, by their path from the root, so that the author of a
/// new file can try it before `git add`. Without git, all files but those in `target`. Give others only what
/// [`published`] has.
///
/// # Errors
/// If the folder cannot be read.
pub fn files(root: &Path) -> Result<Vec<PathBuf>> {
    if root.join(".git").exists()
        && let Ok(listed) = git_lists(root, &["--cached", "--others", "--exclude-standard"])
    {
        return Ok(listed.iter().map(PathBuf::from).filter(|path| root.join(path).is_file()).collect());
    }
    let mut found = Vec::new();
    walk(root, Path::new(""), &mut found)?;
    Ok(found)
}

/// The names that `git ls-files` prints.
fn git_lists(root: &Path, what: &[&str]) -> Result<Vec<String>> {
    let mut git = Command::new("git");
    let listed = git.arg("ls-files").args(what).arg("-z").current_dir(root).output();
    let listed = listed.context("cannot run git")?;
    let said = String::from_utf8_lossy(&listed.stderr);
    ensure!(listed.status.success(), "git cannot list the files of {}: {}", root.display(), said.trim());
    let names = String::from_utf8(listed.stdout).context("a file's name is not UTF-8")?;
    Ok(names.split_terminator('\0').map(str::to_owned).collect())
}

/// The files and folders of the course. Where it is in no git repository, they tell it from what else is beside it.
const TOP: [&str; 18] = [
    ".cargo",
    ".ci",
    ".devcontainer",
    ".dockerignore",
    ".gitignore",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "book",
    "exercises",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "solutions",
    "stages",
    "tests",
];
/// How many names a message lists.
const LISTED: usize = 6;

/// What of a checkout may be given to others.
#[derive(Debug)]
pub struct Published {
    /// The files, by their path from the root.
    pub files: Vec<PathBuf>,
    /// What else is in the checkout; of a folder with nothing else in it, only its name and a slash.
    pub left_out: Vec<String>,
    /// Why.
    why: &'static str,
}

/// The files that git tracks, as they are now. Beside them, a teacher's checkout has submissions, reports and exams.
/// Where no git repository has the course, as in a downloaded archive, its own files and folders at the top.
///
/// # Errors
/// If git or the folder cannot be read.
pub fn published(root: &Path) -> Result<Published> {
    let tracked = git_lists(root, &["--cached"]);
    // A copy of the course may be in another repository that does not track it.
    if root.join(".git").exists() || tracked.as_ref().is_ok_and(|names| !names.is_empty()) {
        let files = tracked?.iter().map(PathBuf::from).filter(|path| root.join(path).is_file()).collect();
        let others = ["--others", "--exclude-standard", "--directory", "--no-empty-directory"];
        let why = "git does not track them (`git add` what should be there too)";
        return Ok(Published { files, left_out: git_lists(root, &others)?, why });
    }
    let is_ours = |path: &Path| path.iter().next().is_some_and(|top| TOP.iter().any(|ours| top == *ours));
    let (files, others): (Vec<_>, Vec<_>) = files(root)?.into_iter().partition(|path| is_ours(path));
    let top = |path: PathBuf| {
        let name = path.iter().next().unwrap_or_default().to_string_lossy().into_owned();
        if path.iter().count() > 1 { name + "/" } else { name }
    };
    let left_out = others.into_iter().map(top).collect::<BTreeSet<_>>().into_iter().collect();
    Ok(Published { files, left_out, why: "they are not part of the course" })
}

impl Published {
    /// A line about what is left out, so that a teacher's own page is missed. Nothing if that is nothing.
    pub fn line(&self) -> Option<String> {
        let more = self.left_out.len().saturating_sub(LISTED);
        let names = self.left_out[..self.left_out.len() - more].join(", ");
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        (!names.is_empty()).then(|| format!("Left out, because {}: {names}{more}", self.why))
    }
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            if entry.file_name() != "target" && entry.file_name() != ".git" {
                walk(root, &path, found)?;
            }
        } else {
            found.push(path);
        }
    }
    Ok(())
}

/// Copies the files of a checkout for which `wanted` returns true.
///
/// # Errors
/// If a file cannot be read or written.
pub fn copy(from: &Path, to: &Path, wanted: impl Fn(&Path) -> bool) -> Result<()> {
    copy_some(&files(from)?, from, to, wanted)
}

/// Copies those of these files for which `wanted` returns true.
///
/// # Errors
/// If a file cannot be read or written.
pub fn copy_some(files: &[PathBuf], from: &Path, to: &Path, wanted: impl Fn(&Path) -> bool) -> Result<()> {
    for path in files.iter().filter(|path| wanted(path)) {
        let target = to.join(path);
        fs::create_dir_all(target.parent().expect("a file is in a folder"))?;
        fs::copy(from.join(path), &target).with_context(|| format!("cannot write {}", target.display()))?;
    }
    Ok(())
}

/// Writes files into a folder, and removes other Rust files that are there. A file that is the same already keeps
/// its time of modification, so that cargo does not build it again.
///
/// # Errors
/// If a file cannot be written.
pub fn write(files: &Files, folder: &Path) -> Result<()> {
    if folder.exists() {
        for old in rust_files(folder)? {
            let name = old.strip_prefix(folder).expect("it was found there");
            if !files.contains_key(name) {
                fs::remove_file(&old)?;
            }
        }
    }
    for (name, text) in files {
        let path = folder.join(name);
        if fs::read_to_string(&path).is_ok_and(|old| old == *text) {
            continue;
        }
        fs::create_dir_all(path.parent().expect("a file is in a folder"))?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// The student's files of a lab: the Rust files beneath `src/`, `hunts/` and `prove/`.
///
/// # Errors
/// If they cannot be read.
pub fn student_files(root: &Path, lab: &Lab) -> Result<Files> {
    read_rust(&lab.exercise(root))
}

/// A file without the marks around the pieces that the book shows.
pub fn without_anchors(text: &str) -> String {
    let is_mark = |line: &&str| {
        let line = line.trim_start();
        line.starts_with("// ANCHOR: ") || line.starts_with("// ANCHOR_END: ")
    };
    text.split_inclusive('\n').filter(|line| !is_mark(line)).collect()
}

/// All Rust files beneath a folder.
///
/// # Errors
/// If it cannot be read.
pub fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The Rust files beneath a folder, without the marks of the book.
///
/// # Errors
/// If one cannot be read.
pub fn read_rust(folder: &Path) -> Result<Files> {
    let mut files = Files::new();
    for path in rust_files(folder)? {
        let text = fs::read_to_string(&path).with_context(|| format!("{} is not text", path.display()))?;
        let name = path.strip_prefix(folder).expect("it was found there").to_owned();
        files.insert(name, without_anchors(&text));
    }
    ensure!(!files.is_empty(), "{} has no Rust file", folder.display());
    Ok(files)
}

/// A hash of the code of all files. Comments do not count, because they cannot change the result of a test.
pub fn fingerprint(files: &Files) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (path, text) in files {
        (path, code(text)).hash(&mut hasher);
    }
    hasher.finish()
}

/// A hunt's file as the student got it: from the hand-out's copy, or made from our own.
pub fn shipped_hunt(root: &Path, lab: &Lab, hunt: &Hunt) -> Option<String> {
    let path = Path::new(&lab.part).join("hunts").join(&hunt.file);
    let copy = fs::read_to_string(root.join("tests/shipped").join(&path)).ok();
    copy.or_else(|| {
        let repaired = fs::read_to_string(root.join("solutions").join(path)).ok()?;
        Some(repaired.replacen(&hunt.right, &hunt.wrong, 1))
    })
}

/// The tasks whose `todo!` is still in one of the files.
pub fn unwritten<'l>(lab: &'l Lab, files: &Files) -> Vec<&'l str> {
    // A long `todo!` is broken into lines.
    let dense = |text: &String| text.split_whitespace().collect::<String>();
    let texts: Vec<String> = files.values().map(dense).collect();
    let begun = |id: &str| texts.iter().any(|text| text.contains(&format!("todo!(\"Lab{id}:")));
    lab.tasks.iter().map(|task| task.id.as_str()).filter(|id| begun(id)).collect()
}

/// `cargo lab | head` should end like any other program, not with a panic: Rust ignores SIGPIPE by default. Call this
/// before anything else.
pub fn die_with_the_reader() {
    #[allow(unsafe_code)]
    // SAFETY: the default action needs no handler, so none of our code runs in a signal handler.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, names: &[&str]) {
        for name in names {
            fs::create_dir_all(root.join(name).parent().expect("a folder")).expect("a folder");
            fs::write(root.join(name), "text").expect("a file");
        }
    }

    fn git(root: &Path, words: &[&str]) {
        let status = Command::new("git").args(words).current_dir(root).status().expect("git runs");
        assert!(status.success(), "git {words:?}");
    }

    fn names(published: &Published) -> Vec<String> {
        published.files.iter().map(|path| path.display().to_string()).collect()
    }

    const OURS: [&str; 3] = ["README.md", "book/src/page.md", "tests/labs/queue.toml"];
    const PRIVATE: [&str; 4] =
        ["exam/4/tests.rs", "gradebook.csv", "reports/ada/report.md", "submissions/a.zip"];

    #[test]
    fn what_git_does_not_track_stays_here_and_is_named() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path();
        write(root, &OURS);
        git(root, &["init", "--quiet"]);
        git(root, &["add", "."]);
        write(root, &PRIVATE);
        write(root, &["book/src/new.md", "README.md"]);
        let published = published(root).expect("files");
        assert_eq!(names(&published), OURS);
        let line = published.line().expect("a line");
        assert!(line.contains(": book/src/new.md, exam/, gradebook.csv, reports/, submissions/"), "{line}");
        assert!(files(root).expect("files").contains(&"book/src/new.md".into()), "its author can try it");
        write(root, &["1", "2"]);
        let line = super::published(root).expect("files").line().expect("a line");
        assert!(line.ends_with("gradebook.csv, reports/ and 1 more"), "{line}");
        // A repository that git refuses to read, such as one of another user.
        fs::write(root.join(".git/HEAD"), "nonsense").expect("a file");
        let error = super::published(root).expect_err("nothing says what is tracked");
        assert!(error.to_string().starts_with("git cannot list the files of "), "{error}");
    }

    #[test]
    fn without_git_only_files_and_folders_of_the_course_are_given_away() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path();
        write(root, &OURS);
        let all = published(root).expect("files");
        assert_eq!(all.line(), None);
        write(root, &PRIVATE);
        write(root, &["target/debug/lab"]);
        let mut published = published(root).expect("files");
        published.files.sort();
        assert_eq!(names(&published), OURS);
        let line = published.line().expect("a line");
        assert!(line.ends_with(": exam/, gradebook.csv, reports/, submissions/"), "{line}");
    }

    #[test]
    fn every_file_and_folder_of_the_course_is_known() {
        let root = root().expect("a checkout");
        if !root.join(".git").exists() {
            return;
        }
        let tops = published(&root).expect("files").files;
        let tops: BTreeSet<_> = tops.iter().filter_map(|path| path.iter().next()?.to_str()).collect();
        assert_eq!(tops.into_iter().collect::<Vec<_>>(), TOP);
    }
}
