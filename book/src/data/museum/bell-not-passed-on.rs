// bounded_queue.rs
pub fn dequeue(&self) -> Option<T> {
    self.filled_slots.acquire();
    let item = self.state.with(|state| state.ring.pop());
    match item {
        Some(_) => self.empty_slots.release(),
        None => {}
    }
    item
}
