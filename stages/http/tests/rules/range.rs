//! `http::range`: RFC 9110, section 14.

use http::range::{Wanted, wanted};
use proptest::prelude::*;
use std::ops::Range;

#[test]
fn the_examples_of_rfc_9110_section_14_1_2_mean_what_it_says() {
    let one_range = [
        ("bytes=0-499", 0..500),
        ("bytes=500-999", 500..1000),
        ("bytes=-500", 9500..10_000),
        ("bytes=9500-", 9500..10_000),
    ];
    for (value, expected) in one_range {
        assert_eq!(wanted(value, 10_000), Wanted::Part(expected), "{value} of 10000 bytes");
    }
    let several = [
        "bytes=0-0,-1",
        "bytes= 0-0, -1",
        "bytes= 0-999, 4500-5499, -1000",
        "bytes=500-600,601-999",
        "bytes=500-700,601-999",
    ];
    for value in several {
        assert_eq!(
            wanted(value, 10_000),
            Wanted::Whole,
            "{value}: several ranges are answered with the whole file"
        );
    }
}

#[test]
fn the_edges_of_a_file_are_exact() {
    let cases: [(&str, u64, Wanted); 14] = [
        ("bytes=0-0", 10, Wanted::Part(0..1)),
        ("bytes=9-9", 10, Wanted::Part(9..10)),
        ("bytes=9-", 10, Wanted::Part(9..10)),
        ("bytes=0-9", 10, Wanted::Part(0..10)),
        ("bytes=0-10", 10, Wanted::Part(0..10)),
        ("bytes=5-18446744073709551615", 10, Wanted::Part(5..10)),
        ("bytes=10-", 10, Wanted::Unsatisfiable),
        ("bytes=10-20", 10, Wanted::Unsatisfiable),
        ("bytes=-1", 10, Wanted::Part(9..10)),
        ("bytes=-10", 10, Wanted::Part(0..10)),
        ("bytes=-99999999999999999999999", 10, Wanted::Part(0..10)),
        ("bytes=-0", 10, Wanted::Unsatisfiable),
        ("bytes=0-", 0, Wanted::Unsatisfiable),
        ("bytes=99999999999999999999999-", 10, Wanted::Unsatisfiable),
    ];
    for (value, size, expected) in cases {
        assert_eq!(wanted(value, size), expected, "{value} of {size} bytes");
    }
}

#[test]
fn what_breaks_the_grammar_is_ignored() {
    let values = [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=--5",
        "bytes=5",
        "bytes=a-b",
        "bytes=1-b",
        "bytes=a-",
        "bytes=-a",
        "bytes=2-1",
        "bytes=1 -2",
        "bytes=1- 2",
        "bytes=+1-2",
        "bytes=1-+2",
        "bytes=0x1-2",
        "bytes:0-1",
        "0-1",
        "=0-1",
        "seconds=0-1",
        "bytes=0-1-2",
        "bytes=\u{661}-2",
    ];
    for value in values {
        assert_eq!(wanted(value, 10), Wanted::Whole, "{value:?} is no range, so it counts as absent");
    }
    assert_eq!(wanted("Bytes=0-1", 10), Wanted::Part(0..2), "units are compared without regard to case");
}

/// One range the slow way: asks of each byte whether it is wanted.
fn naive(first: Option<u64>, last: Option<u64>, size: u64) -> Wanted {
    let is_wanted = |at: u64| match (first, last) {
        (Some(first), Some(last)) => first <= at && at <= last,
        (Some(first), None) => first <= at,
        (None, Some(length)) => size - at <= length,
        (None, None) => false,
    };
    let bytes: Vec<u64> = (0..size).filter(|&at| is_wanted(at)).collect();
    match (first, last, bytes.as_slice()) {
        (None, None, _) => Wanted::Whole,
        (Some(first), Some(last), _) if first > last => Wanted::Whole,
        // The last bytes of an empty file: a good range, but no 206 can say it (RFC 9110, section 14.4).
        (None, Some(1..), []) => Wanted::Whole,
        (_, _, []) => Wanted::Unsatisfiable,
        (_, _, [start, .., end]) => Wanted::Part(*start..end + 1),
        (_, _, [only]) => Wanted::Part(*only..only + 1),
    }
}

proptest! {
    #![proptest_config(super::properties())]

    #[test]
    fn one_range_wants_the_bytes_that_a_naive_reading_wants(
        first in prop::option::of(0..60_u64), last in prop::option::of(0..60_u64), size in 0..50_u64,
    ) {
        let spell = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
        let value = format!("bytes={}-{}", spell(first), spell(last));
        prop_assert_eq!(wanted(&value, size), naive(first, last, size), "{} of {} bytes", value, size);
    }

    #[test]
    fn whatever_is_asked_for_lies_inside_the_file(value in "bytes=[0-9]{0,3}-[0-9]{0,3}[-0-9, a]{0,2}", size in 0..100_u64) {
        if let Wanted::Part(Range { start, end }) = wanted(&value, size) {
            prop_assert!(start < end && end <= size, "{:?} of {} bytes gave {}..{}", value, size, start, end);
        }
    }
}
