//! Stage 4: the files that are asked for most are kept in memory.
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
//! With the bytes in memory, handing a request to a thread costs more than answering it. So from here on the
//! reception answers a hit itself, and the queue is for what may block. `--hand-off always` sends every request
//! through the queue all the same, so that the difference can be measured.

pub mod cached;

use cached::Cached;
use parts::cache::Change;
use stage1_single::access_log::Logged;
use stage1_single::config::Settings;
use stage1_single::files::Files;
use stage1_single::program::{Failure, announce, open_root};
use stage1_single::{accept, stop};
use std::sync::Arc;

/// The server with a cache.
///
/// # Errors
/// [`Failure`] when it cannot start, or cannot go on.
pub fn run(settings: &Settings) -> Result<(), Failure> {
    let cached = cached_files(settings, |_| {})?;
    let handler = Logged::new(cached, settings.access_log.as_deref())
        .map_err(|error| Failure::access_log(settings, &error))?;
    let stop = stop::on_signals().map_err(Failure::running)?;
    let listener = accept::bind(settings.socket_address()).map_err(|error| Failure::listen(settings, &error))?;
    let address = listener.local_addr().map_err(Failure::running)?;
    stage3_queue::serve(listener.into(), Arc::new(handler), settings, stop, || announce("stage4", address))
}

/// The files of the document root behind a cache of the size that the settings ask for. `changed` is told whenever
/// the contents of the cache change.
///
/// # Errors
/// [`Failure::Setting`] if the document root cannot be used.
pub fn cached_files(
    settings: &Settings,
    changed: impl Fn(&Change) + Send + Sync + 'static,
) -> Result<Cached, Failure> {
    let files = Files::new(open_root(settings)?);
    Ok(Cached::new(files, settings.cache_size_mb << 20, settings.hand_off, changed))
}
