//! The users of proxies, and their passwords.

/// A user's name and password, of at most 255 bytes each (RFC 1929). A password may be empty: some servers require
/// that.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    user: Vec<u8>,
    password: Vec<u8>,
}

const MAX_CREDENTIAL_BYTES: usize = 255;

impl Credentials {
    /// # Errors
    /// The fault of one of them, in words that follow its name.
    pub fn new(user: &[u8], password: &[u8]) -> Result<Credentials, String> {
        if user.is_empty() || user.len() > MAX_CREDENTIAL_BYTES {
            return Err(format!("a user has 1 to {MAX_CREDENTIAL_BYTES} bytes"));
        }
        if password.len() > MAX_CREDENTIAL_BYTES {
            return Err(format!("a password has up to {MAX_CREDENTIAL_BYTES} bytes"));
        }
        if user.contains(&b':') {
            return Err("a user has no colon".into());
        }
        Ok(Credentials { user: user.to_vec(), password: password.to_vec() })
    }

    /// Returns the user's name.
    pub fn user(&self) -> &[u8] {
        &self.user
    }

    /// Returns the password.
    pub fn password(&self) -> &[u8] {
        &self.password
    }
}

/// Shows the user only.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", String::from_utf8_lossy(&self.user).escape_debug())
    }
}

/// The users of a proxy server.
#[derive(Clone, Debug, Default)]
pub struct Users(Vec<Credentials>);

impl Users {
    /// Parses lines of `user:password`. Empty lines and those that begin with `#` are ignored.
    ///
    /// # Errors
    /// The line's number, and what is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Users, String> {
        let mut users = Vec::new();
        for (line, number) in text.split(|byte| *byte == b'\n').zip(1..) {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let colon = line.iter().position(|byte| *byte == b':');
            let colon = colon.ok_or_else(|| format!("line {number}: a line is user:password"))?;
            if colon + 1 == line.len() {
                return Err(format!("line {number}: a password of a server's user is not empty"));
            }
            let credentials = Credentials::new(&line[..colon], &line[colon + 1..]);
            users.push(credentials.map_err(|fault| format!("line {number}: {fault}"))?);
        }
        if users.is_empty() { Err("no user is in it".into()) } else { Ok(Users(users)) }
    }

    /// Returns whether there is such a user with that password. The time it takes depends on no more of a password than
    /// its length.
    pub fn know(&self, user: &[u8], password: &[u8]) -> bool {
        self.0.iter().fold(false, |known, other| {
            known | (is_same(&other.user, user) & is_same(&other.password, password))
        })
    }
}

fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_read_or_the_line_is_named() {
        let users = Users::parse(b"# who may\n\nann:s3cret:with colon\r\nbob:x\n").unwrap();
        assert!(users.know(b"ann", b"s3cret:with colon") && users.know(b"bob", b"x"));
        assert!(!users.know(b"ann", b"x") && !users.know(b"bob", b"") && !users.know(b"", b""));
        for (text, why) in [
            (&b"ann\n"[..], "line 1: a line is user:password"),
            (b"a:b\n:c\n", "line 2: a user has 1"),
            (b"a:\n", "line 1: a password of a server's user is not empty"),
            (b"\n#a:b\n", "no user"),
        ] {
            assert!(Users::parse(text).is_err_and(|fault| fault.contains(why)), "{why}");
        }
        assert!(Credentials::new(b"a", &[b'x'; 256]).is_err() && Credentials::new(b"a:b", b"c").is_err());
        assert_eq!(format!("{:?}", Credentials::new(b"ann", b"s3cret").unwrap()), "ann");
    }
}
