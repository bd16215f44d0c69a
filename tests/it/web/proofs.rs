//! Digests that a server gives, as b3sum and a client check them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use sendall::proto::web::proof::{self, TreeParser, push_sum_line, tree_text};
use sendall::store::{BLOCK_BYTES, BlockHasher, ContentHasher, root_of};

use crate::harness::others::installed;
use crate::harness::{In, Out, payload, start};

/// What `b3sum --check -` says of these names, and its exit code.
fn check(names: &[&[u8]]) -> Option<(String, i32)> {
    installed("b3sum")?;
    let place = tempfile::tempdir().expect("a folder");
    let mut lines = String::new();
    for name in names {
        let path = place.path().join(OsStr::from_bytes(name));
        fs::create_dir_all(path.parent().expect("a folder")).expect("there");
        fs::write(&path, name).expect("written");
        push_sum_line(blake3::hash(name).as_bytes(), name, &mut lines);
    }
    let folder = place.path().to_str().expect("UTF-8");
    let script = "cd \"$1\" && exec b3sum --check -";
    let done = start("sh", &["-c", script, "sh", folder], In::file(lines.as_bytes()), Out::Collect).finish();
    Some((String::from_utf8_lossy(&done.stdout).into_owned(), done.code))
}

#[test]
fn b3sum_checks_the_lines_of_all_names_that_it_can_express() {
    let names: [&[u8]; 8] = [
        b"plain",
        b"in/a folder/x",
        b"back\\slash",
        b"line\nend \\n",
        b"  spaces  ",
        "ümläut".as_bytes(),
        b"*star",
        b"\\begin",
    ];
    let Some((text, code)) = check(&names) else { return };
    assert_eq!((code, text.matches(": OK").count()), (0, names.len()), "{text}");
    let Some((text, code)) = check(&[b"plain", b"raw\xff"]) else { return };
    assert_eq!((code, text.matches(": OK").count()), (1, 1), "a name that it cannot express fails: {text}");
}

#[test]
fn a_tree_proves_each_block_of_its_file() {
    assert_eq!(BLOCK_BYTES, proof::BLOCK_BYTES);
    let block = BLOCK_BYTES as usize;
    for size in [0, 5, block, 2 * block + 3] {
        let content = payload(size);
        let mut hasher = ContentHasher::new(size as u64);
        hasher.update(&content);
        let digests = hasher.finish().expect("digests");
        let mut parser = TreeParser::new(size as u64);
        parser.push(tree_text(size as u64, &digests.root, &digests.values).as_bytes()).expect("a tree");
        let received = parser.finish().expect("a tree");
        assert_eq!(received.root, *blake3::hash(&content).as_bytes());
        assert_eq!((received.values.len() > 1).then_some(received.root), root_of(&received.values));
        for (index, value) in received.values.iter().enumerate() {
            let mut hasher = BlockHasher::new(index as u64 * BLOCK_BYTES);
            hasher.update(content.chunks(block).nth(index).expect("a block"));
            assert_eq!(hasher.finish().as_ref(), Some(value));
        }
    }
}
