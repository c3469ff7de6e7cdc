//! What the `stats` part must do. The tests here need one process; those that need several are in stats/semaphore.rs
//! and stats/between_processes.rs. There, children talk to their parent through the statistics themselves: a counter
//! says "I am here".

use std::io::ErrorKind;
use std::panic::catch_unwind;
use std::time::Duration;

use histogram::bucket_of;
use stats::{Counters, Gauges, Interval, MAX_SLOTS, Response, STATUS_CODES, SharedStats, Slot};
use verdict::test;

#[path = "stats/between_processes.rs"]
mod between_processes;
#[path = "stats/histogram.rs"]
mod histogram;
#[path = "stats/processes.rs"]
mod processes;
#[path = "stats/semaphore.rs"]
mod semaphore;

const MILLISECOND: Duration = Duration::from_millis(1);

fn response(status: u16) -> Response {
    Response { status, bytes: 100, duration: MILLISECOND }
}

#[test]
fn every_call_moves_its_own_counter_and_no_other() {
    let slot = Slot::new();
    for (times, count) in [
        (1, Slot::count_rejection as fn(&Slot)),
        (2, Slot::count_hit),
        (3, Slot::count_miss),
        (4, Slot::count_accepted),
        (5, Slot::count_shed),
        (6, Slot::count_monitoring_request),
        (7, Slot::count_aborted),
        (8, Slot::count_restart),
    ] {
        (0..times).for_each(|_| count(&slot));
    }
    slot.count_evictions(9);
    slot.count_log_lines_dropped(10);
    slot.record_queue_wait(MILLISECOND);

    let mut expected = Counters {
        rejections: 1,
        cache_hits: 2,
        cache_misses: 3,
        connections_accepted: 4,
        connections_shed: 5,
        monitoring_requests: 6,
        aborted: 7,
        restarts: 8,
        cache_evictions: 9,
        log_lines_dropped: 10,
        ..Counters::default()
    };
    expected.queue_waits.buckets[bucket_of(MILLISECOND)] = 1;
    expected.queue_waits.sum_nanoseconds = 1_000_000;
    assert_eq!(slot.snapshot().counters, expected, "the slot's snapshot after the calls. Look at slot.rs");
}

#[test]
fn every_status_code_has_its_own_counter_and_strangers_share_one() {
    let slot = Slot::new();
    for (index, code) in STATUS_CODES.into_iter().enumerate() {
        (0..=index).for_each(|_| slot.record(&response(code)));
    }
    for stranger in [0, 100, 299, 999, u16::MAX] {
        (0..20).for_each(|_| slot.record(&response(stranger)));
    }

    let seen: Vec<_> = slot.snapshot().counters.responses().collect();
    let mut expected: Vec<_> = STATUS_CODES.into_iter().map(Some).zip(1..).collect();
    expected.push((None, 100));
    let only_in = |some: &[(Option<u16>, u64)], others: &[(Option<u16>, u64)]| {
        some.iter().filter(|pair| !others.contains(pair)).copied().collect::<Vec<_>>()
    };
    assert_eq!(
        only_in(&seen, &expected),
        only_in(&expected, &seen),
        "code 200 was recorded once, the next code of STATUS_CODES twice, and so on; 0, 100, 299, 999 and 65535 are none \
         of the codes, were recorded 20 times each, and count together as `None`. The pairs (code, count) of responses() \
         that are wrong"
    );
    assert_eq!(
        seen, expected,
        "the pairs of responses(), each once, in the order of STATUS_CODES, `None` last"
    );
}

#[test]
fn a_response_counts_with_its_bytes_and_its_duration() {
    let slot = Slot::new();
    slot.record(&Response { status: 200, bytes: 10, duration: Duration::from_millis(2) });
    slot.record(&Response { status: 404, bytes: 5, duration: Duration::from_millis(4) });

    let counters = slot.snapshot().counters;
    assert_eq!(
        counters.requests(),
        2,
        "two responses were recorded: requests() adds up the counters by status"
    );
    assert_eq!(counters.bytes_sent, 15, "responses of 10 and 5 bytes were recorded; bytes_sent");
    assert_eq!(
        counters.durations.count(),
        2,
        "two responses were recorded; values in the histogram of durations"
    );
    assert_eq!(
        counters.durations.average_milliseconds(),
        3.0,
        "the average of 2 ms and 4 ms, in milliseconds"
    );
}

#[test]
fn responses_of_every_size_count_exactly() {
    for bytes in [0, 1, (1 << 32) + 1, (1 << 60) + 1] {
        for nanoseconds in [0, 1, 1_234_567, (1 << 60) + 1] {
            let slot = Slot::new();
            slot.record(&Response { status: 200, bytes, duration: Duration::from_nanos(nanoseconds) });
            assert_eq!(
                counted(&slot),
                [1, bytes, 1, nanoseconds],
                "one response of {bytes} bytes, which took {nanoseconds} ns: how many responses, bytes, durations and \
                 nanoseconds there are"
            );
        }
    }
}

#[test]
fn a_snapshot_takes_nothing_out() {
    let slot = Slot::new();
    slot.record(&response(200));
    slot.record_queue_wait(MILLISECOND);
    let [first, second] = [slot.snapshot().counters, slot.snapshot().counters];
    let numbers = |all: &Counters| {
        [
            all.requests(),
            all.bytes_sent,
            all.durations.count(),
            all.durations.sum_nanoseconds,
            all.queue_waits.count(),
        ]
    };
    assert_eq!(
        numbers(&second),
        numbers(&first),
        "two snapshots, one after the other, and nothing was counted in between: how many responses, bytes, durations, \
         nanoseconds and queue waits the second one has, and how many the first"
    );
    assert!(first == second, "two snapshots, and nothing was counted in between: {second:?} after {first:?}");
}

#[test]
fn a_seat_has_the_start_that_occupy_was_told() {
    let slot = Slot::new();
    // After 2106, when 32 bits do not hold the seconds any more.
    slot.seat(1).occupy(42, (1 << 32) + 7);
    let seat = slot.snapshot().seats[1];
    assert_eq!(
        (seat.pid, seat.started_unix_seconds),
        (42, (1 << 32) + 7),
        "(pid, started) as `occupy` was told"
    );
    slot.seat(1).occupy(41, 1_700_000_000);
    let seat = slot.snapshot().seats[1];
    assert_eq!(
        (seat.pid, seat.started_unix_seconds),
        (41, 1_700_000_000),
        "occupy(42, 4294967303), then occupy(41, 1700000000) on the same seat. A start may be earlier than the one \
         before it, because a machine's clock can be set back. (pid, started) in the snapshot"
    );
}

#[test]
fn every_call_moves_its_own_gauge_and_no_other() {
    let slot = Slot::new();
    let seat = slot.seat(0);
    seat.occupy(42, 1_700_000_000);
    (0..5).for_each(|_| seat.connection_opened());
    seat.connections_idle_changed(6);
    (0..7).for_each(|_| seat.connection_queued());
    (0..8).for_each(|_| seat.thread_became_busy());
    seat.cache_grew(1000, 10);
    let up = Gauges {
        connections_active: 5,
        connections_idle: 6,
        queue_depth: 7,
        threads_busy: 8,
        cache_bytes: 1000,
        cache_entries: 10,
    };
    let snapshot = slot.snapshot();
    assert_eq!(snapshot.seats[0].gauges, up, "the seat after everything has gone up. Look at seat.rs");
    let occupant = (snapshot.seats[0].pid, snapshot.seats[0].started_unix_seconds);
    assert_eq!(occupant, (42, 1_700_000_000), "(pid, started) as `occupy` was told. Look at seat.rs");

    seat.connection_closed();
    seat.connections_idle_changed(-1);
    seat.connection_dequeued();
    seat.thread_became_free();
    seat.cache_shrank(100, 1);
    let down = Gauges {
        connections_active: 4,
        connections_idle: 5,
        queue_depth: 6,
        threads_busy: 7,
        cache_bytes: 900,
        cache_entries: 9,
    };
    assert_eq!(
        slot.snapshot().seats[0].gauges,
        down,
        "the seat after each has gone down once. Look at seat.rs"
    );
    assert_eq!(slot.snapshot().counters, Counters::default(), "gauges are not counters");
}

#[test]
fn settling_a_seat_touches_neither_the_other_seat_nor_the_counters() {
    let slot = Slot::new();
    slot.count_hit();
    slot.record(&response(200));
    for seat in [slot.seat(0), slot.seat(1)] {
        seat.occupy(42, 1_700_000_000);
        seat.connection_opened();
        seat.connections_idle_changed(1);
        seat.connection_queued();
        seat.thread_became_busy();
        seat.cache_grew(1000, 1);
    }
    let before = slot.snapshot();
    assert_eq!(before.gauges().connections_active, 2, "a slot's gauges are the sums over its two seats");

    slot.settle(0);

    let after = slot.snapshot();
    let settled = after.seats[0];
    assert_eq!(
        settled.gauges,
        Gauges::default(),
        "settle(0) was called, so all gauges of seat 0 must be zero"
    );
    assert_eq!(
        (settled.pid, settled.started_unix_seconds),
        (0, 0),
        "settle(0) was called, so no worker has seat 0: (pid, started)"
    );
    assert_eq!(after.seats[1], before.seats[1], "seat 1 belongs to the successor, which is alive");
    let [was, is] = [before.counters, after.counters];
    let numbers = |all: &Counters| [all.requests(), all.bytes_sent, all.durations.count(), all.cache_hits];
    assert_eq!(
        numbers(&is),
        numbers(&was),
        "what was counted has happened, even if the worker has died since. How many responses, bytes, durations and \
         cache hits are counted after a seat was settled, and how many were before"
    );
    assert!(is == was, "settling a seat changes no counter, but they were {was:?} and are {is:?}");
}

#[test]
fn settling_a_seat_clears_what_only_a_watchdog_reads() {
    let slot = Slot::new();
    slot.seat(0).turned();
    slot.seat(0).thread_became_busy();
    slot.settle(0);
    assert_eq!(
        (slot.seat(0).turns(), slot.seat(0).taken()),
        (0, 0),
        "seat 0 (no `occupy` before) had a turn and a busy thread. It was settled, so all of it is zero: (turns, taken)"
    );
}

#[test]
fn settling_a_seat_clears_a_gauge_that_is_below_zero() {
    let slot = Slot::new();
    slot.seat(0).connection_dequeued();
    slot.settle(0);
    slot.seat(0).connection_queued();
    assert_eq!(
        slot.snapshot().seats[0].gauges.queue_depth,
        1,
        "seat 0 was settled, so the next worker's first connection shows. A gauge below zero reads as 0, but a worker \
         that was killed can leave one"
    );
}

#[test]
fn a_gauge_that_went_down_before_it_went_up_shows_zero() {
    let slot = Slot::new();
    slot.seat(0).connection_dequeued();
    assert_eq!(slot.snapshot().seats[0].gauges.queue_depth, 0, "one out, none in yet: below zero shows as 0");
    slot.seat(0).connection_queued();
    slot.seat(0).connection_queued();
    assert_eq!(
        slot.snapshot().seats[0].gauges.queue_depth,
        1,
        "one out, two in: the early departure is not forgotten"
    );
}

#[test]
fn a_total_is_the_sum_over_the_slots() {
    let stats = SharedStats::new(3).expect("three slots can be mapped");
    assert_eq!(stats.slots(), 3, "slots() is what `new` was given");
    for (index, times) in [(0, 1), (1, 10), (2, 100)] {
        let slot = stats.slot(index);
        for _ in 0..times {
            slot.record(&response(200));
            slot.record_queue_wait(MILLISECOND);
            slot.count_rejection();
            slot.count_hit();
            slot.count_miss();
            slot.count_evictions(1);
            slot.count_accepted();
            slot.count_shed();
            slot.count_monitoring_request();
            slot.count_aborted();
            slot.count_restart();
            slot.count_log_lines_dropped(1);
            slot.seat(index % 2).connection_opened();
            slot.seat(index % 2).connections_idle_changed(1);
            slot.seat(index % 2).connection_queued();
            slot.seat(index % 2).thread_became_busy();
            slot.seat(index % 2).cache_grew(1, 1);
        }
    }
    let snapshot = stats.snapshot();
    let hits: Vec<_> = snapshot.slots.iter().map(|slot| slot.counters.cache_hits).collect();
    assert_eq!(hits, [1, 10, 100], "each worker counts in its own slot");

    let counters = snapshot.total.counters;
    let plain = [
        counters.requests(),
        counters.bytes_sent / 100,
        counters.durations.count(),
        counters.durations.sum_nanoseconds / 1_000_000,
        counters.queue_waits.count(),
        counters.rejections,
        counters.cache_hits,
        counters.cache_misses,
        counters.cache_evictions,
        counters.connections_accepted,
        counters.connections_shed,
        counters.monitoring_requests,
        counters.aborted,
        counters.restarts,
        counters.log_lines_dropped,
    ];
    assert_eq!(plain, [111; 15], "every counter was moved 1 + 10 + 100 times, in three slots");
    let gauges = Gauges {
        connections_active: 111,
        connections_idle: 111,
        queue_depth: 111,
        threads_busy: 111,
        cache_bytes: 111,
        cache_entries: 111,
    };
    assert_eq!(
        snapshot.total.gauges, gauges,
        "every gauge was moved 1 + 10 + 100 times, on seats 0, 1 and 0"
    );
}

#[test]
fn no_two_slots_share_a_cache_line() {
    assert_eq!(
        align_of::<Slot>() % 128,
        0,
        "a slot begins on a boundary of 128 bytes: #[repr(C, align(128))]"
    );
    let stats = SharedStats::new(4).expect("four slots can be mapped");
    let starts: Vec<usize> = (0..4).map(|index| std::ptr::from_ref(stats.slot(index)).addr()).collect();
    for pair in starts.windows(2) {
        assert_eq!(pair[0] % 128, 0, "a slot in the mapping begins on a boundary of 128 bytes");
        assert!(pair[1] - pair[0] >= size_of::<Slot>(), "slots do not overlap");
    }
}

#[test]
fn there_is_at_least_one_slot_and_at_most_the_maximum() {
    for slots in [0, MAX_SLOTS + 1] {
        let refused = SharedStats::new(slots).map(|_| "statistics").map_err(|error| error.kind());
        assert_eq!(
            refused,
            Err(ErrorKind::InvalidInput),
            "SharedStats::new({slots}); 1 to {MAX_SLOTS} slots are allowed"
        );
    }
    let all = SharedStats::new(MAX_SLOTS).expect("the maximum can be mapped");
    all.slot(MAX_SLOTS - 1).count_hit();
    assert_eq!(all.snapshot().total.counters.cache_hits, 1, "the last slot counts as well as the first");
}

#[test]
fn a_slot_that_was_not_asked_for_is_not_there() {
    let stats = SharedStats::new(2).expect("two slots can be mapped");
    let third = catch_unwind(|| stats.slot(2).count_hit());
    assert!(third.is_err(), "slot(2) of two slots should panic, as its documentation says");
}

#[test]
fn a_scrape_says_what_happened_since_the_one_before() {
    let no_average = Interval::default().average_milliseconds();
    assert_eq!(no_average, 0.0, "no requests, no average: 0, not a division by 0");
    // Alone, because there a scrape that never returns is ended by an alarm.
    processes::alone(|| {
        let stats = SharedStats::new(2).expect("two slots can be mapped");
        let pid = processes::own_pid();
        stats.slot(0).record(&response(200));
        stats.slot(1).record(&response(404));
        let first = Interval { requests: 2, duration: 2 * MILLISECOND, recovered: false };
        assert_eq!(stats.scrape(pid), Some(first), "the first interval begins with the statistics");

        assert_eq!(
            stats.scrape(pid),
            Some(Interval::default()),
            "the scrape before had two responses, and nothing has happened since"
        );

        stats.slot(1).record(&Response { status: 200, bytes: 1, duration: 3 * MILLISECOND });
        stats.slot(1).record(&Response { status: 200, bytes: 1, duration: 6 * MILLISECOND });
        let interval = stats.scrape(pid).expect("no other process scrapes");
        assert_eq!(
            interval.average_milliseconds(),
            4.5,
            "the average of 3 ms and 6 ms, and of nothing before"
        );
    });
}

#[test]
fn an_interval_has_every_nanosecond() {
    // Alone, as above.
    processes::alone(|| {
        let stats = SharedStats::new(1).expect("one slot can be mapped");
        // A double has no room for the last digit of the longest.
        for nanoseconds in [1, 1_234_567, (1 << 60) + 1] {
            let duration = Duration::from_nanos(nanoseconds);
            stats.slot(0).record(&Response { status: 200, bytes: 1, duration });
            let interval = Interval { requests: 1, duration, recovered: false };
            assert_eq!(
                stats.scrape(processes::own_pid()),
                Some(interval),
                "one response, which took {duration:?}"
            );
        }
    });
}

#[test]
fn a_response_of_every_status_has_its_bytes_and_its_duration() {
    for status in STATUS_CODES.into_iter().chain([0, 299, 999]) {
        let slot = Slot::new();
        slot.record(&response(status));
        assert_eq!(
            counted(&slot),
            [1, 100, 1, 1_000_000],
            "one response with the status {status}, of 100 bytes, which took 1 ms: how many responses, bytes, durations \
             and nanoseconds there are"
        );
    }
}

/// How many responses, bytes, durations and nanoseconds a slot has counted.
fn counted(slot: &Slot) -> [u64; 4] {
    let counters = slot.snapshot().counters;
    [counters.requests(), counters.bytes_sent, counters.durations.count(), counters.durations.sum_nanoseconds]
}
