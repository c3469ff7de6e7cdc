//! This program and this machine, as cells need them.

use super::Shown;
use anyhow::{Context, Result, ensure};
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A copy of this program, because it may be built again while it grades.
static SETTLED: OnceLock<PathBuf> = OnceLock::new();

/// What Linux adds to the path of a program whose file is gone (proc_pid_exe(5)).
const GONE: &str = " (deleted)";

/// Makes the copy, in a folder in which no other grader is at work.
///
/// # Errors
/// If it cannot be made.
pub fn settle(work: &Path) -> Result<()> {
    let folder = work.join("program");
    let copy = folder.join("grader");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    // The file that this process runs, even if its name is gone or is that of a newer one.
    let running = || PathBuf::from(format!("/proc/{}/exe", std::process::id()));
    let this = own_path()?.map_or_else(built, |_| Ok(running()))?;
    // Replaced in one step and not overwritten, because what an ended grader has started may still run it.
    let new = folder.join("new");
    // By cp(1): while any process has a program open for writing, none can start it, and another thread of this one may
    // fork at any time.
    let copied = Command::new("cp").arg("--").args([&this, &new]).status().context("cannot run cp")?;
    ensure!(copied.success(), "cannot copy this program to {}", folder.display());
    fs::rename(&new, &copy).context("cannot name the copy of this program")?;
    let _ = SETTLED.set(copy);
    Ok(())
}

/// This program, which also runs inside cells. For a test program, the grader beside it. The copy, once there is one.
///
/// # Errors
/// If it is not there.
pub fn program() -> Result<PathBuf> {
    SETTLED.get().cloned().map_or_else(built, Ok)
}

/// The same, and never the copy, which another grader may be replacing.
///
/// # Errors
/// If it is not there.
pub fn built() -> Result<PathBuf> {
    if let Some(own) = own_path()? {
        return Ok(own);
    }
    let own = std::env::current_exe().context("this program cannot find itself")?;
    let beside = own.ancestors().nth(2).map(|folder| folder.join("grader"));
    beside.filter(|path| path.exists()).context("the program `grader` is not built")
}

/// The path of this program, unless it is a test program. It may have been built again.
fn own_path() -> Result<Option<PathBuf>> {
    let mut own =
        std::env::current_exe().context("this program cannot find itself")?.into_os_string().into_vec();
    if own.ends_with(GONE.as_bytes()) {
        own.truncate(own.len() - GONE.len());
    }
    let own = PathBuf::from(OsString::from_vec(own));
    Ok(Some(own).filter(|own| own.ends_with("grader")))
}

/// What the compiler and the linker need from this machine, and the programs that end-to-end tests start beside a
/// server.
pub fn system() -> Vec<Shown> {
    let folders =
        ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/alternatives", "/etc/ld.so.cache"];
    folders.into_iter().filter(|path| Path::new(path).exists()).map(Shown::here).collect()
}

/// Refuses a path that a compiler or a server of a submission could read, because it is in what cells show of this
/// machine: a checkout in `/usr/src`, as containers often have it, holds our solutions.
///
/// # Errors
/// If it is.
pub fn must_be_hidden(path: &Path, toolchain: &Path) -> Result<()> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let whole = real(path);
    for shown in system().into_iter().chain([Shown::here(toolchain)]) {
        ensure!(
            !whole.starts_with(real(&shown.at)),
            "{} is in {}, where submissions can read it: move it to a folder of its own, such as /srv",
            path.display(),
            shown.at.display()
        );
    }
    Ok(())
}

/// The libraries that one of our own programs needs. Never call this for a student's program, because ldd(1) may run
/// it.
///
/// # Errors
/// If ldd cannot be run.
pub fn libraries(ours: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(ours).output().context("cannot run ldd")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let path = |line: &str| line.split_whitespace().find(|word| word.starts_with('/')).map(PathBuf::from);
    Ok(text.lines().filter_map(path).collect())
}

/// Sets the mode of a file or folder, so that a cell's user can read or write it.
///
/// # Errors
/// If it is not ours.
pub fn open_to_all(folder: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(mode))
        .with_context(|| format!("cannot open {} to a cell", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_ours_may_be_where_cells_show_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let link = folder.path().join("course");
        std::os::unix::fs::symlink("/usr/share", &link).expect("a link");
        let toolchain = Path::new("/opt/rust");
        for path in
            [Path::new("/usr/src/course"), Path::new("/bin"), &link, Path::new("/opt/rust/src/course")]
        {
            let why = must_be_hidden(path, toolchain).expect_err("cells show it").to_string();
            assert!(why.contains("where submissions can read it"), "{why}");
        }
        for path in
            [folder.path(), Path::new("/usrlocal"), Path::new("/srv/course"), Path::new("/opt/rust-course")]
        {
            must_be_hidden(path, toolchain).expect("no cell shows it");
        }
    }
}
