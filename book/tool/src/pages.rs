//! The pages of the book, and the blocks of code on them.

use anyhow::{Context, Result};
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
use std::fs;
use std::path::{Path, PathBuf};

/// A block of code on a page.
#[derive(Debug)]
pub struct Block {
    /// The line of its first line, counted from 1.
    pub line: usize,
    /// The language and what else is said of it: `rust,ignore`.
    pub kind: String,
    /// What is in it.
    pub text: String,
}

/// All pages beneath the book's `src`, but for the summary. The lecture decks are among them: their code and their
/// commands must be true, too.
///
/// # Errors
/// If a folder cannot be read.
pub fn all(root: &Path) -> Result<Vec<PathBuf>> {
    let mut pages = Vec::new();
    let mut folders = vec![root.join("book/src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md")
                && !path.ends_with("SUMMARY.md")
            {
                pages.push(path);
            }
        }
    }
    pages.sort();
    Ok(pages)
}

/// Whether a page is a lecture deck: `slides.md` beside a chapter. The page of that name for teachers is about them.
pub fn is_deck(page: &Path) -> bool {
    page.ends_with("slides.md") && !page.ends_with("teaching/slides.md")
}

/// The blocks of code in a page's text.
pub fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (event, range) in Parser::new(text).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let (kind, fence) = match kind {
                    CodeBlockKind::Fenced(words) => (words.into_string(), 1),
                    CodeBlockKind::Indented => ("indented".to_owned(), 0),
                };
                let line = text[..range.start].matches('\n').count() + 1 + fence;
                open = Some(Block { line, kind, text: String::new() });
            }
            Event::Text(words) => {
                if let Some(block) = &mut open {
                    block.text.push_str(&words);
                }
            }
            Event::End(TagEnd::CodeBlock) => blocks.extend(open.take()),
            _ => {}
        }
    }
    blocks
}
