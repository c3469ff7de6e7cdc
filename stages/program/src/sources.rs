//! Where settings come from: flags, environment, file, defaults, in this order of precedence.

use crate::failure::plain;
use crate::settings::{ConfigError, KEYS, Settings, Source, flag_name};
use crate::settings_file;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// What the command line says.
#[derive(Debug, Default)]
pub struct Flags {
    /// The file to read settings from.
    pub config: Option<PathBuf>,
    /// Key and value of every setting that was given as a flag.
    pub values: Vec<(&'static str, OsString)>,
}

/// Collects the settings. `environment` returns a variable by its whole name, `read_file` the text of a file.
///
/// # Errors
/// [`ConfigError`] for the first value that cannot be used. If a stronger source overrides it, it is only a warning: a
/// variable may be set by chance, as Kubernetes does in each pod for a service named `herd` (`HERD_PORT=tcp://...`).
pub fn collect(
    flags: &Flags,
    environment: impl Fn(&str) -> Option<OsString>,
    read_file: impl Fn(&Path) -> io::Result<String>,
) -> Result<Settings, ConfigError> {
    let default_root = environment("HERD_DEFAULT_ROOT").map_or_else(|| PathBuf::from("www"), PathBuf::from);
    let mut settings = Settings::with_root(default_root);
    let variable = |key: &str| -> Result<Option<String>, ConfigError> {
        let name = format!("HERD_{key}");
        environment(&name).map(|value| text(&name, value)).transpose()
    };
    let is_flag = |key: &str| flags.values.iter().any(|(name, _)| *name == key);
    let config = match &flags.config {
        Some(file) => Some(("--config", file.clone())),
        None => variable("CONFIG")?.map(|file| ("HERD_CONFIG", PathBuf::from(file))),
    };
    if let Some((named_by, file)) = config {
        let text = read_file(&file).map_err(|error| {
            ConfigError(format!("{named_by}: cannot read {}: {}", file.display(), plain(&error)))
        })?;
        let overridden =
            |key: &str| is_flag(key) || KEYS.contains(&key) && environment(&format!("HERD_{key}")).is_some();
        take_lines(&mut settings, &file, &text, overridden)?;
    }
    for key in KEYS {
        let taken = match variable(key) {
            Ok(Some(value)) => settings.set(key, &value, &Source::Environment),
            other => other.map(drop),
        };
        unless(is_flag(key), taken)?;
    }
    for (key, value) in &flags.values {
        settings.set(key, &text(&flag_name(key), value.clone())?, &Source::Flag)?;
    }
    Ok(settings)
}

/// Takes `KEY=VALUE` lines.
fn take_lines(
    settings: &mut Settings,
    file: &Path,
    text: &str,
    overridden: impl Fn(&str) -> bool,
) -> Result<(), ConfigError> {
    let mut seen: Vec<&str> = Vec::new();
    for (index, line) in settings_file::lines(text).enumerate() {
        let source = Source::File(file.to_owned(), index + 1);
        let entry = settings_file::entry(line).map_err(|why| ConfigError(format!("{source}: {why}")))?;
        let Some((key, value)) = entry else { continue };
        if seen.contains(&key) {
            return Err(ConfigError(format!("{source}: {key} is set twice")));
        }
        seen.push(key);
        unless(overridden(key), settings.set(key, value, &source))?;
    }
    Ok(())
}

/// Turns an error into a warning if a stronger source overrides the value. The settings are unchanged then.
fn unless(overridden: bool, taken: Result<(), ConfigError>) -> Result<(), ConfigError> {
    match taken {
        Err(mistake) if overridden => {
            log::warn!("{mistake}; another value overrides it");
            Ok(())
        }
        taken => taken,
    }
}

fn text(name: &str, value: OsString) -> Result<String, ConfigError> {
    value.into_string().map_err(|value| ConfigError(format!("{name}: {value:?} is not UTF-8")))
}
