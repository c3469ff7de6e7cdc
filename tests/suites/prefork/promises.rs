//! What must hold at every step of every test, and how a failure is reported.

use super::{Herd, Life, Listed, Worker, notes, spawns};
use prefork::{Action, CANNOT_START, DONE, Pid};
use std::fmt::{Debug, Formatter};
use std::time::Duration;

/// How many lines of the conversation a failure shows.
const SHOWN: usize = 20;

/// The section of the book that explains a rule.
fn section(promise: &str) -> &'static str {
    match promise.split_once(':').map_or(promise, |(rule, _)| rule) {
        "Stop" | "StopNow" | "Getting ready" => "Stopping",
        "Reload" => "The rolling reload",
        "Notes" if promise.contains("a roll") => "The rolling reload",
        "Hanging" if promise.contains(" abort") => "Stopping",
        _ => "Deaths and pauses",
    }
}

/// Where the documentation states a rule.
fn document(promise: &str) -> String {
    match promise.split_once(':').map_or(promise, |(rule, _)| rule) {
        rule @ ("Death" | "Giving up" | "Getting ready" | "Hanging" | "Stop" | "Reload") => {
            format!("the rule \"{rule}\" of `Supervisor`")
        }
        "StopNow" => "`Event::StopNow`, the rule \"Stop\" of `Supervisor`".to_owned(),
        "Failed fork" => "the rule \"Death\" of `Supervisor`".to_owned(),
        "Notes" => "the documentation of `Note`".to_owned(),
        _ => "the documentation of `Event` and `Action`".to_owned(),
    }
}

/// The exit code of `Finish`, in words.
#[derive(PartialEq)]
struct Finish(Option<i32>);

impl Debug for Finish {
    fn fmt(&self, text: &mut Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            None => text.write_str("no Finish"),
            Some(DONE) => write!(text, "Finish with the code {DONE} (DONE)"),
            Some(CANNOT_START) => write!(text, "Finish with the code {CANNOT_START} (CANNOT_START)"),
            Some(code) => write!(text, "Finish with the code {code}"),
        }
    }
}

/// A pause, in words.
#[derive(PartialEq)]
struct Pause(Duration);

impl Debug for Pause {
    fn fmt(&self, text: &mut Formatter<'_>) -> std::fmt::Result {
        if self.0.is_zero() { text.write_str("no pause") } else { self.0.fmt(text) }
    }
}

impl Herd {
    /// Fails with the end of the conversation unless `holds`. `promise` begins with the name of a rule.
    #[track_caller]
    pub fn demand(&self, holds: bool, promise: &str) {
        self.check(holds, promise, "");
    }

    /// Fails with the end of the conversation unless the two are equal.
    #[track_caller]
    pub fn same<T: PartialEq<E> + Debug, E: Debug>(&self, promise: &str, found: T, expected: E) {
        let values = format!("\nfound:    {found:?}\nexpected: {expected:?}");
        self.check(found == expected, promise, &values);
    }

    /// The same, of the slots or workers that some actions are about.
    #[track_caller]
    pub fn lists<T: PartialEq + Debug>(&self, promise: &str, found: Listed<T>, expected: Vec<T>) {
        self.same(&format!("{promise}. {}", found.what), found.list, expected);
    }

    /// Fails unless the master has ended with this code, or has not ended.
    #[track_caller]
    pub fn ends(&self, promise: &str, code: Option<i32>) {
        self.same(promise, Finish(self.finished), Finish(code));
    }

    /// Fails if a note reports the death of a worker that was asked to leave before it `ended`.
    #[track_caller]
    pub fn no_news(&self, actions: &[Action], pid: Pid, ended: &str) {
        let promise = format!(
            "Notes: worker {pid} was asked to leave before it {ended}. So its death is expected, and no note may \
             report it"
        );
        self.same(&promise, notes(actions), vec![]);
    }

    /// Fails unless these actions, which answer a death, spawn at once, or a spawn follows after this pause.
    #[track_caller]
    pub fn pauses(&mut self, promise: &str, actions: &[Action], pause: Duration) {
        let found = if spawns(actions).is_empty() { self.sleep() } else { Duration::ZERO };
        self.same(&format!("{promise}. The pause after its death"), Pause(found), Pause(pause));
    }

    #[track_caller]
    fn check(&self, holds: bool, promise: &str, values: &str) {
        if holds {
            return;
        }
        let (document, section) = (document(promise), section(promise));
        panic!(
            "A rule is broken. {promise}.{values}\nWhere to look: {document}, and lab 6, \"{section}\".\n{}",
            self.last_lines()
        );
    }

    /// The end of the conversation.
    pub(super) fn last_lines(&self) -> String {
        let lines: Vec<&str> = self.conversation.lines().collect();
        let hidden = lines.len().saturating_sub(SHOWN);
        let before = match hidden {
            0 => String::new(),
            1 => "  (1 earlier line)\n".to_owned(),
            _ => format!("  ({hidden} earlier lines)\n"),
        };
        let shown = lines[hidden..].join("\n");
        format!(
            "The conversation, as event -> actions. The mistake is in one of the last lines:\n{before}{shown}"
        )
    }

    /// A time of this herd, relative to now.
    fn when(&self, time: std::time::Instant) -> String {
        match time.checked_duration_since(self.now) {
            Some(later) => format!("{:.3} s from now", later.as_secs_f64()),
            None => format!("{:.3} s ago", (self.now - time).as_secs_f64()),
        }
    }

    #[track_caller]
    pub(super) fn check_spawn(&self, slot: usize, seat: usize) {
        self.demand(!self.stopped, "Stop: after a stop, no worker may be spawned");
        self.demand(
            slot < self.slots && seat < 2,
            "Spawn: it must name a slot of the policy, and seat 0 or 1",
        );
        let taken = self.workers.values().any(|worker| (worker.slot, worker.seat) == (slot, seat));
        let promise = format!(
            "Seats: seat {seat} of slot {slot} has a worker already, and Spawn asks for another one in it"
        );
        self.demand(!taken, &promise);
        let unsettled = self.unsettled.is_some_and(|(s, t, _)| (s, t) == (slot, seat));
        self.demand(!unsettled, "Death: a seat must be settled before it is used again");
        let twice = self.unanswered.iter().any(|&(open, _)| open == slot);
        self.demand(!twice, "Spawn: nothing may be decided about a slot whose last spawn was not answered");
    }

    /// Two workers of one slot that were not asked to leave are allowed only while one replaces the other, in one slot
    /// at a time.
    #[track_caller]
    pub(super) fn check_replacements(&self) {
        let stays = |worker: &&Worker| matches!(worker.life, Life::Starting | Life::Serving);
        let doubled = (0..self.slots)
            .filter(|&slot| {
                let living = self.workers.values().filter(stays).filter(|worker| worker.slot == slot).count();
                living + self.unanswered.iter().filter(|open| open.0 == slot).count() > 1
            })
            .count();
        self.demand(
            doubled == 0 || self.reloaded,
            "Slots: each must have only one worker, unless a reload replaces it",
        );
        self.demand(doubled <= 1, "Reload: workers must be replaced in one slot at a time");
    }

    #[track_caller]
    pub(super) fn check_deadline(&self) {
        let deadline = self.supervisor.deadline();
        let is_empty = |&slot: &usize| {
            let open = self.unanswered.iter().any(|open| open.0 == slot);
            let stays = self.workers.values().any(|worker| worker.slot == slot && !worker.replaced);
            !stays && !open && !self.given_up.contains(&slot)
        };
        let runs = !self.spawned_at.is_empty() && !self.stopped && self.finished.is_none();
        if runs && let Some(slot) = (0..self.slots).find(is_empty) {
            self.demand(
                deadline.is_some(),
                &format!(
                    "Death: slot {slot} has no worker, or only one that was asked to leave. An empty slot must get a \
                     worker, at once or when deadline() has come, unless a Note(GivenUp) says that it is given up. \
                     And deadline() is None"
                ),
            );
        }
        let said =
            deadline.map_or("it is None".to_owned(), |deadline| format!("it is {}", self.when(deadline)));
        if let Some((pid, worker)) =
            self.workers.iter().min_by_key(|(_, worker)| (worker.due.is_none(), worker.due))
            && let Some(due) = worker.due
        {
            let (section, what) = match worker.life {
                Life::Starting => ("Getting ready", "is not ready"),
                Life::Serving | Life::Leaving => ("Stop", "was asked to leave"),
                Life::Aborted | Life::Killed => ("Hanging", "was aborted"),
            };
            self.demand(
                deadline.is_some_and(|deadline| deadline <= due),
                &format!(
                    "{section}: worker {pid} {what}, and must be killed {} if nothing changes. deadline() must not be \
                     later, but {said}",
                    self.when(due)
                ),
            );
        }
        let overdue = self.workers.iter().find(|(_, worker)| worker.due.is_some_and(|due| due <= self.now));
        if let Some((pid, worker)) = overdue {
            let (section, what) = match worker.life {
                Life::Starting => ("Getting ready", "is not ready"),
                Life::Serving | Life::Leaving => ("Stop", "was asked to leave, and has not left"),
                Life::Aborted | Life::Killed => ("Hanging", "was aborted, and has not died of that"),
            };
            self.demand(
                deadline.is_none_or(|deadline| deadline > self.now),
                &format!("{section}: worker {pid} {what}. Its time is over, so it must be killed now"),
            );
        }
        let section = if self.stopped { "Stop" } else { "Death" };
        self.demand(
            deadline.is_none_or(|deadline| deadline > self.now),
            &format!(
                "{section}: what is due now must be done now. deadline() names a time that is over ({said}), so the \
                 master would come back at once, again and again"
            ),
        );
    }
}
