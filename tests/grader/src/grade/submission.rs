//! What was handed in: folders and archives, of which only the sources of the exercises are taken.

use anyhow::{Context, Result, bail, ensure};
use lab::course::{Course, Lab};
use lab::tree::Files;
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Component, Path, PathBuf};

/// The largest source file that is taken, in bytes.
const LARGEST_FILE: u64 = 1 << 20;
/// The most that one submission may have in all files, in bytes.
const LARGEST_SUBMISSION: usize = 8 << 20;
/// The most files that are looked at, so that an archive of a million does not stop the others.
const MOST_ENTRIES: usize = 20_000;

/// A submission: a name, and the sources of each part that it has.
#[derive(Debug)]
pub struct Submission {
    /// The file's or folder's name, without an archive's ending.
    pub name: String,
    /// By part: the files beneath the exercise's folder.
    pub parts: BTreeMap<String, Files>,
}

impl Submission {
    /// Reads a folder, a `.zip`, a `.tar`, a `.tar.gz` or a `.tgz`.
    ///
    /// # Errors
    /// If it is none of these, is broken, or is too large.
    pub fn read(course: &Course, path: &Path) -> Result<Submission> {
        let file_name = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let file_name =
            file_name.file_name().context("a submission needs a name")?.to_string_lossy().into_owned();
        let endings = [".tar.gz", ".tgz", ".tar", ".zip"];
        let ending = endings.into_iter().find(|ending| file_name.ends_with(ending));
        let name = file_name.strip_suffix(ending.unwrap_or("")).unwrap_or(&file_name).to_owned();
        let mut taken = Taken { course, parts: BTreeMap::new(), bytes: 0, entries: 0 };
        match ending {
            _ if path.is_dir() => taken.folder(path, Path::new(""))?,
            Some(".zip") => taken.zip(path)?,
            Some(".tar") => taken.tar(File::open(path)?)?,
            Some(_) => taken.tar(flate2::read::GzDecoder::new(File::open(path)?))?,
            None => bail!("{} is neither a folder nor an archive (.zip, .tar, .tar.gz)", path.display()),
        }
        ensure!(
            !taken.parts.is_empty(),
            "{} has no exercise: it should hold exercises/<part>/src/, at any depth",
            path.display()
        );
        Ok(Submission { name, parts: taken.parts })
    }
}

/// What has been taken so far.
struct Taken<'c> {
    course: &'c Course,
    parts: BTreeMap<String, Files>,
    bytes: usize,
    entries: usize,
}

impl Taken<'_> {
    /// Only regular files are read: a link may lead anywhere.
    fn folder(&mut self, root: &Path, below: &Path) -> Result<()> {
        for entry in
            fs::read_dir(root.join(below)).with_context(|| format!("cannot read {}", root.display()))?
        {
            let entry = entry?;
            let path = below.join(entry.file_name());
            let kind = entry.file_type()?;
            let built = entry.file_name() == "target" || entry.file_name() == ".git";
            if kind.is_dir() && !built {
                self.folder(root, &path)?;
            } else if kind.is_file() {
                self.entry(&path, || Ok(File::open(entry.path())?))?;
            }
        }
        Ok(())
    }

    fn zip(&mut self, path: &Path) -> Result<()> {
        let mut archive = zip::ZipArchive::new(File::open(path)?).context("this is no zip archive")?;
        for number in 0..archive.len().min(MOST_ENTRIES + 1) {
            let file = archive.by_index(number).context("the zip archive is broken")?;
            let Some(path) = file.enclosed_name().filter(|_| file.is_file()) else { continue };
            self.entry(&path, || Ok(file))?;
        }
        Ok(())
    }

    fn tar(&mut self, bytes: impl Read) -> Result<()> {
        let mut archive = tar::Archive::new(bytes);
        for file in archive.entries().context("this is no tar archive")? {
            let file = file.context("the tar archive is broken")?;
            let path = file.path()?.into_owned();
            if file.header().entry_type().is_file() {
                self.entry(&path, || Ok(file))?;
            } else {
                self.count()?;
            }
        }
        Ok(())
    }

    fn count(&mut self) -> Result<()> {
        self.entries += 1;
        ensure!(self.entries <= MOST_ENTRIES, "it has more than {MOST_ENTRIES} entries");
        Ok(())
    }

    /// Takes a file if it is a source of an exercise.
    fn entry<R: Read>(&mut self, path: &Path, open: impl FnOnce() -> Result<R>) -> Result<()> {
        self.count()?;
        let Some((part, name)) = place(self.course, path) else { return Ok(()) };
        let mut text = String::new();
        open()?
            .take(LARGEST_FILE + 1)
            .read_to_string(&mut text)
            .with_context(|| format!("{} is not text", path.display()))?;
        ensure!(text.len() as u64 <= LARGEST_FILE, "{} is longer than 1 MiB", path.display());
        self.bytes += text.len();
        ensure!(self.bytes <= LARGEST_SUBMISSION, "it is larger than 8 MiB");
        self.parts.entry(part).or_default().insert(name, text);
        Ok(())
    }
}

/// Which exercise a path belongs to, and where in it: `<anything>/exercises/queue/src/ring.rs`.
fn place(course: &Course, path: &Path) -> Option<(String, PathBuf)> {
    let words: Vec<&str> = path
        .components()
        .map(|component| match component {
            Component::Normal(word) => word.to_str(),
            _ => None,
        })
        .collect::<Option<_>>()?;
    if !words.last()?.ends_with(".rs") {
        return None;
    }
    let at = words.windows(3).position(|three| {
        let [above, part, below] = three else { return false };
        *above == "exercises"
            && course.lab(part).is_ok_and(|lab| lab.part == *part)
            && matches!(*below, "src" | "hunts")
    })?;
    Some((words[at + 1].to_owned(), words[at + 2..].iter().collect()))
}

/// Why sources must not be compiled: they read files that are not theirs, such as the solutions.
///
/// # Errors
/// One sentence that names the file and the word.
pub fn check_sources(lab: &Lab, files: &Files) -> Result<()> {
    // This is how the models get into every part.
    let models = format!("\"../../../tests/models/{}.rs\"", lab.part);
    for (path, text) in files {
        let Ok(tokens) = text.parse::<TokenStream>() else { continue };
        if let Some(word) = forbidden(tokens, false, &models) {
            bail!(
                "{}: `{word}` is not allowed in a submission, because it can read files that are not yours",
                path.display()
            );
        }
    }
    Ok(())
}

/// Words that bring another file into a program. In a comment or a text they are no tokens.
fn forbidden(tokens: TokenStream, in_attribute: bool, models: &str) -> Option<String> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut after_hash = false;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Ident(word) => {
                let word = word.to_string();
                let sign = |sign: char, token: Option<&TokenTree>| matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == sign);
                let names_a_file = in_attribute && word == "path" && sign('=', tokens.get(at + 1));
                let ours = tokens.get(at + 2).is_some_and(|file| file.to_string() == models);
                let reads =
                    ["include", "include_str", "include_bytes", "global_asm"].contains(&word.as_str());
                if names_a_file && !ours || reads {
                    return Some(word);
                }
                after_hash = false;
            }
            TokenTree::Group(group) => {
                let attribute = in_attribute || after_hash && group.delimiter() == Delimiter::Bracket;
                if let Some(word) = forbidden(group.stream(), attribute, models) {
                    return Some(word);
                }
                after_hash = false;
            }
            // `#[...]` and `#![...]`.
            TokenTree::Punct(sign) => {
                after_hash = sign.as_char() == '#' || after_hash && sign.as_char() == '!'
            }
            TokenTree::Literal(_) => after_hash = false,
        }
    }
    None
}

/// Puts what was submitted over what was handed out: who hands in one file has the others as they were.
pub fn complete(shipped: &Files, submitted: &Files) -> Files {
    let mut files = shipped.clone();
    files.extend(submitted.iter().map(|(path, text)| (path.clone(), text.clone())));
    files
}

/// Whether a submission has anything of a lab that is not as it was handed out.
pub fn touches(submission: &Submission, lab: &Lab, shipped: &Files) -> bool {
    let part = submission.parts.get(&lab.part);
    part.is_some_and(|files| files.iter().any(|(path, text)| shipped.get(path) != Some(text)))
}
