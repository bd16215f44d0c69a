//! The example of PROTOCOL.md: its bytes are sent to the real server and to the real client, and theirs are compared
//! with it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// For one read or write.
const LIMIT: Duration = Duration::from_secs(20);
/// The only difference between two sessions: the session id of ACCEPT.
const SESSION_ID: std::ops::Range<usize> = 16..32;

/// Killed when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The bytes of each side in turn: the client first.
fn example() -> Vec<Vec<u8>> {
    let protocol = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("PROTOCOL.md")).unwrap();
    let (_, example) = protocol.split_once("## An example, byte for byte").expect("the example");
    let block = example.split("```").nth(1).expect("a block in the example");
    let mut turns: Vec<Vec<u8>> = Vec::new();
    for line in block.lines().filter(|line| !line.is_empty()) {
        if let Some(side) = line.strip_suffix(':') {
            assert_eq!(side, ["client", "server"][turns.len() % 2], "the sides take turns");
            turns.push(Vec::new());
            continue;
        }
        let bytes = line.split('|').next().unwrap().split_whitespace();
        let bytes = bytes.map(|byte| u8::from_str_radix(byte, 16).unwrap_or_else(|_| panic!("{line}")));
        turns.last_mut().expect("a side before its bytes").extend(bytes);
    }
    assert_eq!(turns.len(), 4, "two turns for each side");
    turns
}

fn sendall(args: &[&str]) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sendall"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    Process(command.spawn().unwrap())
}

fn with_limit(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_write_timeout(Some(LIMIT)).unwrap();
    stream
}

/// Reads as many bytes as are due and compares them. PING, a frame of 24 bytes, may come in between.
fn hear(stream: &mut TcpStream, due: &[u8], is_hello: bool) {
    let mut received = vec![0; due.len()];
    let fixed = if is_hello { 32 } else { 0 };
    stream.read_exact(&mut received[..fixed]).unwrap();
    let mut at = fixed;
    while at < due.len() {
        stream.read_exact(&mut received[at..at + 24]).unwrap();
        if received[at] == 10 {
            continue;
        }
        let length = u64::from_be_bytes(received[at + 16..at + 24].try_into().unwrap()) as usize;
        at += 24;
        assert!(length <= due.len() - at, "more than is due: {received:02X?}");
        stream.read_exact(&mut received[at..at + length]).unwrap();
        at += length;
    }
    let mut due = due.to_vec();
    if is_hello && due[10] == 0 {
        // The status of an ACCEPT; a HELLO has its operation there, which is never 0.
        received[SESSION_ID].fill(0);
        due[SESSION_ID].fill(0);
    }
    assert!(received == due, "received\n{received:02X?}\ndue\n{due:02X?}");
}

fn ended(stream: &mut TcpStream) {
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "nothing more is due");
}

#[test]
fn the_server_answers_as_the_example_does() {
    let turns = example();
    let folder = tempfile::tempdir().unwrap();
    let mut server = sendall(&["serve", "127.0.0.1:0", "--once", "--store", folder.path().to_str().unwrap()]);
    let mut line = String::new();
    BufReader::new(server.0.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim_end().strip_prefix("listening on ").expect("an address");
    let mut client = with_limit(TcpStream::connect(address).unwrap());
    for (index, pair) in turns.chunks(2).enumerate() {
        client.write_all(&pair[0]).unwrap();
        hear(&mut client, &pair[1], index == 0);
    }
    ended(&mut client);
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(server.0.wait().unwrap().code(), Some(0));
    assert_eq!(fs::read(folder.path().join("a.txt")).unwrap(), b"hello\n");
}

#[test]
fn the_client_sends_what_the_example_sends() {
    let turns = example();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    fs::write(&path, b"hello\n").unwrap();
    let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut client = sendall(&["upload", path.to_str().unwrap(), &address]);
    let mut polled = [PollFd::new(&listener, PollFlags::IN)];
    let limit = Timespec { tv_sec: LIMIT.as_secs() as i64, tv_nsec: 0 };
    assert_eq!(poll(&mut polled, Some(&limit)), Ok(1), "the client did not connect");
    let mut server = with_limit(listener.accept().unwrap().0);
    for (index, pair) in turns.chunks(2).enumerate() {
        hear(&mut server, &pair[0], index == 0);
        server.write_all(&pair[1]).unwrap();
    }
    server.shutdown(Shutdown::Write).unwrap();
    ended(&mut server);
    assert_eq!(client.0.wait().unwrap().code(), Some(0));
}
