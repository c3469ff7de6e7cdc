//! What an inbox must do.

use std::sync::{Arc, Condvar, Mutex};

use queue::Inbox;

use crate::watched::{Watched, start};
use verdict::test;

#[test]
fn only_the_first_item_asks_for_the_bell() {
    let inbox = Inbox::default();
    assert!(inbox.put("a"), "the inbox was empty: the caller must ring");
    assert!(
        !inbox.put("b"),
        "put(\"a\"), then put(\"b\"): the second must return false, because the inbox was not empty, and the bell has been \
         rung for a. It returned true"
    );
    assert!(!inbox.put("c"), "put(\"c\") after a and b must return false, too, but it returned true");
    let mut taken = vec!["already here"];
    inbox.take_all(&mut taken);
    assert_eq!(taken, ["already here", "a", "b", "c"], "take_all adds what was put, in its order");
    assert!(inbox.put("d"), "after take_all the inbox is empty again: the caller must ring");
}

#[test]
fn a_reception_that_sleeps_between_the_rings_gets_everything() {
    const THREADS: usize = 4;
    const ITEMS: usize = 1_000;
    let inbox = Arc::new(Inbox::new());
    let bell = Arc::new((Mutex::new(false), Condvar::new()));
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (inbox, bell) = (inbox.clone(), bell.clone());
            start("a thread of the pool", move || {
                for number in 0..ITEMS {
                    if inbox.put((thread, number)) {
                        *bell.0.lock().unwrap() = true;
                        bell.1.notify_one();
                    }
                }
            })
        })
        .collect();
    let reception = start("the reception", move || {
        let mut taken = Vec::new();
        while taken.len() < THREADS * ITEMS {
            let rung = bell.0.lock().unwrap();
            *bell.1.wait_while(rung, |rung| !*rung).unwrap() = false;
            inbox.take_all(&mut taken);
        }
        taken
    });
    let taken = reception.finish();
    threads.into_iter().for_each(Watched::finish);
    for thread in 0..THREADS {
        let numbers = taken.iter().filter(|item| item.0 == thread).map(|item| item.1);
        assert!(numbers.eq(0..ITEMS), "each item of thread {thread} was taken once, in its order");
    }
}

#[test]
fn an_inbox_is_never_full() {
    const ITEMS: usize = 100_000;
    let inbox = Arc::new(Inbox::new());
    let full = inbox.clone();
    let putting = start("the thread that puts", move || (0..ITEMS).filter(|&item| full.put(item)).count());
    let rings = putting.finish_or("put never waits for room, because an inbox is never full.");
    assert_eq!(rings, 1, "of all the items, the first came into an empty inbox");
}

/// Catches: a `take_all` that takes no more than so many, so that the reception is not kept for long.
/// The rest would be stranded: the bell has been cleared, and the next put finds the box not empty.
#[test]
fn however_many_are_in_the_inbox_all_are_taken_at_once() {
    const ITEMS: usize = 200_000;
    let taking = start("the thread that puts and takes", || {
        let inbox = Inbox::new();
        let rings = (0..ITEMS).filter(|&item| inbox.put(item)).count();
        let mut taken = Vec::new();
        inbox.take_all(&mut taken);
        (rings, taken, inbox.put(ITEMS))
    });
    let (rings, taken, rings_again) = taking.finish();
    assert_eq!(rings, 1, "of {ITEMS} items, the first came into an empty inbox; puts that said so");
    assert_eq!(taken.len(), ITEMS, "items that one take_all took, of {ITEMS} that were in the inbox");
    assert!(taken.into_iter().eq(0..ITEMS), "take_all gives the items in the order of the puts");
    assert!(rings_again, "after take_all the inbox is empty again: the caller must ring");
}
