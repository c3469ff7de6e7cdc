// A telephone booth: one caller at a time.

use lanes::sync::{Condvar, Mutex};

/// A booth for one caller. The others wait in front of it.
///
/// **Promise.** While one calls, nobody else does. A caller that is done, or gives up in a panic, leaves the booth
/// to the next.
pub struct Booth {
    taken: Mutex<bool>,
    left: Condvar,
}

/// Somebody is in the booth, until this is dropped.
#[must_use = "a caller who leaves at once has not called"]
struct Visit<'b>(&'b Booth);

impl Booth {
    /// A booth that nobody is in.
    pub fn new() -> Booth {
        Booth { taken: Mutex::new(false), left: Condvar::new() }
    }

    /// Waits until the booth is free, and talks in it.
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
