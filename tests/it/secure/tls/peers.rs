//! Programs of others that speak TLS, as clients and as servers: what is sent arrives, or it is said.

use crate::harness::identity::IdentityFiles;
use crate::harness::others::{free_port, installed};
use crate::harness::{Finished, In, LIMIT, Out, Running, sendall, start, wait_until};
use crate::stream::peers::is_listening;

/// Lines of openssl's programs that begin with some letters are commands to them.
fn bytes() -> Vec<u8> {
    (0..1_000_000_u32).map(|index| if index % 80 == 79 { b'\n' } else { b'a' + (index % 7) as u8 }).collect()
}

const PYTHON: &str = "import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
link = context.wrap_socket(socket.create_connection(('127.0.0.1', int(sys.argv[1]))), server_hostname='sendall')
link.sendall(sys.stdin.buffer.read())
link.unwrap() if sys.argv[3] == 'unwrap' else link.close()
";

/// The words of a command, with the port and the files put in.
fn words(text: &[&str], port: u16, identity: &IdentityFiles) -> Vec<String> {
    let port = port.to_string();
    text.iter()
        .map(|word| {
            word.replace("PORT", &port)
                .replace("CERT", &identity.certificate)
                .replace("KEY", &identity.key)
                .replace("SCRIPT", PYTHON)
        })
        .collect()
}

fn start_tool(text: &[&str], port: u16, identity: &IdentityFiles, input: In) -> Option<Running> {
    let words = words(text, port, identity);
    installed(&words[0])?;
    let args: Vec<&str> = words[1..].iter().map(String::as_str).collect();
    Some(start(&words[0], &args, input, Out::Collect))
}

/// `serve` and a client. None: it is not installed.
fn with_client(client: &[&str], inputs: [In; 2], options: &[&str]) -> Option<(Finished, Vec<u8>)> {
    let identity = IdentityFiles::named(&[]);
    let [ours, theirs] = inputs;
    let server =
        sendall(&[&["serve", "127.0.0.1:0"], &identity.shown()[..], options].concat(), ours, Out::Collect);
    let client = start_tool(client, server.port(), &identity, theirs)?;
    let finished = server.finish();
    Some((finished, client.finish().stdout))
}

/// `connect` and a server.
fn with_server(server: &[&str], inputs: [In; 2], options: &[&str]) -> Option<(Finished, Vec<u8>)> {
    let identity = IdentityFiles::named(&[]);
    let port = free_port();
    let [ours, theirs] = inputs;
    let server = start_tool(server, port, &identity, theirs)?;
    assert!(wait_until(LIMIT, || is_listening(port)), "{}", server.stderr.text());
    let address = format!("127.0.0.1:{port}");
    let client =
        sendall(&[&["connect", &address], &identity.expected()[..], options].concat(), ours, Out::Collect);
    let finished = client.finish();
    // It may wait for its own input: what it got is what counts.
    let output = server.output.clone().expect("collected");
    server.ends_within(LIMIT / 20);
    output.wait(LIMIT / 20, |_, ended| ended);
    Some((finished, output.bytes()))
}

/// Checks the exit code, and the words about an end without `close_notify`.
#[track_caller]
fn assert_code(finished: Finished, code: i32, what: &[&str]) -> Vec<u8> {
    assert_eq!(finished.code, code, "{what:?}: {}", finished.stderr);
    assert_eq!(finished.stderr.contains("(--lax-end accepts such an end)"), code == 5, "{}", finished.stderr);
    finished.stdout
}

const S_CLIENT_13: &[&str] =
    &["openssl", "s_client", "-connect", "127.0.0.1:PORT", "-quiet", "-no_ign_eof", "-tls1_3"];
const S_CLIENT_12: &[&str] =
    &["openssl", "s_client", "-connect", "127.0.0.1:PORT", "-quiet", "-no_ign_eof", "-tls1_2"];
const NCAT: &[&str] = &["ncat", "--ssl", "127.0.0.1", "PORT"];
const NCAT_SENDS: &[&str] = &["ncat", "--ssl", "--send-only", "127.0.0.1", "PORT"];
const NCAT_READS: &[&str] = &["ncat", "--ssl", "--recv-only", "127.0.0.1", "PORT"];
const SOCAT: &[&str] = &["socat", "-", "OPENSSL:127.0.0.1:PORT,verify=0"];
const SOCAT_SENDS: &[&str] = &["socat", "-u", "-", "OPENSSL:127.0.0.1:PORT,cafile=CERT,commonname=sendall"];
const SOCAT_READS: &[&str] = &["socat", "-u", "OPENSSL:127.0.0.1:PORT,verify=0", "-"];

#[test]
fn what_clients_send_arrives() {
    for (client, options, code) in [
        (S_CLIENT_13, &[][..], 0),
        (S_CLIENT_12, &[], 0),
        // Its clients end without close_notify.
        (NCAT, &[], 5),
        (NCAT, &["--lax-end"], 0),
        (NCAT_SENDS, &[], 5),
        (NCAT_SENDS, &["--lax-end"], 0),
        (SOCAT, &[], 0),
        (SOCAT_SENDS, &[], 0),
        (&["python3", "-c", "SCRIPT", "PORT", "CERT", "unwrap"], &[], 0),
        (&["python3", "-c", "SCRIPT", "PORT", "CERT", "close"], &[], 5),
        (&["python3", "-c", "SCRIPT", "PORT", "CERT", "close"], &["--lax-end"], 0),
    ] {
        let inputs = [In::Null, In::file(&bytes())];
        let Some((finished, _)) = with_client(client, inputs, options) else { continue };
        assert!(assert_code(finished, code, client) == bytes(), "{client:?}");
    }
}

#[test]
fn what_clients_are_sent_arrives() {
    for client in [&S_CLIENT_13[..5], NCAT_READS, SOCAT_READS] {
        let Some((finished, got)) = with_client(client, [In::file(&bytes()), In::Null], &[]) else {
            continue;
        };
        assert_code(finished, 0, client);
        assert!(got == bytes(), "{client:?}: {} bytes", got.len());
    }
    // TLS 1.2 has no half-close: the client's end is waited for.
    for client in [S_CLIENT_12] {
        let inputs = [In::file(&bytes()), In::Open];
        let identity = IdentityFiles::named(&[]);
        let [ours, theirs] = inputs;
        let server =
            sendall(&[&["serve", "127.0.0.1:0"][..], &identity.shown()].concat(), ours, Out::Collect);
        let Some(mut client) = start_tool(client, server.port(), &identity, theirs) else { continue };
        client.expect_output(&bytes());
        server.assert_waits();
        client.end_input();
        server.finish().expect(0);
    }
}

const S_SERVER: &[&str] = &[
    "openssl",
    "s_server",
    "-accept",
    "127.0.0.1:PORT",
    "-cert",
    "CERT",
    "-key",
    "KEY",
    "-naccept",
    "1",
    "-quiet",
];
const NCAT_LISTENS: &[&str] =
    &["ncat", "-l", "127.0.0.1", "PORT", "--ssl", "--ssl-cert", "CERT", "--ssl-key", "KEY"];
const SOCAT_LISTENS: &[&str] = &["socat", "OPENSSL-LISTEN:PORT,cert=CERT,key=KEY,verify=0,reuseaddr", "-"];
const SOCAT_LISTENS_ONLY: &[&str] =
    &["socat", "-u", "OPENSSL-LISTEN:PORT,cert=CERT,key=KEY,verify=0,reuseaddr", "-"];

#[test]
fn what_servers_are_sent_arrives() {
    for (server, theirs, options, code) in [
        // They take our end for the end of everything.
        (&[S_SERVER, &["-tls1_3"]].concat()[..], In::Open, &[][..], 0),
        (&[S_SERVER, &["-tls1_2"]].concat(), In::Open, &["--end-when", "input"], 0),
        (NCAT_LISTENS, In::Null, &[], 5),
        (NCAT_LISTENS, In::Null, &["--lax-end"], 0),
        (SOCAT_LISTENS, In::Null, &[], 0),
        (SOCAT_LISTENS_ONLY, In::Null, &[], 0),
    ] {
        let Some((finished, got)) = with_server(server, [In::file(&bytes()), theirs], options) else {
            continue;
        };
        assert_code(finished, code, server);
        // With its bare end it may have gone before it had everything.
        let is_right = if code == 0 { got == bytes() } else { bytes().starts_with(&got) };
        assert!(is_right, "{server:?}: {} bytes", got.len());
    }
}

#[test]
fn what_servers_send_arrives() {
    for (server, options, code) in [
        (&[NCAT_LISTENS, &["--send-only"]].concat()[..], &[][..], 5),
        (&[NCAT_LISTENS, &["--send-only"]].concat(), &["--lax-end"], 0),
        (SOCAT_LISTENS, &[], 0),
    ] {
        let inputs = [In::Null, In::file(&bytes())];
        let Some((finished, _)) = with_server(server, inputs, options) else { continue };
        assert!(assert_code(finished, code, server) == bytes(), "{server:?}");
    }
}

/// s_server stops reading its input now and then after the first piece, and then it does not see its end: ours is enough.
#[test]
fn what_openssls_server_sends_arrives() {
    let identity = IdentityFiles::named(&[]);
    for (version, options) in [("-tls1_3", &[][..]), ("-tls1_2", &["--end-when", "input"])] {
        let port = free_port();
        let server = [S_SERVER, &[version]].concat();
        let Some(mut server) = start_tool(&server, port, &identity, In::Open) else { return };
        assert!(wait_until(LIMIT, || is_listening(port)), "{}", server.stderr.text());
        let address = format!("127.0.0.1:{port}");
        let args = [&["connect", &address], &identity.expected()[..], options].concat();
        let mut client = sendall(&args, In::Open, Out::Collect);
        server.say(&bytes()[..800]);
        client.expect_output(&bytes()[..800]);
        client.end_input();
        client.finish().expect(0);
    }
}

#[test]
fn curl_gets_a_page() {
    if installed("curl").is_none() {
        return;
    }
    let identity = IdentityFiles::named(&[]);
    let page = "HTTP/1.1 200 OK\\r\\nConnection: close\\r\\n\\r\\nhello\\n";
    let args = [&["serve", "127.0.0.1:0", "--count", "1", "--reply", page][..], &identity.shown()].concat();
    let server = sendall(&args, In::Null, Out::Collect);
    let port = server.port();
    let (url, to) = (format!("https://sendall:{port}/"), format!("sendall:{port}:127.0.0.1:{port}"));
    let args = ["--silent", "--show-error", "--cacert", &identity.certificate, "--connect-to", &to, &url];
    let curl = start("curl", &args, In::Null, Out::Collect).finish();
    assert_eq!((curl.code, &curl.stdout[..]), (0, &b"hello\n"[..]), "{}", curl.stderr);
    server.finish().expect(0);
}
