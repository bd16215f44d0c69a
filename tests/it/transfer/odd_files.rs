//! Files that are none on a disk: what the kernel makes when it is read, pipes, devices; and names as they are listed.

use std::fs::File;
use std::io::Read;

use crate::harness::{Collector, LIMIT, payload};
use crate::transfer::xfer::{Place, begin, download_once, run, session, upload_once};

#[test]
fn files_whose_size_is_not_known_are_sent_as_they_are_read() {
    let there = Place::new();
    for path in ["/proc/version", "/proc/filesystems"] {
        let (client, server) = upload_once(&["--store", there.arg()], &[path]);
        client.expect(0);
        server.expect(0);
        let name = path.rsplit('/').next().expect("a name");
        there.expect(name, &std::fs::read(path).expect("readable"));
    }
    let page = "/sys/kernel/mm/transparent_hugepage/enabled";
    if std::fs::metadata(page).is_ok_and(|found| found.len() == 4096) {
        let (client, _) = upload_once(&["--store", there.arg()], &[page]);
        client.expect(0);
        there.expect("enabled", &std::fs::read(page).expect("readable"));
    }
}

#[test]
fn what_has_no_size_yet_is_listed_without_a_time() {
    let listed = run(&["upload", "--dry-run", "/proc/version", "127.0.0.1:1"]);
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    assert_eq!(String::from_utf8_lossy(&listed.stdout), format!("{:>14} {:>20} version\n", "-", "-"));
}

#[test]
fn a_pipe_has_a_hint_that_works() {
    let place = Place::new();
    rustix::fs::mkfifoat(rustix::fs::CWD, place.path("fifo"), 0o600.into()).expect("a FIFO");
    run(&["upload", &place.at("fifo"), "127.0.0.1:1"]).expect_saying(2, "is a FIFO: to send its contents");
    run(&["upload", &place.at("fifo"), "127.0.0.1:1"]).expect_saying(2, "type - --name NAME as PATH");
    run(&["upload", "/dev/null", "127.0.0.1:1"]).expect_saying(2, "is a device: to send");
}

#[test]
fn a_download_goes_into_a_device_or_a_fifo() {
    let (here, there) = (Place::new(), Place::new());
    let bytes = payload(5_000_000);
    there.write("f", &bytes);
    let (client, server) = download_once(&["--share", there.arg()], &["f", "-o", "/dev/null"]);
    client.expect(0);
    server.expect(0);
    assert!(std::os::unix::fs::FileTypeExt::is_char_device(
        &std::fs::metadata("/dev/null").expect("/dev/null").file_type()
    ));
    rustix::fs::mkfifoat(rustix::fs::CWD, here.path("fifo"), 0o600.into()).expect("a FIFO");
    let path = here.path("fifo");
    let (client, server) = session(&["--share", there.arg()], |to| {
        let client = begin(&["download", to, "f", "-o", &here.at("fifo")]);
        let reader = Collector::new(File::open(&path).expect("a reader").take(u64::MAX));
        assert!(reader.wait(LIMIT, |_, ended| ended), "the FIFO has no end");
        crate::harness::assert_same(&reader.bytes(), &bytes, "what came out of the FIFO");
        client
    });
    client.expect(0);
    server.expect(0);
    // No link that anybody can make leads there.
    std::os::unix::fs::symlink("fifo", here.path("link")).expect("a link");
    let (client, _) = download_once(&["--share", there.arg()], &["f", "-o", &here.at("link")]);
    client.expect_saying(7, "is a link");
    run(&["download", "127.0.0.1:1", "a", "b", "-o", "/dev/null"]).expect_saying(2, "is not a folder");
}

#[test]
fn a_folder_is_asked_for_as_it_is_listed() {
    let (here, there) = (Place::new(), Place::new());
    there.folder("odd");
    there.write("odd/a", b"content");
    let (client, server) = download_once(&["--share", there.arg()], &["odd/", "-o", here.arg()]);
    client.expect(0);
    server.expect(0);
    here.expect("odd/a", b"content");
    let (client, _) = download_once(&["--share", there.arg()], &["o*", "-o", here.arg()]);
    client.expect_saying(7, "o*: not found: patterns are not supported, 'download --list' prints the names");
}

#[test]
fn a_dry_run_continues_after_an_unreadable_entry() {
    let here = Place::new();
    here.folder("d");
    here.write("d/a", b"a");
    here.write("d/z", b"z");
    std::os::unix::fs::symlink("/nowhere/x", here.path("d/m")).expect("a link");
    let dry_run = run(&["upload", "--dry-run", "--links", "follow", &here.at("d"), "127.0.0.1:1"]);
    assert_eq!(dry_run.code, 9, "{}", dry_run.stderr);
    let listed = String::from_utf8(dry_run.stdout.clone()).expect("UTF-8");
    let names: Vec<&str> = listed.lines().filter_map(|line| line.split(' ').next_back()).collect();
    assert_eq!(names, ["d/a", "d/z", "d/"]);
    assert_eq!(dry_run.errors().len(), 2, "{}", dry_run.stderr);
    assert!(dry_run.stderr.contains("1 of 4 files cannot be sent"), "{}", dry_run.stderr);
}

#[test]
fn every_failure_has_a_line_with_verbose_and_100_without() {
    let (here, there) = (Place::new(), Place::new());
    here.folder("d");
    there.folder("d");
    for number in 0..103 {
        here.write(&format!("d/{number}"), b"new content");
        there.write(&format!("d/{number}"), b"old");
    }
    for (level, lines) in [(&[][..], 100), (&["-v"][..], 103)] {
        let (client, server) =
            upload_once(&[&["--store", there.arg()], level].concat(), &[&[&*here.at("d")], level].concat());
        for finished in [client.ended(9), server.ended(9)] {
            let told = finished.stderr.matches(": exists with other content").count();
            assert_eq!(told, lines, "{}", finished.stderr);
            assert_eq!(finished.stderr.contains("and 3 more"), level.is_empty(), "{}", finished.stderr);
        }
    }
}
