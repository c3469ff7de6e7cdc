//! `cargo book`.

use anyhow::{Context, Result, ensure};
use book::{crates, museum, plots, root, session, sheets, slides};
use clap::{Parser, Subcommand};
use mdbook_driver::MDBook;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, SystemTime};

/// The book of Thundering Herd.
#[derive(Debug, Parser)]
#[command(name = "cargo book", bin_name = "cargo book", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    order: Order,
}

#[derive(Debug, Subcommand)]
enum Order {
    /// Write the book as HTML
    Build {
        /// Another folder than book/build
        #[arg(long)]
        to: Option<PathBuf>,
    },
    /// Build the book, show it at http://127.0.0.1:3000/ with herd itself, and build it again after each change
    Serve {
        /// Another port
        #[arg(long, default_value_t = 3000)]
        port: u16,
    },
    /// Write the lecture decks as pages to present: open their index.html in a browser
    Slides {
        /// Another folder than target/book-slides
        #[arg(long)]
        to: Option<PathBuf>,
    },
    /// Check the book: its code, commands, figures, links, spelling, and every page in a browser
    Test,
    /// Make every mistake of the bug museum again, and write down what the models say of it
    Record,
    /// Draw the tables and pictures of the measurements from their data, the picture of the crates, and the prediction
    /// sheets
    Draw,
    /// Run the commands of a page, and show where what they print is not what the page says
    Commands {
        /// The page, such as book/src/start/first-run.md
        page: PathBuf,
    },
    /// A shell in a network of its own
    #[command(hide = true)]
    Inside,
}

fn main() -> ExitCode {
    match run(Arguments::parse().order) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cargo book: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(order: Order) -> Result<()> {
    let root = root()?;
    match order {
        Order::Build { to } => build(&root, to),
        Order::Serve { port } => serve(&root, port),
        Order::Slides { to } => {
            let index = slides::build(&root, &to.unwrap_or_else(|| root.join("target/book-slides")))?;
            println!("{}", index.display());
            Ok(())
        }
        Order::Test => test(&root),
        Order::Record => museum::record(&root),
        Order::Draw => {
            for (path, text) in crates::drawn(&root)?.into_iter().chain([sheets::drawn(&root)?]) {
                let path = root.join(path);
                std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            }
            plots::draw(&root)
        }
        Order::Commands { page } => {
            let complaints = session::check(&root, &page, &std::env::current_exe()?)?;
            ensure!(complaints.is_empty(), "{}", complaints.join("\n\n"));
            Ok(())
        }
        Order::Inside => session::inside(),
    }
}

fn build(root: &Path, to: Option<PathBuf>) -> Result<()> {
    let mut book = MDBook::load(root.join("book"))?;
    if let Some(to) = to {
        book.config.build.build_dir = std::path::absolute(to)?;
    }
    book.build()
}

/// The server that the book is about shows it. It looks again at files that are older than a moment, so a page that was
/// built again is seen when it is loaded again.
fn serve(root: &Path, port: u16) -> Result<()> {
    build(root, None)?;
    let mut herd = Command::new(lab::build::cargo())
        .args(["herd", "--port", &port.to_string(), "--document-root"])
        .arg(root.join("book/build"))
        .current_dir(root)
        .spawn()
        .context("cannot run cargo")?;
    let mut built = changes(root)?;
    loop {
        if let Some(status) = herd.try_wait()? {
            ensure!(status.success(), "herd ended with {status}");
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(300));
        let now = changes(root)?;
        if now != built {
            // A half-written page is no reason to stop: it will be whole after the next change.
            match build(root, None) {
                Ok(()) => println!("built again"),
                Err(error) => eprintln!("cargo book: {error:#}"),
            }
            built = now;
        }
    }
}

/// When each file of the book was last changed.
fn changes(root: &Path) -> Result<BTreeMap<PathBuf, SystemTime>> {
    let mut changes = BTreeMap::new();
    let mut folders = vec![root.join("book/src"), root.join("book/assets")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                changes.insert(entry.path(), entry.metadata()?.modified()?);
            }
        }
    }
    Ok(changes)
}

fn test(root: &Path) -> Result<()> {
    let status =
        Command::new(lab::build::cargo()).args(["test", "--package", "book"]).current_dir(root).status();
    ensure!(status.context("cannot run cargo")?.success(), "the book is not as it should be");
    Ok(())
}
