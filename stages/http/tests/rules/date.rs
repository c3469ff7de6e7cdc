//! `http::date`: RFC 9110, section 5.6.7.

use http::date;
use nix::libc::{self, c_int, clockid_t, timespec};
use proptest::prelude::*;
use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

/// The RFC's own example, as seconds since 1970.
const EXAMPLE: u64 = 784_111_777;

#[test]
fn the_three_forms_of_the_rfc_mean_the_same_second() {
    for text in
        ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
    {
        assert_eq!(date::parse(text), Some(EXAMPLE), "{text}");
    }
}

#[test]
fn what_is_no_date_is_none() {
    let texts = [
        "",
        "0",
        "784111777",
        "Sun, 06 Nov 1994",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Bla 1994 08:49:37 GMT",
        "Fri, 31 Dec 1909 23:59:59 GMT",
    ];
    for text in texts {
        assert_eq!(date::parse(text), None, "{text:?}");
    }
}

#[test]
fn a_time_is_spelled_as_the_rfc_spells_it() {
    assert_eq!(date::format(0), "Thu, 01 Jan 1970 00:00:00 GMT");
    assert_eq!(date::format(EXAMPLE), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(date::format(951_782_400), "Tue, 29 Feb 2000 00:00:00 GMT");
    assert_eq!(date::format(u64::MAX), "Fri, 31 Dec 9999 23:59:59 GMT", "there is no later date");
}

#[test]
fn now_is_spelled_now() {
    let before = date::seconds_since_1970();
    let spelled = date::now();
    let after = date::seconds_since_1970();
    let text = std::str::from_utf8(&spelled).expect("a date is ASCII");
    let second = date::parse(text).expect("now() spells a date");
    assert!((before..=after).contains(&second), "now() said {text}, between second {before} and {after}");
    assert_eq!(date::now().len(), date::DATE_LENGTH);
}

#[test]
fn now_goes_on() {
    let first = date::now();
    let deadline = Instant::now() + Duration::from_secs(20);
    while date::now() == first {
        assert!(Instant::now() < deadline, "the date still says {}", first.escape_ascii());
        thread::yield_now();
    }
}

proptest! {
    #![proptest_config(super::properties())]

    #[test]
    fn what_is_spelled_is_read_back(second in 0..253_402_300_800_u64) {
        let text = date::format(second);
        prop_assert_eq!(text.len(), date::DATE_LENGTH);
        prop_assert_eq!(date::parse(&text), Some(second));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,40}") {
        date::parse(&text);
    }
}

thread_local! {
    /// How many seconds this thread's clock was set back.
    static SET_BACK: Cell<i64> = const { Cell::new(0) };
}

/// Stands in for the C library's clock_gettime(2) in this program: setting the machine's clock would disturb everybody.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
extern "C" fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int {
    // SAFETY: the arguments are the caller's, handed on as they are to the system call of the same name, which fills
    // `time` if it returns 0.
    unsafe {
        let result = libc::syscall(libc::SYS_clock_gettime, clock, time) as c_int;
        if result == 0 && clock == libc::CLOCK_REALTIME {
            (*time).tv_sec -= SET_BACK.try_with(Cell::get).unwrap_or(0);
        }
        result
    }
}

#[test]
fn when_the_clock_is_set_back_the_date_goes_back_too() {
    let seconds = || date::parse(std::str::from_utf8(&date::now()).expect("ASCII")).expect("a date");
    let before = seconds();
    SET_BACK.set(86_400);
    let after = seconds();
    assert!(after < before - 80_000, "a day back from {before} is not {after}");
}
