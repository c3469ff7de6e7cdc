//! Buffers that only busy connections hold.
//!
//! A connection needs a buffer while bytes are on their way, and most connections are idle most of the time. So a
//! thread keeps a few free buffers. A connection takes one when it has something to put into it, and gives it back
//! when it becomes idle. Ten thousand idle clients then need no more buffers than ten, and a busy thread writes to the
//! same few again and again, which the processor still has in its cache.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// Room in a new buffer, in bytes.
pub const BUFFER_SIZE: usize = 4 * 1024;

/// A buffer that has grown larger than this is not kept.
const LARGEST_KEPT: usize = 4 * BUFFER_SIZE;

/// Free buffers that a thread keeps.
const KEPT: usize = 16;

thread_local! {
    static FREE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A vector of bytes whose memory comes from the thread's free buffers at [`Buffer::room`], and goes back when it is
/// dropped. It may be dropped by another thread.
#[derive(Debug, Default)]
pub struct Buffer(Vec<u8>);

impl Buffer {
    /// The vector, with memory behind it.
    pub fn room(&mut self) -> &mut Vec<u8> {
        if self.0.capacity() == 0 {
            let free = FREE.with_borrow_mut(Vec::pop);
            self.0 = free.unwrap_or_else(|| Vec::with_capacity(BUFFER_SIZE));
        }
        &mut self.0
    }
}

impl Deref for Buffer {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if !(1..=LARGEST_KEPT).contains(&self.0.capacity()) {
            return;
        }
        let mut bytes = std::mem::take(&mut self.0);
        bytes.clear();
        // At the end of a thread its free buffers may be gone before this one.
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            if free.len() < KEPT {
                free.push(bytes);
            }
        });
    }
}
