// limit.rs
pub fn acquire(&self) -> Permit {
    let mut active = self.shared.lock();
    while *active == self.shared.limit {
        active = self.shared.returned.wait(active).unwrap_or_else(PoisonError::into_inner);
    }
    *active += 1;
    Permit { shared: self.shared.clone() }
}
