//! Paths that a peer may name.

use std::fmt;

/// The longest path, in bytes.
pub const MAX_PATH_BYTES: usize = 4096;
/// The longest component of a path, in bytes.
pub const MAX_COMPONENT_BYTES: usize = 255;
/// The most components of a path.
pub const MAX_COMPONENTS: usize = 256;

/// A relative path that stays below the folder it is opened in: 1 to 256 components of 1 to 255 bytes, none of them `.`
/// or `..`, separated by single slashes, no NUL. Otherwise byte-exact: control bytes and invalid UTF-8 are kept, so
/// escape it before it is shown. The file system must ensure that no component is a link.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CleanPath(Vec<u8>);

impl CleanPath {
    /// Checks a path of a peer.
    ///
    /// # Errors
    /// The first rule that the path breaks.
    pub fn parse(path: &[u8]) -> Result<CleanPath, NameFault> {
        if path.is_empty() {
            return Err(NameFault::Empty);
        }
        if path.len() > MAX_PATH_BYTES {
            return Err(NameFault::TooLong);
        }
        if path.contains(&0) {
            return Err(NameFault::Nul);
        }
        if path.starts_with(b"/") {
            return Err(NameFault::Absolute);
        }
        for (index, component) in path.split(|byte| *byte == b'/').enumerate() {
            match component {
                b"" => return Err(NameFault::EmptyComponent),
                b"." => return Err(NameFault::Dot),
                b".." => return Err(NameFault::Parent),
                _ if component.len() > MAX_COMPONENT_BYTES => return Err(NameFault::ComponentTooLong),
                _ if index == MAX_COMPONENTS => return Err(NameFault::TooDeep),
                _ => {}
            }
        }
        Ok(CleanPath(path.to_vec()))
    }

    /// Returns the components, from the outermost folder to the name of the file.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'/')
    }

    /// Returns the whole path, as it was received.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns whether it is a bare name, without a folder.
    pub fn is_single(&self) -> bool {
        !self.0.contains(&b'/')
    }

    /// Returns the last component.
    pub fn file_name(&self) -> &[u8] {
        self.components().next_back().unwrap_or(&self.0)
    }
}

/// Why a path is not a [`CleanPath`]. The texts continue the sentence "the name ...".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameFault {
    /// No bytes at all.
    Empty,
    /// More than 4096 bytes.
    TooLong,
    /// A NUL byte in it.
    Nul,
    /// It starts with a slash.
    Absolute,
    /// Two slashes in a row, or one at the end.
    EmptyComponent,
    /// A component `.`.
    Dot,
    /// A component `..`.
    Parent,
    /// A component over 255 bytes.
    ComponentTooLong,
    /// More than 256 components.
    TooDeep,
}

impl fmt::Display for NameFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            NameFault::Empty => "is empty",
            NameFault::TooLong => "is over 4096 bytes long",
            NameFault::Nul => "has a NUL byte",
            NameFault::Absolute => "starts at the root",
            NameFault::EmptyComponent => "has an empty part",
            NameFault::Dot => "has a part '.'",
            NameFault::Parent => "leaves the folder",
            NameFault::ComponentTooLong => "has a part over 255 bytes",
            NameFault::TooDeep => "has over 256 parts",
        })
    }
}

impl std::error::Error for NameFault {}

#[cfg(test)]
mod tests {
    use super::{CleanPath, NameFault};

    #[test]
    fn hostile_names_are_refused() {
        let long_component = [b"a/".as_slice(), &[b'x'; 256]].concat();
        let deep = [b"a".as_slice()].repeat(257).join(&b'/');
        let table: &[(&[u8], NameFault)] = &[
            (b"", NameFault::Empty),
            (b".", NameFault::Dot),
            (b"..", NameFault::Parent),
            (b"../x", NameFault::Parent),
            (b"a/..", NameFault::Parent),
            (b"a/../../x", NameFault::Parent),
            (b"/", NameFault::Absolute),
            (b"/x", NameFault::Absolute),
            (b"//x", NameFault::Absolute),
            (b"a//b", NameFault::EmptyComponent),
            (b"x/", NameFault::EmptyComponent),
            (b"a/./b", NameFault::Dot),
            (b"./x", NameFault::Dot),
            (b"x/.", NameFault::Dot),
            (b"a\0", NameFault::Nul),
            (b"\0", NameFault::Nul),
            (b"..\0", NameFault::Nul),
            (&[b'x'; 256], NameFault::ComponentTooLong),
            (&long_component, NameFault::ComponentTooLong),
            (&[b'x'; 4097], NameFault::TooLong),
            (&deep, NameFault::TooDeep),
        ];
        for (path, fault) in table {
            assert_eq!(CleanPath::parse(path), Err(*fault), "{:?}", String::from_utf8_lossy(path));
            assert!(!fault.to_string().is_empty());
        }
    }

    #[test]
    fn the_largest_and_the_strangest_are_kept_byte_for_byte() {
        let deepest = [b"a".as_slice()].repeat(256).join(&b'/');
        let longest = [[b'x'; 255].as_slice()].repeat(16).join(&b'/');
        let table: &[&[u8]] = &[
            b"x",
            b"...",
            b"..x",
            b"x..",
            b".hidden",
            b"a/b",
            b"-rf",
            b"C:\\x",
            b"a\nb\x1b[2J\x9b",
            b"\xff\xfe",
            "\u{202e}txt.exe".as_bytes(),
            b" ",
            &deepest,
            &longest,
        ];
        for path in table {
            let clean = CleanPath::parse(path).unwrap();
            assert_eq!(clean.as_bytes(), *path);
            assert_eq!(clean.components().collect::<Vec<_>>().join(&b'/'), *path);
            assert_eq!(clean.is_single(), clean.components().count() == 1);
        }
        assert_eq!(longest.len(), 4095);
        assert_eq!(CleanPath::parse(b"a/b/c").unwrap().file_name(), b"c");
        assert_eq!(CleanPath::parse(b"c").unwrap().file_name(), b"c");
    }
}
