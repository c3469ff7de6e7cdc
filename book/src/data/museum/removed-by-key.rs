// cache.rs
pub fn remove_if_same(&self, key: &str, value: &Arc<V>) -> Change {
    let mut inside = self.write();
    let _ = value;
    inside.shelf.remove(key)
}
