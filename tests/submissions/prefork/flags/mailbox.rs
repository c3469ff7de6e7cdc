//! Another mailbox: a flag for each kind of notice instead of one word of bits. Then `take` is four operations, but
//! still loses no notice: each flag is taken in one operation.

use crate::sync::atomic::{AtomicBool, Ordering};
use std::collections::VecDeque;

/// Notices left for the master.
#[derive(Debug)]
pub struct Mailbox {
    stop_now: AtomicBool,
    stop: AtomicBool,
    reload: AtomicBool,
    child_exited: AtomicBool,
}

/// What may have happened, in the order in which a master should answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// Stop without waiting for any worker.
    StopNow,
    /// Stop after the requests in flight.
    Stop,
    /// Replace the workers one by one.
    Reload,
    /// At least one child exited.
    ChildExited,
}

/// What one `take` found, in the order in which a master should answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notices {
    left: VecDeque<Notice>,
}

impl Mailbox {
    /// An empty mailbox.
    #[cfg(not(test))]
    pub const fn new() -> Mailbox {
        Mailbox {
            stop_now: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            reload: AtomicBool::new(false),
            child_exited: AtomicBool::new(false),
        }
    }

    /// An empty mailbox for the models.
    #[cfg(test)]
    pub fn new() -> Mailbox {
        Mailbox {
            stop_now: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            reload: AtomicBool::new(false),
            child_exited: AtomicBool::new(false),
        }
    }

    fn flag(&self, notice: Notice) -> &AtomicBool {
        match notice {
            Notice::StopNow => &self.stop_now,
            Notice::Stop => &self.stop,
            Notice::Reload => &self.reload,
            Notice::ChildExited => &self.child_exited,
        }
    }

    /// Leaves a notice. A swap and not a store: later notes continue the release sequence of earlier ones.
    pub fn note(&self, notice: Notice) {
        self.flag(notice).swap(true, Ordering::Release);
    }

    /// Takes all notices out.
    pub fn take(&self) -> Notices {
        let all = [Notice::StopNow, Notice::Stop, Notice::Reload, Notice::ChildExited];
        let left = all.into_iter().filter(|&notice| self.flag(notice).swap(false, Ordering::Acquire));
        Notices { left: left.collect() }
    }
}

impl Default for Mailbox {
    fn default() -> Mailbox {
        Mailbox::new()
    }
}

impl Notices {
    /// Whether this notice is among them.
    pub fn contains(&self, notice: Notice) -> bool {
        self.left.contains(&notice)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }
}

impl Iterator for Notices {
    type Item = Notice;

    fn next(&mut self) -> Option<Notice> {
        self.left.pop_front()
    }
}
