//! The root of a cell: an empty file system, in which only its files are mounted.

// A system call without a safe wrapper.
#![allow(unsafe_code)]

use super::fence::DEVICES;
use super::{Cell, ROOM, Shown};
use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::pivot_root;
use std::ffi::CString;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

impl Cell {
    /// Makes a root that contains only what is shown, and makes it this process's only root.
    pub(super) fn enter(&self) -> Result<()> {
        let root = &self.door;
        let plain = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(Some("cell"), root, Some("tmpfs"), plain, Some("size=1m,nr_inodes=1k,mode=755"))
            .with_context(|| format!("cannot mount on {}", root.display()))?;
        let room = root.join(&ROOM[1..]);
        fs::create_dir(&room)?;
        // The number of files is limited too, because an empty file takes memory.
        let size = format!("size={},nr_inodes=16k,mode=1777", self.limits.files);
        let passive = plain | MsFlags::MS_NOEXEC;
        mount(Some("room"), &room, Some("tmpfs"), passive, Some(size.as_str()))
            .context("cannot make /tmp")?;
        for device in DEVICES {
            bind(&Shown::here(device), root, libc::MOUNT_ATTR_NOSUID)?;
        }
        symlink("/proc/self/fd", root.join("dev/fd"))?;
        for (number, name) in ["stdin", "stdout", "stderr"].into_iter().enumerate() {
            symlink(format!("/proc/self/fd/{number}"), root.join("dev").join(name))?;
        }
        for shown in &self.shown {
            show(shown, root)?;
        }
        if let Some(kept) = &self.kept {
            bind(kept, root, HARMLESS | libc::MOUNT_ATTR_NOEXEC)?;
        }
        let processes = root.join("proc");
        fs::create_dir(&processes)?;
        mount(Some("proc"), &processes, Some("proc"), passive, Some("hidepid=2"))
            .context("cannot mount /proc")?;
        let old = root.join("old");
        fs::create_dir(&old)?;
        pivot_root(root, &old).context("cannot change the root")?;
        std::env::set_current_dir("/")?;
        umount2("/old", MntFlags::MNT_DETACH).context("cannot leave the old root")?;
        fs::remove_dir("/old")?;
        set_attributes(Path::new("/"), libc::MOUNT_ATTR_RDONLY, false)
            .context("cannot make the root read-only")
    }
}

/// Shows a file or folder read-only. A symbolic link is shown as one, because `/lib` mostly is one.
fn show(shown: &Shown, root: &Path) -> Result<()> {
    if fs::symlink_metadata(&shown.at).is_ok_and(|meta| meta.is_symlink()) {
        let target = fs::read_link(&shown.at)?;
        let to = place(shown, root)?;
        return symlink(target, &to).with_context(|| format!("cannot show {}", shown.at.display()));
    }
    bind(shown, root, HARMLESS | libc::MOUNT_ATTR_RDONLY)
}

/// The place of something in the new root. Its folder is made.
fn place(shown: &Shown, root: &Path) -> Result<PathBuf> {
    let to = root.join(shown.inside.strip_prefix("/").context("a path in a cell begins with a slash")?);
    fs::create_dir_all(to.parent().context("the root itself is not shown")?)?;
    Ok(to)
}

fn bind(shown: &Shown, root: &Path, attributes: u64) -> Result<()> {
    let to = place(shown, root)?;
    if shown.at.is_dir() {
        fs::create_dir_all(&to)?;
    } else {
        File::create(&to)?;
    }
    let none = None::<&str>;
    mount(Some(&shown.at), &to, none, MsFlags::MS_BIND | MsFlags::MS_REC, none)
        .and_then(|()| set_attributes(&to, attributes, true))
        .with_context(|| format!("cannot show {}", shown.at.display()))
}

/// No set-user-ID programs, no devices.
const HARMLESS: u64 = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;

/// Adds attributes to a mount, or to a whole tree of them: mount_setattr(2), for which glibc has no wrapper.
fn set_attributes(path: &Path, attr_set: u64, tree: bool) -> Result<(), Errno> {
    let path = CString::new(path.as_os_str().as_encoded_bytes()).map_err(|_| Errno::EINVAL)?;
    let flags = if tree { libc::AT_RECURSIVE } else { 0 };
    let attributes = libc::mount_attr { attr_set, attr_clr: 0, propagation: 0, userns_fd: 0 };
    // SAFETY: the path ends in NUL, the size is that of the attributes, and the kernel only reads both.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            flags,
            &attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    Errno::result(result).map(drop)
}
