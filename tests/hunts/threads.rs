//! The bug hunts of lab 2. The broken parts are in the exercise's folder `hunts/`; these models find the bugs.
//!
//! Each broken part has its own module, so that names and implementations in it cannot affect its tests.

// What the broken parts synchronize with: `use crate::sync`, as in the parts.
use lanes::sync;

mod doorbell {
    pub use broken::Doorbell;
    #[forbid(unsafe_code)]
    mod broken {
        include!(concat!(env!("CARGO_MANIFEST_DIR"), "/hunts/doorbell.rs"));
    }

    use lanes::{Model, sync::atomic::AtomicUsize, sync::atomic::Ordering::Relaxed, thread};
    use std::sync::Arc;
    use verdict::test;

    #[test]
    fn a_ring_is_heard() {
        Model::new("a ring is heard").outcomes(&["heard"]).check(|run| {
            let bell = Arc::new(Doorbell::new());
            let host = thread::spawn_named("host", {
                let bell = bell.clone();
                move || bell.wait()
            });
            bell.ring();
            host.join().unwrap();
            run.outcome("heard");
        });
    }

    #[test]
    fn each_ring_is_answered() {
        Model::new("each ring is answered").wakes_often_for_nothing().outcomes(&["both answered"]).check(
            |run| {
                let (bell, rings) = (Arc::new(Doorbell::new()), Arc::new(AtomicUsize::new(0)));
                let (there, rung) = (bell.clone(), rings.clone());
                let guest = thread::spawn_named("guest", move || {
                    for _ in 0..2 {
                        rung.fetch_add(1, Relaxed);
                        there.ring();
                    }
                });
                (0..2).for_each(|_| bell.wait());
                assert_eq!(
                    rings.fetch_add(0, Relaxed),
                    2,
                    "the host came to the door, and the bell had not been rung"
                );
                guest.join().unwrap();
                run.outcome("both answered");
            },
        );
    }

    /// Catches: a ring that wakes a host only if it is the first that is not answered.
    #[test]
    fn two_rings_wake_two_hosts() {
        Model::new("two rings wake two hosts").outcomes(&["both came"]).check(|run| {
            let bell = Arc::new(Doorbell::new());
            let hosts = ["left", "right"].map(|name| {
                let bell = bell.clone();
                thread::spawn_named(name, move || bell.wait())
            });
            bell.ring();
            bell.ring();
            hosts.into_iter().for_each(|host| host.join().unwrap());
            run.outcome("both came");
        });
    }
}

mod meeting {
    pub use broken::Meeting;
    #[forbid(unsafe_code)]
    mod broken {
        include!(concat!(env!("CARGO_MANIFEST_DIR"), "/hunts/meeting.rs"));
    }

    use lanes::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use lanes::{Model, thread};
    use std::sync::Arc;
    use verdict::test;

    #[test]
    fn no_member_leaves_before_all_have_come() {
        Model::new("no member leaves before all have come")
            .wakes_often_for_nothing()
            .outcomes(&["all were there"])
            .check(|run| {
                let meeting = Arc::new(Meeting::new(2));
                let came = Arc::new(AtomicUsize::new(0));
                let other = thread::spawn_named("other", {
                    let (meeting, came) = (meeting.clone(), came.clone());
                    move || {
                        came.fetch_add(1, Relaxed);
                        meeting.meet();
                    }
                });
                came.fetch_add(1, Relaxed);
                meeting.meet();
                assert_eq!(
                    came.fetch_add(0, Relaxed),
                    2,
                    "one of two left the meeting, and the other had not come"
                );
                other.join().unwrap();
                assert_eq!(meeting.held(), 1, "two members have met once");
                run.outcome("all were there");
            });
    }

    #[test]
    fn they_can_meet_again() {
        Model::new("they can meet again").outcomes(&["met twice"]).check(|run| {
            let meeting = Arc::new(Meeting::new(2));
            let other = thread::spawn_named("other", {
                let meeting = meeting.clone();
                move || {
                    meeting.meet();
                    meeting.meet();
                }
            });
            meeting.meet();
            meeting.meet();
            other.join().unwrap();
            assert_eq!(meeting.held(), 2, "two members have met twice");
            run.outcome("met twice");
        });
    }

    /// Catches: a last member that wakes only one of the others.
    #[test]
    fn three_can_meet() {
        Model::new("three can meet").preemption_bound(2).outcomes(&["met"]).check(|run| {
            let meeting = Arc::new(Meeting::new(3));
            let others = ["left", "right"].map(|name| {
                let meeting = meeting.clone();
                thread::spawn_named(name, move || meeting.meet())
            });
            meeting.meet();
            others.into_iter().for_each(|other| other.join().unwrap());
            assert_eq!(meeting.held(), 1, "three members have met once");
            run.outcome("met");
        });
    }

    /// Catches: a last member that wakes two of the others.
    #[test]
    fn three_wait_and_the_fourth_wakes_them() {
        Model::new("three wait, and the fourth wakes them").preemption_bound(1).outcomes(&["met"]).check(
            |run| {
                let meeting = Arc::new(Meeting::new(4));
                let others = ["left", "middle", "right"].map(|name| {
                    let meeting = meeting.clone();
                    thread::spawn_named(name, move || meeting.meet())
                });
                meeting.meet();
                others.into_iter().for_each(|other| other.join().unwrap());
                assert_eq!(meeting.held(), 1, "four members have met once");
                run.outcome("met");
            },
        );
    }

    /// Catches: a member that waits in the first meeting only.
    #[test]
    fn in_each_meeting_they_wait_for_each_other() {
        Model::new("in each meeting they wait for each other")
            .preemption_bound(2)
            .outcomes(&["met twice"])
            .check(|run| {
                let (meeting, came) = (Arc::new(Meeting::new(2)), Arc::new(AtomicUsize::new(0)));
                let meet_twice = |meeting: &Meeting, came: &AtomicUsize| {
                    for time in [1, 2] {
                        came.fetch_add(1, Relaxed);
                        meeting.meet();
                        let came = came.fetch_add(0, Relaxed);
                        assert!(
                            came >= 2 * time,
                            "one of two left meeting {time}, and the other had not come"
                        );
                    }
                };
                let other = thread::spawn_named("other", {
                    let (meeting, came) = (meeting.clone(), came.clone());
                    move || meet_twice(&meeting, &came)
                });
                meet_twice(&meeting, &came);
                other.join().unwrap();
                run.outcome("met twice");
            });
    }
}

mod booth {
    pub use broken::Booth;
    #[forbid(unsafe_code)]
    mod broken {
        include!(concat!(env!("CARGO_MANIFEST_DIR"), "/hunts/booth.rs"));
    }

    use lanes::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use lanes::{Model, thread};
    use std::sync::Arc;
    use verdict::test;

    #[test]
    fn one_calls_at_a_time() {
        Model::new("one calls at a time").outcomes(&["one after the other"]).check(|run| {
            let booth = Arc::new(Booth::new());
            let calling = Arc::new(AtomicUsize::new(0));
            let run = *run;
            let call = move |booth: &Booth, calling: &AtomicUsize| {
                let talked = booth.call(|| {
                    run.note("talks");
                    assert_eq!(calling.fetch_add(1, Relaxed), 0, "two callers talk in one booth");
                    calling.fetch_sub(1, Relaxed);
                    run.note("hangs up");
                    true
                });
                assert!(talked, "call returned, and the caller has not talked");
            };
            let other = thread::spawn_named("other", {
                let (booth, calling) = (booth.clone(), calling.clone());
                move || call(&booth, &calling)
            });
            call(&booth, &calling);
            other.join().unwrap();
            run.outcome("one after the other");
        });
    }

    #[test]
    fn a_caller_who_panics_leaves_the_booth() {
        Model::new("a caller that panics leaves the booth").outcomes(&["let in"]).check(|run| {
            let booth = Arc::new(Booth::new());
            let panicking = thread::spawn_named("panicking", {
                let booth = booth.clone();
                move || {
                    let talk = || booth.call(|| std::panic::resume_unwind(Box::new("no coins left")));
                    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(talk)).is_err());
                }
            });
            booth.call(|| {});
            panicking.join().unwrap();
            run.outcome("let in");
        });
    }
}

// The type of the compared values, by its full name: a type of the student's own could be equal to everything.
const _: fn(&meeting::Meeting) -> ::core::primitive::usize = meeting::Meeting::held;
