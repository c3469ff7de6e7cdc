//! Pages of the book as students have them: no link to a page that is not handed out, no command that fails there.

use std::path::Path;

/// Commands that are for teachers and maintainers.
const NOT_THEIRS: [&str; 7] = [
    "cargo book",
    "cargo lab cut",
    "cargo lab grade",
    "cargo lab gradescope",
    "cargo lab handout",
    "cargo lab prove",
    "cargo lab staff",
];

/// A page for students. `page` is its path in their copy; for the parts in `missing`, they have only their own.
pub(super) fn for_students(text: &str, page: &Path, root: &Path, missing: &[&str]) -> String {
    let folder = page.parent().unwrap_or(root);
    let mut kept = String::new();
    let mut above = String::new();
    for line in text.split_inclusive('\n') {
        let for_teachers = NOT_THEIRS.iter().any(|command| line.contains(&format!("`{command}")))
            || links(line)
                .any(|(_, target)| target.contains("teaching/") && !leads_somewhere(folder, target));
        let no_folder = tree_entry(line, &mut above).is_some_and(|path| !root.join(path).exists());
        if line.starts_with('|') && for_teachers || no_folder {
            continue;
        }
        kept.push_str(line);
    }
    for part in missing {
        for (ours, theirs) in [(" -p", " -p my-"), (" --package", " --package my-")] {
            for end in [" ", "\n", "`"] {
                kept = kept.replace(&format!("{ours} {part}{end}"), &format!("{theirs}{part}{end}"));
            }
        }
    }
    without_dead_links(&kept, folder)
}

/// The links of a text: where `](` is, and the target.
fn links(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices("](").filter_map(|(at, _)| {
        let target = &text[at + 2..];
        Some((at, &target[..target.find(')')?]))
    })
}

/// Whether a link of a page in this folder leads to a file that is there, or out of the book.
fn leads_somewhere(folder: &Path, target: &str) -> bool {
    let path = target.split('#').next().unwrap_or(target);
    let page = match path.strip_suffix("index.html") {
        Some(folder) => format!("{folder}README.md"),
        None => path.strip_suffix(".html").map_or_else(|| path.to_owned(), |page| format!("{page}.md")),
    };
    path.is_empty() || path.contains(':') || folder.join(page).exists() || folder.join(path).exists()
}

/// Replaces each link that would lead nowhere by its words.
fn without_dead_links(text: &str, folder: &Path) -> String {
    let mut changed = text.to_owned();
    let dead: Vec<(usize, usize)> = links(text)
        .filter(|(_, target)| !target.contains([' ', '\n']) && !leads_somewhere(folder, target))
        .map(|(at, target)| (at, at + 2 + target.len() + 1))
        .collect();
    for (at, end) in dead.into_iter().rev() {
        let Some(start) = changed[..at].rfind('[') else { continue };
        changed.replace_range(at..end, "");
        changed.replace_range(start..=start, "");
    }
    changed
}

/// The folder that a line of a drawn tree is about, such as `tests/` or, indented below it, `  grader/`.
fn tree_entry(line: &str, above: &mut String) -> Option<String> {
    let name = line.split_whitespace().next()?;
    let is_name = |sign: char| sign.is_ascii_lowercase() || sign == '-' || sign == '/';
    if !name.ends_with('/') || name.len() < 3 || !name.chars().all(is_name) {
        return None;
    }
    match line.len() - line.trim_start().len() {
        0 => {
            name.clone_into(above);
            Some(name.to_owned())
        }
        2 => Some(format!("{above}{name}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::for_students;
    use std::fs;

    #[test]
    fn what_students_do_not_have_is_not_named_as_if_they_had_it() {
        let root = tempfile::tempdir().expect("a folder");
        let book = root.path().join("book");
        for folder in ["book/3-queue", "tests/lab"] {
            fs::create_dir_all(root.path().join(folder)).expect("a folder");
        }
        for file in ["3-queue/README.md", "3-queue/lab.md"] {
            fs::write(book.join(file), "").expect("a file");
        }
        let changed = |text| for_students(text, &book.join("start.md"), root.path(), &["queue"]);
        assert_eq!(
            changed(
                "[one](3-queue/index.html#a) and [two](3-queue/lab.html), the\n[three\nwords](museum/index.html)."
            ),
            "[one](3-queue/index.html#a) and [two](3-queue/lab.html), the\nthree\nwords."
        );
        assert_eq!(
            changed("| six weeks | [A course](teaching/plan.md) |\n| an hour | x |\n"),
            "| an hour | x |\n"
        );
        assert_eq!(
            changed("| `cargo book serve` | this |\n| `cargo lab` | the labs |\n"),
            "| `cargo lab` | the labs |\n"
        );
        assert_eq!(
            changed("$ cargo test -q -p queue --lib a\n`cargo test -p queue`, -p queues, -p my-queue\n"),
            "$ cargo test -q -p my-queue --lib a\n`cargo test -p my-queue`, -p queues, -p my-queue\n"
        );
        assert_eq!(
            changed("tests/\n  lab/      cargo lab\n  grader/   for teachers\nsolutions/  six\n"),
            "tests/\n  lab/      cargo lab\n"
        );
    }
}
