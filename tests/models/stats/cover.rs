//! No client waits at a socket that no worker watches, and no worker covers for longer than needed.
//!
//! The bell is an eventfd that each worker's epoll watches edge-triggered: here, a count of rings, and each worker
//! remembers how many it has seen.

use std::sync::Arc;

use lanes::Model;
use lanes::sync::{Condvar, Mutex};
use lanes::thread::spawn_named;
use verdict::test;

use crate::cover::{Cover, Reasons, Why, watches};

/// Two slots, and the bell.
struct Herd {
    slots: [Cover; 2],
    rings: Mutex<u32>,
    ringing: Condvar,
}

impl Herd {
    fn new() -> Arc<Herd> {
        Arc::new(Herd { slots: [Cover::new(), Cover::new()], rings: Mutex::new(0), ringing: Condvar::new() })
    }

    /// Changes a word, and rings.
    fn set(&self, slot: usize, why: Why, holds: bool) {
        if self.slots[slot].set(why, holds) {
            *self.rings.lock().unwrap() += 1;
            self.ringing.notify_all();
        }
    }

    fn look(&self, own: usize, full: bool) -> Vec<bool> {
        let reasons: Vec<Reasons> = self.slots.iter().map(Cover::reasons).collect();
        watches(own, full, &reasons)
    }

    /// A worker: reads the words whenever the bell has rung, until it has seen `rings` rings. Returns what it watches
    /// in the end.
    fn watch(&self, own: usize, full: bool, rings: u32) -> Vec<bool> {
        let mut heard = 0;
        while heard < rings {
            let mut rung = self.rings.lock().unwrap();
            while *rung == heard {
                rung = self.ringing.wait(rung).unwrap();
            }
            heard = *rung;
        }
        self.look(own, full)
    }
}

/// Catches: ringing before the word is changed; not ringing when a second reason joins the first.
#[test]
fn a_slot_whose_worker_dies_is_covered_until_another_serves() {
    Model::new("a dead worker's socket is watched by another, until its successor serves")
        .outcomes(&["covered, then let go"])
        .check(|run| {
            let herd = Herd::new();
            let master = spawn_named("master", {
                let herd = Arc::clone(&herd);
                move || {
                    herd.set(1, Why::Absent, true);
                    herd.set(1, Why::Full { seat: 0 }, true);
                }
            });
            assert_eq!(herd.watch(0, false, 2), [true, true], "slot 1 has no worker");
            master.join().unwrap();
            let master = spawn_named("master", {
                let herd = Arc::clone(&herd);
                move || {
                    herd.set(1, Why::Full { seat: 0 }, false);
                    herd.set(1, Why::Absent, false);
                }
            });
            assert_eq!(herd.watch(0, false, 4), [true, false], "slot 1 has a worker again");
            master.join().unwrap();
            run.outcome("covered, then let go");
        });
}

/// Catches: a worker that leaves its socket because it saw room elsewhere, and does not check again.
#[test]
fn two_that_become_full_at_once_both_stay_at_home() {
    Model::new("when all workers are full, each still accepts from its own socket")
        .outcomes(&["both at home"])
        .check(|run| {
            let herd = Herd::new();
            let work = |own: usize, herd: Arc<Herd>| {
                move || {
                    herd.set(own, Why::Full { seat: 0 }, true);
                    herd.watch(own, true, 2)
                }
            };
            let other = spawn_named("worker 1", work(1, Arc::clone(&herd)));
            assert_eq!(work(0, Arc::clone(&herd))(), [true, false], "worker 0 refuses at home");
            assert_eq!(other.join().unwrap(), [false, true], "worker 1 refuses at home");
            run.outcome("both at home");
        });
}

/// Catches: a bit with two writers, of which one clears what the other has set.
#[test]
fn reasons_come_and_go_without_each_other() {
    Model::new("a reason is not taken back together with another").outcomes(&["one is left"]).check(|run| {
        let herd = Herd::new();
        herd.set(0, Why::Full { seat: 0 }, true);
        herd.set(1, Why::Stuck, true);
        let worker = spawn_named("worker", {
            let herd = Arc::clone(&herd);
            move || herd.set(1, Why::Full { seat: 1 }, true)
        });
        herd.set(1, Why::Stuck, false);
        worker.join().unwrap();
        assert!(herd.slots[1].is_needed(), "the worker is still full");
        assert_eq!(herd.look(0, true), [true, false], "both are full, so both are at home");
        run.outcome("one is left");
    });
}
