//! Durations, as counts per bucket.
//!
//! ```text
//!   BOUNDS        0.1 ms   0.25 ms   0.5 ms            10 s
//!   ----------------|---------|---------|--- ... --------|------------> time
//!   buckets  [ 0 ]     [ 1 ]     [ 2 ]     ...   [ 15 ]      [ 16 ]
//!                 a value on a bound belongs to the bucket below
//! ```
//!
//! An average hides the slow requests; buckets show them, can be summed over workers, and take the same
//! memory for any number of values (Prometheus documentation, "Histograms and summaries").

use std::array;
use std::time::Duration;

use crate::sync::atomic::AtomicU64;
use crate::sync::atomic::Ordering::Relaxed;

/// The upper bounds of all buckets but the last, each included in its bucket. The last bucket has no bound.
#[cfg(not(test))]
pub const BOUNDS: [Duration; 16] = [
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2_500),
    Duration::from_secs(5),
    Duration::from_secs(10),
];

/// One bound is enough for a model, and every further atomic is another step to interleave.
#[cfg(test)]
pub const BOUNDS: [Duration; 1] = [Duration::from_millis(1)];

/// The number of buckets of a histogram.
pub const BUCKETS: usize = BOUNDS.len() + 1;

/// Counts of durations per bucket, and their sum. Any thread adds, any thread reads, none waits.
///
/// **Promise.** No value is lost. The number of values is not stored but derived from the buckets, so the two
/// cannot disagree. The sum and the buckets may disagree by the values that are being recorded at this
/// moment.
///
/// **Why is this enough?** That is for you to say, once it works.
///
/// **What loom checks:** no value is lost, with two buckets. **What it cannot:** that values of every size
/// find their bucket; that is arithmetic, and tested as such.
#[derive(Debug)]
#[repr(C)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    sum_nanoseconds: AtomicU64,
}

impl Histogram {
    /// A histogram without values.
    pub fn new() -> Histogram {
        Histogram { buckets: array::from_fn(|_| AtomicU64::new(0)), sum_nanoseconds: AtomicU64::new(0) }
    }

    /// Counts one value. A duration of more than 584 years counts as 584 years.
    pub fn record(&self, value: Duration) {
        todo!("Lab 5.1: count one value in its bucket, and add it to the sum")
    }

    /// The counts as they are now.
    pub fn snapshot(&self) -> HistogramSnapshot {
        todo!("Lab 5.1: read the counts")
    }

    /// The sum of all values, in nanoseconds.
    pub(crate) fn sum_nanoseconds(&self) -> u64 {
        self.sum_nanoseconds.load(Relaxed)
    }
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram::new()
    }
}

/// A duration in nanoseconds, at most 584 years.
fn nanoseconds(value: Duration) -> u64 {
    u64::try_from(value.as_nanos()).unwrap_or(u64::MAX)
}

/// A [`Histogram`] as plain numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistogramSnapshot {
    /// The number of values in each bucket alone. Prometheus expects them cumulative: see
    /// [`cumulative`](Self::cumulative).
    pub buckets: [u64; BUCKETS],
    /// The sum of all values, in nanoseconds.
    pub sum_nanoseconds: u64,
}

impl HistogramSnapshot {
    /// The number of values.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The sum of all values, in seconds.
    pub fn sum_seconds(&self) -> f64 {
        Duration::from_nanos(self.sum_nanoseconds).as_secs_f64()
    }

    /// The average of all values in milliseconds, 0 if there is none.
    pub fn average_milliseconds(&self) -> f64 {
        match self.count() {
            0 => 0.0,
            count => self.sum_seconds() * 1e3 / count as f64,
        }
    }

    /// Each upper bound (none for the last) with the number of values up to it, as the `le` series of a
    /// Prometheus histogram has them.
    pub fn cumulative(&self) -> impl Iterator<Item = (Option<Duration>, u64)> + '_ {
        let bounds = BOUNDS.iter().copied().map(Some).chain([None]);
        bounds.zip(self.buckets.iter().scan(0, |below, here| {
            *below += here;
            Some(*below)
        }))
    }

    /// Adds what another histogram counted.
    pub(crate) fn add(&mut self, other: &HistogramSnapshot) {
        for (mine, others) in self.buckets.iter_mut().zip(other.buckets) {
            *mine += others;
        }
        self.sum_nanoseconds += other.sum_nanoseconds;
    }
}
