//! The bug hunts of lab 6. The broken parts are in the exercise's folder `hunts/`; these models find the bugs.
//!
//! Each broken part has its own module, so that names and implementations in it cannot affect its tests.

// What the broken parts synchronize with: `use crate::sync`, as in the parts.
use lanes::sync;

mod board {
    pub use broken::Board;
    #[forbid(unsafe_code)]
    mod broken {
        include!(concat!(env!("CARGO_MANIFEST_DIR"), "/hunts/board.rs"));
    }

    use lanes::{Model, thread};
    use std::sync::Arc;
    use verdict::test;

    #[test]
    fn a_thread_that_goes_on_asking_gets_the_newest_settings() {
        Model::new("a thread that goes on asking gets the newest settings in the end")
            .wakes_often_for_nothing()
            .outcomes(&["both, one after the other", "only the newest"])
            .check(|run| {
                let board = Arc::new(Board::new(0));
                let poster = thread::spawn_named("poster", {
                    let board = board.clone();
                    move || {
                        board.post(10);
                        board.post(20);
                    }
                });
                let (mut known, mut got) = (0, Vec::new());
                while got.last() != Some(&20) {
                    run.note(format!("asks for settings newer than number {known}"));
                    got.push(board.newer(&mut known));
                    run.note(format!("has settings {got:?}, the last are number {known}"));
                }
                assert!(
                    got == [10, 20] || got == [20],
                    "settings come in the order in which they were posted"
                );
                assert_eq!(known, 2, "`known` becomes the number of the settings that were returned");
                run.outcome(if got.len() == 2 { "both, one after the other" } else { "only the newest" });
                poster.join().unwrap();
            });
    }
}

mod limits {
    pub use broken::Limits;
    #[forbid(unsafe_code)]
    mod broken {
        include!(concat!(env!("CARGO_MANIFEST_DIR"), "/hunts/limits.rs"));
    }

    use std::collections::BTreeMap;
    use std::fmt::Write;
    use std::time::Duration;
    use verdict::test;

    const LIMIT: Duration = Duration::from_secs(10);
    const STEP: Duration = Duration::from_secs(5);
    /// As few process ids as possible, so that they are soon used again, as the kernel does.
    const PIDS: [i32; 2] = [7, 8];

    /// One step of a story.
    #[derive(Debug, Clone, Copy)]
    enum Happening {
        Start(i32),
        Reap(i32),
        Pass,
    }

    const HAPPENINGS: [Happening; 5] = [
        Happening::Start(PIDS[0]),
        Happening::Start(PIDS[1]),
        Happening::Reap(PIDS[0]),
        Happening::Reap(PIDS[1]),
        Happening::Pass,
    ];

    /// The limits, and what they should report.
    struct World {
        limits: Limits,
        now: Duration,
        /// Which processes run, since when, and whether they were named.
        running: BTreeMap<i32, (Duration, bool)>,
        diary: String,
    }

    impl World {
        /// Plays a story and checks each step, up to the first step that cannot happen.
        fn live(happenings: &[Happening]) {
            let mut world = World {
                limits: Limits::new(LIMIT),
                now: Duration::ZERO,
                running: BTreeMap::new(),
                diary: String::new(),
            };
            for &happening in happenings {
                let possible = match happening {
                    Happening::Start(pid) => !world.running.contains_key(&pid),
                    Happening::Reap(pid) => world.running.contains_key(&pid),
                    Happening::Pass => true,
                };
                if !possible {
                    return;
                }
                world.undergo(happening);
            }
        }

        fn undergo(&mut self, happening: Happening) {
            match happening {
                Happening::Start(pid) => {
                    self.write(&format!("process {pid} is started"));
                    self.running.insert(pid, (self.now, false));
                    self.limits.started(self.now, pid);
                }
                Happening::Reap(pid) => {
                    self.write(&format!("process {pid} ends and is reaped"));
                    self.running.remove(&pid);
                    self.limits.reaped(pid);
                }
                Happening::Pass => {
                    self.now += STEP;
                    let overdue = self.limits.overdue(self.now);
                    self.write(&format!("overdue: {overdue:?}"));
                    self.check(&overdue);
                }
            }
        }

        fn check(&mut self, overdue: &[i32]) {
            for pid in overdue {
                let ran = self.running.get(pid).map(|&(since, _)| self.now - since);
                self.demand(ran.is_some(), "no process is killed that does not run");
                let ran = ran.unwrap_or_default();
                let promise =
                    format!("process {pid} is to be killed after {ran:?}, and its limit is {LIMIT:?}");
                self.demand(ran >= LIMIT, &promise);
            }
            for (pid, (since, named)) in self.running.clone() {
                let late = self.now - since >= LIMIT;
                let times = overdue.iter().filter(|&&other| other == pid).count();
                let expected = usize::from(late && !named);
                let promise = format!("process {pid} is to be named {expected} times now, not {times} times");
                self.demand(times == expected, &promise);
                self.running.insert(pid, (since, late));
            }
        }

        fn write(&mut self, what: &str) {
            writeln!(self.diary, "  {:>3} s  {what}", self.now.as_secs()).expect("memory");
        }

        fn demand(&self, holds: bool, promise: &str) {
            assert!(holds, "{promise}.\nThe shortest way there:\n{}", self.diary);
        }
    }

    /// All stories of up to six steps, the short ones first.
    #[test]
    fn a_run_that_has_reached_its_limit_is_named_once_and_no_other() {
        for length in 1..=6 {
            for mut story in 0..HAPPENINGS.len().pow(length) {
                let happenings: Vec<Happening> = (0..length)
                    .map(|_| {
                        let happening = HAPPENINGS[story % HAPPENINGS.len()];
                        story /= HAPPENINGS.len();
                        happening
                    })
                    .collect();
                World::live(&happenings);
            }
        }
    }
}

// The types of the compared values, by their full names: a type of the student's own could be equal to everything.
const _: fn(&board::Board, &mut u64) -> ::core::primitive::u32 = board::Board::newer;
const _: fn(&mut limits::Limits, ::std::time::Duration) -> ::std::vec::Vec<::core::primitive::i32> =
    limits::Limits::overdue;
