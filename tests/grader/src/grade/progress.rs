//! Shows progress to a teacher who waits for two hundred grades.

use super::Grade;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The progress line.
pub(super) struct Progress {
    all: usize,
    done: AtomicUsize,
    drawn: bool,
}

impl Progress {
    pub(super) fn new(all: usize, done: usize) -> Progress {
        Progress { all, done: AtomicUsize::new(done), drawn: std::io::stderr().is_terminal() }
    }

    pub(super) fn say(&self, what: &str) {
        eprintln!("cargo lab: {what}");
    }

    pub(super) fn done(&self, grade: &Grade) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let (earned, points, seconds) = (grade.earned(), grade.points(), grade.took.as_secs());
        if self.drawn {
            let filled = 30 * done / self.all.max(1);
            let bar = format!("{}{}", "#".repeat(filled), ".".repeat(30 - filled));
            eprint!("\r\x1b[2K[{bar}] {done} of {}  {}: {earned} of {points}", self.all, grade.name);
            let _ = std::io::stderr().flush();
        } else {
            eprintln!("{done} of {}  {}: {earned} of {points}, {seconds} s", self.all, grade.name);
        }
    }

    pub(super) fn end(&self) {
        if self.drawn {
            eprintln!();
        }
    }
}
