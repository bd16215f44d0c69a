//! `serve --http`: what browsers, curl and hostile clients get.

mod archived;
mod archives;
mod browser;
mod cached;
mod clients;
mod conditions;
mod encrypted;
mod fetch;
mod forms;
mod hygiene;
mod proofs;
mod qr_code;
mod reported;
mod resumable;
mod sending;
mod switching;
mod terms;
mod threads;
pub(crate) mod uploads;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;

use crate::harness::{In, LIMIT, Out, Running, sendall};
use crate::transfer::xfer::Place;

/// A server with a folder, and the port that the system chose.
pub(crate) struct Web {
    pub(crate) place: Place,
    pub(crate) server: Running,
    pub(crate) port: u16,
}

impl Web {
    /// Shares a folder, with these options.
    pub(crate) fn sharing(options: &[&str]) -> Web {
        Web::start(Place::new(), &["--share"], options)
    }

    /// Shares a folder and stores into it.
    pub(crate) fn storing(options: &[&str]) -> Web {
        Web::start(Place::new(), &["--share", "--store"], options)
    }

    /// Starts a server that uses a folder in these ways.
    pub(crate) fn start(place: Place, uses: &[&str], options: &[&str]) -> Web {
        let mut args = vec!["serve", "127.0.0.1:0", "--http"];
        for option in uses {
            args.extend([*option, place.arg()]);
        }
        let server = sendall(&[&args, options].concat(), In::Null, Out::Collect);
        let port = server.port();
        Web { place, server, port }
    }

    /// Shares a file or folder.
    pub(crate) fn at(path: &Path, options: &[&str]) -> Web {
        let args = ["serve", "127.0.0.1:0", "--http", "--share", path.to_str().expect("UTF-8")];
        let server = sendall(&[&args, options].concat(), In::Null, Out::Collect);
        let port = server.port();
        Web { place: Place::new(), server, port }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Sends a request without a body, with these further lines of the head, and reads the answer.
    #[track_caller]
    pub(crate) fn ask(&self, method: &str, target: &str, fields: &[&str]) -> Reply {
        self.send(method, target, fields, b"")
    }

    #[track_caller]
    pub(crate) fn get(&self, target: &str) -> Reply {
        self.ask("GET", target, &[])
    }

    /// Sends a file.
    #[track_caller]
    pub(crate) fn put(&self, target: &str, body: &[u8], fields: &[&str]) -> Reply {
        let length = format!("Content-Length: {}", body.len());
        self.send("PUT", target, &[&[&*length], fields].concat(), body)
    }

    #[track_caller]
    pub(crate) fn send(&self, method: &str, target: &str, fields: &[&str], body: &[u8]) -> Reply {
        let mut head = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\n");
        if !fields.iter().any(|field| field.to_ascii_lowercase().starts_with("host:")) {
            head.push_str(&format!("Host: 127.0.0.1:{}\r\n", self.port));
        }
        for field in fields {
            head.push_str(&format!("{field}\r\n"));
        }
        head.push_str("\r\n");
        Reply::parse(&exchange(self.port, &[head.as_bytes(), body].concat()), method == "HEAD")
    }
}

/// Sends bytes to this machine, and returns everything that comes back before the end.
#[track_caller]
pub(crate) fn exchange(port: u16, bytes: &[u8]) -> Vec<u8> {
    exchange_with(&format!("127.0.0.1:{port}"), bytes)
}

/// The same with any address.
#[track_caller]
pub(crate) fn exchange_with(to: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(to).expect("a connection");
    stream.set_read_timeout(Some(LIMIT)).expect("a limit");
    // A server that has refused does not read on.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard);
    heard
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// Parses the last answer of a connection; interim ones are skipped. Its body must be as long as it says.
    #[track_caller]
    pub(crate) fn parse(bytes: &[u8], is_for_head: bool) -> Reply {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no head: {:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8(bytes[..end + 2].to_vec()).expect("a head of text");
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
        if (100..200).contains(&status) {
            return Reply::parse(&bytes[end + 4..], is_for_head);
        }
        let reply = Reply { status, head, body: bytes[end + 4..].to_vec() };
        if let Some(length) = reply.field("Content-Length") {
            let length: usize = length.parse().expect("a length");
            assert_eq!(reply.body.len(), if is_for_head { 0 } else { length }, "{}", reply.head);
        }
        reply
    }

    /// A field of the head.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Checks the status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Reply {
        assert_eq!(self.status, status, "{}{}", self.head, self.text());
        self
    }
}
