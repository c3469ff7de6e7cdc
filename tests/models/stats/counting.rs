//! No count is lost, torn or reported twice, whichever process is killed.

use std::sync::Arc;
use std::time::Duration;

use lanes::Model;
use lanes::thread::spawn_named;

use super::{LEFT, MASTER, MILLISECOND, RIGHT, VICTIM, mortal};
use crate::std_in_models::Sigkill;
use crate::{Interval, Response, SharedStats, Slot};
use verdict::test;

/// What is said of a reader that reads again and again.
const NO_READER_WAITS: &str = "does a snapshot read again until the numbers agree? The process that would make them \
                               agree may be dead, so no reader waits for a writer";

const RESPONSE: Response = Response { status: 200, bytes: 100, duration: MILLISECOND };

/// Catches: a load and a store instead of `fetch_add`, for any of the four numbers.
#[test]
fn no_response_is_lost() {
    Model::new("two threads that count at once both count").outcomes(&["both counted"]).check(|run| {
        let slot = Arc::new(Slot::new());
        let other = spawn_named("other", {
            let slot = Arc::clone(&slot);
            move || slot.record(&RESPONSE)
        });
        slot.record(&RESPONSE);
        other.join().unwrap();
        let counters = slot.snapshot().counters;
        assert_eq!(counters.requests(), 2, "two responses were recorded");
        assert_eq!(counters.bytes_sent, 200, "two responses of 100 bytes were recorded");
        assert_eq!(counters.durations.count(), 2, "two durations were recorded");
        assert_eq!(
            counters.durations.sum_nanoseconds, 2_000_000,
            "two durations of 1 ms were recorded; their sum in nanoseconds"
        );
        run.outcome("both counted");
    });
}

/// Another thread may count between any two steps of a thread, again and again.
///
/// Catches: an exchange that is tried twice and then given up, for any of the four numbers.
#[test]
fn no_response_of_three_threads_is_lost() {
    Model::new("three threads that count at once all count")
        .preemption_bound(2)
        .outcomes(&["all counted"])
        .check(|run| {
            let slot = Arc::new(Slot::new());
            let others = ["left", "right"].map(|name| {
                let slot = Arc::clone(&slot);
                spawn_named(name, move || slot.record(&RESPONSE))
            });
            slot.record(&RESPONSE);
            others.into_iter().for_each(|other| other.join().unwrap());
            let counters = slot.snapshot().counters;
            assert_eq!(counters.requests(), 3, "three responses were recorded");
            assert_eq!(counters.bytes_sent, 300, "three responses of 100 bytes were recorded");
            assert_eq!(counters.durations.count(), 3, "three durations were recorded");
            assert_eq!(
                counters.durations.sum_nanoseconds, 3_000_000,
                "three durations of 1 ms were recorded; their sum in nanoseconds"
            );
            run.outcome("all counted");
        });
}

/// Two threads count different statuses, or both the same, so that one may overtake the other in a loop of exchanges.
///
/// Catches: a writer that adds the status first, or before the duration; a reader that reads bytes or
/// durations first; `Relaxed` on either side, also if only a second try has it.
#[test]
fn a_counted_response_has_its_bytes_and_its_duration() {
    for statuses in [[200, 500], [200, 200]] {
        Model::new("a snapshot with a response in it has the response's bytes and duration")
            .if_it_loops(NO_READER_WAITS)
            .outcomes(&["none counted", "one counted", "two counted", "details ahead"])
            .check(move |run| {
                let slot = Arc::new(Slot::new());
                let writers = [("left", statuses[0]), ("right", statuses[1])].map(|(name, status)| {
                    let slot = Arc::clone(&slot);
                    spawn_named(name, move || slot.record(&Response { status, ..RESPONSE }))
                });
                let counters = slot.snapshot().counters;
                let requests = counters.requests();
                assert!(counters.bytes_sent >= 100 * requests, "a counted response without its bytes");
                assert!(counters.durations.count() >= requests, "a counted response that is in no bucket");
                assert!(
                    counters.durations.sum_nanoseconds >= 1_000_000 * requests,
                    "a counted response took no time"
                );
                run.outcome(match requests {
                    _ if counters.bytes_sent > 100 * requests => "details ahead",
                    0 => "none counted",
                    1 => "one counted",
                    _ => "two counted",
                });
                writers.into_iter().for_each(|writer| writer.join().unwrap());
            });
    }
}

/// What a scrape reads, without the rest of a snapshot.
///
/// Catches: status counters that are read without an ordering, which only the reader of a snapshot adds.
#[test]
fn a_response_that_a_scrape_counts_has_its_duration() {
    Model::new("a response that a scrape counts has its duration")
        .if_it_loops(NO_READER_WAITS)
        .outcomes(&["not counted", "counted"])
        .check(|run| {
            let slot = Arc::new(Slot::new());
            let writer = spawn_named("writer", {
                let slot = Arc::clone(&slot);
                move || slot.record(&RESPONSE)
            });
            let served = slot.served();
            assert!(served.nanoseconds >= 1_000_000 * served.requests, "a counted response took no time");
            writer.join().unwrap();
            run.outcome(if served.requests == 0 { "not counted" } else { "counted" });
        });
}

/// Catches: a settle that also zeroes counters, or settles the wrong seat; reading the time before the number
/// of responses.
#[test]
fn totals_never_go_back() {
    Model::new("no total goes back, also when the worker is killed and its seat is settled")
        .outcomes(&["none, then none", "none, then one", "one, then one"])
        .check(|run| {
            let slot = Arc::new(Slot::new());
            let sigkill = Sigkill::new();
            let worker = mortal(run, &sigkill, {
                let slot = Arc::clone(&slot);
                move || {
                    slot.seat(0).connection_opened();
                    slot.record(&RESPONSE);
                }
            });
            let reader = spawn_named("reader", {
                let slot = Arc::clone(&slot);
                move || [slot.served(), slot.served()]
            });
            sigkill.send();
            worker.join().unwrap();
            slot.settle(0);
            let [first, second] = reader.join().unwrap();
            let last = slot.snapshot();
            assert_eq!(last.seats[0].gauges.connections_active, 0, "the seat was settled");
            let last = slot.served();
            for total in [first, second, last] {
                assert!(
                    total.nanoseconds >= 1_000_000 * total.requests,
                    "responses without their time: {total:?}"
                );
            }
            for (earlier, later) in [(first, second), (second, last)] {
                assert!(later.requests >= earlier.requests, "requests: {later:?} after {earlier:?}");
                assert!(later.nanoseconds >= earlier.nanoseconds, "time: {later:?} after {earlier:?}");
            }
            run.outcome(match (first.requests, second.requests) {
                (0, 0) => "none, then none",
                (0, _) => "none, then one",
                _ => "one, then one",
            });
        });
}

/// Catches: reading the totals before the semaphore is taken; releasing it before "last" is replaced; a
/// semaphore whose acquire or release is `Relaxed`.
#[test]
fn each_response_falls_into_exactly_one_interval() {
    Model::new("the intervals of two scrapers add up to what was counted")
        .outcomes(&[
            "both for one scraper",
            "one for each",
            "one for the next scrape",
            "both for the next scrape",
        ])
        .check(|run| {
            let stats = Arc::new(SharedStats::new(1).unwrap());
            let writer = spawn_named("writer", {
                let stats = Arc::clone(&stats);
                move || {
                    stats.slot(0).record(&RESPONSE);
                    stats.slot(0).record(&RESPONSE);
                }
            });
            let left = spawn_named("left", {
                let stats = Arc::clone(&stats);
                move || stats.scrape(LEFT)
            });
            let right = stats.scrape(RIGHT).unwrap_or_default();
            let left = left.join().unwrap().unwrap_or_default();
            writer.join().unwrap();
            let next = stats.scrape(MASTER).unwrap();
            let all = [left, right, next];
            assert_eq!(all.iter().map(|interval| interval.requests).sum::<u64>(), 2, "{all:?}");
            assert_eq!(
                all.iter().map(|interval| interval.duration).sum::<Duration>(),
                2 * MILLISECOND,
                "{all:?}"
            );
            assert!(all.iter().all(|interval| !interval.recovered), "no owner died: {all:?}");
            run.outcome(match all.map(|interval| interval.requests) {
                [2, 0, 0] | [0, 2, 0] => "both for one scraper",
                [1, 1, 0] => "one for each",
                [_, _, 1] => "one for the next scrape",
                _ => "both for the next scrape",
            });
        });
}

/// Catches: using "last" although its owner died; not replacing it then; releasing the semaphore too early.
#[test]
fn a_scraper_killed_anywhere_leaves_no_torn_interval() {
    Model::new("a scraper that is killed takes its own interval with it and spoils no other")
        .outcomes(&["killed before", "killed inside", "killed after", "not killed"])
        .check(|run| {
            let stats = Arc::new(SharedStats::new(1).unwrap());
            stats.slot(0).record(&RESPONSE);
            let sigkill = Sigkill::new();
            let victim = mortal(run, &sigkill, {
                let stats = Arc::clone(&stats);
                move || stats.scrape(VICTIM)
            });
            let survivor = spawn_named("survivor", {
                let stats = Arc::clone(&stats);
                move || stats.scrape(LEFT)
            });
            sigkill.send();
            let victim = victim.join().unwrap();
            stats.settle(VICTIM);
            let survivor = survivor.join().unwrap();
            stats.slot(0).record(&RESPONSE);
            let next = stats.scrape(MASTER).expect("no other process scrapes any more");

            let gave_up = survivor.is_none();
            let got = [victim.flatten(), survivor, Some(next)].map(Option::unwrap_or_default);
            for interval in got {
                let whole = MILLISECOND * u32::try_from(interval.requests).unwrap();
                let each = "each response took 1 ms, and a recovered interval has no figures";
                assert_eq!(interval.duration, whole, "{interval:?} is torn: {each}");
            }
            let requests: u64 = got.iter().map(|interval| interval.requests).sum();
            let recovered = got.iter().any(|interval| interval.recovered);
            run.outcome(match (victim.is_none(), recovered, requests) {
                (false, false, 2) => "not killed",
                (true, false, 2) => "killed before",
                (true, true, 1) => "killed inside",
                // Then the next scrape is the one that is told, and the second response is in no interval, either.
                (true, true, 0) if gave_up => "killed inside",
                (true, false, 1) => "killed after",
                _ => "a response was lost or given twice",
            });
        });
}

/// A scraper is dead, and two others come at once. One of them is told and repairs; the other must find the repair done.
///
/// Caught: a repair that goes on after the semaphore is released.
#[test]
fn a_repair_is_complete_before_the_next_scrape() {
    Model::new("a repair is complete before the next scrape").outcomes(&["left was told", "main was told"]).check(
        |run| {
            let stats = Arc::new(SharedStats::new(1).unwrap());
            stats.slot(0).record(&RESPONSE);
            std::mem::forget(stats.semaphore().acquire(VICTIM));
            stats.settle(VICTIM);
            let left = spawn_named("left", {
                let stats = Arc::clone(&stats);
                move || stats.scrape(LEFT)
            });
            let right = stats.scrape(RIGHT);
            let left = left.join().unwrap();
            for interval in [left, right].into_iter().flatten() {
                assert_eq!(
                    interval.duration,
                    Duration::ZERO,
                    "a response of 1 ms was recorded before a scraper died, and none after. The next scrape is told of \
                     the death and begins a new interval; the one after it finds no response. This is the interval of \
                     one of the two, and its duration must be 0: {interval:?}"
                );
            }
            let left_was_told = left.is_some_and(|interval| interval.recovered);
            run.outcome(if left_was_told { "left was told" } else { "main was told" });
        },
    );
}

/// Looks only at this, so that a verdict says it plainly. What comes of it is in the model of two scrapers.
///
/// Catches: reading the totals before the semaphore is taken, or after it is released.
#[test]
fn a_scrape_reads_the_totals_while_it_holds_the_semaphore() {
    Model::new("a scrape reads the totals while it holds the semaphore").outcomes(&["both did"]).check(
        |run| {
            let scrapes = Arc::new(crate::scrape::Scrapes::default());
            let left = spawn_named("left", {
                let scrapes = Arc::clone(&scrapes);
                move || scrape_and_look(&scrapes, LEFT)
            });
            // A thread that has slept and was woken may give up, although nothing promises that it was woken for good.
            let did = [scrape_and_look(&scrapes, RIGHT), left.join().unwrap()];
            if did == [true; 2] {
                run.outcome("both did");
            }
        },
    );
}

/// Scrapes; while the totals are read, another process looks whether the semaphore is free. Returns whether this process
/// got the semaphore.
fn scrape_and_look(scrapes: &crate::scrape::Scrapes, pid: u32) -> bool {
    let interval = scrapes.next(pid, || {
        assert!(
            scrapes.semaphore.acquire_within(MASTER, Duration::ZERO).is_none(),
            "`next` called `read_totals` without holding the semaphore, so another scraper can come between reading \
             the totals and replacing the last ones"
        );
        crate::responses::Served::default()
    });
    let found = interval.unwrap_or_default();
    assert_eq!(found, Interval::default(), "nothing was counted, and no scraper has died");
    interval.is_some()
}
