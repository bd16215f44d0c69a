//! Dialogues in pieces of any size, cut everywhere, refused, and with bytes after the consent.

use proptest::prelude::*;

use super::*;

const XMPP_BEGIN: &[u8] = b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' id='a>b'>";
const XMPP_OFFER: &[u8] =
    b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>";
const LDAP_OK: &[u8] = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00";

/// What a server says, in turns, and what the client says before each.
fn dialogue(protocol: StartTlsProtocol) -> Vec<(&'static [u8], Vec<u8>)> {
    match protocol {
        StartTlsProtocol::Smtp => vec![
            (b"", b"220-a.example\r\n220 ESMTP\r\n".to_vec()),
            (
                b"EHLO [127.0.0.1]\r\n",
                b"250-a.example\r\n250-SIZE 1000\r\n250-StartTLS\r\n250 HELP\r\n".to_vec(),
            ),
            (b"STARTTLS\r\n", b"220 go ahead\r\n".to_vec()),
        ],
        StartTlsProtocol::Imap => vec![
            (b"", b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n".to_vec()),
            (b"a STARTTLS\r\n", b"* CAPABILITY IMAP4rev1\r\na OK begin\r\n".to_vec()),
        ],
        StartTlsProtocol::Pop3 => {
            vec![(b"", b"+OK ready\r\n".to_vec()), (b"STLS\r\n", b"+OK\r\n".to_vec())]
        }
        StartTlsProtocol::Ldap => vec![(ldap::REQUEST, LDAP_OK.to_vec())],
        StartTlsProtocol::Postgres => vec![(&SSL_REQUEST, b"S".to_vec())],
        StartTlsProtocol::Xmpp => vec![
            (
                b"<?xml version='1.0'?><stream:stream to='a&amp;b' version='1.0' xmlns='jabber:client' \
                xmlns:stream='http://etherx.jabber.org/streams'>",
                [XMPP_BEGIN, XMPP_OFFER].concat(),
            ),
            (
                b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
                b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>".to_vec(),
            ),
        ],
    }
}

/// Gives bytes in pieces. True if the dialogue is over.
fn feed(machine: &mut StartTls, bytes: &[u8], piece: usize) -> Result<bool, StartTlsFault> {
    for part in bytes.chunks(piece.min(PIECE_BYTES)) {
        if machine.wanted() == 0 {
            return Err(StartTlsFault::Injected);
        }
        machine.take(part)?;
    }
    Ok(machine.wanted() == 0)
}

/// The outcome of what a server says at once.
fn said(protocol: StartTlsProtocol, bytes: &[u8]) -> Result<bool, StartTlsFault> {
    feed(&mut StartTls::new(protocol, "a"), bytes, PIECE_BYTES)
}

#[test]
fn each_dialogue_leads_to_tls_in_pieces_of_any_size() {
    for protocol in StartTlsProtocol::ALL {
        for piece in [1, 2, 3, 7, PIECE_BYTES] {
            let mut machine = StartTls::new(protocol, "a&b");
            let turns = dialogue(protocol);
            for (turn, (client, server)) in turns.iter().enumerate() {
                let outgoing = machine.take_outgoing();
                assert_eq!(&outgoing[..], *client, "{protocol}: {}", String::from_utf8_lossy(&outgoing));
                let is_over = feed(&mut machine, server, piece);
                assert_eq!(is_over, Ok(turn + 1 == turns.len()), "{protocol} in pieces of {piece}");
            }
            assert_eq!(machine.take_outgoing(), b"", "{protocol}");
        }
    }
}

#[test]
fn nothing_but_all_of_it_is_a_consent() {
    for protocol in StartTlsProtocol::ALL {
        let all: Vec<u8> = dialogue(protocol).into_iter().flat_map(|(_, server)| server).collect();
        for cut in 0..all.len() {
            assert_eq!(said(protocol, &all[..cut]), Ok(false), "{protocol} cut at {cut}");
        }
    }
}

#[test]
fn bytes_after_the_consent_are_refused() {
    for protocol in StartTlsProtocol::ALL {
        let all: Vec<u8> = dialogue(protocol).into_iter().flat_map(|(_, server)| server).collect();
        for injected in [&b"\n"[..], b"x", b"220 done\r\n", b"\x16\x03\x03"] {
            assert_eq!(
                said(protocol, &[&all, injected].concat()),
                Err(StartTlsFault::Injected),
                "{protocol}"
            );
        }
    }
}

#[test]
fn a_missing_offer_and_a_refusal_are_told_apart() {
    use StartTlsFault::{NotOffered, NotSpoken};
    use StartTlsProtocol::{Imap, Ldap, Pop3, Postgres, Smtp, Xmpp};
    let refused = |words: &str| StartTlsFault::Refused(words.into());
    let xmpp = |rest: &str| [XMPP_BEGIN, rest.as_bytes()].concat();
    let cases: Vec<(StartTlsProtocol, Vec<u8>, StartTlsFault)> = vec![
        (Smtp, b"220 a\r\n250-a\r\n250 XSTARTTLS\r\n".to_vec(), NotOffered),
        (Smtp, b"554 no\r\n".to_vec(), refused("554 no")),
        (Smtp, b"220 a\r\n250 STARTTLS\r\n454 later\r\n".to_vec(), refused("454 later")),
        (Smtp, b"SSH-2.0-OpenSSH\r\n".to_vec(), NotSpoken),
        (Smtp, b"2204\r\n".to_vec(), NotSpoken),
        (Imap, b"* PREAUTH hello\r\n".to_vec(), refused("* PREAUTH hello")),
        (Imap, b"* BYE\r\n".to_vec(), refused("* BYE")),
        (Imap, b"* OK\r\na BAD what\r\n".to_vec(), refused("a BAD what")),
        (Imap, b"* OK\r\nb OK\r\n".to_vec(), NotSpoken),
        (Imap, b"a OK\r\n".to_vec(), NotSpoken),
        (Pop3, b"-ERR busy\r\n".to_vec(), refused("-ERR busy")),
        (Pop3, b"+OKAY\r\n".to_vec(), NotSpoken),
        (
            Ldap,
            b"\x30\x0e\x02\x01\x01\x78\x09\x0a\x01\x02\x04\x00\x04\x02no".to_vec(),
            refused("result 2: no"),
        ),
        (Ldap, b"\x30\x0c\x02\x01\x00\x78\x07\x0a\x01\x00\x04\x00\x04\x00".to_vec(), refused("result 0: ")),
        (Ldap, b"\x30\x0c\x02\x01\x07\x78\x07\x0a\x01\x00\x04\x00\x04\x00".to_vec(), NotSpoken),
        (Ldap, b"\x30\x80\x02\x01\x01".to_vec(), NotSpoken),
        (Ldap, b"\x30\x84\x7f\xff\xff\xff".to_vec(), StartTlsFault::Endless),
        (Ldap, b"HTTP/1.1".to_vec(), NotSpoken),
        (Postgres, b"N".to_vec(), refused("it has no TLS")),
        (Postgres, b"E".to_vec(), NotSpoken),
        (Xmpp, xmpp("<stream:features/>"), NotOffered),
        (Xmpp, xmpp("<stream:features><starttls xmlns='other'/></stream:features>"), NotOffered),
        (Xmpp, xmpp("<stream:error>"), refused("stream:error")),
        (Xmpp, xmpp("</stream:stream>"), refused("/stream:stream")),
        (Xmpp, xmpp("<!DOCTYPE a>"), NotSpoken),
        (Xmpp, b"<html>".to_vec(), NotSpoken),
        (Xmpp, b"HTTP/1.1 400".to_vec(), NotSpoken),
    ];
    for (protocol, bytes, fault) in cases {
        assert_eq!(said(protocol, &bytes), Err(fault), "{protocol}: {}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn an_element_may_be_empty_in_two_ways() {
    let proceed = b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'></proceed>";
    let all = [XMPP_BEGIN, XMPP_OFFER, &proceed[..]].concat();
    assert_eq!(said(StartTlsProtocol::Xmpp, &all), Ok(true));
    let text = b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'>x</proceed>";
    let all = [XMPP_BEGIN, XMPP_OFFER, &text[..]].concat();
    assert_eq!(said(StartTlsProtocol::Xmpp, &all), Err(StartTlsFault::NotSpoken));
}

#[test]
fn a_server_that_never_ends_is_left() {
    let line = [&b"250-"[..], &[b'x'; 9000]].concat();
    for (protocol, begin, more) in [
        (StartTlsProtocol::Smtp, &b""[..], &b"220-a\r\n"[..]),
        (StartTlsProtocol::Smtp, b"220 a\r\n", &line),
        (StartTlsProtocol::Imap, b"* OK\r\n", b"* a\r\n"),
        (StartTlsProtocol::Xmpp, XMPP_BEGIN, b"<a b='"),
        (StartTlsProtocol::Xmpp, XMPP_BEGIN, b"<a/>text"),
    ] {
        let mut machine = StartTls::new(protocol, "a");
        let mut result = feed(&mut machine, begin, PIECE_BYTES);
        let mut bytes = 0;
        while result == Ok(false) {
            bytes += more.len();
            assert!(bytes <= 2 * MAX_BYTES, "{protocol}");
            result = feed(&mut machine, more, PIECE_BYTES);
        }
        assert_eq!(result, Err(StartTlsFault::Endless), "{protocol}");
    }
}

proptest! {
    #[test]
    fn pieces_make_no_difference_and_no_bytes_break_it(
        which in 0..StartTlsProtocol::ALL.len(),
        kept in 0..400_usize,
        rest in prop::collection::vec(any::<u8>(), 0..100),
        piece in 1..50_usize,
    ) {
        let protocol = StartTlsProtocol::ALL[which];
        let mut all: Vec<u8> = dialogue(protocol).into_iter().flat_map(|(_, server)| server).collect();
        all.truncate(kept);
        all.extend(rest);
        let mut slow = StartTls::new(protocol, "a");
        let mut fast = StartTls::new(protocol, "a");
        let results = (feed(&mut slow, &all, piece), feed(&mut fast, &all, PIECE_BYTES));
        prop_assert_eq!(results.0, results.1);
    }
}
