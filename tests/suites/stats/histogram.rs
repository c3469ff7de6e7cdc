//! What the histogram must do.

use std::time::Duration;

use proptest::prelude::*;
use stats::{BOUNDS, BUCKETS, Histogram};
use verdict::test;

#[test]
fn bounds_rise_and_belong_to_the_bucket_below() {
    assert!(BOUNDS.is_sorted_by(|a, b| a < b), "each bound is larger than the one before");
    let seconds: Vec<f64> = BOUNDS.iter().map(Duration::as_secs_f64).collect();
    let documented = [
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    ];
    assert_eq!(seconds, documented, "the bounds that the dashboards know");
    for (bucket, bound) in BOUNDS.into_iter().enumerate() {
        assert_eq!(bucket_in(bound), [bucket], "in which buckets a value of exactly {bound:?} is");
        let above = bound + Duration::from_nanos(1);
        assert_eq!(bucket_in(above), [bucket + 1], "in which buckets a value of {above:?} is");
    }
}

/// The bucket of a value, found the slow way.
pub fn bucket_of(value: Duration) -> usize {
    BOUNDS.iter().position(|bound| value <= *bound).unwrap_or(BUCKETS - 1)
}

/// Durations around all bounds, from 0 to 34 seconds.
fn any_duration() -> impl Strategy<Value = Duration> {
    (0_u32..36, any::<u64>()).prop_map(|(bits, value)| Duration::from_nanos(value % (1 << bits)))
}

proptest! {
    // The message shows the smallest failing list; no file with it is left among the sources.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_histogram_agrees_with_a_list_of_its_values(values in prop::collection::vec(any_duration(), 0..50)) {
        let histogram = Histogram::new();
        let mut buckets = [0; BUCKETS];
        for value in &values {
            histogram.record(*value);
            buckets[bucket_of(*value)] += 1;
        }
        let snapshot = histogram.snapshot();
        for (index, (found, expected)) in snapshot.buckets.into_iter().zip(buckets).enumerate() {
            let range = match BOUNDS.get(index) {
                Some(bound) if index > 0 => format!("more than {:?} up to {bound:?}", BOUNDS[index - 1]),
                Some(bound) => format!("up to {bound:?}"),
                None => format!("more than {:?}, without a bound", BOUNDS[index - 1]),
            };
            prop_assert!(
                found == expected,
                "buckets[{index}] counts values of {range}. It must count {expected} of the values below, but it counts \
                 {found}. Look at histogram.rs"
            );
        }
        prop_assert_eq!(snapshot.count(), values.len() as u64, "how many values were recorded");
        let sum = Duration::from_nanos(snapshot.sum_nanoseconds);
        prop_assert_eq!(sum, values.iter().sum::<Duration>(), "the sum of all values");
        for (bound, up_to) in snapshot.cumulative() {
            let expected = values.iter().filter(|value| bound.is_none_or(|bound| **value <= bound)).count();
            prop_assert_eq!(up_to, expected as u64, "values up to {:?}", bound);
        }
        prop_assert_eq!(snapshot.cumulative().count(), BUCKETS, "cumulative() has a number for each bucket");
    }
}

#[test]
fn the_last_bucket_and_the_sum_have_room_up_to_584_years() {
    let longest = Duration::from_nanos(u64::MAX);
    // The last is 2^64 + 7 nanoseconds.
    for duration in [longest - Duration::from_nanos(1), longest, longest + Duration::from_nanos(8)] {
        let histogram = Histogram::new();
        histogram.record(duration);
        let snapshot = histogram.snapshot();
        let after = format!(
            "after a single value of {duration:?} was recorded (u64::MAX ns are {longest:?}, about 584 years, and \
             anything longer counts as 584 years)"
        );
        assert_eq!(snapshot.buckets[BUCKETS - 1], 1, "how many values are in the last bucket, {after}");
        let sum = duration.min(longest).as_nanos() as u64;
        assert_eq!(snapshot.sum_nanoseconds, sum, "the sum in nanoseconds, {after}");
    }
}

/// The buckets in which a histogram counts this value.
fn bucket_in(value: Duration) -> Vec<usize> {
    let histogram = Histogram::new();
    histogram.record(value);
    let buckets = histogram.snapshot().buckets;
    (0..BUCKETS).filter(|bucket| buckets[*bucket] > 0).collect()
}
