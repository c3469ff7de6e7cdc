//! What is read of one file, and the sentences about one that cannot be read.

use anyhow::{Context, Result, bail, ensure};
use std::io::Read;
use zip::CompressionMethod;

/// The largest source file that is taken, in bytes.
const LARGEST_FILE: u64 = 1 << 20;
/// The largest archive within another one, in bytes.
const LARGEST_INNER: u64 = 64 << 20;

/// Reads a source file of which so many bytes may be left.
///
/// # Errors
/// If it cannot be read, is too long, or has a byte that no text in UTF-8 or Latin-1 has.
pub(super) fn source<R: Read>(
    open: impl FnOnce() -> Result<R>,
    left: usize,
    bytes: &mut Vec<u8>,
) -> Result<()> {
    open()?.take(LARGEST_FILE + 1).read_to_end(bytes).context("it cannot be read")?;
    ensure!(bytes.len() as u64 <= LARGEST_FILE, "it is longer than 1 MiB");
    ensure!(bytes.len() <= left, "the submission's sources are larger than 8 MiB");
    let is_utf_16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    ensure!(!is_utf_16, "it is in UTF-16, and Rust is written in UTF-8; save it again in UTF-8");
    ensure!(!bytes.contains(&0), "it is not text in UTF-8");
    Ok(())
}

/// Reads an archive that is in another one.
///
/// # Errors
/// If it cannot be read, or is too large.
pub(super) fn inner<R: Read>(open: impl FnOnce() -> Result<R>, bytes: &mut Vec<u8>) -> Result<()> {
    open()?.take(LARGEST_INNER + 1).read_to_end(bytes).context("it cannot be read")?;
    ensure!(bytes.len() as u64 <= LARGEST_INNER, "it is larger than {} MiB", LARGEST_INNER >> 20);
    Ok(())
}

/// Whether we can unpack what is compressed with this method.
///
/// # Errors
/// If we cannot: which method it is, and what to do.
pub(super) fn can_unpack(method: CompressionMethod) -> Result<()> {
    let name = match method {
        CompressionMethod::STORE | CompressionMethod::DEFLATE => return Ok(()),
        CompressionMethod::DEFLATE64 => "Deflate64",
        CompressionMethod::BZIP2 => "bzip2",
        CompressionMethod::LZMA => "LZMA",
        CompressionMethod::ZSTD => "Zstandard",
        CompressionMethod::XZ => "xz",
        CompressionMethod::PPMD => "PPMd",
        _ => "an unknown method",
    };
    bail!("it is compressed with {name}; make the zip archive again, with the usual method, Deflate")
}
