//! What the six programs have in common: starting, complaining, exiting.

use crate::accept;
use crate::access_log::Logged;
use crate::cli::{self, Start, exit};
use crate::config::{ConfigError, Settings, plain};
use parts::request::DocumentRoot;
use std::fmt::Display;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;

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

    /// The access log could not be opened.
    pub fn access_log(settings: &Settings, error: &io::Error) -> Failure {
        let path = settings.access_log.as_deref().unwrap_or("".as_ref());
        Failure::Setting(format!("--access-log: cannot write {}: {}", path.display(), plain(error)))
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

/// Opens the document root of the settings.
///
/// # Errors
/// [`Failure::Setting`] if it cannot be used.
pub fn open_root(settings: &Settings) -> Result<DocumentRoot, Failure> {
    let path = &settings.document_root;
    DocumentRoot::open(path)
        .map_err(|error| Failure::Setting(format!("--document-root: {} {error}", path.display())))
}

/// Puts the access log of the settings around a handler.
///
/// # Errors
/// [`Failure::Setting`] if its file cannot be written.
pub fn logged<H>(handler: H, settings: &Settings) -> Result<Logged<H>, Failure> {
    Logged::new(handler, settings.access_log.as_deref())
        .map_err(|error| Failure::access_log(settings, &error))
}

/// Listens where the settings say. Returns the address too, with the port that the kernel chose for port 0.
///
/// # Errors
/// [`Failure::Setting`] if that is not possible.
pub fn listen(settings: &Settings) -> Result<(TcpListener, SocketAddr), Failure> {
    let listener =
        accept::bind(settings.socket_address()).map_err(|error| Failure::listen(settings, &error))?;
    let address = listener.local_addr().map_err(Failure::running)?;
    Ok((listener, address))
}

/// Says on standard output where the server listens, for people and for programs that start one on port 0.
pub fn announce(program: &str, address: SocketAddr) {
    // Standard output may be closed; the server does not need it.
    let _ = writeln!(io::stdout(), "{program} listening on http://{address}/");
}

/// Logs to standard error; `RUST_LOG` says how much. env_logger puts a line together and writes it with one write(2),
/// so the lines of several processes never mix.
fn start_logging() {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info"))
        .format(|line, record| {
            let (time, process) = (line.timestamp_millis(), std::process::id());
            writeln!(line, "{time} {process} {} {}", record.level(), record.args())
        })
        .init();
}

/// Reads the command line of this process and runs `serve`. The whole of `main` in every stage.
pub fn main(
    program: &'static str,
    about: &'static str,
    serve: fn(&Settings) -> Result<(), Failure>,
) -> ExitCode {
    start_logging();
    let started = cli::parse(program, about, std::env::args_os(), |name| std::env::var_os(name));
    let result = match started {
        Ok(Start::Print(text)) => {
            let _ = io::stdout().write_all(text.as_bytes());
            Ok(())
        }
        Ok(Start::Serve(settings)) => serve(&settings),
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(()) => ExitCode::from(exit::STOPPED),
        Err(Failure::Code(code)) => ExitCode::from(code),
        Err(failure) => {
            let _ = writeln!(io::stderr(), "{program}: {failure}");
            ExitCode::from(if matches!(failure, Failure::Setting(_)) {
                exit::BAD_SETTING
            } else {
                exit::FAILED
            })
        }
    }
}
