//! `--via`: any program that leads to a server.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;

use super::{SENDALL, server, shell};
use crate::harness::{In, Out, payload, sendall};
use crate::transfer::xfer::{Place, digest, names_in, run};

#[test]
fn files_go_both_ways() {
    let place = Place::new();
    let (store, back) = (place.folder("in"), place.folder("back"));
    let tree = place.folder("tree/sub");
    let names = [&b"-x"[..], b"$(x)", b"it's \"q\"", b"new\nline", b"\xff\x1b"];
    for name in names {
        std::fs::write(
            format!("{tree}/").parse::<std::path::PathBuf>().expect("a path").join(OsStr::from_bytes(name)),
            name,
        )
        .expect("written");
    }
    let big = payload(9 << 20);
    place.write("tree/big", &big);
    let (to, from) = (server(&format!("--store '{store}'")), server(&format!("--share '{store}'")));
    let sent = run(&["upload", &place.at("tree"), "--via", &to]).expect(0);
    assert!(sent.stderr.contains("sent 8 of 8 files and folders to sendall"), "{}", sent.stderr);
    let again = run(&["upload", &place.at("tree"), "--via", &to]).expect(0);
    assert!(again.stderr.contains("already"), "{}", again.stderr);
    run(&["download", "--via", &from, "-o", &back, "tree"]).expect(0);
    place.expect("back/tree/big", &big);
    for name in names {
        let path = place.path("back/tree/sub").join(OsStr::from_bytes(name));
        assert_eq!(std::fs::read(path).expect("a file"), name);
    }
    assert_eq!(names_in(&place.path("in")), ["tree"]);

    // Standard input, the output of a command, a list, digests, what would be sent.
    let stdin = ["upload", "-", "--name", "typed", "--via", &to];
    sendall(&stdin, In::Bytes(b"typed".to_vec()), Out::Collect).finish().expect(0);
    place.expect("in/typed", b"typed");
    run(&["upload", "--via", &to, "--name", "made", "--sh", "printf made"]).expect(0);
    place.expect("in/made", b"made");
    let list = run(&["download", "--list", "--via", &from, "made"]).expect(0);
    assert!(String::from_utf8_lossy(&list.stdout).ends_with("made\n"), "{:?}", list.stdout);
    let output = run(&["download", "--via", &from, "-o", "-", "typed"]).expect(0);
    assert_eq!(output.stdout, b"typed");
    let digests =
        run(&["upload", "--force", "--digests", "-", &place.write("d", b"d"), "--via", &to]).expect(0);
    assert!(
        digest(b"d").ends_with(String::from_utf8_lossy(&digests.stdout).split(' ').next().unwrap_or("?"))
    );
    // Nothing is run.
    run(&["upload", "--dry-run", &place.at("d"), "--via", "no-such-program"]).expect(0);
}

#[test]
fn failures_are_told_in_one_line() {
    let place = Place::new();
    let (store, file) = (place.folder("in"), place.write("f", b"content"));
    place.write("in/f", b"other");
    let to = server(&format!("--store {store}"));
    let serve = to.replace('\'', "");
    for (via, code, words) in [
        ("no-such-program", 3, "cannot run 'no-such-program': there is no such program"),
        ("/dev/null x", 3, "cannot run '/dev/null': not permitted"),
        (&to[..], 7, "f: exists with other content: --force replaces it"),
        ("cat", 7, "it is an echo server"),
        ("true", 3, "true: the program exited with 0 before sendall answered"),
        (
            &shell("echo down >&2; exit 255")[..],
            3,
            "sh: the program exited with 255 before sendall answered: down",
        ),
        (&shell("kill -9 $$"), 3, "sh: the program was ended by SIGKILL before sendall answered"),
        (&shell("no-such-program"), 3, "exited with 127 before sendall answered: "),
        (
            &server("--store /no/such"),
            3,
            "before sendall answered: sendall: --store /no/such: does not exist",
        ),
        (&server("--share /"), 7, "this server takes no uploads"),
        (
            &shell(&format!("echo Welcome to box; echo more; exec {serve}")),
            7,
            "sh prints \"Welcome to box\" before sendall speaks",
        ),
        (
            &shell(&format!("printf \"\\033[1m\"; exec {serve}")),
            7,
            "prints \"\\x1b[1m\" before sendall speaks",
        ),
    ] {
        let ended = run(&["upload", &file, "--via", via]);
        assert!(ended.stderr.contains(words), "'{words}' is not in: {}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{via}: {}", ended.stderr);
        ended.expect(code);
    }
    let ended = run(&["upload", &file, "--timeout", "100ms", "--via", "sleep 1000"]).expect(4);
    assert!(ended.stderr.contains("within 100ms"), "{}", ended.stderr);
    let other = place.write("other", b"other");
    let line = shell(&format!("{serve}; exit 9"));
    let ended = run(&["upload", &other, "--via", &line]).expect(9);
    assert!(ended.stderr.contains("everything arrived, but sh exited with 9 afterwards"), "{}", ended.stderr);
    place.expect("in/other", b"other");
}

#[test]
fn what_the_program_says_is_passed_on() {
    let place = Place::new();
    let (store, file) = (place.folder("in"), place.write("f", b"content"));
    let line = format!(
        "printf \"a banner\\n\\033]0;x\\007\\r\\n\" >&2; {SENDALL} serve --store {store} stdio:; echo end >&2"
    );
    let said = |options: &[&str]| {
        run(&[&["upload", "--force", &file, "--via", &shell(&line)], options].concat()).expect(0).stderr
    };
    let lines = said(&[]);
    let lines: Vec<&str> = lines.lines().collect();
    assert!(lines.contains(&"sh: a banner") && lines.contains(&"sh: \\x1b]0;x\\x07"), "{lines:?}");
    assert!(lines.contains(&"sh: end"), "{lines:?}");
    assert_eq!(said(&["-q"]), "");
    let events = said(&["--json"]);
    assert!(events.contains("{\"event\":\"warning\",\"text\":\"sh: a banner\""), "{events}");
    // What the server says of a failure is known by then.
    std::fs::write(&file, b"different").expect("written");
    let via = server(&format!("--store {store}"));
    run(&["upload", &file, "--via", &via]).expect(7);
    let ended = run(&["-v", "upload", &file, "--via", &via]).ended(7);
    assert!(ended.stderr.contains("sendall: sendall: f: exists"), "{}", ended.stderr);
}

#[test]
fn the_environment_keeps_secrets_from_the_program() {
    let place = Place::new();
    let (store, file, seen) = (place.folder("in"), place.write("f", b"x"), place.at("seen"));
    let line = shell(&format!("env >{seen}; exec {SENDALL} -q serve --store {store} stdio:"));
    let variables = [("SENDALL_CODE", "7-hello-world-code"), ("KEPT", "yes")];
    let args = ["upload", &file, "--via", &line];
    crate::harness::start_with(SENDALL, &args, &variables, In::Null, Out::Collect).finish().expect(0);
    let seen = std::fs::read_to_string(seen).expect("variables");
    assert!(seen.contains("KEPT=yes") && !seen.contains("SENDALL_CODE"), "{seen}");
}

#[test]
fn a_folder_that_cannot_be_written_is_refused_by_the_other_side() {
    let place = Place::new();
    let (store, file) = (place.folder("in"), place.write("f", b"x"));
    let via = server(&format!("--store {store}"));
    // Root may write everywhere: a file stands where a folder is to be.
    place.write("in/t", b"");
    let tree = place.folder("t");
    std::fs::rename(&file, format!("{tree}/f")).expect("moved");
    std::fs::set_permissions(&tree, PermissionsExt::from_mode(0o755)).expect("a mode");
    let ended = run(&["upload", &tree, "--via", &via]);
    assert!(matches!(ended.code, 7 | 9), "{} {}", ended.code, ended.stderr);
    place.expect("in/t", b"");
}
