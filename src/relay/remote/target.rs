//! `ssh://[USER@]HOST[:PORT]/DIR` and `ssh:[USER@]HOST:DIR`, and DIR for a remote shell.

/// The beginning of both forms.
const SCHEME: &[u8] = b"ssh:";

/// A folder or file of another machine, behind ssh(1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SshTarget {
    /// The name there; `None`: ssh decides.
    pub(crate) user: Option<String>,
    /// The host, or its name in ssh's configuration.
    pub(crate) host: String,
    /// The port; `None`: ssh decides.
    pub(crate) port: Option<u16>,
    pub(crate) path: RemotePath,
}

/// A path on the other machine, relative to the home folder unless it begins with a slash. `~` and `~USER` at its beginning
/// are the home folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RemotePath(Vec<u8>);

impl SshTarget {
    /// True for a word that begins as one of the forms does.
    pub(crate) fn is_begun(word: &[u8]) -> bool {
        word.starts_with(SCHEME)
    }

    /// Parses a word. The error says what to type instead.
    pub(crate) fn parse(word: &[u8]) -> Result<SshTarget, String> {
        let rest = word.strip_prefix(SCHEME).unwrap_or(word);
        let parsed = match rest.strip_prefix(b"//") {
            Some(rest) => SshTarget::parse_url(rest),
            None => SshTarget::parse_scp(rest),
        };
        parsed.map_err(|fault| {
            let word = String::from_utf8_lossy(word);
            let forms = "type ssh://USER@HOST:PORT/DIR, or ssh:USER@HOST:DIR";
            format!("'{}' {fault}: {forms}", word.escape_debug())
        })
    }

    /// As URLs of git and curl have it: `/DIR` is absolute, `/~/DIR` in the home folder. (In scp's URLs it takes a second slash
    /// to be absolute.)
    fn parse_url(rest: &[u8]) -> Result<SshTarget, String> {
        let end = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (user, host) = split_user(authority)?;
        if user.is_some_and(|user| user.contains(':')) {
            return Err("has a password, and ssh asks for that itself".to_owned());
        }
        let user = user.map(|user| decoded(user.as_bytes())).transpose()?;
        let user = user.map(String::from_utf8).transpose().map_err(|_| "has a user that is no text")?;
        let (host, port) = match host.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (host, None),
        };
        let port = port.filter(|port| !port.is_empty()).map(|port| match port.parse() {
            Ok(number) if number > 0 && port.bytes().all(|byte| byte.is_ascii_digit()) => Ok(number),
            _ => Err(format!("has no port in '{}'", port.escape_debug())),
        });
        let path = decoded(path)?;
        let path = path.strip_prefix(b"/").filter(|rest| rest.starts_with(b"~")).unwrap_or(&path).to_vec();
        SshTarget::checked(user, host, port.transpose()?, path)
    }

    /// As scp has it: `HOST:DIR`, where DIR is relative to the home folder unless it begins with a slash.
    fn parse_scp(rest: &[u8]) -> Result<SshTarget, String> {
        let after_brackets = rest.iter().position(|byte| *byte == b']').unwrap_or(0);
        let colon = rest[after_brackets..].iter().position(|byte| *byte == b':');
        let (authority, path) = match colon.map(|colon| colon + after_brackets) {
            Some(colon) => (&rest[..colon], &rest[colon + 1..]),
            None => (rest, &b""[..]),
        };
        if authority.contains(&b'/') {
            return Err("has no host before its folder".to_owned());
        }
        let (user, host) = split_user(authority)?;
        SshTarget::checked(user.map(str::to_owned), host, None, path.to_vec())
    }

    fn checked(
        user: Option<String>,
        host: &str,
        port: Option<u16>,
        path: Vec<u8>,
    ) -> Result<SshTarget, String> {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        // What begins with a dash ssh(1) would take for an option. The rest is what it refuses itself since 9.6: a ProxyCommand
        // or `Match exec` may pass it to a shell.
        let is_wrong = |text: &str, foreign: &str| {
            let is_foreign = |c: char| c.is_whitespace() || c.is_control() || foreign.contains(c);
            text.is_empty() || text.starts_with('-') || text.contains(is_foreign)
        };
        if is_wrong(bare, "/\\'`\"$;&<>|(){}[]@") {
            return Err("names no host".to_owned());
        }
        let is_wrong_user = |user: &str| is_wrong(user, "/'`\";&<>|(){}") || user.ends_with('\\');
        if user.as_deref().is_some_and(is_wrong_user) {
            return Err("names no user".to_owned());
        }
        if path.contains(&0) {
            return Err("has a NUL in its path".to_owned());
        }
        Ok(SshTarget { user, host: bare.to_owned(), port, path: RemotePath(path) })
    }
}

fn split_user(authority: &[u8]) -> Result<(Option<&str>, &str), String> {
    let authority = std::str::from_utf8(authority).map_err(|_| "names a host that is no text")?;
    Ok(match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    })
}

/// Decodes `%41` (RFC 3986, 2.1).
fn decoded(text: &[u8]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, more)) = rest.split_first() {
        let digits = more.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let value = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match (first, value) {
            (b'%', Some(value)) => {
                bytes.push(value);
                rest = &more[2..];
            }
            (b'%', None) => return Err("has a % that is not followed by two digits (%25 is a %)".to_owned()),
            _ => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    Ok(bytes)
}

impl RemotePath {
    /// The path as one word of a POSIX shell, which never begins with a dash.
    pub(crate) fn quoted(&self) -> Vec<u8> {
        let end = self.0.iter().position(|byte| *byte == b'/').unwrap_or(self.0.len());
        let (first, rest) = self.0.split_at(end);
        match first {
            // The home folder is where the remote shell begins.
            b"~" if rest.len() <= 1 => b".".to_vec(),
            b"~" => {
                let start = rest.iter().position(|byte| *byte != b'/').unwrap_or(rest.len());
                quoted_relative(&rest[start..])
            }
            [b'~', user @ ..] if user.iter().all(|byte| is_in_user_names(*byte)) => {
                let mut word = first.to_vec();
                if !rest.is_empty() {
                    word.extend(quoted(rest));
                }
                word
            }
            _ if self.0.is_empty() => b".".to_vec(),
            _ => quoted_relative(&self.0),
        }
    }
}

fn is_in_user_names(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

fn quoted_relative(path: &[u8]) -> Vec<u8> {
    match path {
        b"" => b".".to_vec(),
        [b'-' | b'~', ..] => quoted(&[b"./", path].concat()),
        _ => quoted(path),
    }
}

/// A word in single quotes; plain words stay as they are. What ends quotes, or is special in those of fish (`\\`) and csh
/// (`!`), stands outside with a backslash, where all shells read it alike.
fn quoted(word: &[u8]) -> Vec<u8> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+,:@%".contains(byte);
    if word.iter().all(is_plain) {
        return word.to_vec();
    }
    let mut quoted = vec![b'\''];
    for byte in word {
        match byte {
            b'\'' | b'\\' | b'!' => quoted.extend([b'\'', b'\\', *byte, b'\'']),
            _ => quoted.push(*byte),
        }
    }
    quoted.push(b'\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(word: &str) -> (Option<String>, String, Option<u16>, String) {
        let target = SshTarget::parse(word.as_bytes()).expect(word);
        let path = String::from_utf8(target.path.quoted()).expect("text");
        (target.user, target.host, target.port, path)
    }

    #[test]
    fn both_forms_are_read() {
        for (word, user, host, port, path) in [
            ("ssh://host/var/log", None, "host", None, "/var/log"),
            ("ssh://host", None, "host", None, "."),
            ("ssh://host/", None, "host", None, "/"),
            ("ssh://host//srv", None, "host", None, "//srv"),
            ("ssh://host/~", None, "host", None, "."),
            ("ssh://host/~/", None, "host", None, "."),
            ("ssh://host/~/in", None, "host", None, "in"),
            ("ssh://host/~ann/in", None, "host", None, "~ann/in"),
            ("ssh://host/~ann", None, "host", None, "~ann"),
            ("ssh://ann@host:2222/in", Some("ann"), "host", Some(2222), "/in"),
            ("ssh://a%40b@host/a%20b", Some("a@b"), "host", None, "'/a b'"),
            ("ssh://host:/in", None, "host", None, "/in"),
            ("ssh://[::1]:22/in", None, "::1", Some(22), "/in"),
            ("ssh://[fe80::1%25eth0]/in", None, "fe80::1%25eth0", None, "/in"),
            ("ssh:host:in", None, "host", None, "in"),
            ("ssh:host:", None, "host", None, "."),
            ("ssh:host", None, "host", None, "."),
            ("ssh:ann@host:/srv/in", Some("ann"), "host", None, "/srv/in"),
            ("ssh:ann@corp@host:in", Some("ann@corp"), "host", None, "in"),
            ("ssh:[::1]:in:2", None, "::1", None, "in:2"),
            ("ssh:host:a%20b", None, "host", None, "a%20b"),
            ("ssh:host:~", None, "host", None, "."),
            ("ssh:host:~/x", None, "host", None, "x"),
            ("ssh:host:~//x", None, "host", None, "x"),
            ("ssh:host:~ann/it's", None, "host", None, "~ann'/it'\\''s'"),
            ("ssh:host:~$(x)/y", None, "host", None, "'./~$(x)/y'"),
            ("ssh:host:a/~b", None, "host", None, "'a/~b'"),
            ("ssh:host:-x", None, "host", None, "./-x"),
            ("ssh:host:~/-x", None, "host", None, "./-x"),
            ("ssh:host:$(touch x)", None, "host", None, "'$(touch x)'"),
            ("ssh:host:a\nb", None, "host", None, "'a\nb'"),
            ("ssh:host:`x`;y&z|\"*?", None, "host", None, "'`x`;y&z|\"*?'"),
            ("ssh:host:a\\!", None, "host", None, "'a'\\\\''\\!''"),
            (r"ssh://DOMAIN%5Cann@host/in", Some(r"DOMAIN\ann"), "host", None, "/in"),
            ("ssh:host:'", None, "host", None, "''\\'''"),
        ] {
            let due = (user.map(str::to_owned), host.to_owned(), port, path.to_owned());
            assert_eq!(parsed(word), due, "{word}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for word in [
            "ssh:",
            "ssh://",
            "ssh:///x",
            "ssh:-oProxyCommand=x:in",
            "ssh://-oProxyCommand=x/in",
            "ssh://-x@host/in",
            "ssh:-x@host:in",
            "ssh:@host:in",
            "ssh:ann@:in",
            "ssh:/srv/in",
            "ssh:a b:in",
            "ssh:a\nb:in",
            "ssh://host:0/x",
            "ssh://host:99999/x",
            "ssh://host:+1/x",
            "ssh://host:x/y",
            "ssh://host/%",
            "ssh://host/%zz",
            "ssh://host/%00",
            "ssh://%FF@host/x",
            "ssh://[::1/x",
            "ssh://ann:secret@host/x",
            "ssh:$(x):in",
            "ssh:a;b:in",
            "ssh:`x`@host:in",
            "ssh:ann\\@host:in",
        ] {
            let hint = SshTarget::parse(word.as_bytes()).expect_err(word);
            assert!(hint.contains("ssh://USER@HOST:PORT/DIR"), "{word}: {hint}");
        }
    }
}
