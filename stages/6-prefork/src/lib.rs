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
//! A worker that crashes takes only its own clients with it. The master notices, settles the dead worker's gauges, and
//! forks another onto the same socket. Until that one serves, the other workers accept there; they also do so for a
//! worker that is stuck or overloaded. The `prefork` part makes all decisions; [`master`] carries them out.
//! [`children`] forks and reaps, [`worker`] is what a child does, [`covering`] lets workers accept for each other,
//! [`watchdog`] notices a stuck worker, [`signals`] handles signals in master and workers, [`trial`] tries settings,
//! [`reload`] tries new ones, [`silence`] is about clients that have sent nothing yet, [`privileges`] gives up rights,
//! and [`service`] informs systemd.

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
    // The trial runs as the user that the workers will run as.
    let trial =
        Trial::begin(|answers| answers.try_all(settings)).map_err(Failure::cannot("try the settings"))?;
    let opened = trial.wait()?;
    Master::new(settings.clone(), opened, sockets, monitoring, stats)?.run()
}
// ANCHOR_END: run

/// Raises the soft limit of descriptors to the hard limit. It is usually 1,024, for the sake of programs that use
/// select(2).
fn allow_many_descriptors() {
    // If this fails, the server runs with the limit that it was given.
    let _ = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most));
}
