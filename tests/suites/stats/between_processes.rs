//! What the statistics promise between processes, and when processes are killed.

use std::{fs, thread};

use stats::{Counters, Interval, Response, Slot};

use super::processes::{Child, alone, eventually, holder, kill_and_settle, own_pid, shared, sleep_for_ever};
use super::{MILLISECOND, response};
use verdict::test;

#[test]
fn four_processes_of_four_threads_count_exactly() {
    const TIMES: u64 = 25_000;
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
fn a_process_that_unmaps_the_statistics_takes_them_from_no_other() {
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
fn statistics_that_are_dropped_are_unmapped() {
    // How the kernel lists shared memory without a file (proc_pid_maps(5)).
    let mapped = || {
        let maps = fs::read_to_string("/proc/self/maps").expect("every process may read its own");
        maps.matches("/dev/zero (deleted)").count()
    };
    alone(|| {
        let before = mapped();
        let stats = shared(1);
        assert_eq!(mapped(), before + 1, "statistics are one mapping");
        drop(stats);
        assert_eq!(mapped(), before, "statistics that are dropped leave no mapping behind");
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
        assert_eq!(alive.seats[0].pid, worker.pid(), "the seat has the pid of its worker");
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
        for round in 0..30 {
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

/// Stores a scraper's interval where its parent can see it.
fn keep(notebook: &Slot, interval: Interval) {
    let nanoseconds = u64::try_from(interval.duration.as_nanos()).expect("an interval of this test is short");
    notebook.seat(0).cache_grew(nanoseconds, interval.requests);
}

#[test]
fn each_response_falls_into_exactly_one_interval() {
    const TIMES: u64 = 10_000;
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
            worker.join("counting never waits, also while a process scrapes");
        }
        stats.slot(0).count_monitoring_request();
        for scraper in scrapers {
            scraper.join("scrapers take turns");
        }
        keep(notebooks.slot(0), stats.scrape(own_pid()).expect("no other process scrapes any more"));
        let kept = notebooks.snapshot().total.gauges;
        let message = "the intervals of all scrapers add up to what was counted. More: one was given out \
                       twice. Less: one was lost. Reading the totals belongs inside the semaphore";
        assert_eq!(kept.cache_entries, 2 * TIMES, "responses: {message}");
        assert_eq!(kept.cache_bytes, 2 * TIMES * 1_000_000, "nanoseconds: {message}");
    });
}

#[test]
fn a_scrape_gives_up_while_another_process_is_inside() {
    alone(|| {
        let stats = shared(1);
        let inside = holder(&stats);
        // In a process of its own, because it may wait forever.
        let other = Child::fork(|| {
            let _ = stats.scrape(own_pid());
        });
        other.join(
            "scrape must give up and return None after 10 ms if another process holds the semaphore. One process held \
             it, and scrape in a second process did not return",
        );
        assert_eq!(
            stats.scrape(own_pid()),
            None,
            "another process holds the semaphore, so the interval is not available"
        );
        inside.kill();
    });
}

#[test]
fn a_scraper_killed_inside_costs_its_interval_and_no_other() {
    alone(|| {
        let stats = shared(1);
        let record = |times| (0..times).for_each(|_| stats.slot(0).record(&response(200)));
        record(5);
        let dead = holder(&stats).kill();
        assert_eq!(
            stats.scrape(own_pid()),
            None,
            "until the master settles, no process knows that the holder is dead"
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
        stats.settle(holder(&stats).kill());
        assert_eq!(
            stats.scrape(own_pid()),
            Some(recovered),
            "another scraper died inside, and the next one says so even if nothing was recorded in between"
        );
    });
}

#[test]
fn scrapers_killed_anywhere_leave_no_torn_interval() {
    const BATCH: u64 = 10;
    alone(|| {
        let stats = shared(1);
        let slot = stats.slot(0);
        for _ in 0..60 {
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
            let interval =
                stats.scrape(own_pid()).expect("the dead holder was settled and no other process scrapes");
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

#[test]
fn a_process_that_is_stopped_while_it_counts_keeps_no_other_waiting() {
    use nix::sys::signal::{Signal, kill};
    use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
    use nix::unistd::Pid;

    alone(|| {
        let stats = shared(1);
        let slot = stats.slot(0);
        let count = || {
            slot.record(&response(200));
            slot.record_queue_wait(MILLISECOND);
            slot.count_accepted();
        };
        let busy = Child::fork(|| {
            loop {
                count();
                let _ = slot.snapshot();
            }
        });
        let pid = Pid::from_raw(busy.pid().cast_signed());
        for _ in 0..100 {
            let before = slot.snapshot().counters.connections_accepted;
            eventually("a process counts and takes snapshots in a loop, and its counts do not rise", || {
                slot.snapshot().counters.connections_accepted > before
            });
            kill(pid, Signal::SIGSTOP).expect("a child can be stopped");
            let stopped = waitpid(pid, Some(WaitPidFlag::WUNTRACED)).expect("a child can be waited for");
            assert_eq!(
                stopped,
                WaitStatus::Stopped(pid, Signal::SIGSTOP),
                "the process that counts and takes snapshots in a loop ended by itself (its message is above)"
            );
            let other = Child::fork(|| {
                count();
                let _ = slot.snapshot();
            });
            other.join(
                "A process was stopped (SIGSTOP) while it counted or took a snapshot. Another process called record, \
                 record_queue_wait, count_accepted and snapshot of the same slot. None of these may wait for the stopped \
                 process, because neither counting nor reading takes a lock; but the other process did not end",
            );
            kill(pid, Signal::SIGCONT).expect("a stopped child can be continued");
        }
        busy.kill();
    });
}
