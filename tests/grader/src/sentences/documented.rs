//! The public documentation of a part, sentence by sentence, and the rows of its lab's tables.

use anyhow::{Context, Result};
use lab::course::{Course, Lab};
use lab::tree;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use syn::{Attribute, Expr, Fields, ImplItem, Item, Lit, Meta, TraitItem, UseTree, Visibility};

/// The tables of labs that say what must happen: the page, and the first words of the table.
const TABLES: [(&str, &str); 8] = [
    ("1-single", "bytes so far"),
    ("4-cache", "question"),
    ("4-cache", "the second look finds"),
    ("5-stats", "question"),
    ("6-prefork", "set"),
    ("6-prefork", "failures in a row"),
    ("6-prefork", "the holder of the post"),
    ("6-prefork", "| slot 0"),
];

/// A sentence of a contract.
pub struct Sentence {
    /// What it is about: `BoundedQueue::dequeue`.
    pub item: String,
    /// The bold words that its paragraph begins with, or the heading above it.
    pub heading: Option<String>,
    /// The sentence.
    pub text: String,
}

/// All sentences of a lab, in the order of the files and of the text.
pub fn sentences(course: &Course, lab: &Lab) -> Result<Vec<Sentence>> {
    let files = tree::read_rust(&course.root.join("solutions").join(&lab.part))?;
    let library = files.get(Path::new("src/lib.rs")).context("no lib.rs")?;
    let library: syn::File = syn::parse_str(library)?;
    let mut public = BTreeSet::new();
    let mut documented = vec![(lab.part.clone(), text_of(&library.attrs))];
    for item in &library.items {
        match item {
            Item::Use(item) if matches!(item.vis, Visibility::Public(_)) => names(&item.tree, &mut public),
            _ => {}
        }
    }
    for (path, text) in files.iter().filter(|(path, _)| path.starts_with("src")) {
        let file: syn::File = syn::parse_str(text).with_context(|| format!("{}", path.display()))?;
        let exported = |name: &str| path.ends_with("lib.rs") || public.contains(name);
        file.items
            .iter()
            .filter(|item| !only_in_tests(item))
            .for_each(|item| of_item(item, &exported, &mut documented));
    }
    let mut sentences: Vec<Sentence> = documented.iter().flat_map(|(item, text)| split(item, text)).collect();
    let goals = lab.tasks.iter().map(|task| (format!("task {}", task.id), &task.goal));
    sentences.extend(goals.flat_map(|(item, goal)| split(&item, goal)));
    let page = page(course, lab)?;
    sentences.extend(demands(&page));
    sentences.extend(rows(lab, &page));
    Ok(sentences)
}

fn names(tree: &UseTree, into: &mut BTreeSet<String>) {
    match tree {
        UseTree::Path(path) => names(&path.tree, into),
        UseTree::Group(group) => group.items.iter().for_each(|tree| names(tree, into)),
        UseTree::Name(name) => drop(into.insert(name.ident.to_string())),
        UseTree::Rename(_) | UseTree::Glob(_) => {}
    }
}

fn only_in_tests(item: &Item) -> bool {
    let attributes = match item {
        Item::Const(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        _ => return false,
    };
    attributes.iter().any(in_tests)
}

fn in_tests(attribute: &Attribute) -> bool {
    matches!(&attribute.meta, Meta::List(list) if list.path.is_ident("cfg") && list.tokens.to_string() == "test")
}

/// Adds the documentation of an item and of the items in it, if other crates can name them.
fn of_item(item: &Item, exported: &dyn Fn(&str) -> bool, into: &mut Vec<(String, String)>) {
    let mut add = |public: &Visibility, name: String, attributes: &[Attribute]| {
        if matches!(public, Visibility::Public(_)) && !attributes.iter().any(in_tests) {
            into.push((name, text_of(attributes)));
        }
    };
    match item {
        Item::Const(it) if exported(&it.ident.to_string()) => add(&it.vis, it.ident.to_string(), &it.attrs),
        Item::Type(it) if exported(&it.ident.to_string()) => add(&it.vis, it.ident.to_string(), &it.attrs),
        Item::Fn(it) if exported(&it.sig.ident.to_string()) => {
            add(&it.vis, it.sig.ident.to_string(), &it.attrs)
        }
        Item::Struct(it) if exported(&it.ident.to_string()) => {
            add(&it.vis, it.ident.to_string(), &it.attrs);
            for field in fields(&it.fields) {
                let name = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
                add(&field.vis, format!("{}.{name}", it.ident), &field.attrs);
            }
        }
        Item::Enum(it) if exported(&it.ident.to_string()) => {
            add(&it.vis, it.ident.to_string(), &it.attrs);
            for variant in &it.variants {
                let name = format!("{}::{}", it.ident, variant.ident);
                add(&it.vis, name.clone(), &variant.attrs);
                for field in fields(&variant.fields) {
                    let field_name = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
                    add(&it.vis, format!("{name}.{field_name}"), &field.attrs);
                }
            }
        }
        Item::Trait(it) if exported(&it.ident.to_string()) => {
            add(&it.vis, it.ident.to_string(), &it.attrs);
            for item in &it.items {
                if let TraitItem::Fn(function) = item {
                    add(&it.vis, format!("{}::{}", it.ident, function.sig.ident), &function.attrs);
                }
            }
        }
        Item::Impl(it) if it.trait_.is_none() => {
            let syn::Type::Path(path) = &*it.self_ty else { return };
            let Some(name) = path.path.segments.last().map(|segment| segment.ident.to_string()) else {
                return;
            };
            for item in it.items.iter().filter(|_| exported(&name)) {
                if let ImplItem::Fn(function) = item {
                    add(&function.vis, format!("{name}::{}", function.sig.ident), &function.attrs);
                }
            }
        }
        _ => {}
    }
}

fn fields(fields: &Fields) -> impl Iterator<Item = &syn::Field> {
    fields.iter().filter(|field| field.ident.is_some())
}

/// The documentation in attributes.
fn text_of(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    Vec::from_iter(lines).join("\n")
}

/// Splits a text into sentences. Code blocks are skipped; each row of a table and each item of a list is a sentence.
fn split(item: &str, text: &str) -> Vec<Sentence> {
    let (mut sentences, mut heading, mut in_code) = (Vec::new(), None, false);
    let mut paragraph = String::new();
    let mut end = |paragraph: &mut String, heading: &Option<String>| {
        let (bold, rest) = match paragraph.strip_prefix("**").and_then(|rest| rest.split_once("**")) {
            Some((bold, rest)) => (Some(bold.trim_end_matches(['.', ':', '?']).to_owned()), rest),
            None => (None, paragraph.as_str()),
        };
        let heading = bold.or_else(|| heading.clone());
        let texts = in_sentences(rest).into_iter();
        sentences.extend(texts.map(|text| Sentence {
            item: item.to_owned(),
            heading: heading.clone(),
            text,
        }));
        paragraph.clear();
    };
    let mut last_bold: Option<String> = None;
    for line in text.lines().map(str::trim).chain([""]) {
        if line.starts_with("```") {
            in_code = !in_code;
            end(&mut paragraph, &heading);
        } else if in_code || line.starts_with("|--") {
        } else if let Some(words) = line.strip_prefix("# ") {
            heading = Some(words.to_owned());
        } else if line.is_empty() {
            end(&mut paragraph, &heading);
        } else if line.starts_with('|') {
            end(&mut paragraph, &heading);
            paragraph = line.trim_matches('|').trim().to_owned();
            end(&mut paragraph, &last_bold.clone().or(heading.clone()));
        } else {
            if line.starts_with("- ")
                || line.starts_with(|first: char| first.is_ascii_digit()) && line.contains(". ")
            {
                end(&mut paragraph, &heading);
            }
            if let Some((bold, _)) = line.strip_prefix("**").and_then(|rest| rest.split_once("**")) {
                last_bold = Some(bold.trim_end_matches('.').to_owned());
            }
            if !paragraph.is_empty() {
                paragraph.push(' ');
            }
            paragraph.push_str(line);
        }
    }
    sentences
}

/// The sentences of a paragraph. A full stop ends a sentence if it is followed by a space and no small letter, and if
/// it does not follow an initial.
fn in_sentences(paragraph: &str) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut rest = paragraph.trim();
    let mut from = 0;
    while let Some(at) = rest[from..].find(". ").map(|at| from + at) {
        let next = rest[at + 2..].chars().next();
        let initial = rest[..at].chars().rev().take(2).enumerate().all(|(place, letter)| match place {
            0 => letter.is_ascii_uppercase(),
            _ => !letter.is_alphanumeric(),
        });
        from = at + 2;
        if next.is_some_and(|next| !next.is_lowercase()) && !initial {
            sentences.push(rest[..=at].to_owned());
            rest = rest[from..].trim_start();
            from = 0;
        }
    }
    if !rest.is_empty() {
        sentences.push(rest.to_owned());
    }
    sentences
}

/// The text of a lab's page in the book.
fn page(course: &Course, lab: &Lab) -> Result<String> {
    let path = course.root.join("book/src").join(folder(lab)).join("lab.md");
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// The page of a lab is in the folder that its stage is in: `stage3-queue` is `3-queue`.
fn folder(lab: &Lab) -> &str {
    lab.stage.package.trim_start_matches("stage")
}

/// The sentences of a lab's page that say what must be, by section. Those of tables are [`rows`], and in its questions
/// ("Predict") nothing is demanded.
fn demands(page: &str) -> Vec<Sentence> {
    let mut demands = Vec::new();
    for section in page.split("\n## ").skip(1) {
        let (heading, text) = section.split_once('\n').unwrap_or((section, ""));
        let mut aside = false;
        let prose: Vec<String> = text
            .lines()
            .filter(|line| {
                aside = aside && !line.starts_with("</")
                    || line.starts_with("<details")
                    || line.starts_with("<figure");
                !aside && !line.starts_with(['|', '<'])
            })
            .map(|line| line.trim_start_matches("> ").replace("**", ""))
            .collect();
        let number = heading.split(' ').next().unwrap_or_default();
        let sentences = split(&format!("lab {number}"), &prose.join("\n")).into_iter();
        demands.extend(sentences.filter(|sentence| {
            sentence.text.split(|letter: char| !letter.is_alphabetic()).any(|word| word == "must")
        }));
    }
    demands
}

/// The rows of those tables of a lab's page that say what must happen.
fn rows(lab: &Lab, page: &str) -> Vec<Sentence> {
    let mut rows = Vec::new();
    for (_, first) in TABLES.iter().filter(|(of, _)| *of == folder(lab)) {
        let mut inside = false;
        for line in page.lines() {
            if line.trim_start_matches('|').trim_start().starts_with(first) && line.starts_with('|') {
                inside = true;
            } else if !line.starts_with('|') {
                inside = false;
            } else if inside && !line.starts_with("|--") {
                let text = line.trim_matches('|').trim().to_owned();
                let first = first.trim_start_matches("| ");
                rows.push(Sentence { item: format!("table \"{first}\""), heading: None, text });
            }
        }
    }
    rows
}
