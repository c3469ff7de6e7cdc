//! Loom models of the `prefork` part.
//!
//! Loom knows threads, not processes. So a worker is a thread that "dies" by adding its process id to the zombies and
//! raising `SIGCHLD`; any thread that leaves a notice is a signal handler; and the bell, an eventfd in the server, is a
//! flag with a condition variable. The master's loop is the one that the part's documentation describes. The clock does
//! not move: a first death is answered immediately, so no model needs it to.

#[path = "prefork/world.rs"]
mod world;

use crate::sync::atomic::{AtomicU32, Ordering};
use crate::{DONE, Notice, Notices};
use lanes::{Model, thread};
use std::sync::Arc;
use std::time::Instant;
use verdict::test;
use world::{Deed, Master, World};

/// Catches: reaping one child for each notice; a death that is not settled, or answered with two workers.
#[test]
fn every_death_is_answered_once_although_signals_merge() {
    let now = Instant::now();
    Model::new("every death is answered once, although two signals may arrive as one")
        .outcomes(&["one notice for both deaths", "a notice for each death"])
        .check(move |run| {
            let world = World::new();
            let mut dying = Vec::new();
            let workers = Arc::clone(&world);
            let mut master = Master::new(run, &world, now, 2, |deed| {
                // The first two workers crash. Their successors live.
                if let Deed::Fork { pid, .. } = deed
                    && pid.as_raw() <= 2
                {
                    let world = Arc::clone(&workers);
                    dying.push(thread::spawn_named(&format!("worker {pid}"), move || world.exit(pid)));
                }
            });
            while master.restarts < 2 {
                answer_first_deaths(&mut master);
            }
            assert_eq!(master.settled.len(), 2, "two workers died, and each death is settled: so many were");
            assert_eq!(master.forked, 4, "two workers, and one successor for each");
            let together = master.reaped.contains(&2);
            run.outcome(if together { "one notice for both deaths" } else { "a notice for each death" });
            drop(master);
            for worker in dying {
                worker.join().expect("a worker");
            }
        });
}

/// Catches: a post left open after a stop; finishing with a worker alive, or never; a loop that clears the
/// bell after taking; a `note` that overwrites; a `note` or `take` in two steps.
#[test]
fn nothing_is_spawned_after_a_stop_and_the_loop_ends() {
    let now = Instant::now();
    Model::new("nothing is spawned after a stop, and the master ends when its last worker has")
        .outcomes(&["the death was answered", "the stop came first"])
        .check(move |run| {
            let world = World::new();
            let mut crashing = Vec::new();
            let outside = Arc::clone(&world);
            let stop = Arc::clone(&world);
            let stopper = thread::spawn_named("stopper", move || stop.signal(Notice::Stop));
            let mut master = Master::new(run, &world, now, 1, |deed| match deed {
                // The first worker crashes, whether it was asked to leave or not.
                Deed::Fork { pid, .. } if pid.as_raw() == 1 => {
                    let world = Arc::clone(&outside);
                    crashing.push(thread::spawn_named("worker", move || world.exit(pid)));
                }
                // Its successor lives until it is asked to leave.
                Deed::Terminate { pid } if pid.as_raw() != 1 => outside.exit(pid),
                _ => {}
            });
            while master.finished.is_none() {
                master.turn();
            }
            assert_eq!(master.finished, Some(DONE), "a stopped herd finishes when its last worker is gone");
            assert_eq!(master.settled.len(), master.forked, "every worker has died and was settled");
            run.outcome(if master.forked == 2 { "the death was answered" } else { "the stop came first" });
            drop(master);
            stopper.join().expect("the stopper");
            for worker in crashing {
                worker.join().expect("a worker");
            }
        });
}

/// Two signals, and a master that only calls `look`, the first steps of its loop.
fn both_notices_arrive(promise: &str, look: fn(&World) -> Notices) {
    Model::new(promise).outcomes(&["both at once", "one after the other"]).check(move |run| {
        let world = World::new();
        let (first, second) = (Arc::clone(&world), Arc::clone(&world));
        let reload = thread::spawn_named("reload", move || first.signal(Notice::Reload));
        let child = thread::spawn_named("child", move || second.signal(Notice::ChildExited));
        let mut missing = vec![Notice::Reload, Notice::ChildExited];
        let mut outcome = "one after the other";
        while !missing.is_empty() {
            let notices: Vec<Notice> = look(&world).collect();
            run.note(format!("takes {notices:?}"));
            if notices.len() == 2 {
                outcome = "both at once";
            }
            for notice in notices {
                assert!(missing.contains(&notice), "{notice:?} was left once and taken twice");
                missing.retain(|&other| other != notice);
            }
        }
        run.outcome(outcome);
        reload.join().expect("the handler");
        child.join().expect("the handler");
    });
}

/// Catches: a `note` that overwrites other notices; a `note` that reads and writes in two steps; a `take` that reads
/// and clears in two steps.
#[test]
fn a_notice_that_arrives_while_another_is_handled_is_not_lost() {
    both_notices_arrive("a notice is not lost, whenever it arrives", |world| {
        world.wait_for_the_bell();
        world.clear_the_bell();
        world.mailbox.take()
    });
}

/// The order of the loop matters: this is the other order, and it deadlocks.
#[test]
#[should_panic(expected = "deadlock")]
fn clearing_the_bell_after_taking_sleeps_over_a_notice() {
    both_notices_arrive("the bell may be cleared after taking (it may not)", |world| {
        world.wait_for_the_bell();
        let notices = world.mailbox.take();
        world.clear_the_bell();
        notices
    });
}

/// A notice has been left, and another one comes while a thread takes.
///
/// Catches: a `take` that gives up if the mailbox changes meanwhile, or if its exchange fails for nothing.
#[test]
fn a_notice_that_was_left_before_is_taken_although_another_arrives() {
    Model::new("a notice that was left before is taken, although another one arrives")
        .outcomes(&["one", "both"])
        .wakes_for_nothing()
        .check(|run| {
            let world = World::new();
            world.mailbox.note(Notice::Stop);
            let handler = Arc::clone(&world);
            let handler = thread::spawn_named("reload", move || handler.mailbox.note(Notice::Reload));
            let notices = world.mailbox.take();
            assert!(
                notices.contains(Notice::Stop),
                "Stop was left before `take` was called, and it was not taken"
            );
            run.outcome(if notices.contains(Notice::Reload) { "both" } else { "one" });
            handler.join().expect("the handler");
        });
}

/// Two threads that each write something and then leave a notice of their own, and one `take`.
fn what_was_written_before_is_seen(promise: &str, kinds: [Notice; 2]) {
    Model::new(promise).outcomes(&["none", "the first", "the second", "both"]).check(move |run| {
        let world = World::new();
        let written = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
        let writers = [0, 1].map(|number: usize| {
            let (world, written) = (Arc::clone(&world), Arc::clone(&written));
            thread::spawn_named(&format!("writer {number}"), move || {
                written[number].store(1, Ordering::Relaxed);
                world.mailbox.note(kinds[number]);
            })
        });
        let notices = world.mailbox.take();
        let seen = [0, 1].map(|number: usize| {
            let notice = kinds[number];
            let taken = notices.contains(notice);
            if taken {
                let value = written[number].load(Ordering::Relaxed);
                assert_eq!(
                    value, 1,
                    "{notice:?} was taken, but what was written before it was left is not seen"
                );
            }
            taken
        });
        run.outcome(match seen {
            [false, false] => "none",
            [true, false] => "the first",
            [false, true] => "the second",
            [true, true] => "both",
        });
        for writer in writers {
            writer.join().expect("a writer");
        }
    });
}

/// Catches: `Relaxed` in `note`; `Relaxed` in `take`; a `note` that overwrites.
#[test]
fn a_thread_that_takes_a_notice_sees_what_was_written_before_it() {
    what_was_written_before_is_seen(
        "a thread that takes a notice sees what was written before it was left",
        [Notice::Stop, Notice::Reload],
    );
}

/// Catches: `Relaxed` for the other two kinds of notice only.
#[test]
fn a_thread_that_takes_a_notice_of_any_other_kind_sees_what_was_written_before_it() {
    what_was_written_before_is_seen(
        "a thread that takes a notice of any other kind sees what was written before it was left",
        [Notice::StopNow, Notice::ChildExited],
    );
}

/// One slot of the shared statistics: a counter that stays, and a gauge of what is open now.
#[derive(Default)]
struct Counters {
    requests: AtomicU32,
    active: AtomicU32,
}

/// Catches: no `Settle`; `Settle` after the `Spawn` into the same seat, which clears what its successor has open. And
/// in the master: a settling that clears counters, and not only gauges.
#[test]
fn a_slots_totals_survive_its_worker() {
    let now = Instant::now();
    Model::new("a slot's totals survive its worker, and what the worker had open does not")
        .outcomes(&["the reader saw 0", "the reader saw 1", "the reader saw 2"])
        .check(move |run| {
            let world = World::new();
            let seats: Arc<[Counters; 2]> = Arc::default();
            let total = |seats: &[Counters; 2]| -> u32 {
                seats.iter().map(|counters| counters.requests.load(Ordering::Relaxed)).sum()
            };
            let read = Arc::clone(&seats);
            let reader = thread::spawn_named("reader", move || {
                let (earlier, later) = (total(&read), total(&read));
                assert!(earlier <= later, "the total went back from {earlier} to {later}");
                later
            });
            let mut workers = Vec::new();
            let (outside, shared) = (Arc::clone(&world), Arc::clone(&seats));
            let mut master = Master::new(run, &world, now, 1, |deed| match deed {
                Deed::Fork { seat, pid } => {
                    let (world, seats) = (Arc::clone(&outside), Arc::clone(&shared));
                    workers.push(thread::spawn_named(&format!("worker {pid}"), move || {
                        seats[seat].active.fetch_add(1, Ordering::Relaxed);
                        seats[seat].requests.fetch_add(1, Ordering::Relaxed);
                        // The first one dies with its connection open.
                        if pid.as_raw() == 1 {
                            world.exit(pid);
                        }
                    }));
                }
                Deed::Settle { seat } => {
                    shared[seat].active.swap(0, Ordering::Relaxed);
                }
                Deed::Terminate { .. } => {}
            });
            while master.restarts == 0 {
                master.turn();
            }
            drop(master);
            for worker in workers {
                worker.join().expect("a worker");
            }
            run.outcome(&format!("the reader saw {}", reader.join().expect("the reader")));
            assert_eq!(total(&seats), 2, "two requests were counted, one by a worker that is dead");
            let active: u32 = seats.iter().map(|counters| counters.active.load(Ordering::Relaxed)).sum();
            assert_eq!(active, 1, "one connection is open: the dead worker's is not, the living one's is");
        });
}

/// Two writers leave the same notice. If no notice is left after both have ended, the first `take` has taken both at
/// once.
///
/// Catches: a `take` that reads with `Acquire` and then clears, with `Relaxed`, a bit that was set again meanwhile.
#[test]
fn a_thread_that_takes_a_notice_that_was_left_twice_sees_what_was_written_before_both() {
    Model::new("a thread that takes a notice that was left twice sees what was written before both")
        .outcomes(&["both at once", "at least one later"])
        .check(|run| {
            let world = World::new();
            let written = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
            let writers = [0, 1].map(|number| {
                let (world, written) = (Arc::clone(&world), Arc::clone(&written));
                thread::spawn_named(&format!("writer {number}"), move || {
                    written[number].store(1, Ordering::Relaxed);
                    world.mailbox.note(Notice::Reload);
                })
            });
            world.mailbox.take();
            let seen = [0, 1].map(|number: usize| written[number].load(Ordering::Relaxed));
            for writer in writers {
                writer.join().expect("a writer");
            }
            if world.mailbox.take().is_empty() {
                assert_eq!(
                    seen,
                    [1, 1],
                    "Reload was left twice and taken once. The thread that took it must see what was written before \
                     each of the two. Seen (1: yes)"
                );
                run.outcome("both at once");
            } else {
                run.outcome("at least one later");
            }
        });
}

/// One turn of a master that has two slots, whose workers each die for the first time.
fn answer_first_deaths(master: &mut Master<impl FnMut(Deed)>) {
    master.turn();
    let died: usize = master.reaped.iter().sum();
    assert_eq!(
        master.forked - 2,
        died,
        "a worker that dies for the first time must be followed by a new one at once, without a pause. Workers that have \
         died: {died}; new workers"
    );
}
