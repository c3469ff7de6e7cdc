//! Which macros of other crates write unsafe code where a student uses them: the lint `unsafe_code` does not notice what a
//! macro of another crate writes.

use lab::tree;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// In their names. The grader refuses a file that names one of them (`PARTS` in `lab::refused`).
const REFUSED: [&str; 4] = ["sockopt_impl", "ioctl_none", "ioctl_read", "ioctl_write"];

#[test]
fn every_macro_with_unsafe_code_that_a_part_can_name_is_refused() {
    let mut accepted = BTreeSet::new();
    let mut refused = BTreeSet::new();
    for source in sources_of_what_parts_name() {
        for path in tree::rust_files(&source).expect("the sources of a crate") {
            let text = fs::read_to_string(&path).expect("a source");
            for (name, body) in exported_macros(&text) {
                if body.contains("unsafe") {
                    let known = REFUSED.iter().any(|part| name.contains(part));
                    if known { &mut refused } else { &mut accepted }
                        .insert(format!("{name} in {}", path.display()));
                }
            }
        }
    }
    assert!(accepted.is_empty(), "to be refused, or shown to be harmless: {accepted:#?}");
    assert!(refused.len() > 10, "nix has more than ten; were its sources found? {refused:#?}");
}

/// Folders of the crates that a part, its tests or its models depend on by name, without our own.
fn sources_of_what_parts_name() -> BTreeSet<PathBuf> {
    let root = tree::root().expect("a checkout");
    let mut command = Command::new(env!("CARGO"));
    // What only other systems need has never been fetched.
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    command.args(["metadata", "--offline", "--format-version", "1", "--filter-platform", &platform]);
    command.current_dir(&root);
    let output = command.output().expect("cargo");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let list = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
    let packages = list(&metadata["packages"]);
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let mut named = BTreeSet::new();
    for node in list(&metadata["resolve"]["nodes"]) {
        let package =
            packages.iter().find(|package| package["id"] == node["id"]).expect("each node is a package");
        let folder = PathBuf::from(text(&package["manifest_path"]));
        if folder.starts_with(root.join("exercises")) {
            named.extend(list(&node["deps"]).iter().map(|dependency| text(&dependency["pkg"])));
        }
    }
    let foreign = packages
        .iter()
        .filter(|package| named.contains(&text(&package["id"])) && !package["source"].is_null());
    foreign
        .filter_map(|package| Some(Path::new(&text(&package["manifest_path"])).parent()?.join("src")))
        .collect()
}

/// The macros that a source exports: name, and what it stands for.
fn exported_macros(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.match_indices("#[macro_export").filter_map(|(at, _)| {
        let (_, definition) = text[at..].split_once("macro_rules!")?;
        let (name, rest) = definition.split_once(['{', '('])?;
        let mut depth = 1;
        let end = rest.find(|sign| {
            depth += i32::from(sign == '{' || sign == '(') - i32::from(sign == '}' || sign == ')');
            depth == 0
        })?;
        Some((name.trim(), &rest[..end]))
    })
}
