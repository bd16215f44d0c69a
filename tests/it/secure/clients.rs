//! Clients that are admitted by their keys: `--clients` and `--pair`.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use super::scene::{CODE, Server, User};
use crate::harness::{LIMIT, wait_until};
use crate::transfer::xfer::Place;

const OTHER: &str = "sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A folder to store in, another to share, a file to send, and a list of clients.
struct Scene {
    inbox: Place,
    shelf: Place,
    place: Place,
}

impl Scene {
    fn new() -> Scene {
        let scene = Scene { inbox: Place::new(), shelf: Place::new(), place: Place::new() };
        scene.place.write("f", b"hello");
        scene.shelf.write("shared", b"on the shelf");
        scene
    }

    fn list(&self) -> String {
        self.place.at("clients")
    }

    fn write_list(&self, text: &str) {
        self.place.write("clients", text.as_bytes());
    }

    /// A server of both, with options.
    fn serve(&self, user: &User, options: &[&str]) -> Server {
        let list = self.list();
        let folders = ["--store", self.inbox.arg(), "--share", self.shelf.arg(), "--clients", &list];
        user.serve(&[&folders, options].concat())
    }

    fn upload(&self, client: &User, server: &Server, code: i32) -> String {
        let file = self.place.at("f");
        client.run(&["upload", "--force", &file, &server.address]).expect(code).stderr
    }

    fn download(&self, client: &User, server: &Server, code: i32) -> String {
        let to = Place::new();
        client.run(&["download", &server.address, "shared", "-o", to.arg()]).expect(code).stderr
    }
}

/// A client that knows the server and has a key; the key.
fn client_of(server: &Server) -> (User, String) {
    let client = User::new();
    let refused = client.run(&["download", "--list", &server.address, "--trust-new"]).expect(8).stderr;
    let at = refused.find("begins with sha256:").unwrap_or_else(|| panic!("{refused}"));
    let key: String =
        refused[at + "begins with ".len()..].split_whitespace().next().expect("a key").to_owned();
    // A failure makes no server known: it was never trusted.
    assert!(client.known().is_empty());
    let line = format!("{} {} 2026-01-01T00:00:00Z pin\n", server.address, server.says("key"));
    std::fs::write(client.file("known"), line).expect("written");
    (client, key)
}

#[test]
fn a_key_in_the_list_admits_with_its_rights_and_no_other() {
    let scene = Scene::new();
    scene.write_list("# nobody yet\n");
    let server = scene.serve(&User::new(), &[]);
    let (both, key) = client_of(&server);
    server.logs(&format!("not admitted: {key} is not in the list of clients"));
    assert!(!server.running.stderr.text().contains("code: "), "no code is made");
    scene.upload(&both, &server, 8);
    scene.write_list(&format!("{OTHER}\n{key}\n"));
    scene.upload(&both, &server, 0);
    scene.inbox.expect("f", b"hello");
    scene.download(&both, &server, 0);
    // One who has a code insists on it.
    let mut insisting = User::with(CODE);
    insisting.state = both.state.clone();
    assert!(scene.upload(&insisting, &server, 8).contains("takes no code"));
    scene.write_list(&format!("{key} rights=share # reads\n"));
    scene.download(&both, &server, 0);
    let refused = scene.upload(&both, &server, 7);
    assert!(refused.contains("does not let this key store files"), "{refused}");
    scene.write_list(&format!("{key} rights=store\n"));
    scene.upload(&both, &server, 0);
    let refused = scene.download(&both, &server, 7);
    assert!(refused.contains("does not let this key read files"), "{refused}");
}

#[test]
fn a_line_may_have_a_folder_and_a_size_of_its_own() {
    let scene = Scene::new();
    let own = Place::new();
    scene.write_list("");
    let server = scene.serve(&User::new(), &["--max-size", "5"]);
    let (client, key) = client_of(&server);
    scene.write_list(&format!("{key} store={} max-size=1GB\n", own.arg()));
    scene.upload(&client, &server, 0);
    own.expect("f", b"hello");
    scene.inbox.expect_names(&[]);
    // The server's own limit holds for all.
    scene.place.write("f", b"hello!");
    scene.upload(&client, &server, 7);
    scene.write_list(&format!("{key} max-size=4\n"));
    scene.place.write("f", b"hello");
    scene.upload(&client, &server, 7);
    scene.inbox.expect_names(&[]);
    // A folder that has gone is the fault of the server.
    scene.write_list(&format!("{key} store={}\n", own.at("gone")));
    scene.upload(&client, &server, 7);
    server.logs(&format!("cannot store files in {}", own.at("gone")));
    own.expect_names(&["f"]);
}

#[test]
fn who_has_used_the_code_with_success_needs_none_next_time() {
    let scene = Scene::new();
    let server = scene.serve(&User::with(CODE), &["--pair", "--code-uses", "1"]);
    // A list of files uses nothing up, and pairs nobody.
    let client = User::with(CODE);
    client.run(&["download", "--list", &server.address]).expect(0);
    assert!(!scene.place.path("clients").exists());
    scene.upload(&client, &server, 0);
    let text = std::fs::read_to_string(scene.list()).expect("a list");
    assert!(text.starts_with("sha256:") && text.contains(" rights=store,share # paired 2"), "{text}");
    assert!(text.contains("from 127.0.0.1") && text.lines().count() == 1, "{text}");
    let mode = std::fs::metadata(scene.list()).expect("a list").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    server.logs("clients has the key of 127.0.0.1");
    // The code is used up. A known server asks for none.
    let mut known = User::new();
    known.state = client.state.clone();
    scene.upload(&known, &server, 0);
    scene.download(&known, &server, 0);
    assert!(scene.upload(&User::with(CODE), &server, 8).contains("used already"));
    assert_eq!(std::fs::read_to_string(scene.list()).expect("a list"), text);
    // Also after the server was started anew.
    let list = scene.list();
    let again = User::new().serve(&["--store", scene.inbox.arg(), "--clients", &list]);
    let line = format!("{} {} 2026-01-01T00:00:00Z pin\n", again.address, again.says("key"));
    std::fs::write(known.file("known"), line).expect("written");
    scene.upload(&known, &again, 0);
}

#[test]
fn one_that_is_in_the_list_keeps_its_line() {
    let scene = Scene::new();
    scene.write_list("");
    let server = scene.serve(&User::with(CODE), &["--pair"]);
    let (client, key) = client_of(&server);
    let line = format!("{key} rights=share\n");
    scene.write_list(&line);
    let mut with_code = User::with(CODE);
    with_code.state = client.state.clone();
    scene.upload(&with_code, &server, 0);
    assert_eq!(std::fs::read_to_string(scene.list()).expect("a list"), line);
}

#[test]
fn a_list_that_cannot_be_used_stops_the_start_and_later_admits_nobody() {
    let scene = Scene::new();
    let refused = |words: &str| {
        let (list, inbox) = (scene.list(), scene.inbox.arg());
        let said = User::new().run(&["serve", "0.0.0.0:0", "--store", inbox, "--clients", &list]).expect(2);
        assert!(said.stderr.contains(words), "{words}: {}", said.stderr);
    };
    refused("there is no such file");
    for (text, words) in [
        (format!("{OTHER} rights=all\n"), "line 1: rights are store and share"),
        (format!("\n{OTHER}"), "line 2: ends without a newline"),
        (format!("{OTHER}\r\nann\r\n"), "line 2: "),
        (format!("{OTHER} # \0\n"), "line 1: not text"),
        (format!("{OTHER} store=/does/not/exist\n"), "store=/does/not/exist"),
    ] {
        scene.write_list(&text);
        refused(words);
    }
    scene.write_list("");
    std::fs::set_permissions(scene.list(), std::fs::Permissions::from_mode(0o660)).expect("a mode");
    refused("chmod go-w");
    std::fs::set_permissions(scene.list(), std::fs::Permissions::from_mode(0o640)).expect("a mode");
    let server = scene.serve(&User::new(), &[]);
    let (client, key) = client_of(&server);
    scene.write_list(&format!("{key}\n"));
    scene.upload(&client, &server, 0);
    let mut list = OpenOptions::new().append(true).open(scene.list()).expect("a list");
    list.write_all(b"slip\n").expect("written");
    scene.upload(&client, &server, 8);
    server.logs("no client is admitted by its key: ");
    server.logs("line 2: ");
    scene.write_list(&format!("{key}\n"));
    scene.upload(&client, &server, 0);
    std::fs::remove_file(scene.list()).expect("removed");
    scene.upload(&client, &server, 8);
    server.logs("clients is gone");
}

#[test]
fn nobody_is_added_to_a_list_with_a_mistake() {
    let scene = Scene::new();
    scene.write_list("");
    let server = scene.serve(&User::with(CODE), &["--pair"]);
    scene.write_list("slip\n");
    scene.upload(&User::with(CODE), &server, 0);
    server.logs("is not added to ");
    assert_eq!(std::fs::read_to_string(scene.list()).expect("a list"), "slip\n");
}

/// The numbers of a server's descriptors.
fn descriptors(server: &Server) -> BTreeSet<u64> {
    let folder = std::fs::read_dir(format!("/proc/{}/fd", server.running.id())).expect("descriptors");
    folder.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

#[test]
fn a_list_that_could_not_be_read_for_a_while_is_read_again() {
    let scene = Scene::new();
    scene.write_list("");
    let server = scene.serve(&User::new(), &[]);
    server.says("key");
    let idle = descriptors(&server);
    let (client, key) = client_of(&server);
    scene.write_list(&format!("{key}\n"));
    // That of the first client is closed, or those that are here stay.
    let (mut idle, mut looks) = (idle, 0);
    let is_idle = || {
        let now = descriptors(&server);
        looks = if now == idle { 50 } else { looks + 1 };
        if looks == 49 {
            idle = now;
        }
        looks >= 50
    };
    assert!(wait_until(LIMIT, is_idle), "{:?}", descriptors(&server));
    // One more, for the client.
    let free = (0..).find(|number| !idle.contains(number)).expect("a number");
    let process = Pid::from_raw(server.running.id() as i32);
    let limit = |limit| prlimit(process, Resource::Nofile, limit).expect("a limit");
    let maximum = getrlimit(Resource::Nofile).maximum;
    let before = limit(Rlimit { current: Some(free + 1), maximum });
    scene.upload(&client, &server, 8);
    server.logs("no client is admitted by its key: ");
    server.logs("Too many open files");
    limit(before);
    // The same file as before, untouched.
    scene.upload(&client, &server, 0);
}

#[test]
fn a_session_of_a_key_that_may_read_stores_nothing_by_a_further_connection() {
    let scene = Scene::new();
    scene.write_list("");
    let server = scene.serve(&User::new(), &["-vv"]);
    let (client, key) = client_of(&server);
    scene.write_list(&format!("{key} rights=share\n"));
    let (to, many) = (Place::new(), scene.shelf.folder("many"));
    for name in 0..8 {
        std::fs::write(format!("{many}/{name}"), vec![b'x'; 300_000]).expect("written");
    }
    client.run(&["download", &server.address, "many", "-o", to.arg(), "-j", "4"]).expect(0);
    assert_eq!(std::fs::read_dir(to.path("many")).expect("a folder").count(), 8);
    let refused = client.run(&["upload", &many, &server.address, "-j", "4"]).expect(7).stderr;
    assert!(refused.contains("does not let this key store files"), "{refused}");
    scene.inbox.expect_names(&[]);
}
