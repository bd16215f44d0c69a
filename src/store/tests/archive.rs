//! What an archive of a folder has in it.

use super::*;
use std::collections::BTreeSet;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::Arc;

fn walk(scene: &Scene, links: SymlinkPolicy) -> ArchiveWalk {
    ArchiveWalk::new(scene.folder.clone(), links, Arc::new(Filter::default()))
}

fn seed(scene: &Scene, links: SymlinkPolicy) -> Stamp {
    let mut walk = walk(scene, links);
    walk.by_ref().for_each(drop);
    walk.seed()
}

fn texts(scene: &Scene, links: SymlinkPolicy) -> Vec<String> {
    let text = |kind| match kind {
        FoundKind::File { size_bytes, meta, .. } => format!("file {size_bytes} {:o}", meta.mode),
        FoundKind::Folder(_) => "folder".to_owned(),
        FoundKind::Link { target, .. } => format!("link {}", String::from_utf8(target).unwrap()),
        FoundKind::Skipped(reason) => format!("{reason:?}"),
        FoundKind::Failed(fault) => fault.to_string(),
    };
    walk(scene, links)
        .map(|found| format!("{}: {}", String::from_utf8(found.path).unwrap(), text(found.kind)))
        .collect()
}

/// Writes a file with this mode.
fn write(path: &Path, content: &str, mode: u32) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_folder_comes_before_what_is_in_it_and_names_are_in_order() {
    let scene = scene();
    fs::create_dir_all(scene.inside("b/c")).unwrap();
    fs::create_dir(scene.inside("e")).unwrap();
    for (name, mode) in [("b.txt", 0o755), ("b/z", 0o644), ("b/c/y", 0o600), ("a", 0o640)] {
        write(&scene.inside(name), name, mode);
    }
    symlink("../outside/f", scene.inside("link")).unwrap();
    make_fifo(&scene.inside("pipe"));
    fs::write(scene.inside(".sendall-0123456789abcdef.part"), "x").unwrap();
    let with = |link: &str| {
        [
            ": folder",
            ".sendall-0123456789abcdef.part: Unfinished",
            "a: file 1 640",
            "b: folder",
            "b/c: folder",
            "b/c/y: file 5 600",
            "b/z: file 3 644",
            "b.txt: file 5 755",
            "e: folder",
            link,
            "pipe: Fifo",
        ]
        .map(str::to_owned)
    };
    assert_eq!(texts(&scene, SymlinkPolicy::Skip), with("link: Link"));
    assert_eq!(texts(&scene, SymlinkPolicy::Copy), with("link: link ../outside/f"));
    write(&scene.outside("f"), "1234", 0o604);
    assert_eq!(texts(&scene, SymlinkPolicy::Follow), with("link: file 4 604"));
}

#[test]
fn the_seed_is_that_of_everything_that_shows() {
    let scene = scene();
    fs::create_dir(scene.inside("b")).unwrap();
    write(&scene.inside("b/f"), "one", 0o644);
    symlink("b", scene.inside("link")).unwrap();
    let now = || seed(&scene, SymlinkPolicy::Copy);
    assert_eq!(now(), now());
    let touch = |name: &str| {
        let file = fs::File::open(scene.inside(name)).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(5)).unwrap();
    };
    let changes: [&dyn Fn(); 8] = [
        &|| write(&scene.inside("b/f"), "longer", 0o644),
        &|| write(&scene.inside("b/f"), "longer", 0o640),
        &|| touch("b/f"),
        &|| fs::rename(scene.inside("b/f"), scene.inside("b/g")).unwrap(),
        &|| touch("b"),
        &|| fs::set_permissions(scene.inside("b"), fs::Permissions::from_mode(0o700)).unwrap(),
        &|| {
            fs::remove_file(scene.inside("link")).unwrap();
            symlink("c", scene.inside("link")).unwrap();
        },
        &|| fs::create_dir(scene.inside("new")).unwrap(),
    ];
    let mut seeds = BTreeSet::from([now().bytes()]);
    for (index, change) in changes.into_iter().enumerate() {
        change();
        assert!(seeds.insert(now().bytes()), "change {index}");
    }
    // What is left out does not count.
    let (skipped, before) = (seed(&scene, SymlinkPolicy::Skip), now());
    fs::remove_file(scene.inside("link")).unwrap();
    touch("");
    assert_ne!(now(), before);
    let without = seed(&scene, SymlinkPolicy::Skip);
    make_fifo(&scene.inside("pipe"));
    touch("");
    assert_ne!(skipped, without);
    assert_eq!(seed(&scene, SymlinkPolicy::Skip), without);
}

#[test]
fn the_newest_change_is_that_of_a_file() {
    let scene = scene();
    assert_eq!(walk(&scene, SymlinkPolicy::Skip).newest_change(), None);
    write(&scene.inside("a"), "a", 0o644);
    write(&scene.inside("b"), "b", 0o644);
    let file = fs::File::open(scene.inside("b")).unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    let mut walk = walk(&scene, SymlinkPolicy::Skip);
    walk.by_ref().for_each(drop);
    let changed = rustix::fs::fstat(&file).unwrap();
    assert_eq!(walk.newest_change(), Some((changed.st_ctime, changed.st_ctime_nsec as u32)));
}

#[test]
fn a_file_is_opened_only_as_it_was_found() {
    let scene = scene();
    let place = scene.inside("f");
    let stamp_of = |name: &str| {
        let found = walk(&scene, SymlinkPolicy::Skip).find(|found| found.path == name.as_bytes()).unwrap();
        match found.kind {
            FoundKind::File { stamp, .. } => stamp,
            other => panic!("{other:?}"),
        }
    };
    let opened = |stamp| Tree::new(scene.folder.clone(), false).unchanged_source(b"f", stamp);
    let swap_in = |text: &str| {
        fs::write(scene.inside("new"), text).unwrap();
        fs::rename(scene.inside("new"), &place).unwrap();
    };
    swap_in("once");
    let stamp = stamp_of("f");
    let source = opened(stamp).unwrap();
    assert_eq!((source.size_bytes(), source.stamp()), (4, stamp));
    assert!(!source.changed().unwrap());
    swap_in("only");
    assert_eq!(kind(opened(stamp)), StoreErrorKind::CannotRead);
    assert!(source.changed().unwrap(), "its name has gone");
    let stamp = stamp_of("f");
    fs::write(&place, "grown by some").unwrap();
    assert_eq!(kind(opened(stamp)), StoreErrorKind::CannotRead);
    let stamp = stamp_of("f");
    fs::remove_file(&place).unwrap();
    assert_eq!(kind(opened(stamp)), StoreErrorKind::NotFound);
    symlink("../outside/f", &place).unwrap();
    assert_eq!(kind(opened(stamp)), StoreErrorKind::Unsafe);
    scene.assert_canary();
}

#[test]
fn what_cannot_be_read_is_found_before() {
    let scene = scene();
    write(&scene.inside("secret"), "x", 0o000);
    fs::create_dir(scene.inside("closed")).unwrap();
    fs::set_permissions(scene.inside("closed"), fs::Permissions::from_mode(0o000)).unwrap();
    symlink("nowhere", scene.inside("dangling")).unwrap();
    let failed: Vec<_> = walk(&scene, SymlinkPolicy::Follow)
        .filter_map(|found| match found.kind {
            FoundKind::Failed(fault) => Some((String::from_utf8(found.path).unwrap(), fault.kind)),
            _ => None,
        })
        .collect();
    let dangling = ("dangling".to_owned(), StoreErrorKind::NotFound);
    let not_allowed = |name: &str| (name.to_owned(), StoreErrorKind::NotAllowed);
    let expected = match is_root() {
        true => vec![dangling],
        false => vec![not_allowed("closed"), dangling, not_allowed("secret")],
    };
    assert_eq!(failed, expected);
    fs::set_permissions(scene.inside("closed"), fs::Permissions::from_mode(0o700)).unwrap();
}
