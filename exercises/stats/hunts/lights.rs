// The light in a room: the last person to leave turns it off.

use crate::sync::atomic::{AtomicUsize, Ordering};

/// A room with people in it.
///
/// **Promise.** The light is turned off once, by the last person to leave.
pub struct Room {
    inside: AtomicUsize,
    turned_off: AtomicUsize,
}

impl Room {
    /// A room with this many people in it, and the light on.
    pub fn new(people: usize) -> Room {
        Room { inside: AtomicUsize::new(people), turned_off: AtomicUsize::new(0) }
    }

    /// One person leaves; the last one turns off the light.
    pub fn leave(&self) {
        self.inside.fetch_sub(1, Ordering::AcqRel);
        if self.inside.load(Ordering::Acquire) == 0 {
            self.turned_off.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// How often the light was turned off.
    pub fn turned_off(&self) -> usize {
        self.turned_off.load(Ordering::Acquire)
    }
}
