//! What the service manager is told, if one has started the herd (sd_notify(3)).
//!
//! systemd sets `NOTIFY_SOCKET` for a unit of `Type=notify`. Without it nothing is sent. A message that cannot be sent
//! is only logged, because serving matters more than reporting.

use parts::prefork::Note;
use sd_notify::NotifyState::{self, MonotonicUsec, Ready, Reloading, Status, Stopping, Watchdog};
use std::env;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

/// What the service manager shows while everything is working.
pub const SERVING: &str = "every worker serves";

/// Reports that every worker serves, with the new settings or with the previous ones. `status` is for people
/// (`systemctl status`).
pub fn ready(status: &str) {
    tell(&[Ready, Status(status)]);
}

/// Reports that the workers are being replaced. [`ready`] reports the end of that, whatever the result.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        // systemd compares this time with that of its own request.
        Ok(now @ MonotonicUsec(_)) => tell(&[Reloading, now, Status("replacing the workers")]),
        _ => tell(&[Reloading]),
    }
}

/// Reports that the herd is stopping.
pub fn stopping() {
    tell(&[Stopping, Status("stopping")]);
}

/// Passes a note of the supervisor on to the log, and to the service manager if it is about a reload.
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

/// How often the service manager expects a sign of life from the master, if it expects one: systemd kills a service
/// that has sent none for its `WatchdogSec=`. The workers are the master's business, and send none.
#[derive(Debug)]
pub struct Heartbeat {
    every: Option<Duration>,
    next: Instant,
}

impl Heartbeat {
    /// As the environment asks for (sd_watchdog_enabled(3)).
    pub fn wanted() -> Heartbeat {
        // Half of the time that may pass, as the manual advises.
        Heartbeat { every: sd_notify::watchdog_enabled().map(|limit| limit / 2), next: Instant::now() }
    }

    /// Sends a sign of life, if it is time to.
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
