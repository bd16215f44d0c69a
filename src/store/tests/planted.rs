//! What others have put in the way.

use super::*;
use crate::store::confine::{open_folder, open_regular_by, walk};
use crate::store::temporary::temporary_name;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

/// Plants one thing of each sort in the destination, under names that say what it is.
fn plant(scene: &Scene) -> Vec<(&'static str, StoreErrorKind)> {
    let mut planted = vec![
        ("link-to-file", StoreErrorKind::Unsafe),
        ("link-to-folder", StoreErrorKind::Unsafe),
        ("dangling", StoreErrorKind::Unsafe),
        ("fifo", StoreErrorKind::NotRegular),
        ("socket", StoreErrorKind::NotRegular),
        ("folder", StoreErrorKind::NotRegular),
    ];
    symlink(scene.outside("f"), scene.inside("link-to-file")).unwrap();
    symlink(scene.outside(""), scene.inside("link-to-folder")).unwrap();
    symlink(scene.outside("new"), scene.inside("dangling")).unwrap();
    make_fifo(&scene.inside("fifo"));
    drop(UnixListener::bind(scene.inside("socket")).unwrap());
    fs::create_dir(scene.inside("folder")).unwrap();
    let mknod = Command::new("mknod").arg(scene.inside("device")).args(["c", "1", "3"]).output();
    if mknod.is_ok_and(|output| output.status.success()) {
        planted.push(("device", StoreErrorKind::NotRegular));
    } else {
        println!("no device planted: that needs root");
    }
    planted
}

#[test]
fn nothing_planted_at_the_name_is_followed_or_replaced() {
    let scene = scene();
    for (name, expected) in plant(&scene) {
        let folder = scene.folder.clone();
        let name = name.as_bytes();
        within(move || {
            assert_eq!(kind(folder.existing(name)), expected);
            assert_eq!(kind(folder.source(name)), expected);
            assert_eq!(kind(deliver(&folder, name, b"new", false)), expected);
            assert_eq!(kind(deliver(&folder, name, b"new", true)), expected);
            assert_eq!(kind(folder.source(&[name, b"/f"].concat())), {
                if name == b"folder" { StoreErrorKind::NotFound } else { StoreErrorKind::Unsafe }
            });
        });
    }
    assert!(scene.folder.files().unwrap().is_empty());
    assert!(scene.names().iter().all(|name| !name.starts_with('.')), "{:?}", scene.names());
    scene.assert_canary();
}

#[test]
fn what_is_no_file_is_not_even_opened_where_links_are_followed() {
    let scene = scene();
    let planted = plant(&scene);
    symlink("fifo", scene.inside("link-to-fifo")).unwrap();
    symlink("socket", scene.inside("link-to-socket")).unwrap();
    let share = Share::Folder(scene.folder.clone(), SymlinkPolicy::Follow);
    let others = planted.iter().filter(|(_, expected)| *expected == StoreErrorKind::NotRegular);
    for name in others.map(|(name, _)| *name).chain(["link-to-fifo", "link-to-socket"]) {
        // To open a socket would fail in another way.
        assert_eq!(kind(share.source(name.as_bytes())), StoreErrorKind::NotRegular, "{name}");
    }
    // Whoever waits for a reader of the FIFO has not got one.
    let fifo = scene.inside("fifo");
    let (sender, receiver) = mpsc::channel();
    let writer = std::thread::spawn(move || {
        sender.send(()).unwrap();
        fs::OpenOptions::new().write(true).open(fifo).is_ok()
    });
    receiver.recv().unwrap();
    for _ in 0..100 {
        assert_eq!(kind(share.source(b"link-to-fifo")), StoreErrorKind::NotRegular);
        std::thread::yield_now();
    }
    assert!(!writer.is_finished(), "the FIFO was opened");
    drop(fs::OpenOptions::new().read(true).open(scene.inside("fifo")).unwrap());
    assert!(writer.join().unwrap());
    assert_eq!(share.source(b"link-to-file").unwrap().size_bytes(), CANARY.len() as u64);
}

#[test]
fn what_has_the_temporary_name_is_replaced_and_never_written_to() {
    let scene = scene();
    let temporary = scene.inside(&temporary_name(b"new"));
    let plants: [fn(&Scene, &Path); 5] = [
        |scene, at| fs::hard_link(scene.outside("f"), at).unwrap(),
        |scene, at| symlink(scene.outside("f"), at).unwrap(),
        |scene, at| symlink(scene.outside("absent"), at).unwrap(),
        |_, at| make_fifo(at),
        |_, at| drop(UnixListener::bind(at).unwrap()),
    ];
    for plant in plants {
        plant(&scene, &temporary);
        let folder = scene.folder.clone();
        within(move || deliver(&folder, b"new", b"arrived", true)).unwrap();
        assert_eq!(fs::read(scene.inside("new")).unwrap(), b"arrived");
        assert_eq!(scene.names(), ["new"]);
        scene.assert_canary();
    }
    fs::create_dir(&temporary).unwrap();
    assert_eq!(kind(Part::create(&scene.folder, b"new")), StoreErrorKind::Unsafe);
    assert!(temporary.is_dir());
}

#[test]
fn a_hard_link_at_the_final_name_is_replaced_and_never_written_to() {
    let scene = scene();
    fs::hard_link(scene.outside("f"), scene.inside("new")).unwrap();
    assert_eq!(kind(deliver(&scene.folder, b"new", b"arrived", false)), StoreErrorKind::Exists);
    assert_eq!(fs::read(scene.inside("new")).unwrap(), CANARY);
    deliver(&scene.folder, b"new", b"arrived", true).unwrap();
    assert_eq!(fs::read(scene.inside("new")).unwrap(), b"arrived");
    scene.assert_canary();
}

#[test]
fn names_that_are_not_clean_are_refused() {
    let scene = scene();
    fs::create_dir(scene.inside("d")).unwrap();
    let reserved = temporary_name(b"x").into_bytes();
    let reserved_folder = [reserved.as_slice(), b"/f"].concat();
    let bad: [&[u8]; 15] = [
        b"",
        b".",
        b"..",
        b"/",
        b"/etc/passwd",
        b"../outside/f",
        b"d/../../outside/f",
        b"d/..",
        b"d//f",
        b"d/./f",
        b"d/",
        b"d\0f",
        b"../outside",
        &reserved,
        &reserved_folder,
    ];
    for name in bad {
        assert_eq!(kind(scene.folder.source(name)), StoreErrorKind::Unsafe, "{name:?}");
        assert_eq!(kind(scene.folder.existing(name)), StoreErrorKind::Unsafe, "{name:?}");
        assert_eq!(kind(scene.folder.has(name)), StoreErrorKind::Unsafe, "{name:?}");
        assert_eq!(kind(scene.folder.make_folders(name)), StoreErrorKind::Unsafe, "{name:?}");
        assert_eq!(kind(Part::create(&scene.folder, name)), StoreErrorKind::Unsafe, "{name:?}");
        assert_eq!(kind(Part::resume(&scene.folder, name)), StoreErrorKind::Unsafe, "{name:?}");
    }
    assert_eq!(scene.names(), ["d"]);
}

#[test]
fn both_ways_down_stay_below_the_folder() {
    use std::os::fd::AsFd;
    let scene = scene();
    fs::create_dir_all(scene.inside("a/b")).unwrap();
    symlink("b", scene.inside("a/link")).unwrap();
    symlink(scene.outside(""), scene.inside("a/out")).unwrap();
    fs::write(scene.inside("a/file"), b"").unwrap();
    for opener in [open_folder, walk] {
        let open = |path: &[u8]| opener(scene.folder.file.as_fd(), path);
        open(b"a").unwrap();
        open(b"a/b").unwrap();
        for path in
            ["..", "a/..", "../outside", "a/../../outside", "/", "/tmp", "a/link", "a/out", "a/file", ""]
        {
            // A `..` that stays below is allowed by one and refused by the other; neither is asked for it.
            if path != "a/.." {
                assert!(open(path.as_bytes()).is_err(), "{path}");
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_swapped_with_a_link_lets_nothing_out() {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let scene = scene();
    let (folder_path, link) = (scene.inside("d"), scene.inside("link"));
    fs::create_dir(&folder_path).unwrap();
    fs::write(folder_path.join("f"), b"inside").unwrap();
    symlink(scene.outside(""), &link).unwrap();
    for opener in [open_folder, walk] {
        let opened = std::thread::scope(|scope| {
            let swapper = scope.spawn(|| {
                for _ in 0..4000 {
                    renameat_with(CWD, &folder_path, CWD, &link, RenameFlags::EXCHANGE).unwrap();
                }
            });
            let mut opened = 0;
            while !swapper.is_finished() {
                match open_regular_by(opener, &scene.folder.file, b"d/f") {
                    Ok(file) => {
                        assert_eq!(std::io::read_to_string(file).unwrap(), "inside");
                        opened += 1;
                    }
                    Err(fault) => assert_eq!(fault.kind, StoreErrorKind::Unsafe, "{fault}"),
                }
            }
            opened
        });
        println!("opened {opened} times");
        assert_eq!(scene.folder.source(b"d/f").unwrap().size_bytes(), 6);
    }
    scene.assert_canary();
}
