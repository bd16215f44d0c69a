//! Peers that are gone without a word, and networks that lead nowhere: network namespaces with a router between them.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::harness::skips::skip;
use crate::harness::{Finished, In, LIMIT, Out, Running, assert_within, now, start};
use crate::transfer::xfer::{Place, in_parallel, is_part, wait_for_part};

/// The limit of what is to end, and what a test adds to it for a busy machine.
const LIMIT_OPTION: &str = "1s";
const OVER: Duration = Duration::from_secs(8);

pub(crate) const SERVER: &str = "10.77.1.2";
/// Packets to there are lost on the way.
pub(crate) const LOST: &str = "10.77.9.9";
/// Packets to there come back as errors.
pub(crate) const REFUSED_ON_THE_WAY: &str = "10.77.8.8";
/// No way leads there.
pub(crate) const NOWHERE: &str = "192.0.2.1";
/// Has two addresses, the first of which is `LOST`.
pub(crate) const TWO_ADDRESSES: &str = "both.test";

/// A namespace each for the server, the router and the client. They go when this is dropped.
pub(crate) struct Net {
    name: String,
}

#[derive(Clone, Copy)]
pub(crate) enum Host {
    Server,
    Router,
    Client,
}

fn ip(args: &str) -> Result<(), String> {
    let output = Command::new("ip").args(args.split(' ')).output();
    let output = output.map_err(|error| format!("ip: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    output.status.success().then_some(()).ok_or_else(|| format!("ip {args}: {}", said.trim()))
}

impl Net {
    /// None, and a word why, where that cannot be made.
    pub(crate) fn new() -> Option<Net> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("sendall-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let net = Net { name };
        match net.build() {
            Ok(()) => Some(net),
            Err(why) => {
                skip(format_args!("no network namespaces: {why}"));
                None
            }
        }
    }

    fn build(&self) -> Result<(), String> {
        let [server, router, client] = [Host::Server, Host::Router, Host::Client].map(|host| self.host(host));
        // Before its namespace is entered: it is shown there in the place of /etc/hosts.
        std::fs::create_dir_all(self.settings()).map_err(|error| error.to_string())?;
        let hosts = format!("127.0.0.1 localhost\n{LOST} {TWO_ADDRESSES}\n{SERVER} {TWO_ADDRESSES}\n");
        std::fs::write(self.settings().join("hosts"), hosts).map_err(|error| error.to_string())?;
        for host in [&server, &router, &client] {
            ip(&format!("netns add {host}"))?;
            ip(&format!("-n {host} link set lo up"))?;
        }
        for (host, number) in [(&server, 1), (&client, 2)] {
            ip(&format!("link add name v0 netns {host} type veth peer name v{number} netns {router}"))?;
            ip(&format!("-n {host} address add 10.77.{number}.2/24 dev v0"))?;
            ip(&format!("-n {router} address add 10.77.{number}.1/24 dev v{number}"))?;
            ip(&format!("-n {host} link set v0 up"))?;
            ip(&format!("-n {router} link set v{number} up"))?;
            ip(&format!("-n {host} route add 10.77.0.0/16 via 10.77.{number}.1"))?;
        }
        ip(&format!("-n {router} route add blackhole 10.77.9.0/24"))?;
        ip(&format!("-n {router} route add unreachable 10.77.8.0/24"))?;
        // Or errors to one host are sent once a second only (icmp(7)).
        self.set(Host::Router, "ipv4/icmp_ratelimit", 0)?;
        self.set(Host::Router, "ipv4/ip_forward", 1)
    }

    fn host(&self, host: Host) -> String {
        let end = match host {
            Host::Server => "s",
            Host::Router => "r",
            Host::Client => "c",
        };
        format!("{}-{end}", self.name)
    }

    /// The client's own files in the place of those in /etc (ip-netns(8)).
    fn settings(&self) -> PathBuf {
        PathBuf::from(format!("/etc/netns/{}", self.host(Host::Client)))
    }

    /// From now on the client knows a name for these addresses, in their order.
    pub(crate) fn name(&self, name: &str, addresses: &[String]) {
        let lines: String = addresses.iter().map(|address| format!("{address} {name}\n")).collect();
        std::fs::write(self.settings().join("hosts"), lines).expect("a file of hosts");
    }

    /// Writes a number below `/proc/sys/net` there.
    pub(crate) fn set(&self, host: Host, key: &str, value: u32) -> Result<(), String> {
        let script = format!("echo {value} > /proc/sys/net/{key}");
        let status =
            Command::new("ip").args(["netns", "exec", &self.host(host), "sh", "-c", &script]).status();
        let done = status.is_ok_and(|status| status.success());
        done.then_some(()).ok_or_else(|| format!("{key} cannot be set"))
    }

    /// One of the kernel's counters there (proc_pid_net(5), netstat).
    pub(crate) fn counter(&self, host: Host, name: &str) -> u64 {
        let output = Command::new("ip")
            .args(["netns", "exec", &self.host(host), "cat", "/proc/net/netstat"])
            .output()
            .expect("the counters");
        let text = String::from_utf8_lossy(&output.stdout);
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(' ').collect()).collect();
        let found = rows.chunks(2).find_map(|pair| {
            let column = pair[0].iter().position(|word| *word == name)?;
            pair[1][column].parse().ok()
        });
        found.unwrap_or_else(|| panic!("no counter {name}"))
    }

    /// From now on no packet passes, in either direction, and nobody is told.
    fn cut(&self) {
        self.set(Host::Router, "ipv4/ip_forward", 0).expect("cut");
    }

    pub(crate) fn run(&self, host: Host, args: &[&str], input: In, output: Out) -> Running {
        let name = self.host(host);
        let all = [&["netns", "exec", &name, env!("CARGO_BIN_EXE_sendall")], args].concat();
        start("ip", &all, input, output)
    }

    /// A server, and its address.
    fn serve(&self, options: &[&str], input: In, output: Out) -> (Running, String) {
        let listen = format!("{SERVER}:0");
        let limit = ["--idle-timeout", LIMIT_OPTION];
        let server = self.run(Host::Server, &[&["serve", &listen], options, &limit].concat(), input, output);
        let address = server.listening(1).remove(0);
        (server, address)
    }

    fn client(&self, args: &[&str], input: In, output: Out) -> Running {
        self.run(Host::Client, &[args, &["--idle-timeout", LIMIT_OPTION]].concat(), input, output)
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for host in [Host::Server, Host::Router, Host::Client] {
            // What was not made cannot be removed.
            let _ = ip(&format!("netns delete {}", self.host(host)));
        }
        let _ = std::fs::remove_dir_all(self.settings());
        // Only if nobody else has something there.
        let _ = std::fs::remove_dir("/etc/netns");
    }
}

fn opened(path: &str) -> std::os::fd::OwnedFd {
    File::options().read(true).write(true).open(path).expect(path).into()
}

/// Both ends stop because of their limit, in one line.
#[track_caller]
fn both_time_out(what: &str, client: Running, server: Running) {
    for (end, running) in [("client", client), ("server", server)] {
        let Finished { code, stderr, .. } = running.finish_within(OVER);
        assert_eq!(code, 4, "{what}, {end}: {stderr}");
        let errors = stderr.lines().filter(|line| line.contains("--idle-timeout")).count();
        assert_eq!(errors, 1, "{what}, {end}: {stderr}");
    }
}

#[test]
fn a_peer_that_vanishes_is_given_up_at_the_limit() {
    let Some(net) = Net::new() else { return };
    // In memory: a busy disk may hold a write back for longer than the limit.
    let (here, there, back) = (Place::in_memory(), Place::in_memory(), Place::in_memory());
    // Large enough that the end does not come first; a hole takes no room at the sender.
    File::create(here.path("f")).and_then(|file| file.set_len(1 << 30)).expect("a file");
    let path = here.at("f");

    let (storing, store) = net.serve(&["--store", there.arg(), "--once", "--plain"], In::Null, Out::Collect);
    let (sharing, share) = net.serve(&["--share", &path, "--once", "--plain"], In::Null, Out::Collect);
    let (quiet, silence) = net.serve(&[], In::Open, Out::Collect);
    let (busy, noise) = net.serve(&["--recv-only"], In::Null, Out::Fd(opened("/dev/null")));
    let upload = net.client(&["upload", "--plain", "-q", &path, &store], In::Null, Out::Collect);
    let download =
        net.client(&["download", "--plain", "-q", &share, "-o", back.arg()], In::Null, Out::Collect);
    let silent = net.client(&["connect", &silence], In::Bytes(b"hello".to_vec()), Out::Collect);
    quiet.expect_output(b"hello");
    let zeros = In::Fd(opened("/dev/zero"));
    let noisy = net.client(&["connect", "-v", &noise], zeros, Out::Fd(opened("/dev/null")));
    let is_connected = |text: &[u8], _| String::from_utf8_lossy(text).contains("connected to");
    assert!(noisy.stderr.wait(LIMIT, is_connected), "{}", noisy.stderr.text());
    wait_for_part(there.root(), 1);
    wait_for_part(back.root(), 1);
    net.cut();

    both_time_out("upload", upload, storing);
    both_time_out("download", download, sharing);
    both_time_out("a silent connection", silent, quiet);
    both_time_out("a busy connection", noisy, busy);
    for place in [there, back] {
        assert!(place.names().iter().all(|name| is_part(name)), "{:?}", place.names());
    }
}

/// Runs a client that finds nobody within this limit; how it ended and after what time.
fn in_vain(net: &Net, command: &str, to: &str, limit: &str) -> (Finished, Duration) {
    let (here, to) = (Place::new(), format!("{to}:9"));
    let path = here.write("f", b"content");
    let args = match command {
        "upload" => vec![command, &path, &to],
        "download" => vec![command, &to, "-o", here.arg(), "other"],
        _ => vec![command, &to],
    };
    let begun = now();
    let client = net.client(&[&args[..], &["--timeout", limit]].concat(), In::Null, Out::Collect);
    (client.finish_within(OVER), begun.elapsed())
}

#[test]
fn a_silent_or_unreachable_host_is_reported() {
    let Some(net) = Net::new() else { return };
    in_parallel(&["connect", "upload", "download"], |command| {
        let (finished, time) = in_vain(&net, command, LOST, LIMIT_OPTION);
        finished.expect(4);
        assert!(time >= Duration::from_secs(1), "{command} did not wait: {time:?}");
        for to in [REFUSED_ON_THE_WAY, NOWHERE] {
            // An error that comes while connect(2) still holds the socket counts for the kernel only when it has
            // tried again, a second later.
            let (finished, _) = in_vain(&net, command, to, "6s");
            let text = finished.expect(3).stderr;
            assert!(text.contains("unreachable") || text.contains("No route"), "{command} {to}: {text}");
        }
    });
}

#[test]
fn a_dead_address_does_not_hide_one_that_lives() {
    let Some(net) = Net::new() else { return };
    let (here, there) = (Place::new(), Place::new());
    let path = here.write("f", b"content");
    let (server, address) = net.serve(&["--store", there.arg(), "--once", "--plain"], In::Null, Out::Collect);
    let (_, port) = address.rsplit_once(':').expect("a port");
    let begun = now();
    let to = format!("{TWO_ADDRESSES}:{port}");
    net.client(&["upload", "--plain", "-q", &path, &to, "--timeout", "15s"], In::Null, Out::Collect)
        .finish()
        .expect(0);
    // The limit is for each address: it must not have been used up for the first.
    assert_within(begun, Duration::from_secs(10));
    let finished = server.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    there.expect("f", b"content");
}

#[test]
fn without_ipv6_there_is_still_ipv4() {
    let Some(net) = Net::new() else { return };
    net.set(Host::Server, "ipv6/conf/all/disable_ipv6", 1).expect("IPv6 off");
    for listen in ["0", "localhost:0", ":0"] {
        let server = net.run(Host::Server, &["serve", listen], In::Bytes(b"hello".to_vec()), Out::Collect);
        let to = format!("localhost:{}", server.port());
        let client = net.run(Host::Server, &["connect", &to], In::Null, Out::Collect).finish().expect(0);
        assert_eq!(client.stdout, b"hello", "{listen}");
        server.finish().expect(0);
    }
}
