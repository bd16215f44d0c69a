//! Peers written by hand that join sessions, and send blocks as they like, to `serve --store`.

use std::net::TcpListener;
use std::time::Duration;

use blake3::hazmat::HasherExt;

use crate::harness::{LIMIT, Running, payload, wait_until};
use crate::transfer::frames::*;
use crate::transfer::xfer::{Place, address, begin, run, serve, status_kib};

const BLOCK: usize = 4 << 20;
const BLOCK_FRAME: u8 = 6;
/// Flags of an ACK that is about a block.
const AGAIN: u8 = 1;
const OF_A_BLOCK: u8 = 2;

/// HELLO with the capability TREE.
fn hello_tree(operation: u8, name: &[u8]) -> Vec<u8> {
    let mut bytes = hello(operation, name);
    bytes[15] = 1;
    bytes
}

/// A server, and a session in which file 0 is wanted.
struct Session {
    there: Place,
    server: Running,
    first: Peer,
    id: Vec<u8>,
    bytes: Vec<u8>,
}

impl Session {
    #[track_caller]
    fn new(size: usize, options: &[&str], expected: u8) -> Session {
        let there = Place::in_memory();
        let server = serve(&[&["--store", there.arg()], options].concat());
        let mut first = Peer::connect(&address(&server));
        first.say(&[hello_tree(PUT, b""), entry(0, b"f", size as u64), turn()].concat());
        let accepted = first.hear(32);
        assert_eq!((accepted[10], accepted[15]), (0, 1), "accepted, with TREE");
        assert_eq!(first.hear_until(HAVE)[0], expected);
        assert_eq!(first.hear_frame().0, TURN);
        Session { there, server, first, id: accepted[16..].to_vec(), bytes: payload(size) }
    }

    /// One more connection, accepted.
    #[track_caller]
    fn join(&self) -> Peer {
        let mut peer = Peer::connect(&address(&self.server));
        peer.say(&hello_tree(4, &self.id));
        let accepted = peer.hear(32);
        assert_eq!((accepted[10], &accepted[16..]), (0, &self.id[..]));
        peer
    }

    fn block(&self, index: usize) -> &[u8] {
        &self.bytes[index * BLOCK..self.bytes.len().min((index + 1) * BLOCK)]
    }

    fn data(&self, index: usize) -> Vec<u8> {
        frame(DATA, 0, 0, (index * BLOCK) as u64, self.block(index))
    }

    fn value(&self, index: usize) -> Vec<u8> {
        value_frame(0, index, self.block(index))
    }

    fn end(&self) -> Vec<u8> {
        frame(END, 0, 0, self.bytes.len() as u64, blake3::hash(&self.bytes).as_bytes())
    }

    /// Sends the rest on the first connection: the file must arrive whole.
    #[track_caller]
    fn complete(mut self, blocks: &[usize]) {
        for index in blocks {
            self.first.say(&[self.data(*index), self.value(*index)].concat());
            assert_eq!(heard_of(&mut self.first), (OF_A_BLOCK, *index), "the word on block {index}");
        }
        self.first.say(&[self.end(), eot(1, 0)].concat());
        assert_eq!(self.first.hear_until(RESULT)[..4], [0; 4], "status 0");
        self.there.expect("f", &self.bytes);
        self.there.expect_names(&["f"]);
        assert!(!self.server.stderr.text().contains("panicked"), "{}", self.server.stderr.text());
    }

    /// The session ends with ERROR for this reason, and nothing is there.
    #[track_caller]
    fn expect_error(mut self, reason: u8) {
        assert_eq!(self.first.hear_until(ERROR)[0], reason);
        assert!(self.first.hear_all().is_empty());
        assert!(!self.there.path("f").exists());
        assert!(!self.server.stderr.text().contains("panicked"), "{}", self.server.stderr.text());
    }
}

/// BLOCK, with the right value for these bytes.
fn value_frame(file: u32, index: usize, bytes: &[u8]) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset((index * BLOCK) as u64);
    let value = hasher.update(bytes).finalize_non_root();
    frame(BLOCK_FRAME, 0, file, (index * BLOCK) as u64, &value)
}

/// The next ACK of a block: its flags and the number of the block.
#[track_caller]
fn heard_of(peer: &mut Peer) -> (u8, usize) {
    loop {
        let header = peer.hear(24);
        let offset = u64::from_be_bytes(header[8..16].try_into().expect("8 bytes"));
        assert_eq!(header[0], ACK, "a frame of another type");
        if header[1] != 0 {
            return (header[1], offset as usize / BLOCK);
        }
    }
}

const WANT: u8 = 1;
const REFUSED: u8 = 3;

#[test]
fn blocks_come_in_any_order_over_any_connection() {
    let session = Session::new(3 * BLOCK + 5, &[], WANT);
    let (mut second, mut third) = (session.join(), session.join());
    second.say(&[session.data(3), session.value(3)].concat());
    third.say(&[session.data(1), session.value(1)].concat());
    assert_eq!((heard_of(&mut second), heard_of(&mut third)), ((OF_A_BLOCK, 3), (OF_A_BLOCK, 1)));
    session.complete(&[2, 0]);
    assert!(second.hear_all().is_empty(), "an end, and nothing before");
}

#[test]
fn a_connection_that_joins_no_session_or_sends_garbage_is_harmless() {
    let session = Session::new(2 * BLOCK, &[], WANT);
    let mut stranger = Peer::connect(&address(&session.server));
    stranger.say(&hello_tree(4, &[9; 16]));
    assert_eq!(stranger.hear(32)[10], 7, "no such session");
    assert_eq!(stranger.hear_until(ERROR)[0], 7);
    let huge = header(DATA, 0, 0, 0, u64::MAX);
    let value = vec![7; 32];
    for nonsense in [
        hello_tree(4, &session.id),
        payload(100_000),
        huge,
        turn(),
        session.end(),
        frame(BLOCK_FRAME, 0, 0, 0, &value),
        frame(DATA, 0, 0, 5, b"within a block"),
        frame(DATA, 0, 0, 2 * BLOCK as u64, b"beyond the file"),
        [session.data(0), frame(DATA, 0, 0, BLOCK as u64, b"x"), session.value(0)].concat(),
        frame(DATA, 0, 0, 0, &session.bytes[..BLOCK + 1]),
        [frame(DATA, 0, 0, 0, &[1; 9]), frame(BLOCK_FRAME, 0, 0, 0, &value)].concat(),
        [session.data(0), frame(BLOCK_FRAME, 0, 0, 0, &[value.clone(), value].concat())].concat(),
    ] {
        let mut joined = session.join();
        joined.say(&nonsense);
        joined.hear_all();
    }
    session.complete(&[0, 1]);
}

#[test]
fn a_session_has_sixteen_connections_at_most() {
    let session = Session::new(2 * BLOCK, &["--max-per-source", "40"], WANT);
    let joined: Vec<Peer> = (1..16).map(|_| session.join()).collect();
    let mut one_more = Peer::connect(&address(&session.server));
    one_more.say(&hello_tree(4, &session.id));
    assert_eq!(one_more.hear(32)[10], 7);
    drop(joined);
    session.complete(&[0, 1]);
}

#[test]
fn a_connection_that_comes_after_the_end_of_its_session_is_no_failure() {
    let session = Session::new(2 * BLOCK, &["--count", "2"], WANT);
    let mut late = Peer::connect(&address(&session.server));
    let Session { server, mut first, id, .. } = session;
    first.say(&[frame(END, 1, 0, 0, &[0; 32]), eot(0, 0)].concat());
    first.hear_until(RESULT);
    drop(first);
    let ended = |text: &[u8], _| text.iter().filter(|byte| **byte == b'\n').count() >= 2;
    assert!(server.stderr.wait(LIMIT, ended), "{}", server.stderr.text());
    late.say(&hello_tree(4, &id));
    assert_eq!(late.hear(32)[10], 7);
    drop(late);
    // It was no client that counts, either.
    let here = Place::new();
    run(&["upload", &here.write("other", b"x"), &address(&server)]).expect(0);
    let ended = server.finish().ended(9);
    assert!(!ended.stderr.contains("no such session"), "{}", ended.stderr);
    assert!(ended.stderr.contains("1 of 2 clients failed"), "{}", ended.stderr);
}

#[test]
fn a_wrong_value_is_asked_for_again_as_often_as_it_comes() {
    let mut session = Session::new(2 * BLOCK, &[], WANT);
    let wrong = frame(BLOCK_FRAME, 0, 0, 0, &[7; 32]);
    for _ in 0..6 {
        session.first.say(&[session.data(0), wrong.clone()].concat());
        assert_eq!(heard_of(&mut session.first), (OF_A_BLOCK | AGAIN, 0));
    }
    session.complete(&[1, 0]);
}

/// The halves of block 0, of other bytes with `is_wrong`.
fn half_of_block(session: &Session, half: usize, is_wrong: bool) -> Vec<u8> {
    let range = half * BLOCK / 2..(half + 1) * BLOCK / 2;
    let bytes = if is_wrong { vec![0xff; BLOCK / 2] } else { session.bytes[range.clone()].to_vec() };
    frame(DATA, 0, 0, range.start as u64, &bytes)
}

#[test]
fn of_one_block_on_two_connections_the_one_that_began_last_is_written() {
    for wrong_one_is_first in [true, false] {
        let session = Session::new(2 * BLOCK, &[], WANT);
        let (mut one, mut two) = (session.join(), session.join());
        one.say(&half_of_block(&session, 0, wrong_one_is_first));
        let part = session.there.path(&session.there.names()[0]);
        let is_written = || std::fs::metadata(&part).expect("a part").len() == BLOCK as u64 / 2;
        assert!(wait_until(LIMIT, is_written));
        two.say(&half_of_block(&session, 0, !wrong_one_is_first));
        if wrong_one_is_first {
            two.say(&[half_of_block(&session, 1, false), session.value(0)].concat());
            assert_eq!(heard_of(&mut two), (OF_A_BLOCK, 0));
            one.say(&[half_of_block(&session, 1, true), session.value(0)].concat());
            assert_eq!(heard_of(&mut one), (OF_A_BLOCK, 0), "it is there, and stays as it is");
            session.complete(&[1]);
        } else {
            let is_replaced = || std::fs::read(&part).expect("a part")[BLOCK / 2 - 1] == 0xff;
            assert!(wait_until(LIMIT, is_replaced));
            one.say(&[half_of_block(&session, 1, false), session.value(0)].concat());
            assert_eq!(heard_of(&mut one), (OF_A_BLOCK | AGAIN, 0), "its first half is gone");
            two.say(&[half_of_block(&session, 1, true), session.value(0)].concat());
            assert_eq!(heard_of(&mut two), (OF_A_BLOCK | AGAIN, 0));
            session.complete(&[1, 0]);
        }
    }
}

#[test]
fn a_connection_that_falls_silent_is_dropped_and_the_session_has_its_time_for_another() {
    let session = Session::new(2 * BLOCK, &["--idle-timeout", "1s"], WANT);
    let mut silent = session.join();
    silent.say(&half_of_block(&session, 0, false));
    assert!(silent.hear_all().is_empty());
    session.complete(&[0, 1]);
}

#[test]
fn what_is_out_of_step_on_the_first_connection_ends_the_session() {
    let size = 2 * BLOCK as u64;
    let unasked = [
        frame(DATA, 0, 0, 5, b"within a block"),
        frame(DATA, 0, 0, size, b"beyond the file"),
        frame(BLOCK_FRAME, 0, 0, 0, &[7; 32]),
        frame(DATA, 0, 1, 0, b"a file that nobody knows"),
        frame(DATA, 0, u32::MAX, 0, b"a file that nobody knows"),
        eot(0, 0),
        [header(DATA, 0, 0, 0, BLOCK as u64 + 1), vec![0; 1000]].concat(),
        frame(ACK, OF_A_BLOCK, 0, 0, b""),
    ];
    for bytes in unasked {
        let mut session = Session::new(size as usize, &[], WANT);
        session.first.say(&bytes);
        session.expect_error(2);
    }
}

#[test]
fn an_end_before_its_blocks_waits_for_them_and_fails_with_eot() {
    let mut session = Session::new(2 * BLOCK, &[], WANT);
    let mut second = session.join();
    session.first.say(&session.end());
    for index in [1, 0] {
        second.say(&[session.data(index), session.value(index)].concat());
        assert_eq!(heard_of(&mut second), (OF_A_BLOCK, index));
    }
    session.first.say(&eot(1, 0));
    assert_eq!(session.first.hear_until(RESULT)[..4], [0; 4]);
    session.there.expect("f", &session.bytes);

    let mut session = Session::new(2 * BLOCK, &[], WANT);
    session.first.say(&[session.data(0), session.value(0), session.end(), eot(1, 0)].concat());
    let result = session.first.hear_until(RESULT);
    // Status 2, 0 done, 1 failed; then the failure: file 0, reason 16.
    assert_eq!((result[0], result[11], result[16]), (2, 1, 16), "{result:?}");
    session.there.expect_names(&[]);
}

#[test]
fn blocks_of_a_file_that_is_not_taken_are_thrown_away() {
    let mut session = Session::new(2 * BLOCK, &["--max-size", "5MB"], REFUSED);
    let mut second = session.join();
    for peer in [&mut second, &mut session.first] {
        peer.say(&[frame(DATA, 0, 0, 0, &session.bytes[..BLOCK]), value_frame(0, 0, b"x")].concat());
    }
    assert_eq!(heard_of(&mut second), (OF_A_BLOCK, 0));
    // It is closed by then: no more of it has a place here.
    assert_eq!(session.first.hear_until(ERROR)[0], 2);
    session.there.expect_names(&[]);
    let other = session.there.write("other", b"other");
    run(&["download", &address(&session.server), "-o", &other]).expect(7);
}

#[test]
fn a_file_of_unknown_size_has_no_blocks() {
    let session = Session::new(5, &[], WANT);
    let mut second = session.join();
    // Nobody waits for them: they are answered, and nothing is written.
    second.say(&[frame(DATA, 0, 0, 0, &vec![1; BLOCK]), frame(BLOCK_FRAME, 0, 0, 0, &[1; 32])].concat());
    assert_eq!(heard_of(&mut second), (OF_A_BLOCK, 0));
    let Session { mut first, there, bytes, .. } = session;
    first.say(&[whole(0, &bytes), eot(1, 5)].concat());
    assert_eq!(first.hear_until(RESULT)[..4], [0; 4]);
    there.expect("f", &bytes);
}

#[test]
fn a_block_of_a_file_that_is_over_is_whole_or_a_violation() {
    let early = [frame(DATA, 0, 0, 0, b"x"), frame(BLOCK_FRAME, 0, 0, 0, &[1; 32])].concat();
    for joins in [true, false] {
        let mut session = Session::new(2 * BLOCK, &[], WANT);
        let mut second = session.join();
        for index in [0, 1] {
            session.first.say(&[session.data(index), session.value(index)].concat());
            assert_eq!(heard_of(&mut session.first), (OF_A_BLOCK, index));
        }
        session.first.say(&session.end());
        // It is over, and its blocks are thrown away.
        second.say(&[session.data(0), session.value(0)].concat());
        assert_eq!(heard_of(&mut second), (OF_A_BLOCK, 0));
        if joins {
            second.say(&early);
            assert!(second.hear_all().is_empty(), "this connection only");
            session.first.say(&eot(1, 0));
            assert_eq!(session.first.hear_until(RESULT)[..4], [0; 4]);
        } else {
            session.first.say(&early);
            assert_eq!(session.first.hear_until(ERROR)[0], 2);
        }
    }
}

/// Sends blocks of one byte of a file that has none, whose answers nobody reads, as long as they are taken.
#[track_caller]
fn flood(peer: &mut Peer) {
    // No room here: what is answered waits at the other side.
    socket2::SockRef::from(&peer.0).set_recv_buffer_size(4096).expect("an option");
    peer.0.set_write_timeout(Some(Duration::from_millis(200))).expect("a time limit");
    let useless = [frame(DATA, 0, 0, 0, b"x"), frame(BLOCK_FRAME, 0, 0, 0, &[1; 32])].concat().repeat(10_000);
    let sent = (0..100).take_while(|_| peer.say(&useless)).count();
    assert!(sent < 100, "all of it was taken");
}

#[test]
fn unread_answers_cost_no_memory() {
    let session = Session::new(5, &[], WANT);
    let mut second = session.join();
    let before = status_kib(session.server.id(), "VmHWM");
    flood(&mut second);
    let grown = status_kib(session.server.id(), "VmHWM") - before;
    assert!(grown < 3 << 10, "a server: {grown} KiB");

    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let here = Place::new();
    let to = listener.local_addr().expect("an address").to_string();
    let client = begin(&["download", &to, "-j", "2", "-o", here.arg()]);
    let accepted = [MAGIC.as_slice(), &[1, 0, 0, 0, 0, 0, 0, 1], &[7; 16]].concat();
    let mut first = Peer::accept(&listener);
    first.hear_hello();
    let offer = [entry(0, b"f", 5), entry(1, b"g", 2 * BLOCK as u64), turn()].concat();
    first.say(&[accepted.clone(), offer].concat());
    let mut second = Peer::accept(&listener);
    second.hear_hello();
    second.say(&accepted);
    let before = status_kib(client.id(), "VmHWM");
    flood(&mut second);
    let grown = status_kib(client.id(), "VmHWM") - before;
    assert!(grown < 3 << 10, "a client: {grown} KiB");
    first.say(&error(18, b""));
    client.finish().ended(5);
}
