//! Digests that travel with a content: `Repr-Digest`, `Content-Digest` and `Want-Repr-Digest` (RFC 9530). The only
//! algorithm is sha-256; others are not looked at.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::structured::{Value, in_dictionary};

/// The key of the algorithm.
const SHA_256: &str = "sha-256";

/// Fields that were meant to protect a content, and cannot: status 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Returns the SHA-256 digest in the values of all `Repr-Digest` fields, or of all `Content-Digest` fields. `None`: there
/// is none.
///
/// # Errors
/// The fields break the grammar, or `sha-256` has not 32 bytes.
pub fn sent<'v>(values: impl IntoIterator<Item = &'v [u8]>) -> Result<Option<[u8; 32]>, Malformed> {
    match in_dictionary(values, SHA_256) {
        Ok(None) => Ok(None),
        Ok(Some(Value::Bytes(bytes))) => bytes.try_into().map(Some).map_err(|_| Malformed),
        Ok(Some(_)) | Err(_) => Err(Malformed),
    }
}

/// Returns whether the values of all `Want-Repr-Digest` fields ask for SHA-256: with a weight of 1 to 10, whatever else
/// they would rather have.
pub fn is_wanted<'v>(values: impl IntoIterator<Item = &'v [u8]>) -> bool {
    matches!(in_dictionary(values, SHA_256), Ok(Some(Value::Integer(1..=10))))
}

/// Returns the value of a `Repr-Digest` field.
pub fn field_value(sha256: &[u8; 32]) -> String {
    format!("{SHA_256}=:{}:", BASE64_STANDARD.encode(sha256))
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    fn of(value: &str) -> Result<Option<[u8; 32]>, Malformed> {
        sent([value.as_bytes()])
    }

    #[test]
    fn a_digest_is_read_and_written_as_the_rfc_has_it() {
        // RFC 9530, B.1, has this content and digest.
        let digest: [u8; 32] = Sha256::digest(b"{\"hello\": \"world\"}\n").into();
        let value = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
        assert_eq!(field_value(&digest), value);
        assert_eq!(of(value), Ok(Some(digest)));
        assert_eq!(of(&format!("sha-512=:AA==:, {value}, md5=x")), Ok(Some(digest)));
        assert_eq!(sent([&b"id-sha-256=:AA==:"[..], value.as_bytes()]), Ok(Some(digest)));
        assert_eq!(sent([]), Ok(None));
        assert_eq!(of("sha-512=:AA==:"), Ok(None));
    }

    #[test]
    fn what_was_meant_to_protect_and_cannot_is_refused() {
        let short = format!("sha-256=:{}:", BASE64_STANDARD.encode([1; 31]));
        let long = format!("sha-256=:{}:", BASE64_STANDARD.encode([1; 33]));
        let hex = format!("sha-256={}", "ab".repeat(32));
        let old = format!("SHA-256={}", BASE64_STANDARD.encode([1; 32]));
        for value in [&short, &long, &hex, &old, "sha-256", "sha-256=::", "sha-256=1", "sha-256=:AA==", ","] {
            assert_eq!(of(value), Err(Malformed), "{value}");
        }
    }

    #[test]
    fn a_digest_is_sent_only_where_it_is_wanted() {
        let table = [
            ("sha-256=10", true),
            ("sha-256=1", true),
            ("sha-512=10, sha-256=3", true),
            ("sha-512=3", false),
            ("sha-256=0", false),
            ("sha-256=11", false),
            ("sha-256=-1", false),
            ("sha-256", false),
            ("sha-256=10,", false),
            ("", false),
        ];
        for (value, wanted) in table {
            assert_eq!(is_wanted([value.as_bytes()]), wanted, "{value}");
        }
        assert!(!is_wanted([]));
    }
}
