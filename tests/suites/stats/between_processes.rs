//! What the statistics promise between processes, and when processes are killed.
//!
//! The children of these tests talk to their parent through the statistics themselves: a counter says "I am
//! there".

use std::thread;
use std::time::Duration;

use stats::{Acquired, Counters, Interval, Response, SharedStats, Slot};

use super::processes::{Child, alone, eventually, own_pid, sleep_for_ever};
use super::{MILLISECOND, response};

/// Long enough to see that a semaphore stays taken, short enough to do it often.
const A_MOMENT: Duration = Duration::from_millis(20);

fn shared(slots: usize) -> SharedStats {
    SharedStats::new(slots).expect("statistics can be mapped")
}

/// A process that holds the semaphore, and will hold it until it is killed.
fn holder(stats: &SharedStats) -> Child {
    let before = stats.slot(0).snapshot().counters.connections_accepted;
    let child = Child::fork(|| {
        let _held = stats.semaphore().acquire(own_pid());
        stats.slot(0).count_accepted();
        sleep_for_ever()
    });
    eventually("a free semaphore lets the first one in", || {
        stats.slot(0).snapshot().counters.connections_accepted > before
    });
    child
}

/// Kills a process and does what a master does then.
fn kill_and_settle(stats: &SharedStats, child: Child) {
    stats.settle(child.kill());
}

#[test]
fn a_semaphore_has_one_holder_among_all_processes() {
    alone(|| {
        let stats = shared(1);
        let held = stats.semaphore().acquire(own_pid());
        Child::fork(|| {
            let got = stats.semaphore().acquire_within(own_pid(), A_MOMENT);
            assert!(got.is_none(), "the parent holds the semaphore, yet its child got it");
        })
        .join("a bounded acquire gives up while another process holds the semaphore");
        drop(held);
        Child::fork(|| {
            let got = stats.semaphore().acquire_within(own_pid(), A_MOMENT);
            let got = got.expect("the parent has released the semaphore, yet its child did not get it");
            assert!(!got.owner_died, "the owner released the semaphore; it did not die");
        })
        .join("a released semaphore can be acquired by another process");
    });
}

#[test]
fn a_release_wakes_a_sleeping_process() {
    alone(|| {
        let stats = shared(1);
        let held = stats.semaphore().acquire(own_pid());
        let sleeper = Child::fork(|| drop(stats.semaphore().acquire(own_pid())));
        sleeper.wait_until_asleep(
            "who waits for the semaphore sleeps in the kernel (FUTEX_WAIT), it does not spin",
        );
        drop(held);
        sleeper.join("a release wakes who sleeps: FUTEX_WAKE, and not with FUTEX_PRIVATE_FLAG");
    });
}

#[test]
fn a_bounded_acquire_sleeps_until_the_release_if_it_comes_in_time() {
    alone(|| {
        let stats = shared(1);
        let held = stats.semaphore().acquire(own_pid());
        let sleeper = Child::fork(|| {
            let got = stats.semaphore().acquire_within(own_pid(), Duration::from_secs(3600));
            assert!(got.is_some(), "the semaphore was released long before an hour was over");
        });
        sleeper.wait_until_asleep(
            "who waits for the semaphore, and be it for an hour at most, sleeps in the kernel",
        );
        drop(held);
        sleeper.join("a release wakes a bounded acquire as well");
    });
}

#[test]
fn each_of_many_sleepers_gets_its_turn() {
    alone(|| {
        let stats = shared(1);
        let held = stats.semaphore().acquire(own_pid());
        let sleepers: Vec<_> =
            (0..4).map(|_| Child::fork(|| drop(stats.semaphore().acquire(own_pid())))).collect();
        for sleeper in &sleepers {
            sleeper.wait_until_asleep("who waits for the semaphore sleeps in the kernel");
        }
        drop(held);
        for sleeper in sleepers {
            sleeper.join(
                "one release wakes one, who must wake the next in turn: is WAITERS set when it takes over?",
            );
        }
    });
}

#[test]
fn the_semaphore_of_a_dead_process_goes_to_the_next_who_is_told() {
    alone(|| {
        let stats = shared(1);
        let dead = holder(&stats).kill();
        let early = stats.semaphore().acquire_within(own_pid(), A_MOMENT);
        assert!(early.is_none(), "nobody takes the semaphore before the master says that its owner is dead");

        stats.settle(dead);

        let acquired = stats.semaphore().acquire_within(own_pid(), A_MOMENT);
        let Acquired { guard, owner_died } = acquired.expect("a settled semaphore is free");
        assert!(
            owner_died,
            "the owner before was killed while it held the semaphore: the next one must be told"
        );
        drop(guard);
        let again = stats.semaphore().acquire(own_pid());
        assert!(
            !again.owner_died,
            "the death was reported to the owner before; its release was an ordinary one"
        );
    });
}

#[test]
fn settling_wakes_who_slept_when_the_owner_died() {
    alone(|| {
        let stats = shared(1);
        let victim = holder(&stats);
        let sleeper = Child::fork(|| {
            let told = stats.semaphore().acquire(own_pid()).owner_died;
            assert!(told, "the owner was killed: who comes after it must be told");
        });
        sleeper.wait_until_asleep("who waits for the semaphore sleeps in the kernel");
        kill_and_settle(&stats, victim);
        sleeper.join("settle wakes one of those who sleep on a dead owner's semaphore");
    });
}

#[test]
fn the_death_of_a_bystander_frees_nothing() {
    alone(|| {
        let stats = shared(1);
        let held = stats.semaphore().acquire(own_pid());
        let bystander = Child::fork(|| drop(stats.semaphore().acquire(own_pid())));
        bystander.wait_until_asleep("who waits for the semaphore sleeps in the kernel");
        kill_and_settle(&stats, bystander);
        Child::fork(|| {
            let got = stats.semaphore().acquire_within(own_pid(), A_MOMENT);
            assert!(got.is_none(), "settle may free only what the dead process itself held");
        })
        .join("a process died that only waited; the owner still owns");
        drop(held);
    });
}

/// Takes the semaphore again and again; inside, moves two counters that are equal whenever nobody is inside.
fn keep_both_counters_equal(stats: &SharedStats, own: &Slot) {
    let pair = stats.slot(0);
    loop {
        let Acquired { guard, owner_died } = stats.semaphore().acquire(own_pid());
        let counters = pair.snapshot().counters;
        let (hits, misses) = (counters.cache_hits, counters.cache_misses);
        if owner_died {
            (misses..hits).for_each(|_| pair.count_miss());
        } else {
            assert_eq!(
                hits, misses,
                "either two processes are inside, or one was not told that the last one died"
            );
        }
        pair.count_hit();
        pair.count_miss();
        drop(guard);
        own.count_accepted();
    }
}

#[test]
fn killing_processes_again_and_again_freezes_nobody() {
    alone(|| {
        let stats = shared(4);
        let work = |index: usize| {
            let stats = &stats;
            Child::fork(move || keep_both_counters_equal(stats, stats.slot(index)))
        };
        let turns = |index: usize| stats.slot(index).snapshot().counters.connections_accepted;
        let mut children: Vec<_> = (1..4).map(work).collect();
        for round in 0..150 {
            let index = round % 3;
            let before = turns(index + 1);
            eventually("every process that lives gets the semaphore from time to time", || {
                turns(index + 1) > before
            });
            kill_and_settle(&stats, children.remove(index));
            children.insert(index, work(index + 1));
        }
        let before = [turns(1), turns(2), turns(3)];
        eventually("after 150 kills the survivors still take turns", || {
            (1..4).all(|i| turns(i) > before[i - 1])
        });
    });
}

#[test]
fn four_processes_of_four_threads_count_exactly() {
    const TIMES: u64 = 100_000;
    alone(|| {
        let stats = shared(2);
        // Two processes in each slot, as during a rolling restart.
        let children: Vec<_> = (0..4)
            .map(|index| {
                let slot = stats.slot(index / 2);
                Child::fork(|| {
                    thread::scope(|scope| {
                        for _ in 0..4 {
                            scope.spawn(|| (0..TIMES).for_each(|_| slot.record(&response(200))));
                        }
                    });
                })
            })
            .collect();
        for child in children {
            child.join("counting waits for nobody");
        }
        let total = stats.snapshot().total.counters;
        let expected = 16 * TIMES;
        assert_eq!(
            total.requests(),
            expected,
            "16 threads counted {TIMES} responses each: fetch_add loses none"
        );
        assert_eq!(total.bytes_sent, 100 * expected, "each response had 100 bytes");
        assert_eq!(total.durations.count(), expected, "each response had a duration");
        assert_eq!(total.durations.sum_nanoseconds, 1_000_000 * expected, "each response took a millisecond");
    });
}

#[test]
fn a_process_that_unmaps_the_statistics_takes_them_from_nobody_else() {
    alone(|| {
        let stats = shared(1);
        let mut stats = Some(stats);
        Child::fork(|| {
            let stats = stats.take().expect("the child has inherited the statistics");
            stats.slot(0).count_hit();
            drop(stats);
        })
        .join("a child may drop what it inherited");
        let stats = stats.expect("the parent still has its own");
        assert_eq!(
            stats.snapshot().total.counters.cache_hits,
            1,
            "what the child counted is seen by the parent"
        );
    });
}

#[test]
fn a_killed_worker_leaves_its_counters_and_its_gauges_are_settled() {
    alone(|| {
        let stats = shared(1);
        let slot = stats.slot(0);
        let worker = Child::fork(|| {
            slot.seat(0).occupy(own_pid(), 1_700_000_000);
            slot.seat(0).connection_opened();
            slot.record(&response(200));
            slot.count_accepted();
            sleep_for_ever()
        });
        eventually("what a worker counts is seen by its master", || {
            slot.snapshot().counters.connections_accepted == 1
        });
        let alive = slot.snapshot();
        assert_eq!(alive.seats[0].pid, worker.pid(), "the seat says who sits on it");
        kill_and_settle(&stats, worker);
        slot.settle(0);
        let dead = slot.snapshot();
        assert_eq!(dead.counters, alive.counters, "what the worker counted outlives it");
        assert_eq!(
            dead.seats[0],
            Default::default(),
            "a dead worker has no open connections, nor anything else"
        );
    });
}

/// All responses of this test have 100 bytes and take 1 ms.
fn assert_whole(now: &Counters) {
    let (requests, bytes, times) = (now.requests(), now.bytes_sent, &now.durations);
    assert!(
        bytes >= 100 * requests && times.sum_nanoseconds >= 1_000_000 * requests && times.count() >= requests,
        "{requests} responses of 100 bytes and 1 ms, but {bytes} bytes and {times:?}: a writer adds the \
         status last, with Release; a reader reads it first, with Acquire"
    );
}

fn assert_not_gone_back(before: &Counters, now: &Counters) {
    let numbers = |all: &Counters| [all.requests(), all.bytes_sent, all.durations.count()];
    let (earlier, later) = (numbers(before), numbers(now));
    assert!(
        earlier.into_iter().zip(later).all(|(earlier, later)| earlier <= later),
        "requests, bytes and durations were {earlier:?} and are {later:?}: what was counted stays counted"
    );
}

#[test]
fn totals_never_go_back_while_workers_count_and_die() {
    alone(|| {
        let stats = shared(3);
        let work = |index: usize| {
            let slot = stats.slot(index);
            Child::fork(|| {
                loop {
                    slot.record(&response(200));
                }
            })
        };
        let mut workers: Vec<_> = (0..3).map(work).collect();
        let mut before = stats.snapshot().total.counters;
        for round in 0..60 {
            for _ in 0..100 {
                let now = stats.snapshot().total.counters;
                assert_whole(&now);
                assert_not_gone_back(&before, &now);
                before = now;
            }
            let index = round % 3;
            kill_and_settle(&stats, workers.remove(index));
            stats.slot(index).settle(0);
            workers.insert(index, work(index));
        }
    });
}

/// Keeps what a scraper got where its parent can see it.
fn keep(notebook: &Slot, interval: Interval) {
    let nanoseconds = u64::try_from(interval.duration.as_nanos()).expect("an interval of this test is short");
    notebook.seat(0).cache_grew(nanoseconds, interval.requests);
}

#[test]
fn each_response_falls_into_exactly_one_interval() {
    const TIMES: u64 = 20_000;
    alone(|| {
        let stats = shared(2);
        let notebooks = shared(3);
        let scrapers: Vec<_> = (0..3)
            .map(|index| {
                let (stats, notebook) = (&stats, notebooks.slot(index));
                Child::fork(move || {
                    // Until the parent says that all workers are done.
                    while stats.slot(0).snapshot().counters.monitoring_requests == 0 {
                        let interval = stats.scrape(own_pid());
                        interval.into_iter().for_each(|interval| keep(notebook, interval));
                    }
                })
            })
            .collect();
        let workers: Vec<_> = (0..2)
            .map(|index| {
                let slot = stats.slot(index);
                Child::fork(move || (0..TIMES).for_each(|_| slot.record(&response(200))))
            })
            .collect();
        for worker in workers {
            worker.join("counting waits for nobody, whoever scrapes");
        }
        stats.slot(0).count_monitoring_request();
        for scraper in scrapers {
            scraper.join("scrapers take turns");
        }
        keep(notebooks.slot(0), stats.scrape(own_pid()).expect("nobody else scrapes any more"));
        let kept = notebooks.snapshot().total.gauges;
        let message = "the intervals of all scrapers add up to what was counted. More: one was given out \
                       twice. Less: one was lost. Reading the totals belongs inside the semaphore";
        assert_eq!(kept.cache_entries, 2 * TIMES, "responses: {message}");
        assert_eq!(kept.cache_bytes, 2 * TIMES * 1_000_000, "nanoseconds: {message}");
    });
}

#[test]
fn a_scraper_killed_inside_costs_its_interval_and_no_other() {
    alone(|| {
        let stats = shared(1);
        let record = |times| (0..times).for_each(|_| stats.slot(0).record(&response(200)));
        record(5);
        let victim = holder(&stats);
        assert_eq!(
            stats.scrape(own_pid()),
            None,
            "while another process is inside, the interval is unavailable"
        );
        let dead = victim.kill();
        assert_eq!(
            stats.scrape(own_pid()),
            None,
            "until the master settles, nobody knows that the holder is dead"
        );
        stats.settle(dead);
        record(7);
        let recovered = Interval { recovered: true, ..Interval::default() };
        assert_eq!(
            stats.scrape(own_pid()),
            Some(recovered),
            "what the dead one left may be torn: start afresh"
        );
        record(3);
        let next = Interval { requests: 3, duration: 3 * MILLISECOND, recovered: false };
        assert_eq!(
            stats.scrape(own_pid()),
            Some(next),
            "the interval begins where the recovery was, not before"
        );
    });
}

#[test]
fn scrapers_killed_anywhere_leave_no_torn_interval() {
    const BATCH: u64 = 10;
    alone(|| {
        let stats = shared(1);
        let slot = stats.slot(0);
        for _ in 0..200 {
            let before = slot.snapshot().counters.connections_accepted;
            let scraper = Child::fork(|| {
                loop {
                    (0..BATCH).for_each(|_| slot.record(&response(200)));
                    let _ = stats.scrape(own_pid());
                    slot.count_accepted();
                }
            });
            eventually("one scraper alone is never kept waiting", || {
                slot.snapshot().counters.connections_accepted > before + 10
            });
            kill_and_settle(&stats, scraper);
            slot.record(&Response { status: 200, bytes: 100, duration: MILLISECOND });
            let interval = stats.scrape(own_pid()).expect("the dead one was settled and nobody else scrapes");
            // The scraper may have died between counting the duration of a response and its status.
            let exact =
                u32::try_from(interval.requests).expect("an interval of this test is short") * MILLISECOND;
            assert!(
                interval.duration >= exact && interval.duration <= exact + MILLISECOND,
                "{interval:?}, but every response took 1 ms: one half of the pair is older than the other"
            );
        }
    });
}
