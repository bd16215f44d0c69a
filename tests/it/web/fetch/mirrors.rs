//! Several servers of one file.

use std::io::{ErrorKind, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use super::server::{Server, WebFile, one_after_the_other};
use super::{assert_part_only, fetch};
use crate::harness::{LIMIT, payload};
use crate::transfer::xfer::{Place, run};

const BLOCK: usize = 4 << 20;

#[test]
fn blocks_come_from_all_servers_at_once() {
    let (here, content) = (Place::new(), payload(3 * BLOCK + 9));
    // The second one knows nothing of trees: its blocks are verified by that of the other.
    let without_tree = WebFile { tree: None, ..WebFile::with_tree(&content) };
    let (first, second) = one_after_the_other(WebFile::with_tree(&content), without_tree);
    let ended = fetch(&first.url("f"), &here, &[&second.url("other/f")]).expect(0);
    here.expect("f", &content);
    let count =
        |server: &Server| server.requests().iter().filter(|request| request.path().ends_with("/f")).count();
    assert!(count(&first) > 0 && count(&second) > 0, "{} and {}", count(&first), count(&second));
    assert!(!ended.stderr.contains("unverified") && ended.stderr.contains("and 1 more"), "{}", ended.stderr);
}

#[test]
fn a_server_that_lies_is_dropped_and_named() {
    let (here, content) = (Place::new(), payload(3 * BLOCK));
    let lie = WebFile { tree: None, ..WebFile::with_tree(&vec![7; 3 * BLOCK]) };
    let (honest, lying) = one_after_the_other(WebFile::with_tree(&content), lie);
    let ended = fetch(&honest.url("f"), &here, &[&lying.url("f")]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    here.expect("f", &content);
    let line = format!("sendall: http://127.0.0.1:{}: the block of 4 MiB at byte ", lying.port);
    let errors = ended.errors();
    assert!(errors.len() == 1 && errors[0].starts_with(&line), "{errors:?}");
    assert!(errors[0].ends_with("is not what ?b3tree says; it is not used any more"), "{errors:?}");
}

#[test]
fn servers_that_fail_or_have_another_file_are_left_out() {
    let (here, content) = (Place::new(), payload(BLOCK + 5));
    let good = Server::of(WebFile::with_tree(&content));
    let (other, larger) = (payload(BLOCK + 6), payload(2 * BLOCK));
    let with_other_tree = Server::of(WebFile::with_tree(&other));
    let with_other_size = Server::of(WebFile { tree: None, ..WebFile::with_tree(&larger) });
    let missing = Server::saying("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let urls = [&with_other_tree, &with_other_size, &missing].map(|server| server.url("f"));
    let words = ["download", &good.url("f"), &urls[0], &urls[1], &urls[2], "-o", here.arg(), "-j", "6"];
    let ended = run(&words);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    here.expect("f", &content);
}

#[test]
fn without_a_tree_one_server_after_the_other_is_tried() {
    let (here, content) = (Place::new(), payload(100_000));
    let cut = Server::of(WebFile { cut_at: Some(50_000), ..WebFile::tagged(&content, "\"a\"") });
    let good = Server::of(WebFile::tagged(&content, "\"b\""));
    let ended = fetch(&cut.url("f"), &here, &[&good.url("f")]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    here.expect("f", &content);
    assert!(ended.stderr.contains("; it is not used any more") && ended.stderr.contains("unverified"));
    assert!(ended.stderr.contains("the file comes over one connection"), "{}", ended.stderr);
    let from = format!("received f from http://127.0.0.1:{}: ", good.port);
    assert!(ended.stderr.contains(&from), "{}", ended.stderr);
}

#[test]
fn the_last_failure_counts_if_none_is_left() {
    let (here, content) = (Place::new(), payload(2 * BLOCK));
    let lying = || Server::of(WebFile { wrong_at: Some(BLOCK + 1), ..WebFile::with_tree(&content) });
    let (first, second) = (lying(), lying());
    let ended = fetch(&first.url("f"), &here, &[&second.url("f")]);
    assert_eq!((ended.code, ended.errors().len()), (6, 2), "{}", ended.stderr);
    assert_part_only(&here);
}

#[test]
fn connections_that_end_between_answers_are_made_anew() {
    let (here, content) = (Place::new(), payload(5 * BLOCK));
    let servers = [0, 1].map(|_| {
        let file = WebFile::with_tree(&content);
        // It says nothing of the end that follows each answer.
        Server::new(move |request, stream| {
            file.answer(request, stream);
            false
        })
    });
    let ended = fetch(&servers[0].url("f"), &here, &[&servers[1].url("f"), "-j", "3"]).expect(0);
    here.expect("f", &content);
    assert!(ended.stderr.contains("and 1 more"), "{}", ended.stderr);
}

#[test]
fn an_answer_that_says_nothing_of_trees_is_not_waited_for() {
    let (here, content) = (Place::new(), payload(BLOCK + 9));
    let (sender, receiver) = mpsc::channel();
    let (sender, receiver) = (Mutex::new(sender), Mutex::new(receiver));
    let file = WebFile { tree: None, ..WebFile::with_tree(&content) };
    let first = Server::new(move |request, stream| match request.path() {
        "/elsewhere" => {
            // The rest of this answer never comes, and the client has to end it.
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nabc");
            let _ = stream.set_read_timeout(Some(LIMIT));
            let end = stream.read(&mut [0]).map_err(|error| error.kind());
            // Bytes that the client has not read make a reset of its end.
            if matches!(end, Ok(0) | Err(ErrorKind::ConnectionReset)) {
                let _ = sender.lock().unwrap_or_else(PoisonError::into_inner).send(());
            }
            false
        }
        _ if request.is_for_tree() => {
            let answer = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(answer).is_ok()
        }
        _ => file.answer(request, stream),
    });
    let (has_ended, file) = (Arc::new(AtomicBool::new(false)), WebFile::with_tree(&content));
    let seen = Arc::clone(&has_ended);
    let second = Server::new(move |request, stream| {
        if request.is_for_tree() {
            let ended = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(LIMIT / 5);
            seen.store(ended.is_ok(), Ordering::SeqCst);
        }
        file.answer(request, stream)
    });
    let ended = fetch(&first.url("f"), &here, &[&second.url("f")]).expect(0);
    here.expect("f", &content);
    assert!(!ended.stderr.contains("unverified"), "{}", ended.stderr);
    assert!(has_ended.load(Ordering::SeqCst), "its connection stayed open");
}
