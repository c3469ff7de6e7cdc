//! What must hold at every step of every test, and how a failure is reported.

use super::{Herd, Life, Worker};
use std::fmt::Debug;

/// How many lines of the conversation a failure shows.
const SHOWN: usize = 12;

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

impl Herd {
    /// Fails with the end of the conversation unless `holds`. `promise` begins with the name of a rule.
    #[track_caller]
    pub fn demand(&self, holds: bool, promise: &str) {
        if holds {
            return;
        }
        let lines: Vec<&str> = self.conversation.lines().collect();
        let hidden = lines.len().saturating_sub(SHOWN);
        let shown = lines[hidden..].join("\n");
        let before = if hidden > 0 { format!("  ({hidden} earlier lines)\n") } else { String::new() };
        let (document, section) = (document(promise), section(promise));
        panic!(
            "{promise}.\nWhere to look: {document}, and lab 6, \"{section}\".\nThe conversation, as event -> \
             actions. What broke it is in one of the last lines:\n{before}{shown}"
        );
    }

    /// Fails with the end of the conversation unless the two are equal.
    #[track_caller]
    pub fn same<T: PartialEq<E> + Debug, E: Debug>(&self, promise: &str, found: T, expected: E) {
        self.demand(found == expected, &format!("{promise}.\nexpected: {expected:?}\nfound:    {found:?}"));
    }

    /// A time of this herd, relative to now.
    fn when(&self, time: std::time::Instant) -> String {
        match time.checked_duration_since(self.now) {
            Some(later) => format!("in {:.3} s", later.as_secs_f64()),
            None => format!("{:.3} s ago", (self.now - time).as_secs_f64()),
        }
    }

    #[track_caller]
    pub(super) fn check_spawn(&self, slot: usize, seat: usize) {
        self.demand(!self.stopped, "Stop: nothing is spawned after it");
        self.demand(slot < self.slots && seat < 2, "Spawn names a slot of the policy, and its seat 0 or 1");
        let taken = self.workers.values().any(|worker| (worker.slot, worker.seat) == (slot, seat));
        self.demand(!taken, "Seats: a seat with a living worker gets no second one");
        let unsettled = self.unsettled.is_some_and(|(s, t, _)| (s, t) == (slot, seat));
        self.demand(!unsettled, "Death: a seat is settled before it is used again");
        let twice = self.unanswered.iter().any(|&(open, _)| open == slot);
        self.demand(!twice, "Spawn: nothing is decided about a slot whose last spawn was not answered");
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
        self.demand(doubled == 0 || self.reloaded, "Slots: one worker each, unless a reload replaces it");
        self.demand(doubled <= 1, "Reload: one slot at a time");
    }

    #[track_caller]
    pub(super) fn check_deadline(&self) {
        let deadline = self.supervisor.deadline();
        let empty = |&slot: &usize| {
            let open = self.unanswered.iter().any(|open| open.0 == slot);
            self.workers_of(slot).is_empty() && !open && !self.given_up.contains(&slot)
        };
        let runs = !self.spawned_at.is_empty() && !self.stopped && self.finished.is_none();
        let waits = runs && (0..self.slots).any(|slot| empty(&slot));
        self.demand(
            !waits || deadline.is_some(),
            "Death: an empty slot gets a worker, at once or when deadline() has come, unless a Note(GivenUp) says that \
             it is given up",
        );
        let said =
            deadline.map_or("it said None".to_owned(), |deadline| format!("it said {}", self.when(deadline)));
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
