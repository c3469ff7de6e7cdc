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

/// Whether this is the first block of a tar archive, also of the oldest kind, which has no name in it.
pub(super) fn is_tar(head: &[u8]) -> bool {
    let Ok(block) = <&[u8; 512]>::try_from(head) else { return false };
    // The sum of all bytes, with spaces where the sum itself is.
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    let own: u32 = block[148..156].iter().map(|&byte| u32::from(byte)).sum();
    let header = tar::Header::from_byte_slice(block);
    header.cksum().is_ok_and(|said| said == sum - own + 8 * u32::from(b' '))
}

/// Why a file is no submission, by its first bytes, and what to do.
pub(super) fn unusable(name: &str, head: &[u8]) -> String {
    const PACKERS: [(&[u8], &str); 6] = [
        (b"BZh", "bzip2"),
        (b"\x28\xb5\x2f\xfd", "Zstandard"),
        (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
        (b"Rar!", "RAR"),
        (b"LZIP", "lzip"),
        (b"\x1f\x9d", "compress"),
    ];
    if let Some((_, packer)) = PACKERS.iter().find(|(magic, _)| head.starts_with(magic)) {
        return format!("{name} is packed with {packer}, which cannot be read here; make a zip archive");
    }
    if head.is_empty() {
        return format!("{name} is an empty file; hand it in again");
    }
    if head.starts_with(b"# v2 git bundle") || head.starts_with(b"# v3 git bundle") {
        return format!("{name} is a git bundle, which cannot be read here; make a zip archive of the files");
    }
    if let Some(at) = name.to_ascii_lowercase().find(".rs.") {
        return format!("{name} does not end in .rs; hand it in as {}", &name[..at + 3]);
    }
    format!("{name} is neither a folder nor an archive (.zip, .tar, .tar.gz, .tar.xz)")
}
