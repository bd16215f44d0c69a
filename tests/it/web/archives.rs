//! Archives of a real folder, as programs of others unpack them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File, FileTimes, Permissions};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use sendall::proto::web::archive::{Attributes, Cursor, Entries, Format, Layout, Piece};
use sendall::store::{ArchiveWalk, Filter, Folder, FoundKind, Meta, Stamp, SymlinkPolicy, Tree};

use crate::harness::others::installed;
use crate::harness::{In, Out, start};
use crate::transfer::xfer::is_slow_wanted;

/// An archive of a folder, and how to open its files.
struct Archive {
    layout: Layout,
    stamps: Vec<Option<Stamp>>,
    tree: Tree,
}

fn attributes(meta: Meta) -> Attributes {
    let Meta { mode, mtime_seconds, mtime_nanoseconds } = meta;
    Attributes { mode, mtime_seconds, mtime_nanoseconds }
}

impl Archive {
    fn of(path: &Path, prefix: &str, format: Format) -> Archive {
        let folder = Folder::open(path).expect("a folder");
        let walk = ArchiveWalk::new(folder.clone(), SymlinkPolicy::Copy, Arc::new(Filter::default()));
        let (mut entries, mut stamps) = (Entries::new(prefix.as_bytes()), Vec::new());
        for found in walk {
            stamps.push(None);
            match found.kind {
                FoundKind::File { size_bytes, meta, stamp } => {
                    entries.push_file(&found.path, size_bytes, attributes(meta));
                    stamps.pop();
                    stamps.push(Some(stamp));
                }
                FoundKind::Folder(meta) => entries.push_folder(&found.path, attributes(meta)),
                FoundKind::Link { target, meta } => entries.push_link(&found.path, &target, attributes(meta)),
                FoundKind::Skipped(_) | FoundKind::Failed(_) => panic!("{found:?}"),
            }
        }
        assert_eq!(stamps.len(), entries.len());
        Archive {
            layout: Layout::new(format, entries).expect("a layout"),
            stamps,
            tree: Tree::new(folder, false),
        }
    }

    fn whole(&mut self) -> Vec<u8> {
        let whole = self.bytes(0..self.layout.len_bytes());
        assert_eq!(whole.len() as u64, self.layout.len_bytes());
        whole
    }

    fn bytes(&mut self, range: Range<u64>) -> Vec<u8> {
        let (mut out, mut cursor) = (Vec::new(), Cursor::new(range));
        while let Some(piece) = cursor.next(&self.layout) {
            match piece {
                Piece::Bytes(bytes) => out.extend(bytes),
                Piece::File { entry, offset_bytes, length_bytes } => {
                    let file = self.file(entry);
                    let mut content = vec![0; usize::try_from(length_bytes.min(100_000)).expect("a size")];
                    file.read_exact_at(&mut content, offset_bytes).expect("content");
                    cursor.take(&self.layout, &content).expect("unchanged");
                    out.extend(content);
                }
                Piece::NeedsCrc { entry } => {
                    let file = self.file(entry);
                    let mut content = vec![0; file.metadata().expect("there").len() as usize];
                    file.read_exact_at(&mut content, 0).expect("content");
                    assert!(self.layout.set_crc(entry, crc32fast::hash(&content)));
                }
            }
        }
        out
    }

    fn file(&mut self, entry: usize) -> File {
        let path = self.layout.entries().get(entry).expect("an entry").path.to_vec();
        let source = self.tree.unchanged_source(&path, self.stamps[entry].expect("a file")).expect("there");
        source.file().try_clone().expect("a file")
    }
}

/// What is at each path below a folder: mode, digest of the content or target, time in seconds and nanoseconds.
pub(super) type Listed = BTreeMap<PathBuf, (u32, [u8; 32], i64, i64)>;

pub(super) fn listed(folder: &Path) -> Listed {
    fn list(root: &Path, folder: &Path, found: &mut Listed) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("there").path();
            let meta = fs::symlink_metadata(&path).expect("there");
            let content = match meta.file_type() {
                kind if kind.is_symlink() => {
                    fs::read_link(&path).expect("a link").as_os_str().as_bytes().to_vec()
                }
                kind if kind.is_dir() => {
                    list(root, &path, found);
                    Vec::new()
                }
                _ => fs::read(&path).expect("a file"),
            };
            let name = path.strip_prefix(root).expect("below").to_owned();
            found.insert(
                name,
                (meta.mode(), *blake3::hash(&content).as_bytes(), meta.mtime(), meta.mtime_nsec()),
            );
        }
    }
    let mut found = Listed::new();
    list(folder, folder, &mut found);
    found
}

/// Fails with what differs.
pub(super) fn assert_equal(found: &Listed, expected: &Listed, program: &str) {
    let names: BTreeSet<_> = found.keys().chain(expected.keys()).collect();
    let differs = |name: &&&PathBuf| found.get(**name) != expected.get(**name);
    let seen = |name: &&PathBuf| (name.display().to_string(), found.get(*name), expected.get(*name));
    let different: Vec<_> = names.iter().filter(differs).map(seen).collect();
    assert!(different.is_empty(), "{program}: {different:#?}");
}

/// Gives a file or folder its mode and time.
fn set(path: &Path, mode: u32, seconds: i64, nanoseconds: u32) {
    let magnitude = Duration::from_secs(seconds.unsigned_abs());
    let whole = if seconds < 0 { UNIX_EPOCH - magnitude } else { UNIX_EPOCH + magnitude };
    let time = whole + Duration::from_nanos(nanoseconds.into());
    File::open(path).expect("a file").set_times(FileTimes::new().set_modified(time)).expect("a time");
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
}

/// A folder with names, sizes and times of all kinds. `plain` leaves out what some programs cannot read.
pub(super) fn folder(plain: bool) -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("a folder");
    let at = |name: &[u8]| place.path().join(OsStr::from_bytes(name));
    fs::create_dir_all(at(b"deep/er")).expect("a folder");
    fs::create_dir(at(b"empty")).expect("a folder");
    let content: Vec<u8> = (0..200_123_u32).map(|index| (index % 251) as u8).collect();
    let mut files: Vec<(&[u8], usize, u32, i64, u32)> = vec![
        (b"a", 0, 0o644, 1_700_000_000, 0),
        (b"block", 512, 0o755, 1_700_000_001, 0),
        (b"deep/er/large", 200_123, 0o600, 951_827_697, 0),
        (b"deep/one", 1, 0o444, 1, 0),
        (b"-n spaces 'quotes' \"%41\"", 3, 0o640, 1_700_000_000, 0),
    ];
    let long = [&b"deep/"[..], &[b'l'; 250]].concat();
    if !plain {
        files.extend([
            (&long[..], 9, 0o644, 1_700_000_000, 123_456_789),
            ("deep/ümläut-\u{65e5}\u{672c}".as_bytes(), 5, 0o644, 1_700_000_000, 500_000_000),
            // bsdtar 3.6 adds the fraction of a time before 1970 in the wrong direction.
            (b"deep/line\nend\\back", 5, 0o644, -1, 0),
            (b"deep/raw-\xff\xfe", 5, 0o644, -86_400 * 365, 0),
        ]);
        symlink("../a", at(b"deep/link")).expect("a link");
        symlink("n/".repeat(90) + "\u{e4}", at(b"deep/to nothing")).expect("a link");
    }
    for (name, size, mode, seconds, nanoseconds) in files {
        fs::write(at(name), &content[..size]).expect("written");
        set(&at(name), mode, seconds, nanoseconds);
    }
    set(&at(b"empty"), 0o700, 1_500_000_000, 0);
    set(&at(b"deep/er"), 0o555, 1_500_000_001, 0);
    set(&at(b"deep"), 0o755, 1_500_000_002, 0);
    place
}

/// Unpacks an archive with a program, and returns what is then there. The archive is the program's input, where that can be.
pub(super) fn unpacked(archive: &[u8], program: &str, args: &[&str]) -> Option<Listed> {
    installed(program)?;
    let place = tempfile::tempdir().expect("a folder");
    let (file, into) = (place.path().join("archive"), place.path().join("into"));
    fs::write(&file, archive).expect("written");
    fs::create_dir(&into).expect("a folder");
    let known = |arg: &&str| match *arg {
        "FILE" => file.to_str().expect("UTF-8").to_owned(),
        "INTO" => into.to_str().expect("UTF-8").to_owned(),
        other => other.to_owned(),
    };
    let args: Vec<String> = args.iter().map(known).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = start(program, &args, In::file(archive), Out::Collect).finish();
    assert_eq!(done.code, 0, "{program}: {}", done.stderr);
    let found = listed(&into.join("top"));
    fs::set_permissions(into.join("top/deep/er"), Permissions::from_mode(0o755)).expect("a mode");
    Some(found)
}

/// What a program keeps of files.
#[derive(Clone, Copy)]
pub(super) enum Kept {
    All,
    /// All but fractions of seconds and the times of links.
    Seconds,
    /// As `Seconds`, but times before 1970 become 1980, in some time zone.
    SecondsOfZip,
    Content,
}

pub(super) fn kept(listed: &Listed, kept: Kept) -> Listed {
    const KIND: u32 = 0o170_000;
    const LINK: u32 = 0o120_000;
    let of = |(mode, digest, seconds, nanoseconds): (u32, [u8; 32], i64, i64)| match kept {
        Kept::All => (mode, digest, seconds, nanoseconds),
        Kept::Seconds | Kept::SecondsOfZip if mode & KIND == LINK => (mode, digest, 0, 0),
        Kept::SecondsOfZip if seconds < 0 || (315_446_400..315_619_200).contains(&seconds) => {
            (mode, digest, -1, 0)
        }
        Kept::Seconds | Kept::SecondsOfZip => (mode, digest, seconds, 0),
        Kept::Content => (mode & KIND, digest, 0, 0),
    };
    listed.iter().map(|(name, found)| (name.clone(), of(*found))).collect()
}

/// Unpacks an archive of a folder of all kinds, or of a plain one, with each program, and compares.
fn compare(format: Format, plain: bool, programs: &[(&str, &[&str], Kept)]) {
    let place = folder(plain);
    let archive = Archive::of(place.path(), "top", format).whole();
    let middle = archive.len() / 2;
    let rest = Archive::of(place.path(), "top", format).bytes(middle as u64..archive.len() as u64);
    assert!(rest == archive[middle..], "{format:?}: the second half alone");
    let expected = listed(place.path());
    for (program, args, keeps) in programs {
        let Some(found) = unpacked(&archive, program, args) else { continue };
        assert_equal(&kept(&found, *keeps), &kept(&expected, *keeps), program);
    }
    // So that it can be removed.
    fs::set_permissions(place.path().join("deep/er"), Permissions::from_mode(0o755)).expect("a mode");
}

#[test]
fn tar_archives_are_read_by_others() {
    const PYTHON: &str = "import sys, tarfile; t = tarfile.open(fileobj=sys.stdin.buffer, mode='r|'); \
        t.extraction_filter = lambda member, path: member; t.extractall(sys.argv[1])";
    compare(
        Format::Tar,
        false,
        &[
            ("tar", &["-xp", "-C", "INTO"], Kept::All),
            ("bsdtar", &["-xpf", "-", "-C", "INTO"], Kept::All),
            ("python3", &["-c", PYTHON, "INTO"], Kept::Seconds),
        ],
    );
    compare(Format::Tar, true, &[("busybox", &["tar", "-xp", "-C", "INTO"], Kept::Content)]);
}

#[test]
fn zip_archives_are_read_by_others() {
    const PYTHON: &str = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); z.extractall(sys.argv[2]); \
        sys.exit(z.testzip())";
    compare(
        Format::Zip,
        false,
        &[
            // -^: line ends in names.
            ("unzip", &["-q", "-^", "FILE", "-d", "INTO"], Kept::SecondsOfZip),
            ("bsdtar", &["-xpf", "FILE", "-C", "INTO"], Kept::SecondsOfZip),
            ("bsdtar", &["-xpf", "-", "-C", "INTO"], Kept::Content),
        ],
    );
    compare(
        Format::Zip,
        true,
        &[
            ("python3", &["-c", PYTHON, "FILE", "INTO"], Kept::Content),
            ("busybox", &["unzip", "-q", "FILE", "-d", "INTO"], Kept::Content),
            ("busybox", &["unzip", "-q", "-", "-d", "INTO"], Kept::Content),
        ],
    );
}

/// Writes an archive of entries whose files have only zeros, as a file with holes.
fn with_holes(layout: &Layout, crc_of_zeros: impl Fn(u64) -> u32) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let (mut cursor, mut at) = (Cursor::new(0..layout.len_bytes()), 0);
    while let Some(piece) = cursor.next(layout) {
        match piece {
            Piece::Bytes(bytes) => {
                file.as_file().write_all_at(&bytes, at).expect("written");
                at += bytes.len() as u64;
            }
            Piece::File { length_bytes, .. } => {
                cursor.skip(length_bytes);
                at += length_bytes;
            }
            Piece::NeedsCrc { entry } => {
                let size_bytes = layout.entries().get(entry).expect("an entry").content_bytes();
                assert!(layout.set_crc(entry, crc_of_zeros(size_bytes)));
            }
        }
    }
    assert_eq!(at, layout.len_bytes());
    file
}

fn output_of(program: &str, args: &[&str]) -> Option<String> {
    installed(program)?;
    let done = start(program, args, In::Null, Out::Collect).finish();
    assert_eq!(done.code, 0, "{program} {args:?}: {}", done.stderr);
    Some(String::from_utf8(done.stdout).expect("UTF-8"))
}

#[test]
fn archives_of_large_files_are_read_by_others() {
    const SIZES: [u64; 5] = [(4 << 30) - 2, 1, (4 << 30) - 1, 9 << 30, 3];
    let mut entries = Entries::new(b"");
    for (index, size_bytes) in SIZES.into_iter().enumerate() {
        let attributes = Attributes { mode: 0o644, mtime_seconds: 1_700_000_000, mtime_nanoseconds: 0 };
        entries.push_file(format!("f{index}").as_bytes(), size_bytes, attributes);
    }
    let is_complete = |program: &str, listing: Option<String>| {
        let Some(listing) = listing else { return };
        for (index, size_bytes) in SIZES.iter().enumerate() {
            let has =
                |line: &str| line.contains(&format!("f{index}")) && line.contains(&size_bytes.to_string());
            assert!(listing.lines().any(has), "{program}: {listing}");
        }
    };
    let file = with_holes(&Layout::new(Format::Tar, entries.clone()).expect("a layout"), |_| 0);
    let path = file.path().to_str().expect("UTF-8");
    for (program, args) in
        [("tar", &["-tvf", path][..]), ("bsdtar", &["-tvf", path]), ("busybox", &["tar", "-tvf", path])]
    {
        is_complete(program, output_of(program, args));
    }
    const PYTHON: &str = "import sys, tarfile\nfor m in tarfile.open(sys.argv[1]): print(m.name, m.size)";
    is_complete("python3", output_of("python3", &["-c", PYTHON, path]));
    let file = with_holes(&Layout::new(Format::Zip, entries).expect("a layout"), crc_of_zeros);
    let path = file.path().to_str().expect("UTF-8");
    is_complete("unzip", output_of("unzip", &["-l", path]));
    is_complete("bsdtar", output_of("bsdtar", &["-tvf", path]));
    // The last one is behind 17 GiB; unzip and Python compare its local header and its CRC.
    output_of("unzip", &["-tq", path, "f1", "f4"]);
    const READ: &str = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\nz.read('f4')\nz.open('f3').read(9)\n\
        for m in z.infolist(): print(m.filename, m.file_size)";
    is_complete("python3", output_of("python3", &["-c", READ, path]));
}

/// Computes it from the CRCs of the powers of two that the length, below 2^40, is made of.
fn crc_of_zeros(size_bytes: u64) -> u32 {
    let mut power = crc32fast::Hasher::new();
    power.update(&[0]);
    let mut whole = crc32fast::Hasher::new();
    for bit in 0..40 {
        if size_bytes >> bit & 1 == 1 {
            whole.combine(&power);
        }
        let same = power.clone();
        power.combine(&same);
    }
    whole.finalize()
}

#[test]
fn archives_of_many_files_are_read_by_others() {
    const COUNT: usize = 70_000;
    if !is_slow_wanted("archives of 70,000 files") {
        return;
    }
    let mut entries = Entries::new(b"many");
    (0..COUNT).for_each(|index| {
        entries.push_file(format!("{index}").as_bytes(), index as u64 % 3, Attributes::default())
    });
    let tar = with_holes(&Layout::new(Format::Tar, entries.clone()).expect("a layout"), |_| 0);
    let zip = with_holes(&Layout::new(Format::Zip, entries).expect("a layout"), crc_of_zeros);
    let (tar, zip) = (tar.path().to_str().expect("UTF-8"), zip.path().to_str().expect("UTF-8"));
    for (program, args) in [
        ("tar", &["-tf", tar][..]),
        ("bsdtar", &["-tf", tar]),
        ("bsdtar", &["-tf", zip]),
        ("unzip", &["-Z1", zip]),
        (
            "python3",
            &["-c", "import sys, zipfile; print('\\n'.join(zipfile.ZipFile(sys.argv[1]).namelist()))", zip],
        ),
    ] {
        let Some(listing) = output_of(program, args) else { continue };
        let expected = (0..COUNT).map(|index| format!("many/{index}"));
        assert!(listing.lines().map(str::to_owned).eq(expected), "{program}");
    }
    output_of("unzip", &["-tqq", zip]);
}
