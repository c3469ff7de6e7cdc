//! The folders of a checkout: which files it has, and copies of it.

use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
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

/// What a checkout consists of: all files that git knows or would add, by their path from the root. Without git, all
/// files but those in `target`.
///
/// # Errors
/// If the folder cannot be read.
pub fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(root)
        .output();
    if let Ok(listed) = listed
        && listed.status.success()
        && root.join(".git").exists()
    {
        let names = String::from_utf8(listed.stdout).context("a file's name is not UTF-8")?;
        let paths = names.split_terminator('\0').map(PathBuf::from);
        return Ok(paths.filter(|path| root.join(path).is_file()).collect());
    }
    let mut found = Vec::new();
    walk(root, Path::new(""), &mut found)?;
    Ok(found)
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
    for path in files(from)?.iter().filter(|path| wanted(path)) {
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
