//! Why a server ends, in one sentence and one exit code.

use crate::settings::{ConfigError, Settings};
use std::fmt::Display;
use std::io;
use std::net::SocketAddr;

/// Exit codes, documented in `--help`.
pub mod exit {
    /// The server was stopped and everything was answered.
    pub const STOPPED: u8 = 0;
    /// The server failed while it was running.
    pub const FAILED: u8 = 1;
    /// The server was told something that it cannot use: a flag, a value, a root, a port.
    pub const BAD_SETTING: u8 = 2;
}

/// Why a server ends other than by being stopped.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It was told something that it cannot use. Exit code 2.
    #[error("{0}")]
    Setting(String),
    /// It failed while running. Exit code 1.
    #[error("{0}")]
    Running(String),
    /// It ends with this code and has said why.
    #[error("exit code {0}")]
    Code(u8),
}

impl Failure {
    /// The socket could not be made to listen.
    pub fn listen(settings: &Settings, error: &io::Error) -> Failure {
        let address = settings.socket_address();
        Failure::Setting(match error.kind() {
            io::ErrorKind::AddrInUse => format!("--port: {address} is in use by another program"),
            io::ErrorKind::AddrNotAvailable => {
                format!("--address: {address} is not an address of this machine")
            }
            io::ErrorKind::PermissionDenied => format!("--port: listening on {address} needs privileges"),
            _ => format!("--port: cannot listen on {address}: {}", plain(error)),
        })
    }

    /// The socket for those who watch the server could not be made to listen.
    pub fn listen_for_monitoring(address: SocketAddr, error: &io::Error) -> Failure {
        let why = match error.kind() {
            io::ErrorKind::AddrInUse => format!("{address} is in use already"),
            io::ErrorKind::AddrNotAvailable => format!("{address} is not an address of this machine"),
            io::ErrorKind::PermissionDenied => format!("listening on {address} needs privileges"),
            _ => format!("cannot listen on {address}: {}", plain(error)),
        };
        Failure::Setting(format!("--monitoring-address: {why}"))
    }

    /// The access log could not be opened.
    pub fn access_log(settings: &Settings, error: &io::Error) -> Failure {
        let path = settings.access_log.as_deref().unwrap_or("".as_ref());
        Failure::Setting(format!("--access-log: cannot write {}: {}", path.display(), plain(error)))
    }

    /// The system refuses something that the server needs in order to `do_this`.
    pub fn cannot<E: Into<io::Error>>(do_this: &str) -> impl FnOnce(E) -> Failure {
        move |error| Failure::Running(format!("cannot {do_this}: {}", plain(&error.into())))
    }

    /// A system call that should never fail did.
    pub fn running(error: impl Display) -> Failure {
        Failure::Running(format!("a system call failed: {error}"))
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Failure {
        Failure::Setting(error.0)
    }
}

/// An error of the system without the number that std appends.
pub fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}
