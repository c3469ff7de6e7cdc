// A phone booth: one caller at a time.

use crate::sync::{Condvar, Mutex};

/// A booth for one caller. Other callers wait in front of it.
///
/// **Promise.** At most one caller is in the booth. A caller that is done, or panics, leaves the booth to the next
/// caller.
pub struct Booth {
    taken: Mutex<bool>,
    left: Condvar,
}

/// A caller is in the booth until this is dropped.
#[must_use = "a caller who leaves at once has not called"]
struct Visit<'b>(&'b Booth);

impl Booth {
    /// An empty booth.
    pub fn new() -> Booth {
        Booth { taken: Mutex::new(false), left: Condvar::new() }
    }

    /// Waits until the booth is free, and runs `talk` in it.
    pub fn call<T>(&self, talk: impl FnOnce() -> T) -> T {
        let _ = self.enter();
        talk()
    }

    fn enter(&self) -> Visit<'_> {
        let mut taken = self.taken.lock().unwrap();
        while *taken {
            taken = self.left.wait(taken).unwrap();
        }
        *taken = true;
        Visit(self)
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        *self.0.taken.lock().unwrap() = false;
        self.0.left.notify_one();
    }
}
