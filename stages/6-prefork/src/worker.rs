//! What a forked child does: it serves its socket as stage 5 would, covers for others, and follows its master.

use crate::covering::{Board, Doors};
use crate::trial::Opened;
use crate::{privileges, signals, silence};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getppid, write};
use parts::prefork::{CANNOT_START, DONE, ListeningSocket, MASTER_GONE};
use parts::stats::SharedStats;
use program::failure::{Failure, exit, plain};
use program::listening;
use program::settings::Settings;
use program::stop::{self, Stop};
use stage5_stats::observed::Seated;
use std::os::fd::OwnedFd;
use std::process;
use std::sync::Arc;
use std::time::Duration;

/// How long workers may take to leave when the herd stops, unless a setting says otherwise.
pub const GRACE: Duration = Duration::from_secs(30);

/// What the master gives to a worker that it forks.
pub struct Orders<'m> {
    /// The master.
    pub master: Pid,
    /// The worker's slot: its socket and its statistics.
    pub slot: usize,
    /// Its seat in the slot's statistics.
    pub seat: usize,
    /// The root to serve, and the access log.
    pub opened: &'m mut Opened,
    /// The sockets of all slots.
    pub sockets: Vec<ListeningSocket>,
    /// The monitoring socket, if there is one.
    pub monitoring: Option<OwnedFd>,
    /// Which slots need cover.
    pub board: Board,
    /// The pipe on which the worker reports that it serves.
    pub ready: &'m OwnedFd,
}

/// The whole life of a worker. Returns its exit code.
pub fn run(settings: &Settings, stats: Arc<SharedStats>, orders: Orders<'_>) -> i32 {
    // ANCHOR: life
    let Orders { master, slot, seat, opened, sockets, monitoring, board, ready } = orders;
    let stop = match follow(master) {
        Ok(Some(stop)) => stop,
        Ok(None) => return MASTER_GONE,
        Err(failure) => return cannot_start(slot, &failure),
    };
    let (root, log) = match opened.for_worker(slot, settings) {
        Ok(opened) => opened,
        Err(error) => return cannot_start(slot, &Failure::cannot("keep the document root open")(error)),
    };
    // The root and the log are open; the threads, which will be confined too, are not started yet.
    if settings.landlock {
        match privileges::confine(&root) {
            Ok(true) => {}
            Ok(false) => {
                log::info!("slot {slot}: this kernel has no Landlock, so the worker is not confined")
            }
            Err(failure) => return cannot_start(slot, &failure),
        }
    }
    let seated = Seated::take(stats, slot, seat);
    let site = Arc::new(stage5_stats::site(root, log, settings, seated));
    // ANCHOR_END: life
    // ANCHOR: serve
    let mut serving = false;
    let report = || {
        serving = true;
        // The pipe is full only if the master has stopped reading, and then the report is of no use
        // to it.
        let _ = write(ready, &process::id().to_ne_bytes());
    };
    let own = &sockets[slot];
    if let Err(error) =
        listening::send_without_delay(own).and_then(|()| silence::accept_with_first_bytes(own))
    {
        // The options only make it faster; nothing else changes for a client.
        let error = plain(&error);
        log::warn!("slot {slot}: cannot set its socket's options, so it serves more slowly: {error}");
    }
    let doors = Doors::new(board, sockets, slot, seat, master, settings.drain.unwrap_or(GRACE))
        .with_monitoring(monitoring);
    match stage3_queue::serve(doors, site, settings, stop, report) {
        Ok(()) => DONE,
        Err(failure) if serving => {
            log::error!("slot {slot}: {failure}");
            i32::from(exit::FAILED)
        }
        Err(failure) => cannot_start(slot, &failure),
    }
    // ANCHOR_END: serve
}

// ANCHOR: follow
/// Ties the worker's life to its master's. `None` if the master is dead already.
fn follow(master: Pid) -> Result<Option<&'static Stop>, Failure> {
    let stop = stop::on_signals().map_err(Failure::cannot("receive signals"))?;
    signals::for_worker().map_err(Failure::cannot("receive signals"))?;
    // When the master dies, in whatever way, the kernel asks the worker to stop (PR_SET_PDEATHSIG,
    // prctl(2)).
    set_pdeathsig(Signal::SIGTERM).map_err(Failure::cannot("ask for a signal when the master ends"))?;
    signals::release().map_err(Failure::cannot("receive signals"))?;
    // It may have died before the kernel was told; then the worker has another parent by now.
    Ok((getppid() == master).then_some(stop))
}
// ANCHOR_END: follow

// ANCHOR: cannot_start
fn cannot_start(slot: usize, failure: &Failure) -> i32 {
    log::error!("slot {slot}: {failure}");
    CANNOT_START
}
// ANCHOR_END: cannot_start
