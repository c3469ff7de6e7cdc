//! The beginning and the end of all six programs.

use crate::access_log::{self, Logged};
use crate::cli::{self, Start};
use crate::failure::{Failure, exit};
use crate::log_file::{LogFile, TellingLog};
use crate::settings::Settings;
use crate::settings_file;
use crate::signals;
use env_logger::Target;
use nix::unistd::write;
use parts::request::{DocumentRoot, RootError};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::panic;
use std::process::ExitCode;
use std::thread;

/// Opens the document root of the settings.
///
/// # Errors
/// [`Failure::Setting`] if it cannot be used, [`Failure::NotNow`] if it is not there.
pub fn open_root(settings: &Settings) -> Result<DocumentRoot, Failure> {
    let path = &settings.document_root;
    DocumentRoot::open(path).map_err(|error| {
        let reason = match &error {
            RootError::Open(errno) => Some(*errno as i32),
            RootError::NoOpenat2 => None,
        };
        Failure::of_path(reason, format!("--document-root: {} {error}", path.display()))
    })
}

/// Opens the access log of the settings, if they name one.
///
/// # Errors
/// [`Failure::Setting`] if its file cannot be written, [`Failure::NotNow`] if its folder is not there.
pub fn open_log(settings: &Settings) -> Result<Option<LogFile>, Failure> {
    access_log::open(settings.access_log.as_deref()).map_err(|error| Failure::access_log(settings, &error))
}

/// Puts the access log of the settings around a handler.
///
/// # Errors
/// [`Failure::Setting`] if its file cannot be written, [`Failure::NotNow`] if its folder is not there.
pub fn logged<H>(handler: H, settings: &Settings) -> Result<Logged<H>, Failure> {
    Ok(Logged::over(handler, open_log(settings)?).trusting(&settings.trusted_proxies))
}

/// Logs to standard error; `RUST_LOG` says how much. env_logger puts a line together, and [`LogFile`] takes it whole or
/// drops it.
fn start_logging() {
    let mut logger = env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info"));
    logger.format(|line, record| {
        let (time, process) = (line.timestamp_millis(), std::process::id());
        writeln!(line, "{time} {process} {} {}", record.level(), record.args())
    });
    if let Ok(log) = LogFile::inherited(io::stderr().as_fd()) {
        logger.target(Target::Pipe(Box::new(TellingLog(log))));
    }
    logger.init();
    // Rust's own panic message would wait for a reader.
    panic::set_hook(Box::new(|info| {
        let thread = thread::current();
        log::error!("thread '{}' {info}", thread.name().unwrap_or("<unnamed>"));
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            backtrace.to_string().lines().for_each(|line| log::error!("{line}"));
        }
    }));
}

/// Prints one line on a descriptor that this process was started with, unless its reader has stopped reading.
pub(crate) fn say(descriptor: BorrowedFd<'_>, line: &str) {
    let line = format!("{line}\n");
    let _ = match LogFile::inherited(descriptor) {
        Ok(log) => log.write_line(line.as_bytes()).is_ok(),
        // No descriptor is left, which may be what the line reports. Waiting is harmless then, because the program
        // ends.
        Err(_) => write(descriptor, line.as_bytes()).is_ok(),
    };
}

/// Reads the command line of this process and runs `serve`. The whole of `main` in every stage.
pub fn main(
    program: &'static str,
    about: &'static str,
    serve: fn(&Settings) -> Result<(), Failure>,
) -> ExitCode {
    start_logging();
    if let Err(errno) = signals::ignore_unused() {
        log::warn!("some signals may end the server, although they should not: {errno}");
    }
    let environment = |name: &str| std::env::var_os(name);
    let started = cli::parse(program, about, std::env::args_os(), environment, settings_file::read);
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
        Err(failure) => {
            // A bare code means that the reason was logged already.
            if !matches!(failure, Failure::Code(_)) {
                say(io::stderr().as_fd(), &format!("{program}: {failure}"));
            }
            ExitCode::from(failure.code())
        }
    }
}
