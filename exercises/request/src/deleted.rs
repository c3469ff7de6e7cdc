//! Whether an open folder was deleted. A separate file, because it needs unsafe code, and the files that students write
//! must not.

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Whether the folder has no name any more. For a folder on a network file system, this is what the client has cached
/// (`AT_STATX_DONT_SYNC`, statx(2)); asking the server might block forever.
pub fn is_deleted(folder: BorrowedFd<'_>) -> bool {
    let flags = libc::AT_EMPTY_PATH | libc::AT_STATX_DONT_SYNC;
    let mut status = MaybeUninit::<libc::statx>::zeroed();
    #[allow(unsafe_code)]
    // SAFETY: the kernel reads an empty string that ends in NUL, and writes one `statx` to `status`. A `statx` is made
    // of integers only, so all-zero bytes and whatever the kernel writes are valid values.
    let (result, status) = unsafe {
        let result =
            libc::statx(folder.as_raw_fd(), c"".as_ptr(), flags, libc::STATX_NLINK, status.as_mut_ptr());
        (result, status.assume_init())
    };
    result == 0 && status.stx_mask & libc::STATX_NLINK != 0 && status.stx_nlink == 0
}
