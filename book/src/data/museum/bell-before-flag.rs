// stop.rs
pub fn request(&self) -> bool {
    self.bell.ring();
    !self.requested.swap(true, Ordering::AcqRel)
}
