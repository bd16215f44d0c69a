//! Ranges of archives that are only in memory. Programs of others read whole ones in `tests/it/web`.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// What an entry of a test is made of: its content, if it is a file.
#[derive(Debug, Clone)]
enum Sample {
    File(Vec<u8>),
    Folder,
    Link(Vec<u8>),
}

fn sample() -> impl Strategy<Value = Sample> {
    prop_oneof![
        4 => proptest::collection::vec(any::<u8>(), 0..1100).prop_map(Sample::File),
        1 => Just(Sample::Folder),
        1 => proptest::collection::vec(any::<u8>(), 0..120).prop_map(Sample::Link),
    ]
}

fn attributes() -> impl Strategy<Value = Attributes> {
    let seconds = prop_oneof![any::<i64>(), -10..10_000_000_000_i64];
    (0..0o1000_u16, seconds, prop_oneof![Just(0), 0..1_000_000_000_u32]).prop_map(
        |(mode, mtime_seconds, mtime_nanoseconds)| Attributes { mode, mtime_seconds, mtime_nanoseconds },
    )
}

type Samples = Vec<(Vec<u8>, Sample, Attributes)>;

fn samples() -> impl Strategy<Value = Samples> {
    let path = proptest::collection::vec(any::<u8>(), 1..200);
    proptest::collection::vec((path, sample(), attributes()), 0..6)
}

fn entries(samples: &Samples) -> Entries {
    let mut entries = Entries::new(b"top");
    for (path, sample, attributes) in samples {
        match sample {
            Sample::File(content) => entries.push_file(path, content.len() as u64, *attributes),
            Sample::Folder => entries.push_folder(path, *attributes),
            Sample::Link(target) => entries.push_link(path, target, *attributes),
        }
    }
    entries
}

fn content(samples: &Samples, entry: usize) -> &[u8] {
    match &samples[entry].1 {
        Sample::File(content) => content,
        other => panic!("content of {other:?}"),
    }
}

/// Returns a range of the archive as a cursor gives it, with content in pieces of `step` bytes, and the entries whose CRC
/// was asked for.
fn assemble(
    layout: &Layout,
    samples: &Samples,
    range: std::ops::Range<u64>,
    step: usize,
) -> (Vec<u8>, BTreeSet<usize>) {
    let (mut out, mut asked) = (Vec::new(), BTreeSet::new());
    let mut cursor = Cursor::new(range);
    while let Some(piece) = cursor.next(layout) {
        match piece {
            Piece::Bytes(bytes) => {
                assert!(!bytes.is_empty());
                out.extend(bytes);
            }
            Piece::File { entry, offset_bytes, length_bytes } => {
                let (offset, length) = (offset_bytes as usize, (length_bytes as usize).min(step));
                let bytes = &content(samples, entry)[offset..offset + length];
                out.extend_from_slice(bytes);
                cursor.take(layout, bytes).unwrap();
            }
            Piece::NeedsCrc { entry } => {
                assert!(asked.insert(entry));
                assert!(layout.set_crc(entry, crc32fast::hash(content(samples, entry))));
            }
        }
    }
    assert_eq!(cursor.left_bytes(), 0);
    (out, asked)
}

fn new(format: Format, samples: &Samples) -> Layout {
    Layout::new(format, entries(samples)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_range_is_the_same_slice_of_the_whole(
        samples in samples(),
        is_zip: bool,
        step in 1..700_usize,
        ends in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 12),
    ) {
        let format = if is_zip { Format::Zip } else { Format::Tar };
        let layout = new(format, &samples);
        let (whole, asked) = assemble(&layout, &samples, 0..layout.len_bytes(), step);
        prop_assert_eq!(whole.len() as u64, layout.len_bytes());
        prop_assert!(asked.is_empty(), "the CRCs follow from the content");
        for (one, other) in ends {
            let (one, other) = (one.index(whole.len() + 1), other.index(whole.len() + 1));
            let (start, end) = (one.min(other), one.max(other));
            let layout = new(format, &samples);
            let (bytes, asked) = assemble(&layout, &samples, start as u64..end as u64, step);
            prop_assert_eq!(&bytes, &whole[start..end]);
            prop_assert!(is_zip || asked.is_empty(), "tar has no CRCs");
        }
    }
}

#[test]
fn a_range_can_begin_and_end_at_each_boundary() {
    let attributes = Attributes { mode: 0o644, mtime_seconds: 1, mtime_nanoseconds: 0 };
    let samples = vec![
        (b"d".to_vec(), Sample::Folder, attributes),
        (b"d/a".to_vec(), Sample::File(b"content".to_vec()), attributes),
        (b"d/b".to_vec(), Sample::File(Vec::new()), attributes),
        (b"l".to_vec(), Sample::Link(b"d/a".to_vec()), Attributes { mtime_nanoseconds: 5, ..attributes }),
    ];
    for format in [Format::Tar, Format::Zip] {
        let layout = new(format, &samples);
        let whole = assemble(&layout, &samples, 0..layout.len_bytes(), 3).0;
        // Tar is all blocks of 512 bytes: places around their ends are enough.
        let is_of_interest = |at: &usize| format == Format::Zip || (at + 2) % 512 < 12;
        for at in (0..=whole.len()).filter(is_of_interest) {
            let part = |range| assemble(&new(format, &samples), &samples, range, 3).0;
            assert_eq!(part(at as u64..layout.len_bytes()), whole[at..], "{format:?} from {at}");
            assert_eq!(part(0..at as u64), whole[..at], "{format:?} to {at}");
            if let Some(end) = whole.get(at..at + 1) {
                assert_eq!(part(at as u64..at as u64 + 1), end);
            }
        }
        assert_eq!(layout.piece_at(layout.len_bytes()), None);
        assert_eq!(layout.piece_at(u64::MAX), None);
    }
}

#[test]
fn other_content_than_before_is_noticed() {
    let samples = vec![(b"a".to_vec(), Sample::File(b"old".to_vec()), Attributes::default())];
    let layout = new(Format::Zip, &samples);
    assemble(&layout, &samples, 0..layout.len_bytes(), 2);
    assert!(layout.set_crc(0, crc32fast::hash(b"old")));
    let mut cursor = Cursor::new(0..layout.len_bytes());
    while !matches!(cursor.next(&layout), Some(Piece::File { .. })) {}
    cursor.take(&layout, b"ne").unwrap();
    assert_eq!(cursor.take(&layout, b"w"), Err(ContentChanged { entry: 0 }));
    let mut unseen = Cursor::new(0..layout.len_bytes());
    while !matches!(unseen.next(&layout), Some(Piece::File { .. })) {}
    unseen.skip(3);
    assert!(matches!(unseen.next(&layout), Some(Piece::Bytes(_))));
}

#[test]
fn what_cannot_be_laid_out_is_named() {
    let mut entries = Entries::new(b"");
    entries.push_file(b"a", 1, Attributes::default());
    entries.push_file(&[b'n'; 65_536], 1, Attributes::default());
    assert_eq!(Layout::new(Format::Zip, entries.clone()).unwrap_err(), LayoutError::NameTooLong(1));
    assert!(Layout::new(Format::Tar, entries).is_ok());
    let mut entries = Entries::new(b"");
    entries.push_file(&[b'n'; 65_535], u64::MAX / 2, Attributes::default());
    assert!(Layout::new(Format::Zip, entries.clone()).is_ok());
    entries.push_file(b"b", u64::MAX / 2, Attributes::default());
    assert_eq!(Layout::new(Format::Zip, entries.clone()).unwrap_err(), LayoutError::TooLong(1));
    assert_eq!(Layout::new(Format::Tar, entries).unwrap_err(), LayoutError::TooLong(1));
}

#[test]
fn archives_of_nothing_are_archives() {
    let length = |format| Layout::new(format, Entries::new(b"")).unwrap().len_bytes();
    assert_eq!((length(Format::Tar), length(Format::Zip)), (1024, 22));
}
