//! Task 4.9: the student's models of a cache. They are in the exercise's folder `prove/`; `prove::cache` judges them.

mod one_loads {
    include!(concat!(env!("CARGO_MANIFEST_DIR"), "/prove/one_loads.rs"));
}

use verdict::test;

#[test]
fn the_models_pass_on_right_caches_and_fail_on_broken_ones() {
    prove::cache::judge(&[
        one_loads::of_all_that_ask_at_once_one_loads,
        one_loads::after_a_load_that_fails_one_loads_again,
    ]);
}
