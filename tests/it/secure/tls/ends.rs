//! Ends of both directions, in order and not, as a peer of the test makes them.

use std::io::Read as _;
use std::time::Duration;

use rustix::process::Signal;

use super::{TestLink, TestServer};
use crate::harness::identity::IdentityFiles;
use crate::harness::{In, LIMIT, Out, Running, payload, sendall, wait_until};

fn connected(options: &[&str], input: In) -> (Running, TestLink) {
    let identity = IdentityFiles::named(&[]);
    let server = TestServer::of(&identity);
    let args = [&["connect", &server.address][..], &identity.expected(), options].concat();
    let running = sendall(&args, input, Out::Collect);
    let mut link = server.accept();
    link.handshake().expect("a handshake");
    (running, link)
}

#[test]
fn one_direction_ends_while_the_other_continues() {
    let bytes = payload(3 << 20);
    let (running, mut link) = connected(&[], In::file(&bytes));
    link.expect_all(&bytes);
    running.assert_waits();
    link.send(b"answer");
    link.close();
    link.end();
    assert_eq!(running.finish().expect(0).stdout, b"answer");

    let (mut running, mut link) = connected(&[], In::Open);
    link.send(b"first");
    link.close();
    running.expect_output(b"first");
    running.assert_waits();
    running.say(b"later");
    link.expect(b"later");
    running.end_input();
    link.expect_all(b"");
    running.finish().expect(0);
}

/// A peer that has closed its socket answers our close_notify with a reset: nothing is lost by that.
#[test]
fn a_peer_that_closes_at_once_after_its_end_has_everything() {
    for input in [In::Null, In::Open, In::Bytes(b"question".to_vec())] {
        let (is_open, asks) = (matches!(input, In::Open), matches!(input, In::Bytes(_)));
        let (mut running, mut link) = connected(&[], input);
        if asks {
            link.expect(b"question");
        }
        link.send(b"answer");
        link.close();
        drop(link);
        running.expect_output(b"answer");
        if is_open {
            running.assert_waits();
            running.end_input();
        }
        running.finish().expect(0);
    }
}

/// What was sent to a socket that is closed is lost, and that is said.
#[test]
fn what_comes_after_the_peer_has_closed_is_lost() {
    let (mut running, mut link) = connected(&[], In::Open);
    link.close();
    drop(link);
    running.assert_waits();
    running.say(b"too late");
    // Once more, if the first was written before the reset came.
    wait_until(Duration::from_millis(50), || false);
    running.end_input();
    running.finish().expect(5);
}

/// Its system has acknowledged what it never reads, and resets the connection, after its end in order.
#[test]
fn what_the_peer_leaves_unread_is_lost() {
    let (mut running, mut link) = connected(&[], In::Open);
    running.say(b"unread");
    assert!(link.socket.tcp.peek(&mut [0; 1]).expect("a record") > 0);
    link.close();
    drop(link);
    let finished = running.finish().expect(5);
    assert!(finished.stderr.contains("reset"), "{}", finished.stderr);
}

#[test]
fn an_end_without_close_notify_is_a_loss_unless_it_is_accepted() {
    for (options, code) in [(&[][..], 5), (&["--lax-end"], 0)] {
        for closes in [false, true] {
            let (running, mut link) = connected(options, In::Null);
            link.send(b"all of it?");
            if closes {
                drop(link);
            } else {
                link.end();
            }
            let finished = running.finish().expect(code);
            assert_eq!(finished.stdout, b"all of it?");
            assert_eq!(finished.stderr.contains("--lax-end"), code == 5, "{}", finished.stderr);
        }
    }
}

#[test]
fn a_reset_is_a_loss() {
    for options in [&[][..], &["--lax-end"]] {
        let (running, mut link) = connected(options, In::Open);
        link.send(b"some");
        running.expect_output(b"some");
        socket2::SockRef::from(&link.socket.tcp).set_linger(Some(Duration::ZERO)).expect("an option");
        drop(link);
        running.finish().expect(5);
    }
}

/// Ciphertext that the socket had no room for goes out by itself, also when there is nothing more to say and the peer has
/// ended its own direction.
#[test]
fn what_waits_for_room_goes_out_without_more_input() {
    let bytes = payload(12 << 20);
    let (mut running, mut link) = connected(&[], In::Open);
    link.close();
    let mut pipe = running.stdin.take().expect("a pipe");
    let feeding = std::thread::spawn({
        let bytes = bytes.clone();
        move || {
            std::io::Write::write_all(&mut pipe, &bytes).expect("taken");
            pipe
        }
    });
    running.assert_waits();
    link.expect(&bytes);
    drop(feeding.join());
    link.expect_all(b"");
    running.finish().expect(0);
}

#[test]
fn both_send_much_before_they_read() {
    let bytes = payload(4 << 20);
    let identity = IdentityFiles::named(&[]);
    let address = ["127.0.0.1:0"];
    let server =
        sendall(&[&["serve"], &address[..], &identity.shown()].concat(), In::file(&bytes), Out::Collect);
    let at = format!("127.0.0.1:{}", server.port());
    let client =
        sendall(&[&["connect", &at][..], &identity.expected()].concat(), In::file(&bytes), Out::Collect);
    for running in [client, server] {
        assert!(running.finish().expect(0).stdout == bytes);
    }
}

#[test]
fn an_end_or_a_reset_in_the_handshake_is_a_loss() {
    for (reset, text) in [(false, "during the TLS handshake"), (true, "reset")] {
        let identity = IdentityFiles::named(&[]);
        let server = TestServer::of(&identity);
        let args = [&["connect", &server.address][..], &identity.expected()].concat();
        let running = sendall(&args, In::Bytes(b"secret".to_vec()), Out::Collect);
        let mut link = server.accept();
        // The hello is read: to close before would be a reset.
        let mut hello = [0; 9000];
        assert!(link.socket.read(&mut hello).expect("a hello") > 0);
        if reset {
            socket2::SockRef::from(&link.socket.tcp).set_linger(Some(Duration::ZERO)).expect("an option");
        }
        drop(link);
        let finished = running.finish().expect(5);
        assert!(finished.stderr.contains(text), "{}", finished.stderr);
    }
}

#[test]
fn a_server_that_never_answers_the_hello_is_given_up() {
    let identity = IdentityFiles::named(&[]);
    let server = TestServer::of(&identity);
    let args = [&["connect", &server.address, "--timeout", "300ms"][..], &identity.expected()].concat();
    let running = sendall(&args, In::Open, Out::Collect);
    let link = server.accept();
    let finished = running.finish_within(Duration::from_secs(3)).expect(4);
    assert!(finished.stderr.contains("did not end within 300ms"), "{}", finished.stderr);
    drop(link);
}

#[test]
fn a_signal_ends_a_handshake_and_a_stream_at_once() {
    let identity = IdentityFiles::named(&[]);
    let server = TestServer::of(&identity);
    let args = [&["connect", &server.address][..], &identity.expected()].concat();
    for shakes_hands in [false, true] {
        let running = sendall(&args, In::Open, Out::Collect);
        let mut link = server.accept();
        if shakes_hands {
            link.handshake().expect("a handshake");
            link.send(b"x");
            running.expect_output(b"x");
        } else {
            link.socket.read_exact(&mut [0; 1]).expect("a hello");
        }
        running.signal(Signal::INT);
        assert_eq!(running.finish_within(LIMIT / 4).code, 130);
    }
}
