//! What keeps the book true.
//!
//! ```text
//!   pages      the pages of the book and the blocks of code on them
//!   session    runs the commands of a page, and compares what they print
//!   museum     makes the mistakes of the bug museum, and records what the models say
//!   plots      draws tables and pictures from the data files
//!   thunder    draws which processes a client wakes
//!   crates     draws which crate stands on which
//!   sheets     collects the questions that ask for a prediction, to print them
//!   slides     reads the lecture decks and writes them as pages that a teacher presents
//!   circles    finds modules that import each other
//!   (doc tests of this crate)     the Rust on the pages that is not included from a file
//! ```

pub mod circles;
pub mod crates;
pub mod museum;
pub mod pages;
mod pages_tested;
pub mod plots;
pub mod session;
pub mod sheets;
pub mod slides;
pub mod thunder;

use anyhow::Result;
use std::path::PathBuf;

/// The root of the checkout.
///
/// # Errors
/// If the current folder is not in one.
pub fn root() -> Result<PathBuf> {
    lab::tree::root()
}
