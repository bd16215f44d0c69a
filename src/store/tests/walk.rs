//! Trees that are sent.

use super::*;
use crate::store::temporary::temporary_name;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::sync::Arc;

fn walk(folder: &Folder, links: SymlinkPolicy, includes: &[&str], excludes: &[&str]) -> Vec<String> {
    let owned = |texts: &[&str]| texts.iter().map(|text| text.to_string()).collect::<Vec<_>>();
    let filter = Filter::new(&owned(includes), &owned(excludes)).unwrap();
    let line = |found: WalkEntry| {
        let path = String::from_utf8(found.path).unwrap();
        match found.kind {
            WalkEntryKind::File => path,
            WalkEntryKind::Folder(_) => format!("{path}/"),
            WalkEntryKind::Link { target, .. } => format!("{path} -> {}", String::from_utf8(target).unwrap()),
            WalkEntryKind::Skipped(skip) => format!("{path}: {skip:?}"),
            WalkEntryKind::Failed(fault) => format!("{path}! {:?}", fault.kind),
        }
    };
    Walk::new(folder.clone(), links, Arc::new(filter)).map(line).collect()
}

fn planted() -> Scene {
    let scene = scene();
    for name in ["b/x.c", "b/x.o", "b/keep/y.o", "b/sub/z.c", "a", "b.txt", "é/f"] {
        fs::create_dir_all(scene.inside(name).parent().unwrap()).unwrap();
        fs::write(scene.inside(name), name).unwrap();
    }
    fs::create_dir(scene.inside("empty")).unwrap();
    scene
}

#[test]
fn a_folder_follows_its_contents_and_names_are_in_byte_order() {
    let scene = planted();
    let part = Part::create(&scene.folder, b"b/sub/part").unwrap();
    let staged = StagingFolder::new(&scene.folder).unwrap().create(0o644).unwrap();
    fs::create_dir(scene.inside("b/keep").join(temporary_name(b"folder"))).unwrap();
    let expected = [
        "a",
        "b/keep/y.o",
        "b/keep/",
        "b/sub/z.c",
        "b/sub/",
        "b/x.c",
        "b/x.o",
        "b/",
        "b.txt",
        "empty/",
        "é/f",
        "é/",
    ];
    for links in [SymlinkPolicy::Skip, SymlinkPolicy::Follow, SymlinkPolicy::Copy] {
        let (ours, others): (Vec<_>, Vec<_>) =
            walk(&scene.folder, links, &[], &[]).into_iter().partition(|line| line.contains(".sendall-"));
        assert_eq!(others, expected);
        assert!(ours.len() == 3 && ours.iter().all(|line| line.ends_with(": Unfinished")), "{ours:?}");
    }
    drop((part, staged));
    let of_b = Folder::open(&scene.inside("b")).unwrap();
    assert!(walk(&of_b, SymlinkPolicy::Skip, &[], &[]).contains(&"keep/y.o".to_owned()));
}

#[test]
fn patterns_are_those_of_gitignore() {
    let scene = planted();
    let walk =
        |includes: &[&str], excludes: &[&str]| walk(&scene.folder, SymlinkPolicy::Skip, includes, excludes);
    let all =
        ["a", "b/keep/y.o", "b/keep/", "b/sub/z.c", "b/sub/", "b/x.c", "b/x.o", "b/", "b.txt", "empty/"];
    assert_eq!(walk(&[], &["é"]), all);
    assert_eq!(walk(&["*.c"], &[]), ["b/sub/z.c", "b/x.c"]);
    assert_eq!(walk(&["/b/sub"], &[]), ["b/sub/z.c", "b/sub/"]);
    assert_eq!(walk(&["b/", "!*.o"], &["sub"]), ["b/keep/", "b/x.c", "b/"]);
    assert_eq!(walk(&["*.o", "a"], &["/b/*", "!x.o"]), ["a", "b/x.o"]);
    let wrong = Filter::new(&["fine".into()], &["a[".into()]).unwrap_err();
    assert!(wrong.contains("\"a[\"") && !wrong.contains('\n'), "{wrong}");
    for nothing in ["", " ", "# a comment"] {
        assert!(Filter::new(&[nothing.into()], &[]).is_err(), "{nothing:?}");
    }
    let filter = Filter::new(&[], &["*.o".into()]).unwrap();
    assert!(
        filter.includes(b"d/f.c", false)
            && !filter.includes(b"d/f.o", false)
            && !filter.includes(b"d.o/f", false)
    );
}

#[test]
fn links_are_left_out_or_followed_or_sent() {
    let scene = scene();
    fs::create_dir(scene.inside("d")).unwrap();
    symlink("../outside", scene.inside("dir")).unwrap();
    symlink("../../outside/f", scene.inside("d/file")).unwrap();
    symlink("nowhere", scene.inside("dangling")).unwrap();
    symlink("..", scene.inside("d/up")).unwrap();
    let skipped = ["d/file: Link", "d/up: Link", "d/", "dangling: Link", "dir: Link"];
    assert_eq!(walk(&scene.folder, SymlinkPolicy::Skip, &[], &[]), skipped);
    let copied =
        ["d/file -> ../../outside/f", "d/up -> ..", "d/", "dangling -> nowhere", "dir -> ../outside"];
    assert_eq!(walk(&scene.folder, SymlinkPolicy::Copy, &[], &[]), copied);
    let followed = ["d/file", "d/up! Unsafe", "d/", "dangling! NotFound", "dir/f", "dir/"];
    assert_eq!(walk(&scene.folder, SymlinkPolicy::Follow, &[], &[]), followed);

    let mut follow = Tree::new(scene.folder.clone(), true);
    let mut stay = Tree::new(scene.folder.clone(), false);
    for path in [&b"d/file"[..], b"dir/f"] {
        assert_eq!(follow.source(path).unwrap().size_bytes(), CANARY.len() as u64);
        assert_eq!(kind(stay.source(path)), StoreErrorKind::Unsafe);
    }
}

#[test]
fn what_is_no_file_is_named_and_not_opened() {
    let scene = scene();
    make_fifo(&scene.inside("fifo"));
    drop(UnixListener::bind(scene.inside("socket")).unwrap());
    let folder = scene.folder.clone();
    let lines = within(move || walk(&folder, SymlinkPolicy::Follow, &[], &[]));
    assert_eq!(lines, ["fifo: Fifo", "socket: Socket"]);
    let mut tree = Tree::new(scene.folder.clone(), false);
    let got = within(move || {
        [kind(tree.source(b"fifo")), kind(tree.source(b"socket")), kind(tree.source(b"../f"))]
    });
    assert_eq!(got, [StoreErrorKind::NotRegular, StoreErrorKind::NotRegular, StoreErrorKind::Unsafe]);
}

#[test]
fn a_tree_opens_its_files_in_any_order() {
    let scene = planted();
    let mut tree = Tree::new(scene.folder.clone(), false);
    for path in ["b/x.c", "b/x.o", "a", "b/x.c", "b/keep/y.o", "b/sub/z.c", "b.txt"] {
        let mut source = tree.source(path.as_bytes()).unwrap();
        let mut buffer = [0; 64];
        let count = source.read(&mut buffer).unwrap();
        assert_eq!(&buffer[..count], path.as_bytes());
        assert!(!source.changed().unwrap());
    }
    assert_eq!(kind(tree.source(b"b")), StoreErrorKind::NotRegular);
    assert_eq!(kind(tree.source(b"b/none")), StoreErrorKind::NotFound);
    assert_eq!(kind(tree.source(b"none/none")), StoreErrorKind::NotFound);
}

#[test]
fn folders_have_their_time_and_links_their_own() {
    let scene = planted();
    symlink("a", scene.inside("link")).unwrap();
    let old = std::time::UNIX_EPOCH + Duration::new(1_000_000_000, 7);
    fs::File::open(scene.inside("empty")).unwrap().set_modified(old).unwrap();
    let filter = Arc::new(Filter::new(&[], &[]).unwrap());
    let mut seen = 0;
    for found in Walk::new(scene.folder.clone(), SymlinkPolicy::Copy, filter) {
        match found.kind {
            WalkEntryKind::Folder(meta) if found.path == b"empty" => {
                assert_eq!((meta.mtime_seconds, meta.mtime_nanoseconds), (1_000_000_000, 7));
                seen += 1;
            }
            WalkEntryKind::Link { meta, .. } => {
                assert!(meta.mtime_seconds > 1_000_000_000);
                seen += 1;
            }
            _ => {}
        }
    }
    assert_eq!(seen, 2);
}

#[test]
fn a_tree_that_is_too_deep_ends_in_order() {
    let scene = scene();
    let mut at = fs::File::open(scene.inside("")).unwrap();
    for _ in 0..300 {
        use rustix::fs::{Mode, OFlags, mkdirat, openat};
        mkdirat(&at, "d", Mode::RWXU).unwrap();
        at = openat(&at, "d", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap().into();
    }
    let lines = walk(&scene.folder, SymlinkPolicy::Skip, &[], &[]);
    assert_eq!(lines.len(), 256);
    assert!(lines[0].ends_with("d! Unsafe"), "{}", lines[0]);
    assert!(lines[1..].iter().all(|line| line.ends_with("d/")));
}

#[test]
fn a_folder_that_cannot_be_read_does_not_end_the_walk() {
    use std::os::unix::fs::PermissionsExt;
    let scene = planted();
    // Root may read everything: for it, the folder becomes something else between listing and entering.
    let filter = Arc::new(Filter::new(&[], &[]).unwrap());
    let mut walk = Walk::new(scene.folder.clone(), SymlinkPolicy::Skip, filter);
    assert_eq!(walk.next().unwrap().path, b"a");
    fs::set_permissions(scene.inside("b"), fs::Permissions::from_mode(0o0)).unwrap();
    if is_root() {
        fs::rename(scene.inside("b"), scene.inside("moved")).unwrap();
        symlink(scene.outside(""), scene.inside("b")).unwrap();
    }
    let failed = walk.next().unwrap();
    assert!(matches!(&failed.kind, WalkEntryKind::Failed(_)), "{failed:?}");
    assert_eq!(failed.path, b"b");
    assert_eq!(walk.next().unwrap().path, b"b.txt");
    if !is_root() {
        fs::set_permissions(scene.inside("b"), fs::Permissions::from_mode(0o700)).unwrap();
    }
}
