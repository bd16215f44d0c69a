//! Wrong codes are counted, slowed down and at last of no use; a right one is used up by success alone.

use std::time::Duration;

use sendall::net::tls::key::Key;
use sendall::proto::secure::client::{Credential, NotTrusted};
use sendall::proto::secure::code::Code;
use sendall::proto::secure::cpace::Party;
use sendall::proto::secure::guesses::MAX_WRONG_PROOFS;
use sendall::proto::secure::refusal::{Reason, Refusal};

use super::super::scene::{CODE, User};
use super::between::exchange;
use super::peer::{Peer, connect_from};
use super::policy::{admitted, show};
use crate::harness::{A_WHILE, LIMIT, now, wait_until};
use crate::transfer::frames::{PUT, hello};
use crate::transfer::xfer::Place;

/// Shows a share. What the server answers, and the bytes of a wrong proof.
fn begin(host: u8, address: &str) -> (Peer, Vec<u8>) {
    let mut peer = Peer::over(connect_from(host, address), None);
    let exchange = exchange(Party::Initiator, "abandon-ability-able", &peer);
    peer.say(&[&[2, 0, 0, 32][..], &exchange.share()].concat());
    let answer = peer.hear_message();
    (peer, answer)
}

fn prove(peer: &mut Peer) {
    peer.say(&[&[3, 0, 0, 64][..], &[1; 64]].concat());
}

#[test]
fn a_hundred_wrong_codes_withdraw_it_also_from_as_many_addresses() {
    let (place, inbox) = (Place::new(), Place::new());
    let file = place.write("f", b"hello");
    let server = User::with(CODE).serve(&["--store", inbox.arg()]);
    let mut waiting = Vec::new();
    for host in 2..MAX_WRONG_PROOFS as u8 + 2 {
        let (mut peer, answer) = begin(host, &server.address);
        assert_eq!(answer[0], 0x82, "{host}");
        prove(&mut peer);
        // Who does not wait for the answer is counted all the same.
        if host % 2 == 0 {
            waiting.push(peer);
        }
    }
    server.logs("a wrong code (100 of 100");
    let finished = User::with(CODE).run(&["upload", &file, &server.address, "--retry", "3"]).expect(8);
    assert!(finished.stderr.contains("the code was withdrawn"), "{}", finished.stderr);
    assert_eq!(inbox.names().len(), 0);
    for mut peer in waiting {
        let answer = peer.hear_message();
        assert_eq!((answer[0], answer[4]), (0x8F, Reason::WrongCode.code()));
    }
}

#[test]
fn an_address_that_guesses_is_slowed_down_and_others_are_not() {
    let (place, inbox) = (Place::new(), Place::new());
    let file = place.write("f", b"hello");
    let server = User::with(CODE).serve(&["--store", inbox.arg()]);
    // As many as may be at it at once, and then many more.
    let mut runs: Vec<Peer> = (0..4).map(|_| begin(2, &server.address).0).collect();
    let proven = now();
    runs.iter_mut().for_each(prove);
    for _ in 0..20 {
        let (mut peer, answer) = begin(2, &server.address);
        assert_eq!((answer[0], answer[4]), (0x8F, Reason::Wait.code()));
        prove(&mut peer);
    }
    User::with(CODE).run(&["upload", &file, &server.address]).expect(0);
    for peer in &mut runs[..2] {
        assert_eq!(peer.hear_message()[4], Reason::WrongCode.code());
    }
    // The third and the fourth are answered 5 s after their proofs.
    for peer in &mut runs[2..] {
        peer.socket.set_read_timeout(Some(A_WHILE / 2)).expect("a limit");
        assert!(peer.hear_message().is_empty() || proven.elapsed() >= Duration::from_secs(5));
    }
}

#[test]
fn of_two_right_codes_at_once_one_waits_and_a_cut_gives_the_use_back() {
    let (place, inbox) = (Place::new(), Place::new());
    let file = place.write("f", b"hello");
    let server = User::with(CODE).serve(&["--store", inbox.arg(), "--code-uses", "1"]);
    let upload = || User::with(CODE).run(&["upload", &file, &server.address, "--retry", "3"]);
    let (mut first, _) = admitted(&server.address, &Key::generate().expect("a key"));
    first.say(&hello(PUT, b""));
    assert_eq!(first.hear(32)[10], 0);
    let finished = upload().expect(7);
    assert!(finished.stderr.contains("try again in"), "{}", finished.stderr);
    assert!(!finished.stderr.contains("trying again"), "{}", finished.stderr);
    // Cut: it may be used once more, until that has succeeded.
    first.reset();
    let code = Code::parse(CODE).expect("a code");
    let next = || {
        let mut peer = Peer::connect(&server.address, None);
        show(&mut peer, Credential::Code(&code)).map(drop)
    };
    assert!(wait_until(LIMIT, || next().is_ok()), "the use was not given back");
    assert!(wait_until(LIMIT, || inbox.path("f").exists() || upload().code == 0));
    inbox.expect("f", b"hello");
    let Err(NotTrusted::Refused(Refusal { reason, .. })) = next() else { panic!("it was not used up") };
    assert_eq!(reason, Reason::CodeUsed);
    let finished = upload().expect(8);
    assert!(finished.stderr.contains("used already"), "{}", finished.stderr);
}
