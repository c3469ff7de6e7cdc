//! What part 1 must do, tested through its public interface only.
//!
//! One module for each thing of the part, in the order in which a request meets them. The same tests judge the
//! solution and the exercise, so they know no internals. `tests/models/request.rs` has the promises of the stop
//! flag that need every interleaving.

use proptest::test_runner::Config;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind, set_hook, take_hook};
use std::sync::Once;

#[path = "request/between_calls.rs"]
mod between_calls;
#[path = "request/head.rs"]
mod head;
#[path = "request/head_limits.rs"]
mod head_limits;
mod interrupted;
#[path = "request/root.rs"]
mod root;
#[path = "request/root_identity.rs"]
mod root_identity;
#[path = "request/root_races.rs"]
mod root_races;
#[path = "../e2e/src/seccomp.rs"]
mod seccomp;
#[path = "request/stop.rs"]
mod stop;
#[path = "request/target.rs"]
mod target;
mod watched;

/// A failing property prints its smallest input, and leaves no file next to the tests.
fn properties() -> Config {
    Config { failure_persistence: None, ..Config::default() }
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Does `work`. If it panics, the error says so, with the panic's place and message, so that the test can say what the
/// work was. A function that is not written yet panics as always.
fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    const UNWRITTEN: &str = "not yet implemented";
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = take_hook();
        set_hook(Box::new(move |panic| {
            let said = panic.payload_as_str().unwrap_or_default();
            if !QUIET.get() || said.starts_with(UNWRITTEN) {
                return others(panic);
            }
            // A place in the standard library does not help.
            let place = panic.location().filter(|place| !place.file().starts_with("/rustc/"));
            let place = place.map(|place| format!(" at {}:{}", place.file(), place.line()));
            SAID.set(format!("a panic{}: {said}", place.unwrap_or_default()));
        }));
    });
    QUIET.set(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    QUIET.set(false);
    match result {
        Ok(value) => Ok(value),
        Err(panic) if SAID.with_borrow(String::is_empty) => resume_unwind(panic),
        Err(_) => Err(SAID.take()),
    }
}
