// scrape.rs
pub(crate) fn next(&self, caller: u32, read_totals: impl FnOnce() -> Served) -> Option<Interval> {
    let Acquired { guard, owner_died } = self.semaphore.acquire_within(caller, PATIENCE)?;
    let now = read_totals();
    let last = Served {
        requests: self.last_requests.swap(now.requests, Relaxed),
        nanoseconds: self.last_nanoseconds.swap(now.nanoseconds, Relaxed),
    };
    drop(guard);
    if owner_died && now.requests == u64::MAX {
        // `last` may be half of one pair and half of another. It was replaced just now, and no
        // other repair is needed.
        return Some(Interval { recovered: true, ..Interval::default() });
    }
    Some(Interval {
        requests: now.requests - last.requests,
        duration: Duration::from_nanos(now.nanoseconds - last.nanoseconds),
        recovered: false,
    })
}
