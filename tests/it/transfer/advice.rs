//! Failures of transfers say what to type, and on which machine something is wrong.

use crate::transfer::xfer::{Place, address, begin, run, serve};

#[test]
fn force_is_suggested_for_a_file_that_exists_unless_the_server_keeps_it() {
    for (options, size_differs) in
        [(&[][..], true), (&[], false), (&["--keep-existing"], true), (&["--keep-existing"], false)]
    {
        let (here, there) = (Place::new(), Place::new());
        let path = here.write("f", b"new");
        there.write("f", if size_differs { b"before" } else { b"old" });
        let server = serve(&[&["--store", there.arg(), "--share", there.arg()], options].concat());
        let address = address(&server);
        let keeps = !options.is_empty();
        let advice = if keeps {
            ": this server replaces nothing (--keep-existing)\n"
        } else {
            ": --force replaces it\n"
        };
        let expected = format!("sendall: f: exists with other content{advice}");
        let finished = run(&["upload", &path, &address]).ended(7);
        assert_eq!(finished.stderr, expected, "{options:?}");
        let finished = run(&["upload", "--force", &path, &address]).ended(if keeps { 7 } else { 0 });
        assert_eq!(finished.stderr == expected, keeps, "{options:?}: {}", finished.stderr);
        if keeps {
            let finished = run(&["download", &address, "f", "-o", here.arg()]).ended(7);
            assert_eq!(finished.stderr, "sendall: f: exists with other content: --force replaces it\n");
        }
        // The server's line is about somebody else's command.
        server.signal(rustix::process::Signal::TERM);
        let told = server.finish().stderr;
        assert!(told.contains("f: exists with other content\n") && !told.contains("--force"), "{told}");
    }
}

#[test]
fn force_is_suggested_for_each_of_several_files() {
    let (here, there) = (Place::new(), Place::new());
    let (one, two) = (here.write("one", b"1"), here.write("two", b"2"));
    there.write("one", b"x");
    let server = serve(&["--store", there.arg(), "--count", "1"]);
    let finished = begin(&["upload", &one, &two, &address(&server)]).finish().ended(9);
    assert!(
        finished.stderr.contains("one: exists with other content: --force replaces it\n"),
        "{}",
        finished.stderr
    );
    server.finish().ended(9);
}

#[test]
fn a_disk_has_a_place() {
    let here = Place::new();
    let path = here.write("f", b"content");
    let server = serve(&["--store", "/proc", "--count", "1"]);
    run(&["upload", &path, &address(&server)]).expect_saying(7, "f: cannot be written there: ");
    let told = server.finish().ended(10).stderr;
    assert!(told.contains("f: cannot be written here: "), "{told}");
    let server = serve(&["--share", &path, "--count", "1"]);
    run(&["download", &address(&server), "-o", "/proc"]).expect_saying(10, "cannot be written here: ");
    server.finish();
}

#[test]
fn a_rejected_client_prints_possible_reasons() {
    let (here, there) = (Place::new(), Place::new());
    let path = here.write("f", b"content");
    let server = serve(&["--store", there.arg(), "--share", there.arg(), "--deny", "127.0.0.1"]);
    let address = address(&server);
    for args in [
        &["upload", &path, &address][..],
        &["download", &address, "-o", here.arg()],
        &["download", "--list", &address],
    ] {
        let finished = run(args);
        // The reset may be there as soon as the connection is.
        assert!(matches!(finished.code, 3 | 5), "{}", finished.stderr);
        assert!(finished.stderr.contains("perhaps it rejects this address"), "{}", finished.stderr);
    }
}

#[test]
fn what_is_in_the_way_is_not_what_is_sent() {
    let (here, there) = (Place::new(), Place::new());
    let path = here.write("f", b"content");
    there.folder("f");
    let server = serve(&["--store", there.arg(), "--share", &path]);
    for args in
        [&["upload", &path, &address(&server)][..], &["download", &address(&server), "-o", there.arg()]]
    {
        let finished = run(args).ended(7);
        assert_eq!(finished.stderr, "sendall: f: exists and is a folder\n", "{args:?}");
    }
    let folder = here.folder("d");
    here.write("d/g", b"content");
    there.write("d", b"a file");
    let finished = run(&["upload", &folder, &address(&server)]).ended(7);
    assert!(finished.stderr.contains("d: a file has the folder's name\n"), "{}", finished.stderr);
}
