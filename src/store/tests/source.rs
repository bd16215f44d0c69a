//! Files that are sent, and their digests.

use super::*;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::{FileExt, symlink};
use std::os::unix::net::UnixListener;

#[test]
fn reading_fills_the_buffer_as_far_as_the_file_goes() {
    let scene = scene();
    fs::write(scene.inside("f"), b"0123456789").unwrap();
    let mut source = scene.folder.source(b"f").unwrap();
    assert_eq!(source.size_bytes(), 10);
    let mut buffer = [0; 4];
    let mut seen = Vec::new();
    loop {
        let count = source.read(&mut buffer).unwrap();
        seen.extend_from_slice(&buffer[..count]);
        if count < buffer.len() {
            break;
        }
    }
    assert_eq!(seen, b"0123456789");
    source.seek(8);
    assert_eq!(source.read(&mut buffer).unwrap(), 2);
    source.seek(u64::from(u32::MAX));
    assert_eq!(source.read(&mut buffer).unwrap(), 0);
    source.seek(0);
    assert_eq!(source.read(&mut buffer).unwrap(), 4);
    assert_eq!(&buffer, b"0123");
    assert!(!source.changed().unwrap());
}

#[test]
fn a_named_file_is_opened_through_links_and_nothing_else_is() {
    let scene = scene();
    symlink(scene.outside("f"), scene.inside("link")).unwrap();
    assert_eq!(SourceFile::open(&scene.inside("link")).unwrap().size_bytes(), CANARY.len() as u64);
    make_fifo(&scene.inside("fifo"));
    drop(UnixListener::bind(scene.inside("socket")).unwrap());
    symlink("loop", scene.inside("loop")).unwrap();
    let cases = [
        (scene.inside("fifo"), StoreErrorKind::NotRegular, "is a FIFO"),
        (scene.inside("socket"), StoreErrorKind::NotRegular, "is a socket"),
        (scene.inside(""), StoreErrorKind::NotRegular, "is a folder"),
        ("/dev/null".into(), StoreErrorKind::NotRegular, "is a device"),
        (scene.inside("absent"), StoreErrorKind::NotFound, "does not exist"),
        (scene.inside("loop"), StoreErrorKind::CannotRead, "cannot be read: "),
    ];
    for (path, kind, text) in cases {
        let fault = within(move || SourceFile::open(&path)).unwrap_err();
        assert_eq!(fault.kind, kind);
        assert!(fault.to_string().starts_with(text), "{fault}");
    }
}

#[test]
fn folders_are_opened_with_clear_words() {
    let scene = scene();
    fs::write(scene.inside("f"), b"").unwrap();
    make_fifo(&scene.inside("fifo"));
    for (path, kind, text) in [
        ("f", StoreErrorKind::CannotRead, "is not a folder"),
        ("fifo", StoreErrorKind::CannotRead, "is not a folder"),
        ("absent", StoreErrorKind::NotFound, "does not exist"),
    ] {
        let path = scene.inside(path);
        let fault = within(move || Folder::open(&path)).unwrap_err();
        assert_eq!((fault.kind, fault.to_string().as_str()), (kind, text));
    }
    assert!(scene.folder.existing(b"absent").unwrap().is_none());
}

#[test]
fn a_name_holds_the_same_content_or_other_content_or_is_free() {
    let scene = scene();
    fs::create_dir(scene.inside("d")).unwrap();
    let digest = *blake3::hash(b"content").as_bytes();
    for name in ["f", "d/f"] {
        let holds = |size_bytes: u64, digest: &[u8; 32]| {
            scene.folder.holds(name.as_bytes(), size_bytes, digest, &mut |_| true).unwrap()
        };
        assert_eq!(holds(7, &digest), None);
        fs::write(scene.inside(name), b"content").unwrap();
        assert_eq!(holds(7, &digest), Some(true));
        assert_eq!(holds(8, &digest), Some(false));
        assert_eq!(holds(7, &[0; 32]), Some(false));
    }
    let mut is_needed = |_| false;
    assert!(scene.folder.holds(b"f", 7, &digest, &mut is_needed).is_err());
}

#[test]
fn the_listing_is_sorted_and_holds_regular_files_only() {
    let scene = scene();
    for name in ["b", "a", "Z", ".hidden", ".sendall-0123456789abcdef.part"] {
        fs::write(scene.inside(name), b"").unwrap();
    }
    fs::create_dir(scene.inside("folder")).unwrap();
    symlink("a", scene.inside("link")).unwrap();
    make_fifo(&scene.inside("fifo"));
    assert_eq!(scene.folder.files().unwrap(), [&b".hidden"[..], b"Z", b"a", b"b"]);
}

#[test]
fn a_source_that_changes_is_noticed() {
    let scene = scene();
    let path = scene.inside("f");
    let write = |bytes: &[u8]| fs::write(&path, bytes).unwrap();
    let changes: [fn(&Path); 4] = [
        |path| File::options().append(true).open(path).unwrap().write_all(b"more").unwrap(),
        |path| File::options().write(true).open(path).unwrap().set_len(3).unwrap(),
        // As an editor does it.
        |path| {
            fs::write(path.with_extension("new"), b"0123456789").unwrap();
            fs::rename(path.with_extension("new"), path).unwrap();
        },
        // Same size, and the modification time set back.
        |path| {
            let file = File::options().write(true).open(path).unwrap();
            let before = file.metadata().unwrap().modified().unwrap();
            file.write_all_at(b"9", 0).unwrap();
            file.set_modified(before - Duration::from_secs(1)).unwrap();
        },
    ];
    for change in changes {
        write(b"0123456789");
        let mut source = SourceFile::open(&path).unwrap();
        assert!(!source.changed().unwrap());
        change(&path);
        assert!(source.changed().unwrap());
        assert!(source.read(&mut [0; 100]).unwrap() >= 3);
    }
}

#[test]
fn sparse_files_beyond_four_gibibytes_are_read_where_they_are() {
    let scene = scene();
    let offset_bytes = (5 << 30) + 7;
    let file = File::create_new(scene.inside("f")).unwrap();
    if let Err(error) = file.write_all_at(b"end", offset_bytes) {
        println!("skipped: {error}");
        return;
    }
    let mut source = scene.folder.source(b"f").unwrap();
    assert_eq!(source.size_bytes(), offset_bytes + 3);
    source.seek(offset_bytes - 1);
    let mut buffer = [1; 8];
    assert_eq!(source.read(&mut buffer).unwrap(), 4);
    assert_eq!(&buffer[..4], b"\0end");
}

#[test]
fn prefixes_have_the_digest_of_their_bytes() {
    let scene = scene();
    const CHUNK: usize = 512 * 1024;
    let bytes: Vec<u8> = (0..2 * CHUNK + 5).map(|at| (at % 251) as u8).collect();
    fs::write(scene.inside("f"), &bytes).unwrap();
    let file = File::open(scene.inside("f")).unwrap();
    for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, bytes.len()] {
        let mut reported = Vec::new();
        let hasher = hash_prefix(&file, length as u64, &mut |done| {
            reported.push(done);
            true
        })
        .unwrap();
        assert_eq!(hasher.finalize(), blake3::hash(&bytes[..length]));
        assert_eq!(reported.last().copied().unwrap_or(0), length as u64);
        assert_eq!(reported.len(), length.div_ceil(CHUNK));
    }
    for length in [bytes.len() as u64 + 1, u64::MAX] {
        assert_eq!(kind(hash_prefix(&file, length, &mut |_| true)), StoreErrorKind::CannotRead);
    }
}
