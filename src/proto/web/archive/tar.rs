//! Tar archives in the format pax (POSIX.1-2008, pax(1), "ustar Interchange Format" and "pax Header Block").

use super::entries::{Entry, EntryKind};

/// Everything in a tar archive is a multiple of this.
const BLOCK_BYTES: usize = 512;
/// Largest value of a field with eleven octal digits.
const MAX_OCTAL: u64 = 0o777_7777_7777;
/// Bytes of the fields `name` and `linkname`.
const NAME_BYTES: usize = 100;
/// The name of each extended header. Readers that do not know the format unpack it as a file.
const EXTENDED_NAME: &[u8] = b"PaxHeaders/extended";

/// Appends all that is before an entry's content: an extended header, if the other one cannot say everything, and that.
pub(super) fn write_header(entry: &Entry<'_>, out: &mut Vec<u8>) {
    let name = entry.name();
    let records = records(entry, &name);
    if !records.is_empty() {
        let size_bytes = records.len() as u64;
        let header =
            Header { kind: b'x', name: EXTENDED_NAME, target: b"", size_bytes, mode: 0o644, mtime: 0 };
        header.write(out);
        out.extend_from_slice(&records);
        pad(size_bytes, out);
    }
    let (kind, target) = match entry.kind {
        EntryKind::File { .. } => (b'0', &b""[..]),
        EntryKind::Link { target } => (b'2', target),
        EntryKind::Folder => (b'5', &b""[..]),
    };
    let mtime = u64::try_from(entry.attributes.mtime_seconds).unwrap_or(0).min(MAX_OCTAL);
    let mode = entry.attributes.mode;
    Header { kind, name: &name, target, size_bytes: entry.content_bytes(), mode, mtime }.write(out);
}

/// Appends zeros after content of this size, up to the next block.
pub(super) fn pad(size_bytes: u64, out: &mut Vec<u8>) {
    out.resize(out.len() + padding_bytes(size_bytes), 0);
}

fn padding_bytes(size_bytes: u64) -> usize {
    let rest = (size_bytes % BLOCK_BYTES as u64) as usize;
    (BLOCK_BYTES - rest) % BLOCK_BYTES
}

/// Appends the end of an archive: two blocks of zeros.
pub(super) fn write_end(out: &mut Vec<u8>) {
    out.resize(out.len() + 2 * BLOCK_BYTES, 0);
}

/// Returns the records of an extended header; none if the ustar header says everything.
///
/// Names are UTF-8 by the standard, unless `hdrcharset` says that they are bytes: bsdtar fails without it, GNU tar prints
/// a warning about it. Short names that are not UTF-8 go into the ustar header alone, which all readers take for bytes.
fn records(entry: &Entry<'_>, name: &[u8]) -> Vec<u8> {
    let target = match entry.kind {
        EntryKind::Link { target } => target,
        EntryKind::File { .. } | EntryKind::Folder => b"",
    };
    let has_own = |text: &[u8]| text.len() > NAME_BYTES || (!text.is_ascii() && is_utf8(text));
    let is_binary = |text: &[u8]| has_own(text) && !is_utf8(text);
    let mut out = Vec::new();
    if is_binary(name) || is_binary(target) {
        push_record(b"hdrcharset", b"BINARY", &mut out);
    }
    if has_own(name) {
        push_record(b"path", name, &mut out);
    }
    if has_own(target) {
        push_record(b"linkpath", target, &mut out);
    }
    if entry.content_bytes() > MAX_OCTAL {
        push_record(b"size", entry.content_bytes().to_string().as_bytes(), &mut out);
    }
    let (seconds, nanoseconds) = (entry.attributes.mtime_seconds, entry.attributes.mtime_nanoseconds);
    let fits = u64::try_from(seconds).is_ok_and(|seconds| seconds <= MAX_OCTAL);
    if nanoseconds > 0 || !fits {
        push_record(b"mtime", decimal_time(seconds, nanoseconds).as_bytes(), &mut out);
    }
    out
}

fn is_utf8(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok()
}

/// Formats a time as one decimal number, which for times before 1970 has its fraction below the next whole second:
/// half a second before 1970 is -0.5.
fn decimal_time(seconds: i64, nanoseconds: u32) -> String {
    let nanoseconds_in_all = i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
    let (whole, fraction) = (
        nanoseconds_in_all.unsigned_abs() / 1_000_000_000,
        nanoseconds_in_all.unsigned_abs() % 1_000_000_000,
    );
    let sign = if nanoseconds_in_all < 0 { "-" } else { "" };
    match fraction {
        0 => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{fraction:09}").trim_end_matches('0').to_owned(),
    }
}

/// Appends a record: its own length in decimal digits, these included, a space, the keyword, `=`, the value, a line end.
fn push_record(keyword: &[u8], value: &[u8], out: &mut Vec<u8>) {
    let rest = keyword.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    out.extend_from_slice(length.to_string().as_bytes());
    out.push(b' ');
    out.extend_from_slice(keyword);
    out.push(b'=');
    out.extend_from_slice(value);
    out.push(b'\n');
}

/// A ustar header. Owner and group are 0 and have no names: what belongs to whom on this machine is nobody's business.
struct Header<'a> {
    kind: u8,
    name: &'a [u8],
    target: &'a [u8],
    size_bytes: u64,
    mode: u16,
    /// At most [`MAX_OCTAL`].
    mtime: u64,
}

impl Header<'_> {
    /// Appends it: 512 bytes. Names are cut; the extended header then has the whole ones.
    fn write(&self, out: &mut Vec<u8>) {
        let mut block = [0; BLOCK_BYTES];
        put(&mut block, 0, &self.name[..self.name.len().min(NAME_BYTES)]);
        put(&mut block, 100, format!("{:07o}", self.mode).as_bytes());
        put(&mut block, 108, b"0000000");
        put(&mut block, 116, b"0000000");
        put(&mut block, 124, &size_field(self.size_bytes));
        put(&mut block, 136, format!("{:011o}", self.mtime).as_bytes());
        put(&mut block, 148, b"        ");
        block[156] = self.kind;
        put(&mut block, 157, &self.target[..self.target.len().min(NAME_BYTES)]);
        put(&mut block, 257, b"ustar\x0000");
        let sum: u32 = block.iter().copied().map(u32::from).sum();
        put(&mut block, 148, format!("{sum:06o}\0 ").as_bytes());
        out.extend_from_slice(&block);
    }
}

/// Returns the field `size`: octal digits, or from 8 GiB on a number in base 256, as GNU tar writes it. It is for readers
/// that skip extended headers, such as that of busybox; all others take the size from there.
fn size_field(size_bytes: u64) -> [u8; 12] {
    let mut field = [0; 12];
    if size_bytes <= MAX_OCTAL {
        field[..11].copy_from_slice(format!("{size_bytes:011o}").as_bytes());
    } else {
        field[0] = 0x80;
        field[4..].copy_from_slice(&size_bytes.to_be_bytes());
    }
    field
}

fn put(block: &mut [u8; BLOCK_BYTES], at: usize, bytes: &[u8]) {
    block[at..at + bytes.len()].copy_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::super::entries::{Attributes, Entries};
    use super::*;

    fn header(path: &[u8], size_bytes: u64, mtime_seconds: i64, mtime_nanoseconds: u32) -> Vec<u8> {
        let mut entries = Entries::new(b"");
        entries.push_file(path, size_bytes, Attributes { mode: 0o755, mtime_seconds, mtime_nanoseconds });
        let mut out = Vec::new();
        write_header(&entries.get(0).unwrap(), &mut out);
        assert_eq!(out.len() % BLOCK_BYTES, 0);
        out
    }

    #[test]
    fn only_what_ustar_cannot_say_is_in_an_extended_header() {
        for (path, size_bytes, seconds, nanoseconds) in
            [(&b"plain"[..], MAX_OCTAL, 0, 0), (b"\xff\xfe", 0, MAX_OCTAL as i64, 0), (&[b'n'; 100], 1, 1, 0)]
        {
            let out = header(path, size_bytes, seconds, nanoseconds);
            assert_eq!(out.len(), BLOCK_BYTES);
            assert!(out.starts_with(path));
            assert_eq!(&out[100..107], b"0000755");
        }
        let records = |path: &[u8], size_bytes, seconds, nanoseconds| {
            let out = header(path, size_bytes, seconds, nanoseconds);
            assert!(out.starts_with(EXTENDED_NAME));
            let end = out[BLOCK_BYTES..].iter().position(|byte| *byte == 0).unwrap();
            String::from_utf8_lossy(&out[BLOCK_BYTES..BLOCK_BYTES + end]).into_owned()
        };
        assert_eq!(records("ä".as_bytes(), 0, 0, 0), "11 path=ä\n");
        assert_eq!(records(b"a", MAX_OCTAL + 1, 0, 0), "19 size=8589934592\n");
        assert_eq!(records(b"a", 0, -1, 500_000_000), "14 mtime=-0.5\n");
        assert_eq!(records(b"a", 0, -2, 0), "12 mtime=-2\n");
        assert_eq!(records(b"a", 0, 5, 1), "21 mtime=5.000000001\n");
        assert_eq!(records(b"a", 0, i64::MIN, 1), "40 mtime=-9223372036854775807.999999999\n");
        let long = records(&[0xff; 101], 0, 0, 0);
        assert!(long.starts_with("21 hdrcharset=BINARY\n111 path="), "{long}");
    }

    #[test]
    fn the_length_of_a_record_counts_itself() {
        for length in (0..12_000).step_by(7).chain(80..110).chain(980..1010).chain(9_970..10_010) {
            let mut out = Vec::new();
            push_record(b"path", &vec![b'x'; length], &mut out);
            let digits = out.split(|byte| *byte == b' ').next().unwrap();
            assert_eq!(String::from_utf8_lossy(digits), out.len().to_string());
        }
    }

    #[test]
    fn content_ends_with_a_block() {
        assert_eq!([0, 1, 511, 512, 513, u64::MAX].map(padding_bytes), [0, 511, 1, 0, 511, 1]);
    }
}
