//! Part 4: a cache that evicts the value that was unused for the longest time.
//!
//! ```text
//!   get("b")            get_or_load("d", read the file)
//!      |                      |
//!      | read lock            | 1. read lock: not there
//!      v                      | 2. write lock: still not there -> a flight is announced
//!   +-----+-----+-----+       | 3. no lock: load                  (others who want "d" wait for the flight)
//!   |  a  |  b  |  c  |       | 4. write lock: evict until it fits, insert
//!   +-----+-----+-----+       v
//!   used 7   9    4       evicted first: c
//! ```
//!
//! It keeps three promises that a map does not. The size never exceeds the capacity. A hit takes the read lock only, so
//! hits do not wait for each other. And however many threads miss the same key at once, one of them loads.
//!
//! The cache does no input or output. The caller decides what a value is, and how it is loaded ([`Weigh`],
//! [`Cache::get_or_load`]).

// Before the other modules, so that none of their macros (`macro_use`) can replace one in here.
#[cfg(test)]
#[path = "../../../tests/models/cache.rs"]
mod models;

mod cache;
mod flight;
mod shelf;

pub use cache::{Cache, Counts};

// Compiler errors show this name.
#[cfg(test)]
extern crate lanes as std_in_models;
#[cfg(not(test))]
pub(crate) use std::sync;
#[cfg(test)]
pub(crate) use std_in_models::sync;

/// A value that takes up room in a cache.
pub trait Weigh {
    /// Bytes that count against the capacity. Always the same for the same value. If it panics, the cache promises
    /// nothing more.
    fn weight(&self) -> usize;
}

/// How a look-up went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// The value was in the cache, at the first look-up or at the second.
    Hit,
    /// It was not in the cache, but another thread was just loading it.
    Joined,
    /// It was not in the cache, and this thread loaded it.
    Miss(Change),
}

/// How the contents of the cache changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Change {
    /// Bytes that were added. 0 for a value that is too heavy to be kept.
    pub bytes_added: usize,
    /// Entries that were added: 1, or 0 for a value that is too heavy.
    pub entries_added: usize,
    /// Bytes that were removed.
    pub bytes_removed: usize,
    /// Entries that were evicted to make room.
    pub evicted: usize,
    /// Entries that were removed, not evicted.
    pub removed: usize,
}
