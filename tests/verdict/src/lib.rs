//! How a test ends: kept, broken, or out of time; and how a grader can believe it.
//!
//! A test file says `use verdict::test;` and is otherwise written as always. Its tests then run as usual, with two
//! additions:
//!
//! - **A limit.** A test that does not end fails, with a message that says where each thread sleeps or runs
//!   ([`sleepers`]). The tests after it still run.
//! - **A receipt.** A grader cannot believe an exit code, nor a line that says `test result: ok`: the code
//!   under test runs in the same process and may exit or print what it likes. So it gives the process a socket
//!   with a random number in it, and believes the test passed when the same number comes back:
//!
//! ```text
//!   grader                                   test process, one test
//!     number ------- socket (a descriptor) -----> read, before any code under test runs
//!                                                 the test function
//!     equal? <------------------------------- written back, after it has returned
//! ```
//!
//! Until the test has passed, the number is in a page of memory that cannot be read. This cannot stop code under test
//! that overwrites the code of the test, or its return address. A student who does that knows more than the labs ask
//! for, and needs `unsafe` to do it.

mod receipt;
pub mod sleepers;

use receipt::Receipt;
pub use receipt::vouched;
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind, set_hook, take_hook};
use std::sync::Once;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

pub use verdict_attribute::test;

/// The environment variable that names the descriptor of the receipt.
pub const RECEIPT: &str = "VERDICT_RECEIPT";

/// The environment variable that sets the limit, in seconds.
pub const LIMIT_SECONDS: &str = "VERDICT_LIMIT_SECONDS";

/// How long a test may take if no limit is set. Far more than any test needs on a busy machine.
const DEFAULT_LIMIT: Duration = Duration::from_secs(120);

/// Runs the body of one test. The attribute [`test`](macro@test) calls this.
///
/// # Panics
/// If the body panics, or does not end within the limit. In that case its thread goes on running, and is not joined.
pub fn run(name: &'static str, body: fn()) {
    let receipt = Receipt::requested();
    name_who_called();
    let limit = limit();
    let (send, ended) = channel();
    let short_name = name.split_once("::").map_or(name, |(_, path)| path);
    let spawned = thread::Builder::new().name(short_name.to_owned()).spawn(move || {
        // The receiver is gone if the test has run out of time.
        let _ = send.send(catch_unwind(body));
    });
    spawned.expect("the system can start a thread");
    match ended.recv_timeout(limit) {
        Ok(Ok(())) => receipt.sign(),
        Ok(Err(panic)) => resume_unwind(panic),
        Err(_) => {
            let seconds = limit.as_secs();
            panic!("the test did not end within {seconds} s\n{}", sleepers::report());
        }
    }
}

/// A panic inside the standard library, such as an overflow of a duration, has a place that does not help. One inside a
/// part has a message that knows nothing of the test. So for both, the lines of the part and of the test that called
/// are printed too. Of a panic that a test catches, nothing is printed.
fn name_who_called() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = take_hook();
        set_hook(Box::new(move |panic| {
            let message = panic.payload_as_str().unwrap_or_default();
            let is_caught = CATCHES.get() && !message.starts_with(TODO);
            if !is_caught {
                others(panic);
            }
            let place = panic.location().filter(|place| !place.file().contains("tests/"));
            let place = place.and_then(|_| sleepers::place_in(&Backtrace::force_capture().to_string()));
            if is_caught {
                let at = place.map(|place| format!(" at {place}")).unwrap_or_default();
                CAUGHT.set(Some(format!("a panic{at}: {message}")));
            } else if let Some(place) = place {
                eprintln!("{CALLED_FROM}{place}");
            }
        }));
    });
}

/// How the message of a `todo!` begins.
const TODO: &str = "not yet implemented";

thread_local! {
    /// Whether this thread is in [`caught`].
    static CATCHES: Cell<bool> = const { Cell::new(false) };
    /// What the panic said that `caught` has caught.
    static CAUGHT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Calls code under test. A `todo!` in it is not caught.
///
/// # Errors
/// If it panics: the place and the message. Nothing is printed, because the caller can say what the work was.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    CATCHES.set(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    CATCHES.set(false);
    result.map_err(|panic| CAUGHT.take().unwrap_or_else(|| resume_unwind(panic)))
}

/// The prefix of the line with these places.
pub const CALLED_FROM: &str = "called from ";

/// Runs a body that is expected to panic with a message that contains `expected`.
///
/// # Panics
/// If it does not panic, if its message is another one, or if it reaches a `todo!`.
pub fn panics(expected: &str, body: fn()) {
    let Err(panic) = catch_unwind(AssertUnwindSafe(body)) else {
        panic!("a panic was expected here, and there was none");
    };
    let message = panic.downcast_ref::<String>().cloned();
    let message = message.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    let message = message.unwrap_or_default();
    assert!(!message.starts_with(TODO), "{message}");
    assert!(message.contains(expected), "a panic with `{expected}` was expected, but it said `{message}`");
}

/// How long a test may take in this process.
pub fn limit() -> Duration {
    let seconds = std::env::var(LIMIT_SECONDS).ok().and_then(|text| text.parse().ok());
    seconds.map_or(DEFAULT_LIMIT, Duration::from_secs)
}
