//! Stage 4: recently requested files are kept in memory.
//!
//! ```text
//!   reception: request complete --> in the cache and known to be fresh? --> answered at once     X-Cache: HIT
//!                                             | no
//!                                             v
//!   pool:                            queue --> in the cache by now? checked against the disk --> X-Cache: HIT
//!                                             | no
//!                                             v
//!                                    read from the disk, once for all who ask --> kept -->       X-Cache: MISS
//! ```
//!
//! With the bytes in memory, handing a request to a thread costs more than answering it. So from here on the reception
//! answers a hit itself, and the queue is for requests that may block. `--hand-off always` sends every request through
//! the queue all the same, so that the difference can be measured.

pub mod cached;

use cached::Cached;
use parts::cache::Change;
use parts::request::DocumentRoot;
use program::failure::Failure;
use program::settings::{Monitoring, Settings};
use program::start;
use stage1_single::files::Files;

/// The server with a cache.
///
/// # Errors
/// [`Failure`] when it cannot start, or cannot continue.
pub fn run(settings: &Settings) -> Result<(), Failure> {
    let files = cached_files(start::open_root(settings)?, settings, |_| {});
    stage3_queue::run_alone("stage4", start::logged(files, settings)?, Monitoring::Off, settings)
}

// ANCHOR: cached_files
/// The files of the document root behind a cache of the size that the settings ask
/// for. `changed` is called after each change of the contents.
pub fn cached_files(
    root: DocumentRoot,
    settings: &Settings,
    changed: impl Fn(&Change) + Send + Sync + 'static,
) -> Cached {
    Cached::new(Files::new(root, settings), settings.cache_size_mb << 20, settings.hand_off, changed)
}
// ANCHOR_END: cached_files
