//! Modules that import each other. None may: each can then be read without the other.

use crate::crates::{metadata, text};
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Modules of one crate that import each other, directly or over others: a line for each crate that has some.
///
/// A folder of modules counts as one, and a crate's root, which hands names on, does not count.
///
/// # Errors
/// If cargo cannot be asked or a file cannot be read.
pub fn circles(root: &Path) -> Result<Vec<String>> {
    let mut circles = Vec::new();
    for (folder, package) in metadata(root)? {
        let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        // Benchmarks have no sources but their targets.
        let sources = root.join(&folder).join("src");
        if !sources.exists() {
            continue;
        }
        for (path, source) in lab::tree::read_rust(&sources)? {
            let first = path.iter().next().map(Path::new).and_then(Path::file_stem).unwrap_or_default();
            imports.entry(first.to_string_lossy().into_owned()).or_default().extend(imported(&source));
        }
        imports.remove("lib");
        imports.remove("main");
        // A module that imports none of the others, or that none of them imports, is in no circle.
        loop {
            let before = imports.len();
            let left: BTreeSet<String> = imports.keys().cloned().collect();
            for (module, used) in &mut imports {
                used.retain(|used| used != module && left.contains(used));
            }
            let imported: BTreeSet<String> = imports.values().flatten().cloned().collect();
            imports.retain(|module, used| !used.is_empty() && imported.contains(module));
            if imports.len() == before {
                break;
            }
        }
        if !imports.is_empty() {
            let modules: Vec<String> =
                imports.iter().map(|(module, used)| format!("{module} -> {used:?}")).collect();
            circles.push(format!("{}: {}", text(&package["name"]), modules.join(", ")));
        }
    }
    Ok(circles)
}

/// The modules of its own crate that a file imports: the first names behind `crate::`.
fn imported(source: &str) -> BTreeSet<String> {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    let first =
        |path: &str| path.trim_start().chars().take_while(|&letter| is_part(letter)).collect::<String>();
    let mut modules = BTreeSet::new();
    let code =
        source.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    for path in code.split("crate::").skip(1) {
        let Some(group) = path.strip_prefix('{') else {
            modules.insert(first(path));
            continue;
        };
        let mut depth = 0;
        let mut item = String::new();
        for letter in group.chars() {
            match letter {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => modules.extend([first(&std::mem::take(&mut item))]),
                _ => item.push(letter),
            }
        }
        modules.insert(first(&item));
    }
    modules
}
