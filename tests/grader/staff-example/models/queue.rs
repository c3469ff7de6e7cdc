//! A model of the inbox. `super::join` and all that the course's own models use can be used here, too.

use std::sync::Arc;

use lanes::{Model, thread};

use super::join;
use crate::Inbox;
use verdict::test;

/// Catches: an inbox that checks whether it is empty, and adds the item under another lock.
#[test]
fn of_three_puts_one_must_ring() {
    Model::new("of three puts, one must ring").outcomes(&["1 rings"]).check(|run| {
        let inbox = Arc::new(Inbox::new());
        let threads = ["putter 1", "putter 2"].map(|name| {
            let inbox = inbox.clone();
            thread::spawn_named(name, move || inbox.put(name))
        });
        let mine = inbox.put("main");
        let rings = join(threads).into_iter().chain([mine]).filter(|must_ring| *must_ring).count();
        run.outcome(&format!("{rings} rings"));
        assert_eq!(rings, 1, "of three puts into an empty inbox, one asks for the bell");
    });
}
