//! The mailbox, as a signal handler uses it.

use crate::allocations::allocations;
use crate::interrupted::interrupt_anywhere;
use prefork::{Mailbox, Notice};
use verdict::test;

/// Where the book explains what a test asks for.
const BOOK: &str = "See \"6.1 A mailbox for signals\".";

/// In the order in which `take` returns them.
const ALL: [Notice; 4] = [Notice::StopNow, Notice::Stop, Notice::Reload, Notice::ChildExited];

#[test]
fn a_notice_is_taken_once() {
    let mailbox = Mailbox::new();
    assert!(mailbox.take().is_empty(), "a new mailbox is empty. {BOOK}");
    mailbox.note(Notice::Reload);
    let notices = mailbox.take();
    let returned = || {
        let list: Vec<Notice> = ALL.into_iter().filter(|&notice| notices.contains(notice)).collect();
        format!("It returned {notices:?}, which contains {list:?}")
    };
    assert!(
        notices.contains(Notice::Reload),
        "only Reload was left, so `take` must return Reload. {}. {BOOK}",
        returned()
    );
    assert!(!notices.is_empty(), "`take` returned Reload, but says that it is empty. {BOOK}");
    assert!(
        !notices.contains(Notice::Stop),
        "only Reload was left, so `take` must return nothing else. {}. {BOOK}",
        returned()
    );
    assert!(
        mailbox.take().is_empty(),
        "`take` must leave the mailbox empty, but a second one found something. {BOOK}"
    );
}

#[test]
fn the_same_notice_twice_is_one_and_different_ones_are_kept_apart() {
    let mailbox = Mailbox::new();
    for notice in [Notice::ChildExited, Notice::Stop, Notice::ChildExited] {
        mailbox.note(notice);
    }
    // An iterator that does not remove what it returned would never end.
    let taken: Vec<Notice> = mailbox.take().take(10).collect();
    let expected = [Notice::Stop, Notice::ChildExited];
    assert_eq!(
        taken, expected,
        "ChildExited, Stop and ChildExited were left: `take` must return each kind once, and what ends the herd \
         comes first, see `Notice`. {BOOK}"
    );
    for notice in ALL.into_iter().rev() {
        mailbox.note(notice);
    }
    let taken: Vec<Notice> = mailbox.take().take(10).collect();
    assert_eq!(
        taken, ALL,
        "notices must come in the order of `Notice`, not in that of their arrival. {BOOK}"
    );
}

/// A mailbox that counts notices passes everything else, until a count has no room left.
#[test]
fn a_notice_that_is_left_very_often_is_still_one() {
    for notice in ALL {
        let mailbox = Mailbox::new();
        // A count of 8 or 16 bits is 0 again after so many.
        for _ in 0..1 << 16 {
            mailbox.note(notice);
        }
        let taken: Vec<Notice> = mailbox.take().take(10).collect();
        assert_eq!(
            taken,
            [notice],
            "{notice:?} was left 65,536 times, and nothing else: `take` must return it once, and no other. {BOOK}"
        );
    }
}

/// The thread that a handler interrupts may be in the middle of an allocation, and then has the allocator's lock.
#[test]
fn a_notice_is_left_without_an_allocation() {
    let mailbox = Mailbox::new();
    // Not the first call: when the course is tested, that one notes which function of the exercise it has reached.
    mailbox.note(Notice::Stop);
    for notice in ALL {
        assert_eq!(
            allocations(|| mailbox.note(notice)),
            0,
            "how often `note` has allocated memory. A signal handler must not: see signal-safety(7). {BOOK}"
        );
    }
}

/// A mailbox behind a lock passes everything else, and hangs the first master whose handler interrupts
/// `take`.
#[test]
fn a_handler_may_interrupt_note_and_take_anywhere() {
    static MAILBOX: Mailbox = Mailbox::new();
    extern "C" fn on_signal(_: i32) {
        MAILBOX.note(Notice::ChildExited);
    }
    let work = || {
        MAILBOX.note(Notice::Reload);
        MAILBOX.take();
    };
    let stuck = format!(
        "A thread that was interrupted in note or take, by a handler that called note, is stuck. A handler must not \
         wait: the thread that it would wait for is the one that it has interrupted. Where to look: note and take of \
         Mailbox must each be one atomic instruction. {BOOK}"
    );
    interrupt_anywhere(work, on_signal, &stuck);
}
