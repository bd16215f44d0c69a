//! The origin of a part: the version of a source that its bytes are from, kept with the part (xattr(7)).
//!
//! Where the content cannot be compared with its source, as over HTTP, only this tells whether a part can be continued. A
//! file system without such attributes has no origins: parts begin anew there.

use rustix::fs::{XattrFlags, fgetxattr, fremovexattr, fsetxattr};
use std::fs::File;

const NAME: &str = "user.sendall.origin";
/// The longest record, in bytes. A longer one is not written.
const MAX_BYTES: usize = 1024;

/// The version of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// A digest that names the source.
    pub source: [u8; 32],
    /// The source's name for this version of its content: text without line ends.
    pub version: String,
}

/// Removes the record of a file.
pub(super) fn forget(file: &File) {
    // It has none, as a rule.
    let _ = fremovexattr(file, NAME);
}

/// Writes the record, of a file whose first `synced_bytes` bytes are on the disk. A failure leaves it without one.
pub(super) fn write(file: &File, origin: &Origin, synced_bytes: u64) {
    let source = blake3::Hash::from(origin.source).to_hex();
    let record = format!("1\n{source}\n{}\n{}\n{synced_bytes}\n", origin.version, boot_id());
    let is_written = record.len() <= MAX_BYTES
        && !origin.version.contains('\n')
        && fsetxattr(file, NAME, record.as_bytes(), XattrFlags::empty()).is_ok();
    if !is_written {
        forget(file);
    }
}

/// Reads the record, and how many bytes are surely there.
pub(super) fn read(file: &File) -> Option<(Origin, u64)> {
    let mut record = [0; MAX_BYTES];
    let length = fgetxattr(file, NAME, &mut record[..]).ok()?;
    let mut lines = std::str::from_utf8(record.get(..length)?).ok()?.split('\n');
    let (Some("1"), Some(source), Some(version), Some(boot), Some(synced)) =
        (lines.next(), lines.next(), lines.next(), lines.next(), lines.next())
    else {
        return None;
    };
    let source = *blake3::Hash::from_hex(source).ok()?.as_bytes();
    let is_same_run = !boot.is_empty() && boot == boot_id();
    let synced_bytes = if is_same_run { u64::MAX } else { synced.parse().ok()? };
    Some((Origin { source, version: version.to_owned() }, synced_bytes))
}

/// What names this run of the system (random(4)); empty where there is none. What a process has written is there for the
/// next one until the system ends.
fn boot_id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.map(|id| id.trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::{Folder, Meta, Part};
    use super::*;
    use std::path::Path;

    #[test]
    fn a_part_remembers_where_its_bytes_are_from() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(Path::new(place.path())).unwrap();
        let origin = Origin { source: [7; 32], version: "\"v 1\"".into() };
        let begun = || {
            let mut part = Part::create(&folder, b"f").unwrap();
            part.set_origin(Some(&origin));
            part.write_all(&[1; 1000]).unwrap();
            part
        };
        begun().keep();
        let (part, size, found) = Part::resume_with_origin(&folder, b"f").unwrap().unwrap();
        assert_eq!((size, found.as_ref()), (1000, Some(&origin)));
        part.keep_from(&origin);
        let (part, size, found) = Part::resume_with_origin(&folder, b"f").unwrap().unwrap();
        assert_eq!((size, found.as_ref()), (1000, Some(&origin)));
        part.keep();
        // Whoever compares the content writes other bytes.
        Part::resume(&folder, b"f").unwrap().unwrap().0.keep();
        let (part, size, found) = Part::resume_with_origin(&folder, b"f").unwrap().unwrap();
        assert_eq!((size, found), (1000, None));
        part.set_origin(Some(&origin));
        part.commit(Meta::default(), false).unwrap();
        assert!(read(&File::open(place.path().join("f")).unwrap()).is_none());
    }

    #[test]
    fn after_a_restart_only_synced_bytes_count() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let origin = Origin { source: [7; 32], version: "\"v\"".into() };
        for (boot, size) in [("", 300), ("another", 300), (&boot_id()[..], u64::MAX)] {
            let record = format!("1\n{}\n\"v\"\n{boot}\n300\n", blake3::Hash::from([7; 32]).to_hex());
            fsetxattr(file.as_file(), NAME, record.as_bytes(), XattrFlags::empty()).unwrap();
            assert_eq!(read(file.as_file()), Some((origin.clone(), size)), "{boot}");
        }
        for broken in ["", "1", "2\na\nb\nc\n1\n", "1\nzz\n\"v\"\n\n3\n"] {
            fsetxattr(file.as_file(), NAME, broken.as_bytes(), XattrFlags::empty()).unwrap();
            assert_eq!(read(file.as_file()), None, "{broken}");
        }
        write(file.as_file(), &Origin { source: [7; 32], version: "a\nb".into() }, 0);
        assert_eq!(read(file.as_file()), None);
    }
}
