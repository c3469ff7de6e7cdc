//! The bug hunts of lab 4. The broken parts are in the exercise's folder `hunts/`; these models find the bugs.
//!
//! Each broken part has its own module, so that names and implementations in it cannot affect its tests.

// What the broken parts synchronize with: `use crate::sync`, as in the parts.
use lanes::sync;

mod kitchen {
    pub use broken::Kitchen;
    #[forbid(unsafe_code)]
    mod broken {
        include!(concat!(env!("CARGO_MANIFEST_DIR"), "/hunts/kitchen.rs"));
    }

    use lanes::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use lanes::{Model, thread};
    use std::sync::Arc;
    use verdict::test;

    #[test]
    fn a_dish_is_cooked_once_however_many_order_it() {
        Model::new("a dish is cooked once, however many order it").outcomes(&["served"]).check(|run| {
            let (kitchen, cooked) = (Arc::new(Kitchen::new()), Arc::new(AtomicUsize::new(0)));
            let guests = [("left", 1), ("right", 2)].map(|(name, dish)| {
                let (kitchen, cooked) = (kitchen.clone(), cooked.clone());
                thread::spawn_named(name, move || {
                    kitchen.order(|| {
                        cooked.fetch_add(1, SeqCst);
                        dish
                    })
                })
            });
            let dishes = guests.map(|guest| guest.join().unwrap());
            assert_eq!(cooked.load(SeqCst), 1, "the dish was cooked twice");
            assert_eq!(dishes[0], dishes[1], "the guests got different dishes");
            run.outcome("served");
        });
    }

    /// Catches: a cook that wakes only one of the waiting guests; a guest that does not look again after a spurious
    /// wake-up.
    #[test]
    fn three_guests_get_the_same_dish() {
        Model::new("three guests get the same dish")
            .preemption_bound(2)
            .wakes_often_for_nothing()
            .outcomes(&["served"])
            .check(|run| {
                let (kitchen, cooked) = (Arc::new(Kitchen::new()), Arc::new(AtomicUsize::new(0)));
                let guests = [("left", 1), ("middle", 2), ("right", 3)].map(|(name, dish)| {
                    let (kitchen, cooked) = (kitchen.clone(), cooked.clone());
                    thread::spawn_named(name, move || {
                        kitchen.order(|| {
                            cooked.fetch_add(dish, SeqCst);
                            dish as u32
                        })
                    })
                });
                let dishes = guests.map(|guest| guest.join().unwrap());
                let cooked = cooked.load(SeqCst) as u32;
                assert_eq!(dishes, [cooked; 3], "each guest gets the dish that was cooked, and no other");
                run.outcome("served");
            });
    }
}

mod accounts {
    pub use broken::Accounts;
    #[forbid(unsafe_code)]
    mod broken {
        include!(concat!(env!("CARGO_MANIFEST_DIR"), "/hunts/accounts.rs"));
    }

    use lanes::{Model, thread};
    use std::sync::Arc;
    use verdict::test;

    #[test]
    fn two_transfers_in_opposite_directions_both_end() {
        Model::new("two transfers in opposite directions both end").outcomes(&["both done"]).check(|run| {
            let accounts = Arc::new(Accounts::new(&[10, 10]));
            let there = thread::spawn_named("there", {
                let accounts = accounts.clone();
                move || accounts.transfer(0, 1, 3)
            });
            let back = accounts.transfer(1, 0, 4);
            assert!(there.join().unwrap() && back, "there was enough in both accounts");
            assert_eq!((accounts.balance(0), accounts.balance(1)), (11, 9), "3 went there and 4 came back");
            run.outcome("both done");
        });
    }

    /// Catches: an order that is right for the first two accounts only.
    #[test]
    fn so_do_transfers_with_the_last_of_three() {
        for one in [0, 1] {
            Model::new("transfers with the last of three end").outcomes(&["both done"]).check(move |run| {
                let accounts = Arc::new(Accounts::new(&[10, 10, 10]));
                let there = thread::spawn_named("there", {
                    let accounts = accounts.clone();
                    move || accounts.transfer(one, 2, 3)
                });
                let back = accounts.transfer(2, one, 4);
                assert!(there.join().unwrap() && back, "there was enough in both accounts");
                assert_eq!(
                    (accounts.balance(one), accounts.balance(2)),
                    (11, 9),
                    "3 went there and 4 came back"
                );
                run.outcome("both done");
            });
        }
    }

    /// Catches: locks that are taken one after the other, each released before the next.
    #[test]
    fn an_amount_that_was_taken_is_in_the_other_account() {
        Model::new("an amount that was taken is in the other account")
            .outcomes(&["seen before", "seen after"])
            .check(|run| {
                let accounts = Arc::new(Accounts::new(&[10, 0]));
                let transfer = thread::spawn_named("transfer", {
                    let accounts = accounts.clone();
                    move || accounts.transfer(0, 1, 3)
                });
                let seen = (accounts.balance(0), accounts.balance(1));
                assert_ne!(seen, (7, 0), "3 had left the first account, and were in neither");
                run.outcome(if seen.0 == 7 { "seen after" } else { "seen before" });
                assert!(transfer.join().unwrap(), "there was enough");
            });
    }

    /// Catches: an amount that is given before it is taken.
    #[test]
    fn nothing_is_given_that_was_not_taken() {
        Model::new("nothing is given that was not taken").outcomes(&["both refused"]).check(|run| {
            let accounts = Arc::new(Accounts::new(&[0, 0]));
            let there = thread::spawn_named("there", {
                let accounts = accounts.clone();
                move || accounts.transfer(0, 1, 5)
            });
            let back = accounts.transfer(1, 0, 5);
            assert_eq!((there.join().unwrap(), back), (false, false), "both accounts were empty");
            run.outcome("both refused");
        });
    }

    #[test]
    fn nothing_is_taken_that_is_not_there() {
        Model::new("nothing is taken that is not there").outcomes(&["one refused"]).check(|run| {
            let accounts = Arc::new(Accounts::new(&[5, 0]));
            let other = thread::spawn_named("other", {
                let accounts = accounts.clone();
                move || accounts.transfer(0, 1, 4)
            });
            let here = accounts.transfer(0, 1, 4);
            assert!(other.join().unwrap() != here, "there was enough for one of the two");
            assert_eq!(accounts.balance(0) + accounts.balance(1), 5, "money was made or lost");
            run.outcome("one refused");
        });
    }
}

// The types of the compared values, by their full names: a type of the student's own could be equal to everything.
const _: fn(&accounts::Accounts, usize) -> ::core::primitive::u64 = accounts::Accounts::balance;
const _: fn(&kitchen::Kitchen, fn() -> u32) -> ::core::primitive::u32 = kitchen::Kitchen::order;
