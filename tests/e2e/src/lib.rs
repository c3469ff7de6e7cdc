//! Black-box tests: a real server program, real sockets, and no knowledge of its inside.
//!
//! ```text
//!   Site     a folder of files          Program  which server
//!      \________________________  _________________/
//!                               \/
//!                            Server   runs on a port of its own, ends with the test
//!                               |
//!                            Client   one connection: send bytes, read a Response
//! ```
//!
//! The tests themselves are in `behaviour/`, a file per subject. `stage1.rs` to `stage6.rs` list the subjects that each
//! stage promises; cargo builds them as tests of the stage's own package, so that they run the program that was just
//! built. A student's server is judged by the same tests, so failures show a `curl` or `printf | nc` that a person can
//! repeat.
//!
//! Nothing here waits for a fixed time. [`eventually`] waits for a condition; if it never holds, the deadline
//! [`PATIENCE`] makes that a failure.

mod browser;
mod client;
mod denial;
mod gate;
mod identity;
mod kernel;
mod seccomp;
mod server;
mod site;

pub use browser::browse;
pub use client::{Client, Ending, Lost, Response};
pub use denial::Denied;
pub use gate::{Answer, Gate};
pub use kernel::{
    Lease, accepted, backlog, group, halt, ignores, is_pending, owner, settled, sleeps, threads, unread,
};
pub use nix::errno::Errno;
pub use nix::libc;
pub use nix::sys::signal::{Signal, kill, killpg};
pub use nix::unistd::Pid;
pub use serde_json::Value as Json;
pub use server::{Finished, Launch, Program, Server};
pub use site::{Site, pattern};

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for something before it fails. A healthy server needs a fraction of it, on any machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `condition` holds.
///
/// # Panics
/// If it does not hold within [`PATIENCE`]; the message is `what`.
#[track_caller]
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "this should happen, and did not within {PATIENCE:?}: {what}");
        // Checking again at once would take the processor away from the server.
        thread::sleep(Duration::from_millis(2));
    }
}

/// Prints that a test tried nothing, because the machine lacks something. With `CI_FULL` set, a machine must have
/// everything.
///
/// # Panics
/// If `CI_FULL` is set.
#[track_caller]
pub fn skip(reason: &str) {
    assert!(std::env::var_os("CI_FULL").is_none(), "CI_FULL is set, but {reason}");
    // Not `eprintln!`, which the test harness captures.
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}
