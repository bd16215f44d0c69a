//! What a client must know: the secret of a path, or a token.

use base64::prelude::{BASE64_STANDARD as BASE64, Engine};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The characters of a secret path: 128 bits at five bits each.
pub const SECRET_CHARS: usize = 26;
/// Digits and lower-case letters without `i`, `l`, `o` and `u`: no two of them look alike.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// The bytes of a token, at least and at most.
const TOKEN_BYTES: std::ops::RangeInclusive<usize> = 8..=1024;

/// The values of the `WWW-Authenticate` fields of a 401, one field for each: browsers ask for a password, other clients
/// learn of Bearer.
pub const CHALLENGES: [&str; 2] = ["Basic realm=\"sendall\", charset=\"UTF-8\"", "Bearer realm=\"sendall\""];

/// The first segment of every path of a server that strangers may reach.
pub struct SecretPath(Zeroizing<String>);

impl SecretPath {
    /// Creates a secret of 128 random bits.
    pub fn new(random: &[u8; 16]) -> SecretPath {
        let mut text = Zeroizing::new(String::with_capacity(SECRET_CHARS));
        // Two zero bits at the end make the number of bits a multiple of five.
        for at in (0..SECRET_CHARS).map(|place| place * 5) {
            let pair = [random[at / 8], random.get(at / 8 + 1).copied().unwrap_or(0)];
            let bits = u16::from_be_bytes(pair) >> (11 - at % 8);
            text.push(char::from(ALPHABET[usize::from(bits) % ALPHABET.len()]));
        }
        SecretPath(text)
    }

    /// Returns the characters, for a URL that is shown once.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the rest of a path, which begins with `/`, after the secret: a path again, or empty if there is none.
    /// `None`: the secret is missing or wrong. The time it takes depends on the path alone.
    ///
    /// Capitals, and letters that are taken for digits, stand for what they look like.
    pub fn strip<'p>(&self, path: &'p str) -> Option<&'p str> {
        let segment = path.strip_prefix('/')?;
        let (segment, rest) = segment.split_at(segment.find('/').unwrap_or(segment.len()));
        let typed = Zeroizing::new(segment.bytes().map(canonical).collect::<Vec<u8>>());
        bool::from(typed.ct_eq(self.0.as_bytes())).then_some(rest)
    }
}

/// Shows nothing of it.
impl std::fmt::Debug for SecretPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretPath")
    }
}

/// Returns the character of the alphabet that a typed one stands for.
fn canonical(typed: u8) -> u8 {
    match typed.to_ascii_lowercase() {
        b'o' => b'0',
        b'i' | b'l' => b'1',
        other => other,
    }
}

/// A token that a client sends with each request.
pub struct Token(Zeroizing<Vec<u8>>);

impl Token {
    /// Reads the content of a token file: one line.
    ///
    /// # Errors
    /// What is wrong with it, in words that follow the name of the file.
    pub fn parse(content: &[u8]) -> Result<Token, String> {
        let token = content.trim_ascii();
        if !TOKEN_BYTES.contains(&token.len()) {
            let (least, most) = (TOKEN_BYTES.start(), TOKEN_BYTES.end());
            return Err(format!(
                "a token has {least} to {most} characters: head -c 18 /dev/urandom | base64"
            ));
        }
        if !token.iter().all(u8::is_ascii_graphic) {
            return Err("a token is one line of ASCII without blanks".into());
        }
        Ok(Token(Zeroizing::new(token.to_vec())))
    }

    /// Returns whether the value of an `Authorization` field has the token: as Bearer (RFC 6750, 2.1), or as the
    /// password of Basic (RFC 7617), where the user's name is ignored. The time it takes depends on the value alone.
    pub fn is_in(&self, authorization: &[u8]) -> bool {
        let end = authorization.iter().position(|&byte| byte == b' ').unwrap_or(authorization.len());
        let (scheme, rest) = authorization.split_at(end);
        let rest = rest.trim_ascii();
        if scheme.eq_ignore_ascii_case(b"Bearer") {
            return rest.ct_eq(&self.0).into();
        }
        if !scheme.eq_ignore_ascii_case(b"Basic") {
            return false;
        }
        let pair = Zeroizing::new(BASE64.decode(rest).unwrap_or_default());
        let password = pair.iter().position(|&byte| byte == b':').and_then(|colon| pair.get(colon + 1..));
        password.is_some_and(|password| password.ct_eq(&self.0).into())
    }
}

/// Shows nothing of it.
impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_secret_has_26_characters_and_all_128_bits() {
        assert_eq!(SecretPath::new(&[0; 16]).as_str(), "0".repeat(26));
        assert_eq!(SecretPath::new(&[0xff; 16]).as_str(), format!("{}w", "z".repeat(25)));
        let counted: [u8; 16] = std::array::from_fn(|place| place as u8);
        assert_eq!(SecretPath::new(&counted).as_str(), "000g40r40m30e209185gr38e1w");
        for bit in 0..128 {
            let random = (1_u128 << bit).to_be_bytes();
            assert_ne!(SecretPath::new(&random).as_str(), SecretPath::new(&[0; 16]).as_str(), "{bit}");
        }
    }

    #[test]
    fn the_rest_of_a_path_stands_after_the_secret() {
        let counted: [u8; 16] = std::array::from_fn(|place| place as u8);
        let secret = SecretPath::new(&counted);
        assert_eq!(secret.strip("/000g40r40m30e209185gr38e1w/a/b"), Some("/a/b"));
        assert_eq!(secret.strip("/000g40r40m30e209185gr38e1w/"), Some("/"));
        assert_eq!(secret.strip("/000g40r40m30e209185gr38e1w"), Some(""));
        assert_eq!(secret.strip("/OooG40R40M30e2o9i85gr38elw/a"), Some("/a"));
        for wrong in [
            "",
            "/",
            "//",
            "/a",
            "000g40r40m30e209185gr38e1w/a",
            "//000g40r40m30e209185gr38e1w/a",
            "/000g40r40m30e209185gr38e1/w",
            "/000g40r40m30e209185gr38e1x/a",
            "/000g40r40m30e209185gr38e1wa",
            "/000g40r40m30e209185gr38e1%77",
        ] {
            assert_eq!(secret.strip(wrong), None, "{wrong}");
        }
        assert_eq!(format!("{secret:?}"), "SecretPath");
    }

    #[test]
    fn a_token_is_one_line_of_a_file() {
        assert!(Token::parse(b"  s3cret-of-mine\r\n").unwrap().is_in(b"Bearer s3cret-of-mine"));
        for (content, why) in [
            (&b""[..], "8 to 1024"),
            (b"short\n", "8 to 1024"),
            (&[b'x'; 1025], "8 to 1024"),
            (b"two words here", "without blanks"),
            (b"two-lines\nof-it", "without blanks"),
            (b"nul\0nul\0nul", "without blanks"),
            ("sch\u{f6}nes-wort".as_bytes(), "without blanks"),
        ] {
            assert!(Token::parse(content).is_err_and(|fault| fault.contains(why)), "{content:?}");
        }
    }

    #[test]
    fn a_token_comes_as_bearer_or_as_a_password() {
        let token = Token::parse(b"s3cret:of-mine").unwrap();
        let basic = |pair: &str| format!("basic {}", BASE64.encode(pair)).into_bytes();
        for good in [&b"Bearer s3cret:of-mine"[..], b"BEARER  s3cret:of-mine "] {
            assert!(token.is_in(good));
        }
        for user in ["", "ann", "\u{f6}"] {
            assert!(token.is_in(&basic(&format!("{user}:s3cret:of-mine"))));
        }
        for bad in [
            &b""[..],
            b"Bearer",
            b"Bearer ",
            b"s3cret:of-mine",
            b"Bearers3cret:of-mine",
            b"Bearer s3cret:of-min",
            b"Bearer s3cret:of-mine2",
            b"Digest s3cret:of-mine",
            b"Basic s3cret:of-mine",
            b"Basic !",
        ] {
            assert!(!token.is_in(bad), "{}", String::from_utf8_lossy(bad));
        }
        assert!(!token.is_in(&basic("ann:of-mine")) && !token.is_in(&basic("s3cret:of-min")));
        assert!(!token.is_in(&basic("s3cret")) && format!("{token:?}") == "Token");
    }

    proptest! {
        #[test]
        fn any_secret_is_found_in_its_own_path_alone(random: [u8; 16], other: [u8; 16], rest in "(/[a-z/]{0,9})?") {
            let secret = SecretPath::new(&random);
            prop_assert!(secret.as_str().len() == SECRET_CHARS && secret.as_str().bytes().all(|c| ALPHABET.contains(&c)));
            let path = format!("/{}{rest}", secret.as_str());
            prop_assert_eq!(secret.strip(&path), Some(&*rest));
            prop_assert_eq!(SecretPath::new(&other).strip(&path).is_some(), random == other);
        }

        #[test]
        fn no_value_makes_a_token_panic(value: Vec<u8>) {
            prop_assert!(!Token::parse(b"s3cret-of-mine").unwrap().is_in(&value));
        }
    }
}
