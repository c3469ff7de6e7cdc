//! Models of the inbox, with a bell like the server's.

use std::sync::Arc;

use lanes::sync::{Condvar, Mutex};
use lanes::{Model, thread};

use super::join;
use crate::Inbox;
use verdict::test;

/// Catches: a `put` that never says that the box was empty, or that checks and puts under two separate locks; a
/// `take_all` that copies the items and clears the box under two.
#[test]
fn nothing_is_stranded_while_the_reception_sleeps() {
    reception_and_two_threads(|bell, inbox, taken| {
        bell.sleep_until_it_rings();
        bell.clear();
        inbox.take_all(taken);
    });
}

/// A deliberate mistake, which shows why the bell is cleared first.
#[test]
#[should_panic(expected = "deadlock, no thread can go on")]
fn clearing_the_bell_after_taking_strands_an_item() {
    reception_and_two_threads(|bell, inbox, taken| {
        bell.sleep_until_it_rings();
        inbox.take_all(taken);
        bell.clear();
    });
}

/// Catches: a `put` that always says that the box was empty, or that checks and puts under two separate locks; a
/// `take_all` that takes only one item, or does not keep the order.
#[test]
fn of_two_puts_one_must_ring() {
    Model::new("exactly one of two puts into an empty inbox must ring")
        .outcomes(&["1 rings", "2 rings"])
        .check(|run| {
            let inbox = Arc::new(Inbox::new());
            let putters = [(1, "puts 1"), (2, "puts 2")].map(|(item, name)| {
                let inbox = inbox.clone();
                thread::spawn_named(name, move || inbox.put(item))
            });
            let must_ring = join(putters);
            assert_eq!(must_ring.iter().filter(|&&ring| ring).count(), 1, "the two were told {must_ring:?}");
            run.outcome(if must_ring[0] { "1 rings" } else { "2 rings" });
            let mut taken = vec![0];
            inbox.take_all(&mut taken);
            let expected = if must_ring[0] { [0, 1, 2] } else { [0, 2, 1] };
            assert_eq!(
                taken, expected,
                "0 was there; then came the item that was told to ring, then the other"
            );
        });
}

/// Two threads put one item each, and ring if `put` tells them to. The reception takes turns until it has both.
fn reception_and_two_threads(turn: impl Fn(&Bell, &Inbox<u32>, &mut Vec<u32>) + Send + Sync + 'static) {
    let outcomes = ["one after the other", "both at once"];
    Model::new("what is put into the inbox reaches the reception").outcomes(&outcomes).check(move |run| {
        let shared = Arc::new((Inbox::new(), Bell::new()));
        let putters = [1, 2].map(|item| {
            let shared = shared.clone();
            thread::spawn_named(&format!("thread with {item}"), move || {
                let (inbox, bell) = &*shared;
                if inbox.put(item) {
                    bell.ring();
                }
            })
        });
        let (inbox, bell) = &*shared;
        let (mut taken, mut came_alone) = (Vec::new(), false);
        while taken.len() < 2 {
            turn(bell, inbox, &mut taken);
            run.note(format!("has {taken:?}"));
            came_alone |= taken.len() == 1;
        }
        run.outcome(if came_alone { "one after the other" } else { "both at once" });
        join(putters);
        taken.sort();
        assert_eq!(taken, [1, 2], "each item is taken once");
    });
}

/// Takes the place of the server's eventfd: rung by any thread, slept on and cleared by the reception.
struct Bell {
    rung: Mutex<bool>,
    rings: Condvar,
}

impl Bell {
    fn new() -> Bell {
        Bell { rung: Mutex::new(false), rings: Condvar::new() }
    }

    fn ring(&self) {
        *self.rung.lock().unwrap() = true;
        self.rings.notify_one();
    }

    fn sleep_until_it_rings(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !*rung {
            rung = self.rings.wait(rung).unwrap();
        }
    }

    fn clear(&self) {
        *self.rung.lock().unwrap() = false;
    }
}

/// Two threads put while the reception takes.
///
/// Catches: a `take_all` that takes one item at a time; a flag that says whether the box was empty and is cleared at
/// another moment than the box.
#[test]
fn of_each_handful_the_first_must_ring_and_no_other() {
    let outcomes = ["none", "one", "both"];
    Model::new("of each handful the first must ring, and no other").outcomes(&outcomes).check(move |run| {
        let inbox = Arc::new(Inbox::new());
        let putter = thread::spawn_named("puts 1 and 2", {
            let inbox = inbox.clone();
            move || [inbox.put(1), inbox.put(2)]
        });
        let (mut first, mut rest) = (Vec::new(), Vec::new());
        inbox.take_all(&mut first);
        let rings = putter.join().unwrap();
        inbox.take_all(&mut rest);
        let must_ring = [1, 2].map(|item| first.first() == Some(&item) || rest.first() == Some(&item));
        assert_eq!(rings, must_ring, "put 1 and 2 said whether the box was empty; taken first: {first:?}");
        run.outcome(outcomes[first.len()]);
    });
}
