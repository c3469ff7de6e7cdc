// semaphore.rs
pub fn acquire(&self) {
    let mut permits = self.lock();
    // Not `if`: another thread may take the permit before the woken one gets the lock, and a condition
    // variable may wake for no reason at all (pthread_cond_wait(3p), "spurious wakeups").
    while *permits == 0 {
        drop(permits);
        permits = self.released.wait(self.lock()).expect(NOT_POISONED);
    }
    *permits -= 1;
}
