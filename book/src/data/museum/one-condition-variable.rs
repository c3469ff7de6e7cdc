// limit.rs
pub fn drain(&self) {
    let mut active = self.shared.lock();
    while *active > 0 {
        active = self.shared.returned.wait(active).unwrap_or_else(PoisonError::into_inner);
    }
}
