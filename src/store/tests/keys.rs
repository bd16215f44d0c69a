//! Secrets, and lists of keys: who may read and change them, and many who make them at once.

use super::*;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::Barrier;
use zeroize::Zeroizing;

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Reads the secret, or makes this one.
fn secret(path: &Path, bytes: &[u8]) -> Result<Secret, PrivateError> {
    read_or_create(path, || Ok(Zeroizing::new(bytes.to_vec())))
}

fn refused(path: &Path) -> PrivateError {
    match secret(path, b"new") {
        Err(fault) => fault,
        Ok(secret) => panic!("{:?}, {:?}", secret.kept, secret.bytes),
    }
}

#[test]
fn a_secret_is_made_once_in_a_private_folder() {
    let scene = scene();
    let path = scene.inside("a/b/key");
    let made = secret(&path, b"one").unwrap();
    assert!(matches!(made.kept, Kept::Created) && *made.bytes == b"one");
    let again = secret(&path, b"two").unwrap();
    assert!(matches!(again.kept, Kept::Found) && *again.bytes == b"one");
    assert_eq!(mode_of(&path), 0o600);
    assert_eq!((mode_of(&scene.inside("a")), mode_of(&scene.inside("a/b"))), (0o700, 0o700));
    assert_eq!(fs::read_dir(scene.inside("a/b")).unwrap().count(), 1);
}

#[test]
fn of_those_who_make_it_at_once_one_does() {
    const ALL: u8 = 16;
    for _ in 0..10 {
        let scene = scene();
        let path = scene.inside("new/key");
        let barrier = Barrier::new(usize::from(ALL));
        let start = |id: u8| {
            barrier.wait();
            let secret = secret(&path, &[id; 3000]).unwrap();
            (secret.bytes.to_vec(), matches!(secret.kept, Kept::Created))
        };
        let all: Vec<(Vec<u8>, bool)> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..ALL).map(|id| scope.spawn(move || start(id))).collect();
            all.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(all.iter().filter(|(_, is_new)| *is_new).count(), 1);
        let kept = fs::read(&path).unwrap();
        assert!(all.iter().all(|(bytes, _)| *bytes == kept) && kept.len() == 3000);
        assert_eq!(fs::read_dir(scene.inside("new")).unwrap().count(), 1);
    }
}

#[test]
fn a_secret_that_others_may_read_is_refused() {
    let scene = scene();
    let path = scene.inside("key");
    fs::write(&path, b"old").unwrap();
    for mode in [0o644, 0o640, 0o604, 0o660, 0o610] {
        set_mode(&path, mode);
        assert!(matches!(refused(&path), PrivateError::Readable(found) if found == mode), "{mode:o}");
    }
    // What the message says to type.
    let said = refused(&path).about(path.display());
    let command = said.split("type: ").nth(1).unwrap();
    assert!(Command::new("sh").args(["-c", command]).status().unwrap().success());
    assert_eq!(*secret(&path, b"new").unwrap().bytes, b"old");
    set_mode(&path, 0o400);
    assert_eq!(*secret(&path, b"new").unwrap().bytes, b"old");
}

#[test]
fn a_secret_is_a_regular_file_with_something_in_it() {
    let scene = scene();
    let path = scene.inside("key");
    make_fifo(&path);
    let fifo = path.clone();
    assert!(
        matches!(within(move || refused(&fifo)), PrivateError::Store(fault) if fault.kind == StoreErrorKind::NotRegular)
    );
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(matches!(refused(&path), PrivateError::Store(fault) if fault.kind == StoreErrorKind::NotRegular));
    fs::remove_dir(&path).unwrap();
    assert!(
        matches!(refused(Path::new("/dev/null")), PrivateError::Store(fault) if fault.kind == StoreErrorKind::NotRegular)
    );
    fs::write(&path, b"").unwrap();
    set_mode(&path, 0o600);
    assert!(matches!(refused(&path), PrivateError::Empty));
    fs::write(&path, vec![1; 64 * 1024 + 1]).unwrap();
    assert!(matches!(refused(&path), PrivateError::TooLarge(65_536)));
    fs::write(&path, vec![1; 64 * 1024]).unwrap();
    assert_eq!(secret(&path, b"new").unwrap().bytes.len(), 64 * 1024);
    assert_eq!(scene.names(), ["key"]);
}

/// As ssh does it: what counts is the file at its end.
#[test]
fn a_link_to_a_secret_is_followed() {
    let scene = scene();
    let path = scene.inside("key");
    let target = scene.inside("target");
    symlink("target", &path).unwrap();
    let fault = refused(&path);
    assert_eq!(fault.to_string(), "is a link to a file that does not exist");
    fs::write(&target, b"old").unwrap();
    set_mode(&target, 0o644);
    assert!(matches!(refused(&path), PrivateError::Readable(0o644)));
    set_mode(&target, 0o600);
    assert_eq!(*secret(&path, b"new").unwrap().bytes, b"old");
    assert_eq!(scene.names(), ["key", "target"]);
}

#[test]
fn a_secret_with_no_place_to_be_is_kept_in_memory() {
    let scene = scene();
    // Not even root makes folders there.
    let path = Path::new("/proc/self/no such folder/key");
    let made = secret(path, b"one").unwrap();
    assert!(matches!(made.kept, Kept::Nowhere(_)) && *made.bytes == b"one");
    if !is_root() {
        set_mode(&scene.inside(""), 0o500);
        assert!(matches!(secret(&scene.inside("key"), b"one").unwrap().kept, Kept::Nowhere(_)));
        set_mode(&scene.inside(""), 0o000);
        assert!(matches!(secret(&scene.inside("key"), b"one").unwrap().kept, Kept::Nowhere(_)));
        set_mode(&scene.inside(""), 0o700);
    }
    assert_eq!(scene.names(), [""; 0]);
}

#[test]
fn a_secret_that_cannot_be_made_leaves_nothing() {
    let scene = scene();
    let path = scene.inside("key");
    let failed = read_or_create(&path, || Err::<Zeroizing<Vec<u8>>, _>(PrivateError::Owner(7)));
    assert!(matches!(failed, Err(PrivateError::Owner(7))));
    assert_eq!(scene.names(), [""; 0]);
}

#[test]
fn lines_of_many_stand_one_after_the_other() {
    const ALL: usize = 8;
    const LINES: usize = 10;
    let scene = scene();
    let path = scene.inside("new/known");
    let barrier = Barrier::new(ALL);
    std::thread::scope(|scope| {
        for id in 0..ALL {
            let (path, barrier) = (&path, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for line in 0..LINES {
                    append_line(path, format!("{id} {line} {}\n", "x".repeat(300)).as_bytes()).unwrap();
                }
            });
        }
    });
    assert_eq!((mode_of(&path), mode_of(&scene.inside("new"))), (0o600, 0o700));
    let text = fs::read_to_string(&path).unwrap();
    for id in 0..ALL {
        let own: Vec<&str> = text.lines().filter(|line| line.starts_with(&format!("{id} "))).collect();
        let expected: Vec<String> =
            (0..LINES).map(|line| format!("{id} {line} {}", "x".repeat(300))).collect();
        assert_eq!(own, expected);
    }
    assert_eq!(text.lines().count(), ALL * LINES);
}

#[test]
fn a_last_line_without_an_end_gets_one() {
    let scene = scene();
    let path = scene.inside("known");
    fs::write(&path, b"by hand").unwrap();
    set_mode(&path, 0o644);
    append_line(&path, b"one\n").unwrap();
    append_line(&path, b"two\n").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"by hand\none\ntwo\n");
    assert_eq!(mode_of(&path), 0o644);
}

#[test]
fn a_lock_that_another_holds_for_long_is_not_waited_for_without_end() {
    use rustix::fs::{FlockOperation, flock};
    let scene = scene();
    let path = scene.inside("known");
    fs::write(&path, b"one\n").unwrap();
    let held = fs::File::open(&path).unwrap();
    flock(&held, FlockOperation::LockExclusive).unwrap();
    let waiting = path.clone();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(append_line(&waiting, b"two\n")));
    assert!(receiver.recv_timeout(Duration::from_millis(50)).is_err());
    drop(held);
    receiver.recv_timeout(Duration::from_secs(10)).unwrap().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"one\ntwo\n");
}

#[test]
fn a_list_that_others_may_change_is_neither_read_nor_written() {
    let scene = scene();
    let path = scene.inside("clients");
    assert!(read_list(&path).unwrap().is_none());
    fs::write(&path, b"one\n").unwrap();
    for mode in [0o664, 0o646, 0o666] {
        set_mode(&path, mode);
        for fault in [read_list(&path).err(), append_line(&path, b"two\n").err()] {
            assert!(matches!(fault, Some(PrivateError::Writable(found)) if found == mode), "{mode:o}");
        }
    }
    set_mode(&path, 0o644);
    assert_eq!(read_list(&path).unwrap().unwrap().bytes, b"one\n");
    make_fifo(&scene.inside("fifo"));
    let fifo = scene.inside("fifo");
    within(move || {
        assert!(read_list(&fifo).is_err());
        assert!(append_line(&fifo, b"two\n").is_err());
    });
    assert!(append_line(&scene.inside(""), b"two\n").is_err());
}

#[test]
fn a_list_that_was_changed_is_noticed() {
    let scene = scene();
    let path = scene.inside("clients");
    assert_eq!(ListStamp::now(&path), None);
    append_line(&path, b"one\n").unwrap();
    let read = read_list(&path).unwrap().unwrap();
    assert_eq!(ListStamp::now(&path), Some(read.stamp));
    append_line(&path, b"two\n").unwrap();
    let now = ListStamp::now(&path);
    assert_ne!(now, Some(read.stamp));
    fs::write(scene.inside("new"), b"one\ntwo\n").unwrap();
    fs::rename(scene.inside("new"), &path).unwrap();
    assert_ne!(ListStamp::now(&path), now);
}

#[test]
fn a_file_of_another_user_is_refused() {
    let scene = scene();
    let path = scene.inside("key");
    fs::write(&path, b"old").unwrap();
    set_mode(&path, 0o600);
    // Only root gives files away; the rule itself is tested beside it, for each user.
    if is_root() {
        std::os::unix::fs::chown(&path, Some(65_533), None).unwrap();
        assert!(matches!(refused(&path), PrivateError::Owner(65_533)));
        assert!(matches!(read_list(&path), Err(PrivateError::Owner(65_533))));
        assert!(matches!(append_line(&path, b"x\n"), Err(PrivateError::Owner(65_533))));
    }
    assert_eq!(fs::read(&path).unwrap(), b"old");
}
