//! Why a server ends: one sentence and one exit code.

use crate::settings::{ConfigError, Settings};
use nix::errno::Errno;
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
    /// Something that the server needs is not there, and may be a moment later (`EX_TEMPFAIL`, sysexits(3)).
    pub const NOT_NOW: u8 = 75;
}

/// Why a server ends other than by being stopped.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It was told something that it cannot use. Exit code 2.
    #[error("{0}")]
    Setting(String),
    /// Something that it needs is not there, and may be a moment later: a port, an address, a folder. Exit code 75.
    #[error("{0}")]
    NotNow(String),
    /// It failed while running. Exit code 1.
    #[error("{0}")]
    Running(String),
    /// It ends with this code, and has logged why.
    #[error("exit code {0}")]
    Code(u8),
}

impl Failure {
    /// A socket could not be made to listen. `port` and `ip` are the flags that set its port and address.
    pub fn listen(port: &str, ip: &str, address: SocketAddr, error: &io::Error) -> Failure {
        match error.kind() {
            // The other program may end; an interface may come up, or get its address, a moment after the boot.
            io::ErrorKind::AddrInUse => Failure::NotNow(format!("{port}: {address} is in use already")),
            io::ErrorKind::AddrNotAvailable => {
                Failure::NotNow(format!("{ip}: {address} is not an address of this machine"))
            }
            io::ErrorKind::PermissionDenied => {
                Failure::Setting(format!("{port}: listening on {address} needs privileges"))
            }
            _ => {
                let why = format!("{port}: cannot listen on {address}: {}", plain(error));
                // A shortage in the system is not a wrong setting.
                match error.raw_os_error().map(Errno::from_raw) {
                    Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM) => {
                        Failure::Running(why)
                    }
                    _ => Failure::Setting(why),
                }
            }
        }
    }

    /// The access log could not be opened.
    pub fn access_log(settings: &Settings, error: &io::Error) -> Failure {
        let path = settings.access_log.as_deref().unwrap_or("".as_ref());
        let why = format!("--access-log: cannot write {}: {}", path.display(), plain(error));
        Failure::of_path(error.raw_os_error(), why)
    }

    /// A file or folder could not be opened. `reason` is an errno. If the file is missing or its disk does not answer,
    /// its file system may not be mounted yet. For any other reason, somebody has to change something.
    pub fn of_path(reason: Option<i32>, why: String) -> Failure {
        match reason.map(Errno::from_raw) {
            Some(
                Errno::ENOENT
                | Errno::EIO
                | Errno::ESTALE
                | Errno::ENOTCONN
                | Errno::ETIMEDOUT
                | Errno::ENOSPC,
            ) => Failure::NotNow(why),
            _ => Failure::Setting(why),
        }
    }

    /// The exit code of a program that ends for this reason.
    pub fn code(&self) -> u8 {
        match self {
            Failure::Setting(_) => exit::BAD_SETTING,
            Failure::NotNow(_) => exit::NOT_NOW,
            Failure::Running(_) => exit::FAILED,
            Failure::Code(code) => *code,
        }
    }

    /// The failure of a server to which the system refuses what it needs to `do_this`.
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

/// A system error's text without the number that std appends.
pub fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}
