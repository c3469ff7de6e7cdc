//! Task 6.9: the student's models of a mailbox. They are in the exercise's folder `prove/`; `prove::prefork` judges
//! them.

mod notices {
    include!(concat!(env!("CARGO_MANIFEST_DIR"), "/prove/notices.rs"));
}

use verdict::test;

#[test]
fn the_models_pass_on_right_mailboxes_and_fail_on_broken_ones() {
    prove::prefork::judge(&[
        notices::the_master_sleeps_through_no_notice,
        notices::a_notice_shows_what_was_written_before_it,
    ]);
}
