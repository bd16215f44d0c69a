//! Zip archives whose files are stored, with zip64 where it is needed (PKWARE APPNOTE.TXT 6.3.10, sections 4.3 to 4.5).
//!
//! The CRC of a file follows its content in a data descriptor, because it is not known before. Sizes are known: they are
//! in the local header all the same, as libarchive writes them, so that readers of a stream find the end of a file.

use super::entries::{Entry, EntryKind};

/// Values from here on stand in the zip64 fields (4.5.3).
const MAX_32: u64 = u32::MAX as u64;
/// Largest length of a name.
pub(super) const MAX_NAME_BYTES: usize = u16::MAX as usize;
/// General purpose bits (4.4.4): a data descriptor follows; the name is UTF-8.
const HAS_DESCRIPTOR: u16 = 1 << 3;
const NAME_IS_UTF8: u16 = 1 << 11;
/// Versions of the format that are needed (4.4.3.2): for folders, and for zip64.
const VERSION_PLAIN: u16 = 20;
const VERSION_ZIP64: u16 = 45;
/// The system whose modes stand in the external attributes (4.4.2): Unix.
const MADE_BY_UNIX: u16 = 3 << 8;
/// Types of extra fields: sizes and offsets of 64 bits (4.5.3); times in seconds since 1970 (Info-ZIP's proginfo/extrafld.txt).
const EXTRA_ZIP64: u16 = 0x0001;
const EXTRA_TIME: u16 = 0x5455;
/// The bit of a folder in the attributes of MS-DOS.
const DOS_FOLDER: u32 = 0x10;

/// Everything that both headers of an entry have.
struct Fields {
    name: Vec<u8>,
    size_bytes: u64,
    flags: u16,
    /// Type and mode as in `st_mode`.
    unix_mode: u32,
    is_folder: bool,
    /// Date, then time.
    dos: (u16, u16),
    /// Seconds since 1970, where all readers understand them: unzip takes the number for signed, bsdtar for unsigned.
    mtime: Option<i32>,
}

impl Fields {
    fn of(entry: &Entry<'_>) -> Self {
        let name = entry.name();
        let (kind, size_bytes) = match entry.kind {
            EntryKind::File { size_bytes } => (0o100_000, size_bytes),
            EntryKind::Folder => (0o040_000, 0),
            EntryKind::Link { target } => (0o120_000, target.len() as u64),
        };
        let has_descriptor = if needs_crc(entry) { HAS_DESCRIPTOR } else { 0 };
        // Without the bit a name is bytes, for which Unix' unzip takes it. ASCII is both.
        let is_utf8 = !name.is_ascii() && std::str::from_utf8(&name).is_ok();
        Self {
            name,
            size_bytes,
            flags: has_descriptor | if is_utf8 { NAME_IS_UTF8 } else { 0 },
            unix_mode: kind | u32::from(entry.attributes.mode),
            is_folder: entry.kind == EntryKind::Folder,
            dos: dos_time(entry.attributes.mtime_seconds),
            mtime: i32::try_from(entry.attributes.mtime_seconds).ok().filter(|seconds| *seconds >= 0),
        }
    }

    fn is_large(&self) -> bool {
        self.size_bytes >= MAX_32
    }

    /// Appends the fields from the flags to the two sizes, which both headers have in this order.
    fn write_shared(&self, crc: u32, out: &mut Vec<u8>) {
        const STORED: u16 = 0;
        put16(out, self.flags);
        put16(out, STORED);
        put16(out, self.dos.1);
        put16(out, self.dos.0);
        put32(out, crc);
        put32(out, capped(self.size_bytes));
        put32(out, capped(self.size_bytes));
    }

    /// Returns the extra fields: of 64 bits those that are given, and the time.
    fn extra(&self, wide: &[u64]) -> Vec<u8> {
        let mut out = Vec::new();
        if !wide.is_empty() {
            put16(&mut out, EXTRA_ZIP64);
            put16(&mut out, 8 * wide.len() as u16);
            wide.iter().for_each(|value| put64(&mut out, *value));
        }
        if let Some(mtime) = self.mtime {
            const HAS_MTIME: u8 = 1;
            put16(&mut out, EXTRA_TIME);
            put16(&mut out, 5);
            out.push(HAS_MTIME);
            out.extend_from_slice(&mtime.to_le_bytes());
        }
        out
    }
}

/// Returns whether the CRC of an entry's content has to come from reading a file. That of nothing is 0.
pub(super) fn needs_crc(entry: &Entry<'_>) -> bool {
    entry.content_bytes() > 0
}

/// Returns the CRC of an entry that needs no file read for it.
fn own_crc(entry: &Entry<'_>) -> u32 {
    match entry.kind {
        EntryKind::Link { target } => crc32fast::hash(target),
        EntryKind::File { .. } | EntryKind::Folder => 0,
    }
}

/// Appends the local header of an entry (4.3.7), and a link's content.
pub(super) fn write_local(entry: &Entry<'_>, out: &mut Vec<u8>) {
    let fields = Fields::of(entry);
    let wide = [fields.size_bytes; 2];
    let extra = fields.extra(if fields.is_large() { &wide } else { &[] });
    put32(out, 0x0403_4b50);
    put16(out, if fields.is_large() { VERSION_ZIP64 } else { VERSION_PLAIN });
    fields.write_shared(own_crc(entry), out);
    put16(out, fields.name.len() as u16);
    put16(out, extra.len() as u16);
    out.extend_from_slice(&fields.name);
    out.extend_from_slice(&extra);
    if let EntryKind::Link { target } = entry.kind {
        out.extend_from_slice(target);
    }
}

/// Appends the data descriptor of an entry (4.3.9), if it has one.
pub(super) fn write_descriptor(entry: &Entry<'_>, crc: u32, out: &mut Vec<u8>) {
    let size_bytes = entry.content_bytes();
    if !needs_crc(entry) {
        return;
    }
    put32(out, 0x0807_4b50);
    put32(out, crc);
    if size_bytes >= MAX_32 {
        put64(out, size_bytes);
        put64(out, size_bytes);
    } else {
        put32(out, capped(size_bytes));
        put32(out, capped(size_bytes));
    }
}

/// Appends an entry's header in the central directory (4.3.12). `crc` is that of its file; of others it is not used.
/// `offset_bytes` is that of its local header.
pub(super) fn write_central(entry: &Entry<'_>, crc: u32, offset_bytes: u64, out: &mut Vec<u8>) {
    let fields = Fields::of(entry);
    let mut wide = Vec::new();
    if fields.is_large() {
        wide.extend([fields.size_bytes; 2]);
    }
    if offset_bytes >= MAX_32 {
        wide.push(offset_bytes);
    }
    let extra = fields.extra(&wide);
    let version = if wide.is_empty() { VERSION_PLAIN } else { VERSION_ZIP64 };
    put32(out, 0x0201_4b50);
    put16(out, MADE_BY_UNIX | version);
    put16(out, version);
    fields.write_shared(if needs_crc(entry) { crc } else { own_crc(entry) }, out);
    put16(out, fields.name.len() as u16);
    put16(out, extra.len() as u16);
    // No comment, the first disk, no internal attributes.
    [0, 0, 0].iter().for_each(|zero| put16(out, *zero));
    put32(out, fields.unix_mode << 16 | if fields.is_folder { DOS_FOLDER } else { 0 });
    put32(out, capped(offset_bytes));
    out.extend_from_slice(&fields.name);
    out.extend_from_slice(&extra);
}

/// Appends the end of an archive whose central directory has `count` entries and goes from `start_bytes` to `end_bytes`:
/// the two records of zip64 (4.3.14, 4.3.15) if they are needed, and the old one (4.3.16).
pub(super) fn write_end(count: u64, start_bytes: u64, end_bytes: u64, out: &mut Vec<u8>) {
    const MAX_COUNT: u64 = u16::MAX as u64;
    let length_bytes = end_bytes - start_bytes;
    if count >= MAX_COUNT || length_bytes >= MAX_32 || start_bytes >= MAX_32 {
        put32(out, 0x0606_4b50);
        // The length of the rest of this record.
        put64(out, 44);
        put16(out, MADE_BY_UNIX | VERSION_ZIP64);
        put16(out, VERSION_ZIP64);
        put64(out, 0);
        [count, count, length_bytes, start_bytes].iter().for_each(|value| put64(out, *value));
        put32(out, 0x0706_4b50);
        put32(out, 0);
        put64(out, end_bytes);
        put32(out, 1);
    }
    put32(out, 0x0605_4b50);
    put32(out, 0);
    put16(out, count.min(MAX_COUNT) as u16);
    put16(out, count.min(MAX_COUNT) as u16);
    put32(out, capped(length_bytes));
    put32(out, capped(start_bytes));
    put16(out, 0);
}

/// Returns date and time as MS-DOS has them (4.4.6): even seconds from 1980 to 2107. They are those of UTC, so that the
/// bytes do not depend on where this machine is; readers that know the extra field with the time do not use them.
fn dos_time(seconds: i64) -> (u16, u16) {
    const DAY_SECONDS: i64 = 86_400;
    let (days, second) = (seconds.div_euclid(DAY_SECONDS), seconds.rem_euclid(DAY_SECONDS));
    let (year, month, day) = date_of(days);
    match year {
        ..1980 => (1 << 5 | 1, 0),
        2108.. => (127 << 9 | 12 << 5 | 31, 23 << 11 | 59 << 5 | 29),
        _ => {
            let date = (year - 1980) << 9 | month << 5 | day;
            let time = (second / 3600) << 11 | (second / 60 % 60) << 5 | (second % 60 / 2);
            (date as u16, time as u16)
        }
    }
}

/// Returns year, month and day of a day counted from 1 January 1970, in the Gregorian calendar. Its years are counted from
/// March here, so that the day that is there every four years is the last of one.
fn date_of(days: i64) -> (i64, i64, i64) {
    const DAYS_TO_1970: i64 = 719_468;
    const DAYS_IN_400_YEARS: i64 = 146_097;
    let days = days + DAYS_TO_1970;
    let (era, day) = (days.div_euclid(DAYS_IN_400_YEARS), days.rem_euclid(DAYS_IN_400_YEARS));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * month_from_march + 2) / 5 + 1)
}

/// Returns what a field of 32 bits has: all ones where zip64 has the value.
fn capped(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn put16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_dos_are_utc_and_stay_in_their_years() {
        let fields = |seconds| {
            let (date, time) = dos_time(seconds);
            ([date >> 9, date >> 5 & 15, date & 31], [time >> 11, time >> 5 & 63, (time & 31) * 2])
        };
        // 29 February 2000, 12:34:56 UTC.
        assert_eq!(fields(951_827_696), ([20, 2, 29], [12, 34, 56]));
        assert_eq!(fields(315_532_800), ([0, 1, 1], [0, 0, 0]));
        assert_eq!(fields(4_354_819_199), ([127, 12, 31], [23, 59, 58]));
        for early in [315_532_799, 0, -1, i64::MIN] {
            assert_eq!(fields(early), ([0, 1, 1], [0, 0, 0]));
        }
        for late in [4_354_819_200, i64::MAX] {
            assert_eq!(fields(late), ([127, 12, 31], [23, 59, 58]));
        }
    }

    #[test]
    fn each_day_of_five_centuries_follows_the_one_before() {
        let mut before = date_of(-135_000);
        for days in -134_999..50_000 {
            let (year, month, day) = date_of(days);
            let is_next = match (month, day) {
                (1, 1) => before == (year - 1, 12, 31),
                (3, 1) => {
                    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
                    before == (year, 2, if is_leap { 29 } else { 28 })
                }
                (_, 1) => {
                    before == (year, month - 1, if matches!(month - 1, 4 | 6 | 9 | 11) { 30 } else { 31 })
                }
                _ => before == (year, month, day - 1),
            };
            assert!(is_next, "{before:?}, then {year}-{month}-{day}");
            before = (year, month, day);
        }
        assert_eq!(date_of(0), (1970, 1, 1));
    }
}
