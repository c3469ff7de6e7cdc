// histogram.rs
pub fn record(&self, value: Duration) {
    let bucket = BOUNDS.partition_point(|bound| *bound < value);
    self.buckets[bucket].fetch_add(1, Relaxed);
    let sum = self.sum_nanoseconds.load(Relaxed);
    self.sum_nanoseconds.swap(sum + nanoseconds(value), Relaxed);
}
