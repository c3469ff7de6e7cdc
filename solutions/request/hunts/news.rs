// News: written once, and read by many threads without waiting.

use crate::cell::UnsafeCell;
use crate::sync::atomic::{AtomicBool, Ordering};

/// One piece of news, and whether it has been printed.
///
/// **Promise.** A thread that sees that it is printed reads all of it.
pub struct News {
    text: UnsafeCell<u32>,
    printed: AtomicBool,
}

// SAFETY: `print` writes the text before it sets `printed`, and `read` reads it only after that; the models check it.
#[allow(unsafe_code)]
unsafe impl Sync for News {}

impl News {
    /// No news yet.
    pub fn new() -> News {
        News { text: UnsafeCell::new(0), printed: AtomicBool::new(false) }
    }

    /// Prints the news. Called once.
    pub fn print(&self, text: u32) {
        #[allow(unsafe_code)]
        // SAFETY: no thread reads before `printed` is true, and only this one call writes.
        self.text.with_mut(|news| unsafe { *news = text });
        self.printed.store(true, Ordering::Release);
    }

    /// The news, if it is printed. Never waits.
    pub fn read(&self) -> Option<u32> {
        if !self.printed.load(Ordering::Acquire) {
            return None;
        }
        #[allow(unsafe_code)]
        // SAFETY: `printed` is true, so the text was written before and will not change.
        Some(self.text.with(|news| unsafe { *news }))
    }
}
