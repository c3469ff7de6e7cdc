// A meeting point: threads wait there for each other, again and again.

use crate::sync::{Condvar, Mutex};

/// A place where a fixed number of threads meet, continue together, and meet again later.
///
/// **Promise.** No thread leaves a meeting before all have arrived. Once all have arrived, all leave, even if
/// the fastest is back for the next meeting before the slowest has woken up.
pub struct Meeting {
    members: usize,
    state: Mutex<State>,
    complete: Condvar,
}

struct State {
    /// How many have arrived for the next meeting.
    here: usize,
    /// Meetings that have taken place.
    held: usize,
}

impl Meeting {
    /// A meeting of this many members.
    pub fn new(members: usize) -> Meeting {
        Meeting { members, state: Mutex::new(State { here: 0, held: 0 }), complete: Condvar::new() }
    }

    /// Arrives at the meeting; sleeps until all have arrived.
    pub fn meet(&self) {
        let mut state = self.state.lock().unwrap();
        state.here += 1;
        if state.here == self.members {
            state.here = 0;
            state.held += 1;
            self.complete.notify_all();
            return;
        }
        let before = state.held;
        while state.held == before {
            state = self.complete.wait(state).unwrap();
        }
    }

    /// How many meetings have taken place.
    pub fn held(&self) -> usize {
        self.state.lock().unwrap().held
    }
}
