// Two promises of statistics. For each of them you write a model that fails if the statistics break it.
//
// You do not know how they work inside, and each trial uses different ones: some are right, some are broken. They have
// these functions:
//
//     Stats::new()                   statistics of two workers, 0 and 1, that have served nothing yet
//     stats.count(worker, bytes)     counts a response of this worker, with `bytes` bytes (u32)
//     stats.snapshot()               what both workers have served: Totals { responses, bytes }
//
// Any thread may call them, and several threads may count for one worker.
//
// A model is run once for each interleaving of its threads. It fails if a thread panics in one of them, or if there is
// one in which no thread can continue. This one says "a response is counted before the call returns":
//
//     let stats = Arc::new(Stats::new());
//     let other = thread::spawn_named("other", {
//         let stats = stats.clone();
//         move || stats.snapshot()
//     });
//     stats.count(0, 100);
//     assert!(stats.snapshot().responses == 1);
//     other.join().unwrap();

use lanes::thread;
use prove::stats::{Stats, Totals};
use std::sync::Arc;

/// **Promise.** Every response that was counted is in the totals exactly once, whichever threads count for whichever
/// worker.
pub fn every_response_is_counted_once() {
    let stats = Arc::new(Stats::new());
    let others = ["left", "right"].map(|name| {
        let stats = stats.clone();
        thread::spawn_named(name, move || stats.count(0, 100))
    });
    stats.count(1, 100);
    for other in others {
        other.join().unwrap();
    }
    assert_eq!(stats.snapshot(), Totals { responses: 3, bytes: 300 });
}

/// **Promise.** A snapshot has the bytes of exactly the responses that it counts. And a thread that takes two snapshots
/// never sees less in the second than in the first.
pub fn a_snapshot_is_whole_and_never_goes_back() {
    let stats = Arc::new(Stats::new());
    let whole =
        |totals: Totals| assert_eq!(totals.bytes, totals.responses * 100, "each response has 100 bytes");
    let worker = thread::spawn_named("worker", {
        let stats = stats.clone();
        move || stats.count(0, 100)
    });
    let reader = thread::spawn_named("reader", {
        let stats = stats.clone();
        move || whole(stats.snapshot())
    });
    let first = stats.snapshot();
    let second = stats.snapshot();
    whole(first);
    whole(second);
    assert!(first <= second, "the totals have gone back from {first:?} to {second:?}");
    worker.join().unwrap();
    reader.join().unwrap();
}
