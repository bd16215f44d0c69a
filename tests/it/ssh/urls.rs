//! `ssh://HOST/DIR` and `ssh:HOST:DIR` with a program in the place of ssh, which writes down its words.

use std::path::Path;

use super::{SENDALL, script};
use crate::harness::{In, Out, start_with};
use crate::transfer::xfer::{Place, run};

/// A program that runs its last word in a shell, in a home folder, as ssh does on another machine.
fn fake_ssh(place: &Place) -> String {
    let (home, words) = (place.folder("home"), place.at("words"));
    script(
        place,
        "ssh",
        &format!(
            "printf '[%s]' \"$@\" >'{words}'\nfor last; do :; done\ncd '{home}' || exit 255\nHOME='{home}' exec sh -c \"$last\""
        ),
    )
}

/// The words of the last run, but the last one.
fn words(place: &Place) -> String {
    let words = std::fs::read_to_string(place.path("words")).expect("words");
    words
        .split("[sendall")
        .next()
        .unwrap_or_default()
        .split(&format!("[{SENDALL}"))
        .next()
        .unwrap_or_default()
        .to_owned()
}

const SCP: &str = "[-x][-oPermitLocalCommand=no][-oClearAllForwardings=yes][-oRemoteCommand=none][-oRequestTTY=no]\
    [-oForwardAgent=no]";

#[test]
fn folders_are_found_as_they_are_named() {
    let place = Place::new();
    let (ssh, file) = (fake_ssh(&place), place.write("f", b"content"));
    for folder in ["in", "-x", "it's $(touch no)", "a\nb", "*", "~ann", "x y/`z`", "a\\", "!!\\'"] {
        place.folder(&format!("home/{folder}"));
    }
    let root = place.arg();
    let encoded = "it%27s%20%24(touch%20no)";
    for (word, name) in [
        ("ssh:box:in".to_owned(), "home/in/f"),
        ("ssh:box:".to_owned(), "home/f"),
        ("ssh:box:-x".to_owned(), "home/-x/f"),
        ("ssh:box:it's $(touch no)".to_owned(), "home/it's $(touch no)/f"),
        ("ssh:box:a\nb".to_owned(), "home/a\nb/f"),
        ("ssh:box:*".to_owned(), "home/*/f"),
        ("ssh:box:./~ann".to_owned(), "home/~ann/f"),
        ("ssh:box:x y/`z`/".to_owned(), "home/x y/`z`/f"),
        ("ssh:box:a\\".to_owned(), "home/a\\/f"),
        ("ssh:box:!!\\'".to_owned(), "home/!!\\'/f"),
        (format!("ssh://box{root}/home/{encoded}"), "home/it's $(touch no)/f"),
        ("ssh://box/~/in".to_owned(), "home/in/f"),
    ] {
        let _ = std::fs::remove_file(place.path(name));
        let ended = run(&["upload", &file, &word, "--ssh", &ssh, "--remote-command", SENDALL]);
        assert_eq!((ended.code, place.path(name).exists()), (0, true), "{word:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("sent f to box"), "{}", ended.stderr);
        place.expect(name, b"content");
    }
    assert!(!place.path("home/no").exists() && !Path::new("no").exists());
    assert_eq!(words(&place), format!("{SCP}[--][box]"));
}

#[test]
fn a_server_in_the_wrong_place_is_found() {
    let place = Place::new();
    let file = place.write("f", b"x");
    run(&["upload", "ssh:box:in", &file]).expect_saying(2, "the server comes last");
    run(&["download", "f", "ssh://box/in"])
        .expect_saying(2, "the server comes first: type 'sendall download ssh://box/in f'");
    run(&["upload", "ssh:box:in"])
        .expect_saying(2, "type the files, as in 'sendall upload FILE ssh://HOST/DIR'");
    run(&["upload", &file, "ssh:-oProxyCommand=x:in"]).expect_saying(2, "names no host");
}

#[test]
fn words_of_ssh_come_from_the_url_and_the_options() {
    let place = Place::new();
    let (ssh, file) = (fake_ssh(&place), place.write("f", b"x"));
    place.folder("home/in");
    place.write("home/in/there", b"there");
    let base = ["--remote-command", SENDALL, "--force"];
    let with = |args: &[&str]| run(&[args, &base[..]].concat());
    let more = format!("{ssh} -J bastion");
    with(&["upload", &file, "ssh://ann@[::1]:2222/~/in", "--ssh", &more, "--timeout", "1500ms"]).expect(0);
    assert_eq!(words(&place), format!("[-J][bastion]{SCP}[-oConnectTimeout=2][-p][2222][-l][ann][--][::1]"));
    let variables = [("SENDALL_SSH", &more[..])];
    let args = [&["upload", &file, "ssh:ann@box:in"][..], &base].concat();
    start_with(SENDALL, &args, &variables, In::Null, Out::Collect).finish().expect(0);
    assert_eq!(words(&place), format!("[-J][bastion]{SCP}[-l][ann][--][box]"));
    // Downloads: a folder's content, names in it, a file.
    for args in [&["ssh:box:in", "there"][..], &["ssh:box:in/there"], &["ssh:box:in", "--force"]] {
        let (back, args) = (place.folder("back"), [&["download"], args].concat());
        run(&[&args[..], &["-o", &back, "--ssh", &ssh, "--remote-command", SENDALL]].concat()).expect(0);
        place.expect("back/there", b"there");
        std::fs::remove_dir_all(back).expect("removed");
    }
    let list = run(&["download", "--list", "ssh:box:in", "--ssh", &ssh, "--remote-command", SENDALL]);
    assert!(String::from_utf8_lossy(&list.expect(0).stdout).contains("there\n"));
}

#[test]
fn failures_of_ssh_and_of_the_other_side_have_their_codes() {
    let place = Place::new();
    let file = place.write("f", b"x");
    let ssh = fake_ssh(&place);
    let denied = "echo \"ann@box: Permission denied (publickey).\" >&2; exit 255";
    for (line, code, words) in [
        (
            "echo \"ssh: connect to host box port 22: Connection refused\" >&2; exit 255",
            3,
            "port 22: Connection refused",
        ),
        ("echo Host key verification failed. >&2; exit 255", 8, "Host key verification failed."),
        (denied, 8, "Permission denied (publickey)"),
        ("echo sh: sendall: not found >&2; exit 127", 3, "install it there, or type --remote-command PATH"),
        (
            "echo \"sendall: --store x: does not exist\" >&2; exit 2",
            7,
            "ssh exited with 2 before sendall answered: sendall: --store x",
        ),
        (
            "echo Last login: never; exit 0",
            7,
            "the remote shell prints \"Last login: never\" before sendall speaks",
        ),
        ("exit 0", 3, "ssh exited with 0 before sendall answered"),
    ] {
        let ssh = super::shell(line);
        let ended = run(&["upload", &file, "ssh:box:in", "--ssh", &ssh]);
        assert!(ended.stderr.contains(words), "'{words}' is not in: {}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        ended.expect(code);
    }
    let ended = run(&["upload", &file, "ssh:box:in", "--ssh", "no-such-ssh"]).expect(3);
    assert!(ended.stderr.contains("cannot run 'no-such-ssh'"), "{}", ended.stderr);
    // The other side's shell: a program that is not there, and one that speaks first.
    let remote =
        |command: &str| run(&["upload", &file, "ssh:box:", "--ssh", &ssh, "--remote-command", command]);
    assert!(remote("/no/sendall").expect(3).stderr.contains("--remote-command PATH"));
    assert!(remote(&format!("echo hi; {SENDALL}")).expect(7).stderr.contains("prints \"hi\""));
    assert!(remote("cat; exit 0; :").expect(7).stderr.contains("echo server"));
    // Only the network is worth another try.
    for (line, tries) in [("exit 255", 3), (denied, 1), ("exit 127", 1)] {
        let count = place.at("count");
        let line = super::shell(&format!("echo >>{count}; {line}"));
        let args = ["upload", &file, "ssh:box:", "--retry", "2", "--retry-delay", "1ms", "--ssh", &line];
        assert_ne!(run(&args).code, 0);
        assert_eq!(std::fs::read(&count).expect("a count").len(), tries, "{line}");
        std::fs::remove_file(count).expect("removed");
    }
}

#[test]
fn a_forced_command_keeps_clients_in_its_folder() {
    let place = Place::new();
    let (home, file) = (place.folder("home/in"), place.write("f", b"x"));
    place.folder("home/other");
    // As sshd does: what the client asks for is not run.
    let ssh = script(&place, "forced", &format!("exec '{SENDALL}' serve --store '{home}' --once stdio:"));
    let ended = run(&["upload", &file, "ssh:box:../other", "--ssh", &ssh]).ended(0);
    assert!(ended.stderr.contains("sent f to box"), "{}", ended.stderr);
    place.expect("home/in/f", b"x");
    assert!(!place.path("home/other/f").exists());
    run(&["download", "ssh:box:../other", "--ssh", &ssh, "-o", place.arg()])
        .expect_saying(7, "this server offers no downloads");
}
