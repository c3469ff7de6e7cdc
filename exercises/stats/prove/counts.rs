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
    todo!("Lab 5.9: write a model: every response that was counted is in the totals exactly once")
}

/// **Promise.** A snapshot has the bytes of exactly the responses that it counts. And a thread that takes two snapshots
/// never sees less in the second than in the first.
pub fn a_snapshot_is_whole_and_never_goes_back() {
    todo!(
        "Lab 5.9: write a model: a snapshot has the bytes of the responses that it counts, and never goes back"
    )
}
