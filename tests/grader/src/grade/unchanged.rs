//! Whether a grade of an earlier run still holds: the same submission, judged in the same way.

use super::Order;
use super::archive::is_litter;
use anyhow::Result;
use lab::tree;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The largest file that is read, in bytes. For a larger one, length and time are enough.
const READ: u64 = 1 << 20;
/// The parts of the course that decide about points.
const DECISIVE: [&str; 5] = ["tests", "exercises", "solutions", "stages", "Cargo.lock"];
/// How deeply folders of a submission are followed, in case they form a circle.
const DEEPEST: usize = 64;

/// Sums of what was judged, and how. Two sums that differ belong to different things. Anyone with our code can make
/// equal ones, so a sum can be trusted only as far as the folder that it is in.
pub(super) struct Sums {
    how: u64,
}

impl Sums {
    /// # Errors
    /// If the course or the staff's folder cannot be read.
    pub(super) fn new(root: &Path, order: &Order) -> Result<Sums> {
        let mut sum = DefaultHasher::new();
        let mut only = order.only.clone();
        only.sort();
        (only, order.weak).hash(&mut sum);
        for path in
            tree::files(root)?.iter().filter(|path| DECISIVE.iter().any(|start| path.starts_with(start)))
        {
            (path, fs::read(root.join(path))?).hash(&mut sum);
        }
        if let Some(staff) = &order.staff {
            for path in tree::files(staff)? {
                fs::read(staff.join(&path))?.hash(&mut sum);
                path.hash(&mut sum);
            }
        }
        Ok(Sums { how: sum.finish() })
    }

    /// The sum of how submissions are judged.
    pub(super) fn how(&self) -> u64 {
        self.how
    }

    /// The sum for a submission.
    pub(super) fn of(&self, submission: &Path) -> u64 {
        let mut sum = DefaultHasher::new();
        self.how.hash(&mut sum);
        submission.canonicalize().unwrap_or_else(|_| submission.to_owned()).hash(&mut sum);
        add(submission, Path::new(""), 0, &mut sum);
        sum.finish()
    }
}

/// Files that cannot be read are ignored: the process that judges reports them. `below` is the path within the
/// submission, from which that process, too, tells what is litter.
fn add(path: &Path, below: &Path, depth: usize, sum: &mut DefaultHasher) {
    // The submission itself may be a link; none in it is followed.
    let meta = if depth == 0 { fs::metadata(path) } else { fs::symlink_metadata(path) };
    let Ok(meta) = meta else { return };
    if meta.is_file() {
        meta.len().hash(sum);
        if meta.len() <= READ {
            fs::read(path).ok().hash(sum);
        } else {
            (meta.mtime(), meta.mtime_nsec()).hash(sum);
        }
    } else if meta.is_dir() && depth < DEEPEST {
        let mut entries: Vec<_> =
            fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        entries.sort();
        for entry in entries {
            let below = below.join(entry.file_name().unwrap_or_default());
            if !is_litter(&below) {
                entry.hash(sum);
                add(&entry, &below, depth + 1, sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_counts_if_the_file_is_one_that_is_judged() {
        let folder = tempfile::tempdir().expect("a folder");
        let submission = folder.path().join("exercises/request");
        let write = |path: &str, text: &str| {
            let path = submission.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
            Sums { how: 0 }.of(folder.path())
        };
        let first = write("src/target/mine.rs", "// First.");
        assert_eq!(write("target/debug/built.rs", "// Built."), first, "cargo's folder is litter");
        assert_ne!(write("src/target/mine.rs", "// Second."), first, "a module of target.rs is judged");
    }
}
