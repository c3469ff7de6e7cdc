//! New settings for a running herd: [tried](crate::trial) first, and then used by the workers that are forked
//! afterwards.

use crate::trial::{Answers, Found, Opened, Trial};
use crate::{ABOUT, PROGRAM};
use nix::unistd::Pid;
use parts::prefork::Exit;
use program::cli::{self, Start};
use program::failure::Failure;
use program::settings::Settings;
use program::settings_file;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Instant;

/// The reload that is being tried, if there is one.
#[derive(Debug, Default)]
pub struct Reload {
    trial: Option<Trial>,
    /// The trial only opens the logs again.
    only_logs: bool,
}

/// The result of a reload.
pub enum Outcome {
    /// Workers forked from now on use these.
    Use(Box<Settings>, Opened),
    /// Workers forked from now on use this access log: an open file for each slot.
    UseLogs(Vec<OwnedFd>),
    /// Everything stays; the log says why.
    Keep,
}

impl Reload {
    /// Begins to try the current settings of flags, environment and file. A trial that has not ended is given up,
    /// because the settings may have changed since it began.
    pub fn begin(&mut self, current: &Settings) -> Option<Outcome> {
        self.only_logs = false;
        self.try_it(|answers| {
            let mut new = read(answers)?;
            keep_what_stays(&mut new, current);
            answers.try_all(&new)
        })
    }

    /// Begins to open the access log again, and nothing else. Does nothing while a reload is tried, because that opens
    /// everything.
    pub fn begin_logs(&mut self, current: &Settings) -> Option<Outcome> {
        if self.trial.is_some() && !self.only_logs {
            return None;
        }
        self.only_logs = true;
        self.try_it(|answers| answers.try_log(current))
    }

    fn try_it(&mut self, what: impl FnOnce(&Answers) -> Result<(), Failure>) -> Option<Outcome> {
        self.give_up();
        match Trial::begin(what) {
            Ok(trial) => {
                self.trial = Some(trial);
                None
            }
            Err(errno) => Some(self.keep(&Failure::cannot("try the settings")(errno).to_string())),
        }
    }

    /// When to call [`Reload::is_late`] at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        self.trial.as_ref().map(Trial::deadline)
    }

    /// A child was collected. If it was the trial, the reload is decided.
    // ANCHOR: is_over
    pub fn is_over(&mut self, current: &Settings, pid: Pid, how: Exit) -> Option<Outcome> {
        let found = self.trial.take_if(|trial| trial.is(pid))?.ended(how);
        if self.only_logs {
            return Some(found.map_or_else(|why| self.keep(&why), |found| Outcome::UseLogs(found.logs)));
        }
        let read_again = found.and_then(Found::complete).and_then(|(opened, configuration)| {
            // The file is not read a second time: it may have changed since the trial.
            let new = parse(|_| configuration.clone().ok_or(io::ErrorKind::NotFound.into()));
            new.map(|new| (new, opened)).map_err(|failure| failure.to_string())
        });
        Some(match read_again {
            Ok((mut new, opened)) => {
                warn_of_what_stays(&new, current);
                keep_what_stays(&mut new, current);
                Outcome::Use(Box::new(new), opened)
            }
            Err(why) => self.keep(&why),
        })
    }
    // ANCHOR_END: is_over

    /// Gives up a trial that takes too long.
    pub fn is_late(&mut self) -> Option<Outcome> {
        let late = self.trial.take_if(|trial| trial.deadline() <= Instant::now())?;
        Some(self.keep(&late.give_up()))
    }

    fn keep(&self, why: &str) -> Outcome {
        let what = if self.only_logs { "the logs are not opened again" } else { "nothing is reloaded" };
        log::error!("{what}: {why}");
        Outcome::Keep
    }

    /// Ends the trial, if there is one, because its result is no longer needed.
    pub fn give_up(&mut self) {
        self.trial.take().map(Trial::give_up);
    }
}

/// In the trial: the current settings of flags, environment and file.
fn read(answers: &Answers) -> Result<Settings, Failure> {
    parse(|file| {
        answers.trying(&format!("--config: {}", file.display()))?;
        let text = settings_file::read(file)?;
        answers.configuration(&text)?;
        Ok(text)
    })
}

fn parse(read_file: impl Fn(&Path) -> io::Result<String>) -> Result<Settings, Failure> {
    let environment = |name: &str| std::env::var_os(name);
    match cli::parse(PROGRAM, ABOUT, std::env::args_os(), environment, read_file)? {
        Start::Serve(settings) => Ok(settings),
        // This process would not run if its flags asked for help.
        Start::Print(_) => Err(Failure::Setting("there are no settings".to_owned())),
    }
}

fn warn_of_what_stays(new: &Settings, current: &Settings) {
    if (new.socket_address(), new.num_workers) != (current.socket_address(), current.num_workers) {
        log::warn!("a change of address, port or number of workers takes effect when herd is restarted");
    }
    if new.monitoring != current.monitoring {
        log::warn!("a change of the monitoring address takes effect when herd is restarted");
    }
    if new.user != current.user {
        log::warn!("a change of the user takes effect when herd is restarted");
    }
}

/// These stay as they are: `monitoring` must match the socket that is open, and there is one log for each slot.
fn keep_what_stays(new: &mut Settings, current: &Settings) {
    (new.monitoring, new.num_workers) = (current.monitoring, current.num_workers);
}
