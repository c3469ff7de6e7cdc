//! A stop flag that counts the requests: the first one is the one that found 0.

use crate::sync::atomic::{AtomicU32, Ordering};

/// Something that wakes every thread that sleeps on it.
pub trait Bell {
    /// Wakes all sleepers, now and later.
    fn ring(&self);
}

/// A request to stop.
#[derive(Debug)]
pub struct StopFlag<B> {
    bell: B,
    requests: AtomicU32,
}

impl<B: Bell> StopFlag<B> {
    /// A flag that is not raised.
    pub fn new(bell: B) -> StopFlag<B> {
        StopFlag { bell, requests: AtomicU32::new(0) }
    }

    /// Requests the stop. `true` for the first request.
    pub fn request(&self) -> bool {
        let before = self.requests.fetch_add(1, Ordering::AcqRel);
        self.bell.ring();
        before == 0
    }

    /// Whether a stop was requested.
    pub fn is_requested(&self) -> bool {
        self.requests.load(Ordering::Acquire) != 0
    }

    /// The bell.
    pub fn bell(&self) -> &B {
        &self.bell
    }
}
