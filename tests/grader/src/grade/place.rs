//! Which exercise a file belongs to, and where in it.

use super::archive::Entry;
use super::handin::with_holes;
use lab::course::{self, Course, Lab};
use std::path::{Path, PathBuf};

/// A file's place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) part: String,
    /// Beneath the exercise's folder.
    pub(super) file: PathBuf,
    /// How uncertain it is: 0 for a whole path, more for less of one.
    pub(super) rank: u8,
    /// How deep it was: of two copies, the one nearer to the top is used.
    pub(super) depth: usize,
    /// Whether its name has the same upper and lower case as the exercise's.
    pub(super) same_case: bool,
}

/// The name of a folder's own module.
const MOD: &str = "mod.rs";
/// Added to the rank of `semaphore/mod.rs`, which is taken as `semaphore.rs` if that was not handed in.
const MOD_RANK: u8 = 4;
/// Folders whose files may have such names, too, but are not what was handed in.
const NOT_THEIRS: [&str; 7] = ["solutions", "shipped", "saved", "tests", "stages", "book", "vendor"];

/// Finds a file's place, by its path or else by its name and contents.
pub(super) fn place(course: &Course, entry: &Entry) -> Option<Place> {
    let words = words(&entry.path);
    by_path(course, &words).or_else(|| most_known(course, by_name(course, &words), &entry.text))
}

/// The places that a file may have, whatever it says.
pub(super) fn candidates(course: &Course, path: &Path) -> Vec<Place> {
    let words = words(path);
    by_path(course, &words).map_or_else(|| by_name(course, &words), |place| vec![place])
}

/// Whether a file may be a module of one with holes, because a folder that it is in is named like that: then it belongs
/// to the one beside that folder, if that is taken.
pub(super) fn may_be_module(holes: &[PathBuf], path: &Path) -> bool {
    let folders = words(path.parent().unwrap_or(path));
    let is_named = |hole: &PathBuf| {
        let stem = hole.file_stem().unwrap_or_default().to_string_lossy();
        hole.starts_with("src") && folders.iter().any(|folder| **folder == *stem)
    };
    !folders.iter().any(|folder| NOT_THEIRS.contains(&folder.as_str())) && holes.iter().any(is_named)
}

/// The folder that the modules of a file with holes are in. The file was taken from `path`.
pub(super) fn folder_of_modules(path: &Path, hole: &Path) -> PathBuf {
    let folder = path.parent().unwrap_or(path);
    if is_mod(path) { folder.to_owned() } else { folder.join(hole.file_stem().unwrap_or_default()) }
}

/// Whether it is called `mod.rs`.
pub(super) fn is_mod(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == MOD)
}

/// Whether a file that is not used may be one with holes: its name has that one's as a word, as in `ring_v2.rs` and
/// `ring.rs.txt`.
pub(super) fn is_like(name: &str, hole: &Path) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    let stem = hole.file_stem().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let is_letter = |sign: Option<char>| sign.is_some_and(char::is_alphabetic);
    name.match_indices(&stem).any(|(at, _)| {
        !is_letter(name[..at].chars().next_back()) && !is_letter(name[at + stem.len()..].chars().next())
    })
}

fn words(path: &Path) -> Vec<String> {
    path.iter().map(|word| word.to_string_lossy().into_owned()).collect()
}

/// `<anything>/exercises/queue/src/ring.rs`, or from `queue/` on, as in an archive of the folder `exercises`.
fn by_path(course: &Course, words: &[String]) -> Option<Place> {
    let is_place = |at: usize| {
        let (part, below) = (&words[at], &words[at + 1]);
        course.labs.iter().any(|lab| lab.part == *part) && ["src", "hunts", "prove"].contains(&below.as_str())
    };
    // An outer folder may also be named like a part, as in `queue/src/exercises/queue/src/ring.rs`.
    let places = || (0..words.len().saturating_sub(2)).rev().filter(|&at| is_place(at));
    let at = places().find(|&at| at > 0 && words[at - 1] == "exercises").or_else(|| places().next())?;
    // A solution or a copy that `cargo lab reset` saved is not what was handed in.
    let above = at.checked_sub(1).map(|above| words[above].as_str());
    if ["solutions", "shipped", "saved"].iter().any(|no| above == Some(*no)) {
        return None;
    }
    let mut rank = u8::from(above != Some("exercises"));
    let part = words[at].clone();
    let mut file: PathBuf = words[at + 1..].iter().collect();
    let with_holes = course.lab(&part).map(with_holes).unwrap_or_default();
    if is_mod(&file)
        && let Some(hole) = file.parent().map(|folder| folder.with_extension("rs"))
        && with_holes.contains(&hole)
    {
        (file, rank) = (hole, rank + MOD_RANK);
    }
    let called = |hole: &PathBuf| hole.to_string_lossy().eq_ignore_ascii_case(&file.to_string_lossy());
    let hole = with_holes.into_iter().find(called).filter(|hole| *hole != file);
    let same_case = hole.is_none();
    Some(Place { part, file: hole.unwrap_or(file), rank, depth: at, same_case })
}

/// `src/ring.rs`, `ring.rs`, or as platforms rename it: `smithada_12345_67890_ring-1.rs`.
fn by_name(course: &Course, words: &[String]) -> Vec<Place> {
    let Some((name, folders)) = words.split_last() else { return Vec::new() };
    if folders.iter().any(|folder| NOT_THEIRS.contains(&folder.as_str())) {
        return Vec::new();
    }
    let (name, more) = match folders.last() {
        Some(folder) if name == MOD => (format!("{folder}.rs"), MOD_RANK),
        _ => (name.clone(), 0),
    };
    let mut places = Vec::new();
    for lab in &course.labs {
        for file in with_holes(lab) {
            let wanted = file.file_name().unwrap_or_default().to_string_lossy();
            if let Some((rank, same_case)) = likeness(&name, &wanted) {
                let rank = rank + more;
                places.push(Place { part: lab.part.clone(), file, rank, depth: folders.len(), same_case });
            }
        }
    }
    places
}

/// Two labs may have files of one name. Then the functions in it decide.
fn most_known(course: &Course, places: Vec<Place>, text: &str) -> Option<Place> {
    let mut best: Option<(usize, Place)> = None;
    for place in places {
        let words = known_words(course.lab(&place.part).ok()?, &place.file);
        let known = words.filter(|word| text.contains(word.as_str())).count();
        if known > best.as_ref().map_or(0, |(most, _)| *most) {
            best = Some((known, place));
        }
    }
    best.map(|(_, place)| place)
}

/// Words that a file of a lab certainly contains.
fn known_words<'l>(lab: &'l Lab, file: &'l Path) -> impl Iterator<Item = String> + 'l {
    let of_file = move |at: &str| course::place(at).is_ok_and(|(name, _)| file == name);
    let functions =
        lab.tasks.iter().flat_map(|task| &task.holes).filter(move |hole| of_file(&hole.at)).map(|hole| {
            let function = hole.at.rsplit([':', ' ']).next().unwrap_or_default();
            format!("fn {function}(")
        });
    let types =
        lab.tasks.iter().flat_map(|task| &task.holes).filter(move |hole| of_file(&hole.at)).filter_map(
            |hole| {
                let (_, path) = hole.at.split_once(": ")?;
                path.split_once("::").map(|(of, _)| format!("{of} {{"))
            },
        );
    let hunt = lab.tasks.iter().filter_map(|task| task.hunt.as_ref());
    let hunt =
        hunt.filter(move |hunt| file == Path::new("hunts").join(&hunt.file)).map(|_| "pub ".to_owned());
    functions.chain(types).chain(hunt)
}

/// How like a wanted name another one is: 2 for the same, 3 for one that a platform or a second download made of it. And
/// whether upper and lower case are the same.
fn likeness(name: &str, wanted: &str) -> Option<(u8, bool)> {
    if name.eq_ignore_ascii_case(wanted) {
        return Some((2, name == wanted));
    }
    let (stem, same_ending) = before(name, ".rs")?;
    let wanted = wanted.strip_suffix(".rs")?;
    // semaphore-1.rs, semaphore (1).rs, semaphore copy.rs, semaphore (copy).rs, semaphore - Copy.rs
    let mark = |sign: char| sign.is_ascii_digit() || " ()-".contains(sign);
    let stem = stem.trim_end_matches(mark);
    let stem = [" copy", "(copy", "- Copy"].iter().find_map(|copy| stem.strip_suffix(copy)).unwrap_or(stem);
    let stem = stem.trim_end_matches(mark);
    let (before, same_case) = before(stem, wanted)?;
    let is_like = before.is_empty() || before.ends_with('_') || before == "Copy of ";
    is_like.then_some((3, same_case && same_ending))
}

/// A text without its ending, which may be in upper or lower case, and whether its case is the same.
fn before<'t>(text: &'t str, ending: &str) -> Option<(&'t str, bool)> {
    let (before, end) = text.split_at_checked(text.len().checked_sub(ending.len())?)?;
    end.eq_ignore_ascii_case(ending).then_some((before, end == ending))
}

#[cfg(test)]
mod tests {
    use super::likeness;

    #[test]
    fn a_name_may_be_what_a_platform_made_of_it() {
        assert_eq!(likeness("ring.rs", "ring.rs"), Some((2, true)));
        for name in [
            "smithada_123_456_ring.rs",
            "smithada_123_456_ring-1.rs",
            "ring (2).rs",
            "ring copy.rs",
            "ring copy 2.rs",
            "ring (copy).rs",
            "ring - Copy.rs",
            "ring - Copy (2).rs",
            "Copy of ring.rs",
        ] {
            assert_eq!(likeness(name, "ring.rs"), Some((3, true)), "{name}");
        }
        assert_eq!(likeness("RING.rs", "ring.rs"), Some((2, false)));
        assert_eq!(likeness("smithada_123_456_Ring-1.RS", "ring.rs"), Some((3, false)));
        for name in
            ["string.rs", "ring.txt", "ringing.rs", "ring.rs.bak", "ring.rs~", ".#ring.rs", "ring_old.rs"]
        {
            assert_eq!(likeness(name, "ring.rs"), None, "{name}");
        }
    }
}
