//! How many lines the logs of this process have dropped, for a counter in another module.
//!
//! Lines can be lost before there is a counter, and each worker of stage 6 has a counter of its own. So the counter is
//! set later, and the losses until then are kept here.

use std::sync::{Mutex, PoisonError};

type Counter = Box<dyn Fn(u64) + Send>;

/// The counter of this process, and what was lost before it had one.
static COUNTER: Mutex<(Option<Counter>, u64)> = Mutex::new((None, 0));

/// From now on `counter` is called with the number of lines each time that some were dropped, and at once for those
/// before. It must not log.
pub fn count_with(counter: impl Fn(u64) + Send + 'static) {
    let mut state = COUNTER.lock().unwrap_or_else(PoisonError::into_inner);
    let before = std::mem::take(&mut state.1);
    counter(before);
    state.0 = Some(Box::new(counter));
}

/// Counts dropped lines.
pub(crate) fn count(lines: u64) {
    let mut state = COUNTER.lock().unwrap_or_else(PoisonError::into_inner);
    match &state.0 {
        Some(counter) => counter(lines),
        None => state.1 += lines,
    }
}
