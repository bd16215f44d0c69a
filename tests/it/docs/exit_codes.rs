//! Every exit code that `serve` and `connect` can leave, and the one line that goes with it.

use std::fs::File;
use std::os::fd::AsFd;

use rustix::event::PollFlags;

use crate::harness::link::{Net, WAYS};
use crate::harness::{In, LIMIT, Out, payload, sendall, silent_port, start, wait_for_fd};

fn tcp_ways() -> impl Iterator<Item = crate::harness::link::Way> {
    WAYS.into_iter().filter(|way| way.net == Net::Tcp)
}

fn opened(path: &str) -> std::os::fd::OwnedFd {
    File::open(path).expect(path).into()
}

#[test]
fn code_0_all_of_it() {
    for way in WAYS {
        let (running, mut link) = way.open(&[], In::Bytes(b"all".to_vec()), Out::Collect);
        link.expect_all(b"all");
        link.end();
        running.finish().expect(0);
    }
}

#[test]
fn code_1_an_input_that_cannot_be_read() {
    for way in WAYS {
        let (running, _link) = way.open(&[], In::Fd(opened("/")), Out::Collect);
        let finished = running.finish().expect(1);
        assert!(finished.stderr.contains("stdin"), "{}", finished.stderr);
    }
}

#[test]
fn code_2_wrong_usage() {
    sendall(&["connect", "nowhere"], In::Null, Out::Collect).finish().expect(2);
}

#[test]
fn code_3_no_connection() {
    let (_silent, refused) = silent_port();
    let refused = refused.to_string();
    for (args, why) in [
        (&["connect", &refused][..], "refused"),
        (&["connect", "unix:/no/such/socket"], "no such socket"),
        (&["connect", "unix:@sendall-nobody-listens-here"], "refused"),
        (&["serve", "203.0.113.1:0"], "not an address of this machine"),
        (&["serve", "unix:/no/such/folder/socket"], "No such file"),
    ] {
        let finished = sendall(args, In::Null, Out::Collect).finish().expect(3);
        assert!(finished.stderr.contains(why), "{args:?}: {}", finished.stderr);
        assert!(finished.stderr.contains(args[1]), "{args:?}: {}", finished.stderr);
    }
}

#[test]
fn code_5_reset_in_mid_session() {
    for way in tcp_ways() {
        for input in [In::Null, In::Open, In::file(&payload(20 << 20))] {
            let (running, mut link) = way.open(&[], input, Out::Collect);
            link.send(b"something");
            running.expect_output(b"something");
            link.reset();
            let finished = running.finish().expect(5);
            assert_eq!(finished.stdout, b"something");
        }
    }
}

#[test]
fn code_5_reset_after_the_peers_end_while_the_input_is_open() {
    for way in tcp_ways() {
        let (running, mut link) = way.open(&[], In::Open, Out::Collect);
        link.send(b"bye");
        link.end();
        running.expect_output(b"bye");
        link.reset();
        running.finish().expect(5);
    }
}

#[test]
fn code_5_broken_pipe() {
    for way in WAYS {
        let (mut running, link) = way.open(&[], In::Open, Out::Collect);
        // An orderly close, as at the end of a process: further bytes are refused.
        drop(link);
        running.assert_waits();
        running.say(b"anyone?");
        if !running.ends_within(crate::harness::A_WHILE) {
            // The command ends by itself; a second write only hastens what the first has caused.
            use std::io::Write;
            let _ = running.stdin.as_mut().map(|pipe| pipe.write_all(b"?"));
        }
        running.finish().expect(5);
    }
}

#[test]
fn code_5_the_peer_closes_with_bytes_unread() {
    for way in WAYS {
        let (running, link) = way.open(&[], In::Bytes(payload(1000)), Out::Collect);
        assert!(wait_for_fd(link.as_fd(), PollFlags::IN, LIMIT));
        drop(link);
        running.finish().expect(5);
    }
}

#[test]
fn code_10_stdout_fails() {
    for way in WAYS {
        for peer_ends in [false, true] {
            let full = File::options().write(true).open("/dev/full").expect("/dev/full");
            let (running, mut link) = way.open(&[], In::Null, Out::Fd(full.into()));
            link.send(&payload(100));
            if peer_ends {
                // It may have failed at the first bytes.
                let _ = link.try_end();
            }
            let finished = running.finish().expect(10);
            assert!(finished.stderr.contains("stdout"), "{}", finished.stderr);
        }
    }
}

#[test]
fn code_10_stdout_is_closed_or_read_only() {
    let serve = sendall(&["serve", "0"], In::Null, Out::Closed).finish().expect(10);
    assert!(serve.stderr.contains("stdout is closed"), "{}", serve.stderr);
    for way in WAYS {
        let (running, mut link) = way.open(&[], In::Null, Out::Fd(opened("/dev/null")));
        // Not a failure before there is something to write.
        link.send(b"for a descriptor that cannot be written");
        running.finish().expect(10);
    }
}

#[test]
fn code_141_like_sigpipe() {
    let binary = env!("CARGO_BIN_EXE_sendall");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let script = format!("{{ {binary} connect 127.0.0.1:{port} </dev/null; echo $? >&2; }} | head -c1");
    let running = start("sh", &["-c", &script], In::Null, Out::Collect);
    assert!(wait_for_fd(listener.as_fd(), PollFlags::IN, LIMIT));
    let (stream, _) = listener.accept().expect("a client");
    let mut link = crate::harness::link::Link::Tcp(stream);
    let sending = std::thread::spawn(move || {
        use std::io::Write;
        while link.write_all(&[b'x'; 1000]).is_ok() {}
    });
    let finished = running.finish();
    assert_eq!((finished.stdout, finished.stderr), (b"x".to_vec(), "141\n".into()));
    sending.join().expect("the connection ended");
}
