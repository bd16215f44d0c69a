//! Many at once: for one name, and in a folder where somebody swaps folders and links meanwhile. And files that are
//! larger than 32 bits can say.

use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::harness::skips::skip;
use crate::harness::{now, payload};
use crate::transfer::frames::*;
use crate::transfer::xfer::{Place, address, begin, is_slow_wanted, names_in, run, serve};

#[test]
fn of_fifty_uploads_for_one_name_one_wins() {
    const UPLOADS: usize = 50;
    let there = Place::new();
    let server = serve(&["--store", there.arg(), "--max-per-source", "64"]);
    let to = address(&server);
    let sources: Vec<Place> = (0..UPLOADS).map(|_| Place::new()).collect();
    let size = |index: usize| 200_000 + 7 * index;
    let paths: Vec<String> =
        sources.iter().enumerate().map(|(index, source)| source.write("f", &payload(size(index)))).collect();
    let clients: Vec<_> = paths.iter().map(|path| begin(&["upload", "-q", path, &to])).collect();
    let ended: Vec<_> = clients.into_iter().map(|client| client.finish()).collect();
    let winners: Vec<usize> = (0..UPLOADS).filter(|index| ended[*index].code == 0).collect();
    assert_eq!(winners.len(), 1, "{ended:?}");
    for finished in ended.into_iter().filter(|finished| finished.code != 0) {
        finished.expect_saying(7, "exists");
    }
    there.expect_names(&["f"]);
    there.expect("f", &payload(size(winners[0])));
}

/// Two names that change places all the time: one is a link to `outside`, the other is what should be there.
struct Pair {
    folder: String,
    names: [&'static str; 2],
}

impl Pair {
    fn swap(&self, outside: &Path) {
        let [a, b] = self.names.map(|name| Path::new(&self.folder).join(name));
        // Whatever has happened to them: the next turn may find both again.
        let _ = renameat_with(CWD, &a, CWD, &b, RenameFlags::EXCHANGE);
        if !a.is_symlink() && !b.is_symlink() {
            let _ = std::fs::remove_file(&b);
            let _ = symlink(outside, &b);
        }
    }
}

/// Everything about a folder and what is in it that an access through a link could change.
fn state(folder: &Path) -> Vec<(String, [i64; 5], Vec<u8>)> {
    let mut paths = vec![folder.to_owned()];
    paths.extend(names_in(folder).iter().map(|name| folder.join(name)));
    let of_path = |path: &Path| {
        let meta = std::fs::symlink_metadata(path).expect("still there");
        let content = std::fs::read(path).unwrap_or_default();
        let name = path.display().to_string();
        let numbers =
            [meta.mode().into(), meta.ino() as i64, meta.nlink() as i64, meta.ctime(), meta.ctime_nsec()];
        (name, numbers, content)
    };
    paths.iter().map(|path| of_path(path)).collect()
}

/// Uploads these names with a content of its own; how many arrived.
fn put(to: &str, names: &[&str], content: &[u8]) -> u32 {
    let mut peer = Peer::connect(to);
    let mut first = hello(PUT, b"");
    // REPLACE.
    first[11] = 1;
    for (file, name) in (0..).zip(names) {
        first.extend(entry(file, name.as_bytes(), content.len() as u64));
    }
    first.extend(turn());
    peer.say(&first);
    peer.hear(32);
    let wanted: Vec<u32> = (0..names.len() as u32).filter(|_| peer.hear_until(HAVE)[0] == 1).collect();
    peer.hear_until(TURN);
    let mut bodies: Vec<u8> = wanted.iter().flat_map(|file| whole(*file, content)).collect();
    bodies.extend(eot(wanted.len() as u64, (wanted.len() * content.len()) as u64));
    peer.say(&bodies);
    let result = peer.hear_until(RESULT);
    u32::from_be_bytes(result[4..8].try_into().expect("4 bytes"))
}

/// Downloads a name: its content, if it is offered.
fn get(from: &str, name: &str) -> Option<Vec<u8>> {
    let mut peer = Peer::connect(from);
    peer.say(&hello(GET, name.as_bytes()));
    peer.hear(32);
    let (kind, flags, _) = peer.hear_frame();
    assert_eq!(kind, ENTRY);
    // NOT_OFFERED.
    if flags & 1 != 0 {
        return None;
    }
    peer.hear_until(TURN);
    peer.say(&[want(0), turn()].concat());
    let (kind, _, body) = peer.hear_frame();
    (kind == DATA).then_some(body)
}

#[test]
fn swapping_a_folder_and_a_link_leads_nowhere() {
    let (store, share, outside) = (Place::new(), Place::new(), Place::new());
    outside.write("canary", b"canary");
    outside.write("x", b"secret");
    for place in [&store, &share] {
        place.folder("folder");
        std::fs::write(place.path("folder/x"), b"inside").expect("written");
        symlink(outside.root(), place.path("other")).expect("a link");
    }
    store.write("f", b"old");
    let part = format!(".sendall-{}.part", &blake3::hash(b"g").to_hex()[..16]);
    let before = state(outside.root());
    let server = serve(&["--store", store.arg(), "--share", share.arg(), "--max-per-source", "64"]);
    let to = address(&server);

    let pair = |place: &Place, names| Pair { folder: place.arg().to_owned(), names };
    let folders = [pair(&store, ["folder", "other"]), pair(&share, ["folder", "other"])];
    let files = pair(&store, ["f", "link"]);
    let (over, put_count, got_count) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let (least, limit) = if is_slow_wanted("100,000 swaps; as many as one second allows") {
        (100_000, Duration::from_secs(60))
    } else {
        (1, Duration::from_secs(1))
    };
    let mut swaps = 0;
    std::thread::scope(|scope| {
        for worker in 0..2 {
            let (over, put_count, to) = (&over, &put_count, &to);
            scope.spawn(move || {
                let mut turn = 0;
                while !over.load(Ordering::SeqCst) {
                    let content = format!("from worker {worker}: {turn}");
                    let came = put(to, &["f", "folder/x", "folder/new", "other/x", "g"], content.as_bytes());
                    put_count.fetch_add(came as usize, Ordering::SeqCst);
                    turn += 1;
                }
            });
        }
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                if let Some(content) = get(&to, "folder/x") {
                    assert_eq!(content, b"inside", "through a link");
                    got_count.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
        let begun = now();
        while begun.elapsed() < limit && (swaps < least || begun.elapsed() < Duration::from_secs(1)) {
            folders.iter().for_each(|pair| pair.swap(outside.root()));
            files.swap(&outside.path("canary"));
            let _ = symlink(outside.path("canary"), store.path(&part));
            swaps += 1;
        }
        over.store(true, Ordering::SeqCst);
    });
    let (put_count, got_count) = (put_count.into_inner(), got_count.into_inner());
    println!("{swaps} swaps, {put_count} files up, {got_count} down");
    assert!(swaps >= least && put_count > 0 && got_count > 0, "{swaps}, {put_count}, {got_count}");
    assert_eq!(state(outside.root()), before);
    // It still serves.
    assert_eq!(put(&to, &["afterwards"], b"new"), 1);
    store.expect("afterwards", b"new");
}

#[test]
fn the_folder_keeps_its_own_mode() {
    let here = Place::new();
    let path = here.write("f", b"content");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o7755)).expect("a mode");
    for mode in [0o700, 0o1777, 0o2750, 0o500] {
        let (stored, fetched) = (Place::new(), Place::new());
        for place in [&stored, &fetched] {
            std::fs::set_permissions(place.root(), std::fs::Permissions::from_mode(mode)).expect("a mode");
        }
        let server = serve(&["--store", stored.arg(), "--share", &path]);
        let to = address(&server);
        let codes = [
            run(&["upload", "-q", &path, &to]).code,
            run(&["download", "-q", &to, "-o", fetched.arg()]).code,
        ];
        // Where nobody may write, root may.
        let is_root = rustix::process::geteuid().is_root();
        assert_eq!(codes, if mode & 0o200 != 0 || is_root { [0, 0] } else { [7, 10] }, "{mode:o}");
        for place in [&stored, &fetched] {
            let is = |path: &Path| std::fs::metadata(path).map(|meta| meta.mode() & 0o7777);
            assert_eq!(is(place.root()).expect("there"), mode);
            if let Ok(arrived) = is(&place.path("f")) {
                assert_eq!(arrived & 0o7111, 0o111, "{arrived:o}");
            }
        }
    }
}

#[test]
fn a_file_of_more_than_4_gib_arrives() {
    if !is_slow_wanted("a file of 4 GiB and some") {
        return;
    }
    let (here, there) = (Place::new(), Place::new());
    let room = rustix::fs::statvfs(there.root()).expect("a file system");
    if room.f_bavail * room.f_frsize < 6 << 30 {
        skip("no room for 4 GiB");
        return;
    }
    let size = (1_u64 << 32) + 12_345;
    let marks = [0, (1 << 32) - 4, 1 << 32, size - 8].map(|offset| (offset, *b"a mark: "));
    let file = std::fs::File::options()
        .create(true)
        .read(true)
        .write(true)
        .truncate(true)
        .open(here.path("f"))
        .expect("a file");
    file.set_len(size).expect("a hole");
    for (offset, mark) in &marks {
        file.write_all_at(mark, *offset).expect("written");
    }
    let server = serve(&["--store", there.arg(), "--once"]);
    let client = begin(&["upload", "-q", &here.at("f"), &address(&server)]);
    client.finish_within(Duration::from_secs(600)).expect(0);
    server.finish().expect(0);
    let arrived = std::fs::File::open(there.path("f")).expect("arrived");
    assert_eq!(arrived.metadata().expect("a size").len(), size);
    let mut both = [0, 1].map(|_| vec![0; 1 << 20]);
    for start in (0..size).step_by(1 << 20) {
        let length = both[0].len().min((size - start) as usize);
        for (bytes, file) in both.iter_mut().zip([&file, &arrived]) {
            bytes.truncate(length);
            file.read_exact_at(bytes, start).expect("read");
        }
        assert!(both[0] == both[1], "different from {start} on");
    }
}
