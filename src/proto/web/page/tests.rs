//! The page: its size, what it may load, and values that try to be more than text.

use super::*;

const MAX_BYTES: usize = 24 << 10;

fn page(context: &PageContext<'_>, is_empty: bool) -> String {
    String::from_utf8(render(context, "2 files", is_empty, "<tr><td>x\n")).unwrap()
}

const INNER: PageContext<'_> = PageContext {
    root: b"photos",
    path: b"a & b/<c>",
    uploads: Uploads::Here,
    is_listed: true,
    has_archives: true,
};

#[test]
fn the_page_is_small() {
    let bytes = [TEMPLATE, &*STYLE, &*SCRIPT].iter().map(|part| part.len()).sum::<usize>();
    println!("{bytes} bytes");
    assert!(bytes <= MAX_BYTES, "{bytes}");
    assert!(page(&INNER, false).len() <= MAX_BYTES + 512);
}

#[test]
fn the_page_asks_nobody_else() {
    for part in [TEMPLATE, MESSAGE, &*STYLE, &*SCRIPT] {
        let others = part.replace("http://www.w3.org/2000/svg", "");
        assert!(!others.contains("http:") && !others.contains("https:") && !others.contains("url(/"));
        assert!(!others.contains("<link rel=\"stylesheet") && !others.contains("@import"));
        for handler in
            [" onclick=", " onload=", " onsubmit=", " onchange=", " ondrop=", " style=", "javascript:"]
        {
            assert!(!others.contains(handler), "{handler}");
        }
        // What is made of names is text and never markup. Browsers would read a carriage return as another character
        // than the digest has.
        for unsafe_way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "\r"] {
            assert!(!others.contains(unsafe_way), "{unsafe_way}");
        }
    }
    for end in ["</script", "</style", "<!--"] {
        assert!(!SCRIPT.contains(end) && !STYLE.contains(end), "{end}");
    }
}

#[test]
fn the_policy_allows_what_is_on_the_page_alone() {
    for (is_writable, connect) in [(true, true), (false, false)] {
        let context = PageContext { uploads: if is_writable { Uploads::Here } else { Uploads::No }, ..INNER };
        let page = page(&context, false);
        let between = |open: &str, close: &str| {
            let start = page.find(open).unwrap() + open.len();
            &page[start..start + page[start..].find(close).unwrap()]
        };
        let (_, policy) = fields(is_writable)[0];
        let style = digest(between("<style>", "</style>"));
        let script = digest(between("<script>", "</script>"));
        assert!(policy.starts_with("default-src 'none'; "), "{policy}");
        assert!(
            policy.contains(&format!("style-src {style};"))
                && policy.contains(&format!("script-src {script};"))
        );
        assert!(policy.contains("base-uri 'none'; frame-ancestors 'none'"));
        assert_eq!(policy.contains("connect-src 'self'"), connect);
        assert!(!policy.contains("unsafe") && !policy.contains('*'));
    }
    assert!(!message_fields()[0].1.contains("script-src"));
}

#[test]
fn the_way_to_the_folder_has_relative_links() {
    let page = page(&INNER, false);
    assert!(
        page.contains(
            "<a href=\"../../\">photos</a> <i>/</i> <a href=\"../\">a &amp; b</a> <i>/</i> <b>&lt;c&gt;</b>"
        ),
        "{page}"
    );
    assert!(page.contains("<title>&lt;c&gt;</title>") && page.contains("data-path=\"/a &amp; b/&lt;c&gt;\""));
    let root = self::page(&PageContext { path: b"", ..INNER }, false);
    assert!(root.contains("<h1><b>photos</b></h1>") && root.contains("<title>photos</title>"));
}

#[test]
fn parts_are_there_when_they_are_of_use() {
    let has = |page: &str, part: &str| page.contains(part);
    let full = page(&INNER, false);
    assert!(has(&full, "type=\"file\"") && has(&full, "name=\"tar\"") && has(&full, "<table>"));
    assert!(!has(&full, "This folder is empty"));
    let empty = page(&INNER, true);
    assert!(has(&empty, "This folder is empty") && !has(&empty, "<table>") && !has(&empty, "name=\"tar\""));
    let plain = page(&PageContext { uploads: Uploads::No, has_archives: false, ..INNER }, false);
    assert!(!has(&plain, "type=\"file\"") && !has(&plain, "name=\"tar\""));
    assert!(!has(&full, "not listed here"));
    let apart = page(&PageContext { uploads: Uploads::Elsewhere, ..INNER }, false);
    assert!(has(&apart, "type=\"file\"") && has(&apart, "not listed here") && has(&apart, "<table>"));
    let unlisted =
        PageContext { uploads: Uploads::Elsewhere, is_listed: false, has_archives: false, ..INNER };
    let unlisted = page(&unlisted, true);
    assert!(has(&unlisted, "type=\"file\"") && !has(&unlisted, "empty.") && !has(&unlisted, "<table>"));
    for page in [full, empty, plain, apart, unlisted] {
        assert!(!page.contains("{?") && !page.contains("{/}") && !page.contains("{title}"), "{page}");
    }
}

#[test]
fn values_are_not_taken_for_the_template() {
    let context = PageContext { root: b"{script}", path: b"{rows}/{?empty}", ..INNER };
    let page = page(&context, false);
    assert!(
        page.contains(">{script}</a>") && page.contains(">{rows}</a>") && page.contains("<b>{?empty}</b>")
    );
}

#[test]
fn a_message_says_what_became_of_each_name() {
    let lines: [(&[u8], &str); 2] = [(b"<a>", "arrived"), (b"", "1 file")];
    let page = String::from_utf8(message("Uploaded", &lines, Some("./"))).unwrap();
    assert!(page.contains("<p><b>&lt;a&gt;</b> arrived</p>\n<p>1 file</p>"), "{page}");
    assert!(page.contains("<a href=\"./\">"), "{page}");
    assert!(!String::from_utf8(message("x", &lines, None)).unwrap().contains("Back"));
}

#[test]
fn sizes_are_rounded_down() {
    for (bytes, text) in [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1535, "1.4 KiB"),
        (1536, "1.5 KiB"),
        (102_399, "99.9 KiB"),
        (102_400, "100 KiB"),
        ((1 << 20) - 1, "1023 KiB"),
        (1 << 20, "1.0 MiB"),
        (u64::MAX, "15.9 EiB"),
    ] {
        assert_eq!(size(bytes), text);
    }
}
