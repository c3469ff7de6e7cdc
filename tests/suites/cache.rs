//! What `Cache` promises with real threads, over long runs, and when a load panics.

use cache::{Cache, Change, Lookup, Weigh};
use proptest::prelude::*;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Barrier};
use std::thread::{self, JoinHandle};
use std::time::Duration;

mod watched;
use verdict::test;
use watched::start;

/// Long enough for a busy machine; a test that waits this long has failed.
const DEADLINE: Duration = Duration::from_secs(10);

/// A body of this many bytes.
#[derive(Debug, PartialEq, Eq)]
struct Body(usize);

impl Weigh for Body {
    fn weight(&self) -> usize {
        self.0
    }
}

/// Looks `key` up, loading a body of `weight` if it is absent.
fn look_up(cache: &Cache<Body>, key: &str, weight: usize) -> (Arc<Body>, Lookup) {
    let Ok(found) = cache.get_or_load(key, || Ok::<_, Infallible>(Body(weight)));
    found
}

fn put(cache: &Cache<Body>, key: &str, weight: usize) -> Change {
    match look_up(cache, key, weight).1 {
        Lookup::Miss(change) => change,
        other => panic!("{key} was not in the cache, and looking it up gave {other:?}"),
    }
}

#[test]
fn the_first_look_up_misses_and_the_second_hits() {
    let alone = start("a thread that looks up a twice", || {
        let cache = Cache::new(100);
        assert!(cache.get("a").is_none(), "a new cache is empty");
        let change = Change { bytes_added: 10, entries_added: 1, ..Change::default() };
        assert_eq!(put(&cache, "a", 10), change, "what a miss changes: one entry of 10 bytes comes in");
        assert_eq!(look_up(&cache, "a", 10).1, Lookup::Hit, "a was put in and nothing was evicted");
        cache.counts()
    });
    let counts = alone.finish_or(
        "No other thread uses this cache, so this one waits for a lock that it holds itself. Does a guard live until the end \
         of its statement?",
    );
    assert_eq!(
        (counts.hits, counts.misses, counts.loads),
        (1, 1, 1),
        "get did not find a (this counts no miss); then get_or_load loaded it (a miss and a load); then get_or_load \
         found it (a hit). After these three calls: (hits, misses, loads)"
    );
    assert_eq!((counts.entries, counts.bytes, counts.capacity), (1, 10, 100), "(entries, bytes, capacity)");
}

#[test]
fn the_least_recently_used_leaves_first() {
    let cache = Cache::new(3);
    for key in ["a", "b", "c"] {
        put(&cache, key, 1);
    }
    cache.get("a");
    cache.get("b");
    put(&cache, "d", 1);
    assert!(
        cache.get("c").is_none(),
        "a, b and c came into a cache with room for three; then get(a) and get(b); then d came. c was used least recently, \
         and something else was evicted"
    );
    for key in ["a", "b", "d"] {
        assert!(cache.get(key).is_some(), "{key} was used after c, and it was evicted");
    }
}

#[test]
fn one_heavy_entry_evicts_as_many_light_ones_as_it_needs_and_no_more() {
    let cache = Cache::new(10);
    for key in ["a", "b", "c", "d", "e"] {
        put(&cache, key, 2);
    }
    let change = put(&cache, "heavy", 5);
    assert_eq!(
        (change.evicted, change.removed, change.bytes_removed),
        (3, 0, 6),
        "(evicted, removed, bytes removed) when 5 bytes come into a full cache of five entries of 2 bytes: three are \
         evicted, and none is removed for another reason"
    );
    assert_eq!(cache.counts().bytes, 9, "4 bytes of light entries and 5 of the heavy one");
    assert_eq!(
        cache.counts().evictions,
        3,
        "counts().evictions after three entries of 2 bytes made room for 5"
    );
}

#[test]
fn a_cache_can_be_filled_to_the_last_byte() {
    let cache = Cache::new(10);
    put(&cache, "a", 4);
    assert_eq!(put(&cache, "b", 6).evicted, 0, "4 + 6 bytes fit into 10; entries evicted");
    let change = put(&cache, "c", 1);
    assert_eq!(
        (change.evicted, change.removed),
        (1, 0),
        "(evicted, removed) when 1 byte comes into a full cache of 4 + 6 bytes: an entry that leaves gives back its weight, so \
         one is enough, and it is evicted, not removed for another reason"
    );
}

#[test]
fn a_value_heavier_than_the_capacity_is_returned_and_not_kept() {
    let cache = Cache::new(10);
    put(&cache, "a", 10);
    assert!(cache.get("a").is_some(), "a weighs as much as the capacity, so it fits, and it was not kept");
    let (value, lookup) = look_up(&cache, "giant", 11);
    assert_eq!(*value, Body(11), "a value that is not kept is returned all the same");
    assert_eq!(
        lookup,
        Lookup::Miss(Change::default()),
        "giant is heavier than the capacity and is not kept, so nothing has to leave for it; how it was found"
    );
    assert!(cache.get("a").is_some(), "a was evicted for a value that is not kept");
    assert!(cache.get("giant").is_none(), "a value heavier than the whole cache was kept");
}

#[test]
fn a_cache_without_capacity_keeps_nothing_but_the_weightless() {
    let cache = Cache::new(0);
    look_up(&cache, "a", 1);
    let came = Change { entries_added: 1, ..Change::default() };
    assert_eq!(put(&cache, "empty", 0), came, "what a miss changes: one entry of 0 bytes comes in");
    assert_eq!((cache.counts().entries, cache.counts().bytes), (1, 0), "(entries, bytes)");
}

/// Caught: an eviction that prefers what nobody holds, because only that gives its memory back at once.
#[test]
fn the_least_recently_used_leaves_first_even_if_it_is_held() {
    let cache = Cache::new(2);
    let (_held, _) = look_up(&cache, "a", 1);
    put(&cache, "b", 1);
    put(&cache, "c", 1);
    assert!(
        cache.get("a").is_none() && cache.get("b").is_some(),
        "a was used least recently, and something else was evicted: because a thread still holds a?"
    );
}

#[test]
fn the_cache_holds_nothing_that_was_evicted() {
    let cache = Cache::new(1);
    let (evicted, _) = look_up(&cache, "a", 1);
    put(&cache, "b", 1);
    assert_eq!(
        Arc::strong_count(&evicted),
        1,
        "a was evicted, and the cache still holds it; references to it"
    );
    let (heavy, _) = look_up(&cache, "heavy", 2);
    assert_eq!(
        Arc::strong_count(&heavy),
        1,
        "the value was too heavy to be kept, and the cache holds it; references to it"
    );
}

#[test]
fn the_cache_holds_nothing_that_was_removed() {
    let cache = Cache::new(1);
    let (removed, _) = look_up(&cache, "a", 1);
    cache.remove_if_same("a", &removed);
    assert_eq!(
        Arc::strong_count(&removed),
        1,
        "a was removed, and the cache still holds it; references to it"
    );
}

#[test]
fn a_capacity_may_be_any_number() {
    let cache = Cache::new(1 << 33);
    for key in ["a", "b", "c"] {
        put(&cache, key, 1 << 32);
    }
    let counts = cache.counts();
    assert_eq!(
        (counts.entries, counts.bytes),
        (2, 1 << 33),
        "(entries, bytes) after three values of 4 GiB came into a cache of 8 GiB"
    );
}

#[test]
fn every_eviction_is_counted() {
    let cache = Cache::new(8);
    (0..8).for_each(|key| assert_eq!(put(&cache, &key.to_string(), 1).evicted, 0, "there is room for 8"));
    assert_eq!(
        put(&cache, "heavy", 8).evicted,
        8,
        "entries of 1 byte that leave when one of 8 bytes comes into a cache of 8"
    );
    assert_eq!(cache.counts().evictions, 8, "eight entries have left for one: counts().evictions");
    // An entry may have no bytes, and it leaves all the same.
    let cache = Cache::new(1);
    put(&cache, "empty", 0);
    put(&cache, "a", 1);
    let change = put(&cache, "b", 1);
    assert_eq!(
        (change.evicted, change.bytes_removed),
        (2, 1),
        "(evicted, bytes removed) when an entry of 1 byte comes into a full cache of 1 byte. Two entries leave: the \
         oldest, of 0 bytes, then one of 1"
    );
    assert_eq!(cache.counts().evictions, 2, "evictions of an entry of 0 bytes and of one of 1 byte");
}

#[test]
fn a_removal_is_no_look_up() {
    let cache = Cache::new(2);
    look_up(&cache, "a", 1);
    let (b, _) = look_up(&cache, "b", 1);
    assert_eq!(cache.remove_if_same("a", &b), Change::default(), "the entry of a is another value");
    put(&cache, "c", 1);
    assert!(
        cache.get("a").is_none(),
        "a and b fill the cache, remove_if_same(\"a\", the value of b) removed nothing, and c was loaded. a was used least \
         recently, so it had to be evicted, but another entry was: to try to remove a is no use of it"
    );
    cache.remove_if_same("b", &b);
    let counts = cache.counts();
    assert_eq!((counts.hits, counts.misses), (0, 3), "(hits, misses) of three look-ups and two removals");
}

#[test]
fn remove_if_same_removes_that_value_and_no_other() {
    let cache = Cache::new(10);
    let (old, _) = look_up(&cache, "a", 3);
    let removed = Change { bytes_removed: 3, removed: 1, ..Change::default() };
    assert_eq!(cache.remove_if_same("a", &old), removed, "the entry is this value, so it is removed");
    assert_eq!(cache.remove_if_same("a", &old), Change::default(), "it was removed before");
    let (new, _) = look_up(&cache, "a", 3);
    assert_eq!(
        cache.remove_if_same("a", &old),
        Change::default(),
        "a was removed and loaded again, so its entry holds another value than the one that was given to \
         remove_if_same, and nothing is removed"
    );
    let kept = cache.get("a").expect("the entry is a new value now, and it was removed");
    assert!(Arc::ptr_eq(&kept, &new), "the entry is a new value now, and get gave another one");
    assert_eq!(cache.counts().evictions, 0, "removing is not evicting");
}

#[test]
fn a_failed_load_leaves_no_trace() {
    let cache = Cache::<Body>::new(10);
    let failed = cache.get_or_load("a", || Err("no such file"));
    assert_eq!(failed, Err("no such file"), "a look-up whose load fails returns the load's error");
    assert!(cache.get("a").is_none(), "the load failed, and something was kept");
    let cache = Arc::new(cache);
    let next = start("the thread that looks up a after a load of a has failed", {
        let cache = cache.clone();
        move || look_up(&cache, "a", 1).1
    });
    let lookup = next.finish_or("The load has ended, so no thread may wait for it any more.");
    assert!(matches!(lookup, Lookup::Miss(_)), "no thread has loaded a");
    let counts = cache.counts();
    assert_eq!(
        (counts.misses, counts.loads),
        (2, 2),
        "(misses, loads): one that failed and one that did not"
    );
}

#[test]
fn a_miss_and_its_load_are_counted_when_the_load_begins() {
    let cache = Cache::new(10);
    let counted = || (cache.counts().misses, cache.counts().loads);
    let Ok(_) = cache.get_or_load("a", || {
        assert_eq!(counted(), (1, 1), "(misses, loads) during the first load");
        Ok::<_, Infallible>(Body(1))
    });
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        cache.get_or_load("b", || -> Result<Body, Infallible> {
            std::panic::resume_unwind(Box::new("a loader made a mistake"))
        })
    }));
    assert!(panicked.is_err(), "the panic of the load should reach the caller whose load it was");
    assert_eq!(counted(), (2, 2), "(misses, loads): one load that ended, and one that panicked");
}

#[test]
fn a_load_that_panics_blocks_no_thread() {
    let cache = Arc::new(Cache::<Body>::new(10));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        cache.get_or_load("a", || -> Result<Body, Infallible> {
            std::panic::resume_unwind(Box::new("a loader made a mistake"))
        })
    }));
    assert!(panicked.is_err(), "the panic of the load should reach the caller whose load it was");
    let next = start("the thread that looks up a after a load of a has panicked", {
        let cache = cache.clone();
        move || look_up(&cache, "a", 1).1
    });
    let lookup = next.finish_or("The load has ended, so no thread may wait for it any more.");
    assert!(matches!(lookup, Lookup::Miss(_)), "no thread has loaded a");
}

#[test]
fn a_thread_that_waits_for_a_load_that_panics_loads_in_its_turn() {
    let cache = Arc::new(Cache::<Body>::new(10));
    let (begun, begins) = channel();
    let (finish, finished) = channel::<()>();
    let loader = thread::spawn({
        let cache = cache.clone();
        move || {
            let _ = cache.get_or_load("a", || -> Result<Body, Infallible> {
                begun.send(()).expect("the test keeps the receiver");
                // Needs no deadline: when the test ends, the other end of the channel is dropped.
                assert!(finished.recv().is_err(), "the test sends nothing");
                std::panic::resume_unwind(Box::new("a loader made a mistake"))
            });
        }
    });
    begins.recv_timeout(DEADLINE).expect("the load of a was never begun");
    let waiting = start("the thread that waits for the load", {
        let cache = cache.clone();
        move || look_up(&cache, "a", 1).1
    });
    waiting.wait_until_asleep();
    drop(finish);
    assert!(loader.join().is_err(), "the panic of the load should reach the caller whose load it was");
    let lookup = waiting
        .finish_or("The load that it waited for has panicked, so it must wake, and load a in its turn.");
    assert!(matches!(lookup, Lookup::Miss(_)), "no thread has loaded a");
}

/// A thread that loads b: its loader has been called, and returns when something is sent. At its end, the thread says
/// whether the load has succeeded.
fn begin_load_of_b(cache: &Arc<Cache<Body>>) -> (Sender<()>, JoinHandle<bool>) {
    let (begun, begins) = channel();
    let (finish, finished) = channel::<()>();
    let loader = thread::Builder::new().name("the thread that loads b".to_owned());
    let loader = loader.spawn({
        let cache = cache.clone();
        move || {
            let load = cache.get_or_load("b", || {
                begun.send(()).expect("the test keeps the receiver");
                // Needs no deadline: when the test ends, the other end of the channel is dropped.
                finished.recv().map(|()| Body(1))
            });
            load.is_ok()
        }
    });
    begins.recv_timeout(DEADLINE).expect("the load of b was never begun");
    (finish, loader.expect("the machine has room for a thread"))
}

#[test]
fn only_get_or_load_waits_for_a_load() {
    let cache = Arc::new(Cache::new(10));
    let (old, _) = look_up(&cache, "b", 1);
    cache.remove_if_same("b", &old);
    let (finish, loader) = begin_load_of_b(&cache);
    let getting = start("the thread that calls get while the key is being loaded", {
        let cache = cache.clone();
        move || cache.get("b").is_none()
    });
    let is_missing =
        getting.finish_or("b is being loaded and is not in the cache yet, so get must return None at once.");
    assert!(is_missing, "b is being loaded and is not in the cache yet, and get has found a value");
    let removing = start("the thread that calls remove_if_same while the key is being loaded", {
        let cache = cache.clone();
        move || cache.remove_if_same("b", &old)
    });
    let change = removing.finish_or(
        "b is being loaded and is not in the cache yet, so remove_if_same must return at once and change nothing.",
    );
    assert_eq!(
        change,
        Change::default(),
        "b is not in the cache yet, so remove_if_same has nothing to remove"
    );
    finish.send(()).unwrap();
    assert!(loader.join().unwrap(), "the load of b waited for more than it should");
}

/// The loader does not return before the hit was made: with a cache that holds a lock while it loads, or lets a hit
/// wait for the load of another key, this never ends.
#[test]
fn a_hit_does_not_wait_for_the_load_of_another_key() {
    let cache = Arc::new(Cache::new(10));
    put(&cache, "a", 1);
    let (finish, loader) = begin_load_of_b(&cache);
    let getting = start("the thread that calls get for a while b is being loaded", {
        let cache = cache.clone();
        move || cache.get("a").is_some()
    });
    let hit = getting.finish_or("a is in the cache, so get must not wait for the load of b.");
    assert!(hit, "a was put in, and get did not find it while b was being loaded");
    finish.send(()).unwrap();
    assert!(loader.join().unwrap(), "the load of b waited for more than it should");
}

/// A load holds no lock, so it may need another value of the same cache.
#[test]
fn a_load_may_ask_for_another_key() {
    load_one_key_while_another_is_loaded(
        "page",
        "style",
        "A load runs without any lock, so it may load another key.",
    );
}

/// Loads `outer`; its load looks `inner` up.
fn load_one_key_while_another_is_loaded(outer: &'static str, inner: &'static str, why_not_wait: &str) {
    let cache = Arc::new(Cache::new(10));
    let loading = start(&format!("the thread whose load of {outer} asks for {inner}"), {
        let cache = cache.clone();
        move || {
            let found = cache.get_or_load(outer, || {
                look_up(&cache, inner, 2);
                Ok::<_, Infallible>(Body(3))
            });
            matches!(found, Ok((_, Lookup::Miss(_))))
        }
    });
    assert!(loading.finish_or(why_not_wait), "no other thread has loaded {outer}");
    assert_eq!(
        (cache.counts().entries, cache.counts().bytes),
        (2, 5),
        "(entries, bytes): {outer} and {inner}"
    );
}

/// More hits than sixteen bits can count, then one on the other entry.
#[test]
fn many_hits_do_not_make_an_entry_young_for_ever() {
    let cache = Cache::new(2);
    put(&cache, "a", 1);
    put(&cache, "b", 1);
    for _ in 0..70_000 {
        assert!(cache.get("b").is_some(), "nothing was evicted yet");
    }
    assert!(cache.get("a").is_some(), "nothing was evicted yet");
    put(&cache, "c", 1);
    assert!(
        cache.get("b").is_none() && cache.get("a").is_some(),
        "a was used after 70,000 hits of b, so b has to leave for c, and another entry has left"
    );
}

/// All threads pass the barrier before any of them looks. One round could be lucky; fifty are not.
#[test]
fn however_many_miss_a_key_at_once_it_is_loaded_once() {
    const THREADS: usize = 16;
    for _ in 0..50 {
        let (cache, loads) = (Arc::new(Cache::new(10)), Arc::new(AtomicUsize::new(0)));
        let barrier = Arc::new(Barrier::new(THREADS));
        let (found, finds) = channel();
        for _ in 0..THREADS {
            let (cache, loads, barrier, found) =
                (cache.clone(), loads.clone(), barrier.clone(), found.clone());
            thread::spawn(move || {
                barrier.wait();
                let Ok((value, _)) = cache.get_or_load("a", || {
                    loads.fetch_add(1, SeqCst);
                    thread::yield_now();
                    Ok::<_, Infallible>(Body(1))
                });
                found.send(value)
            });
        }
        let find = |_| finds.recv_timeout(DEADLINE).expect("a thread waits for a load that has ended");
        let values: Vec<Arc<Body>> = (0..THREADS).map(find).collect();
        assert_eq!(loads.load(SeqCst), 1, "{THREADS} threads missed one key at once; loads of it");
        assert!(
            values.iter().all(|value| Arc::ptr_eq(value, &values[0])),
            "the threads got different values"
        );
    }
}

#[test]
fn the_counters_add_up_under_fire() {
    const THREADS: usize = 8;
    const LOOKUPS: usize = 2_000;
    let cache = Arc::new(Cache::new(50));
    let (done, ended) = channel();
    for thread in 0..THREADS {
        let (cache, done) = (cache.clone(), done.clone());
        thread::spawn(move || {
            for round in 0..LOOKUPS {
                let number = (round * 7 + thread * 13) % 40;
                look_up(&cache, &number.to_string(), number % 7);
                let bytes = cache.counts().bytes;
                assert!(bytes <= 50, "{bytes} bytes are in a cache of 50");
            }
            done.send(())
        });
    }
    drop(done);
    for _ in 0..THREADS {
        ended.recv_timeout(DEADLINE).expect("a look-up never returns, or has panicked");
    }
    let counts = cache.counts();
    assert_eq!(counts.hits + counts.misses, (THREADS * LOOKUPS) as u64, "every look-up is a hit or a miss");
    assert!(counts.loads <= counts.misses, "{} loads for {} misses", counts.loads, counts.misses);
    assert!(counts.evictions > 0, "40 keys of up to 6 bytes do not fit into 50: something had to be evicted");
}

/// The simplest LRU cache: a list in the order of use, the most recent last.
struct Naive {
    capacity: usize,
    entries: Vec<(u8, usize)>,
}

impl Naive {
    fn get(&mut self, key: u8) -> bool {
        let Some(at) = self.entries.iter().position(|entry| entry.0 == key) else { return false };
        let entry = self.entries.remove(at);
        self.entries.push(entry);
        true
    }

    fn put(&mut self, key: u8, weight: usize) {
        if weight > self.capacity {
            return;
        }
        while self.bytes() + weight > self.capacity {
            self.entries.remove(0);
        }
        self.entries.push((key, weight));
    }

    fn remove(&mut self, key: u8) {
        self.entries.retain(|entry| entry.0 != key);
    }

    fn bytes(&self) -> usize {
        self.entries.iter().map(|entry| entry.1).sum()
    }
}

#[derive(Debug, Clone)]
enum Step {
    Get(u8),
    LookUp(u8, usize),
    Remove(u8),
}

fn use_of_a_key() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..8u8).prop_map(Step::Get),
        4 => (0..8u8, 0..6usize).prop_map(|(key, weight)| Step::LookUp(key, weight)),
    ]
}

fn use_or_removal() -> impl Strategy<Value = Step> {
    prop_oneof![7 => use_of_a_key(), 1 => (0..8u8).prop_map(Step::Remove)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_used_it_holds_what_a_naive_lru_holds(
        capacity in 0..20usize,
        steps in prop::collection::vec(use_of_a_key(), 1..120),
    ) {
        do_the_same(capacity, &steps)?;
    }

    #[test]
    fn the_order_of_the_others_survives_a_removal(
        capacity in 0..20usize,
        steps in prop::collection::vec(use_or_removal(), 1..120),
    ) {
        do_the_same(capacity, &steps)?;
    }
}

/// Does the same steps with a cache and with a naive one, and compares them after each.
fn do_the_same(capacity: usize, steps: &[Step]) -> Result<(), TestCaseError> {
    let (cache, mut naive) = (Cache::new(capacity), Naive { capacity, entries: Vec::new() });
    let in_words = |steps: &[Step]| in_words(capacity, steps);
    for (number, step) in steps.iter().enumerate() {
        let (before, done) = (&steps[..number], &steps[..=number]);
        match *step {
            Step::Get(key) => {
                let found = cache.get(&key.to_string()).is_some();
                prop_assert_eq!(
                    found,
                    naive.get(key),
                    "{}whether get finds {} (left)",
                    in_words(before),
                    key
                );
            }
            Step::LookUp(key, weight) => {
                let hit = look_up(&cache, &key.to_string(), weight).1 == Lookup::Hit;
                prop_assert_eq!(
                    hit,
                    naive.get(key),
                    "{}whether get_or_load finds {} (left)",
                    in_words(before),
                    key
                );
                if !hit {
                    naive.put(key, weight);
                }
            }
            Step::Remove(key) => {
                // Getting the value counts as a use, which does not matter for an entry that is then removed.
                if let Some(value) = cache.get(&key.to_string()) {
                    cache.remove_if_same(&key.to_string(), &value);
                }
                naive.remove(key);
            }
        }
        let counts = cache.counts();
        if (counts.bytes, counts.entries) != (naive.bytes(), naive.entries.len()) {
            let mut expected: Vec<u8> = naive.entries.iter().map(|entry| entry.0).collect();
            expected.sort_unstable();
            let found: Vec<u8> = (0..8).filter(|key| cache.get(&key.to_string()).is_some()).collect();
            let words = in_words(done);
            return Err(TestCaseError::fail(format!(
                "{words}the cache says that it has {} entries of {} bytes together, and get finds {found:?}. An LRU cache has \
                 {} entries of {} bytes: {expected:?}",
                counts.entries,
                counts.bytes,
                expected.len(),
                naive.bytes()
            )));
        }
    }
    Ok(())
}

/// Caught: a search for the victim that ends after so many entries.
#[test]
fn of_many_entries_the_least_recently_used_leaves_first() {
    let cache = Cache::new(2_000);
    for key in 0..2_000 {
        let evicted = put(&cache, &key.to_string(), 1).evicted;
        assert_eq!(
            evicted, 0,
            "entries that were evicted when get_or_load added an entry of 1 byte to {key} others, in a cache of 2,000 \
             bytes: there is room for 2,000"
        );
    }
    (0..2_000).filter(|key| *key != 777).for_each(|key| assert!(cache.get(&key.to_string()).is_some()));
    let evicted = put(&cache, "new", 1).evicted;
    assert!(
        cache.get("777").is_none(),
        "2,000 entries of 1 byte filled the cache, all of them but 777 were hit, and then one more came. 777 was used least \
         recently, and something else was evicted"
    );
    assert_eq!(
        evicted, 1,
        "an entry of 1 byte came into a cache that was full of 2,000 entries of 1 byte, so one is enough; entries evicted"
    );
}

/// Caught: a capacity in a signed number; a limit for one value other than the capacity.
#[test]
fn a_capacity_may_be_without_bounds() {
    let cache = Cache::new(usize::MAX);
    put(&cache, "a", 10);
    put(&cache, "b", usize::MAX / 4 * 3);
    assert_eq!(
        cache.counts().entries,
        2,
        "entries after get_or_load of a (10 bytes) and of b (three quarters of usize::MAX) with a capacity of usize::MAX: \
         there is room for a and b"
    );
}

/// Caught: a number of loads that may run at once.
#[test]
fn a_load_may_ask_for_another_key_that_asks_for_another() {
    fn look_up_down(cache: &Cache<Body>, depth: u8) {
        let key = char::from(b'a' + depth);
        let Ok(_) = cache.get_or_load(&key.to_string(), || {
            if depth > 0 {
                look_up_down(cache, depth - 1);
            }
            Ok::<_, Infallible>(Body(1))
        });
    }
    let cache = Arc::new(Cache::new(100));
    let loader = start("the thread with twenty loads, each inside another one,", {
        let cache = cache.clone();
        move || look_up_down(&cache, 20)
    });
    loader.finish_or(
        "Each load runs without any lock, so it may load another key, however many others are in progress.",
    );
    assert_eq!(cache.counts().entries, 21, "entries: each load was for another key");
}

/// Looks a key up when it is dropped, while its thread panics.
struct LooksUp(Arc<Cache<Body>>, Sender<()>, std::sync::mpsc::Receiver<()>);

impl Drop for LooksUp {
    fn drop(&mut self) {
        let Ok(_) = self.0.get_or_load("a", || {
            self.1.send(()).unwrap();
            // Needs no deadline: when the test ends, the other end of the channel is dropped.
            let _ = self.2.recv();
            Ok::<_, Infallible>(Body(1))
        });
    }
}

/// Caught: a load that is taken for one that panics, because its thread panics.
#[test]
fn a_load_of_a_thread_that_panics_is_shared() {
    for _ in 0..20 {
        // Nothing fits, so a thread that waits gets the value from the load or not at all.
        let cache = Arc::new(Cache::<Body>::new(0));
        let (begun, begins) = channel();
        let (finish, finished) = channel::<()>();
        let loader = thread::spawn({
            let looks_up = LooksUp(cache.clone(), begun, finished);
            move || {
                let _looks_up = looks_up;
                std::panic::resume_unwind(Box::new("a handler made a mistake"));
            }
        });
        begins.recv_timeout(DEADLINE).expect("the load of a was never begun");
        let waiting = start("the thread that waits for the load", {
            let cache = cache.clone();
            move || look_up(&cache, "a", 1).1
        });
        waiting.wait_until_asleep();
        drop(finish);
        assert!(loader.join().is_err(), "the thread was to panic");
        assert_eq!(
            waiting.finish(),
            Lookup::Joined,
            "the loader has returned a value, although in a thread that panics, so the thread that waited gets it; its look-up"
        );
    }
}

/// Three threads want a, and each load fails. The last of them has waited for two loads that failed; when it loads, a
/// fourth must wait for it. Meanwhile another thread loads b, which changes nothing.
///
/// Caught: a thread that has waited in vain twice, and loads without announcing it; a failure that is told only if
/// nothing else is being loaded.
#[test]
fn after_two_loads_that_fail_one_loads_still() {
    let cache = Arc::new(Cache::<Body>::new(10));
    let (finish_b, loader_of_b) = begin_load_of_b(&cache);
    let (begun, begins) = channel();
    let (finish, finished) = channel::<()>();
    let finished = Arc::new(std::sync::Mutex::new(finished));
    let failing = |thread: usize| {
        let (cache, begun, finished) = (cache.clone(), begun.clone(), finished.clone());
        start("a thread whose load fails", move || {
            let failed = cache.get_or_load("a", || {
                begun.send(thread).unwrap();
                finished.lock().unwrap().recv().map_or(Err(()), |()| Err(()))
            });
            assert!(failed.is_err(), "no load has succeeded");
        })
    };
    let began = |what: &str| {
        begins.recv_timeout(DEADLINE).unwrap_or_else(|_| {
            let sleepers = verdict::sleepers::report();
            panic!("{what}. Meanwhile another thread is loading b.\n{sleepers}")
        })
    };
    let mut threads: Vec<_> = (0..3).map(failing).collect();
    let first = began("three threads look up a, and none of them loads it");
    threads.iter().for_each(watched::Watched::wait_until_asleep);
    finish.send(()).unwrap();
    let second = began(
        "the first load of a has failed, and neither of the two threads that waited loads a in its turn",
    );
    let third = 3 - first - second;
    threads[third].wait_until_asleep();
    finish.send(()).unwrap();
    let last = began("the second load of a has failed, and the last thread that waited does not load a");
    assert_eq!(last, third, "the last thread loads in its turn");
    threads.push(failing(3));
    threads[3].wait_until_asleep();
    assert!(
        begins.try_recv().is_err(),
        "two loads of a have failed, and the third thread that waited loads a now. A fourth thread looks a up: it must wait for \
         this load, but it loads a as well"
    );
    finish.send(()).unwrap();
    let fourth = began("the third load of a has failed, and the thread that waited for it does not load a");
    assert_eq!(fourth, 3, "the third load has failed, too");
    finish.send(()).unwrap();
    threads.into_iter().for_each(watched::Watched::finish);
    finish_b.send(()).unwrap();
    assert!(loader_of_b.join().unwrap(), "the load of b has succeeded");
}

/// Caught: keys whose spaces, slashes, capitals or queries do not count.
#[test]
fn keys_that_look_alike_are_different_keys() {
    let keys =
        ["a", "A", "a/", "/a", "a ", " a", "a\0", "a.", "a?b", "\u{e4}", "a\u{308}", "pots", "stop", ""];
    let cache = Cache::new(1_000);
    for (weight, key) in keys.into_iter().enumerate() {
        let lookup = look_up(&cache, key, weight).1;
        assert!(
            matches!(lookup, Lookup::Miss(_)),
            "get_or_load({key:?}) after only {:?} were loaded: keys that look alike are different keys, so this look-up \
             must load. It says {lookup:?}.",
            &keys[..weight]
        );
    }
    for (weight, key) in keys.into_iter().enumerate() {
        let found = cache.get(key).map(|body| body.0);
        assert_eq!(
            found,
            Some(weight),
            "get({key:?}) after {keys:?} were loaded, with weights from 0 to 13. The weight"
        );
    }
}

/// Before task 4.4, both threads load; afterwards, the second one joins the first. Either way, one entry is left.
/// Caught: an entry that is replaced or removed, and whose weight stays behind.
#[test]
fn two_threads_that_miss_a_key_at_once_leave_one_entry_and_one_weight() {
    let cache = Arc::new(Cache::new(100));
    let looking = |name: &str| {
        let (begun, begins) = channel();
        let (finish, finished) = channel::<()>();
        let cache = cache.clone();
        let thread = start(name, move || {
            let Ok((_, lookup)) = cache.get_or_load("a", || {
                begun.send(()).expect("the test keeps the receiver");
                assert!(finished.recv().is_err(), "the test sends nothing");
                Ok::<_, Infallible>(Body(5))
            });
            lookup
        });
        (thread, begins, finish)
    };
    let (first, begins, finish_first) = looking("the first look-up of a");
    begins.recv_timeout(DEADLINE).unwrap_or_else(|_| {
        let sleepers = verdict::sleepers::report();
        panic!("get_or_load(\"a\") was called in an empty cache, and does not call load.\n{sleepers}")
    });
    let (second, begins, finish_second) = looking("the second look-up of a");
    second.wait_until_asleep_or(|| begins.try_recv().is_ok());
    drop(finish_first);
    let first = first.finish();
    drop(finish_second);
    let second = second.finish();
    let counts = cache.counts();
    assert_eq!(
        (counts.entries, counts.bytes),
        (1, 5),
        "two threads called get_or_load(\"a\") at once, in an empty cache, and each value of a weighs 5 bytes. In the end \
         the cache has one value of a, and an entry that is replaced takes its weight with it. (entries, bytes)"
    );
    let change = |lookup| if let Lookup::Miss(change) = lookup { change } else { Change::default() };
    let (first_change, second_change) = (change(first), change(second));
    let added = first_change.bytes_added + second_change.bytes_added;
    let removed = first_change.bytes_removed + second_change.bytes_removed;
    assert_eq!(
        added - removed,
        5,
        "two threads called get_or_load(\"a\") at once, in an empty cache, and then it held 5 bytes. The look-ups gave \
         {first:?} and {second:?}. The bytes that were added, less the bytes that were removed"
    );
}

/// Caught: a value that is kept because no other one has to leave for it.
#[test]
fn an_empty_cache_does_not_keep_a_value_that_is_too_heavy() {
    let cache = Cache::new(10);
    let (value, lookup) = look_up(&cache, "giant", 11);
    assert_eq!(*value, Body(11), "get_or_load(\"giant\") loaded 11 bytes. The value that it returned");
    assert_eq!(
        lookup,
        Lookup::Miss(Change::default()),
        "get_or_load(\"giant\") loaded 11 bytes, and the capacity is 10: the value is not kept, so nothing changes. The \
         look-up"
    );
    let counts = cache.counts();
    assert_eq!(
        (counts.entries, counts.bytes),
        (0, 0),
        "a value of 11 bytes was loaded, and the capacity is 10, so it is not kept. (entries, bytes)"
    );
}

/// Caught: flights that are found by a hash of their key, or by another number, and not by the key itself.
#[test]
fn a_load_may_ask_for_a_key_with_the_same_letters() {
    let why = "The load of stop looks pots up. These are two keys, even if both have the same hash, so the flight of stop \
               is no flight of pots.";
    load_one_key_while_another_is_loaded("stop", "pots", why);
}

/// The steps as a student would write them down: "in a cache of 3 bytes, after get(1), ...: ".
fn in_words(capacity: usize, steps: &[Step]) -> String {
    let steps = steps.iter().map(|step| match step {
        Step::Get(key) => format!("get({key})"),
        Step::LookUp(key, weight) => format!("get_or_load({key}) of {weight} bytes"),
        Step::Remove(key) => format!("the removal of {key}"),
    });
    let steps: Vec<String> = steps.collect();
    format!(
        "in a cache of {capacity} bytes, after {}: ",
        if steps.is_empty() { "nothing".into() } else { steps.join(", ") }
    )
}

/// Two evictions, whose order was turned round by hits.
///
/// Caught: an order in which an entry that was hit has only one place to go.
#[test]
fn one_after_the_other_leaves_in_the_order_of_use() {
    let cache = Cache::new(3);
    for key in ["a", "b", "c"] {
        put(&cache, key, 1);
    }
    cache.get("b");
    cache.get("a");
    put(&cache, "d", 1);
    put(&cache, "e", 1);
    let here = ["a", "b", "c", "d", "e"].map(|key| cache.get(key).is_some());
    assert_eq!(
        here,
        [true, false, false, true, true],
        "a, b and c came into a cache with room for three; then get(b) and get(a); then d came, so c leaves, and e, so b \
         leaves. Whether a, b, c, d, e are here"
    );
}

/// Caught: a value that was evicted, and is found again because a thread still holds it.
#[test]
fn what_was_evicted_is_loaded_again_even_if_it_is_held() {
    let cache = Cache::new(1);
    let (held, _) = look_up(&cache, "a", 1);
    put(&cache, "b", 1);
    let mut loads = 0;
    let Ok((again, _)) = cache.get_or_load("a", || {
        loads += 1;
        Ok::<_, Infallible>(Body(1))
    });
    assert!(
        loads == 1 && !Arc::ptr_eq(&held, &again),
        "b has evicted a, but a thread still holds the value of a. a is not in the cache, so get_or_load(\"a\") must call load, \
         and return what it loaded. It called load {loads} times, and returned {} value",
        if Arc::ptr_eq(&held, &again) { "the old" } else { "a new" }
    );
}

/// Caught: a miss that is counted when the wait is over.
#[test]
fn a_look_up_that_waits_has_counted_its_miss() {
    let cache = Arc::new(Cache::new(10));
    let (finish, loader) = begin_load_of_b(&cache);
    let waiting = start("the thread that waits for the load of b", {
        let cache = cache.clone();
        move || look_up(&cache, "b", 1).1
    });
    waiting.wait_until_asleep_or(|| cache.counts().misses == 2);
    assert_eq!(
        cache.counts().misses,
        2,
        "one look-up loads b, and another waits for this load. Each counts its miss when it begins to load or to wait; misses"
    );
    finish.send(()).unwrap();
    assert!(loader.join().unwrap(), "the load of b has succeeded");
    assert_eq!(
        waiting.finish_or("The load of b has ended."),
        Lookup::Joined,
        "it waited for another thread's load"
    );
}
