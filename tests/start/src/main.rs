//! What `cargo herd`, `cargo lab`, `cargo demo` and `cargo book` are aliases for: `start WORD ARGUMENTS`.
//!
//! The first build of such a program takes up to a minute. If cargo is told to be quiet, it prints nothing in the
//! meantime; if not, it prints two unnecessary lines each later time. This program is built within a second. It prints
//! what is being built, lets cargo show its progress, and then becomes the program by exec(2), so that the process id,
//! signals, streams and the exit code are the program's own.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::{env, io};

/// A program that has an alias in `.cargo/config.toml`.
struct Program {
    /// The alias, and the name of the binary.
    word: &'static str,
    package: &'static str,
    /// What is being built, for people.
    what: &'static str,
    release: bool,
    /// How long the first build takes on two cores, in seconds.
    seconds: u32,
}

const PROGRAMS: [Program; 4] = [
    Program {
        word: "herd",
        package: "stage6-prefork",
        what: "the server, optimized",
        release: true,
        seconds: 40,
    },
    Program { word: "lab", package: "lab", what: "the labs' runner", release: false, seconds: 15 },
    Program { word: "demo", package: "demo", what: "the show, optimized", release: true, seconds: 40 },
    Program {
        word: "book",
        package: "book",
        what: "the book's tool, with mdBook in it",
        release: false,
        seconds: 90,
    },
];

/// Cargo's own exit code for a build that fails.
const BUILD_FAILED: u8 = 101;

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let word = arguments.next().unwrap_or_default();
    let Some(program) = PROGRAMS.iter().find(|program| *program.word == *word) else {
        eprintln!("start: there is no `{}`; call it by its alias, such as cargo lab", word.display());
        return ExitCode::from(2);
    };
    match start(program, arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("start: cannot run cargo: {error}");
            ExitCode::from(2)
        }
    }
}

/// Becomes the program; returns only if that fails.
fn start(program: &Program, arguments: impl Iterator<Item = OsString>) -> io::Result<ExitCode> {
    if !is_built(program)? {
        eprintln!("Building {}: about {} s the first time.", program.what, program.seconds);
        let quiet = !io::stderr().is_terminal();
        if !cargo("build", program, quiet).status()?.success() {
            return Ok(ExitCode::from(BUILD_FAILED));
        }
    }
    // Cargo checks again whether a file has changed since.
    Err(cargo("run", program, true).arg("--").args(arguments).exec())
}

/// Whether the program was built at least once: cargo puts it into the same target folder.
fn is_built(program: &Program) -> io::Result<bool> {
    let ours = env::current_exe()?;
    let target = ours.ancestors().nth(2).unwrap_or(Path::new("."));
    Ok(target.join(if program.release { "release" } else { "debug" }).join(program.word).exists())
}

fn cargo(order: &str, program: &Program, quiet: bool) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.arg(order).args(["--package", program.package, "--bin", program.word]);
    if program.release {
        cargo.arg("--release");
    }
    if quiet {
        cargo.arg("--quiet");
    }
    // The variables that cargo has set for this crate are wrong for others, and would make it build some of them again.
    for (name, _) in env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"]
            .iter()
            .any(|of| name.to_string_lossy().starts_with(of))
        {
            cargo.env_remove(name);
        }
    }
    cargo
}
