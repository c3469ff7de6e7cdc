//! Task 3.9: the student's models of a queue. They are in the exercise's folder `prove/`; `prove::queue` judges them.

mod sleepers {
    include!(concat!(env!("CARGO_MANIFEST_DIR"), "/prove/sleepers.rs"));
}

use verdict::test;

#[test]
fn the_models_pass_on_right_queues_and_fail_on_broken_ones() {
    prove::queue::judge(&[
        sleepers::no_consumer_sleeps_while_an_item_waits,
        sleepers::no_producer_sleeps_while_a_slot_is_free,
    ]);
}
