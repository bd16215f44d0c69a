//! Messages of SOCKS5 and HTTP CONNECT that are nearly right, in pieces, to both sides of both, and to a proxy that
//! forwards requests.
#![no_main]

use std::rc::Rc;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use sendall::proto::handshake::Handshake;
use sendall::proto::proxy::users::{Credentials, Users};
use sendall::proto::proxy::http_connect::HttpConnectClient;
use sendall::proto::proxy::http_forward::AnswerHead;
use sendall::proto::proxy::server::ProxyServer;
use sendall::proto::proxy::socks::client::SocksClient;
use sendall::proto::proxy::target::ProxyTarget;

/// What one side says.
#[derive(Arbitrary, Debug)]
enum Message {
    /// The client's methods.
    Greeting(Vec<u8>),
    /// A user and a password; those that the server knows, or others.
    Login {
        known: bool,
        user: Vec<u8>,
        password: Vec<u8>,
    },
    /// What the client wants, or what the server has done: they have the same form.
    Request {
        code: u8,
        host: Host,
        port: u16,
    },
    /// The server's two bytes about methods or a login.
    Choice {
        version: u8,
        method: u8,
    },
    /// A request's or an answer's first line.
    Line(Line),
    Field {
        name: Name,
        value: String,
    },
    /// The empty line.
    EndOfHead,
    Raw(Vec<u8>),
}

#[derive(Arbitrary, Debug)]
enum Host {
    V4([u8; 4]),
    V6([u8; 16]),
    Name(Vec<u8>),
    Other(u8, Vec<u8>),
}

#[derive(Arbitrary, Debug)]
enum Line {
    Request { method: Method, target: Wanted, version: u8 },
    Answer { version: u8, status: u16, reason: String },
}

#[derive(Arbitrary, Debug)]
enum Method {
    Connect,
    Get,
    Post,
    Other(String),
}

#[derive(Arbitrary, Debug)]
enum Wanted {
    Host(u16),
    Address([u8; 4], u16),
    Absolute(String),
    Other(String),
}

#[derive(Arbitrary, Debug)]
enum Name {
    Host,
    Authorization,
    Length,
    TransferEncoding,
    Connection,
    Other(String),
}

fuzz_target!(|input: (u8, u8, Vec<Message>)| {
    let (piece, side, messages) = input;
    let bytes: Vec<u8> = messages.iter().flat_map(Message::bytes).collect();
    say(&bytes, usize::from(piece).max(1), side);
});

impl Message {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Message::Greeting(methods) => [&[5, methods.len() as u8], &methods[..]].concat(),
            Message::Login { known: true, .. } => b"\x01\x03ann\x06secret".to_vec(),
            Message::Login { user, password, .. } => {
                [&[1, user.len() as u8], &user[..], &[password.len() as u8], password].concat()
            }
            Message::Request { code, host, port } => {
                let host = match host {
                    Host::V4(address) => [&[1], &address[..]].concat(),
                    Host::V6(address) => [&[4], &address[..]].concat(),
                    Host::Name(name) => [&[3, name.len() as u8], &name[..]].concat(),
                    Host::Other(kind, bytes) => [&[*kind], &bytes[..]].concat(),
                };
                [&[5, *code % 10, 0], &host[..], &port.to_be_bytes()].concat()
            }
            Message::Choice { version, method } => vec![*version % 6, *method],
            Message::Line(line) => line.text().into_bytes(),
            Message::Field { name, value } => {
                let name = match name {
                    Name::Host => "Host",
                    Name::Authorization => "Proxy-Authorization",
                    Name::Length => "Content-Length",
                    Name::TransferEncoding => "Transfer-Encoding",
                    Name::Connection => "Connection",
                    Name::Other(name) => name,
                };
                format!("{name}: {value}\r\n").into_bytes()
            }
            Message::EndOfHead => b"\r\n".to_vec(),
            Message::Raw(bytes) => bytes.clone(),
        }
    }
}

impl Line {
    fn text(&self) -> String {
        match self {
            Line::Request { method, target, version } => {
                let method = match method {
                    Method::Connect => "CONNECT",
                    Method::Get => "GET",
                    Method::Post => "POST",
                    Method::Other(method) => method,
                };
                let target = match target {
                    Wanted::Host(port) => format!("example.org:{port}"),
                    Wanted::Address(host, port) => format!("{}:{port}", core::net::Ipv4Addr::from(*host)),
                    Wanted::Absolute(rest) => format!("http://example.org/{rest}"),
                    Wanted::Other(target) => target.clone(),
                };
                format!("{method} {target} HTTP/1.{}\r\n", version % 3)
            }
            Line::Answer { version, status, reason } => {
                format!("HTTP/1.{} {} {reason}\r\n", version % 3, status % 1000)
            }
        }
    }
}

fn say(bytes: &[u8], piece: usize, side: u8) {
    let target = ProxyTarget::parse("example.org:80").expect("a target");
    let ann = Credentials::new(b"ann", b"secret").expect("a user");
    match side % 5 {
        0 => drop(feed(&mut ProxyServer::new(None), bytes, piece)),
        1 => {
            let users = Users::parse(b"ann:secret").expect("a user");
            let mut server = ProxyServer::new(Some(Rc::new(users)));
            feed(&mut server, bytes, piece);
            if let Some(target) = server.target() {
                assert_eq!(ProxyTarget::parse(&target.to_string()).as_ref(), Some(target));
            }
        }
        2 => drop(feed(&mut SocksClient::new(target, Some(ann)), bytes, piece)),
        3 => drop(feed(&mut AnswerHead::new(piece as u8 % 2), bytes, piece)),
        _ => drop(feed(&mut HttpConnectClient::new(&target, Some(&ann)), bytes, piece)),
    }
}

/// How much was taken does not depend on the pieces.
fn feed(machine: &mut impl Handshake, bytes: &[u8], piece: usize) -> usize {
    let mut used = 0;
    for part in bytes.chunks(piece) {
        let wanted = machine.wanted();
        match machine.receive(part) {
            Ok(count) => {
                assert!(count == part.len() || machine.wanted() == 0);
                assert!(count > 0 || wanted == 0);
                used += count;
            }
            Err(_) => return used,
        }
        machine.take_outgoing();
    }
    used
}
