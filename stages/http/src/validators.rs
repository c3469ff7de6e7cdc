//! How clients can tell the states of a file apart (RFC 9110, section 8.8).
//!
//! Two servers that hold the same copy of a file should give it the same entity tag, and two releases of a file must
//! never share one. Nothing in the file system does both. Device, inode and time of change differ in every copy; length
//! and time of modification do not, but tools for reproducible builds give every file of every release the same time.
//! So a file whose bytes are in memory has a tag made of its bytes. Reading a large file for its tag would cost more
//! than sending it, so its tag is made of its length and time of modification, if that time can be believed.

use parts::request::FileIdentity;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hasher};
use std::time::Duration;

/// A file that was modified less than this long ago may be modified again within the same tick of its file system's
/// clock. The slowest of these clocks, that of FAT, ticks every two seconds.
const RESTED: Duration = Duration::from_secs(2);

/// What tells the states of a file apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validators {
    /// The strong entity tag, with its quotes.
    pub etag: String,
    /// Last modification in whole seconds since 1970, for `Last-Modified`; `None` if the file's time cannot be
    /// believed.
    pub modified: Option<u64>,
}

impl Validators {
    /// The same, for a file that is stored in a coding. Two codings of one file never share a tag, even if their lengths and
    /// times are the same (section 8.8.3.3).
    pub fn in_coding(mut self, coding: &str) -> Validators {
        self.etag.insert_str(self.etag.len() - 1, &format!("-{coding}"));
        self
    }

    /// The validators of a file whose bytes were not read. `now` is the time since 1970.
    pub fn of_file(identity: &FileIdentity, now: Duration) -> Validators {
        let FileIdentity { device, inode, size, modified, changed } = identity;
        let believed = believed(*modified, now);
        let mut etag = format!("\"{size:x}-{:x}.{:x}", modified.0, modified.1);
        if believed.is_none_or(|modified| modified + RESTED >= now) {
            // The next release may have this length and time too. Better a tag that no other server shares.
            let _ = write!(etag, "-{device:x}-{inode:x}-{:x}.{:x}", changed.0, changed.1);
        }
        etag.push('"');
        Validators { etag, modified: believed.map(|modified| modified.as_secs()) }
    }

    /// The validators of the same file, once its bytes are known.
    pub fn of_bytes(self, bytes: &[u8]) -> Validators {
        // Not a cryptographic hash: someone who can write two files that share a tag harms only the readers of these
        // files.
        let mut hash = DefaultHasher::new();
        hash.write(bytes);
        Validators { etag: format!("\"{:x}-{:016x}\"", bytes.len(), hash.finish()), ..self }
    }
}

/// The time of modification since 1970, if it can be believed. Reproducible builds give every file 0 or 1, and a time
/// in the future may come again (RFC 9110, section 8.8.2.1, forbids sending it).
fn believed((seconds, nanoseconds): (i64, i64), now: Duration) -> Option<Duration> {
    let seconds = u64::try_from(seconds).ok().filter(|&seconds| seconds > 1 && seconds <= now.as_secs())?;
    Some(Duration::new(seconds, u32::try_from(nanoseconds).unwrap_or(0)))
}
