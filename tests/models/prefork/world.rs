//! The world of the models: a kernel that knows which processes died, a bell, and the master's loop between a mailbox
//! and a supervisor.

use crate::sync::{Condvar, Mutex};
use crate::{Action, Event, Exit, Mailbox, Notice, Pid, Policy, Supervisor};
use lanes::Run;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The world of a master.
pub(super) struct World {
    pub(super) mailbox: Mailbox,
    rung: Mutex<bool>,
    ringing: Condvar,
    zombies: Mutex<Vec<Pid>>,
}

impl World {
    pub(super) fn new() -> Arc<World> {
        Arc::new(World {
            mailbox: Mailbox::new(),
            rung: Mutex::new(false),
            ringing: Condvar::new(),
            zombies: Mutex::new(Vec::new()),
        })
    }

    /// A signal, and its handler.
    pub(super) fn signal(&self, notice: Notice) {
        self.mailbox.note(notice);
        *self.rung.lock().expect("bell") = true;
        self.ringing.notify_one();
    }

    /// The end of a process.
    pub(super) fn exit(&self, pid: Pid) {
        self.zombies.lock().expect("zombies").push(pid);
        self.signal(Notice::ChildExited);
    }

    pub(super) fn wait_for_the_bell(&self) {
        let mut rung = self.rung.lock().expect("bell");
        while !*rung {
            rung = self.ringing.wait(rung).expect("bell");
        }
    }

    pub(super) fn clear_the_bell(&self) {
        *self.rung.lock().expect("bell") = false;
    }

    /// waitpid(2) with `WNOHANG`.
    fn reap(&self) -> Option<Pid> {
        self.zombies.lock().expect("zombies").pop()
    }
}

/// A master: the loop between a mailbox and a supervisor.
pub(super) struct Master<F> {
    world: Arc<World>,
    run: Run,
    now: Instant,
    supervisor: Supervisor,
    /// What the model does about the actions that reach a process or its statistics.
    act: F,
    pub(super) forked: usize,
    pub(super) settled: Vec<Pid>,
    pub(super) restarts: usize,
    stopped: bool,
    pub(super) finished: Option<i32>,
    /// The living workers, and their slots.
    living: Vec<(usize, Pid)>,
    /// How many deaths were found for each notice.
    pub(super) reaped: Vec<usize>,
}

/// The actions that reach a process or its statistics.
pub(super) enum Deed {
    Fork { seat: usize, pid: Pid },
    Terminate { pid: Pid },
    Settle { seat: usize },
}

impl<F: FnMut(Deed)> Master<F> {
    pub(super) fn new(run: &Run, world: &Arc<World>, now: Instant, slots: usize, act: F) -> Master<F> {
        let second = Duration::from_secs(1);
        let policy = Policy { slots, grace: second, drain: second, ready_within: second };
        let mut master = Master {
            world: Arc::clone(world),
            run: *run,
            now,
            supervisor: Supervisor::new(policy),
            act,
            forked: 0,
            settled: Vec::new(),
            restarts: 0,
            stopped: false,
            finished: None,
            living: Vec::new(),
            reaped: Vec::new(),
        };
        master.tell(Event::Start);
        master
    }

    /// One turn of the loop.
    pub(super) fn turn(&mut self) {
        self.world.wait_for_the_bell();
        self.world.clear_the_bell();
        for notice in self.world.mailbox.take() {
            self.run.note(format!("takes {notice:?}"));
            match notice {
                Notice::ChildExited => self.reap_all(),
                Notice::Stop => self.tell(Event::Stop),
                Notice::StopNow => self.tell(Event::StopNow),
                Notice::Reload => self.tell(Event::Reload),
            }
        }
    }

    fn reap_all(&mut self) {
        self.reaped.push(0);
        while let Some(pid) = self.world.reap() {
            *self.reaped.last_mut().expect("just pushed") += 1;
            self.living.retain(|&(_, other)| other != pid);
            self.tell(Event::Exited { pid, how: Exit::Signal(11) });
        }
    }

    fn tell(&mut self, event: Event) {
        self.stopped |= event == Event::Stop;
        for action in self.supervisor.handle(self.now, event) {
            match action {
                Action::Spawn { slot, seat } => {
                    assert!(!self.stopped, "a worker is forked after the stop");
                    let taken = self.living.iter().any(|&(other, _)| other == slot);
                    assert!(!taken, "slot {slot} has a worker already, and gets a second one");
                    self.forked += 1;
                    let pid = Pid::from_raw(i32::try_from(self.forked).expect("few"));
                    self.living.push((slot, pid));
                    (self.act)(Deed::Fork { seat, pid });
                    self.tell(Event::Spawned { slot, seat, pid });
                }
                Action::Terminate { pid } => (self.act)(Deed::Terminate { pid }),
                Action::Settle { seat, pid, .. } => {
                    assert!(
                        !self.settled.contains(&pid),
                        "worker {pid} is settled twice. See \"6.3 Deaths and pauses\""
                    );
                    self.settled.push(pid);
                    (self.act)(Deed::Settle { seat });
                }
                Action::Restarted { .. } => self.restarts += 1,
                Action::Finish { code } => self.finished = Some(code),
                Action::Abort { .. } | Action::Kill { .. } | Action::Note(_) => {}
            }
        }
    }
}
