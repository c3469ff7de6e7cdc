//! What `ConnectionLimit` promises in every interleaving.

use crate::ConnectionLimit;
use lanes::Model;
use lanes::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use lanes::thread::spawn_named;
use std::sync::Arc;
use verdict::test;

/// Two threads and one permit.
///
/// Caught: an `acquire` that does not wait at the limit; a permit that does not come back.
#[test]
fn there_are_never_more_permits_out_than_the_limit() {
    Model::new("there are never more permits out than the limit").outcomes(&["one after the other"]).check(
        |run| {
            let limit = ConnectionLimit::new(1);
            let inside = Arc::new(AtomicUsize::new(0));
            let run = *run;
            let serve = move |limit: ConnectionLimit, inside: Arc<AtomicUsize>| {
                let permit = limit.acquire();
                assert_eq!(
                    inside.fetch_add(1, Relaxed),
                    0,
                    "a thread got the only permit while another had it; permits that were out before"
                );
                inside.fetch_sub(1, Relaxed);
                drop(permit);
            };
            let other = spawn_named("second", {
                let (limit, inside) = (limit.clone(), inside.clone());
                move || serve(limit, inside)
            });
            serve(limit.clone(), inside);
            other.join().unwrap();
            assert_eq!(limit.active(), 0, "all permits were dropped, and not all came back");
            run.outcome("one after the other");
        },
    );
}

/// One thread has the permit, another wants it.
///
/// Caught: a `drop` that wakes nobody; an `acquire` that checks and falls asleep in two steps, so that the permit comes
/// back between them; an `acquire` that polls instead of sleeping.
#[test]
fn a_permit_that_comes_back_wakes_a_thread_that_sleeps_for_it() {
    Model::new("a permit that comes back wakes a thread that sleeps for it").outcomes(&["served"]).check(
        |run| {
            let limit = ConnectionLimit::new(1);
            let permit = limit.acquire();
            let other = spawn_named("next", {
                let limit = limit.clone();
                move || drop(limit.acquire())
            });
            drop(permit);
            other.join().unwrap();
            assert_eq!(limit.active(), 0, "all permits were dropped, and not all came back");
            run.outcome("served");
        },
    );
}

/// Three threads and one permit: when it comes back, two may be asleep, and each must get it in the end.
///
/// Caught: a `drop` that wakes nobody, or only when all permits are still out; an `acquire` that compares with `>`; a
/// wait with `if` instead of `while` (a third thread takes the permit before the woken one has the mutex).
#[test]
fn every_sleeper_gets_a_permit_in_the_end() {
    Model::new("every sleeper gets a permit in the end").preemption_bound(2).outcomes(&["all served"]).check(
        |run| {
            let limit = ConnectionLimit::new(1);
            let inside = Arc::new(AtomicUsize::new(0));
            let others: Vec<_> = ["second", "third"]
                .into_iter()
                .map(|name| {
                    let (limit, inside) = (limit.clone(), inside.clone());
                    spawn_named(name, move || {
                        let _permit = limit.acquire();
                        assert_eq!(
                            inside.fetch_add(1, Relaxed),
                            0,
                            "a thread got the only permit while another had it; permits that were out before"
                        );
                        inside.fetch_sub(1, Relaxed);
                    })
                })
                .collect();
            drop(limit.acquire());
            for other in others {
                other.join().unwrap();
            }
            run.outcome("all served");
        },
    );
}

/// One thread serves, another drains.
///
/// Caught: a `drain` that checks once instead of waiting; a `drop` that forgets the drainer; a `drain` that waits for a
/// number other than 0.
#[test]
fn drain_returns_only_when_all_permits_are_back() {
    Model::new("drain returns only when all permits are back").outcomes(&["after the last"]).check(|run| {
        let limit = ConnectionLimit::new(2);
        let served = Arc::new(AtomicUsize::new(0));
        for name in ["first", "second"] {
            let (permit, served) = (limit.acquire(), served.clone());
            spawn_named(name, move || {
                served.fetch_add(1, Relaxed);
                drop(permit);
            });
        }
        limit.drain();
        assert_eq!(
            served.fetch_add(0, Relaxed),
            2,
            "drain returned before both connections had ended; connections that had ended"
        );
        run.outcome("after the last");
    });
}

/// A thread drains, and then uses the limit.
///
/// Caught: two numbers, one for `drain` and one for `acquire`, of which the second one is late.
#[test]
fn after_a_drain_every_permit_is_here() {
    Model::new("after a drain every permit is here").outcomes(&["after the last"]).check(|run| {
        let limit = ConnectionLimit::new(1);
        let permit = limit.acquire();
        let server = spawn_named("server", move || drop(permit));
        limit.drain();
        assert_eq!(limit.active(), 0, "drain has returned, so no permit is out; active()");
        assert!(limit.try_acquire().is_some(), "drain has returned, and try_acquire gives no permit");
        server.join().unwrap();
        run.outcome("after the last");
    });
}

/// An acquirer and a drainer are both asleep when the last permit comes back.
///
/// Caught: one condition variable for both with `notify_one` (the wake-up goes to the one that cannot use
/// it); a `drop` that forgets either of them.
#[test]
fn an_acquirer_and_a_drainer_are_both_woken() {
    Model::new("an acquirer and a drainer are both woken").outcomes(&["both awake"]).check(|run| {
        let limit = ConnectionLimit::new(1);
        let permit = limit.acquire();
        let drainer = spawn_named("drainer", {
            let limit = limit.clone();
            move || limit.drain()
        });
        let acquirer = spawn_named("acquirer", {
            let limit = limit.clone();
            move || drop(limit.acquire())
        });
        drop(permit);
        drainer.join().unwrap();
        acquirer.join().unwrap();
        run.outcome("both awake");
    });
}

/// `try_acquire` races with a permit that comes back.
///
/// Caught: a `try_acquire` that does not check the limit; one that takes a permit and returns `None`.
#[test]
fn try_acquire_takes_a_permit_or_leaves_everything_as_it_was() {
    Model::new("try_acquire takes a permit or leaves everything as it was")
        .outcomes(&["it was back", "it was still out"])
        .check(|run| {
            let limit = ConnectionLimit::new(1);
            let inside = Arc::new(AtomicUsize::new(1));
            let permit = limit.try_acquire();
            let other = spawn_named("server", {
                let inside = inside.clone();
                move || {
                    inside.fetch_sub(1, Relaxed);
                    drop(permit);
                }
            });
            let got = limit.try_acquire();
            if got.is_some() {
                assert_eq!(
                    inside.fetch_add(1, Relaxed),
                    0,
                    "the only permit was out, and try_acquire gave another"
                );
            }
            other.join().unwrap();
            let held = usize::from(got.is_some());
            assert_eq!(limit.active(), held, "active() should be the number of permits that are held");
            run.outcome(if got.is_some() { "it was back" } else { "it was still out" });
        });
}

/// Two permits come back, and two threads sleep for one each.
///
/// Caught: a `drop` that wakes an acquirer only when all permits were out, so that the second sleeper is forgotten.
#[test]
fn each_permit_that_comes_back_wakes_an_acquirer() {
    let outcomes = ["none taken", "one taken", "both taken"];
    Model::new("each permit that comes back wakes an acquirer").outcomes(&outcomes).check(move |run| {
        let limit = ConnectionLimit::new(2);
        let permits = (limit.acquire(), limit.acquire());
        let acquirers = ["first", "second"].map(|name| {
            let limit = limit.clone();
            spawn_named(name, move || limit.acquire())
        });
        drop(permits);
        run.outcome(outcomes[limit.active()]);
        let permits = acquirers.map(|acquirer| acquirer.join().unwrap());
        assert_eq!(limit.active(), permits.len(), "active() should be the number of permits that are held");
    });
}

/// A drainer and an acquirer sleep, and one permit of two comes back.
///
/// Caught: one condition variable for both, with a `notify_one` that wakes the drainer, which cannot use it. That the
/// last permit wakes all is too late: it may be out for hours.
#[test]
fn an_acquirer_is_woken_even_while_another_thread_drains() {
    Model::new("an acquirer is woken even while another thread drains")
        .outcomes(&["served, then drained"])
        .check(|run| {
            let limit = ConnectionLimit::new(2);
            let (first, last) = (limit.acquire(), limit.acquire());
            let drainer = spawn_named("drainer", {
                let limit = limit.clone();
                move || limit.drain()
            });
            let acquirer = spawn_named("acquirer", {
                let limit = limit.clone();
                move || drop(limit.acquire())
            });
            drop(first);
            acquirer.join().unwrap();
            drop(last);
            drainer.join().unwrap();
            run.outcome("served, then drained");
        });
}

/// Two acquirers and a drainer sleep, and both permits come back.
///
/// Caught: a last permit that wakes the drainers only, and drainers that wake the acquirers when they leave.
#[test]
fn two_acquirers_are_woken_although_another_thread_drains() {
    Model::new("two acquirers are woken although another thread drains")
        .preemption_bound(2)
        .outcomes(&["both served"])
        .check(|run| {
            let limit = ConnectionLimit::new(2);
            let both = [limit.acquire(), limit.acquire()];
            let drainer = spawn_named("drainer", {
                let limit = limit.clone();
                move || limit.drain()
            });
            // Both permits are out at once in the end, so that none of the two threads serves the other.
            let acquirers = ["first", "second"].map(|name| {
                let limit = limit.clone();
                spawn_named(name, move || limit.acquire())
            });
            drop(both);
            let permits = acquirers.map(|acquirer| acquirer.join().unwrap());
            drop(permits);
            drainer.join().unwrap();
            run.outcome("both served");
        });
}

/// Two threads wait for the last permit.
///
/// Caught: a `drop` that wakes only one drainer.
#[test]
fn every_drainer_is_woken() {
    Model::new("every drainer is woken").outcomes(&["both awake"]).check(|run| {
        let limit = ConnectionLimit::new(1);
        let permit = limit.acquire();
        let drainers = ["first", "second"].map(|name| {
            let limit = limit.clone();
            spawn_named(name, move || limit.drain())
        });
        drop(permit);
        for drainer in drainers {
            drainer.join().unwrap();
        }
        run.outcome("both awake");
    });
}

/// A thread drains while one permit is out, and another permit is acquired before that one is back.
///
/// Caught: a `drain` that waits only for as many permits as were out when it began.
#[test]
fn drain_waits_for_permits_that_are_acquired_meanwhile() {
    Model::new("drain waits for permits that are acquired meanwhile").outcomes(&["after the last"]).check(
        |run| {
            let limit = ConnectionLimit::new(2);
            let first = limit.acquire();
            let served = Arc::new(AtomicUsize::new(0));
            let drainer = spawn_named("drainer", {
                let (limit, served) = (limit.clone(), served.clone());
                move || {
                    limit.drain();
                    assert_eq!(
                        served.fetch_add(0, Relaxed),
                        1,
                        "drain returned before the connection had ended whose permit was acquired during the drain; ended"
                    );
                }
            });
            let late = limit.acquire();
            drop(first);
            served.fetch_add(1, Relaxed);
            drop(late);
            drainer.join().unwrap();
            run.outcome("after the last");
        },
    );
}

// ANCHOR: two_try
/// Two threads try for the last permit.
///
/// Caught: a `try_acquire` that checks the limit and takes a permit under two separate locks.
#[test]
fn two_threads_that_try_do_not_get_the_same_permit() {
    let outcomes = ["main got it", "the other got it"];
    Model::new("two threads that try do not get the same permit").outcomes(&outcomes).check(|run| {
        let limit = ConnectionLimit::new(1);
        let other = spawn_named("other", {
            let limit = limit.clone();
            move || limit.try_acquire()
        });
        let (own, others) = (limit.try_acquire(), other.join().unwrap());
        assert_eq!(limit.active(), 1, "two threads tried for one permit, and both kept what they got");
        assert!(own.is_some() != others.is_some(), "one of the two gets the permit, the other nothing");
        run.outcome(if own.is_some() { "main got it" } else { "the other got it" });
    });
}
// ANCHOR_END: two_try

/// Two threads try for two permits.
///
/// Caught: a `try_acquire` that gives up because another thread came between its check and its take.
#[test]
fn two_threads_that_try_for_two_permits_get_one_each() {
    Model::new("two threads that try for two permits get one each").outcomes(&["one each"]).check(|run| {
        let limit = ConnectionLimit::new(2);
        let other = spawn_named("other", {
            let limit = limit.clone();
            move || limit.try_acquire()
        });
        let (own, others) = (limit.try_acquire(), other.join().unwrap());
        assert!(own.is_some() && others.is_some(), "two threads tried for two permits, and one got none");
        run.outcome("one each");
    });
}

/// One permit passes between two threads while a third reads `active`.
///
/// Caught: an `active` that is not updated in the same step in which permits are taken and given back.
#[test]
fn active_never_says_more_than_the_limit() {
    Model::new("active never says more than the limit").check(|_| {
        let limit = ConnectionLimit::new(1);
        let permit = limit.try_acquire();
        let giver = spawn_named("giver", move || drop(permit));
        let taker = spawn_named("taker", {
            let limit = limit.clone();
            move || limit.try_acquire()
        });
        let active = limit.active();
        assert!(active <= 1, "active says that {active} permits are out, and there is only 1");
        giver.join().unwrap();
        drop(taker.join().unwrap());
    });
}

/// A sleeper may wake without a reason (pthread_cond_wait(3p), "spurious wakeups").
///
/// Caught: an `acquire` that waits with `if` instead of `while`, or with a few of them.
#[test]
fn woken_for_nothing_an_acquirer_sleeps_on() {
    let model = Model::new("woken for nothing, an acquirer sleeps on").wakes_often_for_nothing();
    sleeps_until_the_permit_is_back(model, |limit, is_back| {
        let _permit = limit.acquire();
        assert_eq!(
            is_back.fetch_add(0, Relaxed),
            1,
            "two permits were out, and the limit is 1. The number of permits that had come back by then"
        );
    });
}

/// Two threads sleep, and one of them wakes without a reason before the permit is back.
///
/// Caught: turns, with a notification that wakes one thread: it may wake a thread whose turn it is not.
#[test]
fn woken_for_nothing_two_acquirers_get_the_permit_in_the_end() {
    Model::new("woken for nothing, two acquirers get the permit in the end")
        .wakes_often_for_nothing()
        .preemption_bound(3)
        .outcomes(&["both served"])
        .check(|run| {
            let limit = ConnectionLimit::new(1);
            let permit = limit.acquire();
            let acquirers = ["first", "second"].map(|name| {
                let limit = limit.clone();
                spawn_named(name, move || drop(limit.acquire()))
            });
            drop(permit);
            for acquirer in acquirers {
                acquirer.join().unwrap();
            }
            run.outcome("both served");
        });
}

/// Its first eight sleeps end without a reason: no moment at which all permits are back has woken it.
///
/// Caught: a `drain` that waits with `if` instead of `while`, or with a few of them.
#[test]
fn woken_for_nothing_a_drainer_sleeps_on() {
    let model = Model::new("woken for nothing, a drainer sleeps on").wakes_often_for_nothing();
    sleeps_until_the_permit_is_back(model, |limit, is_back| {
        limit.drain();
        assert_eq!(
            is_back.fetch_add(0, Relaxed),
            1,
            "drain returned, and a permit was still out. The number of permits that had come back by then"
        );
    });
}

fn sleeps_until_the_permit_is_back(model: Model, wait: fn(&ConnectionLimit, &AtomicUsize)) {
    model.outcomes(&["slept on"]).check(move |run| {
        let limit = ConnectionLimit::new(1);
        let (permit, is_back) = (limit.acquire(), Arc::new(AtomicUsize::new(0)));
        let sleeper = spawn_named("sleeper", {
            let (limit, is_back) = (limit.clone(), is_back.clone());
            move || wait(&limit, &is_back)
        });
        is_back.fetch_add(1, Relaxed);
        drop(permit);
        sleeper.join().unwrap();
        run.outcome("slept on");
    });
}

/// One thread sleeps for the only permit, and another one tries.
///
/// Caught: a lock that an acquirer keeps while it sleeps, so that no other overtakes it, and that `try_acquire` takes,
/// too.
#[test]
fn try_acquire_answers_while_another_thread_sleeps_for_a_permit() {
    Model::new("try_acquire answers while another thread sleeps for a permit").outcomes(&["said no"]).check(
        |run| {
            let limit = ConnectionLimit::new(1);
            let permit = limit.acquire();
            let sleeper = spawn_named("sleeper", {
                let limit = limit.clone();
                move || drop(limit.acquire())
            });
            assert!(limit.try_acquire().is_none(), "the only permit was out, and try_acquire gave another");
            drop(permit);
            sleeper.join().unwrap();
            run.outcome("said no");
        },
    );
}

/// One thread sleeps, and two permits come back: one is left for a thread that tries, whether the sleeper runs or not.
///
/// Caught: a `try_acquire` that says no whenever a thread waits.
#[test]
fn of_two_permits_that_come_back_one_is_left_although_a_thread_waits() {
    Model::new("of two permits that come back, one is left although a thread waits")
        .outcomes(&["left"])
        .check(|run| {
            let limit = ConnectionLimit::new(2);
            let permits = (limit.acquire(), limit.acquire());
            let sleeper = spawn_named("sleeper", {
                let limit = limit.clone();
                move || drop(limit.acquire())
            });
            drop(permits);
            assert!(limit.try_acquire().is_some(), "{ONE_IS_FREE}");
            sleeper.join().unwrap();
            run.outcome("left");
        });
}

/// Two threads drain. Between their wake-up and their look, a permit may be acquired and come back.
///
/// Caught: a `drop` that wakes drainers only if one has said so, and a drainer that says for all that it has left.
#[test]
fn a_drainer_that_is_overtaken_is_woken_again() {
    Model::new("a drainer that is overtaken is woken again").outcomes(&["both awake"]).check(|run| {
        let limit = ConnectionLimit::new(1);
        let permit = limit.acquire();
        let drainers = ["first", "second"].map(|name| {
            let limit = limit.clone();
            spawn_named(name, move || limit.drain())
        });
        drop(permit);
        drop(limit.try_acquire());
        for drainer in drainers {
            drainer.join().unwrap();
        }
        run.outcome("both awake");
    });
}

/// Two permits come back, and both may be gone again before the sleeper looks.
///
/// Caught: an `acquire` that looks twice instead of in a loop.
#[test]
fn a_permit_may_be_stolen_from_a_sleeper_more_than_once() {
    let outcomes = ["0 stolen", "1 stolen", "2 stolen"];
    Model::new("a permit may be stolen from a sleeper more than once").outcomes(&outcomes[1..]).check(
        move |run| {
            let (limit, out) = (ConnectionLimit::new(2), Arc::new(AtomicUsize::new(2)));
            let permits = [limit.acquire(), limit.acquire()];
            let sleeper = spawn_named("sleeper", {
                let (limit, out) = (limit.clone(), out.clone());
                move || {
                    let permit = limit.acquire();
                    assert!(out.fetch_add(1, Relaxed) < 2, "three permits are out, and the limit is 2");
                    permit
                }
            });
            let stolen = permits.map(|permit| {
                out.fetch_sub(1, Relaxed);
                drop(permit);
                limit.try_acquire().inspect(|_| _ = out.fetch_add(1, Relaxed))
            });
            let count = stolen.iter().flatten().count();
            run.outcome(outcomes[count]);
            out.fetch_sub(count, Relaxed);
            drop(stolen);
            drop(sleeper.join().unwrap());
        },
    );
}

const ONE_IS_FREE: &str = "two permits came back, and only one thread waits, so one permit is free, but try_acquire got \
                           none";

/// The only permit comes back while another thread reads `active` and then tries.
///
/// Caught: a number for `active` that is counted down before the permit is back.
#[test]
fn when_active_says_0_a_permit_can_be_taken() {
    let outcomes = ["still out", "back"];
    Model::new("when active says 0, a permit can be taken").outcomes(&outcomes).check(move |run| {
        let limit = ConnectionLimit::new(1);
        let permit = limit.try_acquire();
        let giver = spawn_named("giver", move || drop(permit));
        let is_back = limit.active() == 0;
        if is_back {
            assert!(
                limit.try_acquire().is_some(),
                "active() says that no permit is out, but try_acquire gave none"
            );
        }
        giver.join().unwrap();
        run.outcome(outcomes[usize::from(is_back)]);
    });
}

/// Another thread takes the only permit and keeps it, while this one tries and then reads `active`.
///
/// Caught: a number for `active` that is counted up after the permit was taken.
#[test]
fn when_a_try_gets_none_active_says_that_all_are_out() {
    let outcomes = ["main got it", "the other got it"];
    Model::new("when a try gets none, active says that all are out").outcomes(&outcomes).check(move |run| {
        let limit = ConnectionLimit::new(1);
        let other = spawn_named("other", {
            let limit = limit.clone();
            move || limit.try_acquire()
        });
        let own = limit.try_acquire();
        if own.is_none() {
            assert_eq!(limit.active(), 1, "{ALL_ARE_OUT}");
        }
        run.outcome(outcomes[usize::from(own.is_none())]);
        other.join().unwrap();
    });
}

/// One thread sleeps, and the only permit comes back: the sleeper gets it, or a thread that tries.
///
/// Caught: a `try_acquire` that keeps a permit for each thread that sleeps.
#[test]
fn a_permit_that_comes_back_is_for_the_sleeper_or_for_a_thread_that_tries() {
    let outcomes = ["for the thread that tries", "for the sleeper"];
    Model::new("a permit that comes back is for the sleeper or for a thread that tries")
        .outcomes(&outcomes)
        .check(move |run| {
            let limit = ConnectionLimit::new(1);
            let permit = limit.acquire();
            let sleeper = spawn_named("sleeper", {
                let limit = limit.clone();
                move || limit.acquire()
            });
            drop(permit);
            let tried = limit.try_acquire();
            if tried.is_none() {
                assert_eq!(limit.active(), 1, "{ALL_ARE_OUT}");
            }
            run.outcome(outcomes[usize::from(tried.is_none())]);
            drop(tried);
            drop(sleeper.join().unwrap());
        });
}

const ALL_ARE_OUT: &str =
    "try_acquire gave none, so the only permit must be out, but active() says that none is";
