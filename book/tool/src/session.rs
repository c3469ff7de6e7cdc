//! The commands of a page, run as one session of a shell, and what they print compared with what the page says.
//!
//! ```text
//!   $ curl -s http://127.0.0.1:8081/health        a command; `> ` before a line goes on with it
//!   {"status":"ok",[..]}                          what it prints: [..] stands for any characters of a line,
//!   ...                                           ... for any lines
//! ```
//!
//! Each page has a network of its own (unshare(1)), so a port that a page names is free. When the session ends, the
//! kernel ends all that was started in it.

use crate::pages::{self, Block};
use anyhow::{Context, Result, bail};
use nix::unistd::getuid;
use snapbox::filter::NormalizeToExpected;
use snapbox::{Data, Redactions};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long a command may take, and its compiler before it.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long what runs in the background may take to say what it should. It may have to be compiled first.
const BACKGROUND_PATIENCE: Duration = Duration::from_secs(120);
/// Printed by the shell when a command has ended. No program prints it by itself.
const END: &str = "\u{1e}end of command\u{1e}";

/// A command and what it should print.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// Where it stands on the page, counted from 1.
    pub line: usize,
    /// What the shell is given.
    pub command: String,
    /// What should come.
    pub expected: String,
}

/// The commands of a page.
pub fn steps(blocks: &[Block]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for block in blocks.iter().filter(|block| block.kind == "console") {
        let first = steps.len();
        for (number, line) in block.text.lines().enumerate() {
            if let Some(command) = line.strip_prefix("$ ") {
                let step =
                    Step { line: block.line + number, command: command.to_owned(), expected: String::new() };
                steps.push(step);
            } else if let Some(step) = steps[first..].last_mut() {
                match line.strip_prefix("> ") {
                    Some(more) if step.expected.is_empty() => {
                        step.command = format!("{}\n{more}", step.command)
                    }
                    _ => step.expected += &format!("{line}\n"),
                }
            }
        }
    }
    steps
}

/// Runs the commands of a page. A sentence for each that did not print what it should; `program` is this program.
///
/// # Errors
/// If there can be no session.
pub fn check(root: &Path, page: &Path, program: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(page).with_context(|| format!("cannot read {}", page.display()))?;
    let steps = steps(&pages::blocks(&text));
    if steps.is_empty() {
        return Ok(Vec::new());
    }
    let mut shell = Shell::start(root, program)?;
    let mut complaints = Vec::new();
    for step in &steps {
        let printed = shell.run(step)?;
        if !is_as_expected(&printed, &step.expected) {
            complaints.push(format!(
                "{}:{}: $ {}\n--- the page says\n{}--- it printed\n{}---",
                page.display(),
                step.line,
                step.command,
                step.expected,
                printed
            ));
        }
    }
    Ok(complaints)
}

/// Whether the elisions of what is expected can be filled so that it is what was printed.
pub fn is_as_expected(printed: &str, expected: &str) -> bool {
    // With a line end each: else a last line `...` would stand for one line or more, and not for none.
    let with_end = |text: &str| Data::text(format!("{}\n", text.trim_end()));
    let expected = with_end(expected);
    let redactions = Redactions::new();
    // The lines of a head end in CR LF.
    let printed = printed.replace('\r', "");
    let filled = NormalizeToExpected::new().redact_with(&redactions).normalize(with_end(&printed), &expected);
    filled == expected
}

struct Shell {
    child: Child,
    output: Receiver<Vec<u8>>,
    /// What has come and belongs to no command yet.
    pending: String,
}

impl Shell {
    fn start(root: &Path, program: &Path) -> Result<Shell> {
        let (mut reader, writer) = std::io::pipe()?;
        let mut unshare = Command::new("unshare");
        unshare.args(["--net", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc"]);
        if !getuid().is_root() {
            unshare.arg("--map-root-user");
        }
        unshare.arg("--").arg(program).arg("inside").current_dir(root);
        unshare
            .env("RUST_BACKTRACE", "0")
            .env("CARGO_TERM_COLOR", "never")
            .env("LC_ALL", "C.UTF-8")
            .env_remove("RUST_LOG");
        // What cargo says of this package does not hold for those that the page runs.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("CARGO_PKG_")
                || name.starts_with("CARGO_MANIFEST_")
                || name.starts_with("HERD_")
            {
                unshare.env_remove(name);
            }
        }
        unshare.stdin(Stdio::piped()).stdout(writer.try_clone()?).stderr(writer);
        let child = unshare.spawn().context("cannot run unshare(1)")?;
        drop(unshare);
        let (send, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if send.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Ok(Shell { child, output, pending: String::new() })
    }

    /// Runs a command to its end, and goes on reading until what it started in the background has said what it should.
    fn run(&mut self, step: &Step) -> Result<String> {
        let quoted = step.command.replace('\'', "'\\''");
        let stdin = self.child.stdin.as_mut().context("the shell has no input")?;
        writeln!(stdin, "eval '{quoted}' </dev/null; printf '%s' '{END}'$(jobs -r | wc -l)'{END}'")
            .context("the shell has ended")?;
        let mut deadline = Instant::now() + PATIENCE;
        let mut printed = String::new();
        let mut ended = false;
        loop {
            if let Some((before, rest)) = self.pending.split_once(END)
                && let Some((jobs, after)) = rest.split_once(END)
            {
                printed += before;
                ended = true;
                let patience = if jobs == "0" { Duration::ZERO } else { BACKGROUND_PATIENCE };
                deadline = Instant::now() + patience;
                self.pending = after.to_owned();
            }
            if ended {
                printed += &std::mem::take(&mut self.pending);
                if is_as_expected(&printed, &step.expected) {
                    return Ok(printed);
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.pending += &String::from_utf8_lossy(&bytes),
                Err(RecvTimeoutError::Timeout) if ended => return Ok(printed),
                Err(RecvTimeoutError::Timeout) => bail!("it did not end: {}", step.command),
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("the session has ended in `{}`: {}", step.command, self.pending)
                }
            }
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // Its end is the end of all that it has started (--kill-child).
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Process 1 of a session: a shell in a network whose loopback is up.
///
/// # Errors
/// If there can be none.
pub fn inside() -> Result<()> {
    grader::grade::sandbox::bring_loopback_up().context("cannot bring loopback up")?;
    Err(Command::new("bash").args(["--noprofile", "--norc"]).exec()).context("cannot run bash")
}
