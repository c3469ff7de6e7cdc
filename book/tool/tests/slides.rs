//! The lecture decks: whole, true to their time, and readable from the last row.

use book::slides::{self, Deck};
use book::{pages, root};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

static DECKS: LazyLock<Vec<Deck>> =
    LazyLock::new(|| slides::decks(&root().expect("a checkout")).expect("the decks"));

#[test]
fn each_chapter_has_a_deck_and_loom_has_one() {
    let names: Vec<&str> = DECKS.iter().map(|deck| &*deck.name).collect();
    let chapters = ["1-single", "2-threads", "3-queue", "4-cache", "5-stats", "6-prefork"];
    assert_eq!(names, [&chapters[..], &["loom"]].concat());
    assert_eq!(DECKS[3].slides[0].title, "4. A cache of files", "a number at the beginning begins no list");
}

#[test]
fn a_deck_has_12_to_20_slides_for_45_minutes_and_notes_for_each() {
    let mut complaints = Vec::new();
    for Deck { name, slides, .. } in &*DECKS {
        if !(12..=20).contains(&slides.len()) {
            complaints.push(format!("{name} has {} slides", slides.len()));
        }
        let minutes: u32 = slides.iter().map(|slide| slide.minutes).sum();
        if minutes != 45 {
            complaints.push(format!("{name} takes {minutes} minutes"));
        }
        let silent = slides.iter().filter(|slide| slide.notes.trim().is_empty());
        complaints.extend(silent.map(|slide| format!("{name}: \"{}\" has no notes", slide.title)));
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn no_deck_is_a_page_of_the_book() {
    let summary = std::fs::read_to_string(root().expect("a checkout").join("book/src/SUMMARY.md"));
    let summary = summary.expect("a summary");
    for deck in &*DECKS {
        assert!(!summary.contains(&format!("]({}/slides.md)", deck.name)), "{} is in SUMMARY.md", deck.name);
    }
}

/// A demonstration names its command, and the command is there: its program, and what of ours cargo is to build.
/// What the commands of a `console` block print is compared by the test of the book's commands.
#[test]
fn the_commands_of_demonstrations_exist() {
    let root = root().expect("a checkout");
    let course = Course::load(&root);
    let mut complaints = Vec::new();
    for deck in &*DECKS {
        // A function or a variable that an earlier slide defines is there on a later one.
        let mut defined = BTreeSet::new();
        for slide in &deck.slides {
            let blocks: Vec<_> =
                slide.blocks.iter().filter(|block| ["console", "sh"].contains(&&*block.kind)).collect();
            if slide.kind == "demo" && blocks.is_empty() {
                complaints.push(format!("{}: \"{}\" shows no command", deck.name, slide.title));
            }
            for block in blocks {
                for command in commands(block) {
                    let wrong = course.complaints(&command, &mut defined);
                    complaints.extend(
                        wrong.iter().map(|what| format!("{}: \"{}\": {what}", deck.name, slide.title)),
                    );
                }
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// The commands of a block.
fn commands(block: &pages::Block) -> Vec<String> {
    if block.kind == "console" {
        let block = pages::Block { line: 1, kind: block.kind.clone(), text: block.text.clone() };
        return book::session::steps(&[block]).into_iter().map(|step| step.command).collect();
    }
    vec![block.text.clone()]
}

/// What cargo can build here, and what it has other names for.
struct Course {
    targets: BTreeSet<(String, String)>,
    aliases: String,
    installable: String,
}

impl Course {
    fn load(root: &Path) -> Course {
        let metadata = Command::new(lab::build::cargo())
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .current_dir(root)
            .output()
            .expect("cargo runs");
        let metadata: Value = serde_json::from_slice(&metadata.stdout).expect("JSON");
        let list = |value: &Value| value.as_array().expect("a list").clone();
        let text = |value: &Value| value["name"].as_str().expect("a name").to_owned();
        let mut targets = BTreeSet::new();
        for package in list(&metadata["packages"]) {
            targets.extend(list(&package["targets"]).iter().map(|target| (text(&package), text(target))));
        }
        let read = |path: &str| std::fs::read_to_string(root.join(path)).expect("a file");
        Course {
            targets,
            aliases: read(".cargo/config.toml"),
            // What a reader is told to install need not be installed where this runs.
            installable: read("book/src/start/needs.md"),
        }
    }

    /// What is wrong with a command, which may be several in a row.
    fn complaints(&self, command: &str, defined: &mut BTreeSet<String>) -> Vec<String> {
        // What a here-document holds is another language, and what is quoted is data.
        let command = command.replace("\\\n", " ");
        let command = quoted_away(command.split("<<").next().unwrap_or_default());
        if let Some((name, _)) = command.split_once("() ") {
            defined.insert(name.to_owned());
        }
        let mut complaints = Vec::new();
        for part in command.split(['|', ';', '&', '(', ')', '{', '}', '\n']).map(str::trim) {
            if part.starts_with("for ") {
                continue;
            }
            let mut words = part.split_whitespace();
            // Assignments and redirections may come first.
            let is_name =
                |word: &&str| !["do", "while", "until"].contains(word) && !word.contains(['=', '>', '<']);
            let Some(program) = words.find(is_name).filter(|word| word.starts_with(char::is_alphabetic))
            else {
                continue;
            };
            let known = defined.contains(program) || is_program(program);
            if !known && !self.installable.contains(&format!("`{program}`")) {
                complaints.push(format!("there is no program `{program}`"));
            }
            if program == "cargo" {
                complaints.extend(self.cargo(part));
            }
        }
        complaints
    }

    /// What is wrong with a command of cargo.
    fn cargo(&self, command: &str) -> Option<String> {
        let words: Vec<&str> = command.split_whitespace().skip(1).collect();
        let after = |names: &[&str]| {
            let at = words.iter().position(|word| names.contains(word))?;
            words.get(at + 1).copied()
        };
        let package = after(&["-p", "--package"]);
        let has = |target: &str| {
            self.targets
                .iter()
                .any(|(of, name)| package.is_none_or(|package| package == of) && name == target)
        };
        if let Some(package) = package
            && !self.targets.iter().any(|(of, _)| of == package)
        {
            return Some(format!("there is no package `{package}`"));
        }
        if let Some(target) = after(&["--test", "--bench", "--bin"]).filter(|target| !has(target)) {
            return Some(format!("there is no target `{target}` for `cargo {}`", words.join(" ")));
        }
        let order = words.first()?;
        let known = ["run", "test", "build", "bench"].contains(order)
            || self.aliases.lines().any(|line| line.starts_with(&format!("{order} = ")));
        (!known).then(|| format!("cargo has no command `{order}`"))
    }
}

/// A command without what is quoted in it, which may look like anything.
fn quoted_away(command: &str) -> String {
    let mut quote = None;
    let keep = |letter: char| {
        match quote {
            Some(open) if open == letter => quote = None,
            Some(_) => return None,
            None if ['\'', '"'].contains(&letter) => quote = Some(letter),
            None => return Some(letter),
        }
        Some('_')
    };
    command.chars().filter_map(keep).collect()
}

/// Whether bash finds it, as a program or as a word of its own.
fn is_program(name: &str) -> bool {
    let found = Command::new("bash").args(["-c", "type -t -- \"$1\"", "bash", name]).output();
    found.expect("bash is there").status.success()
}

#[test]
fn every_slide_fits_its_screen_and_the_presenter_has_what_it_takes() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("slides");
    slides::build(&root().expect("a checkout"), &folder).expect("the decks can be built");
    if let Some(output) = e2e::browse(&["slides.mjs", &folder.display().to_string()]) {
        let said = [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat();
        assert!(output.status.success(), "{said}");
        print!("{said}");
    }
}
