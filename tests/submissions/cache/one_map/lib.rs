//! A cache in one module.

mod cache;

pub use cache::{Cache, Counts};

#[cfg(test)]
pub(crate) use lanes::sync;
#[cfg(not(test))]
pub(crate) use std::sync;

#[cfg(test)]
#[path = "../../../tests/models/cache.rs"]
mod models;

/// A value that takes up room in a cache.
pub trait Weigh {
    /// Bytes that count against the capacity.
    fn weight(&self) -> usize;
}

/// How a look-up went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// The value was in the cache.
    Hit,
    /// Another thread was just loading it.
    Joined,
    /// This thread loaded it.
    Miss(Change),
}

/// How the contents of the cache changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Change {
    /// Bytes that were added.
    pub bytes_added: usize,
    /// Entries that were added.
    pub entries_added: usize,
    /// Bytes that were removed.
    pub bytes_removed: usize,
    /// Entries that were evicted.
    pub evicted: usize,
    /// Entries that were removed.
    pub removed: usize,
}
