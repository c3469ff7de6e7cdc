//! Stage 1: a server that serves one client after the other.
//!
//! It speaks HTTP/1.1, stays inside its document root, and waits for nobody longer than its time limit. But there
//! is one thread, and it belongs to one client at a time: open a connection, send nothing, and everybody else
//! waits for you.
//!
//! Where to begin reading: [`run`] is the whole server. [`serve`] keeps one client company, [`connection`] moves
//! its bytes, [`http`] knows the rules, [`files`] finds the file. All later stages reuse these and replace only
//! `run`.

pub mod accept;
pub mod access_log;
pub mod buffer;
pub mod cli;
pub mod config;
pub mod connection;
pub mod files;
pub mod handler;
pub mod http;
pub mod outgoing;
pub mod program;
pub mod serve;
pub mod stop;
pub mod taking;

use config::Settings;
use files::Files;
use program::{Failure, announce};

/// The single-threaded server.
///
/// # Errors
/// [`Failure`] when it cannot start, or cannot go on.
pub fn run(settings: &Settings) -> Result<(), Failure> {
    let handler = program::logged(Files::new(program::open_root(settings)?), settings)?;
    let stop = stop::on_signals().map_err(Failure::running)?;
    // ANCHOR: run
    let (listener, address) = program::listen(settings)?;
    announce("stage1", address);
    while let Some(mut connection) = accept::next_client(&listener, stop).map_err(Failure::running)? {
        serve::serve(&mut connection, &handler, settings.timeout, stop);
    }
    // ANCHOR_END: run
    log::info!("stopped");
    Ok(())
}
