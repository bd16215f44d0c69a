//! Memory that does not suffice: the session that wants it fails, not the server.

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::harness::{LIMIT, Running, payload};
use crate::transfer::frames::{DATA, HAVE, PUT, Peer, entry, header, hello, turn};
use crate::transfer::xfer::{Place, address, limited, run, status_kib};

/// From now on the process gets so much more memory and nothing beyond; none: as much as it likes.
fn limit_memory(server: &Running, more_kib: Option<u64>) {
    let current = more_kib.map(|more| (status_kib(server.id(), "VmSize") + more) << 10);
    let pid = Pid::from_raw(server.id() as i32);
    prlimit(pid, Resource::As, Rlimit { current, maximum: None }).expect("a limit");
}

#[test]
fn a_session_without_memory_fails_alone() {
    let (source, there) = (Place::new(), Place::new());
    let path = source.write("f", &payload(3_000_000));
    // All threads take from one heap: others have much in store, which the limit does not see.
    let args = ["serve", "127.0.0.1:0", "--store", there.arg()];
    let server = limited("export MALLOC_ARENA_MAX=1", &args);
    let to = address(&server);
    let mut peers = [Peer::connect(&to), Peer::connect(&to)];
    for (peer, name) in peers.iter_mut().zip([b"a", b"b"]) {
        peer.say(&[hello(PUT, b""), entry(0, name, 3_000_000), turn()].concat());
        peer.hear(32);
        peer.hear_until(HAVE);
    }
    // No room for a megabyte, and enough for the small things.
    limit_memory(&server, Some(700));
    for peer in &mut peers {
        peer.say(&[header(DATA, 0, 0, 0, 1 << 20), vec![0; 100]].concat());
        peer.hear_all();
    }
    drop(peers);
    let says =
        |text: &[u8], _| String::from_utf8_lossy(text).matches("there is not enough memory").count() == 2;
    assert!(server.stderr.wait(LIMIT, says), "{}", server.stderr.text());
    limit_memory(&server, None);
    run(&["upload", &path, &to]).expect(0);
    there.expect("f", &payload(3_000_000));
}
