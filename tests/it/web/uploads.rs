//! Files that are stored by PUT: interrupted and continued, refused before they are sent, and nothing left behind.

use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::Signal;

use super::{Reply, Web};
use crate::harness::skips::skip;
use crate::harness::{In, LIMIT, Out, Running, payload, start, wait_until};
use crate::transfer::xfer::{Place, digest, is_part, is_slow_wanted};

/// A request whose body is not sent at once.
pub(super) struct Slow(pub(super) TcpStream);

impl Slow {
    pub(super) fn begin(port: u16, line: &str, fields: &[&str], body: &[u8]) -> Slow {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        stream.set_read_timeout(Some(LIMIT)).expect("a limit");
        let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
        let head = format!("{line} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{fields}\r\n");
        stream.write_all(&[head.as_bytes(), body].concat()).expect("sent");
        Slow(stream)
    }

    /// What comes back up to the end; `None`: a reset.
    pub(super) fn rest(&mut self) -> Option<Vec<u8>> {
        let mut heard = Vec::new();
        self.0.read_to_end(&mut heard).ok().map(|_| heard)
    }

    /// What comes back up to the end of a head.
    pub(super) fn head(&mut self) -> String {
        let mut heard = Vec::new();
        while !heard.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).unwrap_or_else(|error| {
                panic!("{error} after {}", String::from_utf8_lossy(&heard));
            });
            heard.push(byte[0]);
        }
        String::from_utf8(heard).expect("text")
    }
}

impl Web {
    /// How much of a file is there.
    pub(super) fn offset(&self, target: &str) -> Option<u64> {
        let reply = self.ask("HEAD", target, &[]).expect(404);
        reply.field("Upload-Offset").map(|offset| offset.parse().expect("a number"))
    }

    /// Waits until this much of a file is there.
    #[track_caller]
    pub(super) fn wait_for_offset(&self, target: &str, offset: u64) {
        let is_there = || self.offset(target).unwrap_or(0) == offset;
        assert!(wait_until(LIMIT, is_there), "{:?} in place of {offset}", self.offset(target));
    }

    /// Waits until no part is left, and checks the names that are.
    #[track_caller]
    pub(super) fn expect_only(&self, names: &[&str]) {
        assert!(
            wait_until(LIMIT, || !self.place.names().iter().any(|name| is_part(name))),
            "{:?}",
            self.place.names()
        );
        self.place.expect_names(names);
    }
}

/// The range of a file's rest.
pub(crate) fn rest(from: usize, size: usize) -> String {
    format!("Content-Range: bytes {from}-{}/{size}", size - 1)
}

/// The digest of a content, as b3sum writes it.
fn hex(bytes: &[u8]) -> String {
    digest(bytes).trim_start_matches("BLAKE3 ").to_owned()
}

#[test]
fn an_upload_is_cut_every_64_kib_and_continued() {
    let web = Web::storing(&[]);
    let (bytes, step) = (payload(10 * (64 << 10) + 77), 64 << 10);
    let length = |from: usize| format!("Content-Length: {}", bytes.len() - from);
    let mut from = 0;
    while from + step < bytes.len() {
        let range = rest(from, bytes.len());
        let fields = [length(from), "X-OC-Mtime: 1700000000".into(), range];
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        // A whole file has no range.
        let fields = if from == 0 { &fields[..2] } else { &fields[..] };
        drop(Slow::begin(web.port, "PUT /dir/f", fields, &bytes[from..from + step]));
        from += step;
        web.wait_for_offset("/dir/f", from as u64);
    }
    let reply = web.ask("HEAD", "/dir/f", &[]).expect(404);
    assert_eq!(reply.field("Upload-Length"), Some(&*bytes.len().to_string()));
    assert_eq!(reply.field("X-OC-Mtime"), Some("1700000000"));
    // The client that continues may not know the time: it stays.
    let reply = web.put("/dir/f", &bytes[from..], &[&rest(from, bytes.len())]).expect(201);
    assert_eq!(reply.field("Location"), Some("./f"));
    assert_eq!(reply.text(), format!("{}  f\n", hex(&bytes)));
    web.place.expect("dir/f", &bytes);
    let mtime = std::fs::metadata(web.place.path("dir/f")).expect("a file").modified().expect("a time");
    assert_eq!(mtime.duration_since(std::time::UNIX_EPOCH).expect("a time").as_secs(), 1_700_000_000);
    web.expect_only(&["dir"]);
}

#[test]
fn a_server_that_was_killed_continues_an_upload() {
    let web = Web::storing(&[]);
    let bytes = payload(3 << 20);
    let length = format!("Content-Length: {}", bytes.len());
    let slow = Slow::begin(web.port, "PUT /f", &[&length], &bytes[..2 << 20]);
    web.wait_for_offset("/f", 2 << 20);
    web.server.signal(Signal::KILL);
    web.server.finish();
    drop(slow);
    let web = Web::start(web.place, &["--share", "--store"], &[]);
    assert_eq!(web.offset("/f"), Some(2 << 20));
    web.put("/f", &bytes[2 << 20..], &[&rest(2 << 20, bytes.len())]).expect(201);
    web.place.expect("f", &bytes);
    web.expect_only(&["f"]);
}

#[test]
fn a_part_is_continued_by_the_same_file_only() {
    let web = Web::storing(&[]);
    let bytes = payload(1000);
    let put = |range: &str, body: &[u8], mtime: &str| {
        web.put("/f", body, &[&format!("Content-Range: bytes {range}"), &format!("X-OC-Mtime: {mtime}")])
    };
    let offset = |reply: Reply| reply.field("Upload-Offset").map(str::to_owned);
    assert_eq!(offset(put("500-999/1000", &bytes[500..], "7").expect(416)).as_deref(), Some("0"));
    assert_eq!(offset(put("0-399/1000", &bytes[..400], "7").expect(202)).as_deref(), Some("400"));
    for wrong in ["399-999/1000", "401-999/1000", "999-999/1000"] {
        let from: usize = wrong.split('-').next().expect("a start").parse().expect("a number");
        assert_eq!(offset(put(wrong, &bytes[from..], "7").expect(416)).as_deref(), Some("400"), "{wrong}");
    }
    // Another time, or another size.
    put("400-999/1000", &bytes[400..], "8").expect(409);
    put("400-1000/1001", &[&bytes[400..], b"x"].concat(), "7").expect(409);
    // Ranges that say nothing certain, or something wrong.
    for (range, length) in
        [("400-999/*", 600), ("400-998/1000", 600), ("400-1000/1000", 601), ("*/1000", 0), ("400-/1000", 600)]
    {
        put(range, &bytes[..length], "7").expect(400);
    }
    let chunked = |body: &[u8], range: &str| {
        let body = [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n0\r\n\r\n"].concat();
        web.send("PUT", "/f", &["Transfer-Encoding: chunked", range], &body)
    };
    assert_eq!(web.offset("/f"), Some(400));
    chunked(&bytes[400..450], "Content-Range: bytes 400-499/1000").expect(400);
    // What was announced and has come is there.
    assert_eq!(web.offset("/f"), Some(450));
    chunked(&bytes[450..], "Content-Range: bytes 450-899/1000").expect(400);
    // Nothing of a request that sends too much.
    assert_eq!(web.offset("/f"), Some(450));
    // The whole file needs no part, and ends one of another.
    put("0-399/1000", &bytes[..400], "7").expect(202);
    web.put("/f", &bytes[..999], &["X-OC-Mtime: 7"]).expect(201);
    web.place.expect("f", &bytes[..999]);
    put("400-999/1000", &bytes[400..], "7").expect(409);
    web.expect_only(&["f"]);
}

#[test]
fn a_later_request_for_the_same_file_ends_the_one_before() {
    let web = Web::storing(&[]);
    let bytes = payload(300_000);
    let length = format!("Content-Length: {}", bytes.len());
    let mut first = Slow::begin(web.port, "PUT /f", &[&length, "X-OC-Mtime: 7"], &bytes[..100_000]);
    web.wait_for_offset("/f", 100_000);
    let other = web.put("/f", &bytes, &["X-OC-Mtime: 8"]).expect(409);
    assert_eq!(other.field("Retry-After"), Some("1"));
    web.put("/f", &bytes[1..], &["X-OC-Mtime: 7"]).expect(409);
    let after = ["X-OC-Mtime: 7", &rest(100_000, bytes.len())];
    web.put("/f", &bytes[100_000..], &after).expect(201);
    assert_eq!(first.rest(), None, "no reset");
    web.place.expect("f", &bytes);
    web.expect_only(&["f"]);
}

#[test]
fn concurrent_uploads_of_one_name_give_one_whole_file() {
    let web = Web::storing(&[]);
    let contents: Vec<Vec<u8>> =
        (0..6).map(|index| vec![b'a' + index; 200_000 + usize::from(index)]).collect();
    let statuses = std::thread::scope(|scope| {
        let all = contents.iter().map(|content| scope.spawn(|| web.put("/f", content, &[]).status));
        let all: Vec<_> = all.collect();
        all.into_iter().map(|thread| thread.join().expect("an answer")).collect::<Vec<_>>()
    });
    assert!(
        statuses.contains(&201) && statuses.iter().all(|status| [201, 409].contains(status)),
        "{statuses:?}"
    );
    let there = std::fs::read(web.place.path("f")).expect("a file");
    let index = statuses.iter().position(|status| *status == 201).expect("one");
    assert!(there == contents[index], "another one");
    web.expect_only(&["f"]);
}

#[test]
fn what_can_be_refused_is_refused_before_the_content() {
    let web = Web::storing(&["--max-size", "1MB"]);
    web.place.write("there", b"old");
    let web = &web;
    for (status, target, length, field) in [
        (415, "/f", 10, "Content-Encoding: gzip"),
        (413, "/f", 2_000_000, "X: y"),
        (409, "/there", 10, "X: y"),
        (412, "/f", 10, "If-Match: \"x\""),
        (412, "/there", 3, "If-None-Match: *"),
        (400, "/f", 10, "Repr-Digest: sha-256=:AA==:"),
        (400, "/f", 10, "Content-Digest: sha-256=7"),
        (400, "/f/", 10, "X: y"),
        (400, "/a/%2e%2e/f", 10, "X: y"),
        (400, "/f?x", 10, "Content-Range: bytes 0-9/10"),
        (416, "/f", 10, "Content-Range: bytes 10-19/20"),
        (403, "/f", 10, "Sec-Fetch-Site: cross-site"),
        (409, "/there/f", 10, "X: y"),
    ] {
        let length = format!("Content-Length: {length}");
        let fields = [&*length, field, "Expect: 100-continue"];
        let head = Slow::begin(web.port, &format!("PUT {target}"), &fields, b"").head();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{target} {field}: {head}");
    }
    web.expect_only(&["there"]);
    web.place.expect("there", b"old");
}

#[test]
fn a_file_that_is_there_is_read_only_for_conditions() {
    let web = Web::storing(&["--etag", "content"]);
    // Nobody could read as much as that.
    let file = std::fs::File::create(web.place.path("huge")).expect("a file");
    file.set_len(1 << 40).expect("a file with a hole");
    web.put("/huge", b"other", &[]).expect(409);
    web.place.write("small", b"old");
    web.put("/small", b"new", &["If-Match: \"x\""]).expect(412);
    let tag = web.put("/small", b"old", &[]).expect(200);
    let tag = format!("If-Match: {}", tag.field("ETag").expect("a tag"));
    web.put("/small", b"new", &[&tag]).expect(201);
    web.place.expect("small", b"new");
}

#[test]
fn a_digest_that_differs_leaves_nothing() {
    let web = Web::storing(&[]);
    // SHA-256 of `hello`.
    let right = "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:";
    for field in ["Repr-Digest", "Content-Digest"] {
        web.put("/f", b"hellO", &[&format!("{field}: {right}")]).expect(422);
        web.expect_only(&[]);
    }
    // Of the whole file, and of the content of one request.
    let whole = format!("Repr-Digest: {right}");
    web.put("/f", b"he", &["Content-Range: bytes 0-1/5", &whole]).expect(202);
    web.put("/f", b"llo", &["Content-Range: bytes 2-4/5", &format!("Content-Digest: {right}")]).expect(422);
    // What was there before that request stays.
    assert_eq!(web.offset("/f"), Some(2));
    web.put("/f", b"l", &["Content-Range: bytes 2-2/5", &format!("Content-Digest: {right}")]).expect(422);
    assert_eq!(web.offset("/f"), Some(2));
    web.put("/f", b"llo", &["Content-Range: bytes 2-4/5", &whole]).expect(201);
    web.expect_only(&["f"]);
    web.server.signal(Signal::TERM);
    let stderr = web.server.finish().stderr;
    let lines = stderr.lines().filter(|line| line.contains(": f: the content is not that of the digest"));
    assert_eq!(lines.count(), 4, "{stderr}");
}

#[test]
fn stored_files_are_in_the_list_of_digests() {
    let place = Place::new();
    let list = place.at("list");
    let web = Web::storing(&["--digests", &list]);
    for _ in 0..2 {
        web.put("/a/f", b"content", &[]).expect_stored();
    }
    place.expect("list", format!("{0}  a/f\n{0}  a/f\n", hex(b"content")).as_bytes());
}

impl Reply {
    #[track_caller]
    fn expect_stored(self) {
        assert!([200, 201].contains(&self.status), "{}{}", self.head, self.text());
    }
}

#[test]
fn an_upload_that_pauses_for_too_long_ends_and_can_be_continued() {
    let web = Web::storing(&["--idle-timeout", "100ms"]);
    let mut known = Slow::begin(web.port, "PUT /f", &["Content-Length: 9"], b"1234");
    let mut unknown = Slow::begin(web.port, "PUT /g", &["Transfer-Encoding: chunked"], b"4\r\n1234\r\n");
    for slow in [&mut known, &mut unknown] {
        assert!(slow.head().starts_with("HTTP/1.1 408 "));
    }
    assert_eq!((web.offset("/f"), web.offset("/g")), (Some(4), None));
    web.put("/f", b"56789", &["Content-Range: bytes 4-8/9"]).expect(201);
    web.expect_only(&["f"]);
    web.server.signal(Signal::TERM);
    let stderr = web.server.finish().stderr;
    assert!(stderr.contains("f: the upload ended early, after 4 of 9 bytes"), "{stderr}");
    assert!(stderr.contains("g: the upload ended early, after 4 bytes"), "{stderr}");
}

/// A server whose folder is a small file system; none without the right to mount one.
fn small(place: &Place) -> Option<Running> {
    if !rustix::process::geteuid().is_root() {
        skip("only root may mount");
        return None;
    }
    let serve = "exec \"$0\" serve 127.0.0.1:0 --http --store . --share .";
    let script = format!("cd {0} && mount -t tmpfs -o size=1m none . && cd {0} && {serve}", place.arg());
    let args = ["-m", "sh", "-e", "-c", &script, env!("CARGO_BIN_EXE_sendall")];
    Some(start("unshare", &args, In::Null, Out::Collect))
}

#[test]
fn without_room_nothing_is_asked_for_and_nothing_stays() {
    let place = Place::new();
    let Some(server) = small(&place) else { return };
    let port = server.port();
    let web = Web { place, server, port };
    let fields = ["Content-Length: 2000000", "Expect: 100-continue"];
    let head = Slow::begin(web.port, "PUT /f", &fields, b"").head();
    assert!(head.starts_with("HTTP/1.1 507 "), "{head}");
    let body = [b"1e8480\r\n".to_vec(), payload(2_000_000), b"\r\n0\r\n\r\n".to_vec()].concat();
    web.send("PUT", "/f", &["Transfer-Encoding: chunked"], &body).expect(507);
    // All room is free again.
    web.put("/f", &payload(900_000), &[]).expect(201);
    web.server.signal(Signal::TERM);
    let stderr = web.server.finish().stderr;
    assert!(stderr.contains(": f: there is no room for the file"), "{stderr}");
}

/// Runs curl; what it says, with the status of the answer as its last line.
pub(super) fn curl(args: &[&str], input: In) -> String {
    let args = [&["-sS", "-w", "%{http_code}"], args].concat();
    let finished = start("curl", &args, input, Out::Collect).finish().expect(0);
    String::from_utf8(finished.stdout).expect("text")
}

#[test]
fn curl_sends_files_and_continues_them() {
    let web = Web::storing(&[]);
    let (place, bytes) = (Place::new(), payload(300_000));
    let path = place.write("big", &bytes);
    let said = curl(&["-f", "-T", &path, &web.url("/")], In::Null);
    assert_eq!(said, format!("{}  big\n201", hex(&bytes)));
    let said = curl(&["-f", "-T", "-", &web.url("/dir/piped")], In::file(&bytes));
    assert_eq!(said, format!("{}  piped\n201", hex(&bytes)));
    let length = format!("Content-Length: {}", bytes.len());
    drop(Slow::begin(web.port, "PUT /c", &[&length], &bytes[..100_000]));
    web.wait_for_offset("/c", 100_000);
    let said = curl(&["-f", "-C", "100000", "-T", &path, &web.url("/c")], In::Null);
    assert_eq!(said, format!("{}  c\n201", hex(&bytes)));
    for name in ["big", "dir/piped", "c"] {
        web.place.expect(name, &bytes);
    }
    web.expect_only(&["big", "c", "dir"]);
}

#[test]
fn python_requests_sends_and_continues() {
    if !is_slow_wanted("a client in Python") {
        return;
    }
    let web = Web::storing(&[]);
    let script = "import io, sys, requests
url, data = sys.argv[1], bytes(range(256)) * 1000
answer = requests.put(url + 'a', data=data)
assert answer.status_code == 201, answer.text
assert requests.put(url + 'a', data=data).status_code == 200
assert requests.put(url + 'a', data=data[1:]).status_code == 409
part = requests.put(url + 'b', data=data[:100], headers={'Content-Range': f'bytes 0-99/{len(data)}'})
assert part.status_code == 202 and part.headers['Upload-Offset'] == '100'
assert requests.head(url + 'b').headers['Upload-Offset'] == '100'
rest = requests.put(url + 'b', data=data[100:], headers={'Content-Range': f'bytes 100-{len(data) - 1}/{len(data)}'})
assert rest.status_code == 201, rest.text
form = requests.post(url, files=[('f', ('c', io.BytesIO(data))), ('f', ('d/e', data))])
assert form.status_code == 201, form.text
answer = requests.put(url + 'g', data=iter([data, data]))
assert answer.status_code == 201, answer.text
for name in ['a', 'b', 'c', 'd/e']:
    assert requests.get(url + name).content == data, name";
    start("python3", &["-c", script, &web.url("/")], In::Null, Out::Collect).finish().expect(0);
    web.expect_only(&["a", "b", "c", "d", "g"]);
}
