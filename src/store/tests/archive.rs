//! What an archive of a folder has in it.

use super::*;
use crate::store::{ArchiveWalk, Filter, FoundKind, SkipReason, Stamp, SymlinkPolicy, Tree};
use std::collections::BTreeMap;
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

#[test]
fn a_folder_comes_before_what_is_in_it_and_names_are_in_order() {
    let scene = scene();
    fs::create_dir_all(scene.inside("b/c")).unwrap();
    fs::create_dir(scene.inside("e")).unwrap();
    for name in ["b.txt", "b/z", "b/c/y", "a"] {
        fs::write(scene.inside(name), name).unwrap();
    }
    fs::set_permissions(scene.inside("a"), fs::Permissions::from_mode(0o640)).unwrap();
    fs::set_permissions(scene.inside("b.txt"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("../outside/canary", scene.inside("link")).unwrap();
    make_fifo(&scene.inside("pipe"));
    fs::write(scene.inside(".sendall-0123456789abcdef.part"), "x").unwrap();
    let with = |link: &str| {
        [
            ": folder",
            ".sendall-0123456789abcdef.part: Unfinished",
            "a: file 1 640",
            "b: folder",
            "b/c: folder",
            "b/c/y: file 5 644",
            "b/z: file 3 644",
            "b.txt: file 5 755",
            "e: folder",
            link,
            "pipe: Fifo",
        ]
        .map(str::to_owned)
    };
    for name in ["b/z", "b/c/y"] {
        fs::set_permissions(scene.inside(name), fs::Permissions::from_mode(0o644)).unwrap();
    }
    assert_eq!(texts(&scene, SymlinkPolicy::Skip), with(&format!("link: {:?}", SkipReason::Link)));
    assert_eq!(texts(&scene, SymlinkPolicy::Copy), with("link: link ../outside/canary"));
}
