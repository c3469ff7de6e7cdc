//! What the service manager is told, if one has started the herd (sd_notify(3)).
//!
//! systemd sets `NOTIFY_SOCKET` for a unit of `Type=notify`. Without it nothing is sent. That a message cannot be sent
//! is a line in the log and no more: serving matters more than who knows of it.

use parts::prefork::Note;
use sd_notify::NotifyState::{self, MonotonicUsec, Ready, Reloading, Status, Stopping, Watchdog};
use std::env;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

/// What the service manager shows while everything is working.
pub const SERVING: &str = "every worker serves";

/// Every worker serves, with these settings or with those before. What follows is for people (`systemctl status`).
pub fn ready(status: &str) {
    tell(&[Ready, Status(status)]);
}

/// The workers are being replaced. [`ready`] says when that is over, whatever came of it.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        // systemd wants to know which came first, this or its own request.
        Ok(now @ MonotonicUsec(_)) => tell(&[Reloading, now, Status("replacing the workers")]),
        _ => tell(&[Reloading]),
    }
}

/// The herd is stopping, because it was asked to.
pub fn stopping() {
    tell(&[Stopping, Status("stopping")]);
}

/// Passes on what the supervisor has to say: to the log, and, of a reload, to the service manager.
pub fn note(note: &Note) {
    match note {
        Note::RollStarted | Note::RollFinished => log::info!("{note}"),
        _ => log::warn!("{note}"),
    }
    match note {
        Note::RollStarted => reloading(),
        Note::RollFinished => ready(SERVING),
        Note::RollAbandoned { .. } => ready("some workers have the settings from before; the log says why"),
        _ => {}
    }
}

/// How often the service manager wants to hear that the master does its work, if it does: systemd ends a service that has
/// not said so for its `WatchdogSec=`. Of the workers it hears nothing; those are the master's business.
#[derive(Debug)]
pub struct Heartbeat {
    every: Option<Duration>,
    next: Instant,
}

impl Heartbeat {
    /// As the environment wants it (sd_watchdog_enabled(3)).
    pub fn wanted() -> Heartbeat {
        // Twice in the time that may pass, as the manual advises.
        Heartbeat { every: sd_notify::watchdog_enabled().map(|limit| limit / 2), next: Instant::now() }
    }

    /// Says that the master does its work, if it is time to.
    pub fn beat(&mut self, now: Instant) {
        if let Some(every) = self.every
            && now >= self.next
        {
            tell(&[Watchdog]);
            self.next = now + every;
        }
    }
}

fn tell(states: &[NotifyState]) {
    if let Err(error) = send(states) {
        log::warn!("cannot tell the service manager: {error}");
    }
}

/// sd_notify(3), but for one thing: it does not wait for a manager that has stopped reading.
fn send(states: &[NotifyState]) -> io::Result<()> {
    let Some(manager) = env::var_os("NOTIFY_SOCKET") else { return Ok(()) };
    let message: String = states.iter().map(|state| format!("{state}\n")).collect();
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.send_to(message.as_bytes(), manager)?;
    Ok(())
}
