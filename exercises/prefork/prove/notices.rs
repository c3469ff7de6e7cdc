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
    todo!(
        "Lab 6.9: write a model: every notice is taken, and the master never sleeps while one is in the box"
    )
}

/// **Promise.** A master that has taken a notice sees everything that was written before the notice was left.
pub fn a_notice_shows_what_was_written_before_it() {
    todo!("Lab 6.9: write a model: a master that has taken a notice sees what was written before it was left")
}
