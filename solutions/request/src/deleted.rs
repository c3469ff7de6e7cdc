//! Whether a folder that is open was deleted. In a file of its own, because nothing that is written in a lab may be unsafe.

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Whether the folder has no name any more. Of a folder on another machine, it is what this one has heard
/// (`AT_STATX_DONT_SYNC`, statx(2)); asking might wait for ever.
pub fn is_deleted(folder: BorrowedFd<'_>) -> bool {
    let flags = libc::AT_EMPTY_PATH | libc::AT_STATX_DONT_SYNC;
    let mut status = MaybeUninit::<libc::statx>::zeroed();
    #[allow(unsafe_code)]
    // SAFETY: the kernel reads an empty string that ends in NUL, and writes one `statx` to `status`. That is made of
    // integers, for which all-zero bytes, and whatever the kernel writes there, are values.
    let (result, status) = unsafe {
        let result =
            libc::statx(folder.as_raw_fd(), c"".as_ptr(), flags, libc::STATX_NLINK, status.as_mut_ptr());
        (result, status.assume_init())
    };
    result == 0 && status.stx_mask & libc::STATX_NLINK != 0 && status.stx_nlink == 0
}
