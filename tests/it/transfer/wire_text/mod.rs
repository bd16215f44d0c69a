//! `--wire text`: with Python's servers and clients of that kind, with peers written by hand, and with each other.

mod receiving;
mod sending;

use crate::harness::others::installed;
use crate::harness::{In, LIMIT, Out, Running, payload, sendall, start};
use crate::transfer::xfer::{CHUNK, Place, address, run, serve, upload_once};

/// Runs one of the scripts; none where there is no Python.
fn python(script: &str, args: &[&str]) -> Option<Running> {
    installed("python3")?;
    let script = format!("{}/tests/peer/{script}", env!("CARGO_MANIFEST_DIR"));
    Some(start("python3", &[&[script.as_str()], args].concat(), In::Null, Out::Collect))
}

fn receiver(there: &Place, options: &[&str]) -> Running {
    serve(&[&["--wire", "text", "--store", there.arg()], options].concat())
}

#[test]
fn a_tutorials_client_sends_several_files_on_one_connection() {
    for command in ["upload", "PUT", ""] {
        let (here, there) = (Place::new(), Place::new());
        let sizes = [0, 1, 1024, CHUNK + 1, 3_000_000, 0];
        let names = ["empty", "one", "für 大.txt", "chunk", "large", "last"];
        let paths: Vec<String> =
            names.iter().zip(sizes).map(|(name, size)| here.write(name, &payload(size))).collect();
        let server = receiver(&there, &["--once"]);
        let to = address(&server);
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let Some(client) = python("text_client.py", &[&[command, &to], &paths[..]].concat()) else { return };
        client.finish().ended(0);
        let server = server.finish().expect(0);
        assert_eq!(there.names(), here.names());
        names.iter().zip(sizes).for_each(|(name, size)| there.expect(name, &payload(size)));
        let told = server.stderr.lines().filter(|line| line.ends_with(", unverified"));
        assert_eq!(told.count(), names.len(), "{}", server.stderr);
    }
}

#[test]
fn a_tutorials_client_gets_the_refusal() {
    let (here, there) = (Place::new(), Place::new());
    let server = receiver(&there, &["--once", "--max-size", "10"]);
    let path = here.write("f", &payload(11));
    let Some(client) = python("text_client.py", &["upload", &address(&server), &path]) else { return };
    let client = client.finish().ended(1);
    assert!(client.stderr.contains("413 refused: too large"), "{}", client.stderr);
    server.finish().expect_saying(7, "too large");
    there.expect_names(&[]);
}

#[test]
fn a_tutorials_server_takes_what_upload_sends() {
    let (here, there) = (Place::new(), Place::new());
    let Some(server) = python("text_server.py", &[there.arg()]) else { return };
    let output = server.output.as_ref().expect("Out::Collect");
    assert!(output.wait(LIMIT, |bytes, _| bytes.ends_with(b"\n")), "{}", server.stderr.text());
    let to = format!("127.0.0.1:{}", output.text().trim());
    let one = here.write("one", b"x");
    let client = run(&["upload", "--wire", "text", &one, &to]).expect(0);
    assert!(client.stderr.starts_with("sent one to ") && client.stderr.trim_end().ends_with(", unverified"));
    let sizes = [("empty", 0), ("für 大.txt", 1024), ("chunk", CHUNK), ("large", 3_000_000)];
    let paths: Vec<String> = sizes.iter().map(|(name, size)| here.write(name, &payload(*size))).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let client = run(&[&["upload", "-v", "--wire", "text"], &paths[..], &[&to]].concat()).ended(0);
    assert_eq!(client.stderr.matches(" answered: ok\n").count(), 4, "{}", client.stderr);
    let summary = client.stderr.lines().last().expect("a line");
    assert!(summary.starts_with("sent 4 of 4 files to ") && summary.ends_with(", unverified"), "{summary}");
    assert_eq!(there.names(), here.names());
    sizes.iter().for_each(|(name, size)| there.expect(name, &payload(*size)));
}

#[test]
fn our_sender_and_our_receiver() {
    let (here, there) = (Place::new(), Place::new());
    let server = ["--wire", "text", "--store", there.arg()];
    for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 20_000_000] {
        let name = format!("f{size}");
        let path = here.write(&name, &payload(size));
        let (client, served) = upload_once(&server, &["--wire", "text", &path]);
        for text in [client.expect(0).stderr, served.expect(0).stderr] {
            assert!(text.contains(&format!(" {size} bytes")) && text.contains(", unverified"), "{text}");
        }
        there.expect(&name, &payload(size));
        let (client, served) = upload_once(&server, &["--wire", "text", &path]);
        client.expect_saying(7, "exists");
        served.expect_saying(7, "exists");
    }
    assert_eq!(there.names(), here.names());
}

#[test]
fn unix_sockets() {
    let (here, there) = (Place::new(), Place::new());
    let (path, name) = (here.write("f", b"content"), format!("unix:{}", here.at("socket")));
    let args = ["serve", &name, "--store", there.arg(), "--wire", "text", "--once"];
    let server = sendall(&args, In::Null, Out::Collect);
    server.listening(1);
    run(&["upload", "--wire", "text", &path, &name]).expect(0);
    server.finish().expect(0);
    there.expect("f", b"content");
}

#[test]
fn one_that_is_refused_does_not_keep_the_others_back() {
    let (here, there) = (Place::new(), Place::new());
    there.write("b", b"old");
    let paths = [here.write("a", b"1"), here.write("b", b"2"), here.write("c", b"")];
    let server = receiver(&there, &[]);
    let to = address(&server);
    let client = run(&["upload", "--wire", "text", &paths[0], &paths[1], &paths[2], &to]).ended(9);
    assert!(client.stderr.contains("b: the peer said: 409 refused"), "{}", client.stderr);
    assert!(client.stderr.contains("sent 2 of 3 files"), "{}", client.stderr);
    let client = run(&["upload", "--wire", "text", &paths[0], &paths[2], &to]).ended(7);
    assert!(client.stderr.contains("all 2 files failed"), "{}", client.stderr);
    there.expect_names(&["a", "b", "c"]);
    there.expect("b", b"old");
}

#[test]
fn names_that_the_text_header_cannot_express_are_usage_errors() {
    let here = Place::new();
    let (plain, barred) = (here.write("f", b"x"), here.write("a|b", b"x"));
    let mistakes: [(&[&str], &str); 6] = [
        (&["upload", "--wire", "text", "--force", &plain, "localhost:1"], "--force"),
        (&["upload", "--wire", "text", "-j", "2", &plain, "localhost:1"], "--connections"),
        (&["upload", "--wire", "text", &barred, "localhost:1"], "'|'"),
        (&["upload", "--wire", "json", &plain, "localhost:1"], "sendall, text"),
        (&["serve", "0", "--wire", "text"], "--store"),
        (&["serve", "0", "--store", here.arg(), "--share", here.arg(), "--wire", "text"], "--share"),
    ];
    for (args, words) in mistakes {
        run(args).expect_saying(2, words);
    }
}
