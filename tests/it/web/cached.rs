//! nginx in front, with the settings of docs/web.md.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::{Reply, Web};
use crate::harness::{LIMIT, Running, assert_same, others, payload, wait_until};
use crate::transfer::xfer::{Place, is_slow_wanted};

const BLOCK: usize = 4 << 20;

/// nginx, the server that it asks, and the folder of its cache.
struct Cached {
    origin: Web,
    front: u16,
    _nginx: Running,
    _folder: TempDir,
}

impl Cached {
    /// `None`: nginx is not installed.
    fn new(share: &str) -> Option<Cached> {
        let options = ["--share", share, "--host", "files.example", "--cache", "10m", "--log", "json"];
        let origin = Web::start(Place::new(), &[], &[&options[..], &["--max-per-source", "100"]].concat());
        let folder = tempfile::tempdir().expect("a folder");
        let page = include_str!("../../../docs/web.md");
        let block =
            page.split("```nginx\n").nth(1).and_then(|rest| rest.split("```").next()).expect("settings");
        let cache = folder.path().join("cache");
        let block = block
            .replace("/var/cache/nginx/sendall", cache.to_str().expect("UTF-8"))
            .replace("127.0.0.1:8080", &format!("127.0.0.1:{}", origin.port));
        let (before, rest) = block.split_once("server {\n    listen 80;\n").expect("a server");
        let inner = rest.trim_end().strip_suffix('}').expect("its end");
        let (nginx, front) = others::nginx(folder.path(), before, inner)?;
        Some(Cached { origin, front, _nginx: nginx, _folder: folder })
    }

    /// A client that has asked for a path, and reads later.
    fn ask(&self, path: &str, fields: &str) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.front)).expect("a connection");
        stream.set_read_timeout(Some(LIMIT)).expect("a limit");
        let head =
            format!("GET /{path} HTTP/1.1\r\nHost: files.example\r\nConnection: close\r\n{fields}\r\n");
        stream.write_all(head.as_bytes()).expect("sent");
        stream
    }

    #[track_caller]
    fn get(&self, path: &str, fields: &str) -> Reply {
        Reply::parse(&rest(self.ask(path, fields)), false)
    }

    /// The ranges that the server has sent of a file, when it has sent so many.
    #[track_caller]
    fn blocks_read(&self, path: &str, count: usize) -> Vec<u64> {
        let output = self.origin.server.output.as_ref().expect("collected");
        let mut sizes = Vec::new();
        let is_there = || {
            let text = String::from_utf8(output.bytes()).expect("UTF-8");
            let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
            let lines = whole.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
            let lines = lines.filter(|line| line["target"] == format!("/{path}") && line["status"] == 206);
            sizes = lines.map(|line| line["bytes"].as_u64().expect("a size")).collect();
            sizes.len() >= count
        };
        assert!(wait_until(LIMIT, is_there), "{sizes:?}");
        sizes
    }

    /// Ends the server as a loss of power would.
    fn kill_origin(&mut self) {
        self.origin.server.signal(rustix::process::Signal::KILL);
        assert!(self.origin.server.ends_within(LIMIT));
    }
}

/// Everything that comes, also before a failure.
fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard);
    let _ = stream.shutdown(Shutdown::Both);
    heard
}

/// The content of an answer that may have been cut.
fn content(answer: &[u8]) -> &[u8] {
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    &answer[head + 4..]
}

/// Waits until a file has a tag.
fn settle(web: &Web, path: &str) {
    let has_tag = || web.ask("HEAD", &format!("/{path}"), &[]).field("ETag").is_some();
    assert!(wait_until(LIMIT, has_tag), "no tag");
}

#[test]
fn many_clients_of_nginx_cost_one_read_of_each_block() {
    // A large file that has been there for a while: this program.
    let program = std::env::current_exe().expect("a path");
    let name = program.file_name().and_then(|name| name.to_str()).expect("UTF-8");
    let Some(mut cached) = Cached::new(program.to_str().expect("UTF-8")) else { return };
    settle(&cached.origin, name);
    let part = 4_000_000..4_400_000;
    let mut due = vec![0; part.len()];
    let file = fs::File::open(&program).expect("a file");
    std::os::unix::fs::FileExt::read_exact_at(&file, &mut due, part.start as u64).expect("read");
    let range = format!("Range: bytes={}-{}\r\n", part.start, part.end - 1);
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let reply = cached.get(name, &range).expect(206);
                assert_same(&reply.body, &due, "the range");
            });
        }
    });
    assert_eq!(cached.blocks_read(name, 2), [BLOCK as u64; 2]);
    // What nginx has is there without the server, and nothing else.
    cached.kill_origin();
    assert_same(&cached.get(name, &range).expect(206).body, &due, "the range again");
    assert_eq!(cached.get("?text", "").status, 502);
}

#[test]
fn clients_of_nginx_get_the_old_file_or_fail() {
    const SIZE: usize = 12 * BLOCK + 77;
    if !is_slow_wanted("a file that is replaced behind nginx") {
        return;
    }
    let (share, old, new) = (Place::new(), payload(SIZE), vec![b'n'; SIZE]);
    for name in ["cached", "partly", "killed"] {
        share.write(name, &old);
    }
    let Some(mut cached) = Cached::new(share.arg()) else { return };
    settle(&cached.origin, "killed");
    let replace = |name: &str| {
        share.write("new", &new);
        fs::rename(Path::new(&share.at("new")), share.path(name)).expect("replaced");
    };
    // A client that reads slowly, behind one that has read everything.
    let fill = |name: &str| {
        let slow = cached.ask(name, "");
        assert_same(&cached.get(name, "").expect(200).body, &old, name);
        assert_eq!(cached.blocks_read(name, 13).len(), 13);
        slow
    };
    let slow = fill("cached");
    replace("cached");
    assert_same(content(&rest(slow)), &old, "the old file, from the cache");
    assert_same(&cached.get("cached", "").expect(200).body, &old, "the old file");
    // One that is the first, and is in the middle: the rest is another file's.
    let mut slow = cached.ask("partly", "");
    let mut begun = vec![0; BLOCK];
    slow.read_exact(&mut begun).expect("the first block");
    cached.blocks_read("partly", 2);
    replace("partly");
    begun.extend(rest(slow));
    for heard in [begun, rest(cached.ask("partly", ""))] {
        let heard = content(&heard);
        assert!(heard.len() < SIZE && !heard.is_empty(), "{} bytes", heard.len());
        assert_same(heard, &old[..heard.len()], "the beginning of the old file");
    }
    settle(&cached.origin, "partly");
    let heard = rest(cached.ask("partly", ""));
    assert!(content(&heard).len() < SIZE && old.starts_with(content(&heard)), "the tag of a new one");
    let slow = fill("killed");
    cached.kill_origin();
    assert_same(content(&rest(slow)), &old, "without the server");
    assert_same(&cached.get("killed", "").expect(200).body, &old, "without the server, again");
}
