//! What part 1 must do, tested through its public interface only.
//!
//! One module for each thing of the part, in the order in which a request meets them. The same tests judge the
//! solution and the exercise, so they know no internals. `tests/models/request.rs` has the promises of the stop
//! flag that need every interleaving.

use proptest::test_runner::Config;

mod allocations;
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
