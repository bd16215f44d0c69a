//! HMAC-SHA-512 (RFC 2104, RFC 6234), with keys of 64 bytes.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha512;
use zeroize::Zeroizing;

/// Bytes of a key, a tag and a digest of SHA-512.
pub(super) const SHA512_BYTES: usize = 64;
/// Bytes of a block of SHA-512: HMAC pads shorter keys with zeros to this length.
const BLOCK_BYTES: usize = 128;

/// Returns the HMAC of `message` under `key`.
pub(super) fn hmac(key: &[u8; SHA512_BYTES], message: &[u8]) -> [u8; SHA512_BYTES] {
    let mut block = Zeroizing::new([0; BLOCK_BYTES]);
    block[..SHA512_BYTES].copy_from_slice(key);
    <Hmac<Sha512> as KeyInit>::new((&*block).into()).chain_update(message).finalize().into_bytes().into()
}
