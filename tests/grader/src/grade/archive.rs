//! The Rust files in a folder, an archive, or an archive in one of these. Nothing is written to the disk.
//!
//! Only a file that may belong to an exercise is read. One that cannot be read is put on a list with the reason: whether
//! it matters is for `submission` to say.

mod reading;

use super::handin::with_holes;
use super::place::{candidates, is_like, may_be_module};
use anyhow::{Context, Result, anyhow, bail, ensure};
use lab::course::Course;
use reading::{can_unpack, inner, is_tar, source, unusable};
use std::fs::{self, File};
use std::io::{self, BufReader, Cursor, Read, Seek};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

/// The most that one submission may have in all source files, in bytes.
const LARGEST_SUBMISSION: usize = 8 << 20;
/// The most files that are looked at.
const MOST_ENTRIES: usize = 200_000;
/// How many bytes may come out of a packed archive before it is given up. Some students pack what they built.
pub(super) const MOST_UNPACKED: u64 = 1 << 30;
/// The most archives in a submission that are unpacked: one in xz needs a process.
const MOST_INNER: usize = 100;
/// An archive in an archive is unpacked, and one in that.
const DEEPEST: u8 = 2;
/// Debian's user and group without any rights.
const NOBODY: u32 = 65_534;
/// The longest name of a file within its exercise, in bytes, and the longest part of one (`NAME_MAX`).
const LONGEST_PATH: usize = 1_000;
const LONGEST_PART: usize = 255;
/// The longest path of any file in a submission, in bytes (`PATH_MAX`).
const LONGEST_OF_ALL: usize = 4096;
/// How many names of other files are kept for a message.
const MOST_NAMES: usize = 100;
/// Added to the name of a link, which may lead anywhere, also to our solutions.
const LINK: &str = " (a link, and links are not followed)";
/// The endings of archives, also of those that we cannot unpack.
const PACKED: [&str; 16] = [
    ".zip", ".tar", ".gz", ".tgz", ".xz", ".txz", ".7z", ".rar", ".bz2", ".tbz", ".tbz2", ".zst", ".tzst",
    ".lz", ".lzma", ".bundle",
];

/// A Rust file.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// A file or an archive that was not read.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) path: PathBuf,
    /// The reason, as a clause.
    pub(super) why: String,
}

/// What is in a submission.
#[derive(Debug)]
pub(super) struct Found<'c> {
    course: &'c Course,
    /// The files with holes of all labs.
    pub(super) holes: Vec<PathBuf>,
    pub(super) entries: Vec<Entry>,
    /// What could not be read, although it may belong to an exercise.
    pub(super) unread: Vec<Unread>,
    /// The names of some Rust files that belong to no exercise.
    pub(super) rust: Vec<String>,
    /// The names of some other files.
    pub(super) others: Vec<String>,
    /// Of both, the names of those that may be meant as a file with holes, or have one in them.
    pub(super) unused: Vec<String>,
    /// For the student: what was unusual.
    pub(super) notes: Vec<String>,
    bytes: usize,
    count: usize,
    inner: usize,
    unpacked: u64,
    most_unpacked: u64,
}

/// Reads the Rust files of a folder, an archive, or the one file that it is.
///
/// # Errors
/// If it is none of these, is broken, or is too large.
pub(super) fn entries<'c>(course: &'c Course, path: &Path, most_unpacked: u64) -> Result<Found<'c>> {
    let mut found = Found {
        course,
        holes: course.labs.iter().flat_map(with_holes).collect(),
        entries: Vec::new(),
        unread: Vec::new(),
        rust: Vec::new(),
        others: Vec::new(),
        unused: Vec::new(),
        notes: Vec::new(),
        bytes: 0,
        count: 0,
        inner: 0,
        unpacked: 0,
        most_unpacked,
    };
    if path.is_dir() {
        found.folder(path, Path::new(""))?;
        return Ok(found);
    }
    let name = path.file_name().context("a submission needs a name")?;
    let file = File::open(path).with_context(|| format!("cannot read {}", name.display()))?;
    if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("rs")) {
        found.file(Path::new(name), 0, || Ok(file))?;
    } else {
        let mut head = Vec::new();
        (&file)
            .take(512)
            .read_to_end(&mut head)
            .with_context(|| format!("cannot read {}", name.display()))?;
        (&file).rewind()?;
        if !found.archive(Path::new(""), file, 0)? {
            bail!("{}", unusable(&name.to_string_lossy(), &head));
        }
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
        // AppleDouble files are named like the file that they belong to, and contain the Finder's data.
        let litter = built || word.starts_with("._") || ["__MACOSX", ".git"].contains(&word.as_str());
        above = word;
        litter
    })
}

fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("rs"))
}

/// Whether a name is that of an archive, which may be of a kind that we cannot unpack.
pub(super) fn is_packed(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    PACKED.iter().any(|ending| name.ends_with(ending))
}

fn is_archive(path: &Path) -> bool {
    let name = path.to_string_lossy().to_ascii_lowercase();
    [".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz"].iter().any(|ending| name.ends_with(ending))
}

impl Found<'_> {
    /// Only regular files are read: a link may lead anywhere.
    fn folder(&mut self, root: &Path, below: &Path) -> Result<()> {
        let entries = match fs::read_dir(root.join(below)) {
            Err(error) if below != Path::new("") => {
                self.skip(below, &anyhow::Error::from(error).context("it cannot be read"));
                return Ok(());
            }
            entries => entries.context("it cannot be read")?,
        };
        for entry in entries {
            let entry = entry?;
            let path = below.join(entry.file_name());
            let kind = entry.file_type()?;
            if kind.is_dir() && !is_litter(&path) {
                ensure!(path.iter().count() < 64, "its folders are nested more than 64 deep");
                self.folder(root, &path)?;
            } else if kind.is_file() {
                self.file(&path, 0, || Ok(File::open(entry.path())?))?;
            } else if kind.is_symlink() {
                self.link(&path)?;
            }
        }
        Ok(())
    }

    /// Handles a file of a folder or an archive, which is opened only if it is needed.
    fn file<R: Read>(&mut self, path: &Path, depth: u8, open: impl FnOnce() -> Result<R>) -> Result<()> {
        self.count()?;
        // To look at each folder of a longer path, which no file can have, would take long.
        if path.as_os_str().len() > LONGEST_OF_ALL {
            return Err(anyhow!("one of its names has more than {LONGEST_OF_ALL} bytes"));
        }
        if is_litter(path) {
            return Ok(());
        }
        let mut bytes = Vec::new();
        if is_source(path) {
            let places = candidates(self.course, path);
            if places.is_empty() && !may_be_module(&self.holes, path) {
                self.no_place(path);
            } else if let Err(error) = usable(places.first().map_or(path, |place| &place.file))
                .and_then(|()| source(open, LARGEST_SUBMISSION - self.bytes, &mut bytes))
            {
                self.skip(path, &error);
                self.came_out(bytes.len() as u64)?;
            } else {
                self.source(path, bytes);
            }
            return Ok(());
        }
        if is_archive(path) && depth < DEEPEST {
            self.inner += 1;
            if self.inner > MOST_INNER {
                self.skip(path, &anyhow!("only {MOST_INNER} archives in a submission are unpacked"));
                return Ok(());
            }
            let result = inner(open, &mut bytes);
            self.came_out(bytes.len() as u64)?;
            if let Err(error) = result {
                self.skip(path, &error);
                return Ok(());
            }
            if self.inner(path, bytes, depth + 1)? {
                return Ok(());
            }
        }
        self.other(path.display().to_string());
        Ok(())
    }

    /// Remembers a Rust file that belongs to no exercise.
    pub(super) fn no_place(&mut self, path: &Path) {
        let name = path.display().to_string();
        self.may_be_missed(&name);
        remember(&mut self.rust, name);
    }

    fn other(&mut self, name: String) {
        self.may_be_missed(&name);
        remember(&mut self.others, name);
    }

    fn link(&mut self, path: &Path) -> Result<()> {
        self.count()?;
        if !is_litter(path) {
            self.other(format!("{}{LINK}", path.display()));
        }
        Ok(())
    }

    fn may_be_missed(&mut self, name: &str) {
        if is_packed(name) || self.holes.iter().any(|hole| is_like(name, hole)) {
            remember(&mut self.unused, name.to_owned());
        }
    }

    fn skip(&mut self, path: &Path, why: &anyhow::Error) {
        self.unread.push(Unread { path: path.to_owned(), why: format!("{why:#}") });
    }

    /// An archive in another one. If it is broken, nothing of it is taken.
    fn inner(&mut self, path: &Path, bytes: Vec<u8>, depth: u8) -> Result<bool> {
        let before = self.entries.len();
        let result = self.archive(&path.with_extension(""), Cursor::new(bytes), depth);
        let is_full = self.count > MOST_ENTRIES || self.unpacked >= self.most_unpacked;
        match result {
            Err(error) if !is_full => {
                self.skip(path, &error);
                let error = error.context(format!("it was in {}", path.display()));
                self.entries.split_off(before).iter().for_each(|entry| self.skip(&entry.path, &error));
                Ok(true)
            }
            result => result,
        }
    }

    fn count(&mut self) -> Result<()> {
        self.count += 1;
        ensure!(self.count <= MOST_ENTRIES, "it has more than {MOST_ENTRIES} entries");
        Ok(())
    }

    /// Text in UTF-8, or in what older editors write in its place.
    fn source(&mut self, path: &Path, bytes: Vec<u8>) {
        self.bytes += bytes.len();
        let text = match String::from_utf8(bytes) {
            Ok(text) => text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned),
            Err(error) => {
                self.notes.push(format!("{} is not UTF-8; it was read as Latin-1.", path.display()));
                error.into_bytes().into_iter().map(char::from).collect()
            }
        };
        // Windows ends lines in another way. Then a file that was not touched would differ from what was handed out.
        let text = text.replace("\r\n", "\n");
        self.entries.push(Entry { path: path.to_owned(), text });
    }

    /// Reads an archive, whatever its name. `false` if it is not one.
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
        } else if head.get(257..262) == Some(b"ustar") || is_tar(&head) {
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
            let packed = archive.by_index_raw(number).context("the zip archive is broken")?;
            // Some programs on Windows write backslashes.
            let name = PathBuf::from(packed.name().replace('\\', "/"));
            let (is_file, is_link) = (packed.is_file(), packed.is_symlink());
            let (is_encrypted, method) = (packed.encrypted(), packed.compression());
            drop(packed);
            if is_file {
                self.file(&folder.join(below(&name)), depth, || {
                    ensure!(!is_encrypted, "it is encrypted; make the zip archive again, without a password");
                    can_unpack(method)?;
                    archive.by_index(number).context("the zip archive is broken")
                })?;
            } else if is_link {
                self.link(&folder.join(below(&name)))?;
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

    /// Counts the bytes that have been unpacked.
    fn came_out(&mut self, bytes: u64) -> Result<()> {
        self.unpacked += bytes;
        let most = self.most_unpacked;
        ensure!(self.unpacked < most, "more than {} MiB come out of its archive", most >> 20);
        Ok(())
    }

    fn tar_entries(&mut self, folder: &Path, mut bytes: impl Read, depth: u8) -> Result<()> {
        let mut head = Vec::new();
        bytes.by_ref().take(512).read_to_end(&mut head).context("the archive is broken")?;
        // An empty archive is all zeros.
        let is_tar = head.iter().all(|&byte| byte == 0) || is_tar(&head);
        ensure!(is_tar, "there is no tar archive in it; make a zip archive");
        let mut archive = tar::Archive::new(Cursor::new(head).chain(bytes));
        for file in archive.entries().map_err(broken_tar)? {
            let file = file.map_err(broken_tar)?;
            let path = file.path().map_err(broken_tar)?.into_owned();
            let kind = file.header().entry_type();
            if kind.is_file() {
                self.file(&folder.join(below(&path)), depth, || Ok(file))?;
            } else if kind.is_symlink() || kind.is_hard_link() {
                self.link(&folder.join(below(&path)))?;
            } else {
                self.count()?;
            }
        }
        Ok(())
    }

    /// xz(1) unpacks, with limited memory, and as the user `nobody` if we are root, because it reads untrusted input.
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
        let before = self.unpacked;
        let result = std::thread::scope(|scope| {
            // It ends with an error if the reader below stops early.
            scope.spawn(move || io::copy(&mut bytes, &mut input));
            self.tar(folder, output, depth)
        });
        let _ = xz.kill();
        xz.wait().context("cannot wait for xz")?;
        // Even an archive of nothing has its end.
        ensure!(result.is_err() || self.unpacked > before, "the archive is broken: xz unpacks nothing of it");
        result
    }
}

fn remember(names: &mut Vec<String>, name: String) {
    if names.len() < MOST_NAMES {
        names.push(name);
    }
}

/// What the crate `tar` says of a header has bytes of the file in it, so it is left out.
fn broken_tar(error: io::Error) -> anyhow::Error {
    if error.kind() == io::ErrorKind::Other {
        return anyhow!("the tar archive is broken");
    }
    anyhow::Error::from(error).context("the tar archive is broken")
}

/// Whether a file of this name can be written where it is compiled.
///
/// # Errors
/// If not: why.
fn usable(path: &Path) -> Result<()> {
    let parts: Vec<&[u8]> = path.iter().map(OsStrExt::as_bytes).collect();
    ensure!(!parts.iter().any(|part| part.contains(&0)), "its name has a NUL in it");
    let is_long = path.as_os_str().len() > LONGEST_PATH || parts.iter().any(|part| part.len() > LONGEST_PART);
    ensure!(!is_long, "its name is longer than names of files can be");
    Ok(())
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

/// A path without parts that lead out of the archive. Nothing is written there, so it only has to be recognized.
fn below(path: &Path) -> PathBuf {
    path.components().filter(|part| matches!(part, Component::Normal(_))).collect()
}
