//! `cargo lab reset`: restores files as they were handed out, and keeps the student's.

use crate::build;
use crate::course::{Course, Lab};
use crate::tree::{self, Files};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Restores the files of a lab that were changed, or only the one with this name.
///
/// # Errors
/// If there is no such file, or one cannot be written.
pub fn reset(course: &Course, lab: &Lab, only: Option<&str>) -> Result<()> {
    let shipped = as_shipped(&course.root, lab)?;
    let folder = lab.exercise(&course.root);
    let wanted = |path: &Path| only.is_none_or(|name| path.ends_with(name));
    ensure!(
        shipped.keys().any(|path| wanted(path)),
        "lab {} has no file {}",
        lab.number,
        only.unwrap_or_default()
    );
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let saved = folder.join("saved").join(seconds.to_string());
    let mut restored = 0;
    for (name, text) in shipped.iter().filter(|(path, _)| wanted(path)) {
        let path = folder.join(name);
        let yours = fs::read_to_string(&path).unwrap_or_default();
        if yours == *text {
            continue;
        }
        let keep = saved.join(name);
        fs::create_dir_all(keep.parent().expect("a file is in a folder"))?;
        fs::write(&keep, yours)?;
        fs::create_dir_all(path.parent().expect("a file is in a folder"))?;
        fs::write(&path, text)?;
        let shown = |path: &Path| path.strip_prefix(&course.root).unwrap_or(path).display().to_string();
        println!("restored {}\n  yours is now {}", shown(&path), shown(&keep));
        restored += 1;
    }
    if restored == 0 {
        println!("nothing to restore: the files are as they were handed out");
    }
    Ok(())
}

/// The exercise as it was handed out. A copy for students contains it. A checkout with the solutions does not, because
/// a second copy could get out of date; there, the grader cuts it from the solutions.
fn as_shipped(root: &Path, lab: &Lab) -> Result<Files> {
    let handed_out = root.join("tests/shipped").join(&lab.part);
    if handed_out.exists() {
        return tree::read_rust(&handed_out);
    }
    let folder = tree::memory(root)?.join("shipped").join(&lab.part);
    let mut cut = build::grader(root)?;
    let status = cut.args(["cut", &lab.part, "--into"]).arg(&folder).status().context("cannot run cargo")?;
    ensure!(status.success(), "lab {} cannot be cut from its solution", lab.number);
    tree::read_rust(&folder)
}
