//! The names of things in the source code, which a reader of the lanes knows.
//!
//! A location is a file, a line and a column, so the name of a variable must be read from the file. Where the files are
//! missing, as in a grader's sandbox, the place is used instead of a name.

use std::fs;
use std::path::Path;

use crate::record::Place;

/// The environment variable that names the folder of the source files. Without it, that is the workspace, relative to
/// one of its packages.
const SOURCES: &str = "LANES_SOURCES";

/// A place as the lanes show it.
pub(crate) fn short(place: Place) -> String {
    file_and_line(place.file(), place.line())
}

/// The file's name without its folders, to keep the lanes narrow. Only a part's tests keep a folder, because a model
/// and its code often have files with the same name.
pub(crate) fn file_and_line(file: &str, line: u32) -> String {
    let name = file.rsplit('/').next().unwrap_or(file);
    let folder = ["models/", "hunts/"].into_iter().find(|folder| file.contains(&format!("tests/{folder}")));
    format!("{}{name}:{line}", folder.unwrap_or_default())
}

/// The name of the field or variable that holds a value made at `place`, such as `empty_slots`.
pub(crate) fn name_of_what_is_made_at(place: Place) -> Option<String> {
    let text = text_of(place.file())?;
    let mut lines = text.lines().take(place.line() as usize).collect::<Vec<_>>();
    let before: String = lines.pop()?.chars().take(place.column() as usize - 1).collect();
    if !before.trim().is_empty() {
        return receiver(&before);
    }
    // The call has a line of its own, within another call.
    lines.pop().filter(|line| line.ends_with(['(', '[', '='])).and_then(receiver)
}

/// The variable or the field that gets the value: the last name before a `=` or a `:`.
fn receiver(before: &str) -> Option<String> {
    let plain = before.replace("::", "  ").replace("=>", "  ").replace("==", "  ");
    plain.match_indices([':', '=']).rev().find_map(|(at, _)| {
        let name = plain[..at].trim_end();
        let start =
            name.rfind(|letter: char| !letter.is_alphanumeric() && letter != '_').map_or(0, |at| at + 1);
        let name = &name[start..];
        name.starts_with(|letter: char| letter.is_lowercase()).then(|| name.to_owned())
    })
}

/// The name of the function that `place` is in.
pub(crate) fn function_at(place: Place) -> Option<String> {
    let text = text_of(place.file())?;
    let lines: Vec<&str> = text.lines().take(place.line() as usize).collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let within = indent(lines.last()?);
    lines.iter().rev().filter(|line| indent(line) < within).find_map(|line| {
        let (before, name) = line.trim_start().split_once("fn ")?;
        let is_function = before.split_whitespace().all(|word| word.starts_with("pub") || word == "const");
        let end = name.find(['(', '<'])?;
        is_function.then(|| name[..end].to_owned())
    })
}

fn text_of(file: &str) -> Option<String> {
    let beneath = std::env::var(SOURCES).unwrap_or_else(|_| "../..".to_owned());
    fs::read_to_string(Path::new(&beneath).join(file)).ok()
}

#[cfg(test)]
mod tests {
    use super::receiver;

    #[test]
    fn a_thing_has_the_name_of_the_field_or_variable_that_it_is_kept_in() {
        let named = |before: &str| receiver(before).unwrap_or_default();
        assert_eq!(named("            empty_slots: "), "empty_slots");
        assert_eq!(named("        Semaphore { permits: "), "permits");
        assert_eq!(named("        Semaphore { permits: Mutex::new(permits), released: "), "released");
        assert_eq!(named("    let semaphore = Arc::new("), "semaphore");
        assert_eq!(named("    let stop: Arc<StopFlag> = Arc::new("), "stop");
        assert_eq!(named("    counts: std::array::from_fn(|_| "), "counts");
        assert_eq!(named("    Counter("), "");
        // A path, an arm of a match and a comparison fill nothing.
        assert_eq!(named("    sync::Mutex::new("), "");
        assert_eq!(named("        kind => Mutex::new("), "");
        assert_eq!(named("    if last == Mutex::new("), "");
    }
}
