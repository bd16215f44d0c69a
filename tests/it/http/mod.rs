//! `http-hello`: raw requests, its options, hostile and slow clients, and real ones.

mod answers;
mod clients;
mod endings;
mod limits;
mod log;
mod raw;
mod smuggled;
mod tls;

#[path = "../../../src/proto/http/tests/corpus.rs"]
mod corpus;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use crate::harness::{In, LIMIT, Out, Running, sendall};

const PROBE: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// A server on a port that the system chose, with these options.
fn server(options: &[&str]) -> (Running, u16) {
    let running = sendall(&[&["http-hello", "127.0.0.1:0"], options].concat(), In::Null, Out::Collect);
    let port = running.port();
    (running, port)
}

/// A client's connection, written by hand.
struct Client {
    stream: TcpStream,
    got: Vec<u8>,
}

impl Client {
    fn new(port: u16) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        stream.set_read_timeout(Some(LIMIT)).expect("a limit");
        stream.set_nodelay(true).expect("no delay");
        Client { stream, got: Vec::new() }
    }

    fn say(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("sent");
    }

    fn finish(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("an end");
    }

    /// Reads once; false at the end.
    #[track_caller]
    fn hear(&mut self) -> bool {
        let mut buffer = [0; 64 << 10];
        match self.stream.read(&mut buffer) {
            Ok(count) => {
                self.got.extend_from_slice(&buffer[..count]);
                count > 0
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&self.got)),
        }
    }

    /// Everything up to the end.
    #[track_caller]
    fn rest(mut self) -> String {
        while self.hear() {}
        text(&self.got)
    }

    /// Waits until `count` answers have begun, and whole text has come that ends with `end`.
    #[track_caller]
    fn answers(&mut self, count: usize, end: &str) -> String {
        while statuses(&self.got).len() < count || !text(&self.got).ends_with(end) {
            assert!(self.hear(), "ended after {:?}", text(&self.got));
        }
        let answers = text(&self.got);
        self.got.clear();
        answers
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The statuses of the answers in `bytes`. No body of these tests looks like a status line.
fn statuses(bytes: &[u8]) -> Vec<u16> {
    let answers = text(bytes);
    answers.split("HTTP/1.1 ").skip(1).filter_map(|rest| rest.get(..3)?.parse().ok()).collect()
}

/// The answer of a server to these bytes, until it or the client ends.
#[track_caller]
fn ask(port: u16, request: &str) -> String {
    let mut client = Client::new(port);
    client.say(request.as_bytes());
    client.finish();
    client.rest()
}

/// GET of a path, with these fields.
#[track_caller]
fn get(port: u16, path: &str, fields: &str) -> String {
    ask(port, &format!("GET {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").expect("a head").1
}
