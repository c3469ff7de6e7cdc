//! Runs of wrk, a load generator.

use anyhow::{Context, Result, ensure};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::process::Command;
use tempfile::NamedTempFile;

/// Makes wrk print its results in JSON.
const SCRIPT: &str = r#"
done = function(summary, latency)
   local e = summary.errors
   io.write(string.format(
      '\n{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      e.connect, e.read, e.write, e.status, e.timeout))
end
"#;

/// What to ask for, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// The size of the file, in bytes.
    pub bytes: usize,
    /// Connections at the same time.
    pub connections: u32,
    /// Whether a connection carries many requests.
    pub keep_alive: bool,
}

impl Cell {
    /// The name of the file.
    pub fn file(self) -> String {
        format!("{}.bin", self.bytes)
    }

    /// Such as `1 KiB, 64 keep-alive`.
    pub fn name(self) -> String {
        let (size, unit) =
            if self.bytes < 1 << 20 { (self.bytes >> 10, "KiB") } else { (self.bytes >> 20, "MiB") };
        format!(
            "{size} {unit}, {} {}",
            self.connections,
            if self.keep_alive { "keep-alive" } else { "close" }
        )
    }
}

/// The result of one run.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Found {
    /// Responses per second.
    pub rate: f64,
    /// The median latency (p50), in milliseconds.
    pub p50: f64,
    /// The p99 latency, in milliseconds.
    pub p99: f64,
    /// Processor time of the server for each response, in microseconds.
    pub cpu: f64,
    /// Failed connections, reads and writes, responses that were not a success, and requests that took longer than two
    /// seconds.
    pub errors: u64,
}

#[derive(Deserialize)]
struct Said {
    requests: u64,
    microseconds: u64,
    p50: u64,
    p99: u64,
    connect: u64,
    read: u64,
    write: u64,
    status: u64,
    timeout: u64,
}

/// Runs wrk for `seconds` seconds, with two threads, against the processes of `group`.
///
/// # Errors
/// If wrk cannot be run, or has no answer.
pub fn run(cell: Cell, port: u16, group: Pid, seconds: u32) -> Result<Found> {
    let mut script = NamedTempFile::with_suffix(".lua")?;
    script.write_all(SCRIPT.as_bytes())?;
    let mut wrk = Command::new("wrk");
    wrk.arg("-t2")
        .arg(format!("-c{}", cell.connections))
        .arg(format!("-d{seconds}s"))
        .arg("-s")
        .arg(script.path());
    if !cell.keep_alive {
        wrk.args(["-H", "Connection: close"]);
    }
    wrk.arg(format!("http://127.0.0.1:{port}/{}", cell.file()));
    let before = crate::cpu_time(group);
    let output = wrk.output().context("cannot run wrk: is it installed?")?;
    let spent = crate::cpu_time(group).saturating_sub(before);
    let text = String::from_utf8_lossy(&output.stdout);
    let said = text.lines().rev().find(|line| line.starts_with('{'));
    let said: Said =
        serde_json::from_str(said.with_context(|| format!("wrk says nothing useful:\n{text}"))?)?;
    ensure!(said.requests > 0, "wrk got no answer:\n{text}");
    Ok(Found {
        rate: said.requests as f64 / (said.microseconds as f64 / 1e6),
        p50: said.p50 as f64 / 1e3,
        p99: said.p99 as f64 / 1e3,
        cpu: spent.as_secs_f64() * 1e6 / said.requests as f64,
        errors: said.connect + said.read + said.write + said.status + said.timeout,
    })
}
