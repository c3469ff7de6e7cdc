//! The settings of a server, and which values it accepts.
//!
//! Each setting has one name. `THREADS_PER_WORKER` is the key in a file, `HERD_THREADS_PER_WORKER` the environment
//! variable, `--threads-per-worker` the flag. Whatever the source, the same code checks the value, and every error is
//! one sentence that names the source. [`sources`](crate::sources) decides where values are looked for.

use crate::proxies::Proxies;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// The largest number of workers.
pub const MAX_WORKERS: usize = 64;

/// All settings of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The address to listen on.
    pub address: IpAddr,
    /// The port to listen on; 0 lets the kernel choose.
    pub port: u16,
    /// Where monitoring requests are answered (from stage 5).
    pub monitoring: Monitoring,
    /// The folder whose files are served.
    pub document_root: PathBuf,
    /// Worker processes (stage 6).
    pub num_workers: usize,
    /// Threads that serve requests, in each worker. In stage 2, the limit of connections.
    pub threads_per_worker: usize,
    /// Requests that may wait for a thread, in each worker (from stage 3).
    pub queue_size: usize,
    /// How long a request may wait for a thread during a burst; under overload, a twentieth of it. Zero: forever (from
    /// stage 3).
    pub queue_delay: Duration,
    /// Whether files are served if a name in their path begins with a dot.
    pub dot_files: bool,
    /// Whether `page.html.br` or `page.html.gz` is sent instead of `page.html` to clients that accept it.
    pub precompressed: bool,
    /// For how many seconds clients may use a file without asking again; `None`: no `Cache-Control` is sent.
    pub max_age: Option<u64>,
    /// Size of the file cache in MiB, in each worker; 0 turns it off (from stage 4).
    pub cache_size_mb: usize,
    /// How long a client may take to send a request, to take a response, or to be idle; and how long a worker may hang
    /// (stage 6).
    pub timeout: Duration,
    /// How long a worker that was asked to leave may take. `None`: 30 seconds when the herd stops, and as long as its
    /// clients take when it is replaced (stage 6).
    pub drain: Option<Duration>,
    /// Where to write a line about each request.
    pub access_log: Option<PathBuf>,
    /// The proxies that are believed about a client's address, in the access log.
    pub trusted_proxies: Proxies,
    /// Which requests are handed to a thread (from stage 4).
    pub hand_off: HandOff,
    /// The user that the processes become once they listen (stage 6).
    pub user: Option<String>,
    /// Whether workers are confined to reading beneath the document root, where the kernel can do that (stage 6).
    pub landlock: bool,
}

/// Where the monitoring paths are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Monitoring {
    /// At the server's own address, with the files.
    Public,
    /// Only at this address, which serves nothing else; for port 0 the kernel chooses.
    Address(SocketAddr),
    /// Nowhere.
    Off,
}

/// Which requests the reception hands to a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandOff {
    /// Every one: the classic design.
    Always,
    /// Only those that may block; what is in the cache is answered at once.
    WhenNeeded,
}

/// Where the value of a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A flag of the command line.
    Flag,
    /// An environment variable.
    Environment,
    /// A line of a configuration file.
    File(PathBuf, usize),
}

/// A setting that cannot be used, as one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

/// The keys, as in a file.
pub const KEYS: [&str; 19] = [
    "ADDRESS",
    "PORT",
    "MONITORING_ADDRESS",
    "DOCUMENT_ROOT",
    "DOT_FILES",
    "PRECOMPRESSED",
    "MAX_AGE",
    "NUM_WORKERS",
    "THREADS_PER_WORKER",
    "QUEUE_SIZE",
    "QUEUE_DELAY_MS",
    "CACHE_SIZE_MB",
    "TIMEOUT_SECONDS",
    "DRAIN_SECONDS",
    "ACCESS_LOG",
    "TRUSTED_PROXY",
    "HAND_OFF",
    "USER",
    "LANDLOCK",
];

impl Settings {
    // ANCHOR: defaults
    /// The default of every setting.
    pub(crate) fn with_root(document_root: PathBuf) -> Settings {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Settings {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 8080,
            monitoring: Monitoring::Public,
            document_root,
            num_workers: cores.min(MAX_WORKERS),
            threads_per_worker: 8,
            queue_size: 100,
            queue_delay: Duration::from_millis(200),
            dot_files: false,
            precompressed: false,
            max_age: None,
            cache_size_mb: 50,
            timeout: Duration::from_secs(30),
            drain: None,
            access_log: None,
            trusted_proxies: Proxies::default(),
            hand_off: HandOff::WhenNeeded,
            user: None,
            landlock: true,
        }
    }
    // ANCHOR_END: defaults

    /// The address and port to listen on.
    pub fn socket_address(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }

    /// Checks one value and sets it.
    pub(crate) fn set(&mut self, key: &str, value: &str, source: &Source) -> Result<(), ConfigError> {
        let named = Named { key, value, source };
        match key {
            "ADDRESS" => self.address = named.parse("an IP address")?,
            "PORT" => self.port = named.number(0..=65535)? as u16,
            "MONITORING_ADDRESS" if value == "off" => self.monitoring = Monitoring::Off,
            "MONITORING_ADDRESS" => {
                self.monitoring = Monitoring::Address(named.parse("ADDRESS:PORT or \"off\"")?);
            }
            "DOCUMENT_ROOT" => self.document_root = named.path()?,
            "DOT_FILES" => self.dot_files = named.on_or_off()?,
            "PRECOMPRESSED" => self.precompressed = named.on_or_off()?,
            "MAX_AGE" => self.max_age = Some(named.number(0..=31_536_000)?),
            "NUM_WORKERS" => self.num_workers = named.number(1..=MAX_WORKERS as u64)? as usize,
            "THREADS_PER_WORKER" => self.threads_per_worker = named.number(1..=1024)? as usize,
            "QUEUE_SIZE" => self.queue_size = named.number(1..=65536)? as usize,
            "QUEUE_DELAY_MS" => self.queue_delay = Duration::from_millis(named.number(0..=86_400_000)?),
            "CACHE_SIZE_MB" => self.cache_size_mb = named.number(0..=1_048_576)? as usize,
            "TIMEOUT_SECONDS" => self.timeout = Duration::from_secs(named.number(1..=86_400)?),
            "DRAIN_SECONDS" => self.drain = Some(Duration::from_secs(named.number(1..=86_400)?)),
            "ACCESS_LOG" => self.access_log = Some(named.path()?),
            "TRUSTED_PROXY" => {
                self.trusted_proxies = named.parse("an address, ADDRESS/BITS, or several with commas")?;
            }
            "HAND_OFF" => {
                self.hand_off = match value {
                    "always" => HandOff::Always,
                    "when-needed" => HandOff::WhenNeeded,
                    _ => return Err(named.is_not("\"always\" or \"when-needed\"")),
                }
            }
            "USER" if value.is_empty() => return Err(named.is_not("the name of a user")),
            "USER" => self.user = Some(value.to_owned()),
            "LANDLOCK" => self.landlock = named.on_or_off()?,
            _ => {
                return Err(ConfigError(format!(
                    "{source}: {} is not a setting; they are {}",
                    key.escape_debug(),
                    KEYS.join(", ")
                )));
            }
        }
        Ok(())
    }
}

/// A value to be checked, with what an error message needs to know.
struct Named<'v> {
    key: &'v str,
    value: &'v str,
    source: &'v Source,
}

impl Named<'_> {
    fn is_not(&self, what: &str) -> ConfigError {
        let name = match self.source {
            Source::Flag => flag_name(self.key),
            Source::Environment => format!("HERD_{}", self.key),
            Source::File(..) => format!("{}: {}", self.source, self.key),
        };
        ConfigError(format!("{name}: {:?} is not {what}", self.value))
    }

    fn parse<T: FromStr>(&self, what: &str) -> Result<T, ConfigError> {
        self.value.parse().map_err(|_| self.is_not(what))
    }

    fn number(&self, allowed: RangeInclusive<u64>) -> Result<u64, ConfigError> {
        let what = format!("a whole number from {} to {}", allowed.start(), allowed.end());
        if !self.value.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(self.is_not(&what));
        }
        let number = self.parse(&what)?;
        if allowed.contains(&number) { Ok(number) } else { Err(self.is_not(&what)) }
    }

    fn on_or_off(&self) -> Result<bool, ConfigError> {
        match self.value {
            "on" => Ok(true),
            "off" => Ok(false),
            _ => Err(self.is_not("\"on\" or \"off\"")),
        }
    }

    fn path(&self) -> Result<PathBuf, ConfigError> {
        if self.value.is_empty() { Err(self.is_not("a path")) } else { Ok(PathBuf::from(self.value)) }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Flag => out.write_str("command line"),
            Source::Environment => out.write_str("environment"),
            Source::File(file, line) => write!(out, "{} line {line}", file.display()),
        }
    }
}

/// The name of a setting on the command line.
pub(crate) fn flag_name(key: &str) -> String {
    format!("--{}", key.to_lowercase().replace('_', "-"))
}
