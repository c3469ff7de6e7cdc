// semaphore.rs
pub fn settle(&self, dead_pid: u32) {
    assert_process_id(dead_pid);
    let mut seen = dead_pid;
    // Repeats only if a thread sets WAITERS in between.
    while owner_of(seen) == dead_pid {
        match self.word.compare_exchange(seen, DIED, Release, Relaxed) {
            Ok(_) => break,
            Err(actual) => seen = actual,
        }
    }
}
