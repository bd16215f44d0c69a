//! Listings: hostile names, each form, and many entries.

use super::*;
use crate::proto::web::page::Uploads;

fn entry(name: &[u8], kind: EntryKind) -> Entry {
    let size_bytes = (kind == EntryKind::File).then_some(1234);
    Entry { name: name.to_vec(), kind, size_bytes, modified: Some(1_796_047_500) }
}

fn file(name: &str) -> Entry {
    entry(name.as_bytes(), EntryKind::File)
}

const CONTEXT: PageContext<'_> =
    PageContext { root: b"photos", path: b"", uploads: Uploads::No, is_listed: true, has_archives: true };

fn rows(entries: &[Entry]) -> String {
    let mut out = String::new();
    entries.iter().for_each(|entry| push_row(&mut out, entry));
    out
}

#[test]
fn a_row_has_a_relative_link_a_size_and_a_time() {
    assert_eq!(
        rows(&[file("a b.txt"), entry(b"d", EntryKind::Folder), entry(b"pipe", EntryKind::Other)]),
        "<tr><td><a href=\"a%20b.txt\">a b.txt</a><td data-v=1234>1.2 KiB<td data-v=1796047500>2026-11-30 14:05\n\
         <tr><td><a href=\"d/\">d/</a><td><td data-v=1796047500>2026-11-30 14:05\n\
         <tr><td>pipe<td><td data-v=1796047500>2026-11-30 14:05\n"
    );
    let unknown = Entry { size_bytes: None, modified: None, ..file("a") };
    assert_eq!(rows(&[unknown]), "<tr><td><a href=\"a\">a</a><td><td>\n");
}

#[test]
fn names_cannot_leave_their_place() {
    let hostile = "\"><script>alert(1)</script>{rows}?#&amp;'\n";
    let page =
        String::from_utf8(html(&CONTEXT, &[file(hostile), file("javascript:alert(1)"), file("//evil")]))
            .unwrap();
    assert_eq!(page.matches("<script>").count(), 1, "{page}");
    let links: Vec<&str> =
        page.split(" href=\"").skip(2).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(
        links,
        [
            "%22%3E%3Cscript%3Ealert%281%29%3C%2Fscript%3E%7Brows%7D%3F%23%26amp%3B%27%0A",
            "javascript%3Aalert%281%29",
            "%2F%2Fevil",
        ]
    );
    assert!(page.contains("&quot;&gt;&lt;script&gt;"), "{page}");
}

#[test]
fn folders_come_first_and_case_does_not_matter() {
    let names = ["b", "A", "a", "B.txt", "a.txt", "10"];
    let mut entries: Vec<Entry> =
        names.map(file).into_iter().chain([entry(b"z", EntryKind::Folder)]).collect();
    sort(&mut entries);
    let sorted: Vec<&str> = entries.iter().map(|entry| std::str::from_utf8(&entry.name).unwrap()).collect();
    assert_eq!(sorted, ["z", "10", "A", "a", "a.txt", "b", "B.txt"]);
}

#[test]
fn the_summary_counts() {
    assert_eq!(summary(&[]), "");
    assert_eq!(summary(&[entry(b"d", EntryKind::Folder)]), "1 folder");
    assert_eq!(
        summary(&[file("a"), file("b"), entry(b"d", EntryKind::Folder)]),
        "1 folder, 2 files, 2.4 KiB"
    );
    let huge = Entry { size_bytes: Some(u64::MAX), ..file("a") };
    assert_eq!(summary(&[huge.clone(), huge]), "2 files, 15.9 EiB");
}

#[test]
fn json_is_exact() {
    let entries =
        [entry(b"\xff\"\n", EntryKind::File), entry(b"d", EntryKind::Folder), entry(b"p", EntryKind::Other)];
    let lines = String::from_utf8(ndjson(&entries, str::to_owned)).unwrap();
    assert_eq!(
        lines,
        "{\"name\":\"\u{fffd}\\\"\\n\",\"kind\":\"file\",\"size\":1234,\"mtime\":\"2026-11-30T14:05:00Z\",\"href\":\"%FF%22%0A\"}\n\
         {\"name\":\"d\",\"kind\":\"folder\",\"size\":null,\"mtime\":\"2026-11-30T14:05:00Z\",\"href\":\"d/\"}\n\
         {\"name\":\"p\",\"kind\":\"other\",\"size\":null,\"mtime\":\"2026-11-30T14:05:00Z\",\"href\":null}\n"
    );
}

#[test]
fn text_has_the_columns_of_a_list() {
    let escape = |name: &[u8]| String::from_utf8_lossy(name).replace('\n', "\\x0a");
    let unknown = Entry { size_bytes: None, modified: None, ..file("b") };
    let lines = text(&[entry(b"d", EntryKind::Folder), file("a\n"), unknown], escape);
    assert_eq!(
        String::from_utf8(lines).unwrap(),
        "             - 2026-11-30T14:05:00Z d/\n\
         \x20         1234 2026-11-30T14:05:00Z a\\x0a\n\
         \x20            -                    - b\n"
    );
}

#[test]
fn programs_that_accept_everything_get_the_page() {
    let of = |accept: &'static str| preferred_form([accept.as_bytes()].into_iter());
    assert_eq!(preferred_form(core::iter::empty()), MediaType::Html);
    assert_eq!(of("*/*"), MediaType::Html);
    assert_eq!(of("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), MediaType::Html);
    assert_eq!(of("application/x-ndjson"), MediaType::NdJson);
    assert_eq!(of("application/json"), MediaType::NdJson);
    assert_eq!(of("text/plain"), MediaType::Text);
}

#[test]
fn many_names_are_listed() {
    let count: u32 = if cfg!(debug_assertions) { 2_000 } else { 100_000 };
    let mut entries: Vec<Entry> = (0..count)
        .map(|number| file(&format!("photo {:05} größe.jpg", number.wrapping_mul(2_654_435_761) % count)))
        .collect();
    sort(&mut entries);
    let page = html(&CONTEXT, &entries);
    assert_eq!(page.windows(4).filter(|bytes| bytes == b"<tr>").count(), count as usize + 1);
    assert_eq!(
        text(&entries[..1000], |name| String::from_utf8_lossy(name).into_owned())
            .split(|b| *b == b'\n')
            .count(),
        1001
    );
}
