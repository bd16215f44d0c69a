//! Disks that are full or may not be written to; as root, on a small tmpfs.

use super::*;

struct Mounted<'a>(&'a Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let done = Command::new("umount").arg(self.0).status();
        assert!(done.unwrap().success() || std::thread::panicking());
    }
}

fn mounted<'a>(at: &'a Path, options: &str) -> Option<Mounted<'a>> {
    if !is_root() {
        println!("skipped: mounting needs root");
        return None;
    }
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at).output();
    match mount {
        Ok(output) if output.status.success() => Some(Mounted(at)),
        other => {
            println!("skipped: mount says {other:?}");
            None
        }
    }
}

#[test]
fn a_full_disk_is_no_space_and_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let Some(_mounted) = mounted(root.path(), "size=64k,nr_inodes=8") else { return };
    let folder = Folder::open(root.path()).unwrap();
    assert!(folder.free_bytes(b"f").unwrap() <= 65536);
    deliver(&folder, b"small", b"fits", false).unwrap();
    let mut part = Part::create(&folder, b"big").unwrap();
    assert_eq!(kind(part.write_all(&[1; 100_000])), StoreErrorKind::NoSpace);
    assert!(part.write_all(&[1; 100_000]).unwrap_err().to_string().contains("No space left"));
    assert_eq!(folder.free_bytes(b"f").unwrap(), 0);
    drop(part);
    assert_eq!(folder.files().unwrap(), [b"small"]);
    assert!(folder.free_bytes(b"f").unwrap() > 0);

    // No inodes.
    let mut filler = 0_u32;
    while filler < 100 && fs::write(root.path().join(filler.to_string()), b"").is_ok() {
        filler += 1;
    }
    assert_eq!(kind(Part::create(&folder, b"one-more")), StoreErrorKind::NoSpace);
}

#[test]
fn a_read_only_disk_is_not_allowed() {
    let root = tempfile::tempdir().unwrap();
    let Some(_mounted) = mounted(root.path(), "size=64k,ro") else { return };
    let folder = Folder::open(root.path()).unwrap();
    assert_eq!(kind(Part::create(&folder, b"f")), StoreErrorKind::NotAllowed);
}

#[test]
fn a_folder_without_permission_is_not_allowed() {
    use std::os::unix::fs::PermissionsExt;
    if is_root() {
        println!("skipped: root may do anything");
        return;
    }
    let scene = scene();
    deliver(&scene.folder, b"f", b"x", false).unwrap();
    fs::set_permissions(scene.inside("f"), fs::Permissions::from_mode(0o0)).unwrap();
    assert_eq!(kind(scene.folder.existing(b"f")), StoreErrorKind::Exists);
    assert_eq!(kind(scene.folder.source(b"f")), StoreErrorKind::NotAllowed);
    assert_eq!(kind(SourceFile::open(&scene.inside("f"))), StoreErrorKind::NotAllowed);
    fs::set_permissions(scene.inside(""), fs::Permissions::from_mode(0o500)).unwrap();
    assert_eq!(kind(Part::create(&scene.folder, b"g")), StoreErrorKind::NotAllowed);
    fs::set_permissions(scene.inside(""), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn below_a_mount_a_part_arrives_and_a_staged_file_fails_with_the_reason() {
    let scene = scene();
    fs::create_dir(scene.inside("mount")).unwrap();
    let at = scene.inside("mount");
    let Some(_mounted) = mounted(&at, "size=64k") else { return };
    let staging = StagingFolder::new(&scene.folder).unwrap();
    let small = |path: &str| StagedEntry::Small {
        path: path.into(),
        file: staging.create(0o644).and_then(|file| file.finish(Meta::default())).unwrap(),
    };
    let part = Part::create(&scene.folder, b"mount/d/part").unwrap();
    let mut arrivals = vec![small("mount/f"), StagedEntry::Part { part, meta: Meta::default() }];
    arrivals.extend((0..9).map(|number| small(&format!("d{number}/f"))));
    let results = staging.commit(arrivals, false);
    let fault = results[0].as_ref().unwrap_err();
    assert_eq!(
        (fault.kind, fault.to_string().contains("another file system")),
        (StoreErrorKind::CannotWrite, true)
    );
    assert!(results[1..].iter().all(Result::is_ok), "{results:?}");
    assert!(at.join("d/part").exists());
}
