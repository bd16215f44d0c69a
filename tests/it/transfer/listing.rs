//! What `download --list` and `upload --dry-run` print, as text and as JSON.

use std::ffi::OsStr;
use std::fs::{File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::harness::{Finished, Running};
use crate::transfer::xfer::{Place, address, run, serve};

/// 2023-11-14T22:13:20.5Z.
const TIME: Duration = Duration::from_millis(1_700_000_000_500);

fn set_time(path: &Path, time: SystemTime) {
    File::open(path).and_then(|file| file.set_modified(time)).expect("a time");
}

/// A folder with a file, a program, and a folder with a file whose name is no text; all of one time.
fn shelf() -> Place {
    let place = Place::new();
    place.write("a", b"12345");
    place.write("run", b"#!");
    std::fs::set_permissions(place.path("run"), Permissions::from_mode(0o755)).expect("a mode");
    place.folder("sub");
    let odd = place.path("sub").join(OsStr::from_bytes(b"\x1b[2J\xff\\"));
    std::fs::write(&odd, b"").expect("written");
    let time = SystemTime::UNIX_EPOCH + TIME;
    for path in [place.path("a"), place.path("run"), odd, place.path("sub")] {
        set_time(&path, time);
    }
    place
}

fn list(server: &Running, options: &[&str]) -> Finished {
    run(&[&["download", "--list", &address(server)], options].concat())
}

/// The lines of stdout, sorted: in which order a folder is read is not promised.
fn sorted(finished: &Finished) -> Vec<String> {
    let text = String::from_utf8(finished.stdout.clone()).expect("UTF-8");
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn objects(finished: &Finished) -> Vec<Value> {
    sorted(finished).iter().map(|line| serde_json::from_str(line).expect("an object")).collect()
}

#[test]
fn a_listing_has_size_time_and_path() {
    let shelf = shelf();
    let server = serve(&["--share", shelf.arg()]);
    let listed = list(&server, &[]).expect(0);
    let time = "2023-11-14T22:13:20Z";
    let due = [
        format!("             0 {time} sub/"),
        format!("             0 {time} sub/\\x1b[2J\\xff\\\\"),
        format!("             2 {time} run"),
        format!("             5 {time} a"),
    ];
    assert_eq!(sorted(&listed), due);
    let listed = list(&server, &["sub"]).expect(0);
    assert_eq!(sorted(&listed), due[..2], "only what was asked for");
    shelf.expect_names(&["a", "run", "sub"]);
}

#[test]
fn a_listing_in_json_has_an_object_for_each() {
    let shelf = shelf();
    set_time(&shelf.path("run"), SystemTime::UNIX_EPOCH - Duration::from_secs(1));
    let server = serve(&["--share", shelf.arg()]);
    let listed = list(&server, &["--json"]);
    assert_eq!((listed.code, listed.stderr.as_str()), (0, ""));
    let time = "2023-11-14T22:13:20.500000000Z";
    let object = |path: &str, kind: &str, size: Value, time: Value, executable: bool| json!({ "path": path, "kind": kind, "size": size, "mtime": time, "executable": executable, "target": null });
    let due = [
        object("a", "file", 5.into(), time.into(), false),
        object("run", "file", 2.into(), Value::Null, true),
        object("sub", "folder", Value::Null, time.into(), false),
        object("sub/\\x1b[2J\\xff\\\\", "file", 0.into(), time.into(), false),
    ];
    assert_eq!(objects(&listed), due);
}

#[test]
fn a_missing_name_is_reported_after_the_others() {
    let shelf = shelf();
    let server = serve(&["--share", shelf.arg()]);
    let listed = list(&server, &["no\x1bne", "a"]).expect(7);
    assert_eq!(sorted(&listed).len(), 1);
    assert_eq!(listed.errors(), ["sendall: no\\x1bne: not found there"]);
    let listed = list(&server, &["none", "a", "nor/this"]);
    assert_eq!((listed.code, listed.errors().len()), (9, 3), "{}", listed.stderr);
    let listed = list(&server, &["none", "a", "--json"]);
    assert_eq!((listed.code, objects(&listed)[0]["path"].as_str()), (7, Some("a")));
    let error: Value = serde_json::from_str(&listed.stderr).expect("one event");
    assert_eq!((&error["event"], &error["code"]), (&json!("error"), &json!(7)));
}

#[test]
fn a_dry_run_prints_the_same() {
    let shelf = shelf();
    symlink("a", shelf.path("link")).expect("a link");
    let path = shelf.arg();
    // Nobody listens there.
    let dry = |options: &[&str]| run(&[&["upload", "--dry-run", path, "localhost:1"], options].concat());
    let name = shelf.root().file_name().and_then(OsStr::to_str).expect("UTF-8");
    let listed = objects(&dry(&["--json", "--links", "copy", "--exclude", "sub"]).expect(0));
    let paths: Vec<_> = listed.iter().map(|object| object["path"].as_str().expect("text")).collect();
    assert_eq!(paths, [name, &format!("{name}/a"), &format!("{name}/link"), &format!("{name}/run")]);
    assert_eq!((&listed[2]["kind"], &listed[2]["target"]), (&json!("link"), &json!("a")));
    assert_eq!((&listed[1]["target"], &listed[2]["size"]), (&Value::Null, &Value::Null));
    let listed = sorted(&dry(&["--links", "copy"]).expect(0));
    assert!(listed.iter().any(|line| line.ends_with(&format!(" {name}/link -> a"))), "{listed:?}");
    let stdin = run(&["upload", "--dry-run", "-", "--name", "x", "localhost:1", "--json"]).expect(0);
    let due = json!({ "path": "x", "kind": "file", "size": null, "mtime": null, "executable": false,
        "target": null });
    assert_eq!(objects(&stdin), [due]);
}
