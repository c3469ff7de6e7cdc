//! Chromium, driven by the scripts of `tests/browser`.

use std::path::Path;
use std::process::{Command, Output};

/// Runs node in `tests/browser` with these arguments, a script first, to its end. `None`, with one line that says why,
/// if the machine lacks node, Chromium or Playwright. The environment variable `CHROMIUM` says where Chromium is, if
/// not in /usr/bin.
///
/// The folder is looked for from the working directory upwards, because the test program may have been compiled from a
/// copy with another student's parts.
///
/// # Panics
/// If node is installed, but cannot be started.
pub fn browse(arguments: &[&str]) -> Option<Output> {
    let here = std::env::current_dir().expect("a working directory");
    let scripts = here.ancestors().map(|above| above.join("tests/browser")).find(|scripts| scripts.exists());
    let missing = |what: &str| -> Option<Output> {
        crate::skip(what);
        None
    };
    let Some(scripts) = scripts else { return missing("this is not run inside the course") };
    if !scripts.join("node_modules/playwright-core").exists() {
        return missing("playwright-core is not installed: npm ci --prefix tests/browser");
    }
    let chromium = std::env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    if !Path::new(&chromium).exists() {
        return missing("chromium is not installed");
    }
    let node = Command::new("node").args(arguments).env("CHROMIUM", chromium).current_dir(scripts).output();
    match node {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => missing("node is not installed"),
        Err(error) => panic!("node should start: {error}"),
    }
}
