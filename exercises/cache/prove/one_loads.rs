// Two promises of a cache. For each of them you write a model that fails if a cache breaks it.
//
// You do not know how the cache works inside, and each trial uses a different one: some are right, some are broken. It
// has these functions:
//
//     Cache::new()                        an empty cache, in which everything fits; keys and values are u32
//     cache.get_or_load(key, load)        the value of the key; if it is missing, `load` is called, or waited for if
//                                         another thread is loading this key: Some(value), or None if this thread's own
//                                         load has failed
//
// `load` is a closure. It returns Some(value), or None if it fails.
//
// A model is run once for each interleaving of its threads. It fails if a thread panics in one of them, or if there is
// one in which no thread can continue. This one says "a loaded value is in the cache":
//
//     let cache = Arc::new(Cache::new());
//     let other = thread::spawn_named("other", {
//         let cache = cache.clone();
//         move || cache.get_or_load(1, || Some(10))
//     });
//     assert_eq!(cache.get_or_load(1, || Some(10)), Some(10));
//     assert_eq!(other.join().unwrap(), Some(10));
//
// If threads count something together, use an atomic. Change it with fetch_add and fetch_sub, and read it with
// fetch_add(0, ...).

use lanes::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use lanes::thread;
use prove::cache::Cache;
use std::sync::Arc;

/// **Promise.** Of all threads that ask at once for a key that is missing, one loads, and all get the value of the key
/// that they asked for.
pub fn of_all_that_ask_at_once_one_loads() {
    todo!(
        "Lab 4.9: write a model: of all threads that ask for a missing key at once one loads, and all get its value"
    )
}

/// **Promise.** If a load fails, only the thread that called it gets None. Of the threads that waited for it, one loads
/// again, and the others wait for that load.
pub fn after_a_load_that_fails_one_loads_again() {
    todo!(
        "Lab 4.9: write a model: if a load fails, one of those that waited loads again, and the others wait"
    )
}
