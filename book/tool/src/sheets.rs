//! The prediction sheets of the teacher's pages: a sheet for each chapter, with the questions of its "Predict" boxes.
//!
//! The questions are taken from the pages, so a sheet asks what the student will find there.

use anyhow::{Context, Result, ensure};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// The page that holds the sheets, from the root.
const PAGE: &str = "book/src/teaching/predictions.md";
/// The line before the sheets.
const BEGIN: &str = "<!-- sheets: written by `cargo book draw` -->";
/// The line behind them.
const END: &str = "<!-- sheets: end -->";
/// The chapters, and the pages about loom, which are a sheet of their own.
const CHAPTERS: [&str; 7] = ["1-single", "loom", "2-threads", "3-queue", "4-cache", "5-stats", "6-prefork"];
/// What a box may begin with, in the order in which they are tried.
const OPENINGS: [&str; 2] = ["<summary>Predict first:", "<summary>Predict:"];

/// The page with the sheets, as it should be: its path from the root, and its whole text.
///
/// # Errors
/// If a page cannot be read, or a chapter asks nothing.
pub fn drawn(root: &Path) -> Result<(PathBuf, String)> {
    let page = fs::read_to_string(root.join(PAGE)).context(PAGE)?;
    let begin = page.find(BEGIN).with_context(|| format!("{PAGE} has no line {BEGIN}"))?;
    let end = page.find(END).with_context(|| format!("{PAGE} has no line {END}"))?;
    let mut sheets = String::new();
    for chapter in CHAPTERS {
        let sheet = sheet(&root.join("book/src").join(chapter))?;
        sheets += &sheet.with_context(|| format!("no page of {chapter} has a \"Predict\" box"))?;
    }
    Ok((PathBuf::from(PAGE), format!("{}{BEGIN}\n\n{sheets}{}", &page[..begin], &page[end..])))
}

/// The sheet of a chapter.
fn sheet(chapter: &Path) -> Result<Option<String>> {
    // The pages about loom are a part of the book, and have no first page of their own.
    let title =
        read(&chapter.join("README.md")).map_or_else(|_| "Loom".to_owned(), |page| first_title(&page));
    let mut boxes = Vec::new();
    for page in ["README.md", "lab.md", "stage.md", "check.md", "by-hand.md", "first-model.md", "verdict.md"]
    {
        if chapter.join(page).exists() {
            boxes.extend(asked(&read(&chapter.join(page))?)?);
        }
    }
    if boxes.is_empty() {
        return Ok(None);
    }
    let mut sheet = format!(
        "<section class=\"sheet\">\n\n## {title}\n\n<p class=\"who\">Name: <span></span> Date: <span></span></p>\n<ol>\n"
    );
    for (section, question) in boxes {
        writeln!(sheet, "<li><b>{section}</b><br>{question}</li>")?;
    }
    Ok(Some(sheet + "</ol>\n\n</section>\n\n"))
}

/// The questions of a page, each with the title of the section that asks it.
fn asked(page: &str) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut section = first_title(page);
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(title) = line.strip_prefix("## ") {
            section = title.to_owned();
        }
        let Some(rest) = OPENINGS.iter().find_map(|opening| line.strip_prefix(opening)) else { continue };
        let mut question = rest.trim().to_owned();
        while !question.ends_with("</summary>") {
            let more = lines.next().context("a question does not end")?;
            question = format!("{question} {}", more.trim());
        }
        let question = question.trim_end_matches("</summary>").trim().to_owned();
        let first = question.chars().next();
        ensure!(first.is_some(), "a \"Predict\" box of section {section} asks nothing");
        let capital: String =
            first.into_iter().flat_map(char::to_uppercase).chain(question.chars().skip(1)).collect();
        found.push((section.clone(), capital));
    }
    Ok(found)
}

fn first_title(page: &str) -> String {
    page.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or_default().to_owned()
}

fn read(page: &Path) -> Result<String> {
    fs::read_to_string(page).with_context(|| format!("cannot read {}", page.display()))
}
