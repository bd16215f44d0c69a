//! When the end of the input is passed on: how soon, and to real servers that take it for a hang-up. Large answers and
//! many tries: `SENDALL_SLOW=1`.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use crate::harness::link::{Net, Side, Way};
use crate::harness::others::{self, free_port, server};
use crate::harness::{Finished, In, LIMIT, Out, Running, now, payload, sendall};
use crate::transfer::xfer::is_slow_wanted;

const TCP: Way = Way { side: Side::Connect, net: Net::Tcp };
const PAUSE: Duration = Duration::from_millis(100);

/// How long after its last byte the end of the input comes to a peer that says nothing, at best: a busy machine is slow.
fn quickest_end(options: &[&str], bytes: &[u8], is_enough: impl Fn(Duration) -> bool) -> Duration {
    let mut best = LIMIT;
    for _ in 0..10 {
        let (running, mut link) = TCP.open(options, In::file(bytes), Out::Collect);
        link.expect(bytes);
        let start = now();
        link.expect_all(b"");
        best = best.min(now() - start);
        link.end();
        running.finish().expect(0);
        if is_enough(best) {
            break;
        }
    }
    best
}

#[test]
fn much_for_a_silent_peer_is_ended_at_once() {
    let bytes = payload((1 << 20) + 1);
    assert!(quickest_end(&[], &bytes, |time| time < PAUSE / 2) < PAUSE / 2);
}

#[test]
fn with_send_only_the_end_comes_at_once() {
    assert!(quickest_end(&["--send-only"], b"little", |time| time < PAUSE / 2) < PAUSE / 2);
}

#[test]
fn little_is_ended_after_a_pause_and_soon() {
    for bytes in [&b""[..], b"little"] {
        let time = quickest_end(&[], bytes, |time| time < 2 * PAUSE);
        // The clock of this test starts behind that of the command.
        assert!(time > PAUSE / 2 && time < 2 * PAUSE, "after {time:?}");
    }
}

#[test]
fn an_end_that_follows_ours_in_mid_answer_is_reported() {
    let summary = |finished: &Finished| {
        let lines = finished.stderr.lines();
        let mut events = lines.map(|line| serde_json::from_str(line).expect("an event"));
        events.rfind(|event: &serde_json::Value| event["event"] == "summary").expect("a summary")
    };
    // A moment is short: a busy machine may miss it.
    let mut is_told = false;
    for _ in 0..10 {
        let (running, mut link) = TCP.open(&["--json", "-v"], In::Bytes(b"q".to_vec()), Out::Collect);
        link.expect(b"q");
        link.send(b"half an ans");
        link.expect_all(b"");
        drop(link);
        let finished = running.finish();
        assert_eq!(finished.code, 0, "{}", finished.stderr);
        is_told = summary(&finished)["ended_after"].as_f64().is_some_and(|seconds| seconds <= 0.1);
        if is_told {
            break;
        }
    }
    assert!(is_told);
    let (running, mut link) = TCP.open(&["-v"], In::Bytes(b"q".to_vec()), Out::Collect);
    link.expect(b"q");
    link.send(b"half an ans");
    link.expect_all(b"");
    drop(link);
    let finished = running.finish();
    assert!(
        finished.code == 0 && finished.stderr.contains("after it was told the end"),
        "{}",
        finished.stderr
    );

    // Who answers the end itself has taken it for what it is.
    let (running, mut link) = TCP.open(&["--json", "-v"], In::Bytes(b"q".to_vec()), Out::Collect);
    link.expect_all(b"q");
    link.send(b"answer");
    link.end();
    let finished = running.finish();
    assert!(summary(&finished)["ended_after"].is_null(), "{}", finished.stderr);
}

/// What `connect` prints of the answer to a question.
fn answer(options: &[&str], address: &str, question: &[u8]) -> Vec<u8> {
    let args = [&["connect", address], options].concat();
    let running = sendall(&args, In::Bytes(question.to_vec()), Out::Collect);
    running.finish_within(3 * LIMIT).expect(0).stdout
}

/// nginx, with a file of zeros for each of these sizes in MiB, named by it.
fn nginx(folder: &Path, sizes: &[usize]) -> Option<(Running, u16)> {
    for size in sizes {
        std::fs::write(folder.join(size.to_string()), vec![0; size << 20]).expect("written");
    }
    others::nginx(folder, "", &format!("root {};", folder.display()))
}

/// Each answer is whole. On a busy machine a server may be silent for longer than is waited for, and drop the rest: that happens
/// once at most, and with `--no-half-close` the same answer is whole.
#[track_caller]
fn assert_whole(tries: usize, server: &str, address: &str, target: &str, size_bytes: usize) {
    let length = |options: &[&str]| {
        let text = answer(options, address, format!("GET {target} HTTP/1.0\r\n\r\n").as_bytes());
        let head = text.windows(4).position(|end| end == b"\r\n\r\n").map_or(0, |at| at + 4);
        assert!(text.starts_with(b"HTTP/1."), "{server}: {}", String::from_utf8_lossy(&text));
        text.len() - head
    };
    let mut is_cut = false;
    for number in 0..tries {
        let found = length(&[]);
        if found != size_bytes {
            assert!(!is_cut, "{server}, {target}, try {number}: {found} bytes, for the second time");
            assert_eq!(length(&["--no-half-close"]), size_bytes, "{server}, {target}, try {number}");
            is_cut = true;
        }
    }
}

#[test]
fn nginx_answers_in_full() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some((_nginx, port)) = nginx(folder.path(), &[1, 10]) else { return };
    for size in [1, 10] {
        assert_whole(2, "nginx", &format!("127.0.0.1:{port}"), &format!("/{size}"), size << 20);
    }
}

#[test]
fn node_answers_in_full() {
    let port = free_port();
    let script = format!(
        "require('http').createServer((q, r) => setTimeout(() => r.end('hello\\n'.repeat(200000)), 20)).listen({port}, '127.0.0.1')"
    );
    let Some(_node) = server("node", &["-e", &script], port) else { return };
    assert_whole(2, "node", &format!("127.0.0.1:{port}"), "/", 1_200_000);
}

/// What squid shares under a name of its own, and leaves behind when it is killed.
struct SharedMemory(String);

impl Drop for SharedMemory {
    fn drop(&mut self) {
        for file in std::fs::read_dir("/dev/shm").into_iter().flatten().flatten() {
            if file.file_name().to_string_lossy().starts_with(&format!("{}-", self.0)) {
                let _ = std::fs::remove_file(file.path());
            }
        }
    }
}

#[test]
fn many_answers_of_many_servers_are_whole() {
    if !is_slow_wanted("20 answers each of nginx, tinyproxy and squid, up to 100 MB") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path().display();
    let Some((_nginx, origin)) = nginx(folder.path(), &[1, 10, 100]) else { return };
    for size in [1, 10, 100] {
        assert_whole(20, "nginx", &format!("127.0.0.1:{origin}"), &format!("/{size}"), size << 20);
    }
    let conf = |name: &str, text: String| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).expect("written");
        file.to_str().expect("UTF-8").to_owned()
    };
    let target = |size: usize| format!("http://127.0.0.1:{origin}/{size}");
    let port = free_port();
    let file = conf(
        "tinyproxy",
        format!("Port {port}\nListen 127.0.0.1\nLogFile \"{at}/log\"\nPidFile \"{at}/tiny\"\n"),
    );
    if let Some(_tinyproxy) = server("tinyproxy", &["-d", "-c", &file], port) {
        for size in [1, 10] {
            assert_whole(20, "tinyproxy", &format!("127.0.0.1:{port}"), &target(size), size << 20);
        }
    }
    // It changes its user, if it is root's.
    let cache = tempfile::tempdir().expect("a folder");
    let (port, at) = (free_port(), cache.path().display());
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(cache.path(), open).expect("open to all");
    let file = conf(
        "squid",
        format!(
            "http_port 127.0.0.1:{port}\nhttp_access allow all\ncache deny all\npid_filename {at}/pid\naccess_log none\n\
        cache_log {at}/log\ncoredump_dir {at}\nshutdown_lifetime 0 seconds\npinger_enable off\n"
        ),
    );
    let memory = SharedMemory(format!("sendall{port}"));
    if let Some(_squid) = server("squid", &["-N", "-n", &memory.0, "-f", &file], port) {
        for size in [1, 10] {
            assert_whole(20, "squid", &format!("127.0.0.1:{port}"), &target(size), size << 20);
        }
    }
}

/// A server that looks for a hang-up before each piece of its answer, and drops the rest then, as many do.
#[test]
fn the_answer_of_a_server_that_pauses_is_complete() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let serving = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("a client");
        client.read_exact(&mut [0; 9]).expect("the question");
        for _ in 0..10 {
            client.set_read_timeout(Some(Duration::from_millis(20))).expect("a limit");
            if client.read(&mut [0]).is_ok() {
                return;
            }
            client.write_all(&[b'x'; 1000]).expect("taken");
        }
    });
    assert_eq!(answer(&[], &address, b"question\n").len(), 10_000);
    serving.join().expect("a server");
}

#[test]
fn a_peer_that_answers_only_after_the_end_is_received() {
    let running = sendall(&["serve", "0", "--sh", "sort"], In::Null, Out::Collect);
    running.listening(2);
    let address = format!("127.0.0.1:{}", running.port());
    assert_eq!(answer(&[], &address, b"b\na\n"), b"a\nb\n");
    assert_eq!(answer(&[], &address, b""), b"");
}

#[test]
fn a_process_that_continues_to_read_is_polite_too() {
    let line = "echo question; exec >&-; sleep 0.01; cat >&2";
    let (running, mut link) = TCP.open(&["--sh", line], In::Null, Out::Collect);
    link.expect(b"question\n");
    link.send(b"begun; ");
    assert!(!crate::harness::wait_for_fd(
        std::os::fd::AsFd::as_fd(&link),
        rustix::event::PollFlags::IN,
        PAUSE / 2
    ));
    link.send(b"done\n");
    link.end();
    link.expect_all(b"");
    let finished = running.finish();
    assert!(finished.code == 0 && finished.stderr == "begun; done\n", "{}", finished.stderr);
}
