// mailbox.rs
pub fn take(&self) -> Notices {
    let notices = self.notices.fetch_or(0, Ordering::Acquire);
    self.notices.swap(0, Ordering::Acquire);
    Notices(notices)
}
