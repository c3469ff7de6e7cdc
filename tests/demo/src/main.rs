//! `cargo demo`: ten minutes in front of a class.

use anyhow::{Context, Result, ensure};
use clap::Parser;
use demo::acts::{ACTS, Act};
use demo::show::{Show, Shown, say};
use demo::summary;
use load::machine::Machine;
use std::fs;
use std::io::{self, BufRead};
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Shows what the six servers do: seven acts, each started by Enter. An act that does not show what it promised ends the
/// show, with exit code 1.
#[derive(Parser)]
#[command(name = "cargo demo")]
struct Flags {
    /// Goes from act to act by itself.
    #[arg(long)]
    auto: bool,
    /// Seconds that something is measured.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Plays only this act. May be given several times.
    #[arg(long = "act", value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=ACTS.len() as u64))]
    acts: Vec<u64>,
    /// Port on 127.0.0.1 for every herd, so that a browser can stay on its dashboard; 0 lets the system choose.
    #[arg(long, default_value_t = 8090)]
    port: u16,
    /// Writes what was shown to this file.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Draws what was shown into this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    match play(&flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn play(flags: &Flags) -> Result<()> {
    TcpListener::bind(("127.0.0.1", flags.port))
        .with_context(|| format!("port {} cannot be had; --port names another", flags.port))?;
    say("Building the six servers.");
    let show = Show::prepare(Duration::from_secs(flags.seconds), flags.port)?;
    let mut played = Vec::new();
    for (number, act) in (1..).zip(&ACTS) {
        if !flags.acts.is_empty() && !flags.acts.contains(&number) {
            continue;
        }
        show.say(&format!("\nAct {number}. {}", act.title));
        show.tell(act.announcement);
        show.tell(&format!("Predict: {}", act.question));
        if !flags.auto {
            wait_for_key()?;
        }
        let shown = perform(act, &show).with_context(|| format!("act {number}, {}", act.title))?;
        show.tell(&shown.finding);
        played.push((act, shown));
    }
    let machine = format!("cargo demo: {}; clients on the same machine", Machine::here(&[]));
    for (file, text) in [
        (&flags.markdown, summary::markdown(&machine, &played)),
        (&flags.svg, summary::svg(&machine, &played)),
    ] {
        if let Some(file) = file {
            fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
            show.say(&format!("\nWritten to {}.", file.display()));
        }
    }
    Ok(())
}

/// What the servers' clients find wrong, they say by a panic: they are those of the tests.
fn perform(act: &Act, show: &Show) -> Result<Shown> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let shown = catch_unwind(AssertUnwindSafe(|| (act.play)(show)));
    std::panic::set_hook(hook);
    shown.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        Err(anyhow::anyhow!(text.unwrap_or_else(|| "something went wrong without a word".to_owned())))
    })
}

fn wait_for_key() -> Result<()> {
    say("  [Enter]");
    let read = io::stdin().lock().read_line(&mut String::new())?;
    ensure!(read > 0, "there is nobody to press Enter; --auto goes on by itself");
    Ok(())
}
