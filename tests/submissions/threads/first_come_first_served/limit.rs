//! Permits for connections, handed to the longest sleeper.
//!
//! Different from ours: each sleeper has its own condition variable and waits in a queue. A permit that comes back
//! while a thread sleeps is not counted as back; it is handed over. So no thread overtakes a sleeper.

use crate::sync::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;

/// A number of permits. A clone is another handle to the same permits.
#[derive(Debug, Clone)]
pub struct ConnectionLimit {
    limit: usize,
    desk: Arc<Desk>,
}

#[derive(Debug)]
struct Desk {
    state: Mutex<State>,
    emptied: Condvar,
}

#[derive(Debug)]
struct State {
    out: usize,
    /// The threads that sleep for a permit, the longest sleeper first.
    waiting: VecDeque<Arc<Sleeper>>,
    next_ticket: u64,
    /// The tickets up to this one have been served.
    served: u64,
}

#[derive(Debug)]
struct Sleeper {
    woken: Condvar,
}

/// The right to serve one connection. Gives itself back when dropped.
#[derive(Debug)]
#[must_use = "a permit that is dropped at once limits nothing"]
pub struct Permit {
    desk: Arc<Desk>,
}

impl ConnectionLimit {
    /// A limit of `limit` permits, none of them out.
    pub fn new(limit: usize) -> ConnectionLimit {
        if limit == 0 {
            panic!("a limit of 0");
        }
        let state = State { out: 0, waiting: VecDeque::new(), next_ticket: 0, served: 0 };
        ConnectionLimit { limit, desk: Arc::new(Desk { state: Mutex::new(state), emptied: Condvar::new() }) }
    }

    /// Takes a permit; sleeps while all are out, or other threads are first.
    pub fn acquire(&self) -> Permit {
        let mut state = self.desk.state.lock().unwrap();
        if state.out < self.limit {
            state.out += 1;
        } else {
            state.next_ticket += 1;
            let ticket = state.next_ticket;
            let sleeper = Arc::new(Sleeper { woken: Condvar::new() });
            state.waiting.push_back(sleeper.clone());
            while state.served < ticket {
                state = sleeper.woken.wait(state).unwrap();
            }
            // The permit that was handed over is counted as out already.
        }
        Permit { desk: self.desk.clone() }
    }

    /// Takes a permit if one is left. If one is, no thread sleeps for it.
    pub fn try_acquire(&self) -> Option<Permit> {
        let mut state = self.desk.state.lock().unwrap();
        (state.out < self.limit).then(|| {
            state.out += 1;
            Permit { desk: self.desk.clone() }
        })
    }

    /// Sleeps until all permits are back.
    pub fn drain(&self) {
        let mut state = self.desk.state.lock().unwrap();
        while state.out > 0 {
            state = self.desk.emptied.wait(state).unwrap();
        }
    }

    /// How many permits are out.
    pub fn active(&self) -> usize {
        self.desk.state.lock().unwrap().out
    }

    /// How many permits there are.
    pub fn limit(&self) -> usize {
        self.limit
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.desk.state.lock().unwrap();
        match state.waiting.pop_front() {
            Some(sleeper) => {
                state.served += 1;
                sleeper.woken.notify_one();
            }
            None => {
                state.out -= 1;
                if state.out == 0 {
                    self.desk.emptied.notify_all();
                }
            }
        }
    }
}
