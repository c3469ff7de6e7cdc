//! The bug hunts of lab 5. The broken parts are in the exercise's folder `hunts/`; these models find the bugs.
//!
//! Each broken part has its own module, so that names and implementations in it cannot affect its tests.

// What the broken parts synchronize with: `use crate::sync`, as in the parts.
use lanes::sync;

mod lights {
    pub use broken::Room;
    #[forbid(unsafe_code)]
    mod broken {
        include!(concat!(env!("CARGO_MANIFEST_DIR"), "/hunts/lights.rs"));
    }

    use lanes::{Model, thread};
    use std::sync::Arc;
    use verdict::test;

    #[test]
    fn the_last_one_to_leave_turns_off_the_light() {
        Model::new("the last one to leave turns off the light").outcomes(&["dark"]).check(|run| {
            let room = Arc::new(Room::new(2));
            assert_eq!(room.turned_off(), 0, "how often the light was turned off while all were there");
            let other = thread::spawn_named("other", {
                let room = room.clone();
                move || room.leave()
            });
            room.leave();
            other.join().unwrap();
            assert_eq!(room.turned_off(), 1, "how often the light was turned off when all had left");
            run.outcome("dark");
        });
    }

    /// Catches: the first one to leave turns off the light.
    #[test]
    fn the_first_one_to_leave_leaves_the_light_on() {
        Model::new("the first one to leave leaves the light on").outcomes(&["on"]).check(|run| {
            let room = Arc::new(Room::new(3));
            let other = thread::spawn_named("other", {
                let room = room.clone();
                move || room.leave()
            });
            room.leave();
            other.join().unwrap();
            assert_eq!(room.turned_off(), 0, "two of three have left; how often the light was turned off");
            run.outcome("on");
        });
    }
}

mod roll_call {
    pub use broken::RollCall;
    #[forbid(unsafe_code)]
    mod broken {
        include!(concat!(env!("CARGO_MANIFEST_DIR"), "/hunts/roll_call.rs"));
    }

    use lanes::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use lanes::{Model, thread};
    use std::sync::Arc;
    use verdict::test;

    #[test]
    fn the_teacher_goes_on_once_all_have_answered() {
        Model::new("the teacher goes on once all have answered")
            .wakes_often_for_nothing()
            .outcomes(&["all here"])
            .check(|run| {
                let (call, answered) = (Arc::new(RollCall::new(2)), Arc::new(AtomicUsize::new(0)));
                let class = ["left", "right"].map(|name| {
                    let (call, answered) = (call.clone(), answered.clone());
                    thread::spawn_named(name, move || {
                        answered.fetch_add(1, Relaxed);
                        call.here();
                    })
                });
                call.wait_for_all();
                assert_eq!(
                    answered.fetch_add(0, Relaxed),
                    2,
                    "the teacher went on, and not all had answered"
                );
                class.into_iter().for_each(|pupil| pupil.join().unwrap());
                run.outcome("all here");
            });
    }
}

// The type of the compared values, by its full name: a type of the student's own could be equal to everything.
const _: fn(&lights::Room) -> ::core::primitive::usize = lights::Room::turned_off;
