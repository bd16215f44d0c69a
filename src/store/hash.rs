//! Digests of files.

use super::fault::{Fault, FaultKind};
use super::source::read_at;
use std::fs::File;

/// Bytes read at a time.
const CHUNK_BYTES: usize = 512 * 1024;

/// Hashes the first `length_bytes` bytes of a file with BLAKE3, to compare or to go on from there. The file's own
/// offset is neither used nor moved. Blocks; `progress` hears the number of bytes done so far after each chunk.
///
/// # Errors
/// `CannotRead`, also for a file that ends before.
pub fn hash_prefix(
    file: &File,
    length_bytes: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<blake3::Hasher, Fault> {
    let mut hasher = blake3::Hasher::new();
    let first_bytes = usize::try_from(length_bytes).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
    let mut buffer = vec![0; first_bytes];
    let mut done_bytes = 0;
    while done_bytes < length_bytes {
        let rest_bytes = usize::try_from(length_bytes - done_bytes).unwrap_or(CHUNK_BYTES);
        let chunk = &mut buffer[..rest_bytes.min(first_bytes)];
        if read_at(file, chunk, done_bytes)? < chunk.len() {
            return Err(Fault::new(FaultKind::CannotRead, "is shorter than it was"));
        }
        hasher.update(chunk);
        done_bytes += chunk.len() as u64;
        progress(done_bytes);
    }
    Ok(hasher)
}
