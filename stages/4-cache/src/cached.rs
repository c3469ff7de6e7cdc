//! Files, from memory where possible.
//!
//! A file in memory may have changed on disk. Asking the disk for every request would cost as much as the cache saves,
//! so an entry is trusted for [`FRESH`] after it was last compared with the file. The comparison is cheap for a thread
//! of the pool, and mostly also for the reception: the kernel can look a name up without the disk, or report that it
//! cannot (`RESOLVE_CACHED`, openat2(2)).

use http::handler::Handler;
use http::representation::Representation;
use http::request::Request;
use http::response::{CacheResult, Response};
use parts::cache::{Cache, Change, Lookup, Weigh};
use parts::request::{FileIdentity, Found, RequestPath};
use program::settings::HandOff;
use stage1_single::files::{Files, file_request};
use stage3_queue::service::Service;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// The largest file that is kept, in bytes. A larger one would push out many small ones, and sendfile(2) sends it
/// without copying anyway.
pub const LARGEST: u64 = 1 << 20;

/// How long an entry is trusted without a look at the file. A change must be noticed within one second; half of that is
/// left for the look itself.
pub const FRESH: Duration = Duration::from_millis(500);

/// File systems stamp changes with a clock that may tick only every 10 ms. A file that changed a moment before it
/// was read can change again without a new stamp.
const TICK: Duration = Duration::from_millis(20);

/// Serves files, those in the cache from memory.
pub struct Cached {
    files: Files,
    /// `None`: every request goes to the disk.
    cache: Option<Cache<Entry>>,
    hand_off: HandOff,
    changed: Box<dyn Fn(&Change) + Send + Sync>,
    started: Instant,
}

// ANCHOR: entry
/// A file in memory.
#[derive(Debug)]
struct Entry {
    file: Representation,
    /// When the entry was last known to equal the file, in milliseconds since the
    /// server started. Threads may overwrite each other here: whichever moment stays,
    /// it was a true one, so `Relaxed` is enough.
    checked: AtomicU64,
    /// The file had rested for a [`TICK`] when it was read, so an equal stamp means
    /// equal bytes.
    settled: bool,
}

impl Weigh for Entry {
    fn weight(&self) -> usize {
        // Entries are at most `LARGEST`, which fits.
        self.file.size() as usize + size_of::<Entry>()
    }
}
// ANCHOR_END: entry

/// Why a file was not loaded into the cache.
enum NotKept {
    /// It is too large, and is sent from the disk.
    TooLarge(Box<Representation>),
    /// There is no such file, or it cannot be read; this is the answer.
    Instead(Response),
}

impl Cached {
    /// Puts a cache of `capacity` bytes before `files`; 0 means none. `changed` is called for every change of its
    /// contents.
    pub fn new(
        files: Files,
        capacity: usize,
        hand_off: HandOff,
        changed: impl Fn(&Change) + Send + Sync + 'static,
    ) -> Cached {
        let cache = (capacity > 0).then(|| Cache::new(capacity));
        Cached { files, cache, hand_off, changed: Box::new(changed), started: Instant::now() }
    }

    // ANCHOR: serve
    /// The response to a request for a file. May block on the disk.
    fn serve(&self, request: &Request<'_>, path: &RequestPath<'_>) -> Response {
        let Some(cache) = &self.cache else {
            return match self.files.open(request, path) {
                Ok(file) => file.respond(request),
                Err(instead) => instead,
            };
        };
        let name = Files::file_path(path);
        if let Some(entry) = cache.get(name.as_str()) {
            if self.is_fresh(&entry) || self.is_confirmed(&entry, &name, |name| self.identify(name)) {
                return marked(entry.file.respond(request), CacheResult::Hit);
            }
            self.drop_entry(cache, &name, &entry);
        }
        match cache.get_or_load(name.as_str(), || self.load(request, path)) {
            Ok((entry, Lookup::Hit)) => marked(entry.file.respond(request), CacheResult::Hit),
            Ok((entry, Lookup::Joined)) => marked(entry.file.respond(request), CacheResult::Miss),
            Ok((entry, Lookup::Miss(change))) => {
                (self.changed)(&change);
                marked(entry.file.respond(request), CacheResult::Miss)
            }
            Err(NotKept::TooLarge(file)) => marked(file.respond(request), CacheResult::Miss),
            Err(NotKept::Instead(response)) => response,
        }
    }
    // ANCHOR_END: serve

    // ANCHOR: load
    /// Reads a file into memory, unless it is too large.
    fn load(&self, request: &Request<'_>, path: &RequestPath<'_>) -> Result<Entry, NotKept> {
        let too_large = |file| NotKept::TooLarge(Box::new(file));
        let checked = AtomicU64::new(self.now());
        let file = self.files.open(request, path).map_err(NotKept::Instead)?;
        if file.size() > LARGEST {
            return Err(too_large(file));
        }
        let settled = file.identities().all(has_rested);
        match file.into_memory() {
            Ok(file) => Ok(Entry { file, checked, settled }),
            // It changed while it was read. From the disk, a mixture of states can reach only this
            // client; in the cache it would reach others.
            Err(_) => Err(self.files.open(request, path).map_or_else(NotKept::Instead, too_large)),
        }
    }
    // ANCHOR_END: load

    /// What the file is now, by asking the disk.
    fn identify(&self, name: &RequestPath<'_>) -> Option<FileIdentity> {
        match self.files.root().find(name) {
            Ok(Found::File(open)) => Some(open.identity),
            _ => None,
        }
    }

    // ANCHOR: freshness
    /// Whether the entry was compared with its file a moment ago.
    fn is_fresh(&self, entry: &Entry) -> bool {
        self.now().saturating_sub(entry.checked.load(Ordering::Relaxed)) < FRESH.as_millis() as u64
    }

    /// Whether the entry still equals the file, after a look at it. If so, it is fresh
    /// again.
    fn is_confirmed(
        &self,
        entry: &Entry,
        name: &RequestPath<'_>,
        look: impl Fn(&RequestPath<'_>) -> Option<FileIdentity>,
    ) -> bool {
        // Taken before the look, so that the entry never seems fresher than it is.
        let moment = self.now();
        // A look from memory may miss a new sibling. Then clients get that one later,
        // and nothing wrong in the meantime.
        let confirmed = entry.settled
            && look(name) == Some(entry.file.identity)
            && self.files.siblings(name).all(|(coding, name)| {
                let sibling = entry.file.sibling(coding);
                look(&name) == sibling
            });
        if confirmed {
            entry.checked.store(moment, Ordering::Relaxed);
        }
        confirmed
    }
    // ANCHOR_END: freshness

    fn drop_entry(&self, cache: &Cache<Entry>, name: &RequestPath<'_>, entry: &Arc<Entry>) {
        let change = cache.remove_if_same(name.as_str(), entry);
        (self.changed)(&change);
    }

    /// Milliseconds since the start.
    fn now(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }
}

impl Handler for Cached {
    fn respond(&self, request: &Request<'_>) -> Response {
        match file_request(request) {
            Ok(path) => self.serve(request, path),
            Err(instead) => instead,
        }
    }
}

impl Service for Cached {
    // ANCHOR: answer_at_once
    fn answer_at_once(&self, request: &Request<'_>) -> Option<Response> {
        if self.hand_off == HandOff::Always {
            return None;
        }
        let path = match file_request(request) {
            Ok(path) => path,
            // A refusal needs no disk.
            Err(instead) => return Some(instead),
        };
        let name = Files::file_path(path);
        let entry = self.cache.as_ref()?.get(name.as_str())?;
        let from_memory = |name: &RequestPath<'_>| self.files.root().identify_from_memory(name);
        let usable = self.is_fresh(&entry) || self.is_confirmed(&entry, &name, from_memory);
        usable.then(|| marked(entry.file.respond(request), CacheResult::Hit))
    }
    // ANCHOR_END: answer_at_once

    fn ailment(&self) -> Option<&'static str> {
        self.files.root().is_deleted().then_some("the document root was deleted")
    }
}

fn marked(mut response: Response, result: CacheResult) -> Response {
    response.cache = Some(result);
    response
}

// ANCHOR: has_rested
/// Whether the file's last change is old enough for its stamp to be unique. A clock
/// that was set back makes it look young, which only costs a look at the disk.
fn has_rested(identity: &FileIdentity) -> bool {
    let changed = Duration::new(identity.changed.0.max(0) as u64, identity.changed.1.max(0) as u32);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    now.checked_sub(changed).is_some_and(|age| age > TICK)
}
// ANCHOR_END: has_rested

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_rests_once_its_last_change_is_a_tick_ago_and_never_if_the_clock_was_set_back() {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock after 1970");
        let file = std::fs::File::open("Cargo.toml").expect("a file");
        let rested = |changed: Duration| {
            let changed = (changed.as_secs() as i64, i64::from(changed.subsec_nanos()));
            has_rested(&FileIdentity { changed, ..FileIdentity::of(&file).expect("a file") })
        };
        assert!(rested(now - Duration::from_secs(1)));
        assert!(!rested(now), "it may change again without a new stamp");
        assert!(!rested(now + Duration::from_secs(3600)), "the clock was set back by an hour");
    }
}
