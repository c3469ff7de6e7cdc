// Time limits for child processes. Nothing here is concurrent: times and events come in, answers go out.

use std::collections::BTreeSet;
use std::time::Duration;

/// How long child processes may run. All times are counted from the start of the program.
///
/// **Promise.** A process that has run for its whole limit must be killed, and is returned by `overdue` once.
/// No other process is returned. The kernel may give a process id to another process as soon as the first was
/// reaped.
pub struct Limits {
    limit: Duration,
    running: BTreeSet<i32>,
    /// When each started, the longest running first.
    started: Vec<(Duration, i32)>,
}

impl Limits {
    /// The same limit for all processes.
    pub fn new(limit: Duration) -> Limits {
        Limits { limit, running: BTreeSet::new(), started: Vec::new() }
    }

    /// A process was forked.
    pub fn started(&mut self, now: Duration, pid: i32) {
        self.running.insert(pid);
        self.started.push((now, pid));
    }

    /// A process has ended, and was reaped.
    pub fn reaped(&mut self, pid: i32) {
        // Its entry in `started` does no harm: `overdue` skips processes that do not run.
        self.running.remove(&pid);
    }

    /// The processes that must be killed now.
    pub fn overdue(&mut self, now: Duration) -> Vec<i32> {
        let in_time = |&(started, _): &(Duration, i32)| now - started < self.limit;
        let late = self.started.iter().position(in_time).unwrap_or(self.started.len());
        let late = self.started.drain(..late);
        late.map(|(_, pid)| pid).filter(|pid| self.running.contains(pid)).collect()
    }
}
