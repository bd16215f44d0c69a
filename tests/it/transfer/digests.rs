//! `--digests`: the lines are those that b3sum prints, and they say what is true.

use std::path::Path;

use crate::harness::{In, LIMIT, Out, payload, sendall, start, wait_until};
use crate::transfer::proxy::{Proxy, Rule};
use crate::transfer::xfer::{Place, address, begin, download_once, run, serve, upload_once};

/// The files and digests of a list; where b3sum is installed it checks them too, in `folder`.
#[track_caller]
fn checked(list: &Path, folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(list).expect("a list");
    let mut names: Vec<String> = text.lines().map(|line| checked_line(line, folder)).collect();
    names.sort();
    let script =
        "command -v b3sum >/dev/null || { echo no b3sum; exit 0; }; cd \"$1\" && b3sum --check \"$0\"";
    let list = list.to_str().expect("UTF-8");
    let finished =
        start("sh", &["-c", script, list, folder.to_str().expect("UTF-8")], In::Null, Out::Collect);
    let finished = finished.finish();
    let said = String::from_utf8_lossy(&finished.stdout).into_owned();
    println!("{said}");
    // Of an empty list it has nothing to say.
    assert!(finished.code == 0 || text.is_empty(), "{said} {}", finished.stderr);
    names
}

fn checked_line(line: &str, folder: &Path) -> String {
    let (line, is_escaped) = line.strip_prefix('\\').map_or((line, false), |line| (line, true));
    let (digest, name) = line.split_once("  ").expect("two fields");
    let name = match is_escaped {
        true => name.replace("\\n", "\n").replace("\\\\", "\\"),
        false => name.to_owned(),
    };
    let bytes = std::fs::read(folder.join(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(digest, blake3::hash(&bytes).to_string(), "{name}");
    name
}

#[test]
fn both_sides_list_what_arrives_and_what_is_there() {
    let (source, there, lists) = (Place::new(), Place::new(), Place::new());
    let tree = source.folder("tree");
    source.folder("tree/empty");
    source.write("tree/small", b"small");
    source.write("tree/none", b"");
    source.write("tree/large", &payload(3_000_000));
    source.write("tree/back\\slash", b"escaped");
    source.write("tree/two\nlines", b"escaped too");
    let (here, far) = (lists.at("here"), lists.at("far"));
    let names = ["tree/back\\slash", "tree/large", "tree/none", "tree/small", "tree/two\nlines"];
    for round in ["sent", "there already"] {
        let (client, server) =
            upload_once(&["--store", there.arg(), "--digests", &far], &[&tree, "--digests", &here]);
        client.expect(0);
        server.expect(0);
        assert_eq!(checked(&lists.path("here"), there.root()), names, "{round}");
    }
    // The server's has a row for each session.
    let twice: Vec<&str> = names.iter().flat_map(|name| [*name, *name]).collect();
    assert_eq!(checked(&lists.path("far"), there.root()), twice);

    let back = Place::new();
    let (client, server) =
        download_once(&["--share", there.arg()], &["-o", back.arg(), "--digests", &lists.at("back")]);
    client.expect(0);
    server.expect(0);
    assert_eq!(checked(&lists.path("back"), back.root()), names);
    lists.expect_names(&["back", "far", "here"]);
}

#[test]
fn names_are_those_of_the_receiving_side() {
    let (source, here) = (Place::new(), Place::new());
    source.folder("deep");
    source.write("deep/f", b"content");
    let server = serve(&["--share", source.arg()]);
    let (to, list) = (address(&server), here.at("list"));
    run(&["download", &to, "deep/f", "-o", here.arg(), "--digests", &list]).expect(0);
    assert_eq!(checked(&here.path("list"), here.root()), ["f"]);
    run(&["download", &to, "deep/f", "-o", &here.at("g"), "--digests", &list]).expect(0);
    assert_eq!(checked(&here.path("list"), here.root()), ["g"]);
    let finished = run(&["download", &to, "deep/f", "-o", &here.at("h"), "--digests", "-"]).expect(0);
    assert_eq!(String::from_utf8_lossy(&finished.stdout), format!("{}  h\n", blake3::hash(b"content")));
}

#[test]
fn what_failed_is_not_listed_and_a_session_that_broke_leaves_the_list_as_it_was() {
    let (source, there, lists) = (Place::new(), Place::new(), Place::new());
    let files = [source.write("a", b"a"), source.write("b", b"b")];
    there.write("a", b"other content");
    let list = lists.write("list", b"what was there\n");
    let server = serve(&["--store", there.arg()]);
    let proxy = Proxy::new(&address(&server), Rule::ResetAfter(200), Rule::Pass);
    run(&["upload", &files[0], &files[1], &proxy.address, "--digests", &list]).ended(5);
    lists.expect("list", b"what was there\n");
    run(&["upload", &files[0], &address(&server), "--digests", &list]).ended(7);
    lists.expect("list", b"what was there\n");
    run(&["upload", &files[0], &files[1], &address(&server), "--digests", &list]).ended(9);
    assert_eq!(checked(&lists.path("list"), there.root()), ["b"]);
    lists.expect_names(&["list"]);
}

#[test]
fn what_the_receiver_could_not_use_is_taken_back() {
    let (source, there, lists) = (Place::new(), Place::new(), Place::new());
    let files = [source.write("a", &payload(50_000)), source.write("b", &payload(50_001))];
    let (list, far) = (lists.at("list"), lists.at("far"));
    let server = serve(&["--store", there.arg(), "--digests", &far]);
    // A bit of a's content: both sides hear at the end that its digest is another one.
    let proxy = Proxy::new(&address(&server), Rule::Flip(20_000), Rule::Pass);
    run(&["upload", &files[0], &files[1], &proxy.address, "--digests", &list]).ended(9);
    assert_eq!(checked(&lists.path("list"), there.root()), ["b"]);
    assert!(wait_until(LIMIT, || lists.path("far").metadata().is_ok_and(|meta| meta.len() > 0)));
    assert_eq!(checked(&lists.path("far"), there.root()), ["b"]);
}

#[test]
fn after_a_retry_the_list_is_of_everything() {
    // In memory: what a busy disk still takes in of the first try, the second one finds in its way.
    let (source, there, lists) = (Place::in_memory(), Place::in_memory(), Place::new());
    let tree = source.folder("tree");
    for index in 0..20 {
        source.write(&format!("tree/{index:02}"), &payload(200_000 + index));
    }
    let server = serve(&["--store", there.arg()]);
    let cut = (Rule::EndAfter(2_000_000), Rule::Pass);
    let proxies = Proxy::series(&address(&server), &[cut, (Rule::Pass, Rule::Pass)]);
    let to = &proxies[0].address;
    run(&["upload", &tree, to, "-j", "1", "--retry", "1", "--digests", &lists.at("list")]).ended(0);
    assert_eq!(checked(&lists.path("list"), there.root()).len(), 20);
    assert!(proxies[1].counts().0 < 3_000_000, "{:?}", proxies[1].counts());
}

#[test]
fn a_list_that_cannot_be_written_is_a_failure() {
    let (source, there) = (Place::new(), Place::new());
    let file = source.write("f", b"x");
    let server = serve(&["--store", there.arg()]);
    let to = address(&server);
    run(&["upload", &file, &to, "--digests", "/nowhere/list"]).expect_saying(2, "--digests");
    // Before the session: a folder has the name, or nothing can be made there.
    for list in [source.folder("list"), "/sys/list".into()] {
        run(&["upload", &file, &to, "--digests", &list]).expect_saying(2, &list);
        run(&["download", &to, "-o", source.arg(), "--digests", &list]).expect_saying(2, &list);
    }
    there.expect_names(&[]);
    // A list that is there stays, if there is no session.
    let list = source.write("kept", b"kept");
    run(&["upload", &file, "127.0.0.1:1", "--digests", &list]).ended(3);
    source.expect("kept", b"kept");
    source.expect_names(&["f", "kept", "list"]);
    let args = ["download", &to, "-o", "-", "--digests", "-"];
    run(&args).expect_saying(2, "stdout");
    run(&["upload", &file, &to, "--wire", "text", "--digests", "x"]).expect_saying(2, "leave --digests out");
    let text = ["serve", "0", "--store", there.arg(), "--wire", "text", "--digests", "x"];
    sendall(&text, In::Null, Out::Collect).finish().expect_saying(2, "leave --digests out");
    begin(&["serve", "0", "--store", there.arg(), "--digests", there.arg()])
        .finish()
        .expect_saying(2, "--digests");
}

#[test]
fn a_list_may_be_a_file_that_is_passed_on() {
    // Nothing can be made beside it.
    let (source, there, lists) = (Place::new(), Place::new(), Place::new());
    let file = source.write("file", b"content");
    let list = lists.write("list", b"");
    let binary = env!("CARGO_BIN_EXE_sendall");
    let script =
        format!("exec 3>>\"$0\"; exec {binary} serve 127.0.0.1:0 --once --store \"$1\" --digests /dev/fd/3");
    let server = start("sh", &["-c", &script, &list, there.arg()], In::Null, Out::Collect);
    run(&["upload", &file, &address(&server)]).ended(0);
    server.finish().ended(0);
    assert_eq!(checked(Path::new(&list), there.root()), ["file"]);
}
