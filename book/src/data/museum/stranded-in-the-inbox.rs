// inbox.rs
pub fn put(&self, item: T) -> bool {
    let was_empty = self.lock().is_empty();
    self.lock().push(item);
    was_empty
}
