//! Stage 5: the server counts what it does, in memory that several processes can share.
//!
//! ```text
//!   Logged( Observed( Cached( Files ) ) )
//!              |
//!              | every response, every event
//!              v
//!   ===== shared mapping: [semaphore, last scrape] [slot 0] [slot 1] ... =====
//!              ^
//!              | sums up
//!   /health, /stats, /metrics, /dashboard: answered by the reception, past the queue
//! ```
//!
//! This stage is still one process and uses one slot. The mapping is shared all the same, because the next stage
//! forks, and because counters that are never lost are easier to get right before there are two processes than after.
//!
//! Monitoring must work when nothing else does: when all threads are busy and the queue is full. So its requests are
//! never queued. Nor are they counted with the rest: a scrape every few seconds would make an idle server look busy,
//! and its fast answers would make a slow server look fast.

pub mod monitoring;
pub mod observed;

use observed::{Observed, Seated};
use parts::request::DocumentRoot;
use parts::stats::SharedStats;
use program::access_log::Logged;
use program::failure::{Failure, plain};
use program::log_file::LogFile;
use program::settings::Settings;
use program::start;
use stage4_cache::cached::Cached;
use stage4_cache::cached_files;
use std::sync::Arc;

/// The handlers of the complete server.
pub type Site = Logged<Observed<Cached>>;

/// The server with statistics.
///
/// # Errors
/// [`Failure`] when it cannot start, or cannot continue.
pub fn run(settings: &Settings) -> Result<(), Failure> {
    let stats = shared_stats(1)?;
    let (root, log) = (start::open_root(settings)?, start::open_log(settings)?);
    let site = site(root, log, settings, Seated::take(stats, 0, 0));
    stage3_queue::run_alone("stage5", site, settings.monitoring, settings)
}

/// Statistics for this many workers.
///
/// # Errors
/// [`Failure::Running`] if there is no memory for them.
pub fn shared_stats(workers: usize) -> Result<Arc<SharedStats>, Failure> {
    let stats = SharedStats::new(workers)
        .map_err(|error| Failure::Running(format!("cannot map the shared statistics: {}", plain(&error))))?;
    Ok(Arc::new(stats))
}

/// The handlers of a worker that serves this root, writes to this log, and counts from this seat.
// ANCHOR: site
pub fn site(root: DocumentRoot, log: Option<LogFile>, settings: &Settings, seated: Seated) -> Site {
    let counting = seated.clone();
    let cached = cached_files(root, settings, move |change| counting.cache_changed(change));
    Logged::over(Observed::new(cached, seated, settings), log).trusting(&settings.trusted_proxies)
}
// ANCHOR_END: site
