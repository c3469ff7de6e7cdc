//! The bug hunts of lab 3. The broken parts are in the exercise's folder `hunts/`; these models find the bugs.
//!
//! Each broken part has its own module, so that names and implementations in it cannot affect its tests.

// What the broken parts synchronize with: `use crate::sync`, as in the parts.
use lanes::sync;

mod latch {
    pub use broken::Latch;
    #[forbid(unsafe_code)]
    mod broken {
        include!(concat!(env!("CARGO_MANIFEST_DIR"), "/hunts/latch.rs"));
    }

    use lanes::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use lanes::{Model, thread};
    use std::sync::Arc;
    use verdict::test;

    const TOO_EARLY: &str = "a thread came through the latch, and not all had arrived";

    #[test]
    fn a_thread_that_waits_at_the_latch_gets_through() {
        Model::new("a thread that waits at the latch gets through").outcomes(&["through"]).check(|run| {
            let (latch, arrived) = (Arc::new(Latch::new(1)), Arc::new(AtomicUsize::new(0)));
            let waiters = ["left", "right"].map(|name| {
                let (latch, arrived) = (latch.clone(), arrived.clone());
                thread::spawn_named(name, move || {
                    latch.wait();
                    assert_eq!(arrived.fetch_add(0, Relaxed), 1, "{TOO_EARLY}");
                })
            });
            arrived.fetch_add(1, Relaxed);
            latch.arrive();
            waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
            run.outcome("through");
        });
    }

    /// Catches: exactly two notifications, which pass the previous model.
    #[test]
    fn three_get_through_as_well() {
        Model::new("three that wait at the latch get through")
            .preemption_bound(2)
            .outcomes(&["through"])
            .check(|run| {
                let latch = Arc::new(Latch::new(1));
                let waiters = ["left", "middle", "right"].map(|name| {
                    let latch = latch.clone();
                    thread::spawn_named(name, move || latch.wait())
                });
                latch.arrive();
                waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
                run.outcome("through");
            });
    }

    #[test]
    fn the_latch_opens_with_the_last_arrival() {
        Model::new("the latch opens with the last arrival")
            .wakes_often_for_nothing()
            .outcomes(&["through"])
            .check(|run| {
                let (latch, arrived) = (Arc::new(Latch::new(2)), Arc::new(AtomicUsize::new(0)));
                let arrivals = ["first", "second"].map(|name| {
                    let (latch, arrived) = (latch.clone(), arrived.clone());
                    thread::spawn_named(name, move || {
                        arrived.fetch_add(1, Relaxed);
                        latch.arrive();
                    })
                });
                latch.wait();
                assert_eq!(arrived.fetch_add(0, Relaxed), 2, "{TOO_EARLY}");
                arrivals.into_iter().for_each(|arrival| arrival.join().unwrap());
                run.outcome("through");
            });
    }
}

mod seats {
    pub use broken::Seats;
    #[forbid(unsafe_code)]
    mod broken {
        include!(concat!(env!("CARGO_MANIFEST_DIR"), "/hunts/seats.rs"));
    }

    use lanes::{Model, thread};
    use std::sync::Arc;
    use verdict::test;

    #[test]
    fn no_seat_is_sold_twice() {
        Model::new("no seat is sold twice").outcomes(&["one sold"]).check(|run| {
            let seats = Arc::new(Seats::new(1));
            let counter = thread::spawn_named("other counter", {
                let seats = seats.clone();
                move || seats.sell()
            });
            let here = seats.sell();
            let there = counter.join().unwrap();
            assert!(!(here && there), "there was one seat, and both counters have sold it");
            assert!(here || there, "there was one seat, and neither counter could sell it");
            run.outcome("one sold");
        });
    }

    /// Catches: a seat that is taken before the check; a first sale that takes all seats.
    #[test]
    fn sold_out_is_sold_out() {
        let outcomes = ["here sold both", "there sold both", "one each"];
        Model::new("as many seats are sold as there are").outcomes(&outcomes).check(|run| {
            let seats = Arc::new(Seats::new(2));
            let counter = thread::spawn_named("other counter", {
                let seats = seats.clone();
                move || [seats.sell(), seats.sell()]
            });
            let here = [seats.sell(), seats.sell()];
            let there = counter.join().unwrap();
            let sold = here.iter().chain(&there).filter(|&&sold| sold).count();
            assert_eq!(sold, 2, "there were two seats, and four customers");
            run.outcome(match here {
                [true, true] => "here sold both",
                [false, false] => "there sold both",
                _ => "one each",
            });
        });
    }
}
