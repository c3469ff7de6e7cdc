//! What `Cache` promises in every interleaving.

use crate::{Cache, Lookup, Weigh};
use lanes::Model;
use lanes::cell::UnsafeCell;
use lanes::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use lanes::thread::spawn_named;
use std::convert::Infallible;
use std::sync::Arc;
use verdict::test;

/// A value that consists of its weight only.
#[derive(Debug, PartialEq, Eq)]
struct Weight(usize);

impl Weigh for Weight {
    fn weight(&self) -> usize {
        self.0
    }
}

fn loaded(cache: &Cache<Weight>, key: &str) -> Lookup {
    let Ok((_, lookup)) = cache.get_or_load(key, || Ok::<_, Infallible>(Weight(1)));
    lookup
}

/// Two threads want the same absent key.
///
/// Caught: no second look-up under the write lock (two loads); a flight that is announced after the load; a `land` that
/// wakes nobody; a joined look-up that is counted as a hit.
#[test]
fn one_of_the_threads_that_miss_a_key_loads_it() {
    Model::new("one of the threads that miss a key loads it").outcomes(&["hit", "joined"]).check(|run| {
        let cache = Arc::new(Cache::new(10));
        let other = spawn_named("second", {
            let cache = cache.clone();
            move || loaded(&cache, "a")
        });
        let lookups = [loaded(&cache, "a"), other.join().unwrap()];
        let counts = cache.counts();
        assert_eq!(counts.loads, 1, "one key, never evicted, was loaded more than once");
        assert_eq!(counts.hits + counts.misses, 2, "there were two look-ups; hits and misses together");
        assert_eq!(counts.entries, 1, "one key was loaded, so there is one entry");
        let hits = lookups.iter().filter(|&&lookup| lookup == Lookup::Hit).count();
        assert_eq!(
            (counts.hits, counts.misses),
            (hits as u64, 2 - hits as u64),
            "(hits, misses): a look-up that joins another's load is a miss"
        );
        match lookups {
            [Lookup::Miss(_), Lookup::Hit] | [Lookup::Hit, Lookup::Miss(_)] => run.outcome("hit"),
            [Lookup::Miss(_), Lookup::Joined] | [Lookup::Joined, Lookup::Miss(_)] => run.outcome("joined"),
            other => panic!("one thread loads, the other does not, but they report {other:?}"),
        }
    });
}

/// Three threads want the same absent key, so two may be asleep when it is loaded.
///
/// Caught: a `land` that wakes only one.
#[test]
fn all_threads_that_wait_for_a_load_are_woken() {
    Model::new("all threads that wait for a load are woken")
        .preemption_bound(2)
        .outcomes(&["0 joined", "1 joined", "2 joined"])
        .check(|run| {
            let cache = Arc::new(Cache::new(10));
            let others = ["second", "third"].map(|name| {
                let cache = cache.clone();
                spawn_named(name, move || loaded(&cache, "a"))
            });
            let mut lookups = vec![loaded(&cache, "a")];
            lookups.extend(others.map(|other| other.join().unwrap()));
            let joined = lookups.iter().filter(|&&lookup| lookup == Lookup::Joined).count();
            run.outcome(&format!("{joined} joined"));
            assert_eq!(cache.counts().loads, 1, "one key, never evicted, was loaded more than once");
        });
}

/// Nothing fits into this cache, so a thread that waits for a load gets the value from the flight or not at all.
///
/// Caught: a waiter that looks for the value in the cache, and loads again because it is not there.
#[test]
fn a_thread_that_waits_for_a_value_that_is_not_kept_gets_it_all_the_same() {
    Model::new("a thread that waits for a value that is not kept gets it all the same")
        .outcomes(&["both loaded", "one waited, and got the other's value"])
        .check(|run| {
            let cache = Arc::new(Cache::new(0));
            let other = spawn_named("second", {
                let cache = cache.clone();
                move || loaded(&cache, "a")
            });
            let lookups = [loaded(&cache, "a"), other.join().unwrap()];
            let counts = cache.counts();
            assert_eq!(counts.entries, 0, "a value of 1 byte is in a cache of 0");
            let joined = lookups.iter().filter(|&&lookup| lookup == Lookup::Joined).count();
            assert_eq!(counts.loads as usize, 2 - joined, "a thread that has joined a load does not load");
            run.outcome(match joined {
                1 => "one waited, and got the other's value",
                _ => "both loaded",
            });
        });
}

/// A thread waits for a load that fails.
///
/// Caught: a flight that is left in the map when its load fails, or that lands without waking (the waiter sleeps
/// forever); a waiter that returns the failure as its own, or counts its look-up again.
#[test]
fn a_thread_that_waits_for_a_load_that_fails_loads_in_its_turn() {
    Model::new("a thread that waits for a load that fails loads in its turn")
        .outcomes(&["failed first", "found it", "shared it"])
        .if_it_loops(IF_IT_LOOPS)
        .check(|run| {
            let cache = Arc::new(Cache::new(10));
            let other = spawn_named("lucky", {
                let cache = cache.clone();
                move || loaded(&cache, "a")
            });
            let unlucky = cache.get_or_load("a", || Err("the disk is on fire"));
            let lucky = other.join().unwrap();
            let counts = cache.counts();
            assert_eq!(
                counts.hits + counts.misses,
                2,
                "there were two look-ups, and each is counted once, however often it tries; hits and misses together"
            );
            run.outcome(match unlucky {
                Err(_) => {
                    assert!(matches!(lucky, Lookup::Miss(_)), "the other load has failed, so this thread has loaded the value itself (Miss), and its look-up says {lucky:?}");
                    "failed first"
                }
                Ok((_, Lookup::Hit)) => "found it",
                Ok((_, Lookup::Joined)) => "shared it",
                Ok((_, Lookup::Miss(_))) => panic!("this thread's load fails, and it claims to have loaded"),
            });
            assert!(cache.get("a").is_some(), "one load succeeded, and nothing is in the cache");
        });
}

/// One load fails, and two other threads were waiting for it. One of them loads; the other joins it, or finds the value
/// in the cache.
///
/// Caught: counting a hit for a look-up that was counted as a miss before its first wait; a waiter that loads without
/// checking again whether another one does.
#[test]
fn two_threads_that_wait_for_a_load_that_fails_wake_and_are_counted_once() {
    Model::new("two threads that wait for a load that fails wake, and are counted once").preemption_bound(2).check(|_| {
        let cache = Arc::new(Cache::new(10));
        let others = ["left", "right"].map(|name| {
            let cache = cache.clone();
            spawn_named(name, move || loaded(&cache, "a"))
        });
        let failed = cache.get_or_load("a", || Err("the disk is on fire")).is_err();
        for other in others {
            other.join().unwrap();
        }
        let counts = cache.counts();
        assert_eq!(
            counts.loads,
            if failed { 2 } else { 1 },
            "after a load that failed, one of the threads that waited loads, and the others join it or find the value; loads"
        );
        assert_eq!(
            counts.hits + counts.misses,
            3,
            "there were three look-ups, and each is counted once, however often it tries"
        );
    });
}

/// Two threads insert more than there is room for, while a third reads the size.
///
/// Caught: no eviction; evicting after inserting, in another critical section; a weight that is counted before the
/// victim's is given back; a sum that is not kept under the write lock.
#[test]
fn the_size_never_exceeds_the_capacity() {
    Model::new("the size never exceeds the capacity").preemption_bound(2).outcomes(&["0", "1", "2"]).check(
        |run| {
            let cache = Arc::new(Cache::new(2));
            // They never load the same key, because merging two loads is the promise of another task.
            let first = spawn_named("first", {
                let cache = cache.clone();
                move || ["a", "b"].map(|key| Some(loaded(&cache, key)))
            });
            let second = spawn_named("second", {
                let cache = cache.clone();
                move || [Some(loaded(&cache, "c")), cache.get("a").map(|_| Lookup::Hit)]
            });
            let counts = cache.counts();
            assert!(counts.bytes <= 2, "{} bytes are in a cache of 2", counts.bytes);
            assert_eq!(counts.bytes, counts.entries, "every entry weighs 1");
            run.outcome(&counts.bytes.to_string());
            let lookups: Vec<Lookup> =
                [first, second].into_iter().flat_map(|writer| writer.join().unwrap()).flatten().collect();
            check_the_books(&cache, &lookups);
        },
    );
}

/// Checks that the contents are what was added minus what was removed, and that every look-up was counted once.
fn check_the_books(cache: &Cache<Weight>, lookups: &[Lookup]) {
    let counts = cache.counts();
    let changes = lookups.iter().filter_map(|lookup| match lookup {
        Lookup::Miss(change) => Some(*change),
        Lookup::Hit | Lookup::Joined => None,
    });
    let (mut bytes, mut evicted, mut loads) = (0, 0, 0);
    for change in changes {
        bytes += change.bytes_added as i64 - change.bytes_removed as i64;
        evicted += change.evicted as u64;
        loads += 1;
    }
    assert_eq!(
        bytes, counts.bytes as i64,
        "the changes that were reported do not add up to what is in the cache"
    );
    assert_eq!(evicted, counts.evictions, "evictions reported, and evictions counted");
    assert_eq!(loads, counts.loads, "loads reported, and loads counted");
    assert_eq!(counts.hits + counts.misses, lookups.len() as u64, "every look-up is a hit or a miss");
    assert!(counts.loads <= counts.misses, "there are no loads without a miss");
}

/// A hit and an eviction at the same time. `a` was used before `b`, so `a` would be evicted; if the hit is first, it
/// must be `b`.
///
/// Caught: a hit without a stamp; a victim that is chosen under the read lock and removed later; an order that is not
/// brought up to date.
#[test]
fn a_hit_in_time_saves_an_entry_from_eviction() {
    Model::new("a hit in time saves an entry from eviction").outcomes(&["in time", "too late"]).check(
        |run| {
            let cache = Arc::new(Cache::new(2));
            loaded(&cache, "a");
            loaded(&cache, "b");
            let evictor = spawn_named("evictor", {
                let cache = cache.clone();
                move || loaded(&cache, "c")
            });
            let hit = cache.get("a").is_some();
            evictor.join().unwrap();
            let (a, b) = (cache.get("a").is_some(), cache.get("b").is_some());
            assert_eq!((a, b), (hit, !hit), "(a is here, b is here) after a hit on a: {hit}");
            run.outcome(if hit { "in time" } else { "too late" });
        },
    );
}

/// A slow hit on `a` is overtaken by hits on `a`, on `b`, and on `a` again. The last one counts.
///
/// Caught: a stamp that an older one overwrites, be it for a moment only.
#[test]
fn a_slow_hit_does_not_make_an_entry_look_older() {
    Model::new("a slow hit does not make an entry look older")
        .preemption_bound(4)
        .outcomes(&["b went"])
        .check(|run| {
            let cache = Arc::new(Cache::new(2));
            loaded(&cache, "a");
            loaded(&cache, "b");
            let slow = spawn_named("slow", {
                let cache = cache.clone();
                move || cache.get("a").is_some()
            });
            assert!(cache.get("a").is_some(), "nothing was evicted yet");
            assert!(cache.get("b").is_some(), "nothing was evicted yet");
            assert!(cache.get("a").is_some(), "nothing was evicted yet");
            assert!(slow.join().unwrap(), "nothing was evicted yet");
            loaded(&cache, "c");
            assert!(cache.get("a").is_some(), "a was used last, and it was evicted");
            assert!(cache.get("b").is_none(), "b was used least recently, and it is still here");
            run.outcome("b went");
        });
}

/// Hits on three entries at once, then a value that needs the room of all three. In whatever order the hits come, every
/// entry must have its own place in the order.
///
/// Caught: a clock that is read in one step and advanced in another, so that two entries get the same stamp.
#[test]
fn entries_that_are_hit_at_once_can_all_be_evicted() {
    Model::new("entries that are hit at once can all be evicted")
        .preemption_bound(2)
        .outcomes(&["all went"])
        .check(|run| {
            let cache = Arc::new(Cache::new(3));
            for key in ["a", "b", "c"] {
                loaded(&cache, key);
            }
            let others = ["a", "b"].map(|key| {
                let cache = cache.clone();
                spawn_named(key, move || cache.get(key).is_some())
            });
            assert!(cache.get("c").is_some(), "nothing was evicted yet");
            for other in others {
                assert!(other.join().unwrap(), "nothing was evicted yet");
            }
            let Ok(_) = cache.get_or_load("heavy", || Ok::<_, Infallible>(Weight(3)));
            let counts = cache.counts();
            assert_eq!(
                (counts.entries, counts.bytes),
                (1, 3),
                "(entries, bytes) when one entry needs all the room"
            );
            run.outcome("all went");
        });
}

/// Hits must not wait for each other, so they may take the read lock only.
///
/// Caught: a hit under the write lock; a hit under the read lock and a mutex; a `get_or_load` that begins with the
/// second look-up.
#[test]
fn a_hit_takes_the_read_lock_only() {
    Model::new("a hit takes the read lock only").outcomes(&["hit"]).check(|run| {
        let cache = Arc::new(Cache::new(2));
        loaded(&cache, "a");
        let run = *run;
        let readers = ["first", "second"].map(|name| {
            let cache = cache.clone();
            spawn_named(name, move || {
                let hit = match name {
                    "first" => cache.get("a").is_some(),
                    _ => loaded(&cache, "a") == Lookup::Hit,
                };
                assert!(hit, "nothing was evicted");
                assert!(!run.has_done("write lock"), "a hit took the write lock: hits wait for each other");
                assert!(!run.has_done("lock"), "a hit took a mutex: hits wait for each other");
                assert!(run.has_done("read lock"), "a hit was made without the lock");
                run.outcome("hit");
            })
        });
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

/// Caught: hits that are counted with a load and a store.
#[test]
fn hits_at_once_are_all_counted() {
    Model::new("hits at once are all counted").outcomes(&["both"]).check(|run| {
        let cache = Arc::new(Cache::new(2));
        loaded(&cache, "a");
        let reader = spawn_named("reader", {
            let cache = cache.clone();
            move || cache.get("a").is_some()
        });
        assert!(cache.get("a").is_some() && reader.join().unwrap(), "nothing was evicted");
        assert_eq!(cache.counts().hits, 2, "two threads have found the value; hits that were counted");
        run.outcome("both");
    });
}

/// Three threads look one key up; the load of one of them may fail. A thread that has slept has waited
/// for a load, so the value was not in the cache when it came.
///
/// Caught: a look-up that is counted as a miss, waits for a load that fails, then finds the value, and
/// reports a hit; one that is counted as a hit, too; one that reports a load of its own.
#[test]
fn a_look_up_says_what_was_counted() {
    Model::new("a look-up says what was counted")
        .preemption_bound(2)
        .outcomes(&["nobody hits", "one hits", "two hit"])
        .check(|run| {
            let (cache, run) = (Arc::new(Cache::new(10)), *run);
            let others = ["second", "third"].map(|name| {
                let cache = cache.clone();
                spawn_named(name, move || {
                    let lookup = loaded(&cache, "a");
                    assert!(
                        lookup != Lookup::Hit || !run.has_done("wait, asleep"),
                        "a thread has waited for a load, so the value was not there: this is no Hit. It must say \
                         Joined (or Miss, if it then loaded the value itself), and says Hit"
                    );
                    lookup
                })
            });
            let own = cache.get_or_load("a", || Err("the disk is on fire"));
            let others = others.map(|other| other.join().unwrap());
            let lookups = || own.iter().map(|(_, lookup)| lookup).chain(&others);
            let hits = lookups().filter(|&&lookup| lookup == Lookup::Hit).count();
            assert_eq!(
                hits as u64,
                cache.counts().hits,
                "look-ups that say Hit; expected are as many as the hits that were counted"
            );
            let loads = lookups().filter(|lookup| matches!(lookup, Lookup::Miss(_))).count();
            assert_eq!(
                loads as u64 + u64::from(own.is_err()),
                cache.counts().loads,
                "look-ups that say that they loaded (Miss, or the error of a load that failed); expected \
                 are as many as the loads that were counted"
            );
            run.outcome(["nobody hits", "one hits", "two hit"][hits]);
        });
}

/// A thread misses `a`, and finds it at its second look-up. Then an entry must be evicted, and whether `a` was used
/// after `b` decides which.
///
/// Caught: a second look-up that makes no stamp.
#[test]
fn a_hit_of_the_second_look_is_a_use() {
    Model::new("a hit of the second look is a use")
        .outcomes(&[
            "a Hit at the second look, without a wait, and a was kept",
            "a Hit at the second look, without a wait, and a was evicted",
            "a Hit at once",
            "Joined",
            "a Miss",
        ])
        .check(|run| {
            let (cache, own) = (Arc::new(Cache::new(2)), *run);
            let other = spawn_named("other", {
                let cache = cache.clone();
                move || (loaded(&cache, "a"), own.has_done("write lock") || own.has_done("lock"))
            });
            loaded(&cache, "a");
            loaded(&cache, "b");
            let (lookup, looked_twice) = other.join().unwrap();
            loaded(&cache, "c");
            run.outcome(match (lookup, looked_twice) {
                (Lookup::Hit, true) if cache.get("a").is_some() => {
                    "a Hit at the second look, without a wait, and a was kept"
                }
                (Lookup::Hit, true) => "a Hit at the second look, without a wait, and a was evicted",
                (Lookup::Hit, false) => "a Hit at once",
                (Lookup::Joined, _) => "Joined",
                (Lookup::Miss(_), _) => "a Miss",
            });
        });
}

/// A value in plain memory that its loader fills in: reading it too early is a data race.
struct Filled(UnsafeCell<u32>);

impl Weigh for Filled {
    fn weight(&self) -> usize {
        1
    }
}

// SAFETY: written only by the loader, before the value is shared; loom reports a violation as a data race.
#[allow(unsafe_code)]
unsafe impl Sync for Filled {}

/// A thread looks a key up while another loads it.
///
/// Caught: a value that is inserted before it is loaded; a flight that lands before it has its value.
#[test]
fn no_thread_sees_a_value_before_it_is_complete() {
    Model::new("no thread sees a value before it is complete").outcomes(&["absent", "complete"]).check(
        |run| {
            let cache = Arc::new(Cache::new(10));
            let loader = spawn_named("loader", {
                let cache = cache.clone();
                move || {
                    let value = Filled(UnsafeCell::new(0));
                    #[allow(unsafe_code)]
                    // SAFETY: the value is not shared yet.
                    value.0.with_mut(|number| unsafe { *number = 7 });
                    let Ok(_) = cache.get_or_load("a", || Ok::<_, Infallible>(value));
                }
            });
            run.outcome(match cache.get("a") {
                None => "absent",
                Some(value) => {
                    #[allow(unsafe_code)]
                    // SAFETY: the loader finished writing before it shared the value; this is what loom checks.
                    let number = value.0.with(|number| unsafe { *number });
                    assert_eq!(number, 7, "the value was seen half-made");
                    "complete"
                }
            });
            loader.join().unwrap();
        },
    );
}

/// Two threads find the same entry out of date. One removes and reloads it; the other's removal must not hit the new
/// value.
///
/// Caught: removing by key alone.
#[test]
fn a_late_removal_does_not_throw_a_new_value_away() {
    Model::new("a late removal does not throw a new value away").outcomes(&["kept"]).check(|run| {
        let cache = Arc::new(Cache::new(10));
        loaded(&cache, "a");
        let stale = cache.get("a").unwrap();
        let removed = Arc::new(AtomicUsize::new(0));
        let other = spawn_named("reloader", {
            let (cache, stale, removed) = (cache.clone(), stale.clone(), removed.clone());
            move || {
                removed.fetch_add(cache.remove_if_same("a", &stale).removed, Relaxed);
                loaded(&cache, "a")
            }
        });
        removed.fetch_add(cache.remove_if_same("a", &stale).removed, Relaxed);
        other.join().unwrap();
        assert_eq!(removed.fetch_add(0, Relaxed), 1, "one entry was removed, by one of the two");
        let now = cache.get("a").expect("the reloaded value was thrown away");
        assert!(!Arc::ptr_eq(&now, &stale), "the stale value is still here");
        run.outcome("kept");
    });
}

/// Loads `a`, and fails with `promise` if another load of it is in progress.
fn load_alone(cache: &Cache<Weight>, loading: &AtomicUsize, promise: &str) -> Lookup {
    let Ok((_, lookup)) = cache.get_or_load("a", || {
        assert_eq!(loading.fetch_add(1, Relaxed), 0, "two loads of one key at once: {promise}");
        loading.fetch_sub(1, Relaxed);
        Ok::<_, Infallible>(Weight(1))
    });
    lookup
}

/// Nothing fits into this cache, so three threads that want one key may load it one after the other, or
/// share a load. A thread that has slept has waited for a load, and every load succeeds: it shares it.
///
/// Caught: a flight that ends a second time, after it has landed, and removes the next flight of its
/// key; a flight that one of two loaders overwrites; a value that only the first of two waiting threads
/// gets, or that none gets once its loader has let go of it.
#[test]
fn threads_that_want_a_key_that_is_not_kept_load_it_one_at_a_time() {
    Model::new("threads that want a key that is not kept load it one at a time").preemption_bound(2).check(
        |run| {
            let (cache, loading) = (Arc::new(Cache::new(0)), Arc::new(AtomicUsize::new(0)));
            let run = *run;
            let look_up = move |cache: &Cache<Weight>, loading: &AtomicUsize| {
                let promise = "while a key is being loaded, the others wait and share the result";
                let lookup = load_alone(cache, loading, promise);
                assert!(
                    lookup == Lookup::Joined || !run.has_done("wait, asleep"),
                    "a thread slept until a load had ended, and no load fails: it must share the \
                     result (Joined), and its look-up says {lookup:?}"
                );
            };
            let others = ["second", "third"].map(|name| {
                let (cache, loading) = (cache.clone(), loading.clone());
                spawn_named(name, move || look_up(&cache, &loading))
            });
            look_up(&cache, &loading);
            for other in others {
                other.join().unwrap();
            }
        },
    );
}

/// Nothing fits into this cache, and two threads look one key up twice: a thread may still be on its way out of the first
/// load while the second one runs.
///
/// Caught: a thread that has waited, and then removes whatever flight of its key there is.
#[test]
fn a_thread_that_has_waited_does_not_end_the_next_load() {
    Model::new("a thread that has waited does not end the next load").preemption_bound(2).check(|_| {
        let (cache, loading) = (Arc::new(Cache::new(0)), Arc::new(AtomicUsize::new(0)));
        let look_up_twice = |cache: &Cache<Weight>, loading: &AtomicUsize| {
            let promise =
                "the load before this one has ended, and a thread that waited for it ends this one, too";
            (0..2).for_each(|_| _ = load_alone(cache, loading, promise));
        };
        let other = spawn_named("second", {
            let (cache, loading) = (cache.clone(), loading.clone());
            move || look_up_twice(&cache, &loading)
        });
        look_up_twice(&cache, &loading);
        other.join().unwrap();
    });
}

/// `b` is loaded, successfully or not, while two other threads want `a`.
///
/// Caught: an end of a flight that removes the flights of other keys.
#[test]
fn the_end_of_a_load_ends_no_load_of_another_key() {
    for fails in [false, true] {
        Model::new("the end of a load ends no load of another key").preemption_bound(2).check(move |_| {
            let (cache, loading) = (Arc::new(Cache::new(10)), Arc::new(AtomicUsize::new(0)));
            let others = ["second", "third"].map(|name| {
                let (cache, loading) = (cache.clone(), loading.clone());
                let promise = "two threads load a at once, and another one has ended its load of b";
                spawn_named(name, move || _ = load_alone(&cache, &loading, promise))
            });
            let _ = cache.get_or_load("b", || if fails { Err(()) } else { Ok(Weight(1)) });
            for other in others {
                other.join().unwrap();
            }
        });
    }
}

/// A thread removes an old value while the new one is being loaded. A third thread that wants it must join that load.
///
/// Caught: a removal that also removes the flight of its key.
#[test]
fn the_load_of_a_key_survives_the_removal_of_its_old_value() {
    Model::new("the load of a key survives the removal of its old value").preemption_bound(2).check(|_| {
        let (cache, loading) = (Arc::new(Cache::new(10)), Arc::new(AtomicUsize::new(0)));
        loaded(&cache, "a");
        let stale = cache.get("a").unwrap();
        cache.remove_if_same("a", &stale);
        let others = ["second", "third"].map(|name| {
            let (cache, loading) = (cache.clone(), loading.clone());
            let promise = "a removal that came too late let a second load begin";
            spawn_named(name, move || load_alone(&cache, &loading, promise))
        });
        assert_eq!(cache.remove_if_same("a", &stale).removed, 0, "this value was removed before");
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(
            cache.counts().loads,
            2,
            "a removal that came too late let a second load begin; loads of a, the old value's among them"
        );
    });
}

/// A thread that waits for a load may wake without a reason, and not only once.
///
/// Caught: a `wait` with `if` instead of a loop, or with a few of them.
#[test]
fn woken_for_nothing_a_thread_waits_on_for_the_load() {
    let model = Model::new("woken for nothing, a thread waits on for the load");
    model.wakes_often_for_nothing().check(|_| {
        let cache = Arc::new(Cache::new(0));
        let other = spawn_named("second", {
            let cache = cache.clone();
            move || loaded(&cache, "a")
        });
        let lookups = [loaded(&cache, "a"), other.join().unwrap()];
        let joined = lookups.iter().filter(|&&lookup| lookup == Lookup::Joined).count();
        assert_eq!(
            cache.counts().loads as usize,
            2 - joined,
            "a thread that has joined a load does not load"
        );
    });
}

const IF_IT_LOOPS: &str = "a thread looks up the key a again and again. Is the flight of a load that has \
                           ended still in the map, or was it taken out only after it landed? Then a \
                           thread that wakes finds it again, and does not load a";

/// One thread gets what another has not put in.
///
/// Caught: a hit that is counted before the look, and taken back.
#[test]
fn a_get_that_finds_nothing_is_no_hit() {
    Model::new("a get that finds nothing is no hit").outcomes(&["none"]).check(|run| {
        let cache = Arc::new(Cache::<Weight>::new(2));
        let other = spawn_named("gets", {
            let cache = cache.clone();
            move || cache.get("a").is_some()
        });
        let hits = cache.counts().hits;
        assert_eq!(hits, 0, "no value ever came into the cache, so no look-up found one; counts().hits");
        assert!(!other.join().unwrap(), "no value ever came into the cache");
        run.outcome("none");
    });
}

/// Two threads look one key up, and one of them reads the counts before the other has returned.
///
/// Caught: a miss or a load that is counted before the second look, and taken back.
#[test]
fn no_load_and_no_miss_is_counted_and_taken_back() {
    let model = Model::new("no load and no miss is counted and taken back");
    model.outcomes(&["a Hit", "Joined"]).check(|run| {
        let cache = Arc::new(Cache::new(2));
        let other = spawn_named("second", {
            let cache = cache.clone();
            move || loaded(&cache, "a")
        });
        let own = loaded(&cache, "a");
        let counts = cache.counts();
        let hit = [own, other.join().unwrap()].contains(&Lookup::Hit);
        assert_eq!(counts.loads, 1, "two look-ups of a, of which one loads it; loads that were counted");
        if hit {
            assert_eq!(
                counts.misses, 1,
                "two look-ups of a, of which one is a Hit in the end; misses that were counted"
            );
        }
        run.outcome(if hit { "a Hit" } else { "Joined" });
    });
}

/// One thread loads `a`; another removes it as soon as it is there, and looks it up again.
///
/// Caught: a flight that stays in the map after its value was put in. The look-up joins it, and gets the value that was
/// removed.
#[test]
fn a_value_that_was_removed_is_not_handed_out_again() {
    let outcomes = ["not there yet", "removed, and loaded again"];
    Model::new("a value that was removed is not handed out again").outcomes(&outcomes).check(|run| {
        let cache = Arc::new(Cache::new(2));
        let other = spawn_named("loader", {
            let cache = cache.clone();
            move || loaded(&cache, "a")
        });
        run.outcome(match cache.get("a") {
            None => "not there yet",
            Some(stale) => {
                assert_eq!(cache.remove_if_same("a", &stale).removed, 1, "get has just found this value");
                let Ok((now, lookup)) = cache.get_or_load("a", || Ok::<_, Infallible>(Weight(1)));
                assert!(
                    !Arc::ptr_eq(&now, &stale),
                    "a was removed, and a look-up that came later got the removed value. It says {lookup:?}. See \
                     \"4.4 One load for each miss\""
                );
                "removed, and loaded again"
            }
        });
        other.join().unwrap();
    });
}
