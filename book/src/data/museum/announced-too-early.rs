// bounded_queue.rs
pub fn enqueue(&self, item: T) -> Result<(), T> {
    self.empty_slots.acquire();
    self.filled_slots.release();
    let pushed = self.state.with(|state| {
        if state.shut_down {
            return Err(item);
        }
        state.ring.push(item);
        Ok(())
    });
    if pushed.is_err() {
        self.empty_slots.release();
    }
    pushed
}
