//! Stage 1: a server that serves one client after the other.
//!
//! It speaks HTTP/1.1, stays inside its document root, and waits for no client longer than its time limit. But there
//! is one thread, and it belongs to one client at a time: open a connection, send nothing, and all other clients wait
//! for you.
//!
//! Begin reading at [`run`], which is the whole server. [`accept`] takes a client from the backlog, [`serve`] serves it
//! to the end, [`files`] finds what it asks for. The crate [`http`] reads requests and writes responses, and the crate
//! [`program`] starts and stops a program; all stages share both. Later stages replace `run`, and reuse the rest.

pub mod accept;
pub mod files;
pub mod serve;

use files::Files;
use program::failure::Failure;
use program::listening::{announce, listen};
use program::settings::Settings;
use program::{start, stop};

/// The single-threaded server.
///
/// # Errors
/// [`Failure`] when it cannot start, or cannot continue.
pub fn run(settings: &Settings) -> Result<(), Failure> {
    let handler = start::logged(Files::new(start::open_root(settings)?, settings), settings)?;
    let stop = stop::on_signals().map_err(Failure::running)?;
    // ANCHOR: run
    let (listener, address) = listen(settings)?;
    announce("stage1", address);
    while let Some(mut connection) = accept::next_client(&listener, stop).map_err(Failure::running)? {
        serve::serve(&mut connection, &handler, settings.timeout, stop);
    }
    // ANCHOR_END: run
    log::info!("stopped");
    Ok(())
}
