//! ?tar and ?zip of the server: what programs of others make of them, resumed ones, and files that change meanwhile.

use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use super::archives::{Kept, assert_equal, folder, kept, listed, unpacked};
use super::{Reply, Web};
use crate::harness::others::installed;
use crate::harness::{In, LIMIT, Out, start};
use crate::transfer::xfer::Place;

/// A folder whose files have been there for longer than two seconds: archives of it have a tag.
const OLD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds");

#[test]
fn folders_are_unpacked_by_others() {
    let source = folder(false);
    let place = Place::new();
    let top = place.path("top");
    fs::rename(source.path(), &top).expect("moved");
    let web = Web::at(&top, &["--links", "copy"]);
    let expected = listed(&top);
    let programs: [(&str, &str, &[&str], Kept); 3] = [
        ("/?tar", "tar", &["-xp", "-C", "INTO"], Kept::All),
        ("/?tar", "bsdtar", &["-xpf", "-", "-C", "INTO"], Kept::All),
        ("/?zip", "unzip", &["-q", "-^", "FILE", "-d", "INTO"], Kept::SecondsOfZip),
    ];
    for (target, program, args, keeps) in programs {
        let reply = web.get(target).expect(200);
        // It has just changed.
        assert_eq!((reply.field("ETag"), reply.field("Cache-Control")), (None, Some("no-store")));
        let name = format!("attachment; filename=\"top.{}\"", &target[2..]);
        assert_eq!(reply.field("Content-Disposition"), Some(&*name));
        let Some(found) = unpacked(&reply.body, program, args) else { continue };
        assert_equal(&kept(&found, keeps), &kept(&expected, keeps), program);
    }
    let part = web.get("/deep/?tar").expect(200);
    assert_eq!(part.field("Content-Disposition"), Some("attachment; filename=\"deep.tar\""));
    web.get("/none?tar").expect(404);
    web.get("/a?zip").expect(404);
    // So that it can be removed.
    fs::set_permissions(top.join("deep/er"), Permissions::from_mode(0o755)).expect("a mode");
}

#[test]
fn a_single_file_is_an_archive_too() {
    let place = Place::new();
    let file = place.write("one file", b"content");
    place.write("beside", b"secret");
    let web = Web::at(Path::new(&file), &[]);
    let reply = web.get("/?tar").expect(200);
    assert_eq!(reply.field("Content-Disposition"), Some("attachment; filename=\"one file.tar\""));
    if installed("tar").is_some() {
        let done = start("tar", &["-tv"], In::file(&reply.body), Out::Collect).finish();
        let names = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(names.ends_with(" one file\n") && names.lines().count() == 1, "{names}");
    }
    web.get("/beside?tar").expect(404);
}

#[test]
fn archives_resume_at_any_server_of_the_same_files() {
    let (first, second) = (Web::at(Path::new(OLD), &[]), Web::at(Path::new(OLD), &[]));
    for target in ["/?tar", "/?zip"] {
        let whole = first.get(target).expect(200);
        let tag = whole.field("ETag").expect("a tag").to_owned();
        assert_eq!(
            (whole.field("Cache-Control"), whole.field("Accept-Ranges")),
            (Some("no-cache"), Some("bytes"))
        );
        let head = first.ask("HEAD", target, &[]).expect(200);
        let without_date = |reply: &Reply| -> Vec<String> {
            reply.head.lines().filter(|line| !line.starts_with("Date:")).map(str::to_owned).collect()
        };
        assert_eq!(without_date(&head), without_date(&whole));
        let same = first.ask("GET", target, &[&format!("If-None-Match: {tag}")]).expect(304);
        assert_eq!((same.field("ETag"), same.field("Cache-Control")), (Some(&*tag), Some("no-cache")));
        let size = whole.body.len();
        for at in [1, 600, size / 3, size / 2, size - 300, size - 1] {
            // The second server has read none of it.
            for web in [&second, &first] {
                let range = format!("Range: bytes={at}-");
                let part = web.ask("GET", target, &[&range, &format!("If-Range: {tag}")]).expect(206);
                assert_eq!(part.field("Content-Range"), Some(&*format!("bytes {at}-{}/{size}", size - 1)));
                assert!(part.body == whole.body[at..], "{target} from {at}");
            }
        }
        let range = format!("Range: bytes=0-9,{}-{}", size / 2, size / 2 + 99_999);
        let parts = second.ask("GET", target, &[&range]).expect(206);
        let middle = &whole.body[size / 2..size / 2 + 100_000];
        assert!(parts.body.windows(middle.len()).any(|window| window == middle), "{target}");
        second.ask("GET", target, &[&format!("Range: bytes={size}-")]).expect(416);
    }
}

#[test]
fn curl_resumes_a_folder() {
    let Some(_) = installed("curl") else { return };
    let web = Web::at(Path::new(OLD), &[]);
    let whole = web.get("/?zip").expect(200).body;
    let place = Place::new();
    let file = place.write("archive.zip", &whole[..whole.len() / 5]);
    let args = ["-sS", "-f", "-C", "-", "-o", &file, &web.url("/?zip")];
    start("curl", &args, In::Null, Out::Collect).finish().expect(0);
    assert!(fs::read(&file).expect("there") == whole);
}

#[test]
fn a_file_that_changes_meanwhile_breaks_the_archive_off() {
    const SIZE: u64 = 16 << 20;
    for target in ["/?tar", "/?zip"] {
        let place = Place::new();
        let file = File::create(place.path("large")).expect("a file");
        file.set_len(SIZE).expect("a length");
        place.write("z", b"last");
        let web = Web::at(place.root(), &[]);
        let mut stream = TcpStream::connect(("127.0.0.1", web.port)).expect("a connection");
        stream.set_read_timeout(Some(LIMIT)).expect("a limit");
        let head = format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", web.port);
        stream.write_all(head.as_bytes()).expect("sent");
        let mut heard = vec![0; 64 << 10];
        stream.read_exact(&mut heard).expect("the beginning");
        assert!(heard.starts_with(b"HTTP/1.1 200 "));
        file.write_all_at(b"x", 5).expect("written");
        let mut rest = Vec::new();
        let end = stream.read_to_end(&mut rest);
        assert!(((heard.len() + rest.len()) as u64) < SIZE, "{target}: the whole file");
        assert!(end.is_err(), "{target}: an end in order");
    }
}

#[test]
fn what_cannot_be_read_is_named_before_the_first_byte() {
    let place = Place::new();
    place.write("a", b"x");
    place.folder("in");
    symlink("nothing", place.path("in/broken")).expect("a link");
    let web = Web::at(place.root(), &["--links", "follow"]);
    for target in ["/?tar", "/?zip", "/?b3sum"] {
        let reply = web.get(target).expect(500);
        assert!(reply.text().contains("in/broken is a link that leads nowhere"), "{}", reply.text());
    }
}

#[test]
fn a_client_that_leaves_ends_the_work_for_it() {
    let place = Place::new();
    File::create(place.path("large")).expect("a file").set_len(1 << 40).expect("a length");
    let web = Web::at(place.root(), &["--max-clients", "1"]);
    for target in ["/large?b3tree", "/?b3sum"] {
        let mut stream = TcpStream::connect(("127.0.0.1", web.port)).expect("a connection");
        let head = format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", web.port);
        stream.write_all(head.as_bytes()).expect("sent");
        stream.set_read_timeout(Some(Duration::from_millis(50))).expect("a limit");
        let _ = stream.read(&mut [0; 1000]);
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("a reset");
        drop(stream);
        // The only place is free again.
        web.get("/none").expect(404);
    }
}

#[test]
fn a_whole_folder_is_the_only_transfer_of_once() {
    let web = Web::at(Path::new(OLD), &["--once"]);
    web.ask("HEAD", "/?zip", &[]).expect(200);
    web.ask("GET", "/?zip", &["Range: bytes=0-9"]).expect(206);
    web.get("/?zip").expect(200);
    web.server.finish().expect(0);
}
