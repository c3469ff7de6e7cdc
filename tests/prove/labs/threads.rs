//! Task 2.9: the student's models of a limit. They are in the exercise's folder `prove/`; `prove::threads` judges them.

mod permits {
    include!(concat!(env!("CARGO_MANIFEST_DIR"), "/prove/permits.rs"));
}

use verdict::test;

#[test]
fn the_models_pass_on_right_limits_and_fail_on_broken_ones() {
    prove::threads::judge(&[
        permits::a_permit_that_comes_back_reaches_a_sleeper,
        permits::drain_returns_when_all_permits_are_back,
    ]);
}
