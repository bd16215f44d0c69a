//! System calls that fail or are interrupted in a transfer: both sides hear why, nothing unsynced gets its name, and
//! the next try works.

use std::collections::HashSet;

use blake3::hazmat::HasherExt;

use crate::faults::cuts::{WAYS, Way};
use crate::faults::trace::{self, Call};
use crate::harness::{Finished, LIMIT, Running, payload};
use crate::transfer::frames::*;
use crate::transfer::xfer::{CHUNK, Place, address, begin, in_parallel, is_part, serve};

/// Calls that bring bytes, names, modes and times to the disk: if one of them fails, so must the transfer.
const NEEDED: [&str; 14] = [
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "syncfs",
    "fchmod",
    "utimensat",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "mkdirat",
    "ftruncate",
];
const SYNCS: [&str; 3] = ["fsync", "fdatasync", "syncfs"];
/// The type of the frame that has the values of blocks.
const BLOCK_VALUES: u8 = 6;
const READS: [&str; 5] = ["read", "pread64", "preadv", "sendfile", "splice"];

/// Calls that signal(7) names, of those that can wait.
const INTERRUPTIBLE: [&str; 12] = [
    "accept4",
    "connect",
    "epoll_pwait",
    "epoll_wait",
    "flock",
    "openat",
    "openat2",
    "poll",
    "pread64",
    "recvfrom",
    "sendto",
    "write",
];

/// A file on its way, with one of the two sides under strace.
struct Scene {
    way: Way,
    source: Place,
    destination: Place,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Traced {
    Nobody,
    Sender,
    Receiver,
}

impl Scene {
    fn new(way: Way) -> Scene {
        let (source, destination, bytes) = (Place::new(), Place::new(), payload(2 * CHUNK + 123));
        source.write("f", &bytes);
        Scene { way, source, destination, bytes }
    }

    /// Sends the file while one side is traced with these options: the ends of sender and receiver.
    fn run(&self, side: Traced, log: &str, options: &[&str]) -> [Finished; 2] {
        let (path, to) = (self.source.at("f"), self.destination.arg());
        let mode = if self.way == Way::Upload { ["--store", to] } else { ["--share", &path] };
        let server = serve(&[&mode[..], &["--once", "--idle-timeout", "10s"]].concat());
        let address = address(&server);
        let client = match self.way {
            Way::Upload => vec!["upload", "-q", &path, &address],
            Way::Download => vec!["download", "-q", &address, "-o", to],
        };
        let client_is = if self.way == Way::Upload { Traced::Sender } else { Traced::Receiver };
        let ended = if side == client_is {
            let client = trace::traced(log, options, &client).finish();
            assert!(server.ends_within(LIMIT), "{options:?}: only the client ended: {client:?}");
            [client, server.finish()]
        } else {
            let strace = (side != Traced::Nobody).then(|| trace::attach(&server, log, options));
            let ended = [begin(&client).finish(), server.finish()];
            strace.map(Running::finish);
            ended
        };
        let [client, server] = ended;
        if self.way == Way::Upload { [client, server] } else { [server, client] }
    }

    /// The folder that one side works in.
    fn folder(&self, side: Traced) -> &str {
        if side == Traced::Sender { self.source.arg() } else { self.destination.arg() }
    }

    /// All calls of one side in a transfer without faults, from the beginning of the session.
    fn calls(&self, side: Traced) -> Vec<Call> {
        let logs = Place::new();
        for finished in self.run(side, &logs.at("log"), &[]) {
            finished.ended(0);
        }
        std::fs::remove_file(self.destination.path("f")).expect("arrived");
        let calls = trace::calls(&logs.path("log"));
        let first = calls.iter().position(|call| call.name == "connect").unwrap_or(0);
        let (start, session) = calls.split_at(first);
        // What the loader did as often cannot be told from it, if another thread does it.
        let is_new =
            |call: &Call| !start.iter().any(|other| other.name == call.name && other.nth >= call.nth);
        let folder = self.folder(side);
        session.iter().filter(|call| is_new(call) || call.is_known_by_path(folder)).cloned().collect()
    }

    /// What must be true after any fault; then another try, without one. True if the file had come at first.
    #[track_caller]
    fn check(&self, ended: &[Finished; 2], what: &str) -> bool {
        for process in ended {
            let (code, text) = (process.code, &process.stderr);
            assert!(!text.contains("panicked"), "{what}: {text}");
            assert_eq!(process.errors().len(), usize::from(code != 0), "{what}: exit code {code}: {text}");
        }
        let came = ended[0].code == 0;
        assert_eq!(came, ended[1].code == 0, "{what}: {ended:?}");
        let names = self.destination.names();
        assert!(names.iter().all(|name| name == "f" || is_part(name)), "{what}: {names:?}");
        if self.destination.path("f").exists() {
            self.destination.expect("f", &self.bytes);
        } else {
            assert!(!came, "{what}: success without a file");
        }
        for finished in self.run(Traced::Nobody, "", &[]) {
            assert_eq!(finished.code, 0, "{what}, and again: {}", finished.stderr);
        }
        self.destination.expect_names(&["f"]);
        self.destination.expect("f", &self.bytes);
        came
    }
}

/// Lets a call fail that was seen in one scene, in another one; with `and_then`, as strace writes that, more of them.
fn fail(
    scene: &Scene,
    side: Traced,
    call: &Call,
    seen_in: &str,
    error: &str,
    and_then: &str,
) -> [Finished; 2] {
    let done = format!("error={error}");
    // Messages are written, too: what is done to the file itself is told apart by its path.
    let mut options = if call.is_known_by_path(seen_in) {
        Vec::from(call.inject_on_path(seen_in, scene.folder(side), &done))
    } else {
        vec![call.inject(&done)]
    };
    options.iter_mut().last().expect("an option").push_str(and_then);
    options.push(call.only());
    scene.run(side, "/dev/null", &options.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn every_call_about_the_destination_failing_in_turn() {
    if !trace::is_there() {
        return;
    }
    for way in WAYS {
        let scene = Scene::new(way);
        let folder = scene.destination.arg();
        let calls = scene.calls(Traced::Receiver);
        let mut seen = HashSet::new();
        let mut is_new = |call: &Call| seen.insert((call.name.clone(), call.path.clone(), call.nth_of_path));
        // The runtime asks about a descriptor before it closes it, in debug builds.
        let calls: Vec<Call> = calls
            .into_iter()
            .filter(|call| call.line.contains(folder) && call.name != "fcntl" && is_new(call))
            .collect();
        assert!(calls.iter().filter(|call| NEEDED.contains(&call.name.as_str())).count() > 3, "{calls:?}");
        in_parallel(&calls, |call| {
            let scene = Scene::new(way);
            let what = format!("{way:?}, {} {} failing", call.name, call.nth);
            let ended = fail(&scene, Traced::Receiver, call, folder, "EIO", "");
            let codes = ended.each_ref().map(|process| process.code);
            let came = scene.check(&ended, &what);
            assert!(came || codes == [7, 10], "{what}: {ended:?}");
            assert!(!came || !NEEDED.contains(&call.name.as_str()), "{what}: and it succeeded");
        });
    }
}

#[test]
fn a_sync_that_fails_is_not_tried_again() {
    if !trace::is_there() {
        return;
    }
    for way in WAYS {
        for is_folder in [false, true] {
            let (scene, logs) = (Scene::new(way), Place::new());
            let syncs = SYNCS.join(",");
            let mut options = vec![format!("--trace={syncs}"), format!("--inject={syncs}:error=EIO:when=1")];
            if is_folder {
                // Of the calls that concern this path only.
                options.extend(["-P".into(), scene.destination.arg().to_owned()]);
            }
            let what = format!("{way:?}, the folder's: {is_folder}");
            let options: Vec<&str> = options.iter().map(String::as_str).collect();
            let ended = scene.run(Traced::Receiver, &logs.at("log"), &options);
            assert_eq!(ended.each_ref().map(|process| process.code), [7, 10], "{what}: {ended:?}");
            assert!(ended.iter().all(|process| process.stderr.contains("sync")), "{what}: {ended:?}");
            assert!(is_folder || !scene.destination.path("f").exists(), "{what}: a name without a sync");
            let synced = trace::some_calls(&logs.path("log"));
            assert!(!synced.is_empty(), "{what}");
            let mut seen = HashSet::new();
            for call in &synced {
                assert!(seen.insert((&call.name, &call.path)), "{what}: tried again: {synced:?}");
            }
            scene.check(&ended, &what);
        }
    }
}

/// The calls of these names that did something about `folder`.
fn about<'a>(calls: &'a [Call], names: &'a [&str], folder: &'a str) -> Vec<&'a Call> {
    let is_one = |call: &&Call| names.contains(&call.name.as_str()) && call.line.contains(folder);
    let found: Vec<&Call> = calls.iter().filter(is_one).collect();
    assert!(!found.is_empty(), "none of {names:?}: {calls:?}");
    found
}

#[test]
fn the_sender_gets_the_reason_why_nothing_can_be_written_there() {
    if !trace::is_there() {
        return;
    }
    const CREATE: &[&str] = &["openat", "openat2"];
    const WRITE: &[&str] = &["write", "pwrite64"];
    // A file system without inodes answers as a full one does.
    let cases = [
        (CREATE, "ENOSPC", "no space left"),
        (CREATE, "EACCES", "cannot be written"),
        (CREATE, "EROFS", "cannot be written"),
        (WRITE, "ENOSPC", "no space left"),
        (WRITE, "EDQUOT", "no space left"),
        (WRITE, "EIO", "cannot be written"),
    ];
    let seen = WAYS.map(Scene::new);
    let seen = seen.each_ref().map(|scene| (scene, scene.calls(Traced::Receiver)));
    let cases: Vec<_> = seen.iter().flat_map(|seen| cases.map(|case| (seen, case))).collect();
    in_parallel(&cases, |((first, calls), (names, error, words))| {
        let (way, folder) = (first.way, first.destination.arg());
        let scene = Scene::new(way);
        let call = about(calls, names, folder).pop().expect("a call");
        let ended = fail(&scene, Traced::Receiver, call, folder, error, "");
        let what = format!("{way:?}, {names:?}: {error}");
        assert_eq!(ended.each_ref().map(|process| process.code), [7, 10], "{what}: {ended:?}");
        for process in &ended {
            assert!(process.stderr.contains(words), "{what}: '{words}' is not in: {}", process.stderr);
        }
        assert!(!scene.check(&ended, &what));
    });
}

#[test]
fn the_receiver_is_notified_that_the_source_cannot_be_read() {
    if !trace::is_there() {
        return;
    }
    for way in WAYS {
        let scene = Scene::new(way);
        let (calls, folder) = (scene.calls(Traced::Sender), scene.source.arg());
        let ended = fail(&scene, Traced::Sender, about(&calls, &READS, folder)[0], folder, "EIO", "");
        assert_eq!(ended.each_ref().map(|process| process.code), [1, 7], "{way:?}: {ended:?}");
        assert!(ended.iter().all(|process| process.stderr.contains("cannot be read")), "{way:?}: {ended:?}");
        assert!(!scene.check(&ended, "an unreadable source"));
    }
}

#[test]
fn interrupted_calls_of_a_transfer_are_repeated() {
    if !trace::is_there() {
        return;
    }
    let sides = [Traced::Sender, Traced::Receiver];
    for (way, side) in WAYS.into_iter().flat_map(|way| sides.map(|side| (way, side))) {
        let first = Scene::new(way);
        let folder = first.folder(side);
        let mut seen = HashSet::new();
        let mut is_first = |call: &Call| {
            // Other writes go to descriptors that never block, and are not interrupted.
            let is_meant = call.name != "write" || call.path.starts_with(folder);
            is_meant && INTERRUPTIBLE.contains(&call.name.as_str()) && seen.insert(call.name.clone())
        };
        let cases: Vec<Call> = first.calls(side).into_iter().filter(|call| is_first(call)).collect();
        assert!(cases.len() > 3, "{cases:?}");
        in_parallel(&cases, |call| {
            let scene = Scene::new(way);
            let ended = fail(&scene, side, call, folder, "EINTR", "+2");
            let what = format!("{way:?}, every other {} from the {} on", call.name, call.nth);
            assert!(ended.iter().all(|process| process.code == 0), "{what}: {ended:?}");
            assert!(scene.check(&ended, &what));
        });
    }
}

#[test]
fn a_sender_that_compares_blocks_for_long_sends_pings() {
    const BLOCK: usize = 4 << 20;
    if !trace::is_there() {
        return;
    }
    let (here, bytes) = (Place::new(), payload(6 * BLOCK));
    let path = here.write("f", &bytes);
    let value = |(index, block): (usize, &[u8])| {
        let mut hasher = blake3::Hasher::new();
        hasher.set_input_offset((index * BLOCK) as u64).update(block).finalize_non_root()
    };
    let values = bytes.chunks(BLOCK).enumerate().map(value).collect::<Vec<_>>().concat();
    let server = FakeServer::new(move |peer| {
        peer.hear(32);
        let mut accepted = accept();
        accepted[15] = 1;
        peer.say(&accepted);
        peer.hear_until(TURN);
        let have = frame(HAVE, 0, 0, 6 * BLOCK as u64, &[&[1][..], &[0; 35]].concat());
        peer.say(&[frame(BLOCK_VALUES, 0, 0, 0, &values), have, turn()].concat());
        assert_eq!(peer.hear_frame(), (PING, 1, Vec::new()), "hashing");
        assert_eq!(peer.hear_until(END), blake3::hash(&bytes).as_bytes());
        peer.hear_until(EOT);
        peer.say(&result(1, 0));
        peer.hear_all();
    });
    let slow = ["-e", "trace=pread64", "-e", "inject=pread64:delay_enter=100000"];
    let args = ["upload", "-q", "-j", "1", &path, &server.address];
    let client = trace::traced(&here.at("log"), &slow, &args).finish();
    server.join();
    client.ended(0);
}
