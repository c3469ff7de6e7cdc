//! The dates of HTTP (RFC 9110, section 5.6.7).

use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Length of an IMF-fixdate such as `Sun, 06 Nov 1994 08:49:37 GMT`.
pub const DATE_LENGTH: usize = 29;

thread_local! {
    /// The second for which the date was last spelled out, and the date. It changes once a second and is sent with
    /// every response, so each thread keeps its own.
    static LATEST: Cell<(u64, [u8; DATE_LENGTH])> = const { Cell::new((u64::MAX, [b' '; DATE_LENGTH])) };
}

/// The time now, in the format of the `Date` field.
pub fn now() -> [u8; DATE_LENGTH] {
    let second = seconds_since_1970();
    LATEST.with(|latest| {
        let (known, date) = latest.get();
        if known == second {
            return date;
        }
        let mut date = [b' '; DATE_LENGTH];
        date.copy_from_slice(&format(second).as_bytes()[..DATE_LENGTH]);
        latest.set((second, date));
        date
    })
}

/// Whole seconds since 1970; 0 for a clock that is set earlier.
pub fn seconds_since_1970() -> u64 {
    since_1970().as_secs()
}

/// The time since 1970; 0 for a clock that is set earlier.
pub fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Spells out a time. Times after the year 9999 have no spelling; they become its last second.
pub fn format(second: u64) -> String {
    const LAST: u64 = 253_402_300_799;
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(second.min(LAST)))
}

/// Reads a date in any of the three forms of HTTP, as seconds since 1970; `None` for anything else.
pub fn parse(text: &str) -> Option<u64> {
    let time = httpdate::parse_http_date(text).ok()?;
    Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs())
}
