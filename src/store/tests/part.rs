//! One file that arrives.

use super::*;
use crate::store::confine::is_part_name;
use crate::store::publish::{arriving_mode, parse_umask, publish_by_linkat, umask};
use crate::store::temporary::temporary_name;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

#[test]
fn the_final_name_appears_only_at_commit() {
    let scene = scene();
    let mut part = Part::create(&scene.folder, b"f").unwrap();
    part.write_all(b"he").unwrap();
    part.write_all(b"llo").unwrap();
    assert_eq!(scene.names(), [temporary_name(b"f")]);
    assert!(scene.folder.files().unwrap().is_empty());
    let mode = fs::metadata(scene.inside(&temporary_name(b"f"))).unwrap().mode();
    assert_eq!(mode & 0o7777, 0o600);
    part.commit(Meta::default(), false).unwrap();
    scene.folder.sync().unwrap();
    assert_eq!(fs::read(scene.inside("f")).unwrap(), b"hello");
    assert_eq!(scene.names(), ["f"]);
    assert_eq!(scene.folder.files().unwrap(), [b"f"]);
}

#[test]
fn a_dropped_part_is_removed() {
    let scene = scene();
    let mut part = Part::create(&scene.folder, b"f").unwrap();
    part.write_all(b"half").unwrap();
    drop(part);
    assert!(scene.names().is_empty());
}

#[test]
fn a_commit_that_fails_leaves_the_old_file_and_no_part() {
    let scene = scene();
    fs::write(scene.inside("f"), b"old").unwrap();
    let fault = deliver(&scene.folder, b"f", b"new", false).unwrap_err();
    assert_eq!((fault.kind, fault.to_string().as_str()), (StoreErrorKind::Exists, "exists already"));
    assert_eq!(fs::read(scene.inside("f")).unwrap(), b"old");
    assert_eq!(scene.names(), ["f"]);
}

#[test]
fn mode_and_time_are_those_that_were_asked_for() {
    let scene = scene();
    fs::set_permissions(scene.inside(""), fs::Permissions::from_mode(0o2755)).unwrap();
    for (mode, seconds, nanoseconds) in
        [(0o640, 1_234_567_890, 123_456_789), (0o755, -5, 999_999_999), (0o600, 0, 0), (0o7777, 1, u32::MAX)]
    {
        // A leftover's mode must not come through.
        fs::write(scene.inside(&temporary_name(b"f")), b"").unwrap();
        let leftover = fs::Permissions::from_mode(0o6777);
        fs::set_permissions(scene.inside(&temporary_name(b"f")), leftover).unwrap();
        let part = Part::create(&scene.folder, b"f").unwrap();
        let meta = Meta { mode, mtime_seconds: seconds, mtime_nanoseconds: nanoseconds };
        part.commit(meta, true).unwrap();
        let arrived = fs::metadata(scene.inside("f")).unwrap();
        assert_eq!(arrived.mode() & 0o7777, arriving_mode(mode, umask()));
        assert_eq!(arrived.mtime(), seconds);
        assert_eq!(arrived.mtime_nsec(), i64::from(nanoseconds.min(999_999_999)));
        let source = scene.folder.source(b"f").unwrap();
        assert_eq!(u32::from(source.mode()), arriving_mode(mode, umask()));
        assert_eq!(source.mtime_seconds(), seconds);
        assert_eq!(source.mtime_nanoseconds(), nanoseconds.min(999_999_999));
    }
    assert_eq!(fs::metadata(scene.inside("")).unwrap().mode() & 0o7777, 0o2755);
}

#[test]
fn modes_never_have_special_bits() {
    assert_eq!(arriving_mode(0o600, 0o022), 0o600);
    assert_eq!(arriving_mode(0o755, 0o022), 0o755);
    assert_eq!(arriving_mode(0o777, 0o177), 0o600);
    assert_eq!(arriving_mode(0o7777, 0), 0o777);
    assert_eq!(parse_umask("Name:\tx\nUmask:\t0027\nState:\tR\n"), Some(0o027));
    assert_eq!(parse_umask("Umask:\t9\n"), None);
    assert_eq!(parse_umask("Umask:\t7777\n"), None);
    assert_eq!(parse_umask(""), None);
}

#[test]
fn without_rename_noreplace_a_second_name_does_it() {
    let scene = scene();
    let mut part = Part::create(&scene.folder, b"f").unwrap();
    part.write_all(b"linked").unwrap();
    publish_by_linkat(&scene.folder.file, &temporary_name(b"f"), &scene.folder.file, b"f").unwrap();
    drop(part);
    assert_eq!(fs::read(scene.inside("f")).unwrap(), b"linked");
    assert_eq!(scene.names(), ["f"]);

    let part = Part::create(&scene.folder, b"f").unwrap();
    let again = publish_by_linkat(&scene.folder.file, &temporary_name(b"f"), &scene.folder.file, b"f");
    assert_eq!(kind(again), StoreErrorKind::Exists);
    drop(part);

    // Killed between the two: both names lead to the whole file, and the next part does not write to it.
    fs::hard_link(scene.inside("f"), scene.inside(&temporary_name(b"f"))).unwrap();
    let mut part = Part::create(&scene.folder, b"f").unwrap();
    part.write_all(b"other").unwrap();
    assert_eq!(fs::read(scene.inside("f")).unwrap(), b"linked");
}

#[test]
fn names_are_bytes_and_may_have_255_of_them() {
    let scene = scene();
    for name in [&[b'n'; 255][..], b"\x1b[31m\xff\n", b"-rf", b"~", b".hidden", "\u{202e}txt.exe".as_bytes()]
    {
        deliver(&scene.folder, name, b"x", false).unwrap();
        let (_, size_bytes) = scene.folder.existing(name).unwrap().unwrap();
        assert_eq!(size_bytes, 1);
        assert!(scene.folder.files().unwrap().contains(&name.to_vec()));
    }
    assert_eq!(kind(scene.folder.existing(&[b'n'; 256])), StoreErrorKind::CannotRead);
    assert_eq!(kind(deliver(&scene.folder, &[b'n'; 256], b"", false)), StoreErrorKind::CannotWrite);
    assert!(scene.names_are_final());
}

impl Scene {
    fn names_are_final(&self) -> bool {
        self.folder.files().unwrap().len() == fs::read_dir(self.inside("")).unwrap().count()
    }
}

#[test]
fn temporary_names_are_short_stable_and_recognised() {
    let name = temporary_name(b"a");
    assert_eq!(name, temporary_name(b"a"));
    assert_ne!(name, temporary_name(b"b"));
    assert!(is_part_name(name.as_bytes()));
    for other in [".sendall-.part", ".sendall-0123456789abcdeg.part", ".sendall-0123456789abcdef", "f.part"] {
        assert!(!is_part_name(other.as_bytes()), "{other}");
    }
}

#[test]
fn parts_and_sources_may_change_threads() {
    fn movable<T: Send + 'static>() {}
    movable::<Part>();
    movable::<SourceFile>();
    movable::<Folder>();
    movable::<StoreError>();
}

#[test]
fn a_kept_part_is_resumed_and_becomes_the_file() {
    let scene = scene();
    let mut part = Part::create(&scene.folder, b"a/b/f").unwrap();
    part.write_all(b"hello, w").unwrap();
    assert_eq!(kind(Part::resume(&scene.folder, b"a/b/f")), StoreErrorKind::Busy);
    part.keep();
    assert!(Part::resume(&scene.folder, b"a/b/g").unwrap().is_none());
    assert!(Part::resume(&scene.folder, b"x/y").unwrap().is_none());
    let (mut part, size_bytes) = Part::resume(&scene.folder, b"a/b/f").unwrap().unwrap();
    assert_eq!(size_bytes, 8);
    part.write_all(b"onder").unwrap();
    part.set_len(8).unwrap();
    part.write_all(b"orld").unwrap();
    part.write_at(0, b"J").unwrap();
    part.write_all(b"!").unwrap();
    let mut start = [0; 5];
    std::os::unix::fs::FileExt::read_exact_at(part.file(), &mut start, 0).unwrap();
    assert_eq!(&start, b"Jello");
    part.commit(Meta::default(), false).unwrap();
    assert_eq!(fs::read(scene.inside("a/b/f")).unwrap(), b"Jello, world!");
    assert_eq!(fs::read_dir(scene.inside("a/b")).unwrap().count(), 1);
    assert!(!scene.folder.make_folders(b"a/b").unwrap());
    assert!(scene.folder.make_folders(b"a/b/c/d").unwrap());
    assert!(scene.folder.has(b"a/b/c/d").unwrap() && !scene.folder.has(b"a/b/c/e/f").unwrap());
}

#[cfg(all(target_os = "linux", not(sendall_portable)))]
#[test]
fn a_part_claims_twice_what_has_come_at_most() {
    const MIB: u64 = 1 << 20;
    for (pieces, expected) in [
        // Offset and length in MiB, and what is left.
        (&[(0, 1), (1, 1)][..], Some(2)),
        (&[(1, 1)], Some(2)),
        (&[(0, 1), (3, 2)], Some(5)),
        (&[(0, 2), (9, 1), (30, 1)], Some(2)),
        (&[(1000, 1)], None),
        (&[(5, 1), (1000, 1), (50_000, 1)], None),
    ] {
        for killed in [false, true] {
            let scene = scene();
            let mut part = Part::create(&scene.folder, b"f").unwrap();
            for (offset, length) in pieces {
                part.write_at(offset * MIB, &vec![1; (length * MIB) as usize]).unwrap();
            }
            if killed {
                part.keep_if_dropped(true);
                drop(part);
            } else {
                part.keep();
                assert_eq!(scene.names().is_empty(), expected.is_none());
            }
            let resumed = loop {
                match Part::resume(&scene.folder, b"f") {
                    // A process that another test starts has all descriptors for a moment.
                    Err(fault) if fault.kind == StoreErrorKind::Busy => std::thread::yield_now(),
                    resumed => break resumed.unwrap(),
                }
            };
            let size_bytes = resumed.map(|(_, size_bytes)| size_bytes).filter(|size_bytes| *size_bytes > 0);
            assert_eq!(size_bytes, expected.map(|size: u64| size * MIB), "{pieces:?}, killed: {killed}");
        }
    }
}

#[test]
fn what_is_no_part_of_ours_is_not_resumed() {
    use std::os::unix::fs::symlink;
    let scene = scene();
    let temporary = scene.inside(&temporary_name(b"f"));
    let plants: [fn(&Scene, &Path); 4] = [
        |scene, at| fs::hard_link(scene.outside("f"), at).unwrap(),
        |scene, at| symlink(scene.outside("f"), at).unwrap(),
        |_, at| make_fifo(at),
        |_, at| {
            fs::write(at, b"x").unwrap();
            if is_root() {
                std::os::unix::fs::chown(at, Some(1), None).unwrap();
            } else {
                fs::set_permissions(at, fs::Permissions::from_mode(0o444)).unwrap();
            }
        },
    ];
    for plant in plants {
        plant(&scene, &temporary);
        let folder = scene.folder.clone();
        assert!(within(move || Part::resume(&folder, b"f")).unwrap().is_none());
        assert!(scene.names().is_empty());
        scene.assert_canary();
    }
}
