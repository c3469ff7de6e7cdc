//! A value in memory that a process and its forked children share (mmap(2), `MAP_SHARED | MAP_ANONYMOUS`).
//!
//! The memory has no name and no file. A child inherits the mapping at the same address; when the last
//! process that has it ends, even by SIGKILL, the kernel frees it. Nothing is left behind to clean up.

// This module maps memory and treats it as a value, which no safe function can do.
#![allow(unsafe_code)]

use std::io;
use std::num::NonZeroUsize;
use std::ops::Deref;
use std::ptr::NonNull;

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// A type for which fresh memory is already a value: the kernel gives out pages of zeros.
///
/// # Safety
///
/// All-zero bytes must be a valid value of the type; the type must not be zero-sized, must not need more
/// alignment than a page (4096 bytes) and must not need `Drop`. Every part of it that changes must be an
/// atomic: other processes write it too.
pub(crate) unsafe trait Zeroed: Sync {}

/// One `T` in shared memory. Each process that inherits it unmaps its own view on drop; the others keep
/// theirs.
#[derive(Debug)]
pub(crate) struct Mapping<T: Zeroed> {
    memory: NonNull<T>,
}

impl<T: Zeroed> Mapping<T> {
    /// Maps enough zeroed pages for one `T`. A page costs memory only once it is written.
    ///
    /// # Errors
    ///
    /// Those of mmap(2), such as `ENOMEM`.
    pub(crate) fn new() -> io::Result<Mapping<T>> {
        let length = NonZeroUsize::new(size_of::<T>()).expect("a Zeroed type is not zero-sized");
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: no address is requested, so the kernel picks a range that is not in use.
        let memory = unsafe { mmap_anonymous(None, length, protection, MapFlags::MAP_SHARED) }?;
        Ok(Mapping { memory: memory.cast() })
    }
}

impl<T: Zeroed> Deref for Mapping<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: `new` mapped at least `size_of::<T>()` readable and writable bytes at a page boundary, and
        // only `drop` unmaps them. They began as zeros, which are a valid `T`, and all processes change them
        // only through atomics (`Zeroed`).
        unsafe { self.memory.as_ref() }
    }
}

impl<T: Zeroed> Drop for Mapping<T> {
    fn drop(&mut self) {
        // SAFETY: the range is exactly what `new` mapped, and every reference into it borrowed `self`. The
        // call fails only for an invalid range.
        let _ = unsafe { munmap(self.memory.cast(), size_of::<T>()) };
    }
}

// SAFETY: a mapping owns its range, which belongs to the process and not to a thread. The `T` in it is only
// shared, and `Zeroed` demands `Sync`.
unsafe impl<T: Zeroed> Send for Mapping<T> {}
// SAFETY: a shared mapping gives out only `&T`, and `Zeroed` demands `Sync`.
unsafe impl<T: Zeroed> Sync for Mapping<T> {}
