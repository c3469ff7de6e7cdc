// A meeting point: threads wait there for each other, again and again.

use lanes::sync::{Condvar, Mutex};

/// A place where a number of threads meet, go on together, and meet again later.
///
/// **Promise.** Nobody leaves a meeting before all have come. Once all have come, all leave, also when the
/// fastest of them is back for the next meeting before the slowest has woken up.
pub struct Meeting {
    members: usize,
    state: Mutex<State>,
    complete: Condvar,
}

struct State {
    /// Who has come to the meeting that is about to begin.
    here: usize,
    /// Meetings that have taken place.
    held: usize,
}

impl Meeting {
    /// A meeting of so many members.
    pub fn new(members: usize) -> Meeting {
        Meeting { members, state: Mutex::new(State { here: 0, held: 0 }), complete: Condvar::new() }
    }

    /// Comes to the meeting; sleeps until all have come.
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
