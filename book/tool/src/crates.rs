//! The picture of the server's crates: which one stands on which, and what it takes from there.
//!
//! Crates and arrows come from `cargo metadata`, so the picture cannot show what is not so. An arrow that follows from
//! others is left out: a crate may use everything below it. What flows along an arrow is written down here, and
//! [`drawn`] refuses a word that the upper crate does not take from the lower one.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What flows along each arrow: the names that the upper crate takes from the lower one.
const FLOWS: [(&str, &str, &[&str]); 8] = [
    ("stage6-prefork", "stage5-stats", &["site", "Seated"]),
    ("stage5-stats", "stage4-cache", &["Cached"]),
    ("stage4-cache", "stage3-queue", &["run_alone", "Service"]),
    ("stage3-queue", "stage1-single", &["accept", "Files"]),
    ("stage2-threads", "stage1-single", &["accept", "serve", "Files"]),
    ("stage1-single", "program", &["Settings", "Stop", "listen"]),
    ("program", "http", &["Handler", "Exchange"]),
    ("http", "parts", &["RequestHead", "OpenFile"]),
];

/// The line before the picture in a text that holds it.
const BEGIN: &str = "<!-- crates: written by `cargo book draw` -->";
/// The line behind it.
const END: &str = "<!-- crates: end -->";

/// One crate.
#[derive(Debug)]
struct Crate {
    /// Its folder, from the root of the checkout.
    folder: PathBuf,
    /// What its manifest says about it, up to the first colon or full stop.
    about: String,
    /// The crates that it is built on.
    uses: BTreeSet<String>,
}

type Crates = BTreeMap<String, Crate>;

/// The files that hold the picture, as they should be: their paths from the root, and their whole text.
///
/// # Errors
/// If cargo cannot be asked, a file cannot be read, or what is said of an arrow is not so.
pub fn drawn(root: &Path) -> Result<BTreeMap<PathBuf, String>> {
    let crates = crates(root)?;
    let arrows = arrows(&crates);
    check_flows(root, &crates, &arrows)?;
    let floors = floors(&crates);
    let contributing = PathBuf::from("CONTRIBUTING.md");
    let page = fs::read_to_string(root.join(&contributing)).context("CONTRIBUTING.md")?;
    let begin = page.find(BEGIN).with_context(|| format!("CONTRIBUTING.md has no line {BEGIN}"))?;
    let end = page.find(END).with_context(|| format!("CONTRIBUTING.md has no line {END}"))?;
    let picture = format!("{BEGIN}\n```text\n{}```\n", text_picture(&crates, &floors));
    let page = format!("{}{picture}{}", &page[..begin], &page[end..]);
    let svg = svg_picture(&crates, &floors, &arrows);
    Ok(BTreeMap::from([(contributing, page), (PathBuf::from("book/src/data/crates.svg"), svg)]))
}

/// What cargo knows of every package but the student's, with its folder from the root.
pub(crate) fn metadata(root: &Path) -> Result<Vec<(PathBuf, Value)>> {
    let mut command = Command::new(lab::build::cargo());
    command.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(root);
    let output = command.output().context("cannot run cargo")?;
    let mut metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    let packages = metadata["packages"].as_array_mut().map(std::mem::take).unwrap_or_default();
    let packages = packages.into_iter().map(|package| {
        let manifest = PathBuf::from(text(&package["manifest_path"]));
        let folder = manifest.parent().and_then(|folder| folder.strip_prefix(root).ok()).unwrap_or(&manifest);
        (folder.to_owned(), package)
    });
    Ok(packages.filter(|(folder, _)| !folder.starts_with("exercises")).collect())
}

/// A text of cargo's, empty if there is none.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The crates in `stages/` and `solutions/`.
fn crates(root: &Path) -> Result<Crates> {
    let mut crates = Crates::new();
    for (folder, package) in metadata(root)? {
        if !folder.starts_with("stages") && !folder.starts_with("solutions") {
            continue;
        }
        let dependencies = package["dependencies"].as_array().into_iter().flatten();
        let uses = dependencies.filter(|dependency| dependency["kind"].is_null());
        let uses = uses.map(|used| text(&used["name"])).collect();
        let about = text(&package["description"]);
        let about = about.split_once(": ").map_or(about.as_str(), |(_, rest)| rest);
        let about = about.split(". ").next().unwrap_or_default().trim_end_matches('.').to_owned();
        crates.insert(text(&package["name"]), Crate { folder, about, uses });
    }
    let names: BTreeSet<String> = crates.keys().cloned().collect();
    for entry in crates.values_mut() {
        entry.uses.retain(|used| names.contains(used));
    }
    Ok(crates)
}

/// Everything that a crate is built on, directly or not.
fn below<'c>(crates: &'c Crates, name: &str) -> BTreeSet<&'c str> {
    let mut all = BTreeSet::new();
    for used in &crates[name].uses {
        all.insert(used.as_str());
        all.extend(below(crates, used));
    }
    all
}

/// The arrows that do not follow from others.
fn arrows(crates: &Crates) -> Vec<(&str, &str)> {
    let mut arrows = Vec::new();
    for (name, entry) in crates {
        for used in &entry.uses {
            let follows = entry.uses.iter().any(|other| below(crates, other).contains(used.as_str()));
            if !follows {
                arrows.push((name.as_str(), used.as_str()));
            }
        }
    }
    arrows
}

/// Each arrow has its words, and each word is taken along it.
fn check_flows(root: &Path, crates: &Crates, arrows: &[(&str, &str)]) -> Result<()> {
    for &(upper, lower) in arrows {
        // The six parts are whole crates; `parts` hands on all of each.
        let known = upper == "parts" || FLOWS.iter().any(|flow| (flow.0, flow.1) == (upper, lower));
        ensure!(known, "nothing says what {upper} takes from {lower}");
    }
    for (upper, lower, names) in FLOWS {
        ensure!(arrows.contains(&(upper, lower)), "there is no arrow from {upper} to {lower}");
        let source = source(&root.join(&crates[upper].folder).join("src"))?;
        let path = format!("{}::", lower.replace('-', "_"));
        for name in names {
            let taken = source.lines().filter(|line| line.contains(&path)).any(|line| {
                line.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
                    .any(|word| word == *name)
            });
            ensure!(taken, "{upper} does not take {name} from {lower}");
        }
    }
    Ok(())
}

/// All Rust beneath a folder.
fn source(folder: &Path) -> Result<String> {
    Ok(lab::tree::read_rust(folder)?.into_values().collect())
}

/// The crates by height: the ground first, each crate above all that it is built on.
fn floors(crates: &Crates) -> Vec<Vec<&str>> {
    fn height(crates: &Crates, name: &str) -> usize {
        crates[name].uses.iter().map(|used| height(crates, used) + 1).max().unwrap_or(0)
    }
    let mut floors: Vec<Vec<&str>> = Vec::new();
    for name in crates.keys() {
        let height = height(crates, name);
        floors.resize(floors.len().max(height + 1), Vec::new());
        floors[height].push(name);
    }
    floors
}

fn flow(upper: &str) -> String {
    let names = FLOWS.iter().find(|flow| flow.0 == upper).map_or(&[][..], |flow| flow.2);
    names.join(", ")
}

/// For a terminal: a floor per line, and between two floors what the upper one takes.
fn text_picture(crates: &Crates, floors: &[Vec<&str>]) -> String {
    let mut text = String::new();
    for (floor, names) in floors.iter().enumerate().rev() {
        if floor == 0 {
            writeln!(text, "{}", names.join("  ")).expect(WRITING);
            continue;
        }
        for name in names {
            writeln!(text, "{name:16}  {}", crates[*name].about).expect(WRITING);
        }
        for name in names {
            let taken = FLOWS.iter().find(|flow| flow.0 == *name);
            let taken = taken.map(|(_, lower, taken)| format!("from {lower}: {}", taken.join(", ")));
            writeln!(text, "{}", format!("    |             {}", taken.unwrap_or_default()).trim_end())
                .expect(WRITING);
        }
    }
    text
}

const WRITING: &str = "writing to a string cannot fail";
/// Wide enough for the six parts, and narrow enough for a phone to show the text at 11 pixels or more.
const WIDTH: usize = 420;
/// Size of the text, and from line to line.
const TEXT: usize = 15;
const LINE: usize = 19;
/// Between two floors.
const GAP: usize = 30;

/// Where a crate's box is, and the lines of text in it, its name first.
struct Place {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
    lines: Vec<String>,
}

/// For the book.
fn svg_picture(crates: &Crates, floors: &[Vec<&str>], arrows: &[(&str, &str)]) -> String {
    let mut places: BTreeMap<&str, Place> = BTreeMap::new();
    let mut y = 2;
    for (floor, names) in floors.iter().enumerate().rev() {
        let width = WIDTH / names.len();
        let lines = |name: &str| {
            // The six parts have no room for more than their names, and need none.
            let about = if floor == 0 { "" } else { &crates[name].about };
            std::iter::once(name.to_owned()).chain(wrap(about, (width - 16) * 2 / TEXT)).collect::<Vec<_>>()
        };
        let texts: Vec<Vec<String>> = names.iter().map(|name| lines(name)).collect();
        let height = texts.iter().map(Vec::len).max().unwrap_or(0) * LINE + 12;
        for (index, (name, lines)) in names.iter().zip(texts).enumerate() {
            places.insert(name, Place { x: index * width + 2, y, width: width - 4, height, lines });
        }
        y += height + GAP;
    }
    let title: Vec<String> = arrows.iter().map(|(upper, lower)| format!("{upper} uses {lower}")).collect();
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {}\" style=\"max-width: 36rem\" role=\"img\" aria-labelledby=\"crates-title\">\n\
         <title id=\"crates-title\">The crates of the server. {}.</title>\n<defs>\n\
         <marker id=\"crates-arrow\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" markerHeight=\"7\" \
         orient=\"auto-start-reverse\"><path d=\"M0 0 L10 5 L0 10 z\" fill=\"currentColor\"/></marker>\n</defs>\n",
        y - GAP + 2,
        title.join(", ")
    );
    svg.push_str("<g fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.5\">\n");
    for Place { x, y, width, height, .. } in places.values() {
        writeln!(svg, "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>")
            .expect(WRITING);
    }
    // Straight down, in the middle of the narrower box.
    let begin = |(upper, lower): &(&str, &str)| {
        let (from, to) = (&places[upper], &places[lower]);
        let narrow = if from.width <= to.width { from } else { to };
        (narrow.x + narrow.width / 2, from.y + from.height)
    };
    for arrow in arrows {
        let (x, from) = begin(arrow);
        let end = "marker-end=\"url(#crates-arrow)\"";
        writeln!(svg, "<path d=\"M{x} {from} V{}\" {end}/>", places[arrow.1].y - 2).expect(WRITING);
    }
    writeln!(svg, "</g>\n<g fill=\"currentColor\" font-size=\"{TEXT}\">").expect(WRITING);
    for Place { x, y, width, lines, .. } in places.values() {
        for (index, line) in lines.iter().enumerate() {
            let (x, y) = (x + width / 2, y + 2 + (index + 1) * LINE);
            let weight = if index == 0 { " font-weight=\"bold\"" } else { "" };
            writeln!(svg, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\"{weight}>{line}</text>")
                .expect(WRITING);
        }
    }
    for arrow in arrows {
        let (x, from) = begin(arrow);
        // On the right, unless there is no room. A letter is about half as wide as it is high.
        let text = flow(arrow.0);
        let fits = x + 8 + text.len() * TEXT / 2 <= WIDTH;
        let (x, anchor) = if fits { (x + 8, "start") } else { (x - 8, "end") };
        let y = from + 19;
        writeln!(
            svg,
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" font-style=\"italic\">{text}</text>"
        )
        .expect(WRITING);
    }
    svg + "</g>\n</svg>\n"
}

/// Breaks a text into lines of so many letters.
fn wrap(text: &str, letters: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= letters => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
