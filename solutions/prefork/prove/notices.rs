// Two promises of a mailbox. For each of them you write a model that fails if a mailbox breaks it.
//
// You do not know how the mailbox works inside, and each trial uses a different one: some are right, some are broken.
// It has these functions:
//
//     Mailbox::new()             an empty mailbox
//     mailbox.note(notices)      leaves notices: each bit of the u32 is one, and any thread may do this
//     mailbox.wait()             sleeps until there is a notice, and takes all that there are; only the master does this
//
// A bit cannot count: the same notice, left twice, may be taken once.
//
// A model is run once for each interleaving of its threads. It fails if a thread panics in one of them, or if there is
// one in which no thread can continue. This one says "a master that waits is woken":
//
//     let mailbox = Arc::new(Mailbox::new());
//     let child = thread::spawn_named("child", {
//         let mailbox = mailbox.clone();
//         move || mailbox.note(1)
//     });
//     assert_eq!(mailbox.wait(), 1);
//     child.join().unwrap();
//
// If threads share anything besides the mailbox, use an atomic, such as `AtomicU32::new(0)` of `lanes::sync::atomic`.

use lanes::sync::atomic::{AtomicU32, Ordering::Relaxed};
use lanes::thread;
use prove::prefork::Mailbox;
use std::sync::Arc;

/// **Promise.** Every notice is taken, and the master never sleeps while one is in the box.
pub fn the_master_sleeps_through_no_notice() {
    let mailbox = Arc::new(Mailbox::new());
    let children = [1, 2].map(|notice| {
        let mailbox = mailbox.clone();
        thread::spawn_named(&format!("child {notice}"), move || mailbox.note(notice))
    });
    let mut seen = 0;
    while seen != 3 {
        seen |= mailbox.wait();
    }
    for child in children {
        child.join().unwrap();
    }
}

/// **Promise.** A master that has taken a notice sees everything that was written before the notice was left.
pub fn a_notice_shows_what_was_written_before_it() {
    let mailbox = Arc::new(Mailbox::new());
    let written = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
    let children = [0, 1].map(|child| {
        let (mailbox, written) = (mailbox.clone(), written.clone());
        thread::spawn_named(&format!("child {child}"), move || {
            written[child].store(7, Relaxed);
            mailbox.note(1 << child);
        })
    });
    let taken = mailbox.wait();
    for (child, written) in written.iter().enumerate() {
        if taken & 1 << child != 0 {
            assert_eq!(written.load(Relaxed), 7, "what child {child} wrote before its notice");
        }
    }
    for child in children {
        child.join().unwrap();
    }
}
