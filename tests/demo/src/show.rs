//! What an act has at hand: the six servers, and the screen.

use anyhow::{Context, Result, ensure};
use e2e::{Launch, Program, Server, Site};
use std::io::{IsTerminal, Write, stdout};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// The stages, by number from 1: the program, and what it adds.
pub const STAGES: [(&str, &str); 6] = [
    ("stage1", "one at a time"),
    ("stage2", "a thread for each"),
    ("stage3", "a bounded queue"),
    ("stage4", "a cache"),
    ("stage5", "statistics"),
    ("herd", "a master and workers"),
];

/// What an act has at hand.
#[derive(Debug)]
pub struct Show {
    /// How long something is measured.
    pub time: Duration,
    /// Where the herd listens, so that a browser can stay on its dashboard; 0 for any port.
    pub port: u16,
    /// Where the programs are.
    programs: PathBuf,
}

impl Show {
    /// Builds the six servers, optimized as this program is.
    ///
    /// # Errors
    /// If cargo cannot be run, or does not succeed.
    pub fn prepare(time: Duration, port: u16) -> Result<Show> {
        let programs = std::env::current_exe()?.parent().context("a folder of programs")?.to_owned();
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--bins", "--package", "stage*"]);
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        ensure!(build.status()?.success(), "the six servers cannot be built");
        Ok(Show { time, port, programs })
    }

    /// How a stage is started, with flags. Every herd has two workers and the port of the show.
    pub fn stage(&self, number: usize, site: &Site, flags: &[&str]) -> Launch {
        let (name, _) = STAGES[number - 1];
        // Seven acts start a few servers each, so the names may stay.
        let path = self.programs.join(name).to_string_lossy().into_owned().leak();
        let port = if number == 6 { self.port.to_string() } else { "0".to_owned() };
        Program { name, path }.launch().site(site).flags(&["--port", &port]).flags(flags)
    }

    /// A herd, whose dashboard is announced.
    pub fn herd(&self, site: &Site, flags: &[&str]) -> Server {
        let herd = self.stage(6, site, flags).start();
        self.say(&format!("  the herd is watched at http://{}/dashboard", herd.address()));
        herd
    }

    /// A line that stays.
    pub fn say(&self, line: &str) {
        say(&format!("{}{line}", erase()));
    }

    /// A paragraph, in lines that fit a projector.
    pub fn tell(&self, text: &str) {
        for line in wrapped(text, 92) {
            self.say(&format!("  {line}"));
        }
    }

    /// A line that the next one replaces. Nothing, if this is no terminal.
    pub fn now(&self, line: &str) {
        if stdout().is_terminal() {
            print!("{}{line}", erase());
            // A show goes on without its progress.
            let _ = stdout().flush();
        }
    }
}

/// The words of a text in lines of so many letters.
pub fn wrapped(text: &str, letters: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= letters => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A line on standard output. If nobody reads it any more, the show is over, and its servers with it.
pub fn say(line: &str) {
    if writeln!(stdout(), "{line}").is_err() {
        std::process::exit(1);
    }
}

/// Takes away what stands on the line (ECMA-48, EL).
fn erase() -> &'static str {
    if stdout().is_terminal() { "\r\x1b[K" } else { "" }
}

/// What an act has shown, for the summary.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The columns of its table.
    pub columns: &'static [Column],
    /// The rows below.
    pub rows: Vec<Vec<String>>,
    /// What is to be learned from them.
    pub finding: String,
}

/// A table that is printed row by row, since its rows take time.
#[derive(Debug)]
pub struct Table<'a> {
    show: &'a Show,
    columns: &'static [Column],
    rows: Vec<Vec<String>>,
}

/// A column: its head, its width in letters, and whether it has numbers, which are flushed right.
pub type Column = (&'static str, usize, Kind);

/// What stands in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Flushed left.
    Words,
    /// Flushed right.
    Numbers,
}

impl<'a> Table<'a> {
    /// Prints the heads.
    pub fn new(show: &'a Show, columns: &'static [Column]) -> Table<'a> {
        let table = Table { show, columns, rows: Vec::new() };
        show.say(&table.line(&columns.iter().map(|(head, ..)| *head).collect::<Vec<_>>()));
        table
    }

    /// Prints a row that is not final.
    pub fn now(&self, row: &[String]) {
        self.show.now(&self.line(row));
    }

    /// Prints a row.
    pub fn row(&mut self, row: Vec<String>) {
        self.show.say(&self.line(&row));
        self.rows.push(row);
    }

    /// The table and what it shows.
    pub fn finding(self, finding: impl Into<String>) -> Shown {
        Shown { columns: self.columns, rows: self.rows, finding: finding.into() }
    }

    fn line(&self, cells: &[impl AsRef<str>]) -> String {
        let padded = cells.iter().zip(self.columns).map(|(cell, &(_, width, kind))| {
            let cell = cell.as_ref();
            if kind == Kind::Words { format!("{cell:width$}") } else { format!("{cell:>width$}") }
        });
        format!("  {}", padded.collect::<Vec<_>>().join("  ").trim_end())
    }
}
