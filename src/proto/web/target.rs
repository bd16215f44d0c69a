//! Request targets of the web face: which file or folder is named, and in which form it is wanted.

use percent_encoding::percent_decode_str;

use super::hex;
use super::names::link;
use super::secret::SecretPath;
use crate::proto::http::split_path;
use crate::proto::transfer::names::{CleanPath, NameFault};

/// The file or folder that a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The path below the shared folder, decoded; `None`: the folder itself.
    pub path: Option<CleanPath>,
    /// True if the target ends with a slash, as links to folders do.
    pub is_folder: bool,
    /// The form that is wanted.
    pub query: Query,
}

/// The meaning of a query. Its text is never repeated in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Query {
    /// There is none.
    None,
    /// `json`: a folder as NDJSON.
    Json,
    /// `text`: a folder as text.
    Text,
    /// `tar`: a folder as an archive.
    Tar,
    /// `zip`: a folder as an archive.
    Zip,
    /// `b3sum`: digests, as `b3sum --check` reads them.
    B3Sum,
    /// `b3tree`: the values of a file's blocks.
    B3Tree,
    /// `b3=HEX`: the file, if this is the BLAKE3 digest of its content.
    B3([u8; 32]),
    /// Anything else, which has no meaning here.
    Other,
}

/// Why a target names nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetError {
    /// It is not a path: `*`.
    NotAPath,
    /// A `%` without two hexadecimal digits.
    Escape,
    /// A byte that has to be escaped: one that is not ASCII.
    Unescaped,
    /// An escaped slash, which no name has.
    Slash,
    /// A name that no file has, or that leads elsewhere.
    Name(NameFault),
    /// `b3=` without 64 hexadecimal digits.
    Digest,
}

impl TargetError {
    /// Returns why, in a few words that repeat nothing of the target.
    pub fn text(self) -> &'static str {
        match self {
            TargetError::NotAPath => "the target is not a path",
            TargetError::Escape => "an escape has no two hexadecimal digits",
            TargetError::Unescaped => "a byte that is not ASCII is not escaped",
            TargetError::Slash => "a name has an escaped slash",
            TargetError::Name(_) => "no file can have this name here",
            TargetError::Digest => "b3 is not a digest of 64 hexadecimal digits",
        }
    }

    /// Returns the status of the answer.
    pub fn status(self) -> u16 {
        match self {
            TargetError::Name(NameFault::TooLong) => 414,
            _ => 400,
        }
    }
}

/// Parses a target in origin form or absolute form (RFC 9112, 3.2), or what [`below`] left of one. Escapes are decoded
/// once; `.` and `..` are refused rather than resolved, but for `./` at the beginning. A backslash is a byte like any other.
///
/// # Errors
/// The first rule that the target breaks.
pub fn parse(target: &str) -> Result<Target, TargetError> {
    let (path, query) = split_path(target);
    let query = query.map_or(Ok(Query::None), Query::parse)?;
    // The folder itself, when `below` has taken all of the path.
    if path.is_empty() {
        return Ok(Target { path: None, is_folder: false, query });
    }
    let rest = path.strip_prefix('/').ok_or(TargetError::NotAPath)?;
    if rest.is_empty() {
        return Ok(Target { path: None, is_folder: true, query });
    }
    // A relative link to a name with a colon begins so (RFC 3986, 4.2), and rclone appends it to its URL as it is.
    let rest = rest.strip_prefix("./").filter(|rest| !rest.is_empty()).unwrap_or(rest);
    let (name, is_folder) = rest.strip_suffix('/').map_or((rest, false), |name| (name, true));
    let path = CleanPath::parse(&decode(name)?).map_err(TargetError::Name)?;
    Ok(Target { path: Some(path), is_folder, query })
}

/// Returns the rest of a target whose first segment is the secret: a path that begins with a slash, or nothing, and the
/// query. `None`: it has another first segment.
pub fn below<'t>(target: &'t str, secret: &SecretPath) -> Option<&'t str> {
    let (path, query) = split_path(target);
    let rest = secret.strip(path)?;
    // The query, and the `?` before it, end the target.
    let rest_bytes = rest.len() + query.map_or(0, |query| query.len() + 1);
    Some(&target[target.len() - rest_bytes..])
}

/// Decodes the escapes of a path, once (RFC 3986, 2.1), after each was checked.
fn decode(path: &str) -> Result<Vec<u8>, TargetError> {
    if !path.is_ascii() {
        return Err(TargetError::Unescaped);
    }
    for (at, _) in path.match_indices('%') {
        let digits = path.as_bytes()[at + 1..].first_chunk::<2>().ok_or(TargetError::Escape)?;
        if hex::byte(*digits).ok_or(TargetError::Escape)? == b'/' {
            return Err(TargetError::Slash);
        }
    }
    Ok(percent_decode_str(path).collect())
}

impl Query {
    /// Parses a query without its `?`. Of several parts between `&` the first known one counts. The button of a form adds `=`.
    fn parse(query: &str) -> Result<Query, TargetError> {
        if query.is_empty() {
            return Ok(Query::None);
        }
        for part in query.split('&') {
            return Ok(match part.strip_suffix('=').unwrap_or(part) {
                "json" => Query::Json,
                "text" => Query::Text,
                "tar" => Query::Tar,
                "zip" => Query::Zip,
                "b3sum" => Query::B3Sum,
                "b3tree" => Query::B3Tree,
                _ => match part.strip_prefix("b3=") {
                    Some(digits) => Query::B3(hex::decode(digits.as_bytes()).ok_or(TargetError::Digest)?),
                    None => continue,
                },
            });
        }
        Ok(Query::Other)
    }

    /// Returns the query with its `?`, written anew; empty without a meaning.
    pub fn text(&self) -> String {
        match self {
            Query::None | Query::Other => String::new(),
            Query::Json => "?json".to_owned(),
            Query::Text => "?text".to_owned(),
            Query::Tar => "?tar".to_owned(),
            Query::Zip => "?zip".to_owned(),
            Query::B3Sum => "?b3sum".to_owned(),
            Query::B3Tree => "?b3tree".to_owned(),
            Query::B3(digest) => {
                let mut text = "?b3=".to_owned();
                hex::push(digest, &mut text);
                text
            }
        }
    }
}

impl Target {
    /// Returns the `Location` that adds a slash to a folder's target: relative to it, and never an authority or a scheme,
    /// whatever the name is (RFC 3986, 4.2). `None`: the target names the shared folder itself.
    pub fn slash_location(&self) -> Option<String> {
        let name = self.path.as_ref()?.file_name();
        let base = if self.is_folder { "../" } else { "./" };
        Some(format!("{base}{}/{}", link(name), self.query.text()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path_of(target: &str) -> Result<(Vec<u8>, bool), TargetError> {
        let target = parse(target)?;
        Ok((target.path.map_or(Vec::new(), |path| path.as_bytes().to_vec()), target.is_folder))
    }

    #[test]
    fn a_target_is_decoded_once() {
        let table: &[(&str, &[u8], bool)] = &[
            ("/", b"", true),
            ("", b"", false),
            ("?json", b"", false),
            ("http://host", b"", true),
            ("http://host?json", b"", true),
            ("http://host/a/b?tar", b"a/b", false),
            ("/a", b"a", false),
            ("/a/", b"a", true),
            ("/a/b/?text", b"a/b", true),
            ("/a%20b+c", b"a b+c", false),
            ("/%61%2E%2e.", b"a...", false),
            ("/%252e%252e/%252f", b"%2e%2e/%2f", false),
            ("/%ff%FE%0a%0d%22", b"\xff\xfe\n\r\"", false),
            ("/..%5C..%5cx", b"..\\..\\x", false),
            ("/C:\\x;v=1", b"C:\\x;v=1", false),
            ("/...", b"...", false),
            ("/./a:b", b"a:b", false),
            ("/a%3Fb", b"a?b", false),
            ("/a?b/../c", b"a", false),
        ];
        for (target, path, is_folder) in table {
            assert_eq!(path_of(target), Ok((path.to_vec(), *is_folder)), "{target}");
        }
    }

    #[test]
    fn what_leads_elsewhere_or_has_two_meanings_is_refused() {
        use NameFault::{Absolute, ComponentTooLong, Dot, Empty, EmptyComponent, Nul, Parent, TooLong};
        use TargetError::Name;
        let long_component = format!("/{}", "a".repeat(256));
        let long_path = format!("/{}", "a/".repeat(2100));
        let table: &[(&str, TargetError)] = &[
            ("*", TargetError::NotAPath),
            ("host:443", TargetError::NotAPath),
            ("ftp://host/x", TargetError::NotAPath),
            ("/%", TargetError::Escape),
            ("/a%2", TargetError::Escape),
            ("/a%/b", TargetError::Escape),
            ("/%u002e", TargetError::Escape),
            ("/%+1", TargetError::Escape),
            ("/a%2Fb", TargetError::Slash),
            ("/..%2f..%2fetc/passwd", TargetError::Slash),
            ("/%2f", TargetError::Slash),
            ("/ä", TargetError::Unescaped),
            ("//", Name(Empty)),
            ("//etc/passwd", Name(Absolute)),
            ("//evil.example/%2e%2e", Name(Absolute)),
            ("/a//b", Name(EmptyComponent)),
            ("/a//", Name(EmptyComponent)),
            ("/.", Name(Dot)),
            ("/./", Name(Dot)),
            ("/a/./b", Name(Dot)),
            ("/././b", Name(Dot)),
            ("/./../b", Name(Parent)),
            ("/.//b", Name(Absolute)),
            ("/%2E/b", Name(Dot)),
            ("/..", Name(Parent)),
            ("/../", Name(Parent)),
            ("/a/..", Name(Parent)),
            ("/a/../../x", Name(Parent)),
            ("/%2e%2e/x", Name(Parent)),
            ("/%2e./x", Name(Parent)),
            ("/.%2E/x", Name(Parent)),
            ("http://host/../x", Name(Parent)),
            ("/a%00", Name(Nul)),
            ("/%00", Name(Nul)),
            (&long_component, Name(ComponentTooLong)),
            (&long_path, Name(TooLong)),
            ("/a?b3=", TargetError::Digest),
            ("/a?b3=00", TargetError::Digest),
        ];
        for (target, fault) in table {
            assert_eq!(parse(target), Err(*fault), "{target}");
            assert!(matches!(fault.status(), 400 | 414));
        }
    }

    #[test]
    fn the_query_is_one_of_few() {
        let digits = "0123456789abcdefABCDEF0123456789".repeat(2);
        let table = [
            ("/a?", Query::None),
            ("/a?json", Query::Json),
            ("/a?text", Query::Text),
            ("/a?tar", Query::Tar),
            ("/a?zip&x=1", Query::Zip),
            ("/a?x=1&b3sum&zip", Query::B3Sum),
            ("/a?b3tree", Query::B3Tree),
            ("/a/?zip=", Query::Zip),
            ("/a/?tar=", Query::Tar),
            ("/a?tar==", Query::Other),
            ("/a?JSON", Query::Other),
            ("/a?json=1", Query::Other),
            ("/a?<script>", Query::Other),
            ("/a?&", Query::Other),
        ];
        for (target, query) in table {
            assert_eq!(parse(target).unwrap().query, query, "{target}");
            let text = query.text();
            assert!(text.is_empty() || parse(&format!("/a{text}")).unwrap().query == query);
        }
        let query = parse(&format!("/a?b3={digits}")).unwrap().query;
        assert!(matches!(query, Query::B3([0x01, 0x23, .., 0x67, 0x89])), "{query:?}");
        assert_eq!(query.text(), format!("?b3={}", digits.to_ascii_lowercase()));
    }

    #[test]
    fn the_secret_is_the_first_segment_and_is_taken_off() {
        let secret = SecretPath::new(&[0; 16]);
        let table = [
            ("/SECRET/", Some("/")),
            ("/SECRET", Some("")),
            ("/SECRET?json", Some("?json")),
            ("/SECRET/d/e?tar", Some("/d/e?tar")),
            ("/SECRET//e", Some("//e")),
            ("http://host/SECRET/d?b/SECRET", Some("/d?b/SECRET")),
            ("https://host/SECRET", Some("")),
            ("http://host", None),
            ("http://SECRET/", None),
            ("/1SECRET/", None),
            ("/SECRETx", None),
            ("/x/SECRET/", None),
            ("//SECRET/", None),
            ("/%SECRET/", None),
            ("/", None),
            ("", None),
            ("*", None),
            ("/?SECRET", None),
        ];
        for (target, rest) in table {
            let of = |text: &str| text.replace("SECRET", secret.as_str());
            assert_eq!(below(&of(target), &secret), rest.map(of).as_deref(), "{target}");
        }
    }

    #[test]
    fn a_location_is_relative_whatever_the_name_is() {
        let table = [
            ("/a/b", Some("./b/")),
            ("/a/b/", Some("../b/")),
            ("/a:b?json", Some("./a%3Ab/?json")),
            ("/a%0d%0aLocation:%20x", Some("./a%0D%0ALocation%3A%20x/")),
            ("/%5c%5cevil", Some("./%5C%5Cevil/")),
            ("/a?x=%0d", Some("./a/")),
            ("/", None),
        ];
        for (target, location) in table {
            assert_eq!(parse(target).unwrap().slash_location().as_deref(), location, "{target}");
        }
    }

    proptest! {
        #[test]
        fn every_clean_name_has_its_target(path in proptest::collection::vec(1_u8.., 1..40)) {
            let parsed = parse(&format!("/{}", link(&path)));
            match (CleanPath::parse(&path), parsed) {
                (Ok(clean), Ok(target)) => prop_assert_eq!(target.path, Some(clean)),
                // A slash at the end is that of a folder.
                (Err(_), Ok(target)) => prop_assert!(target.is_folder || path.starts_with(b"./")),
                (Err(_), Err(_)) => {}
                (Ok(_), Err(fault)) => prop_assert!(false, "{fault:?}"),
            }
        }

        #[test]
        fn any_text_is_parsed_or_refused(target in "[/.%?&=a-f0-9\\\\ä:]{0,40}") {
            if let Ok(Target { path: Some(path), .. }) = parse(&target) {
                prop_assert_eq!(CleanPath::parse(path.as_bytes()), Ok(path));
            }
            let secret = SecretPath::new(&[0; 16]);
            prop_assert_eq!(below(&target, &secret), None);
            if target.starts_with('/') {
                let secretly = format!("/{}{target}", secret.as_str());
                prop_assert_eq!(below(&secretly, &secret), Some(&*target));
            }
        }
    }
}
