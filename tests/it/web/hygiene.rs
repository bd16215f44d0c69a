//! Flaws that file servers have had: ways out of the shared folder, what runs in its origin, pages of others.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::{Web, exchange};
use crate::harness::{LIMIT, wait_until};
use crate::transfer::xfer::Place;

const SECRET: &str = "outside of the share";

/// A folder to be shared, beside a file that is not.
fn shared(options: &[&str]) -> (Place, Web) {
    let outer = Place::new();
    outer.write("outside", SECRET.as_bytes());
    outer.folder("shared/folder");
    let share = outer.folder("shared");
    outer.write("shared/folder/file", b"inside");
    let web = Web::start(Place::new(), &[], &[&["--share", &share, "--store", &share], options].concat());
    (outer, web)
}

#[test]
fn no_target_leads_out_of_the_shared_folder() {
    let (outer, web) = shared(&[]);
    web.get("/folder/file").expect(200);
    let parents = [
        "..",
        "%2e%2e",
        ".%2e",
        "%2E.",
        "%252e%252e",
        "%c0%ae%c0%ae",
        "%u002e%u002e",
        "..;",
        "..%00",
        "..%5c",
        "..\\",
        "..%20",
        "...",
        ".",
        "%2e",
        "",
        "%2f..",
        "..%2f..",
        "..%252f",
        "%ff%2e%2e",
    ];
    let mut targets = vec!["..".to_owned(), "*".to_owned(), "http://localhost/../outside".to_owned()];
    for up in parents {
        for form in [
            "/X/outside",
            "/folder/X/X/outside",
            "/folder/X%2fX%2foutside",
            "/X",
            "/X/",
            "/folder/X/file/../X/X/outside",
        ] {
            targets.push(form.replace('X', up));
        }
    }
    let root = outer.arg();
    targets.extend([format!("/{root}/outside"), format!("{root}/outside"), format!("file://{root}/outside")]);
    targets.extend(
        ["/%00", "/folder%00/file", "/folder/file%00.txt", "/folder/file/", "/%", "/%2", "/%zz"]
            .map(String::from),
    );
    targets.retain(|target| target != "/");
    for target in &targets {
        let reply = web.get(target);
        assert!((400..500).contains(&reply.status), "{target}: {} {}", reply.status, reply.text());
        assert!(
            !reply.text().contains(SECRET) && reply.field("Location").is_none(),
            "{target}: {}",
            reply.head
        );
    }
    for target in &targets {
        // A name with a percent sign is one like any other.
        let status = web.put(target, b"over it", &[]).status;
        assert!(matches!(status, 200 | 201) || (400..500).contains(&status), "{target}: {status}");
    }
    outer.expect("outside", SECRET.as_bytes());
    outer.expect("shared/folder/file", b"inside");
    outer.expect_names(&["outside", "shared"]);
}

#[test]
fn links_are_not_followed_even_when_they_are_planted_between_two_looks() {
    let (outer, web) = shared(&[]);
    let outside = Place::new();
    outside.write("file", SECRET.as_bytes());
    symlink(outer.path("outside"), outer.path("shared/link")).expect("a link");
    symlink("../outside", outer.path("shared/relative")).expect("a link");
    symlink(outside.root(), outer.path("shared/away")).expect("a link");
    symlink("folder", outer.path("shared/near")).expect("a link");
    for target in
        ["/link", "/relative", "/away", "/away/", "/away/file", "/near/file", "/link/", "/away?text"]
    {
        let reply = web.get(target);
        assert!(reply.status == 404 && !reply.text().contains(SECRET), "{target}: {}", reply.status);
    }
    for target in ["/away/new", "/link", "/near/new"] {
        assert_eq!(web.put(target, b"x", &[]).status, 409, "{target}");
    }
    outside.expect_names(&["file"]);
    assert_eq!(web.get("/?text").text().lines().count(), 1, "a folder");
    // A folder and a link change places all the time.
    let (done, folder, link) =
        (AtomicBool::new(false), outer.path("shared/folder"), outer.path("shared/away"));
    let request = format!("GET /folder/file HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", web.port).repeat(100);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                renameat_with(CWD, &folder, CWD, &link, RenameFlags::EXCHANGE).expect("exchanged");
            }
        });
        let mut seen = (false, false);
        let raced = wait_until(LIMIT, || {
            let heard = exchange(web.port, request.as_bytes());
            let heard = String::from_utf8_lossy(&heard);
            seen = (seen.0 || heard.contains("inside"), seen.1 || heard.contains(" 404 "));
            heard.contains(SECRET) || heard.matches("HTTP/1.1 ").count() != 100 || seen == (true, true)
        });
        done.store(true, Ordering::Relaxed);
        assert!(raced && seen == (true, true), "{seen:?}");
    });
}

#[test]
fn a_shared_file_has_no_siblings() {
    let outer = Place::new();
    outer.write("sibling", SECRET.as_bytes());
    let file = outer.write("file.txt", b"this one");
    let web = Web::start(Place::new(), &[], &["--share", &file]);
    assert_eq!(web.get("/file.txt").expect(200).text(), "this one");
    for target in [
        "/sibling",
        "/file.txt/",
        "/file.txt/sibling",
        "/./sibling",
        "/sibling?text",
        "/file.txt?text",
        "/x/",
    ] {
        let reply = web.get(target);
        assert!((400..500).contains(&reply.status), "{target}: {}", reply.status);
    }
    for form in ["/", "/?text", "/?json"] {
        let listing = web.get(form).expect(200).text();
        assert!(listing.contains("file.txt") && !listing.contains("sibling"), "{form}: {listing}");
    }
    assert_eq!(web.put("/sibling", b"x", &[]).status, 405);
}

/// Names that break out of markup, header fields, links or a terminal, where they are not escaped.
const NAMES: [&[u8]; 12] = [
    b"<script>alert(1)<b>",
    b"\"><img src=x onerror=alert(1)>.html",
    b"' onmouseover='alert(1)",
    b"javascript:alert(1)",
    b"http:",
    b"a\r\nSet-Cookie: a=b\r\n\r\n<html>.htm",
    b"a\nb;c\"d\\e.bin",
    b"?tar#f&amp;%2e%2e%2f",
    b"\xff\xfe.svg",
    b"\x1b]0;title\x07\x9b31m",
    "\u{202e}gpj.exe".as_bytes(),
    b" -rf ~",
];

#[test]
fn names_are_names_in_pages_fields_and_terminals() {
    let web = Web::sharing(&[]);
    for name in NAMES {
        fs::write(web.place.path(OsStr::from_bytes(name)), name).expect("written");
    }
    let page = web.get("/").expect(200);
    let policy = page.field("Content-Security-Policy").expect("a policy");
    for part in ["default-src 'none'", "frame-ancestors 'none'", "script-src 'sha256-", "style-src 'sha256-"]
    {
        assert!(policy.contains(part) && !policy.contains("unsafe"), "{part}: {policy}");
    }
    assert_eq!(page.field("X-Content-Type-Options"), Some("nosniff"));
    assert_eq!(page.field("Referrer-Policy"), Some("no-referrer"));
    let html = page.text();
    assert!(!html.contains("<img") && !html.contains("alert(1)<b>") && !html.contains("' onmouse"), "{html}");
    assert_eq!(html.matches("<script").count(), 1, "{html}");
    for form in ["/?text", "/?json"] {
        let text = web.get(form).expect(200);
        assert!(!text.field("Content-Type").expect("a type").contains("html"), "{}", text.head);
        assert_eq!(text.text().lines().count(), NAMES.len(), "{}", text.text());
        let is_harmless = |c: char| c == '\n' || !(c.is_control() || c == '\u{202e}');
        assert!(text.text().chars().all(is_harmless), "{}", text.text().escape_debug());
    }
    // Each link of the page leads to the file of that name, and is relative.
    let links: Vec<&str> =
        html.split("<td><a href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(links.len(), NAMES.len(), "{html}");
    let mut found = Vec::new();
    for link in links {
        assert!(!link.contains([':', '?', '#', '/', '\'']), "{link}");
        let reply = web.get(&format!("/{link}")).expect(200);
        let fields: Vec<&str> =
            reply.head.lines().filter_map(|line| Some(line.split_once(": ")?.0)).collect();
        assert!(!fields.contains(&"Set-Cookie"), "{}", reply.head);
        if let Some(value) = reply.field("Content-Disposition") {
            assert!(value.starts_with("attachment; filename=\"") && value.is_ascii(), "{value}");
            assert_eq!(value.matches('"').count(), 2, "{value}");
        }
        found.push(reply.body);
    }
    found.sort();
    let mut names = NAMES.map(<[u8]>::to_vec);
    names.sort();
    assert_eq!(found, names);
}

#[test]
fn what_was_uploaded_does_not_run_in_the_origin_of_the_server() {
    let web = Web::storing(&[]);
    let script =
        b"<html><svg xmlns='http://www.w3.org/2000/svg'><script>alert(document.domain)</script></svg>";
    for name in [
        "a.html",
        "a.HTM",
        "a.svg",
        "a.xml",
        "a.xhtml",
        "a.js",
        "a.shtml",
        "a.pdf.svg",
        "a",
        "a.unknown",
        "a.css",
        "a.txt",
        "a.png",
    ] {
        web.put(&format!("/{name}"), script, &[]).expect(201);
        for method in ["GET", "HEAD"] {
            let reply = web.ask(method, &format!("/{name}"), &["Accept: text/html"]).expect(200);
            let policy = match name {
                "a.png" => "default-src 'none'; style-src 'unsafe-inline'; sandbox",
                _ => "default-src 'none'; sandbox",
            };
            assert_eq!(reply.field("Content-Security-Policy"), Some(policy), "{name}");
            assert_eq!(reply.field("X-Content-Type-Options"), Some("nosniff"), "{name}");
            let shown = match name {
                "a.txt" => Some("text/plain; charset=utf-8"),
                "a.png" => Some("image/png"),
                _ => None,
            };
            assert_eq!(
                reply.field("Content-Type"),
                Some(shown.unwrap_or("application/octet-stream")),
                "{name}"
            );
            let is_saved =
                reply.field("Content-Disposition").is_some_and(|value| value.starts_with("attachment"));
            assert_eq!(is_saved, shown.is_none(), "{name}: {}", reply.head);
        }
        // Parts of it, and the answer that has none, are as harmless.
        for range in ["bytes=1-5", "bytes=0-1,4-5", "bytes=9999-"] {
            let reply = web.ask("GET", &format!("/{name}"), &[&format!("Range: {range}")]);
            assert_eq!(reply.field("X-Content-Type-Options"), Some("nosniff"), "{name} {range}");
        }
    }
}

#[test]
fn nothing_of_a_request_is_repeated() {
    let web = Web::storing(&[]);
    let mark = "zqxj";
    for target in [
        format!("/?{mark}"),
        format!("/?json&{mark}=1"),
        format!("/{mark}"),
        format!("/{mark}/?b3={mark}"),
        format!("/%zz{mark}"),
        format!("/{mark}?tar"),
        format!("/..{mark}/../x"),
        format!("/?b3sum={mark}"),
    ] {
        for fields in [
            vec![],
            vec![format!("Host: {mark}.example")],
            vec![format!("Range: {mark}"), format!("Accept: {mark}")],
        ] {
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            for method in ["GET", "POST", "ZQXJ"] {
                let reply = web.ask(method, &target, &fields);
                let heard = (reply.head.clone() + &reply.text()).to_ascii_lowercase();
                assert!(!heard.contains(mark), "{method} {target} {fields:?}: {heard}");
                assert!(!heard.contains("access-control-") && !heard.contains("set-cookie"), "{heard}");
            }
        }
    }
}

#[test]
fn redirects_stay_here() {
    let web = Web::sharing(&[]);
    for name in ["evil.example", "\\evil.example", "http:", "javascript:alert(1)", "a?b", "%2f%2fevil"] {
        web.place.folder(name);
    }
    for (target, location) in [
        ("/evil.example", "./evil.example/"),
        ("/%5Cevil.example", "./%5Cevil.example/"),
        ("/http:", "./http%3A/"),
        ("/javascript:alert(1)", "./javascript%3Aalert%281%29/"),
        ("/a%3Fb?text", "./a%3Fb/?text"),
        ("/%252f%252fevil", "./%252f%252fevil/"),
        ("/evil.example?//evil.example", "./evil.example/"),
    ] {
        let reply = web.get(target).expect(301);
        assert_eq!(reply.field("Location"), Some(location), "{target}");
    }
    for target in [
        "//evil.example",
        "///evil.example/",
        "/\\evil.example/..",
        "/%2F%2Fevil.example",
        "//evil.example/%2e%2e",
        "/evil.example//",
    ] {
        let reply = web.get(target);
        assert!(reply.status >= 400 && reply.field("Location").is_none(), "{target}: {}", reply.head);
    }
}

#[test]
fn pages_of_others_change_nothing_and_read_nothing() {
    let web = Web::storing(&[]);
    web.place.write("old", b"old");
    let own = format!("Origin: http://127.0.0.1:{}", web.port);
    let rebound = |host: &str| {
        vec![format!("Host: {host}:{}", web.port), format!("Origin: http://{host}:{}", web.port)]
    };
    // A name that was pointed at this machine reads nothing, and writes nothing.
    for host in ["evil.example", "127.0.0.1.evil.example", "localhost.", "2130706433", "[::1]", "0.0.0.0"] {
        let fields = rebound(host);
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let expected = if host == "localhost." { (200, 201) } else { (421, 421) };
        let seen = (web.ask("GET", "/old", &fields).status, web.put("/by-name", b"x", &fields).status);
        assert_eq!(seen, expected, "{host}");
    }
    fs::remove_file(web.place.path("by-name")).expect("it was written under the own name");
    for fields in [
        &["Origin: http://evil.example"][..],
        &["Origin: null"],
        &["Sec-Fetch-Site: cross-site"],
        &["Sec-Fetch-Site: same-site"],
        &[&own, "Sec-Fetch-Site: cross-site"],
        &["Origin: http://127.0.0.1:1"],
        &["Origin: http://localhost", "Sec-Fetch-Site: same-origin"],
    ] {
        web.put("/new", b"x", fields).expect(403);
        for (method, kind) in [
            ("POST", "application/x-www-form-urlencoded"),
            ("POST", "text/plain"),
            ("DELETE", "a/b"),
            ("PATCH", "a/b"),
        ] {
            let kind = format!("Content-Type: {kind}");
            let fields = [fields, &[&kind, "Content-Length: 3"]].concat();
            web.send(method, "/", &fields, b"a=b").expect(403);
        }
    }
    // A question before a request from another origin gets no permission.
    let asks = ["Origin: http://evil.example", "Access-Control-Request-Method: PUT"];
    let reply = web.ask("OPTIONS", "/new", &asks).expect(204);
    assert!(!reply.head.to_ascii_lowercase().contains("access-control"), "{}", reply.head);
    // Forwarded names are not the server's.
    let reply = web.ask(
        "GET",
        "/old",
        &["Host: evil.example", "X-Forwarded-Host: localhost", "Forwarded: host=localhost"],
    );
    assert_eq!(reply.status, 421);
    web.put("/new", b"x", &[&own, "Sec-Fetch-Site: same-origin"]).expect(201);
    web.place.expect_names(&["new", "old"]);
}
