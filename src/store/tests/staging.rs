//! Many files at once, from the stage to their names.

use super::*;
use crate::store::publish::{arriving_mode, umask};
use crate::store::temporary::temporary_name;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

const TIME: Meta = Meta { mode: 0o644, mtime_seconds: 1_234_567_890, mtime_nanoseconds: 5 };

fn small(staging: &StagingFolder, path: &str, bytes: &[u8]) -> StagedEntry {
    let mut file = staging.create(0o644).unwrap();
    file.write_all(bytes).unwrap();
    StagedEntry::Small { path: path.into(), file: file.finish(TIME).unwrap() }
}

fn large(scene: &Scene, path: &str, bytes: &[u8]) -> StagedEntry {
    let mut part = Part::create(&scene.folder, path.as_bytes()).unwrap();
    part.write_all(bytes).unwrap();
    StagedEntry::Part { part, meta: TIME }
}

fn folder(path: &str) -> StagedEntry {
    StagedEntry::Folder { path: path.into(), meta: Meta { mode: 0o750, ..TIME } }
}

fn link(path: &str, target: &str) -> StagedEntry {
    StagedEntry::Link { path: path.into(), target: target.into(), meta: TIME }
}

fn kinds(results: Vec<Result<(), StoreError>>) -> Vec<Option<StoreErrorKind>> {
    results.into_iter().map(|result| result.err().map(|fault| fault.kind)).collect()
}

fn mtime(path: &Path) -> (i64, i64) {
    let found = fs::symlink_metadata(path).unwrap();
    (found.mtime(), found.mtime_nsec())
}

#[test]
fn a_tree_arrives_and_the_stage_goes() {
    for many in [0, 20] {
        let scene = scene();
        let staging = StagingFolder::new(&scene.folder).unwrap();
        assert!(scene.folder.is_empty().unwrap());
        let mut arrivals = vec![
            small(&staging, "a/b/f", b"small"),
            large(&scene, "a/large", b"large"),
            link("a/b/link", "../large"),
            folder("a/b"),
            folder("a"),
            folder("empty"),
        ];
        for number in 0..many {
            arrivals.push(small(&staging, &format!("m{number}/f"), number.to_string().as_bytes()));
        }
        assert!(!scene.inside("a/b").exists());
        assert!(staging.commit(arrivals, false).iter().all(Result::is_ok));
        drop(staging);
        assert_eq!(fs::read(scene.inside("a/b/f")).unwrap(), b"small");
        assert_eq!(fs::read(scene.inside("a/b/link")).unwrap(), b"large");
        for number in 0..many {
            let content = fs::read_to_string(scene.inside(&format!("m{number}/f"))).unwrap();
            assert_eq!(content, number.to_string());
        }
        for path in ["a/b/f", "a/large", "a/b/link", "a/b", "a", "empty"] {
            assert_eq!(mtime(&scene.inside(path)), (TIME.mtime_seconds, 5), "{path}");
        }
        let mode = fs::metadata(scene.inside("a/b")).unwrap().mode();
        assert_eq!(mode & 0o7777, 0o750 & !umask());
        assert_eq!(scene.names().iter().filter(|name| name.starts_with('.')).count(), 0);
        let inner: Vec<_> = fs::read_dir(scene.inside("a")).unwrap().collect();
        assert_eq!(inner.len(), 2);
    }
}

#[test]
fn nothing_has_its_name_before_the_commit_and_what_is_dropped_is_gone() {
    let scene = scene();
    let staging = StagingFolder::new(&scene.folder).unwrap();
    let first = small(&staging, "f", b"first");
    let second = staging.create(0o755).unwrap();
    let [stage_name] = &scene.names()[..] else { panic!("{:?}", scene.names()) };
    let inside = scene.inside(stage_name);
    assert_eq!(fs::metadata(&inside).unwrap().mode() & 0o7777, 0o700);
    assert_eq!(fs::read_dir(&inside).unwrap().count(), 2);
    let modes = ["0", "1"].map(|name| fs::metadata(inside.join(name)).unwrap().mode() & 0o7777);
    assert_eq!(modes, [arriving_mode(0o644, umask()), arriving_mode(0o755, umask())]);
    drop(second);
    drop(first);
    assert_eq!(fs::read_dir(&inside).unwrap().count(), 0);
    drop(staging);
    assert!(scene.folder.is_empty().unwrap());
}

#[test]
fn what_is_in_place_stays_unless_it_may_be_replaced() {
    let scene = scene();
    let staging = StagingFolder::new(&scene.folder).unwrap();
    let all = |staging: &StagingFolder, text: &[u8], target: &str| {
        vec![small(staging, "s", text), large(&scene, "l", text), folder("d"), link("k", target)]
    };
    assert_eq!(kinds(staging.commit(all(&staging, b"1", "s"), false)), [None; 4]);
    let exists = Some(StoreErrorKind::Exists);
    assert_eq!(kinds(staging.commit(all(&staging, b"2", "l"), false)), [exists, exists, None, exists]);
    assert_eq!(kinds(staging.commit(all(&staging, b"2", "s"), false)), [exists, exists, None, None]);
    // A session that comes again finds its own small files.
    assert_eq!(kinds(staging.commit(all(&staging, b"1", "s"), false)), [None, exists, None, None]);
    assert_eq!(fs::read(scene.inside("s")).unwrap(), b"1");
    assert_eq!(kinds(staging.commit(all(&staging, b"3", "l"), true)), [None; 4]);
    assert_eq!(fs::read(scene.inside("s")).unwrap(), b"3");
    assert_eq!(fs::read(scene.inside("l")).unwrap(), b"3");
    assert_eq!(fs::read_link(scene.inside("k")).unwrap(), Path::new("l"));
    drop(staging);
    assert_eq!(scene.names(), ["d", "k", "l", "s"]);
}

#[test]
fn nothing_planted_is_followed_or_replaced() {
    let scene = scene();
    symlink(scene.outside(""), scene.inside("out")).unwrap();
    symlink(scene.outside("f"), scene.inside("file")).unwrap();
    make_fifo(&scene.inside("fifo"));
    fs::create_dir(scene.inside("folder")).unwrap();
    fs::write(scene.inside("plain"), b"").unwrap();
    let staging = StagingFolder::new(&scene.folder).unwrap();
    for replace in [false, true] {
        let arrivals = vec![
            small(&staging, "out/f", b"x"),
            small(&staging, "out/new", b"x"),
            small(&staging, "out/sub/new", b"x"),
            small(&staging, "file", b"x"),
            small(&staging, "fifo", b"x"),
            small(&staging, "folder", b"x"),
            folder("out/made"),
            folder("out"),
            folder("plain"),
            folder("plain/below"),
            link("out/link", "f"),
            link("fifo", "plain"),
            link("folder", "plain"),
        ];
        let got = within({
            let staging = staging.clone();
            move || kinds(staging.commit(arrivals, replace))
        });
        assert!(
            got.iter().all(|kind| matches!(kind, Some(StoreErrorKind::Unsafe | StoreErrorKind::NotRegular))),
            "{got:?}"
        );
        assert_eq!(kind(Part::create(&scene.folder, b"out/new")), StoreErrorKind::Unsafe);
        assert_eq!(kind(scene.folder.make_folders(b"out/a/b")), StoreErrorKind::Unsafe);
        assert_eq!(kind(scene.folder.make_folders(b"plain")), StoreErrorKind::NotRegular);
    }
    drop(staging);
    assert_eq!(scene.names(), ["fifo", "file", "folder", "out", "plain"]);
    scene.assert_canary();
}

#[test]
fn a_link_that_leads_out_is_not_made() {
    let good: [(&str, &str); 6] =
        [("l", "f"), ("l", "./d//f"), ("d/l", ".."), ("d/l", "../f"), ("a/b/l", "../../c/d"), ("l", ".")];
    let bad: [(&str, &str); 8] = [
        ("l", ""),
        ("l", "/"),
        ("l", "/etc/passwd"),
        ("l", ".."),
        ("l", "../outside/f"),
        ("d/l", "../../outside"),
        ("d/e/l", "x/../../f"),
        ("l", "f\0"),
    ];
    for (path, target) in good {
        assert!(safe_link_target(path.as_bytes(), target.as_bytes()), "{path} -> {target}");
    }
    let scene = scene();
    let staging = StagingFolder::new(&scene.folder).unwrap();
    for (path, target) in bad {
        assert!(!safe_link_target(path.as_bytes(), target.as_bytes()), "{path} -> {target}");
        assert_eq!(kinds(staging.commit(vec![link(path, target)], true)), [Some(StoreErrorKind::Unsafe)]);
    }
    assert!(scene.folder.is_empty().unwrap());
}

#[test]
fn names_that_are_not_clean_get_nowhere() {
    let scene = scene();
    let staging = StagingFolder::new(&scene.folder).unwrap();
    let reserved = format!("{}/f", temporary_name(b"x"));
    for path in ["", "..", "../outside/new", "/tmp/new", "d/../../outside/new", "d//f", &reserved] {
        let arrivals = vec![small(&staging, path, b"x"), folder(path), link(path, "f")];
        assert_eq!(kinds(staging.commit(arrivals, true)), [Some(StoreErrorKind::Unsafe); 3], "{path}");
    }
    drop(staging);
    assert!(scene.folder.is_empty().unwrap());
    scene.assert_canary();
}

/// The content cannot be brought to disk: here because somebody took the file away.
#[test]
fn after_a_failed_sync_nothing_arrives_any_more() {
    let scene = scene();
    let staging = StagingFolder::new(&scene.folder).unwrap();
    let gone = small(&staging, "gone", b"x");
    let stage_name = scene.names().remove(0);
    fs::remove_file(scene.inside(&stage_name).join("0")).unwrap();
    let arrivals = vec![large(&scene, "l", b"x"), gone, small(&staging, "s", b"x"), folder("d")];
    assert!(kinds(staging.commit(arrivals, false)).iter().all(Option::is_some));
    assert_eq!(
        kinds(staging.commit(vec![small(&staging, "later", b"x")], false)),
        [Some(StoreErrorKind::CannotWrite)]
    );
    drop(staging);
    assert!(scene.folder.is_empty().unwrap());
}

#[test]
fn leftovers_go_when_they_are_old_and_in_nobodys_hands() {
    let scene = scene();
    let stage_left = scene.inside(&temporary_name(b"stage"));
    fs::create_dir(&stage_left).unwrap();
    fs::write(stage_left.join("0"), b"x").unwrap();
    fs::set_permissions(&stage_left, fs::Permissions::from_mode(0o700)).unwrap();
    let foreign = temporary_name(b"not made by a session");
    fs::create_dir(scene.inside(&foreign)).unwrap();
    for (name, age_days, size_bytes) in [("young", 6, 1 << 20), ("old", 8, 1 << 20), ("small", 0, 9)] {
        let file = fs::File::create(scene.inside(&temporary_name(name.as_bytes()))).unwrap();
        file.set_len(size_bytes).unwrap();
        let now = file.metadata().unwrap().modified().unwrap();
        file.set_modified(now - Duration::from_secs(age_days * 24 * 3600)).unwrap();
    }
    let live = Part::create(&scene.folder, b"live").unwrap();
    live.file().set_modified(std::time::UNIX_EPOCH).unwrap();
    let staging = StagingFolder::new(&scene.folder).unwrap();
    let staged = small(&staging, "f", b"still in use");
    scene.folder.remove_leftovers();
    assert!(!stage_left.exists());
    for (name, stays) in [("young", true), ("old", false), ("small", false), ("live", true)] {
        assert_eq!(scene.inside(&temporary_name(name.as_bytes())).exists(), stays, "{name}");
    }
    assert!(scene.inside(&foreign).exists());
    assert_eq!(kinds(staging.commit(vec![staged], false)), [None]);
    assert_eq!(scene.names().len(), 4);
}

#[test]
fn a_stage_may_be_committed_while_another_thread_continues() {
    let scene = scene();
    let staging = StagingFolder::new(&scene.folder).unwrap();
    std::thread::scope(|scope| {
        for batch in 0..20 {
            let arrivals: Vec<_> = (0..50).map(|n| small(&staging, &format!("d{batch}/{n}"), b"x")).collect();
            let staging = &staging;
            scope.spawn(move || assert!(staging.commit(arrivals, false).iter().all(Result::is_ok)));
        }
    });
    drop(staging);
    assert_eq!(scene.names().len(), 20);
    assert!(scene.names().iter().all(|name| fs::read_dir(scene.inside(name)).unwrap().count() == 50));
}

/// Whoever may write to the destination swaps a folder and a link that leads out of it, all the while.
#[test]
fn nothing_escapes_while_folders_are_swapped() {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use std::sync::atomic::{AtomicBool, Ordering};
    let scene = scene();
    fs::create_dir(scene.inside("d")).unwrap();
    symlink(scene.outside(""), scene.inside("e")).unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let _ = renameat_with(CWD, scene.inside("d"), CWD, scene.inside("e"), RenameFlags::EXCHANGE);
            }
        });
        let mut arrived = 0;
        for round in 0..300 {
            // A folder that became a link may fail the last sync, and with it all of this stage.
            let staging = StagingFolder::new(&scene.folder).unwrap();
            let name = |what: &str| format!("d/{what}{round}/x");
            let mut arrivals = vec![
                small(&staging, &name("small"), b"x"),
                folder(&name("folder")),
                link(&name("link"), "x"),
            ];
            if let Ok(part) = Part::create(&scene.folder, name("part").as_bytes()) {
                arrivals.push(StagedEntry::Part { part, meta: TIME });
            }
            arrived += staging.commit(arrivals, true).iter().filter(|result| result.is_ok()).count();
        }
        over.store(true, Ordering::Relaxed);
        assert!(arrived > 0);
    });
    scene.assert_canary();
}
