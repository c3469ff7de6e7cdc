//! The lecture decks: `slides.md` beside each chapter.
//!
//! ```text
//!   # 4. A cache of files (1 min)      a heading of the first or second level begins a slide and ends with its minutes,
//!   ## One load (4 min, demo)          and with its kind, if it has one: demo or question
//!   > Ask for a show of hands.         what is quoted is for the one who speaks
//!   everything else                    is for the room: pictures and figures as on the pages of the book
//! ```

use crate::pages::{self, Block};
use anyhow::{Context, Result, bail, ensure};
use mdbook_driver::MDBook;
use mdbook_driver::book::{Book, BookItem, Chapter};
use mdbook_driver::builtin_renderers::MarkdownRenderer;
use pulldown_cmark::{
    CodeBlockKind, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, TextMergeStream, html,
};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// What a deck's page needs from the book's assets.
const ASSETS: [&str; 4] = ["book.css", "figures.js", "slides.css", "slides.js"];

/// The slides for one lecture.
#[derive(Debug)]
pub struct Deck {
    /// The folder of its chapter: `4-cache`.
    pub name: String,
    /// The Markdown that it was read from.
    pub path: PathBuf,
    /// Its slides, the title first.
    pub slides: Vec<Slide>,
}

/// A slide.
#[derive(Debug, Default)]
pub struct Slide {
    /// Its heading as HTML.
    pub title: String,
    /// How long it is shown.
    pub minutes: u32,
    /// `demo`, `question` or nothing.
    pub kind: String,
    /// What the room sees below the heading, as HTML.
    pub body: String,
    /// What the speaker sees, as HTML.
    pub notes: String,
    /// The blocks of code on it; their lines are counted from the heading.
    pub blocks: Vec<Block>,
}

/// The decks of the book.
///
/// # Errors
/// If a file cannot be read, or if a heading does not say how many minutes its slide takes.
pub fn decks(root: &Path) -> Result<Vec<Deck>> {
    let folder = root.join("book/src");
    let mut sources = Vec::new();
    for path in pages::all(root)?.into_iter().filter(|path| pages::is_deck(path)) {
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let name = path.strip_prefix(&folder).context("a page of the book")?.to_owned();
        sources.push(BookItem::from(Chapter::new(&path.display().to_string(), text, name, Vec::new())));
    }
    // mdBook itself puts in what is included, as it does on the pages.
    let mut book = MDBook::load(root.join("book"))?;
    book.book = Book::new_with_items(sources);
    let (book, _) = book.preprocess_book(&MarkdownRenderer::new())?;
    let read = |chapter: &Chapter| {
        let path = PathBuf::from(&chapter.name);
        let name = path.parent().and_then(Path::file_name).context("a deck has a folder")?;
        let slides = slides(&chapter.content).with_context(|| format!("{} is not a deck", path.display()))?;
        Ok(Deck { name: name.to_string_lossy().into_owned(), path, slides })
    };
    book.chapters().map(read).collect()
}

/// The slides in a deck's Markdown.
fn slides(text: &str) -> Result<Vec<Slide>> {
    let begins = |event: &Event| {
        matches!(event, Event::Start(Tag::Heading { level: HeadingLevel::H1 | HeadingLevel::H2, .. }))
    };
    let events = Parser::new(text).into_offset_iter().filter(|(event, _)| begins(event));
    let starts: Vec<usize> = events.map(|(_, range)| range.start).collect();
    let ends = starts.iter().copied().skip(1).chain([text.len()]);
    starts.iter().zip(ends).map(|(&start, end)| slide(&text[start..end])).collect()
}

/// One slide, from its heading to the next.
fn slide(text: &str) -> Result<Slide> {
    let (title, rest) = text.split_once('\n').unwrap_or((text, ""));
    let (title, about) = title.rsplit_once(" (").with_context(|| format!("\"{title}\" has no minutes"))?;
    let about = about.trim_end().trim_end_matches(')');
    let (minutes, kind) = about.split_once(", ").unwrap_or((about, ""));
    ensure!(["", "demo", "question"].contains(&kind), "\"{title}\" is a {kind}, which is nothing known");
    let Some(Ok(minutes)) = minutes.strip_suffix(" min").map(str::parse) else {
        bail!("\"{title}\" has no minutes, but \"{about}\"");
    };
    let mut heading = String::new();
    // As a heading, because "4. A cache" alone would be a list.
    html::push_html(&mut heading, Parser::new(&format!("# {}", title.trim_start_matches('#').trim())));
    let heading = heading.trim().trim_start_matches("<h1>").trim_end_matches("</h1>").to_owned();
    let (body, notes) = body_and_notes(rest);
    Ok(Slide { title: heading, minutes, kind: kind.to_owned(), body, notes, blocks: pages::blocks(text) })
}

/// What the room sees and what the speaker sees.
fn body_and_notes(text: &str) -> (String, String) {
    let (mut body, mut notes) = (Vec::new(), Vec::new());
    let (mut quoted, mut is_rust) = (false, false);
    for event in TextMergeStream::new(Parser::new_ext(text, Options::ENABLE_TABLES)) {
        match event {
            Event::Start(Tag::BlockQuote(_)) => quoted = true,
            Event::End(TagEnd::BlockQuote(_)) => quoted = false,
            event if quoted => notes.push(event),
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(ref kind))) => {
                is_rust = kind.starts_with("rust");
                body.push(event);
            }
            Event::Text(code) if is_rust => body.push(Event::Text(shown(&code))),
            Event::End(TagEnd::CodeBlock) => {
                is_rust = false;
                body.push(event);
            }
            event => body.push(event),
        }
    }
    let html = |events: Vec<Event>| {
        let mut text = String::new();
        html::push_html(&mut text, events.into_iter());
        text
    };
    (html(body), html(notes))
}

/// Rust without the lines that only its doc test needs, and not further to the right than it must be.
fn shown(code: &str) -> CowStr<'static> {
    let is_shown = |line: &&str| !line.starts_with("# ") && *line != "#";
    let indent = |line: &str| line.len() - line.trim_start().len();
    let lines: Vec<&str> = code.lines().filter(is_shown).collect();
    let margin =
        lines.iter().filter(|line| !line.trim().is_empty()).map(|line| indent(line)).min().unwrap_or(0);
    lines
        .iter()
        .map(|line| format!("{}\n", line.get(margin..).unwrap_or_default()))
        .collect::<String>()
        .into()
}

/// Writes all decks into a folder, with all that they need; returns the page that lists them.
///
/// # Errors
/// If the decks cannot be read or a file cannot be written.
pub fn build(root: &Path, to: &Path) -> Result<PathBuf> {
    let decks = decks(root)?;
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for asset in ASSETS {
        fs::copy(root.join("book/assets").join(asset), to.join(asset))
            .with_context(|| format!("cannot copy {asset}"))?;
    }
    let script = |path: &Path| path.extension().is_some_and(|extension| extension == "js");
    lab::tree::copy(&root.join("book/src/figures"), &to.join("figures"), script)?;
    let mut list = String::from("<ul>\n");
    for deck in &decks {
        fs::write(to.join(format!("{}.html", deck.name)), page(&plain(deck), &show(deck)))?;
        let minutes: u32 = deck.slides.iter().map(|slide| slide.minutes).sum();
        let (name, count) = (&deck.name, deck.slides.len());
        writeln!(
            list,
            "<li><a href=\"{name}.html\">{}</a>, {count} slides, {minutes} minutes</li>",
            plain(deck)
        )?;
    }
    let index = to.join("index.html");
    let body = format!("<main class=\"decks\">\n<h1>Lecture decks</h1>\n{list}</ul>\n</main>\n");
    fs::write(&index, page("Lecture decks", &body))?;
    Ok(index)
}

/// A deck's title without its markup.
fn plain(deck: &Deck) -> String {
    deck.slides
        .first()
        .map_or_else(String::new, |slide| slide.title.replace("<code>", "").replace("</code>", ""))
}

/// The slides of a deck as HTML. A slide's notes come after it, for paper and for the presenter's view to place.
fn show(deck: &Deck) -> String {
    let count = deck.slides.len();
    let one = |(index, slide): (usize, &Slide)| {
        let Slide { title, minutes, kind, body, notes, .. } = slide;
        let number = index + 1;
        let level = if index == 0 { 1 } else { 2 };
        let label = match &**kind {
            "demo" => "<p class=\"label\">Live demo</p>",
            "question" => "<p class=\"label\">Your turn</p>",
            _ => "",
        };
        format!(
            "<section class=\"slide {kind}\" data-minutes=\"{minutes}\">\n<h{level}>{title}</h{level}>{label}\n\
             <div class=\"body\">\n{body}</div>\n<p class=\"number\">{number} / {count}</p>\n</section>\n\
             <aside class=\"notes\">\n{notes}</aside>\n"
        )
    };
    deck.slides.iter().enumerate().map(one).collect()
}

/// A page of HTML. It asks for nothing outside its folder, so it works from the disk and without a network.
fn page(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <link rel=\"stylesheet\" href=\"book.css\">\n<link rel=\"stylesheet\" href=\"slides.css\">\n\
         <script>const path_to_root = \"\";</script>\n\
         <script src=\"figures.js\" defer></script>\n<script src=\"slides.js\" defer></script>\n\
         </head>\n<body>\n{body}</body>\n</html>\n"
    )
}
