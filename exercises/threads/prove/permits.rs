// Two promises of a limit. For each of them you write a model that fails if a limit breaks it.
//
// You do not know how the limit works inside, and each trial uses a different one: some are right, some are broken. It
// has these functions:
//
//     Limit::new(permits)         a limit of `permits` permits; a clone is another handle to the same permits
//     limit.acquire()             takes a permit; sleeps while all are out
//     limit.try_acquire()         takes a permit if one is here now: Some(permit) or None
//     permit.give_back()          gives the permit back, as dropping it does
//     limit.drain()               sleeps until all permits are back
//
// A model is run once for each interleaving of its threads. It fails if a thread panics in one of them, or if there is
// one in which no thread can continue. This one says "two threads can use one permit, one after the other":
//
//     let limit = Limit::new(1);
//     let other = thread::spawn_named("other", {
//         let limit = limit.clone();
//         move || limit.acquire().give_back()
//     });
//     limit.acquire().give_back();
//     other.join().unwrap();
//
// If threads count something together, use an atomic. Change it with fetch_add and fetch_sub, and read it with
// fetch_add(0, ...).

use lanes::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use lanes::thread;
use prove::threads::Limit;
use std::sync::Arc;

/// **Promise.** There are never more permits out than the limit, and a permit that comes back reaches a thread that
/// sleeps for one.
pub fn a_permit_that_comes_back_reaches_a_sleeper() {
    todo!(
        "Lab 2.9: write a model: there are never more permits out than the limit, and one that comes back reaches a sleeper"
    )
}

/// **Promise.** `drain` returns when all permits are back, and not before.
pub fn drain_returns_when_all_permits_are_back() {
    todo!("Lab 2.9: write a model: drain returns when all permits are back, and not before")
}
