//! The Rust files in a folder, an archive, or an archive in one of these. Nothing is written to the disk.

use anyhow::{Context, Result, bail, ensure};
use std::fs::{self, File};
use std::io::{self, BufReader, Cursor, Read, Seek};
use std::os::unix::process::CommandExt;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

/// The largest source file that is taken, in bytes.
const LARGEST_FILE: u64 = 1 << 20;
/// The most that one submission may have in all source files, in bytes.
const LARGEST_SUBMISSION: usize = 8 << 20;
/// The most files that are looked at.
const MOST_ENTRIES: usize = 200_000;
/// The most that comes out of a packed archive before it is given up, in bytes. Some pack what they built.
pub(super) const MOST_UNPACKED: u64 = 1 << 30;
/// The largest archive within another one, in bytes.
const LARGEST_INNER: u64 = 64 << 20;
/// An archive in an archive is unpacked, and one in that.
const DEEPEST: u8 = 2;
/// Debian's user and group for what may do nothing.
const NOBODY: u32 = 65_534;
/// How many names of other files are remembered, for a message.
const MOST_NAMES: usize = 100;

/// A Rust file.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// What is in a submission.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) entries: Vec<Entry>,
    /// The names of some other files.
    pub(super) others: Vec<String>,
    /// For the student: what was not as it should be.
    pub(super) notes: Vec<String>,
    bytes: usize,
    count: usize,
    unpacked: u64,
    most_unpacked: u64,
}

/// Reads all Rust files of a folder, an archive, or the one file that it is.
///
/// # Errors
/// If it is none of these, is broken, or is too large.
pub(super) fn entries(path: &Path, most_unpacked: u64) -> Result<Found> {
    let mut found = Found { most_unpacked, ..Found::default() };
    if path.is_dir() {
        found.folder(path, Path::new(""))?;
        return Ok(found);
    }
    let name = path.file_name().context("a submission needs a name")?;
    let file = File::open(path).with_context(|| format!("cannot read {}", name.display()))?;
    if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("rs")) {
        found.source(Path::new(name), file)?;
    } else {
        let packed = found.archive(Path::new(""), file, 0)?;
        ensure!(
            packed,
            "{} is neither a folder nor an archive (.zip, .tar, .tar.gz, .tar.xz)",
            name.display()
        );
    }
    Ok(found)
}

/// What operating systems, editors and cargo leave in folders.
pub(super) fn is_litter(path: &Path) -> bool {
    let mut above = String::new();
    path.iter().any(|word| {
        let word = word.to_string_lossy().into_owned();
        // `src/target` is the folder of a student's own modules for `target.rs`.
        let built = word == "target" && above != "src";
        // AppleDouble files have the names of their files, and a Finder's data in them.
        let litter = built || word.starts_with("._") || ["__MACOSX", ".git"].contains(&word.as_str());
        above = word;
        litter
    })
}

fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("rs"))
}

fn is_archive(path: &Path) -> bool {
    let name = path.to_string_lossy().to_ascii_lowercase();
    [".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz"].iter().any(|ending| name.ends_with(ending))
}

impl Found {
    /// Only regular files are read: a link may lead anywhere.
    fn folder(&mut self, root: &Path, below: &Path) -> Result<()> {
        let entries =
            fs::read_dir(root.join(below)).with_context(|| format!("cannot read {}", below.display()))?;
        for entry in entries {
            let entry = entry?;
            let path = below.join(entry.file_name());
            let kind = entry.file_type()?;
            if kind.is_dir() && !is_litter(&path) {
                ensure!(path.iter().count() < 64, "its folders are nested too deeply");
                self.folder(root, &path)?;
            } else if kind.is_file() {
                self.file(&path, 0, || Ok(File::open(entry.path())?))?;
            }
        }
        Ok(())
    }

    /// Looks at a file of a folder or an archive; it is opened only if it is wanted.
    fn file<R: Read>(&mut self, path: &Path, depth: u8, open: impl FnOnce() -> Result<R>) -> Result<()> {
        self.count()?;
        if is_litter(path) {
            return Ok(());
        }
        if is_source(path) {
            return self.source(path, open()?);
        }
        if is_archive(path) && depth < DEEPEST {
            let mut bytes = Vec::new();
            let read = open()?.take(LARGEST_INNER + 1).read_to_end(&mut bytes);
            read.with_context(|| format!("cannot unpack {}", path.display()))?;
            self.came_out(bytes.len() as u64)?;
            if bytes.len() as u64 <= LARGEST_INNER {
                let folder = path.with_extension("");
                if self.archive(&folder, Cursor::new(bytes), depth + 1)? {
                    return Ok(());
                }
            }
        }
        if self.others.len() < MOST_NAMES {
            self.others.push(path.display().to_string());
        }
        Ok(())
    }

    fn count(&mut self) -> Result<()> {
        self.count += 1;
        ensure!(self.count <= MOST_ENTRIES, "it has more than {MOST_ENTRIES} entries");
        Ok(())
    }

    fn source(&mut self, path: &Path, file: impl Read) -> Result<()> {
        let mut bytes = Vec::new();
        let read = file.take(LARGEST_FILE + 1).read_to_end(&mut bytes);
        read.with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(bytes.len() as u64 <= LARGEST_FILE, "{} is longer than 1 MiB", path.display());
        self.bytes += bytes.len();
        ensure!(self.bytes <= LARGEST_SUBMISSION, "it is larger than 8 MiB");
        let text = self.text(path, bytes)?;
        self.entries.push(Entry { path: path.to_owned(), text });
        Ok(())
    }

    /// Text in UTF-8, or in what older editors write in its place.
    fn text(&mut self, path: &Path, bytes: Vec<u8>) -> Result<String> {
        match String::from_utf8(bytes) {
            Ok(text) => Ok(text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned)),
            Err(error) => {
                let bytes = error.into_bytes();
                ensure!(!bytes.contains(&0), "{} is not text", path.display());
                self.notes.push(format!("{} is not UTF-8; it was read as Latin-1.", path.display()));
                Ok(bytes.into_iter().map(char::from).collect())
            }
        }
    }

    /// Reads an archive, whatever its name says. `false` if it is none.
    fn archive(&mut self, folder: &Path, mut bytes: impl Read + Seek + Send, depth: u8) -> Result<bool> {
        let mut head = Vec::new();
        bytes.by_ref().take(512).read_to_end(&mut head)?;
        bytes.rewind()?;
        let starts = |magic: &[u8]| head.starts_with(magic);
        if starts(b"PK\x03\x04") || starts(b"PK\x05\x06") {
            self.zip(folder, bytes, depth)?;
        } else if starts(&[0x1f, 0x8b]) {
            self.tar(folder, flate2::read::MultiGzDecoder::new(BufReader::new(bytes)), depth)?;
        } else if starts(b"\xfd7zXZ\0") {
            self.xz(folder, bytes, depth)?;
        } else if head.get(257..262) == Some(b"ustar") {
            self.tar(folder, bytes, depth)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn zip(&mut self, folder: &Path, bytes: impl Read + Seek, depth: u8) -> Result<()> {
        let mut archive = zip::ZipArchive::new(bytes).context("the zip archive is broken")?;
        ensure!(archive.len() <= MOST_ENTRIES, "it has more than {MOST_ENTRIES} entries");
        for number in 0..archive.len() {
            let file = archive.by_index(number).context("the zip archive is broken")?;
            // Some programs on Windows write backslashes.
            let name = PathBuf::from(file.name().replace('\\', "/"));
            if file.is_file() {
                self.file(&folder.join(below(&name)), depth, || Ok(file))?;
            }
        }
        Ok(())
    }

    fn tar(&mut self, folder: &Path, bytes: impl Read, depth: u8) -> Result<()> {
        let left = self.most_unpacked.saturating_sub(self.unpacked);
        let mut bytes = Counted { bytes: bytes.take(left), count: 0 };
        let result = self.tar_entries(folder, &mut bytes, depth);
        self.came_out(bytes.count)?;
        result
    }

    /// Counts what has been unpacked.
    fn came_out(&mut self, bytes: u64) -> Result<()> {
        self.unpacked += bytes;
        let most = self.most_unpacked;
        ensure!(self.unpacked < most, "more than {} MiB come out of its archive", most >> 20);
        Ok(())
    }

    fn tar_entries(&mut self, folder: &Path, bytes: impl Read, depth: u8) -> Result<()> {
        let mut archive = tar::Archive::new(bytes);
        for file in archive.entries().context("this is no tar archive")? {
            let file = file.context("the tar archive is broken")?;
            let path = file.path()?.into_owned();
            if file.header().entry_type().is_file() {
                self.file(&folder.join(below(&path)), depth, || Ok(file))?;
            } else {
                self.count()?;
            }
        }
        Ok(())
    }

    /// xz(1) unpacks, with a limit on its memory, as nobody if we are root: it reads what a stranger wrote.
    fn xz(&mut self, folder: &Path, mut bytes: impl Read + Send, depth: u8) -> Result<()> {
        let mut xz = Command::new("xz");
        xz.args(["--decompress", "--stdout", "--memlimit=256MiB"]);
        xz.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        if nix::unistd::getuid().is_root() {
            xz.uid(NOBODY).gid(NOBODY);
        }
        let mut xz = xz.spawn().context("the archive is packed with xz, and there is no program xz here")?;
        let (Some(mut input), Some(output)) = (xz.stdin.take(), xz.stdout.take()) else {
            bail!("xz has no pipes")
        };
        let result = std::thread::scope(|scope| {
            // It ends with an error if the reader below has had enough.
            scope.spawn(move || io::copy(&mut bytes, &mut input));
            self.tar(folder, output, depth)
        });
        let _ = xz.kill();
        xz.wait().context("cannot wait for xz")?;
        result
    }
}

/// A reader that knows how much came.
struct Counted<R> {
    bytes: R,
    count: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        self.count += read as u64;
        Ok(read)
    }
}

/// A path as if it stayed within the archive. Nothing is written there, so it only has to be recognized.
fn below(path: &Path) -> PathBuf {
    path.components().filter(|part| matches!(part, Component::Normal(_))).collect()
}
