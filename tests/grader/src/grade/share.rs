//! What a task earns: the rule that `tests/points.toml` states, and the sentence that explains it to a student.

use crate::points::{Points, PointsTable};
use lab::course::{Kind, Task};
use lab::judge::{Judged, State};

/// How many of a task's tests passed, and the numbers of the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Its tests.
    pub tests: u32,
    /// How many of them pass.
    pub passed: u32,
    /// How many pass on the exercise as it is handed out. As many of the passing tests earn nothing.
    pub free: u32,
    /// How much of the points the other tests earn while one of them fails, in percent.
    pub partly: u32,
    /// What the task is worth.
    pub points: u32,
}

impl Share {
    /// The share of a task that was judged.
    pub fn of(judged: &Judged<'_>, table: &PointsTable) -> Share {
        let Points { points, free, .. } = table.task[&judged.task.id];
        // An end-to-end task is a list of promises of a whole server, and each counts.
        let partly = if is_end_to_end(judged.task) { 100 } else { table.partly };
        let passed = judged.outcomes.iter().filter(|outcome| outcome.passed).count();
        // A test that was not run has not passed.
        let passed = if judged.state == State::Done { judged.trials } else { passed.min(judged.trials) };
        Share { tests: judged.trials as u32, passed: passed as u32, free, partly, points }
    }

    /// The points, rounded down.
    pub fn earned(self) -> u32 {
        let Share { tests, passed, free, partly, points } = self;
        if passed == tests && tests > 0 {
            return points;
        }
        let counted = tests.saturating_sub(free).max(1);
        points * partly * passed.saturating_sub(free) / (100 * counted)
    }

    /// For a student whose task is not done: why it earns what it earns. Empty if no test was run.
    pub fn sentence(self) -> String {
        let Share { tests, passed, free, partly, points } = self;
        if passed == tests {
            return String::new();
        }
        let beyond = passed.saturating_sub(free);
        let counted = tests.saturating_sub(free);
        let (told, they) = match free {
            0 => (String::new(), "they"),
            free => (
                format!(" {free} of them pass without any work, so as many of those that pass earn nothing."),
                "the others",
            ),
        };
        let rule = match partly {
            0 => "A task that is not done earns nothing".to_owned(),
            100 => format!("Each test counts: {beyond} of {counted}"),
            _ => format!(
                "While the task is not done, {they} earn {partly} % of its points: {beyond} of {counted}"
            ),
        };
        let earned = self.earned();
        format!(
            "\n{passed} of its {tests} tests pass.{told} {rule}. So this is {earned} of {points} points.\n"
        )
    }
}

/// Whether all tests of a task run against the stage's server.
fn is_end_to_end(task: &Task) -> bool {
    task.kinds().all(|kind| kind == Kind::Stage)
}

#[cfg(test)]
mod tests {
    use super::Share;

    const EIGHT: Share = Share { tests: 10, passed: 0, free: 2, partly: 50, points: 8 };

    fn earned(passed: u32, share: Share) -> u32 {
        Share { passed, ..share }.earned()
    }

    #[test]
    fn a_task_that_is_done_earns_its_points_and_one_that_is_not_at_most_half() {
        let row: Vec<u32> = (0..=10).map(|passed| earned(passed, EIGHT)).collect();
        assert_eq!(row, [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 8]);
    }

    #[test]
    fn tests_that_pass_on_an_unwritten_exercise_earn_nothing() {
        for passed in 0..=2 {
            assert_eq!(earned(passed, EIGHT), 0, "{passed} pass");
            assert_eq!(earned(passed, Share { partly: 100, ..EIGHT }), 0, "{passed} pass, end to end");
        }
        // No test ran, or only a complete task could earn points.
        assert_eq!(earned(0, Share { tests: 0, free: 0, ..EIGHT }), 0);
        assert_eq!(earned(2, Share { tests: 3, free: 3, ..EIGHT }), 0);
    }

    #[test]
    fn end_to_end_each_test_counts() {
        let share = Share { tests: 10, passed: 6, free: 2, partly: 100, points: 52 };
        assert_eq!(share.earned(), 26);
        assert_eq!(
            share.sentence(),
            "\n6 of its 10 tests pass. 2 of them pass without any work, so as many of those that pass earn \
             nothing. Each test counts: 4 of 8. So this is 26 of 52 points.\n"
        );
    }

    #[test]
    fn a_student_is_told_the_rule() {
        let share = Share { passed: 7, free: 0, ..EIGHT };
        assert_eq!(
            share.sentence(),
            "\n7 of its 10 tests pass. While the task is not done, they earn 50 % of its points: 7 of 10. So this \
             is 2 of 8 points.\n"
        );
        let strict = Share { partly: 0, ..share };
        assert_eq!(strict.earned(), 0);
        assert!(
            strict.sentence().contains("A task that is not done earns nothing."),
            "{}",
            strict.sentence()
        );
        assert_eq!(Share { passed: 10, ..share }.sentence(), "");
    }
}
