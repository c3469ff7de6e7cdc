//! The command line, the same for all six stages.

use crate::settings::{ConfigError, KEYS, Settings};
use crate::sources::{Flags, collect};
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Command, value_parser};
use clap_complete::Shell;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

const EXPLAINED: &str = "\
Every setting can also come from the environment or from a file. The flag --queue-size is the variable \
HERD_QUEUE_SIZE and, in the file named by --config or HERD_CONFIG, the line QUEUE_SIZE=100. A flag wins over the \
environment, and the environment wins over the file.

Signals:
  SIGTERM, SIGINT  answer all accepted clients, then exit (herd: a second signal ends it at once)
  SIGQUIT          stop at once (herd)
  SIGHUP           read the settings again, and replace the workers one by one (herd)
  SIGUSR1          open the access log again, and replace the workers one by one (herd)

Exit codes:
  0  stopped by a signal
  1  failed while running
  2  a setting cannot be used; one sentence on standard error says which
  3  no worker could be started (herd)
 75  a port is in use, or an address or folder is missing: another attempt may succeed";

/// What a command line asks for.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a program has one of it, for a moment")]
pub enum Start {
    /// Serve with these settings.
    Serve(Settings),
    /// Print this and exit with code 0: help, the version, a completion script.
    Print(String),
}

/// A setting in `--help`: key, name of the value, heading, explanation.
type Described = (&'static str, &'static str, &'static str, &'static str);

const DESCRIBED: [Described; 19] = [
    ("ADDRESS", "IP", "Addresses", "Address to listen on [default: 127.0.0.1]"),
    ("PORT", "NUMBER", "Addresses", "Port to listen on; 0 lets the system choose [default: 8080]"),
    (
        "MONITORING_ADDRESS",
        "IP:PORT",
        "Addresses",
        "Separate address for /health, /stats, /metrics, /dashboard; off: none [default: with the files]",
    ),
    ("DOCUMENT_ROOT", "FOLDER", "Files", "Folder whose files are served [default: www]"),
    ("DOT_FILES", "WHEN", "Files", "Serve names that begin with a dot, too: on, off [default: off]"),
    (
        "PRECOMPRESSED",
        "WHEN",
        "Files",
        "Send page.html.br or .gz instead of page.html: on, off [default: off]",
    ),
    ("MAX_AGE", "SECONDS", "Files", "Clients may use a file for this time without asking again"),
    ("CACHE_SIZE_MB", "MIB", "Sizes", "Size of each worker's file cache; 0 turns it off [default: 50]"),
    ("NUM_WORKERS", "NUMBER", "Sizes", "Worker processes, 1 to 64 [default: one per core]"),
    ("THREADS_PER_WORKER", "NUMBER", "Sizes", "Threads of each worker [default: 8]"),
    ("QUEUE_SIZE", "NUMBER", "Sizes", "Requests that may wait for a thread, per worker [default: 100]"),
    (
        "QUEUE_DELAY_MS",
        "MS",
        "Service",
        "Reject requests that waited longer (in overload, a twentieth of it); 0: never [default: 200]",
    ),
    ("HAND_OFF", "WHEN", "Service", "Hand requests to a thread: always, when-needed [default: when-needed]"),
    (
        "TIMEOUT_SECONDS",
        "SECONDS",
        "Service",
        "Time limit for a request, a response, an idle connection, or a worker that hangs [default: 30]",
    ),
    (
        "DRAIN_SECONDS",
        "SECONDS",
        "Service",
        "Time limit to drain a worker; without it, 30 s for a stop and no limit for a reload (herd)",
    ),
    (
        "ACCESS_LOG",
        "FILE",
        "Service",
        "Append a line for each request, in Combined Log Format; -: standard output",
    ),
    (
        "TRUSTED_PROXY",
        "IP[/BITS]",
        "Service",
        "Proxy whose X-Forwarded-For names the client in the access log; repeat it, or use commas",
    ),
    ("USER", "NAME", "Rights", "Started as root: become this user once the port is bound (herd)"),
    (
        "LANDLOCK",
        "WHEN",
        "Rights",
        "Allow workers only to read files beneath the root: on, off [default: on] (herd)",
    ),
];

/// The definition of the command line, for parsing and for completion scripts.
pub fn command(program: &'static str, about: &'static str) -> Command {
    let mut command = Command::new(program)
        .version(env!("CARGO_PKG_VERSION"))
        .about(about)
        .after_help(EXPLAINED)
        .args_override_self(true)
        .max_term_width(100);
    for (key, value, heading, help) in DESCRIBED {
        let name: &'static str = flag_of(key);
        command = command.arg(
            Arg::new(key)
                .long(name)
                .value_name(value)
                .help(help)
                .help_heading(heading)
                .allow_hyphen_values(true)
                // Each flag adds a proxy; of all others the last one counts.
                .action(if key == "TRUSTED_PROXY" { ArgAction::Append } else { ArgAction::Set })
                .value_parser(value_parser!(OsString)),
        );
    }
    command
        .arg(
            Arg::new("CONFIG")
                .long("config")
                .value_name("FILE")
                .help("Read settings from a file of KEY=VALUE lines")
                .help_heading("Service")
                .value_parser(value_parser!(PathBuf)),
        )
        .arg(
            Arg::new("COMPLETIONS")
                .long("completions")
                .value_name("SHELL")
                .help("Print a completion script and exit")
                .action(ArgAction::Set)
                .value_parser(value_parser!(Shell)),
        )
}

/// clap needs `'static` names, and the keys are few and known.
fn flag_of(key: &'static str) -> &'static str {
    match key {
        "ADDRESS" => "address",
        "PORT" => "port",
        "MONITORING_ADDRESS" => "monitoring-address",
        "DOCUMENT_ROOT" => "document-root",
        "DOT_FILES" => "dot-files",
        "PRECOMPRESSED" => "precompressed",
        "MAX_AGE" => "max-age",
        "NUM_WORKERS" => "num-workers",
        "THREADS_PER_WORKER" => "threads-per-worker",
        "QUEUE_SIZE" => "queue-size",
        "QUEUE_DELAY_MS" => "queue-delay-ms",
        "CACHE_SIZE_MB" => "cache-size-mb",
        "TIMEOUT_SECONDS" => "timeout-seconds",
        "DRAIN_SECONDS" => "drain-seconds",
        "ACCESS_LOG" => "access-log",
        "TRUSTED_PROXY" => "trusted-proxy",
        "USER" => "user",
        "LANDLOCK" => "landlock",
        _ => "hand-off",
    }
}

/// Reads a command line and collects the settings. `read_file` reads the file that `--config` names.
///
/// # Errors
/// [`ConfigError`], one sentence.
pub fn parse(
    program: &'static str,
    about: &'static str,
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl Fn(&str) -> Option<OsString>,
    read_file: impl Fn(&Path) -> io::Result<String>,
) -> Result<Start, ConfigError> {
    let mut command = command(program, about);
    let mut matches = match command.try_get_matches_from_mut(arguments) {
        Ok(matches) => matches,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return Ok(Start::Print(error.to_string()));
        }
        Err(error) => return Err(ConfigError(first_sentence(&error))),
    };
    if let Some(shell) = matches.remove_one::<Shell>("COMPLETIONS") {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut command, program, &mut script);
        return Ok(Start::Print(String::from_utf8_lossy(&script).into_owned()));
    }
    let values = KEYS
        .into_iter()
        .filter_map(|key| {
            let given: Vec<OsString> = matches.remove_many(key)?.collect();
            Some((key, given.join(OsStr::new(","))))
        })
        .collect();
    let flags = Flags { config: matches.remove_one("CONFIG"), values };
    collect(&flags, environment, read_file).map(Start::Serve)
}

/// clap explains at length; the first line says what is wrong.
fn first_sentence(error: &clap::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or("the command line cannot be read");
    format!("{} (see --help)", line.trim_start_matches("error: "))
}
