//! Settings that a running herd is given: tried first, and then used by the workers to come.

use crate::{ABOUT, PROGRAM};
use program::access_log;
use program::cli::{self, Start};
use program::failure::Failure;
use program::settings::Settings;
use program::start::open_root;

/// The settings as flags, environment and file say them now. `None`, with a line in the log, if they cannot be used.
// ANCHOR: read_again
pub fn read_again(current: &Settings) -> Option<Settings> {
    let read = cli::parse(PROGRAM, ABOUT, std::env::args_os(), |name| std::env::var_os(name));
    let new = match read {
        Ok(Start::Serve(new)) => new,
        Ok(Start::Print(_)) => return None,
        Err(error) => {
            log::error!("nothing is reloaded: {error}");
            return None;
        }
    };
    if let Err(failure) = check(&new) {
        log::error!("nothing is reloaded: {failure}");
        return None;
    }
    // ANCHOR_END: read_again
    if (new.socket_address(), new.num_workers) != (current.socket_address(), current.num_workers) {
        log::warn!("address, port and number of workers stay as they are until herd is started anew");
    }
    if new.user != current.user {
        log::warn!("the user stays the same until herd is started anew");
    }
    Some(new)
}

/// Whether workers to come could open the logs anew, with the settings as they are. If not, a line in the log says why,
/// and the workers should stay: what they have open still works.
pub fn logs_can_be_opened(current: &Settings) -> bool {
    check(current).inspect_err(|failure| log::error!("the logs are not opened again: {failure}")).is_ok()
}

/// Tries what a worker will do with the settings, so that a mistake is found by the master, before there is a
/// worker to fail.
///
/// # Errors
/// [`Failure::Setting`] if the document root or the access log cannot be used.
pub fn check(settings: &Settings) -> Result<(), Failure> {
    open_root(settings)?;
    access_log::open(settings.access_log.as_deref())
        .map_err(|error| Failure::access_log(settings, &error))?;
    Ok(())
}
