//! A folder of files to serve.

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// A document root inside a folder that must never be seen by clients. It is deleted with its last clone; a server that
/// was started with it has one.
///
/// ```text
///   <temporary>/outside.txt      what traversal would reach
///   <temporary>/www/             the document root
///   <temporary>/www/index.html
/// ```
///
/// Every method panics if the file system refuses something.
#[derive(Debug, Clone)]
pub struct Site {
    folder: Arc<TempDir>,
}

impl Default for Site {
    fn default() -> Self {
        Site::new()
    }
}

impl Site {
    /// A site with an `index.html` that says `home`.
    pub fn new() -> Site {
        let site = Site { folder: Arc::new(tempfile::tempdir().expect("a temporary folder")) };
        fs::create_dir(site.root()).expect("a document root");
        site.file("index.html", "home\n")
    }

    /// The document root.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("www")
    }

    /// The folder around the document root, for files that are not served.
    pub fn outside(&self) -> &Path {
        self.folder.path()
    }

    /// The path of a file of the site.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// Adds a file, or overwrites it in place. Folders are made as needed; `../` leads out of the document
    /// root.
    pub fn file(self, name: &str, content: impl AsRef<[u8]>) -> Site {
        self.write(name, content);
        self
    }

    /// Overwrites a file in place, or adds it.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder for a file");
        fs::write(path, content).expect("a file of the site");
    }

    /// Replaces a file by a new one in one step, as careful programs do (rename(2)).
    pub fn replace(&self, name: &str, content: impl AsRef<[u8]>) {
        let new = self.outside().join("replacement");
        fs::write(&new, content).expect("a replacement");
        fs::rename(new, self.path(name)).expect("a file that can be replaced");
    }

    /// Adds a file of `length` zero bytes that takes no room on the disk.
    pub fn sparse(self, name: &str, length: u64) -> Site {
        File::create(self.path(name)).and_then(|file| file.set_len(length)).expect("a sparse file");
        self
    }

    /// Adds a symbolic link.
    pub fn link(self, name: &str, target: impl AsRef<Path>) -> Site {
        symlink(target, self.path(name)).expect("a symbolic link");
        self
    }

    /// Adds a FIFO. Opening it for reading waits for a writer, and there is none.
    pub fn fifo(self, name: &str) -> Site {
        mkfifo(&self.path(name), Mode::S_IRUSR | Mode::S_IWUSR).expect("a FIFO");
        self
    }

    /// Sets a file's time of modification, in seconds since 1970.
    pub fn modified(self, name: &str, seconds: u64) -> Site {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let file = File::options().write(true).open(self.path(name));
        file.and_then(|file| file.set_modified(time)).expect("a time of modification");
        self
    }
}

/// `length` bytes in which each group of eight is different: the numbers from 0 on, big-endian.
pub fn pattern(length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length + 8);
    for number in 0..=length as u64 / 8 {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    bytes.truncate(length);
    bytes
}
