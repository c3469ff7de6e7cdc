//! Exercises are cut from the solutions, so that the two never drift apart.
//!
//! ```text
//!   solutions/queue/src/semaphore.rs          exercises/queue/src/semaphore.rs
//!
//!     /// Takes a permit; sleeps ...            /// Takes a permit; sleeps ...
//!     pub fn acquire(&self) {                   pub fn acquire(&self) {
//!         let mut permits = self.lock();   =>       todo!("Lab 3.1: take a permit; ...")
//!         ...                                   }
//!     }
//! ```
//!
//! The lab's file names the functions. Everything else stays as it is, except two things that are left out: private
//! helpers that only our solution needs, and the paragraphs that explain why it works.

use anyhow::{Context, Result, ensure};
use lab::course::{Hole, Lab, Task, beneath, place};
use lab::tree::{self, Files, rust_files};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use syn::spanned::Spanned;

/// What the doc comments of the exercise say instead of an explanation.
const YOURS_TO_SAY: &str = "**Why is this enough?** That is for you to say, once it works.";

/// Cuts the exercise of a lab from its solution.
///
/// # Errors
/// If the lab's file names what the solution does not have.
pub fn exercise(root: &Path, lab: &Lab) -> Result<Files> {
    let solution = root.join("solutions").join(&lab.part);
    let mut files = Files::new();
    files.insert("Cargo.toml".into(), manifest(&read(&solution.join("Cargo.toml"))?, lab));
    let folders = ["src", "prove"].map(|folder| solution.join(folder));
    for folder in folders.iter().filter(|folder| folder.exists()) {
        for path in rust_files(folder)? {
            let name = path.strip_prefix(&solution).expect("it was found there").to_owned();
            let text = cut_file(&read(&path)?, &name, lab).with_context(|| format!("{}", path.display()))?;
            files.insert(name, text);
        }
    }
    for hunt in lab.tasks.iter().filter_map(|task| task.hunt.as_ref()) {
        let name = Path::new("hunts").join(&hunt.file);
        let right = read(&solution.join(&name))?;
        files.insert(name, replace_once(&right, &hunt.right, &hunt.wrong).context("a hunt")?);
    }
    let named = lab.tasks.iter().flat_map(|task| &task.holes).map(|hole| &hole.at).chain(&lab.leave_out);
    for at in named {
        ensure!(files.contains_key(&place(at)?.0), "{at}: there is no such file");
    }
    Ok(files)
}

/// The bodies of a lab's holes, as the solution has them.
///
/// # Errors
/// If the lab's file names what the solution does not have.
pub fn answers(root: &Path, lab: &Lab) -> Result<Vec<String>> {
    let mut bodies = Vec::new();
    for hole in lab.tasks.iter().flat_map(|task| &task.holes) {
        let (file, function) = hole.place()?;
        let text = read(&root.join("solutions").join(&lab.part).join(file))?;
        let items = Items::of(&text)?;
        let item = items.find(function).with_context(|| format!("{}: there is no such function", hole.at))?;
        bodies.push(text[item.body.clone()].to_owned());
    }
    Ok(bodies)
}

/// The environment variable that names the file to which [`telling`] holes append.
pub const REACHED: &str = "REACHED";

/// A solution whose holes report that they were reached: the first time in a process, each appends a line with its
/// task's id to the file that [`REACHED`] names. It ignores errors, because some tests leave a process without a
/// descriptor.
///
/// # Errors
/// If the lab's file names what the solution does not have.
pub fn telling(solution: &Files, lab: &Lab) -> Result<Files> {
    let mut files = solution.clone();
    for task in &lab.tasks {
        for hole in &task.holes {
            let (path, body) = hole_in(&files, hole)?;
            let tell = format!(
                "{{ static TOLD: std::sync::Once = std::sync::Once::new(); TOLD.call_once(|| \
                 if let Some(path) = std::env::var_os(\"{REACHED}\") {{ \
                 let file = std::fs::OpenOptions::new().append(true).open(path); \
                 let _ = file.and_then(|mut file| std::io::Write::write_all(&mut file, b\"{}\\n\")); }}); }}",
                task.id
            );
            files.get_mut(&path).expect("it was just found").insert_str(body.start + 1, &tell);
        }
    }
    Ok(files)
}

/// A hole in a solution: where its body is.
#[derive(Debug)]
pub struct Body<'l> {
    /// The task that asks for it.
    pub task: &'l Task,
    /// The hole.
    pub hole: &'l Hole,
    path: PathBuf,
    place: Range<usize>,
}

/// The bodies of all holes of a solution.
///
/// # Errors
/// If the lab's file names what the solution does not have.
pub fn bodies<'l>(solution: &Files, lab: &'l Lab) -> Result<Vec<Body<'l>>> {
    let mut bodies = Vec::new();
    for task in &lab.tasks {
        for hole in &task.holes {
            let (path, place) = hole_in(solution, hole)?;
            bodies.push(Body { task, hole, path, place });
        }
    }
    Ok(bodies)
}

/// The holes that contain these places of a solution. A place is a file and a text that occurs once in it. `None` if a
/// place is in no hole.
///
/// # Errors
/// If the solution does not say one of these texts.
pub fn holes_at<'b, 'l>(
    solution: &Files,
    bodies: &'b [Body<'l>],
    places: &[(&str, &str)],
) -> Result<Option<Vec<&'b Body<'l>>>> {
    let mut found = Vec::new();
    for (file, old) in places {
        let path = beneath(file);
        let text = solution.get(&path).with_context(|| format!("there is no {file}"))?;
        let start = text.find(old).with_context(|| format!("{file} does not say this: {old}"))?;
        let end = start + old.trim_end().len();
        let around = |body: &&Body| body.path == path && body.place.start <= start && end <= body.place.end;
        let Some(body) = bodies.iter().rfind(around) else { return Ok(None) };
        found.push(body);
    }
    Ok(Some(found))
}

/// Where a hole is: its file, and its body there.
fn hole_in(solution: &Files, hole: &Hole) -> Result<(PathBuf, Range<usize>)> {
    let (path, function) = hole.place()?;
    let text = solution.get(&path).with_context(|| format!("{}: there is no such file", hole.at))?;
    let items = Items::of(text)?;
    let item = items.find(function).with_context(|| format!("{}: there is no such function", hole.at))?;
    Ok((path, item.body.clone()))
}

/// A file with the body of one function replaced.
///
/// # Errors
/// If the file is not Rust, or has no such function.
pub fn with_body(text: &str, function: &str, body: &str) -> Result<String> {
    let items = Items::of(text)?;
    let item = items.find(function).with_context(|| format!("{function}: there is no such function"))?;
    let mut text = text.to_owned();
    text.replace_range(item.body.clone(), body);
    Ok(text)
}

/// The function that holds a place in a file, without its documentation and its indentation.
///
/// # Errors
/// If the file is not Rust, or no function is there.
pub fn function_around(text: &str, place: usize) -> Result<String> {
    let items = Items::of(text)?;
    let function = items.0.iter().find(|item| item.body.contains(&place)).context("no function is there")?;
    let line_start = |at: usize| text[..at].rfind('\n').map_or(0, |end| end + 1);
    // Skips comments and attributes. The rest above the body is the signature, which may have several lines.
    let mut start = function.all.start;
    while text[start..].trim_start().starts_with(['/', '#']) {
        start += text[start..].find('\n').context("a comment without an end")? + 1;
    }
    let shown =
        &text[line_start(start + text[start..].len() - text[start..].trim_start().len())..function.body.end];
    let lines = shown.lines().map(|line| line.get(function.indent..).unwrap_or_default());
    Ok(lines.collect::<Vec<_>>().join("\n") + "\n")
}

/// Replaces a text that must occur exactly once.
///
/// # Errors
/// If it does not occur exactly once.
pub fn replace_once(text: &str, old: &str, new: &str) -> Result<String> {
    let times = text.matches(old).count();
    ensure!(times == 1, "this must occur once, and occurs {times} times:\n{old}");
    Ok(text.replacen(old, new, 1))
}

fn read(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(tree::without_anchors(&text))
}

fn cut_file(text: &str, file: &Path, lab: &Lab) -> Result<String> {
    let items = Items::of(text)?;
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    for task in &lab.tasks {
        for Hole { at, todo } in &task.holes {
            let (hole_file, function) = place(at)?;
            if hole_file == file {
                let item =
                    items.find(function).with_context(|| format!("{at}: there is no such function"))?;
                edits.push((item.body.clone(), body_of(&task.id, todo, item.indent)));
            }
        }
    }
    for at in &lab.leave_out {
        let (item_file, name) = place(at)?;
        if item_file == file {
            let item = items.find(name).with_context(|| format!("{at}: there is no such item"))?;
            edits.push((item.whole(text), String::new()));
        }
    }
    edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    let mut cut = text.to_owned();
    for (range, replacement) in edits {
        cut.replace_range(range, &replacement);
    }
    Ok(without_explanations(&cut))
}

fn body_of(task: &str, todo: &str, indent: usize) -> String {
    let outer = " ".repeat(indent);
    let (one_line, width) = (format!("{outer}    todo!(\"Lab {task}: {todo}\")"), 110);
    // Formatted as `cargo fmt` would.
    if one_line.chars().count() <= width {
        return format!("{{\n{one_line}\n{outer}}}");
    }
    format!("{{\n{outer}    todo!(\n{outer}        \"Lab {task}: {todo}\"\n{outer}    )\n{outer}}}")
}

/// A file without the paragraphs of doc comments that begin with `**Why` or `**Orderings`, because they answer what the
/// lab asks. Each such comment asks once, in the place of the last one.
fn without_explanations(text: &str) -> String {
    let mut kept = String::new();
    let (mut inside, mut comment) = (false, 0);
    for line in text.split_inclusive('\n') {
        let content = line.trim_start().strip_prefix("///").map(str::trim);
        match content {
            Some(words) if words.starts_with("**Why") || words.starts_with("**Orderings") => {
                let indent = &line[..line.len() - line.trim_start().len()];
                let asked = format!("{indent}/// {YOURS_TO_SAY}\n");
                let before = kept.split_off(comment).replace(&format!("{asked}{indent}///\n"), "");
                kept.push_str(&before);
                kept.push_str(&asked);
                inside = true;
            }
            Some(words) if inside && !words.is_empty() => {}
            _ => {
                inside = false;
                kept.push_str(line);
                if content.is_none() {
                    comment = kept.len();
                }
            }
        }
    }
    kept
}

/// The manifest of the exercise: the solution's, under another name.
fn manifest(solution: &str, lab: &Lab) -> String {
    let part = &lab.part;
    let mut text =
        solution.replacen(&format!("name = \"{part}\""), &format!("name = \"{}\"", lab.package()), 1);
    text = text.replacen(
        &format!("[lib]\nname = \"{part}\"\n"),
        &format!(
            "[lib]\nname = \"{part}\"\n# The solution's documentation has the same name.\ndoc = false\n"
        ),
        1,
    );
    let lints = "[lints]\nworkspace = true\n";
    let exercise_lints = "# While something is missing, something else is unused.\n[lints.rust]\nunused = { level = \"allow\", priority = -1 }\nunsafe_code = \"deny\"\n";
    text.replacen(lints, exercise_lints, 1)
}

/// A function, or another item, and where it is in the text.
struct Item {
    /// `Type::function` or `function`.
    name: String,
    /// From the first doc comment to the end.
    all: Range<usize>,
    /// The block with its braces; empty for an item without one.
    body: Range<usize>,
    indent: usize,
}

impl Item {
    /// The item with its line ends and the empty line before it.
    fn whole(&self, text: &str) -> Range<usize> {
        let line_start = text[..self.all.start].rfind('\n').map_or(0, |at| at + 1);
        let start = if text[..line_start].ends_with("\n\n") { line_start - 1 } else { line_start };
        let end = self.all.end + text[self.all.end..].find('\n').map_or(0, |at| at + 1);
        start..end
    }
}

struct Items(Vec<Item>);

impl Items {
    fn of(text: &str) -> Result<Items> {
        let file = syn::parse_file(text).context("this is not Rust")?;
        let mut items = Items(Vec::new());
        for item in &file.items {
            match item {
                syn::Item::Fn(function) => {
                    items.add(
                        text,
                        function.sig.ident.to_string(),
                        function.span(),
                        Some(function.block.span()),
                    );
                }
                syn::Item::Impl(block) => items.add_methods(text, block),
                syn::Item::Struct(item) => items.add(text, item.ident.to_string(), item.span(), None),
                syn::Item::Enum(item) => items.add(text, item.ident.to_string(), item.span(), None),
                syn::Item::Const(item) => items.add(text, item.ident.to_string(), item.span(), None),
                _ => {}
            }
        }
        Ok(items)
    }

    fn add_methods(&mut self, text: &str, block: &syn::ItemImpl) {
        let syn::Type::Path(path) = &*block.self_ty else { return };
        let Some(segment) = path.path.segments.last() else { return };
        for item in &block.items {
            if let syn::ImplItem::Fn(function) = item {
                let name = format!("{}::{}", segment.ident, function.sig.ident);
                self.add(text, name, function.span(), Some(function.block.span()));
            }
        }
        self.add(text, format!("impl {}", segment.ident), block.span(), None);
    }

    fn add(&mut self, text: &str, name: String, all: proc_macro2::Span, body: Option<proc_macro2::Span>) {
        let all = all.byte_range();
        let line_start = text[..all.start].rfind('\n').map_or(0, |at| at + 1);
        let body = body.map_or(0..0, |body| body.byte_range());
        self.0.push(Item { name, indent: all.start - line_start, all, body });
    }

    fn find(&self, name: &str) -> Option<&Item> {
        self.0.iter().find(|item| item.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_explains_is_left_out_and_asked_once_for_each_comment() {
        let text = "/// One.\n///\n/// **Orderings.** Because.\n/// And so.\n///\n/// Two.\n///\n/// **Why not?** So.\nstruct A;\n    \
                    /// **Why?** So.\n    fn b() {}\n";
        let asked = format!(
            "/// One.\n///\n/// Two.\n///\n/// {YOURS_TO_SAY}\nstruct A;\n    /// {YOURS_TO_SAY}\n    fn b() {{}}\n"
        );
        assert_eq!(without_explanations(text), asked);
    }
}
