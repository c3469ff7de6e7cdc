//! Task 5.9: the student's models of statistics. They are in the exercise's folder `prove/`; `prove::stats` judges them.

mod counts {
    include!(concat!(env!("CARGO_MANIFEST_DIR"), "/prove/counts.rs"));
}

use verdict::test;

#[test]
fn the_models_pass_on_right_statistics_and_fail_on_broken_ones() {
    prove::stats::judge(&[
        counts::every_response_is_counted_once,
        counts::a_snapshot_is_whole_and_never_goes_back,
    ]);
}
