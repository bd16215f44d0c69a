//! A real sshd, on 127.0.0.1, with a configuration and keys of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use super::SENDALL;
use crate::harness::others::{free_port, installed};
use crate::harness::{In, LIMIT, Out, Running, payload, sendall, start, wait_until};
use crate::transfer::xfer::{Place, begin, is_slow_wanted, names_in, run, wait_for_part};

/// A server of ssh, and what its clients need.
struct Sshd {
    place: Place,
    _running: Running,
}

impl Sshd {
    /// Starts one. `None` if it is not installed.
    fn start() -> Option<Sshd> {
        let (sshd, _) = (installed("sshd")?, installed("ssh-keygen").and(installed("ssh"))?);
        let place = Place::new();
        for name in ["host", "id", "forced", "stranger"] {
            let status = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f", &place.at(name)])
                .status()
                .expect("ssh-keygen");
            assert!(status.success());
        }
        let key = |name: &str| std::fs::read_to_string(place.path(format!("{name}.pub"))).expect("a key");
        let inbox = place.folder("inbox");
        let forced = format!(
            "restrict,command=\"'{SENDALL}' serve --store '{inbox}' --once stdio:\" {}",
            key("forced")
        );
        let authorized = place.write("authorized", format!("{}{forced}", key("id")).as_bytes());
        let (root, port) = (place.arg(), free_port());
        if rustix::process::geteuid().is_root() {
            // For its processes without privileges.
            std::fs::create_dir_all("/run/sshd").expect("a folder");
        }
        let config = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {root}/host\nAuthorizedKeysFile {authorized}\nPidFile none\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PermitRootLogin yes\nMaxStartups 100\n"
        );
        let config = place.write("sshd_config", config.as_bytes());
        place.write("known", format!("[127.0.0.1]:{port} {}", key("host")).as_bytes());
        // Another key for the same host.
        place.write("changed", format!("[127.0.0.1]:{port} {}", key("stranger")).as_bytes());
        let host = |name: &str, key: &str, known: &str, more: &str| {
            format!(
                "Host {name}\nHostName 127.0.0.1\nPort {port}\nIdentityFile {root}/{key}\nIdentitiesOnly yes\n\
                 UserKnownHostsFile {root}/{known}\nGlobalKnownHostsFile /dev/null\nBatchMode yes\n{more}\n"
            )
        };
        // One login for many sessions.
        let mux = format!("ControlMaster auto\nControlPath {root}/mux\nControlPersist 30");
        let hosts = [
            host("box", "id", "known", &mux),
            host("fresh", "id", "known", ""),
            host("forced", "forced", "known", ""),
            host("changed", "id", "changed", "StrictHostKeyChecking yes"),
            host("stranger", "stranger", "known", ""),
        ];
        place.write("ssh_config", hosts.concat().as_bytes());
        let running = start(sshd.to_str()?, &["-D", "-e", "-f", &config], In::Null, Out::Collect);
        let is_up = |text: &[u8], _| String::from_utf8_lossy(text).contains("Server listening");
        assert!(running.stderr.wait(LIMIT, is_up), "{}", running.stderr.text());
        Some(Sshd { place, _running: running })
    }

    fn ssh(&self) -> String {
        format!("ssh -F {}", self.place.at("ssh_config"))
    }

    /// The arguments of a command that goes by ssh.
    fn args<'a>(&'a self, args: &[&'a str], ssh: &'a str) -> Vec<&'a str> {
        [args, &["--ssh", ssh, "--remote-command", SENDALL]].concat()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        // Ends what serves the sessions of 'box'; it fails if there were none.
        let config = self.place.at("ssh_config");
        let _ = Command::new("ssh").args(["-F", &config, "-O", "exit", "box"]).output();
    }
}

#[test]
fn files_go_through_a_real_sshd() {
    let Some(sshd) = Sshd::start() else { return };
    let (place, ssh) = (&sshd.place, sshd.ssh());
    let run = |args: &[&str]| run(&sshd.args(args, &ssh));
    let odd = place.folder("it's $(touch no) \"x\"\n-y");
    let content = payload(5 << 20);
    let file = place.write("f", &content);
    run(&["upload", &file, &format!("ssh:box:{odd}")]).expect(0);
    place.expect("it's $(touch no) \"x\"\n-y/f", &content);
    let back = place.folder("back");
    let received = run(&["download", &format!("ssh://box{}/f", place.arg()), "-o", &back]).expect(0);
    assert!(received.stderr.contains("received f from box"), "{}", received.stderr);
    place.expect("back/f", &content);
    let stdin = ["upload", "-", "--name", "typed", &format!("ssh:box:{back}")].map(str::to_owned);
    let stdin: Vec<&str> = stdin.iter().map(String::as_str).collect();
    sendall(&sshd.args(&stdin, &ssh), In::Bytes(b"typed".to_vec()), Out::Collect).finish().expect(0);
    place.expect("back/typed", b"typed");
    let list = run(&["download", "--list", &format!("ssh:box:{back}")]).expect(0);
    assert!(String::from_utf8_lossy(&list.stdout).contains("typed\n"));
    let missing = run(&["upload", &file, "ssh:box:/no/such"]);
    assert!(missing.stderr.contains("does not exist"), "{}", missing.stderr);
    missing.expect(7);
    let target = format!("ssh:box:{back}");
    let remote = |command: &str| {
        crate::transfer::xfer::run(&["upload", &file, &target, "--ssh", &ssh, "--remote-command", command])
    };
    let ended = remote("/no/sendall").expect(3);
    assert!(ended.stderr.contains("exited with 127") && ended.stderr.contains("--remote-command PATH"));
    let noise = remote(&format!("echo Welcome; {SENDALL}")).expect(7);
    assert!(noise.stderr.contains("the remote shell prints \"Welcome\""), "{}", noise.stderr);
    assert!(!Path::new("no").exists());
}

#[test]
fn keys_that_do_not_fit_and_forced_commands() {
    if !is_slow_wanted("ssh") {
        return;
    }
    let Some(sshd) = Sshd::start() else { return };
    let (place, ssh) = (&sshd.place, sshd.ssh());
    let file = place.write("f", b"x");
    let run = |args: &[&str]| run(&sshd.args(args, &ssh));
    let changed = run(&["upload", &file, "ssh:changed:"]);
    assert!(changed.stderr.contains("Host key verification failed."), "{}", changed.stderr);
    assert_eq!(changed.code, 8);
    let denied = run(&["upload", &file, "ssh:stranger:"]);
    assert!(denied.stderr.contains("Permission denied (publickey"), "{}", denied.stderr);
    assert_eq!(denied.code, 8);
    run(&["upload", &file, &format!("ssh:forced:{}", place.arg())]).ended(0);
    place.expect("inbox/f", b"x");
    let refused = run(&["download", "ssh:forced:/etc/passwd", "-o", place.arg()]).ended(7);
    assert!(refused.stderr.contains("this server offers no downloads"), "{}", refused.stderr);
}

/// The process that serves this connection of ssh, from its command line.
fn ssh_of(sendall: u32) -> Option<u32> {
    let children = std::fs::read_to_string(format!("/proc/{sendall}/task/{sendall}/children")).ok()?;
    children.split_whitespace().find_map(|child| child.parse().ok())
}

#[test]
fn an_upload_resumes_after_ssh_was_killed() {
    if !is_slow_wanted("ssh") {
        return;
    }
    let Some(sshd) = Sshd::start() else { return };
    let (place, ssh) = (&sshd.place, sshd.ssh());
    let store = place.folder("store");
    let content = payload(40 << 20);
    let (file, target) = (place.write("f", &content), format!("ssh:fresh:{store}"));
    let args = ["upload", &file, &target, "--limit-rate", "8MiB", "--retry", "9", "--retry-delay", "1ms"];
    let upload = begin(&sshd.args(&args, &ssh));
    wait_for_part(Path::new(&store), 9 << 20);
    let process = ssh_of(upload.id()).and_then(|pid| rustix::process::Pid::from_raw(pid as i32));
    rustix::process::kill_process(process.expect("ssh"), Signal::KILL).expect("killed");
    let ended = upload.finish();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("trying again") && ended.stderr.contains("resumed after"),
        "{}",
        ended.stderr
    );
    place.expect("store/f", &content);

    // ^C: both ends know, and ssh is gone.
    std::fs::remove_file(place.path("store/f")).expect("removed");
    let upload = begin(&sshd.args(&args[..5], &ssh));
    wait_for_part(Path::new(&store), 9 << 20);
    let process = ssh_of(upload.id()).expect("ssh");
    upload.signal(Signal::INT);
    upload.finish().expect(130);
    assert!(wait_until(LIMIT, || !PathBuf::from(format!("/proc/{process}")).exists()));
    run(&sshd.args(&["upload", &file, &target], &ssh)).expect(0);
    place.expect("store/f", &content);
}

#[test]
fn ten_thousand_files_go_through_sshd() {
    if !is_slow_wanted("ssh") {
        return;
    }
    let Some(sshd) = Sshd::start() else { return };
    let (place, ssh) = (&sshd.place, sshd.ssh());
    let (store, back, tree) = (place.folder("store"), place.folder("back"), place.folder("tree"));
    for number in 0..10_000 {
        std::fs::write(format!("{tree}/{number}"), format!("content of {number}")).expect("written");
    }
    let sent = run(&sshd.args(&["upload", &tree, &format!("ssh:box:{store}")], &ssh)).expect(0);
    assert!(sent.stderr.contains("sent 10001 of 10001 files and folders to box"), "{}", sent.stderr);
    run(&sshd.args(&["download", &format!("ssh:box:{store}"), "-o", &back], &ssh)).expect(0);
    assert_eq!(names_in(&place.path("back/tree")).len(), 10_000);
    place.expect("back/tree/9999", b"content of 9999");
}
