//! The first bytes of both sides.

use proptest::prelude::*;

use crate::proto::Parsed;
use crate::proto::transfer::hello::{Accept, Capabilities, FIXED_BYTES, Hello, MAGIC, Operation};
use crate::proto::transfer::reason::Reason;
use crate::proto::transfer::violation::Violation;

const GET: Operation = Operation::Get { stream: false };

fn hellos() -> Vec<Hello> {
    let mut counting = Hello::get(GET, Vec::new()).unwrap();
    counting.capabilities.totals = true;
    vec![
        Hello::put(false, None, None),
        Hello::put(true, Some(1 << 40), Some(3)),
        Hello::get(GET, Vec::new()).unwrap(),
        Hello::get(GET, vec![b"a".to_vec()]).unwrap(),
        Hello::get(GET, vec![b"a".to_vec(), vec![0xff; 4096], b"../c".to_vec()]).unwrap(),
        Hello::get(Operation::Get { stream: true }, vec![b"a".to_vec()]).unwrap(),
        counting,
        Hello::get(Operation::List, Vec::new()).unwrap(),
        Hello::get(Operation::List, vec![b"a".to_vec(), b"b".to_vec()]).unwrap(),
        Hello::put(false, None, None).with_roots(vec![b"a".to_vec(), Vec::new(), vec![0xff; 255]]),
    ]
}

#[test]
fn hello_and_accept_come_back_and_every_cut_asks_for_more() {
    for hello in hellos() {
        let bytes = hello.encode();
        for cut in 0..bytes.len() {
            let read = Hello::parse(&bytes[..cut]);
            let needed = if cut < FIXED_BYTES { FIXED_BYTES } else { bytes.len() };
            assert_eq!(read, Ok(Parsed::Incomplete { needed }));
        }
        let followed = [bytes.as_slice(), b"next"].concat();
        assert_eq!(Hello::parse(&followed), Ok(Parsed::Complete { value: hello, used: bytes.len() }));
    }
    for (refused, stream) in [(None, false), (None, true), (Some(Reason::Busy), false)] {
        let keeps = refused.is_none();
        let capabilities = Capabilities { tree: !stream, skipped: stream, totals: keeps };
        let accept = Accept { refused, stream, capabilities, keeps, session: [9; 16] };
        let bytes = accept.encode();
        for cut in 0..FIXED_BYTES {
            assert_eq!(Accept::parse(&bytes[..cut]), Ok(Parsed::Incomplete { needed: FIXED_BYTES }));
        }
        assert_eq!(Accept::parse(&bytes), Ok(Parsed::Complete { value: accept, used: FIXED_BYTES }));
    }
}

#[test]
fn the_magic_is_refused_at_its_first_wrong_byte() {
    for wrong in 0..MAGIC.len() {
        let mut bytes = MAGIC[..=wrong].to_vec();
        assert!(matches!(Hello::parse(&bytes), Ok(Parsed::Incomplete { needed: FIXED_BYTES })));
        bytes[wrong] ^= 0x20;
        assert_eq!(Hello::parse(&bytes), Err(Violation::NotOurs));
        assert_eq!(Accept::parse(&bytes), Err(Violation::NotOurs));
    }
    for stranger in [b"GET / HTTP/1.1".as_slice(), b"\x16\x03\x01", b"SSH-2.0", b"\0"] {
        assert_eq!(Hello::parse(stranger), Err(Violation::NotOurs));
    }
}

#[test]
fn unsupported_requests_of_a_hello_are_distinguished() {
    let with = |place: usize, value: &[u8]| {
        let mut bytes = hellos()[3].encode();
        bytes[place..place + value.len()].copy_from_slice(value);
        Hello::parse(&bytes)
    };
    assert_eq!(with(8, &[2]), Err(Violation::Version(2)));
    assert_eq!(with(8, &[0]), Err(Violation::Version(0)));
    assert_eq!(Hello::parse(&[&MAGIC[..], &[2]].concat()), Err(Violation::Version(2)));
    assert!(matches!(with(9, &[200]), Ok(Parsed::Complete { .. })));
    for operation in [0, 5, 255] {
        assert_eq!(with(10, &[operation]), Err(Violation::Operation(operation)));
    }
    for violation in [Violation::Version(2), Violation::Operation(4), Violation::Extension(0x8002)] {
        assert_eq!(violation.reason(), Reason::Unsupported);
    }
    assert!(matches!(with(10, &[1]), Err(Violation::Malformed(_))), "a PUT with a name");
    assert!(matches!(with(10, &[4]), Err(Violation::Malformed(_))), "a JOIN of no session");
    for length in [4097u16, 0x8000, 0xffff] {
        let expected = Err(Violation::Length { what: "a name", length: length.into() });
        assert_eq!(with(28, &length.to_be_bytes()), expected);
    }
    assert_eq!(with(28, &4096u16.to_be_bytes()), Ok(Parsed::Incomplete { needed: 32 + 4096 }));
    assert_eq!(with(30, &[0xff, 0xff]), Ok(Parsed::Incomplete { needed: 32 + 1 + 65_535 }));
    let mut accept = Accept::plain().encode();
    accept[8] = 2;
    assert_eq!(Accept::parse(&accept), Err(Violation::Version(2)));
}

#[test]
fn extensions_of_a_hello() {
    let read = |name: &[u8], extensions: &[u8]| {
        let mut bytes = Hello::get(GET, Vec::new()).unwrap().encode();
        bytes[29] = name.len() as u8;
        bytes[31] = extensions.len() as u8;
        bytes.extend(name);
        bytes.extend(extensions);
        match Hello::parse(&bytes)? {
            Parsed::Complete { value, .. } => {
                assert_eq!(value.operation, GET);
                Ok(value.names().to_vec())
            }
            Parsed::Incomplete { needed } => panic!("{needed}"),
        }
    };
    let two = vec![b"a".to_vec(), b"b".to_vec()];
    assert_eq!(read(b"a", b"\x00\x07\0\x02zz\x80\x01\0\x01b"), Ok(two));
    assert_eq!(read(b"a", b"\x80\x02\0\0"), Err(Violation::Extension(0x8002)));
    for (name, extensions) in [
        (b"a".as_slice(), b"\x80\x01\0\0".as_slice()),
        (b"", b"\x80\x01\0\x01b"),
        (b"a", b"\x80\x01\0\x02b"),
        (b"a", b"\x80\x01\xff\xffb"),
        (b"a", b"\x00\x07\0"),
        (b"a", b"\x00"),
    ] {
        assert!(read(name, extensions).is_err(), "{extensions:?}");
    }
}

#[test]
fn flags_mean_something_where_they_are_defined_and_nothing_elsewhere() {
    let with_flags = |hello: &Hello, flags: u8| {
        let mut bytes = hello.encode();
        bytes[11] = flags;
        match Hello::parse(&bytes) {
            Ok(Parsed::Complete { value, .. }) => value.operation,
            other => panic!("{other:?}"),
        }
    };
    let (put, get) = (Hello::put(false, None, None), Hello::get(GET, Vec::new()).unwrap());
    let list = Hello::get(Operation::List, Vec::new()).unwrap();
    for flags in 0..=255u8 {
        assert_eq!(with_flags(&put, flags), Operation::Put { replace: flags & 1 != 0 });
        assert_eq!(with_flags(&get, flags), Operation::Get { stream: flags & 2 != 0 });
        assert_eq!(with_flags(&list, flags), Operation::List);
        let mut accept = Accept::plain().encode();
        accept[11] = flags;
        let Ok(Parsed::Complete { value, .. }) = Accept::parse(&accept) else { panic!("{flags}") };
        assert_eq!(value.stream, flags & 2 != 0);
    }
}

#[test]
fn capabilities_are_bits_and_unknown_ones_are_ignored() {
    for bits in (0..16u8).chain([0xff]) {
        let mut accept = Accept::plain().encode();
        accept[12..15].fill(0xff);
        accept[15] = bits;
        let Ok(Parsed::Complete { value, .. }) = Accept::parse(&accept) else { panic!("{bits}") };
        let expected = Capabilities { tree: bits & 1 != 0, skipped: bits & 2 != 0, totals: bits & 4 != 0 };
        assert_eq!(value.capabilities, expected);
        assert_eq!(value.encode()[12..16], [0, 0, 0, bits & 7]);
    }
}

#[test]
fn a_client_checks_that_it_asked_for_what_it_is_granted() {
    let tree = Capabilities { tree: true, ..Capabilities::default() };
    let accepted =
        |hello: &Hello, capabilities| Accept { capabilities, ..Accept::plain() }.check(hello).is_ok();
    let mut get = Hello::get(GET, Vec::new()).unwrap();
    assert!(accepted(&get, tree) && accepted(&get, Capabilities::default()));
    assert!(!accepted(&get, Capabilities::ALL), "totals");
    get.capabilities = Capabilities::default();
    assert!(!accepted(&get, tree));
    let join = Hello::join([0; 16]);
    assert!(accepted(&join, tree) && !accepted(&join, Capabilities::default()));
}

#[test]
fn roots_come_in_their_order_and_too_many_are_left_out() {
    let put = || Hello::put(true, Some(1), Some(2));
    let roots = |count, length| vec![vec![b'x'; length]; count];
    for (count, length, fits) in
        [(1, 0, true), (256, 251, true), (257, 251, false), (1, 65_499, true), (1, 65_500, false)]
    {
        let hello = put().with_roots(roots(count, length));
        let expected = if fits { roots(count, length) } else { Vec::new() };
        assert!(hello.roots() == expected, "{count} of {length}");
        let Ok(Parsed::Complete { value, .. }) = Hello::parse(&hello.encode()) else { panic!("a HELLO") };
        assert_eq!(value, hello);
    }
    let (session, rate, run) = ([3; 16], Some(5), [4; 16]);
    for hello in [Hello::join(session), put().with_rate(rate).of_run(run)] {
        let Ok(Parsed::Complete { value, .. }) = Hello::parse(&hello.encode()) else { panic!("a HELLO") };
        assert_eq!(value, hello);
    }
    let cut = [put().with_roots(roots(1, 3)).encode(), vec![0, 2, 0, 1]].concat();
    let mut longer = cut.clone();
    longer[31] += 4;
    assert!(matches!(Hello::parse(&longer), Err(Violation::Malformed(_))), "a root beyond the end");
}

#[test]
fn names_that_do_not_fit_are_reported_before_they_are_sent() {
    assert!(Hello::get(GET, vec![Vec::new()]).is_err());
    assert!(Hello::get(GET, vec![vec![b'x'; 4097]]).is_err());
    assert!(Hello::get(GET, vec![vec![b'x'; 4090]; 17]).is_err());
    assert!(Hello::get(GET, vec![vec![b'x'; 4089]; 17]).is_ok());
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_read_or_refused(
        start in 0..3u8, lengths in any::<[u8; 2]>(), mut bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let _ = Accept::parse(&[&MAGIC[..], &bytes].concat());
        // Mostly of the right version and operation, with lengths that are met.
        if let Some(fixed) = bytes.first_chunk_mut::<24>().filter(|_| start > 0) {
            (fixed[0], fixed[2]) = (1, start);
            (fixed[20], fixed[21]) = (0, lengths[0] % 50);
            (fixed[22], fixed[23]) = (0, lengths[1] % 99);
        }
        let bytes = [&MAGIC[..], &bytes].concat();
        match Hello::parse(&bytes) {
            Ok(Parsed::Incomplete { needed }) => prop_assert!(needed > bytes.len()),
            Ok(Parsed::Complete { value, used }) => {
                prop_assert!(used <= bytes.len());
                let said = value.encode();
                prop_assert_eq!(Hello::parse(&said), Ok(Parsed::Complete { value, used: said.len() }));
            }
            Err(_) => {}
        }
    }
}
