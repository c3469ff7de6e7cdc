// bounded_queue.rs
pub fn enqueue(&self, item: T) -> Result<(), T> {
    let pushed = self.state.with(|state| {
        self.empty_slots.acquire();
        if state.shut_down {
            return Err(item);
        }
        state.ring.push(item);
        Ok(())
    });
    match pushed {
        Ok(()) => self.filled_slots.release(),
        Err(_) => self.empty_slots.release(),
    }
    pushed
}
