//! What identifies the state of a file towards clients (RFC 9110, section 8.8).
//!
//! Two servers that hold the same copy of a file should give it the same entity tag, and two releases of a file must never
//! share one. Nothing that the file system says does both. Device, inode and time of change differ in every copy; length and
//! time of modification do not, but tools that build an image twice with the same bytes give every file of every release the
//! same time. So a file whose bytes are in memory has a tag made of its bytes. To read a large file for its tag would cost
//! more than to send it, so its tag is made of its length and time of modification, as long as that time can be believed.

use parts::request::FileIdentity;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hasher};
use std::time::Duration;

/// A file that was modified less than so long ago may be modified again within the same tick of its file system's clock. The
/// slowest of these clocks, that of FAT, ticks every two seconds.
const RESTED: Duration = Duration::from_secs(2);

/// What identifies the state of a file towards clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validators {
    /// The strong entity tag, with its quotes.
    pub etag: String,
    /// Last modification in whole seconds since 1970, as `Last-Modified` says it; `None` if the file has no time that can
    /// be believed.
    pub modified: Option<u64>,
}

impl Validators {
    /// The same, for a file that is stored in a coding. Two codings of one file never share a tag, even if their lengths and
    /// times are the same (section 8.8.3.3).
    pub fn in_coding(mut self, coding: &str) -> Validators {
        self.etag.insert_str(self.etag.len() - 1, &format!("-{coding}"));
        self
    }

    /// Those of a file whose bytes were not read. `now` is the time since 1970.
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

    /// Those of the same file, once its bytes are known.
    pub fn of_bytes(self, bytes: &[u8]) -> Validators {
        // Not a cryptographic hash: whoever can write two files that share a tag harms the readers of these files only.
        let mut hash = DefaultHasher::new();
        hash.write(bytes);
        Validators { etag: format!("\"{:x}-{:016x}\"", bytes.len(), hash.finish()), ..self }
    }
}

/// The time of modification since 1970, unless it says nothing. 0 and 1 are what reproducible builds give every file, and
/// a time that is still to come may come again (RFC 9110, section 8.8.2.1, forbids to send it).
fn believed((seconds, nanoseconds): (i64, i64), now: Duration) -> Option<Duration> {
    let seconds = u64::try_from(seconds).ok().filter(|&seconds| seconds > 1 && seconds <= now.as_secs())?;
    Some(Duration::new(seconds, u32::try_from(nanoseconds).unwrap_or(0)))
}
