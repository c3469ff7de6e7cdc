//! Where and when figures were measured: without that, they cannot be checked.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs;
use std::process::Command;

/// A machine, and what was compared on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The day, in UTC.
    pub date: String,
    /// Processors that this program may use.
    pub cores: usize,
    /// The name of the processor; rented machines often say little.
    pub processor: String,
    /// The release of Linux.
    pub linux: String,
    /// The other programs that took part, with their versions.
    pub programs: Vec<String>,
}

impl Machine {
    /// This machine, today. `programs` are names, each with the flag that prints its version; only installed ones are
    /// listed.
    pub fn here(programs: &[(&str, &str)]) -> Machine {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let info = read("/proc/cpuinfo");
        let processor = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Machine {
            date: said("date", &["-u", "+%F"]).unwrap_or_default(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: processor.map_or("an unknown processor", |(_, name)| name).to_owned(),
            linux: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            programs: programs.iter().filter_map(|(name, flag)| said(name, &[flag])).collect(),
        }
    }
}

/// The first line that a program prints.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    // wrk prints its author, too.
    text.lines().next().map(|line| line.split(" Copyright").next().unwrap_or(line).trim().to_owned())
}

impl fmt::Display for Machine {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { date, cores, processor, linux, programs } = self;
        write!(text, "{date}, {cores} cores ({processor}), Linux {linux}")?;
        for program in programs {
            write!(text, "; {program}")?;
        }
        Ok(())
    }
}
