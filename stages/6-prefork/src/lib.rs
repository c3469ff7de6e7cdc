//! Stage 6: a master and its workers. The complete system, the program `herd`.
//!
//! ```text
//!                         master: one thread, no client, ever
//!          binds the sockets, maps the statistics, forks, reaps, respawns, rolls, stops
//!              |                        |                        |
//!           worker 0                 worker 1                 worker 2
//!        reception + pool         reception + pool         reception + pool      each is stage 5
//!              |                        |                        |
//!           socket 0                 socket 1                 socket 2           one port, SO_REUSEPORT
//!              ^                        ^                        ^
//!              '------------------ the kernel spreads -----------'
//! ```
//!
//! A worker that crashes takes its own clients with it and nobody else's. The master notices, settles the dead
//! worker's gauges, and forks another onto the same socket. Until that one serves, the other workers accept there; so
//! they do for one that is stuck, or has more to do than it can. All decisions are the `prefork` part's; [`master`]
//! carries them out. [`children`] forks and reaps, [`worker`] is what a child does, [`covering`] is how workers stand in
//! for each other, [`watchdog`] is how a stuck one is noticed, [`signals`] is how either hears of anything, [`trial`]
//! tries settings, [`reload`] those to come, [`silence`] is about clients that have
//! sent nothing yet, [`privileges`] is what all do without, and [`service`] is what systemd is told.

pub mod children;
pub mod covering;
pub mod master;
pub mod privileges;
pub mod reload;
pub mod service;
pub mod signals;
pub mod silence;
pub mod trial;
pub mod watchdog;
pub mod worker;

use master::Master;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use parts::prefork::ListeningSocket;
use program::dropped;
use program::failure::Failure;
use program::listening::{listen_for_monitoring, refused};
use program::settings::Settings;
use stage5_stats::shared_stats;
use trial::Trial;

/// The program's name, for the command line and for people.
pub const PROGRAM: &str = "herd";

/// The first line of `--help`.
pub const ABOUT: &str = "A prefork HTTP/1.1 server for static files";

/// The prefork server.
///
/// # Errors
/// [`Failure`] when it cannot start, or when no worker can be kept alive.
// ANCHOR: run
pub fn run(settings: &Settings) -> Result<(), Failure> {
    let sockets = ListeningSocket::bind_group(settings.socket_address(), settings.num_workers)
        .map_err(|error| refused(settings, &error))?;
    let monitoring = listen_for_monitoring(settings.monitoring)?;
    if let Some(user) = &settings.user {
        privileges::become_user(user)?;
    }
    privileges::never_gain()?;
    allow_many_descriptors();
    let stats = shared_stats(settings.num_workers)?;
    let counting = stats.clone();
    dropped::count_with(move |lines| counting.slot(0).count_log_lines_dropped(lines));
    signals::for_children().map_err(Failure::cannot("receive signals"))?;
    // Tried as the user that the workers will run as.
    let trial =
        Trial::begin(|answers| answers.try_all(settings)).map_err(Failure::cannot("try the settings"))?;
    let opened = trial.wait()?;
    Master::new(settings.clone(), opened, sockets, monitoring, stats)?.run()
}
// ANCHOR_END: run

/// A soft limit of 1,024 descriptors is customary, for programs that use select(2). A server wants what it may have.
fn allow_many_descriptors() {
    // Without it, the server has to make do with what it was given.
    let _ = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most));
}
