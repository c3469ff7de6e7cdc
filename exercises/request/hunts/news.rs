// News: written once, read by many who do not wait.

use lanes::cell::UnsafeCell;
use lanes::sync::atomic::{AtomicBool, Ordering};

/// One piece of news, and whether it is printed.
///
/// **Promise.** Whoever sees that it is printed reads all of it.
pub struct News {
    text: UnsafeCell<u32>,
    printed: AtomicBool,
}

// SAFETY: the text is written before `printed` is true, and read only after that was seen; the models check it.
#[allow(unsafe_code)]
unsafe impl Sync for News {}

impl News {
    /// Nothing yet.
    pub fn new() -> News {
        News { text: UnsafeCell::new(0), printed: AtomicBool::new(false) }
    }

    /// Prints the news. Called once.
    pub fn print(&self, text: u32) {
        #[allow(unsafe_code)]
        // SAFETY: nobody reads before `printed` is true, and nobody else writes.
        self.text.with_mut(|news| unsafe { *news = text });
        self.printed.store(true, Ordering::Relaxed);
    }

    /// The news, if it is printed. Never waits.
    pub fn read(&self) -> Option<u32> {
        if !self.printed.load(Ordering::Acquire) {
            return None;
        }
        #[allow(unsafe_code)]
        // SAFETY: `printed` was seen, so the text was written before and will not change.
        Some(self.text.with(|news| unsafe { *news }))
    }
}
